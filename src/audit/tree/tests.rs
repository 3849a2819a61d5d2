//! Known roots of the certificate-transparency test suite, and a comparison with the independent `ct-merkle`.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use proptest::prelude::*;

use super::*;
use crate::model::key::{hex, unhex};

/// The leaves that certificate-transparency implementations have tested with since 2012.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// The root over the first 1, 2, ... of them.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hashes() -> Vec<Hash> {
    LEAVES.iter().map(|digits| leaf_hash(&unhex(digits).unwrap())).collect()
}

#[test]
fn the_empty_tree_has_the_root_of_rfc_6962() {
    assert_eq!(hex(&root(&[])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn the_known_roots_come_out() {
    let mut frontier = Frontier::new();
    for (leaf, root) in hashes().into_iter().zip(ROOTS) {
        frontier.append(leaf);
        assert_eq!(hex(&frontier.root()), root);
    }
}

#[test]
fn the_known_proofs_come_out() {
    let leaves = hashes();
    let text = |proof: Vec<Hash>| proof.iter().map(|hash| hex(hash)).collect::<Vec<_>>();
    assert_eq!(
        text(prove_inclusion(&leaves, 5)),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(
        text(prove_consistency(&leaves, 6)),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn every_proof_of_small_trees_holds_and_no_other() {
    let all: Vec<Hash> = (0_u8..20).map(|leaf| leaf_hash(&[leaf])).collect();
    for size in 1..=all.len() {
        let leaves = &all[..size];
        let size = size as u64;
        let whole = root(leaves);
        for index in 0..size {
            let leaf = leaves[usize::try_from(index).unwrap()];
            let proof = prove_inclusion(leaves, index);
            assert!(verify_inclusion(&leaf, index, size, &proof, &whole));
            for wrong in (0..=size).filter(|wrong| *wrong != index) {
                assert!(!verify_inclusion(&leaf, wrong, size, &proof, &whole));
            }
            let longer: Vec<Hash> = proof.iter().copied().chain([leaf]).collect();
            assert!(!verify_inclusion(&leaf, index, size, &longer, &whole));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!verify_inclusion(&leaf, index, size, shorter, &whole));
            }
        }
        for old in 0..=size {
            let before = root(&leaves[..usize::try_from(old).unwrap()]);
            let proof = prove_consistency(leaves, old);
            assert!(verify_consistency(old, &before, size, &whole, &proof), "{old} of {size}");
            let forged = node_hash(&before, &before);
            assert!(!verify_consistency(old, &forged, size, &whole, &proof));
            assert!(!verify_consistency(old, &before, size, &forged, &proof) || old == 0);
        }
    }
}

#[test]
fn a_stored_edge_of_the_wrong_length_is_refused() {
    let bytes = Frontier::over(&hashes()[..7]).to_bytes();
    assert!(Frontier::from_bytes(&bytes).is_ok());
    assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 1]), Err(BadFrontier));
    assert_eq!(Frontier::from_bytes(&bytes[..40]), Err(BadFrontier));
    assert_eq!(Frontier::from_bytes(&[]), Err(BadFrontier));
}

proptest! {
    #[test]
    fn an_independent_implementation_agrees(
        leaves in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..140),
        pick in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for leaf in &leaves {
            theirs.push(leaf.clone());
        }
        let ours: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let size = ours.len() as u64;
        let root_here = root(&ours);
        let their_root = theirs.root();
        prop_assert_eq!(their_root.as_bytes().as_slice(), root_here.as_slice());

        let index = pick.index(ours.len());
        let proof = prove_inclusion(&ours, index as u64);
        let their_proof = theirs.prove_inclusion(index);
        prop_assert_eq!(proof.concat(), their_proof.as_bytes());
        prop_assert!(verify_inclusion(&ours[index], index as u64, size, &proof, &root_here));
        let parsed = InclusionProof::<Sha256>::from_bytes(proof.concat());
        prop_assert!(their_root.verify_inclusion(&leaves[index], index as u64, &parsed).is_ok());

        let old = 1 + cut.index(ours.len());
        let before = root(&ours[..old]);
        let proof = prove_consistency(&ours, old as u64);
        prop_assert!(verify_consistency(old as u64, &before, size, &root_here, &proof));
        if old < ours.len() {
            let their_proof = theirs.prove_consistency(ours.len() - old);
            prop_assert_eq!(proof.concat(), their_proof.as_bytes());
            let parsed = ConsistencyProof::<Sha256>::try_from_bytes(proof.concat()).unwrap();
            let old_root = ct_merkle::RootHash::<Sha256>::new(before.into(), old as u64);
            prop_assert!(their_root.verify_consistency(&old_root, &parsed).is_ok());
        }
    }

    #[test]
    fn a_stored_edge_goes_on_where_it_was(first in 0_u8..100, more in 0_u8..100) {
        let hash = |leaf: u8| leaf_hash(&[leaf]);
        let mut stored = Frontier::new();
        (0..first).for_each(|leaf| stored.append(hash(leaf)));
        let mut restored = Frontier::from_bytes(&stored.to_bytes()).unwrap();
        prop_assert_eq!(&restored, &stored);
        (first..first + more).for_each(|leaf| restored.append(hash(leaf)));
        let all: Vec<Hash> = (0..first + more).map(hash).collect();
        prop_assert_eq!(restored.root(), root(&all));
        prop_assert_eq!(restored.size(), u64::from(first + more));
    }
}
