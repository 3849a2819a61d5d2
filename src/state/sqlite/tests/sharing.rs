//! Several connections on one file: as several processes have.

use rusqlite::{Connection, TransactionBehavior};

use super::*;
use crate::audit::entry::Body;
use crate::state::api::{IntentAnswer, PauseScope, Planned, StateStore};
use crate::state::check;
use crate::state::contract::sample::{by, intent, keys, policy, size};
use crate::state::sqlite::log;

#[test]
fn appends_of_several_processes_make_one_log() {
    let (first, dir) = fixture();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let state = open(&path(&dir));
                for _ in 0..25 {
                    state.append(noon(), Body::Heartbeat {}).unwrap();
                }
            });
        }
    });
    assert_eq!(size(&first), 101);
    let report = check::verify(&first, None).unwrap();
    assert!(report.ok && report.size == 101, "{report:#?}");
}

#[test]
fn what_one_question_reads_is_of_one_moment() {
    let (one, dir) = fixture();
    let other = open(&path(&dir));
    let sizes = one.read(|db| {
        let (before, _) = log::head(db)?;
        other.append(noon(), Body::Heartbeat {}).unwrap();
        Ok((before, log::head(db)?.0))
    });
    assert_eq!(sizes.unwrap(), (1, 1));
    assert_eq!(size(&one), 2);
}

#[test]
fn several_processes_may_open_a_new_state_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let keys: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| open(&path(&dir)).verifier_key().unwrap())).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(size(&open(&path(&dir))), 1);
}

#[test]
fn what_one_process_pauses_stops_the_other() {
    let (one, dir) = fixture();
    let other = open(&path(&dir));
    one.pause(noon(), &by(), &PauseScope::All).unwrap();
    let answer =
        other.record_intent(noon(), &intent(1), "0/-/1", &keys(0..1), b"", &Planned::default()).unwrap();
    assert_eq!(answer, IntentAnswer::Paused(PauseScope::All));
}

#[test]
fn a_lease_holds_against_another_process() {
    let (one, dir) = fixture();
    let other = open(&path(&dir));
    let lease = one.lease(&policy()).unwrap();
    assert!(lease.is_some() && other.lease(&policy()).unwrap().is_none());
    drop(lease);
    assert!(other.lease(&policy()).unwrap().is_some());
}

#[test]
fn an_intent_that_cannot_be_written_in_time_is_an_error() {
    let (state, dir) = fixture();
    let mut raw = Connection::open(path(&dir)).unwrap();
    let block = raw.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let error =
        state.record_intent(noon(), &intent(1), "0/-/1", &keys(0..1), b"", &Planned::default()).unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");
    drop(block);
    assert_eq!(size(&state), 1);
    assert!(state.record_intent(noon(), &intent(1), "0/-/1", &keys(0..1), b"", &Planned::default()).is_ok());
}
