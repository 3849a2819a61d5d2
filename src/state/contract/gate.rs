//! Intents, outcomes, and what stands between them.

use std::sync::atomic::{AtomicBool, Ordering};

use super::sample::*;
use crate::audit::entry::{Body, Recovery};
use crate::model::hold::{Hold, HoldKind, HoldScope};
use crate::model::ids::{BatchId, HoldId, PolicyId, RunId, StoreName};
use crate::model::key::Key;
use crate::state::api::{Ended, IntentAnswer, PauseScope, Planned, Release, StateError, StateStore};

/// In seconds.
const DAY: i64 = 24 * 60 * 60;

pub(crate) fn holds_come_and_go(state: &dyn StateStore) {
    let one = hold(HoldScope { store: Some(StoreName::new("cameras")), ..HoldScope::default() });
    let two = Hold {
        authority: Some("court".to_owned()),
        ..hold(HoldScope { key: Some(Key::from_int(7)), ..HoldScope::default() })
    };
    state.add_hold(&by(), &one).unwrap();
    state.add_hold(&by(), &two).unwrap();
    assert!(state.add_hold(&by(), &one).is_err(), "an id stands for one hold");
    assert_eq!(state.holds().unwrap(), [one.clone(), two.clone()]);
    assert_eq!(
        state.release_hold(later(1), &other(), &one.id, false).unwrap(),
        Release::Done(later(1 + DAY))
    );
    assert_eq!(state.release_hold(later(2), &other(), &one.id, false).unwrap(), Release::Over(later(1)));
    let nobody = HoldId::at(noon());
    assert_eq!(state.release_hold(later(2), &other(), &nobody, false).unwrap(), Release::Unknown);
    // It is remembered while it keeps what it covered, and not a moment longer.
    assert_eq!(state.end_holds(later(DAY)).unwrap(), Ended::default());
    assert_eq!(state.holds().unwrap(), [Hold { released: Some(later(1)), ..one.clone() }, two.clone()]);
    assert_eq!(state.end_holds(later(1 + DAY)).unwrap().forgotten, [one.id]);
    assert_eq!(state.holds().unwrap(), [two]);
    assert_eq!(changes(state), ["add", "add", "release"]);
}

fn changes(state: &dyn StateStore) -> Vec<String> {
    let note = |body| if let Body::Hold(note) = body { Some(note.change) } else { None };
    bodies(state).into_iter().filter_map(note).collect()
}

pub(crate) fn a_hold_is_released_by_a_second_person(state: &dyn StateStore) {
    let legal = hold(HoldScope::default());
    let restriction = Hold { kind: HoldKind::Restriction, ..hold(HoldScope::default()) };
    state.add_hold(&by(), &legal).unwrap();
    state.add_hold(&by(), &restriction).unwrap();
    for told in [false, true] {
        let answer = state.release_hold(later(1), &by(), &legal.id, told).unwrap();
        assert_eq!(answer, Release::SamePerson);
    }
    assert_eq!(state.release_hold(later(1), &other(), &restriction.id, false).unwrap(), Release::NotTold);
    assert_eq!(state.holds().unwrap(), [legal.clone(), restriction.clone()], "nothing was changed");
    let released = Release::Done(later(1 + DAY));
    assert_eq!(state.release_hold(later(1), &other(), &restriction.id, true).unwrap(), released);
    assert_eq!(state.release_hold(later(1), &other(), &legal.id, false).unwrap(), released);
    assert_eq!(changes(state), ["add", "add", "release", "release"]);
}

pub(crate) fn the_review_of_a_hold_is_moved_while_it_is_in_force(state: &dyn StateStore) {
    let kept = Hold { reason: "case-1".to_owned(), ..hold(HoldScope::default()) };
    state.add_hold(&by(), &kept).unwrap();
    let day = "2027-01-01".parse().unwrap();
    assert!(state.review_hold(later(1), &by(), &kept.id, day).unwrap());
    assert_eq!(state.holds().unwrap(), [Hold { review: Some(day), ..kept.clone() }]);
    assert!(!state.review_hold(later(1), &by(), &HoldId::at(noon()), day).unwrap());
    state.release_hold(later(2), &other(), &kept.id, false).unwrap();
    assert!(!state.review_hold(later(3), &by(), &kept.id, day).unwrap(), "it has ended");
    assert_eq!(changes(state), ["add", "review", "release"]);
}

