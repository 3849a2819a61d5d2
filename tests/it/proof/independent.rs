//! Our log in the hands of software that is not ours: `signed_note` and `tlog_tiles`.
//!
//! What they cannot check: `signed_note` knows no `cosignature/v1` (it passes over such lines), and neither knows the
//! text form of a `tlog-proof`. The specifications' examples stand beside the code of both.

use std::path::Path;

use forfall::audit::cosignature::CosignerKey;
use forfall::audit::entry::Body;
use forfall::audit::note::{Checkpoint, LogKey};
use forfall::audit::tiles::{self, TileReader as OurTiles};
use forfall::audit::tree;
use forfall::state::api::StateStore;
use forfall::state::export;
use forfall::state::memory::MemoryState;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Hash, HashReader as _, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    record_hash, stored_hash_index,
};

use super::{DUE, configured, run, vkey};

/// Enough for two full tiles and a part of a third, and a second level.
const ENTRIES: u64 = 700;

/// Reads tiles as `tlog-tiles` lays them out; the library puts the height of its tiles into the path.
struct Directory<'a>(&'a Path);

impl TileReader for Directory<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &tlog_tiles::Tile| {
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            Ok(fs_err::read(self.0.join(path)).unwrap())
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

fn opened(note: &[u8], vkey: &str) -> (tlog_tiles::Checkpoint, usize) {
    let verifier = StandardVerifier::new(vkey.trim()).unwrap();
    let note = Note::from_bytes(note).unwrap();
    let (known, others) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(known.len(), 1);
    (tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap(), others.len())
}

#[test]
fn an_export_is_read_proven_and_checked_by_another_implementation() {
    let start = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let state = MemoryState::new(start);
    while state.log_head().unwrap().0 < ENTRIES {
        state.append(start, Body::Heartbeat {}).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    export::export(&state, dir.path()).unwrap();
    let note = fs_err::read(dir.path().join("checkpoint")).unwrap();
    let vkey = fs_err::read_to_string(dir.path().join("vkey")).unwrap();
    let (head, _) = opened(&note, &vkey);
    assert_eq!((head.size(), head.extension()), (ENTRIES, ""));

    let directory = Directory(dir.path());
    let theirs = TileHashReader::new(ENTRIES, *head.hash(), &directory);
    let fetch = |path: &str| fs_err::read(dir.path().join(path)).map_err(|error| error.to_string());
    let ours = OurTiles::new(ENTRIES, &fetch);
    let entries: Vec<Vec<u8>> = (0..ENTRIES.div_ceil(256))
        .flat_map(|bundle| {
            let width = (ENTRIES - bundle * 256).min(256);
            let bundle = fetch(&tiles::path(None, bundle, width)).unwrap();
            tiles::entries(&bundle).unwrap().into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    for index in [0, 1, 255, 256, 511, 512, 600, ENTRIES - 1] {
        let leaf = record_hash(&entries[usize::try_from(index).unwrap()]);
        let stored = theirs.read_hashes(&[stored_hash_index(0, index)]).unwrap();
        assert_eq!(stored, [leaf], "their reader authenticates our tile of {index}");
        let proof: Vec<Hash> = ours.prove_inclusion(index).unwrap().into_iter().map(Hash).collect();
        check_record(&proof, ENTRIES, *head.hash(), index, leaf).unwrap();
        assert_eq!(prove_record(ENTRIES, index, &theirs).unwrap(), proof);
        if index > 0 {
            let old = Hash(ours.root(index).unwrap());
            let proof: Vec<Hash> = ours.prove_consistency(index).unwrap().into_iter().map(Hash).collect();
            check_tree(&proof, ENTRIES, *head.hash(), index, old).unwrap();
            assert_eq!(prove_tree(ENTRIES, index, &theirs).unwrap(), proof);
            let mut wrong = proof;
            wrong[0].0[0] ^= 1;
            assert!(check_tree(&wrong, ENTRIES, *head.hash(), index, old).is_err());
        }
    }
}

#[test]
fn a_certificate_is_checked_by_another_implementation() {
    let fixture = configured("");
    run(&fixture);
    let words = ["audit", "certificate", "--store", "calls", "--collection", "call_log", "--key", "7"];
    let issued = fixture.run(&words).expect(0).json();
    let text = issued["certificates"][0]["certificate"].as_str().unwrap();
    let certificate = forfall::audit::certificate::Certificate::parse(text).unwrap();
    for logged in [&certificate.intent, &certificate.outcome] {
        let proof = &logged.proof;
        let (head, _) = opened(proof.checkpoint.as_bytes(), &vkey(&fixture));
        let hashes: Vec<Hash> = proof.hashes.iter().copied().map(Hash).collect();
        let leaf = record_hash(&logged.leaf);
        check_record(&hashes, head.size(), *head.hash(), proof.index, leaf).unwrap();
        assert!(check_record(&hashes, head.size(), *head.hash(), proof.index + 1, leaf).is_err());
    }
    // The path from the record's commitment to the root in the intent is a proof of the same kind.
    let intent: serde_json::Value = serde_json::from_slice(&certificate.intent.leaf).unwrap();
    assert_eq!(intent["body"]["count"], DUE);
    let root = forfall::model::key::unhex(intent["body"]["root"].as_str().unwrap()).unwrap();
    let own = forfall::audit::commitment::commitment(
        &certificate.opening,
        &certificate.store,
        &certificate.collection,
        &certificate.key,
    );
    let path: Vec<Hash> = certificate.path.iter().copied().map(Hash).collect();
    let root = Hash(root.try_into().unwrap());
    check_record(&path, DUE as u64, root, certificate.place, record_hash(&own)).unwrap();
}

#[test]
fn a_cosigned_head_is_still_a_signed_note_for_others() {
    let log = LogKey::new("forfall/0f0f0f0f", &[7; 32]).unwrap();
    let officer = CosignerKey::new("officer.example", &[9; 32]).unwrap();
    let note = log.sign(3, tree::leaf_hash(b"x"));
    let cosigned =
        officer.cosign(&note, chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap()).unwrap();
    let (head, others) = opened(cosigned.as_bytes(), &log.verifier().to_string());
    assert_eq!((head.size(), others), (3, 1), "the cosignature is a line of somebody whom they do not know");
    assert_eq!(Checkpoint::unverified(&cosigned).unwrap().root, head.hash().0);
}
