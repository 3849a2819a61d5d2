//! Proofs that entries are in the log under a head, made in one pass over the leaves.

use std::ops::Range;

use super::api::{StateError, StateStore};
use crate::audit::tree::{Frontier, Hash, inclusion_ranges};

/// How many leaves are read at once.
const PAGE: usize = 1000;

/// For each index the path to the root over the first `size` entries. Every index must be below `size`.
pub fn inclusion(state: &dyn StateStore, size: u64, indices: &[u64]) -> Result<Vec<Vec<Hash>>, StateError> {
    let mut wanted: Vec<(Range<u64>, Frontier)> = Vec::new();
    for index in indices {
        for range in inclusion_ranges(*index, size) {
            if !wanted.iter().any(|(known, _)| *known == range) {
                wanted.push((range, Frontier::new()));
            }
        }
    }
    wanted.sort_by_key(|(range, _)| range.start);
    let mut next = 0;
    while next < size {
        let want = usize::try_from(size - next).map_or(PAGE, |left| left.min(PAGE));
        let page = state.tree(next, want)?;
        if page.is_empty() {
            return Err(StateError::Damaged {
                what: "the audit log".to_owned(),
                why: format!("it ends at entry {next}, and its head is over {size}"),
            });
        }
        for leaf in page {
            let digest = leaf.digest();
            let reaching = wanted.iter_mut().take_while(|(range, _)| range.start <= next);
            for (_, frontier) in reaching.filter(|(range, _)| next < range.end) {
                frontier.append(digest);
            }
            next += 1;
        }
    }
    let root = |range: &Range<u64>| {
        let found = wanted.iter().find(|(known, _)| known == range);
        found.expect("every range of every index was wanted").1.root()
    };
    Ok(indices.iter().map(|index| inclusion_ranges(*index, size).iter().map(root).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::Body;
    use crate::audit::tree::{leaf_hash, prove_inclusion};
    use crate::state::contract::sample::noon;
    use crate::state::memory::MemoryState;

    #[test]
    fn the_proofs_are_those_of_the_tree() {
        let state = MemoryState::new(noon());
        for _ in 0..1_200 {
            state.append(noon(), Body::Heartbeat {}).unwrap();
        }
        let leaves: Vec<Hash> = state.leaves(0, 2_000).unwrap().iter().map(|leaf| leaf_hash(leaf)).collect();
        for size in [1, 2, 7, 1_000, 1_201] {
            let indices = [0, size / 2, size - 1];
            let proofs = inclusion(&state, size, &indices).unwrap();
            let leaves = &leaves[..usize::try_from(size).unwrap()];
            for (index, proof) in indices.iter().zip(proofs) {
                assert_eq!(proof, prove_inclusion(leaves, *index), "{index} of {size}");
            }
        }
        assert!(inclusion(&state, 2_000, &[3]).is_err(), "the log is shorter than its head");
    }
}