pub(crate) fn what_a_hold_covered_is_kept_for_a_day_after_its_end(state: &dyn StateStore) {
    let released = hold(HoldScope { key: Some(Key::from_int(1)), ..HoldScope::default() });
    let scope = HoldScope { key: Some(Key::from_int(2)), ..HoldScope::default() };
    let ending = Hold { until: Some(later(60)), ..hold(scope) };
    state.add_hold(&by(), &released).unwrap();
    state.add_hold(&by(), &ending).unwrap();
    state.release_hold(later(0), &other(), &released.id, false).unwrap();
    let answer = |at| {
        let intent = intent(5);
        let answer =
            state.record_intent(later(at), &intent, STAGE, &keys(0..5), b"", &Planned::default()).unwrap();
        if let IntentAnswer::Written(_) = answer {
            state.record_outcome(later(at), None, &outcome(&intent, 5, 0)).unwrap();
        }
        answer
    };
    assert_eq!(answer(DAY - 1), IntentAnswer::Held(vec![1, 2]));
    assert_eq!(answer(DAY), IntentAnswer::Held(vec![2]));
    assert_eq!(answer(DAY + 59), IntentAnswer::Held(vec![2]));
    assert!(matches!(answer(DAY + 60), IntentAnswer::Written(_)), "although nobody wrote its end down");
    // Its end is written down once.
    let ended = state.end_holds(later(DAY)).unwrap();
    assert_eq!((ended.by_themselves, ended.forgotten), (vec![ending.id], vec![released.id]));
    let ended = state.end_holds(later(DAY + 60)).unwrap();
    assert_eq!((ended.by_themselves, ended.forgotten), (vec![], vec![ending.id]));
    assert_eq!(changes(state), ["add", "add", "release", "end"]);
}

/// What a state with this hold answers to a batch of the records 0 to 4.
fn held(state: &dyn StateStore, scope: HoldScope) -> Vec<usize> {
    let hold = hold(scope);
    state.add_hold(&by(), &hold).unwrap();
    let intent = intent(5);
    let answer = state.record_intent(noon(), &intent, STAGE, &keys(0..5), b"", &Planned::default()).unwrap();
    state.release_hold(noon(), &other(), &hold.id, false).unwrap();
    state.end_holds(later(DAY)).unwrap();
    match answer {
        IntentAnswer::Held(places) => places,
        IntentAnswer::Written(_) => {
            state.record_outcome(noon(), None, &outcome(&intent, 5, 0)).unwrap();
            Vec::new()
        }
        IntentAnswer::Paused(_) | IntentAnswer::Outdated(_) => panic!("{answer:?}"),
    }
}

pub(crate) fn a_hold_of_each_scope_stops_its_records_only(state: &dyn StateStore) {
    let all = [0, 1, 2, 3, 4];
    let none: [usize; 0] = [];
    let scope = HoldScope::default;
    let (right, wrong) = (StoreName::new("cameras"), StoreName::new("other"));
    assert_eq!(held(state, scope()), all);
    assert_eq!(held(state, HoldScope { policy: Some(policy()), ..scope() }), all);
    assert_eq!(held(state, HoldScope { policy: Some(PolicyId::new("imdi")), ..scope() }), none);
    assert_eq!(held(state, HoldScope { store: Some(right.clone()), ..scope() }), all);
    assert_eq!(held(state, HoldScope { store: Some(wrong.clone()), ..scope() }), none);
    assert_eq!(held(state, HoldScope { collection: Some("recordings".into()), ..scope() }), all);
    assert_eq!(held(state, HoldScope { collection: Some("recording".into()), ..scope() }), none);
    assert_eq!(held(state, HoldScope { key: Some(Key::from_int(3)), ..scope() }), [3]);
    assert_eq!(held(state, HoldScope { key: Some(Key::from_int(9)), ..scope() }), none);
    let there = HoldScope {
        policy: Some(policy()),
        store: Some(right),
        collection: Some("recordings".into()),
        key: Some(Key::from_int(0)),
        ..scope()
    };
    assert_eq!(held(state, there.clone()), [0]);
    assert_eq!(held(state, HoldScope { store: Some(wrong), ..there }), none);
}

