//! What the store remembers beside the log.

use super::sample::*;
use crate::audit::entry::{Body, Phase, StageDone};
use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
use crate::model::run::RunState;
use crate::model::schema::Identity;
use crate::state::api::{SlotState, StateStore};

pub(crate) fn a_policy_text_is_told_once(state: &dyn StateStore) {
    state.see_policy(noon(), &policy(), "h1", "one").unwrap();
    state.see_policy(later(1), &policy(), "h1", "one").unwrap();
    state.see_policy(later(2), &policy(), "h2", "two").unwrap();
    state.see_policy(later(3), &PolicyId::new("other"), "h1", "one").unwrap();
    let told = bodies(state).iter().filter(|body| matches!(body, Body::Policy(_))).count();
    assert_eq!(told, 3);
    assert_eq!(state.policy_text("h1").unwrap().as_deref(), Some("one"));
    assert_eq!(state.policy_text("h2").unwrap().as_deref(), Some("two"));
    assert_eq!(state.policy_text("h3").unwrap(), None);
}

pub(crate) fn the_newest_approval_counts(state: &dyn StateStore) {
    assert_eq!(state.approval(&policy()).unwrap(), None);
    state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
    let mut newer = approval(5, vec![curve(STAGE, noon(), 9)]);
    newer.identities =
        vec![(StoreName::new("s"), Identity { parts: vec![("marker".to_owned(), "x".to_owned())] })];
    state.approve(later(1), &by(), &newer).unwrap();
    assert_eq!(state.approval(&policy()).unwrap(), Some(newer));
    assert_eq!(state.approval(&PolicyId::new("other")).unwrap(), None);
    assert_eq!(state.approved_policies().unwrap(), [policy()]);
    let given: Vec<_> = bodies(state)
        .into_iter()
        .filter_map(|body| if let Body::Approval(given) = body { Some(given) } else { None })
        .collect();
    assert_eq!((given.len(), given[1].count), (2, 5));
    assert_ne!(given[0].bound_to, given[1].bound_to, "an approval is bound to the stores' identities");
}

pub(crate) fn an_approval_is_taken_back_once_and_none_before_it_returns(state: &dyn StateStore) {
    state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
    let first = state.approval(&policy()).unwrap().unwrap();
    state.approve(later(1), &by(), &approval(5, Vec::new())).unwrap();
    let second = state.approval(&policy()).unwrap().unwrap();
    assert!(!state.cancel_approval(later(2), &by(), &first, "x").unwrap(), "it is not the newest");
    assert!(state.cancel_approval(later(2), &by(), &second, "objection").unwrap());
    let before = size(state);
    assert!(!state.cancel_approval(later(3), &by(), &second, "again").unwrap());
    assert_eq!(size(state), before, "once");
    let newest = state.approval(&policy()).unwrap().unwrap();
    assert_eq!((newest.count, newest.cancelled.unwrap().reason.as_str()), (5, "objection"));
    let told = bodies(state).pop().unwrap();
    assert!(matches!(told, Body::Approval(given) if given.cancelled.as_deref() == Some("objection")));
    state.approve(later(4), &by(), &approval(7, Vec::new())).unwrap();
    assert_eq!(state.approval(&policy()).unwrap().unwrap().cancelled, None);
}

pub(crate) fn runs_are_listed_newest_first(state: &dyn StateStore) {
    let (first, second) = (RunId::at(noon()), RunId::at(later(1)));
    state.begin_run(noon(), &started(first)).unwrap();
    let mut finished = started(first);
    finished.phase = Phase::Finished;
    finished.state = Some(RunState::Incomplete);
    finished.reason = Some("a directory could not be read".to_owned());
    finished.stages = vec![StageDone {
        store: StoreName::new("s"),
        collection: "c".to_owned(),
        class: None,
        stage: 1,
        action: "delete".to_owned(),
        due: 4,
        done: 3,
        skipped: 1,
        failed: 0,
    }];
    state.finish_run(later(5), &finished, None).unwrap();
    state.begin_run(later(6), &started(second)).unwrap();
    let runs = state.runs(&policy(), 10).unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!((&runs[0].note, runs[0].began, runs[0].ended), (&started(second), later(6), None));
    assert_eq!((&runs[1].note, runs[1].began, runs[1].ended), (&finished, noon(), Some(later(5))));
    assert_eq!(state.runs(&policy(), 1).unwrap(), runs[..1]);
    assert!(state.runs(&PolicyId::new("other"), 10).unwrap().is_empty());
    assert_eq!(size(state), 4);
}

pub(crate) fn a_run_must_begin_before_it_ends(state: &dyn StateStore) {
    assert!(state.finish_run(noon(), &started(RunId::at(noon())), None).is_err());
    assert_eq!(size(state), 1);
}

