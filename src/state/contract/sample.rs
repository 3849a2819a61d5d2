//! Small things that the cases speak of.

use chrono::{TimeDelta, TimeZone as _};

use crate::audit::entry::{Body, Intent, Outcome, Phase, RunNote};
use crate::model::batch::BatchLabel;
use crate::model::hold::{Hold, HoldKind, HoldScope};
use crate::model::ids::{BatchId, HoldId, PolicyId, RunId, StoreName};
use crate::model::key::Key;
use crate::model::run::Trigger;
use crate::state::api::{Actor, Approval, Curve, IntentAnswer, Placed, Planned, StateStore, Whole};
use crate::time::Instant;

pub(crate) const STAGE: &str = "0/-/1";

pub(crate) fn noon() -> Instant {
    chrono::Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap()
}

pub(crate) fn later(seconds: i64) -> Instant {
    noon() + TimeDelta::seconds(seconds)
}

pub(crate) fn policy() -> PolicyId {
    PolicyId::new("imdi/cctv")
}

pub(crate) fn by() -> Actor {
    Actor("kari".to_owned())
}

pub(crate) fn other() -> Actor {
    Actor("ola".to_owned())
}

pub(crate) fn keys(numbers: impl IntoIterator<Item = i64>) -> Vec<Key> {
    numbers.into_iter().map(Key::from_int).collect()
}

pub(crate) fn label() -> BatchLabel {
    BatchLabel {
        batch: BatchId::at(noon()),
        run: RunId::at(noon()),
        policy: policy(),
        store: StoreName::new("cameras"),
        collection: "recordings".to_owned(),
        class: None,
        stage: 1,
        action: "delete".to_owned(),
    }
}

pub(crate) fn intent(count: u64) -> Intent {
    Intent {
        label: label(),
        hash: "ab".repeat(32),
        count,
        root: "cd".repeat(32),
        epoch: 1,
        companions: Vec::new(),
    }
}

pub(crate) fn outcome(intent: &Intent, done: u64, skipped: u64) -> Outcome {
    Outcome {
        batch: intent.label.batch,
        run: intent.label.run,
        policy: intent.label.policy.clone(),
        done,
        skipped,
        failed: 0,
        not_done: Vec::new(),
        basis: "marked".to_owned(),
    }
}

/// Begins a batch of these keys that nothing stands against.
pub(crate) fn begin(state: &dyn StateStore, now: Instant, numbers: std::ops::Range<i64>) -> Intent {
    let keys = keys(numbers);
    let intent = intent(keys.len() as u64);
    let answer = state.record_intent(now, &intent, STAGE, &keys, b"spool", &Planned::default()).unwrap();
    assert!(matches!(answer, IntentAnswer::Written(_)), "{answer:?}");
    intent
}

/// Begins and ends a batch in which all is done.
pub(crate) fn batch(state: &dyn StateStore, now: Instant, numbers: std::ops::Range<i64>) -> Intent {
    let intent = begin(state, now, numbers);
    state.record_outcome(now, None, &outcome(&intent, intent.count, 0)).unwrap();
    intent
}

pub(crate) fn hold(scope: HoldScope) -> Hold {
    Hold {
        id: HoldId::at(noon()),
        scope,
        reason: "case-17".to_owned(),
        authority: None,
        since: noon(),
        review: None,
        kind: HoldKind::Legal,
        matter: None,
        until: None,
        released: None,
    }
}

pub(crate) fn curve(of: &str, made: Instant, count: u64) -> Curve {
    Curve {
        of: of.to_owned(),
        made,
        remaining: count,
        points: vec![(made, 0), (made + TimeDelta::hours(1), count)],
        needed: vec![(made, count)],
        whole: Some(Whole { at: made, behind: Some(made), basis: "rule".to_owned() }),
    }
}

pub(crate) fn approval(count: u64, curves: Vec<Curve>) -> Approval {
    Approval {
        author: None,
        asked: 1,
        policy: policy(),
        hash: "ab".repeat(32),
        text: "title = \"x\"".to_owned(),
        footing: "timezone Europe/Oslo".to_owned(),
        at: noon(),
        count,
        identities: Vec::new(),
        fingerprints: vec!["f".to_owned()],
        curves,
        cancelled: None,
    }
}

pub(crate) fn started(run: RunId) -> RunNote {
    RunNote {
        run,
        policy: policy(),
        hash: "ab".repeat(32),
        phase: Phase::Started,
        trigger: Trigger::Slot,
        slots: None,
        cutoff: noon(),
        state: None,
        reason: None,
        stages: Vec::new(),
    }
}

pub(crate) fn all(state: &dyn StateStore) -> Vec<Placed> {
    state.entries(0, 10_000).unwrap()
}

pub(crate) fn bodies(state: &dyn StateStore) -> Vec<Body> {
    all(state).into_iter().map(|placed| placed.entry.body).collect()
}

pub(crate) fn size(state: &dyn StateStore) -> u64 {
    state.log_head().unwrap().0
}