pub(crate) fn a_hit_writes_nothing(state: &dyn StateStore) {
    state.add_hold(&by(), &hold(HoldScope { key: Some(Key::from_int(3)), ..HoldScope::default() })).unwrap();
    let before = (size(state), state.checkpoint(noon()).unwrap());
    let intent = intent(5);
    let answer = state.record_intent(noon(), &intent, STAGE, &keys(0..5), b"", &Planned::default()).unwrap();
    assert_eq!(answer, IntentAnswer::Held(vec![3]));
    assert_eq!((size(state), state.checkpoint(noon()).unwrap()), before);
    assert!(state.open_intents().unwrap().is_empty());
    // The same batch without the held record.
    let smaller = crate::audit::entry::Intent { count: 4, ..intent };
    let answer =
        state.record_intent(noon(), &smaller, STAGE, &keys([0, 1, 2, 4]), b"", &Planned::default()).unwrap();
    assert_eq!(answer, IntentAnswer::Written(before.0));
}

pub(crate) fn a_pause_of_each_scope_stops_its_work_only(state: &dyn StateStore) {
    let all = [
        PauseScope::All,
        PauseScope::Policy(policy()),
        PauseScope::Policy(PolicyId::new("cameras")),
        PauseScope::Store(StoreName::new("cameras")),
        PauseScope::Store(StoreName::new("imdi/cctv")),
    ];
    for (scope, stops) in all.iter().zip([true, true, false, true, false]) {
        state.pause(noon(), &by(), scope).unwrap();
        assert_eq!(state.pauses().unwrap(), std::slice::from_ref(scope));
        let before = size(state);
        let answer =
            state.record_intent(noon(), &intent(1), STAGE, &keys(0..1), b"", &Planned::default()).unwrap();
        assert_eq!(answer == IntentAnswer::Paused(scope.clone()), stops, "{scope} {answer:?}");
        assert_eq!(size(state) == before, stops);
        assert!(state.resume(noon(), &by(), scope).unwrap());
        assert!(!state.resume(noon(), &by(), scope).unwrap());
    }
    all.iter().rev().for_each(|scope| state.pause(noon(), &by(), scope).unwrap());
    state.pause(noon(), &by(), &PauseScope::All).unwrap();
    let mut sorted = all.to_vec();
    sorted.sort();
    assert_eq!(state.pauses().unwrap(), sorted);
}

pub(crate) fn an_intent_waits_for_its_one_outcome(state: &dyn StateStore) {
    let intent = begin(state, noon(), 0..3);
    let open = state.open_intents().unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].index, &open[0].intent, open[0].spool.as_slice()), (1, &intent, b"spool".as_slice()));
    state.record_outcome(later(1), None, &outcome(&intent, 2, 1)).unwrap();
    assert!(state.open_intents().unwrap().is_empty());
    assert_eq!(bodies(state)[1..], [Body::Intent(intent.clone()), Body::Outcome(outcome(&intent, 2, 1))]);
}

pub(crate) fn an_outcome_needs_an_open_intent(state: &dyn StateStore) {
    let never = intent(3);
    let error = state.record_outcome(noon(), None, &outcome(&never, 3, 0)).unwrap_err();
    assert!(matches!(error, StateError::NoOpenIntent { .. }), "{error}");
    let twice = batch(state, noon(), 0..3);
    let error = state.record_outcome(noon(), None, &outcome(&twice, 3, 0)).unwrap_err();
    assert!(matches!(error, StateError::NoOpenIntent { .. }), "{error}");
    assert_eq!(size(state), 3);
}