pub(crate) fn the_newest_forecast_counts(state: &dyn StateStore) {
    assert!(state.curves(&policy()).unwrap().is_empty());
    let two = vec![curve("0/-/1", noon(), 9), curve("0/-/2", noon(), 4)];
    state.approve(noon(), &by(), &approval(3, two.clone())).unwrap();
    assert_eq!(state.curves(&policy()).unwrap(), two);
    let run = started(RunId::at(noon()));
    state.begin_run(noon(), &run).unwrap();
    state.finish_run(later(1), &run, None).unwrap();
    assert_eq!(state.curves(&policy()).unwrap(), two, "a run without a forecast keeps the one before");
    let one = vec![curve("0/-/1", later(2), 7)];
    state.finish_run(later(2), &run, Some(&one)).unwrap();
    assert_eq!(state.curves(&policy()).unwrap(), one);
    assert!(state.curves(&PolicyId::new("other")).unwrap().is_empty());
}

pub(crate) fn what_was_done_is_counted_by_stage_and_time(state: &dyn StateStore) {
    batch(state, later(1), 0..3);
    batch(state, later(2), 3..8);
    let partly = begin(state, later(3), 8..10);
    state.record_outcome(later(3), None, &outcome(&partly, 1, 1)).unwrap();
    assert_eq!(state.done_since(&policy(), STAGE, noon()).unwrap(), 9);
    assert_eq!(state.done_since(&policy(), STAGE, later(2)).unwrap(), 6);
    assert_eq!(state.done_since(&policy(), STAGE, later(4)).unwrap(), 0);
    assert_eq!(state.done_since(&policy(), "0/-/2", noon()).unwrap(), 0);
    assert_eq!(state.done_since(&PolicyId::new("other"), STAGE, noon()).unwrap(), 0);
}

/// A clock that stands still must not make the forecast count twice, or miss, what happened at that instant.
pub(crate) fn what_a_forecast_has_seen_is_not_counted_again(state: &dyn StateStore) {
    let run = started(RunId::at(noon()));
    state.begin_run(noon(), &run).unwrap();
    batch(state, noon(), 0..3);
    state.finish_run(noon(), &run, Some(&[curve(STAGE, noon(), 9)])).unwrap();
    assert_eq!(state.done_since(&policy(), STAGE, noon()).unwrap(), 0);
    batch(state, noon(), 3..5);
    assert_eq!(state.done_since(&policy(), STAGE, noon()).unwrap(), 2);
}

pub(crate) fn slots_are_remembered(state: &dyn StateStore) {
    assert_eq!(state.slot(&policy()).unwrap(), None);
    state.record_slot(&policy(), later(1)).unwrap();
    state.record_slot(&PolicyId::new("other"), later(9)).unwrap();
    assert_eq!(state.slot(&policy()).unwrap(), Some(SlotState { last: later(1) }));
    state.record_slot(&policy(), later(2)).unwrap();
    assert_eq!(state.slot(&policy()).unwrap(), Some(SlotState { last: later(2) }));
}

pub(crate) fn the_commitment_key_stays(state: &dyn StateStore) {
    let (one, two) = (state.epoch_key().unwrap(), state.epoch_key().unwrap());
    assert_eq!((one.epoch, &*one.key), (two.epoch, &*two.key));
    assert_ne!(*one.key, [0; 32]);
}

pub(crate) fn manifests_are_kept_and_replaced(state: &dyn StateStore) {
    let batch = BatchId::at(noon());
    assert_eq!(state.manifest(&batch).unwrap(), None);
    state.keep_manifest(&batch, &[[1; 32], [2; 32]]).unwrap();
    assert_eq!(state.manifest(&batch).unwrap(), Some(vec![[1; 32], [2; 32]]));
    state.keep_manifest(&batch, &[[3; 32]]).unwrap();
    assert_eq!(state.manifest(&batch).unwrap(), Some(vec![[3; 32]]));
    state.keep_manifest(&batch, &[]).unwrap();
    assert_eq!(state.manifest(&batch).unwrap(), Some(Vec::new()));
}

pub(crate) fn a_lease_is_exclusive_until_it_is_dropped(state: &dyn StateStore) {
    let lease = state.lease(&policy()).unwrap();
    assert!(lease.is_some());
    assert!(state.lease(&policy()).unwrap().is_none());
    assert!(state.lease(&policy()).unwrap().is_none(), "a refusal gives nothing back");
    assert!(state.lease(&PolicyId::new("imdi")).unwrap().is_some());
    drop(lease);
    assert!(state.lease(&policy()).unwrap().is_some());
}

pub(crate) fn settling_is_harmless(state: &dyn StateStore) {
    batch(state, noon(), 0..3);
    state.settle().unwrap();
    state.settle().unwrap();
    assert_eq!(size(state), 3);
}
