//! Certificates that hold, and everything that can be done to them.

use chrono::TimeZone as _;

use super::super::commitment;
use super::super::cosignature::CosignerKey;
use super::super::note::LogKey;
use super::super::tree::{self, leaf_hash};
use super::*;
use crate::model::batch::BatchLabel;
use crate::model::ids::{BatchId, PolicyId};
use crate::model::key::hex;
use sha2::{Digest as _, Sha256};

const POLICY: &str = "title = \"Calls\"\n\n--- end\n[[stage]]\n";
const SECRET: [u8; 32] = [5; 32];

fn log() -> LogKey {
    LogKey::new("forfall/0f0f0f0f", &[7; 32]).unwrap()
}

fn vkey() -> String {
    log().verifier().to_string()
}

fn noon() -> Instant {
    chrono::Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap()
}

fn batch() -> BatchId {
    "019a3f6e-0000-7000-8000-000000000001".parse().unwrap()
}

fn store() -> StoreName {
    StoreName::new("switchboard")
}

struct Scene {
    /// Keys 0 to 4 are the records, of which one may be left; `note` is what goes with them.
    not_done: Vec<i64>,
    named: bool,
}

impl Scene {
    fn issue(&self, key: i64, collection: &str) -> Certificate {
        let keys: Vec<Key> = (0..5).map(Key::from_int).collect();
        let notes: Vec<Key> = (10..13).map(Key::from_int).collect();
        let commit = |collection: &str, keys: &[Key]| {
            let mut all = commitment::commit_all(&SECRET, &batch(), &store(), collection, keys);
            let root = commitment::records_root(&mut all);
            (all, hex(&root))
        };
        let (own, root) = commit("call_log", &keys);
        let (with, with_root) = commit("note", &notes);
        let label = BatchLabel {
            batch: batch(),
            run: "019a3f6e-0000-7000-8000-000000000000".parse().unwrap(),
            policy: PolicyId::new("calls"),
            store: store(),
            collection: "call_log".into(),
            class: None,
            stage: 2,
            action: "delete".into(),
        };
        let left: Vec<String> = self
            .not_done
            .iter()
            .map(|key| commit("call_log", &[Key::from_int(*key)]).0[0])
            .map(|c| hex(&c))
            .collect();
        let intent = Body::Intent(Intent {
            label: label.clone(),
            hash: hex(&Sha256::digest(POLICY)),
            count: 5,
            root,
            epoch: 1,
            companions: vec![Companion { collection: "note".into(), count: 3, root: with_root }],
        });
        let outcome = Body::Outcome(Outcome {
            batch: batch(),
            run: label.run,
            policy: label.policy,
            done: 5 - left.len() as u64,
            skipped: left.len() as u64,
            failed: 0,
            not_done: if self.named { left } else { Vec::new() },
            basis: "marked".into(),
        });
        let filler = Entry::new(noon(), Body::Heartbeat {}).canonical();
        let leaves: Vec<Vec<u8>> = vec![
            filler.clone(),
            Entry::new(noon(), intent).canonical(),
            filler.clone(),
            Entry::new(noon(), outcome).canonical(),
            filler,
        ];
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let checkpoint = log().sign(5, tree::root(&hashes));
        let logged = |index: u64| Logged {
            leaf: leaves[usize::try_from(index).unwrap()].clone(),
            proof: TlogProof {
                extra: None,
                index,
                hashes: tree::prove_inclusion(&hashes, index),
                checkpoint: checkpoint.clone(),
            },
        };
        let list = if collection == "note" { &with } else { &own };
        let key = Key::from_int(key);
        let opening = commitment::opening(&SECRET, &batch(), &store(), collection, &key);
        let own = commitment::commitment(&opening, &store(), collection, &key);
        let place = list.binary_search(&own).unwrap_or(0) as u64;
        let nodes: Vec<Hash> = list.iter().map(|c| leaf_hash(c)).collect();
        Certificate {
            store: store(),
            collection: collection.into(),
            form: KeyForm::Columns,
            key,
            opening,
            place,
            path: tree::prove_inclusion(&nodes, place),
            intent: logged(1),
            outcome: logged(3),
            policy: Some(POLICY.into()),
        }
    }
}

fn whole() -> Scene {
    Scene { not_done: Vec::new(), named: true }
}

fn refused(certificate: &Certificate, words: &str) {
    let report = check(&certificate.to_string(), &vkey(), &[]);
    assert!(
        !report.ok && report.problems.iter().any(|problem| problem.contains(words)),
        "{words}: {report:#?}"
    );
}

#[test]
fn a_certificate_holds_for_records_and_for_what_went_with_them() {
    for (key, collection) in [(0, "call_log"), (4, "call_log"), (11, "note")] {
        let text = whole().issue(key, collection).to_string();
        let report = check(&text, &vkey(), &[]);
        assert!(report.ok, "{report:#?}\n{text}");
        assert_eq!(report.action.as_deref(), Some("delete"));
        assert!(
            text.contains(&format!("The record {key} of {collection} in the store switchboard\nwas deleted")),
            "{text}"
        );
        assert!(text.contains("operator's word only"), "{text}");
        assert_eq!(Certificate::parse(&text).unwrap(), whole().issue(key, collection));
    }
}

