use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::adapter::api::Act;
use crate::adapter::memory::MemoryStore;
use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
use crate::model::schema::ColumnKind;
use crate::model::start::StartSource;
use crate::model::value::{Field, Value};
use crate::time::{Instant, Zone};

fn store() -> Arc<MemoryStore> {
    let store = MemoryStore::new("memory");
    store.create("calls", &[("id", ColumnKind::Int)], &["id"]);
    store.put("calls", vec![Value::Int(1)]);
    Arc::new(store)
}

fn target() -> Target {
    Target::new(StoreName::new("memory"), "calls")
}

fn now() -> Instant {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

/// A whole run: identity, probe, walk, prepare, commit, prepare.
fn run(store: &dyn Dispose) -> Result<(), StoreError> {
    store.identity()?;
    store.probe(&target())?;
    let start = Start {
        source: StartSource::Field(Field::own("id")),
        waiting_if_empty: false,
        waiting_if_future: false,
        cutoff: None,
        format: None,
        zone: Zone::UTC,
        earliest: "1990-01-01".parse().unwrap(),
    };
    let scope = Scope { target: Arc::new(target()), events: Arc::default(), now: now() };
    let predicate = Predicate::Always(true);
    let (start, due) = (Arc::new(start), StartSet { instants: Vec::new(), dates_through: None });
    let mut walk =
        store.walk(Job { scope, predicate, start, due, act: Act::Delete, aggregate: None, expected: 1 })?;
    let label = BatchLabel {
        batch: BatchId::at(now()),
        run: RunId::at(now()),
        policy: PolicyId::new("calls"),
        store: StoreName::new("memory"),
        collection: "calls".to_owned(),
        class: None,
        stage: 1,
        action: "delete".to_owned(),
    };
    while let Some(batch) = walk.prepare(&label, 10, &HashSet::new())? {
        batch.commit()?;
    }
    Ok(())
}

const CALLS: u64 = 6;
const COMMIT: u64 = 4;

#[test]
fn every_call_can_fail_in_every_way() {
    let counting = Faulty::new(store(), None);
    run(&counting).unwrap();
    assert_eq!(counting.calls(), CALLS);
    for at in 0..CALLS {
        for kind in KINDS {
            for moment in [Moment::Before, Moment::After] {
                let inner = store();
                let fault = Fault { at, forever: false, moment, how: How::Error(kind) };
                let faulty = Faulty::new(Arc::clone(&inner) as Arc<dyn Dispose>, Some(fault));
                assert_eq!(run(&faulty).unwrap_err().kind, kind);
                let is_done = at > COMMIT || (at == COMMIT && moment == Moment::After);
                assert_eq!(inner.rows("calls").is_empty(), is_done, "{fault:?}");
                assert!(run(&faulty).is_ok(), "the fault strikes once");
            }
        }
    }
}

#[test]
fn a_lasting_fault_stays() {
    let how = How::Error(StoreErrorKind::Busy);
    let fault = Fault { at: 1, forever: true, moment: Moment::Before, how };
    let faulty = Faulty::new(store(), Some(fault));
    for _ in 0..3 {
        assert!(run(&faulty).is_err());
    }
}

#[test]
fn a_crash_leaves_what_was_done() {
    let inner = store();
    let fault = Fault { at: COMMIT, forever: false, moment: Moment::After, how: How::Crash };
    let faulty = Faulty::new(Arc::clone(&inner) as Arc<dyn Dispose>, Some(fault));
    assert!(catch_unwind(AssertUnwindSafe(|| run(&faulty))).is_err());
    assert!(inner.rows("calls").is_empty());
    assert!(run(&faulty).is_ok());
}