pub(crate) fn a_recovery_stands_before_its_outcome(state: &dyn StateStore) {
    let intent = begin(state, noon(), 0..3);
    let recovery = Recovery { batch: intent.label.batch, fate: "not-done".to_owned() };
    state.record_outcome(later(1), Some(&recovery), &outcome(&intent, 0, 3)).unwrap();
    assert_eq!(bodies(state)[2..], [Body::Recovery(recovery), Body::Outcome(outcome(&intent, 0, 3))]);
}

pub(crate) fn open_intents_come_oldest_first(state: &dyn StateStore) {
    let batches: Vec<BatchId> =
        (0..4).map(|at| begin(state, later(at), at * 10..at * 10 + 2).label.batch).collect();
    let open = |state: &dyn StateStore| -> Vec<BatchId> {
        state.open_intents().unwrap().iter().map(|open| open.intent.label.batch).collect()
    };
    assert_eq!(open(state), batches);
    let second = state.open_intents().unwrap().remove(1).intent;
    state.record_outcome(later(9), None, &outcome(&second, 2, 0)).unwrap();
    assert_eq!(open(state), [batches[0], batches[2], batches[3]]);
}

pub(crate) fn what_does_not_add_up_is_refused(state: &dyn StateStore) {
    assert!(state.record_intent(noon(), &intent(4), STAGE, &keys(0..3), b"", &Planned::default()).is_err());
    let intent = begin(state, noon(), 0..3);
    assert!(state.record_outcome(noon(), None, &outcome(&intent, 2, 0)).is_err());
    assert!(state.record_outcome(noon(), None, &outcome(&intent, 2, 2)).is_err());
    let mut foreign = outcome(&intent, 3, 0);
    foreign.run = RunId::at(later(9));
    assert!(state.record_outcome(noon(), None, &foreign).is_err());
    let other = Recovery { batch: BatchId::at(later(9)), fate: "done".to_owned() };
    assert!(state.record_outcome(noon(), Some(&other), &outcome(&intent, 3, 0)).is_err());
    assert_eq!((size(state), state.open_intents().unwrap().len()), (2, 1));
}

pub(crate) fn a_batch_has_one_intent(state: &dyn StateStore) {
    let intent = begin(state, noon(), 0..3);
    assert!(state.record_intent(noon(), &intent, STAGE, &keys(0..3), b"", &Planned::default()).is_err());
    state.record_outcome(noon(), None, &outcome(&intent, 3, 0)).unwrap();
    assert!(state.record_intent(noon(), &intent, STAGE, &keys(0..3), b"", &Planned::default()).is_err());
    assert_eq!(size(state), 3);
}

/// One thread runs batches that contain a record, another puts a hold on it: no batch begins after the answer.
pub(crate) fn a_hold_acknowledged_protects_against_every_later_batch(state: &dyn StateStore) {
    let held = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            loop {
                let was_held = held.load(Ordering::SeqCst);
                let intent = intent(5);
                match state
                    .record_intent(noon(), &intent, STAGE, &keys(0..5), b"", &Planned::default())
                    .unwrap()
                {
                    IntentAnswer::Written(_) => {
                        assert!(!was_held, "a batch began after the hold was acknowledged");
                        state.record_outcome(noon(), None, &outcome(&intent, 5, 0)).unwrap();
                    }
                    IntentAnswer::Held(places) => break places,
                    answer => unreachable!("{answer:?}"),
                }
            }
        });
        while size(state) < 10 && !worker.is_finished() {
            std::thread::yield_now();
        }
        let scope = HoldScope { key: Some(Key::from_int(4)), ..HoldScope::default() };
        state.add_hold(&by(), &hold(scope)).unwrap();
        held.store(true, Ordering::SeqCst);
        assert_eq!(worker.join().unwrap(), [4]);
    });
}