#[test]
fn a_certificate_without_its_policy_says_so() {
    let certificate = Certificate { policy: None, ..whole().issue(1, "call_log") };
    let report = check(&certificate.to_string(), &vkey(), &[]);
    assert!(
        report.ok && report.not_checked.iter().any(|text| text.contains("text of the rule")),
        "{report:#?}"
    );
}

#[test]
fn every_flipped_bit_is_noticed() {
    let text = whole().issue(2, "call_log").to_string();
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(!check(&changed, &vkey(), &[]).ok, "bit {bit}");
    }
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        assert!(!check(&text[..end], &vkey(), &[]).ok, "cut at {end}");
    }
}

/// A forger makes the closing digest anew: then the proof or the plain words must give it away.
#[test]
fn every_changed_byte_is_noticed_even_with_a_new_digest() {
    let text = whole().issue(2, "call_log").to_string();
    let body = &text[..text.rfind("sha256 ").unwrap()];
    for at in 0..body.len() {
        let mut bytes = body.as_bytes().to_vec();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let forged = format!("{changed}sha256 {}\n", hex(&Sha256::digest(&changed)));
        assert!(!check(&forged, &vkey(), &[]).ok, "byte {at}: {}", &body[at.saturating_sub(20)..at]);
    }
}

#[test]
fn what_is_put_together_from_other_parts_is_refused() {
    let good = whole().issue(1, "call_log");
    refused(&Certificate { key: Key::from_int(99), ..good.clone() }, "not among those");
    refused(&Certificate { opening: [0; 32], ..good.clone() }, "not among those");
    refused(&Certificate { place: good.place ^ 1, ..good.clone() }, "not among those");
    refused(&Certificate { collection: "other".into(), ..good.clone() }, "another collection");
    refused(&Certificate { collection: "note".into(), ..good.clone() }, "not among those");
    refused(&Certificate { store: StoreName::new("other"), ..good.clone() }, "another store");
    refused(&Certificate { policy: Some("title = \"Other\"\n".into()), ..good.clone() }, "text of the rule");
    refused(&Certificate { intent: good.outcome.clone(), ..good.clone() }, "no intent");
    let mut moved = good.clone();
    moved.intent.proof.index = 2;
    refused(&moved, "intent is not in the log");
    let mut changed = good.clone();
    changed.outcome.leaf = Entry::new(noon(), Body::Heartbeat {}).canonical();
    refused(&changed, "no outcome");
    let stranger = LogKey::new("forfall/0f0f0f0f", &[8; 32]).unwrap().verifier().to_string();
    assert!(!check(&good.to_string(), &stranger, &[]).ok);
    assert!(!check(&good.to_string(), "nonsense", &[]).ok);
}

#[test]
fn a_record_that_was_left_gets_no_certificate() {
    let left = Scene { not_done: vec![2], named: true };
    refused(&left.issue(2, "call_log"), "left alone");
    assert!(check(&left.issue(1, "call_log").to_string(), &vkey(), &[]).ok);
    refused(&left.issue(11, "note"), "does not say");
    let unnamed = Scene { not_done: vec![2], named: false };
    refused(&unnamed.issue(1, "call_log"), "does not say");
}

#[test]
fn cosigners_are_listed_and_verified_with_their_keys() {
    let officer = CosignerKey::new("officer.example", &[9; 32]).unwrap();
    let mut certificate = whole().issue(1, "call_log");
    let head = officer.cosign(&certificate.outcome.proof.checkpoint, noon()).unwrap();
    certificate.intent.proof.checkpoint.clone_from(&head);
    certificate.outcome.proof.checkpoint = head;
    let text = certificate.to_string();
    assert!(text.contains("Cosigners  officer.example, 2026-11-01 12:00:00 UTC"), "{text}");
    let report = check(&text, &vkey(), &[]);
    assert!(report.ok && !report.cosigners[0].verified, "{report:#?}");
    let report = check(&text, &vkey(), &[officer.verifier()]);
    assert!(report.ok && report.cosigners[0].verified, "{report:#?}");
    let other = CosignerKey::new("press.example", &[8; 32]).unwrap();
    assert!(!check(&text, &vkey(), &[other.verifier()]).ok);
    let twin = CosignerKey::new("officer.example", &[8; 32]).unwrap();
    assert!(!check(&text, &vkey(), &[twin.verifier()]).ok);
}

#[test]
fn a_newer_format_is_named_as_such() {
    let text = whole().issue(1, "call_log").to_string().replacen("/v1\n", "/v2\n", 1);
    assert_eq!(Certificate::parse(&text), Err(CertificateError::Newer { found: 2 }));
}

#[test]
fn a_key_cannot_pretend_to_be_another_line() {
    let mut certificate = whole().issue(1, "call_log");
    certificate.form = KeyForm::Path;
    certificate.key = Key::from_path("a\nVerified   by everybody\u{202e}".as_bytes());
    assert!(!certificate.to_string().contains("\nVerified   by everybody"));
}
