//! A made-up log, entry by entry.

use chrono::TimeZone as _;

use crate::audit::entry::{ApprovalGiven, Body, Entry, Genesis, Intent, Outcome, Recovery};
use crate::audit::note::LogKey;
use crate::audit::tree::{Frontier, leaf_hash};
use crate::model::batch::BatchLabel;
use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
use crate::time::Instant;

pub(super) fn key() -> LogKey {
    LogKey::new("forfall/0f0f0f0f", &[7; 32]).unwrap()
}

pub(super) fn vkey() -> String {
    key().verifier().to_string()
}

pub(super) fn noon() -> Instant {
    chrono::Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap()
}

pub(super) fn head(leaves: &[Vec<u8>]) -> String {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.append(leaf_hash(leaf));
    }
    key().sign(frontier.size(), frontier.root())
}

pub(super) fn leaves(bodies: Vec<Body>) -> Vec<Vec<u8>> {
    bodies.into_iter().map(|body| Entry::new(noon(), body).canonical()).collect()
}

fn batch(number: u8) -> BatchId {
    format!("019a3f6e-0000-7000-8000-0000000000{number:02x}").parse().unwrap()
}

fn run() -> RunId {
    "019a3f6e-0000-7000-8000-000000000000".parse().unwrap()
}

pub(super) fn genesis() -> Body {
    Body::Genesis(Genesis { origin: "forfall/0f0f0f0f".into(), vkey: vkey(), continues: None })
}

pub(super) fn approval() -> Body {
    Body::Approval(ApprovalGiven {
        policy: PolicyId::new("p"),
        hash: "00".into(),
        by: "op-00000000".into(),
        count: 9,
        bound_to: "00".into(),
        author: None,
        cancelled: None,
    })
}

pub(super) fn intent(number: u8, count: u64) -> Body {
    Body::Intent(Intent {
        label: BatchLabel {
            batch: batch(number),
            run: run(),
            policy: PolicyId::new("p"),
            store: StoreName::new("s"),
            collection: "c".into(),
            class: None,
            stage: 1,
            action: "delete".into(),
        },
        hash: "00".into(),
        count,
        root: "00".into(),
        epoch: 1,
        companions: Vec::new(),
    })
}

pub(super) fn outcome(number: u8, done: u64, skipped: u64) -> Body {
    Body::Outcome(Outcome {
        batch: batch(number),
        run: run(),
        policy: PolicyId::new("p"),
        done,
        skipped,
        failed: 0,
        not_done: Vec::new(),
        basis: "marked".into(),
    })
}

pub(super) fn recovery(number: u8) -> Body {
    Body::Recovery(Recovery { batch: batch(number), fate: "done".into() })
}

pub(super) fn good() -> Vec<Body> {
    vec![genesis(), approval(), intent(1, 3), outcome(1, 2, 1), intent(2, 1), recovery(2), outcome(2, 1, 0)]
}
