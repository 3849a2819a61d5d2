//! Batches that are known by their lists alone.

use super::sample::*;
use crate::audit::commitment;
use crate::audit::entry::Intent;
use crate::audit::tree::Hash;
use crate::model::hold::HoldScope;
use crate::model::ids::{BatchId, PolicyId};
use crate::model::key::{Key, hex};
use crate::state::api::{IntentAnswer, News, PauseScope, Planned, StateStore};

pub(crate) fn a_long_list_is_kept_like_any_other(state: &dyn StateStore) {
    let batch = BatchId::at(noon());
    let mut list = state.long_list(&batch).unwrap();
    list.add(&[[3; 32], [1; 32]]).unwrap();
    list.add(&[[2; 32]]).unwrap();
    let kept = list.keep().unwrap();
    let sorted = vec![[1; 32], [2; 32], [3; 32]];
    assert_eq!((kept.count, kept.root), (3, commitment::root_of(&sorted)));
    assert_eq!(state.manifest(&batch).unwrap(), Some(sorted));
    let mut list = state.long_list(&BatchId::at(later(1))).unwrap();
    list.add(&[[3; 32], [1; 32], [3; 32]]).unwrap();
    assert!(list.keep().unwrap_err().to_string().contains("named twice"));
}

/// The intent of the records 0 to 999, whose list is kept.
fn listed(state: &dyn StateStore) -> Intent {
    let mut intent = intent(1_000);
    let epoch = state.epoch_key().unwrap();
    let label = &intent.label;
    let all: Vec<Hash> =
        commitment::commit_all(&epoch.key, &label.batch, &label.store, &label.collection, &keys(0..1_000));
    let mut list = state.long_list(&label.batch).unwrap();
    list.add(&all).unwrap();
    intent.root = hex(&list.keep().unwrap().root);
    intent
}

pub(crate) fn a_batch_known_by_its_list_meets_every_hold_and_pause(state: &dyn StateStore) {
    let held = |scope: HoldScope| {
        let hold = hold(scope);
        state.add_hold(&by(), &hold).unwrap();
        let before = size(state);
        let intent = listed(state);
        let answer = state.record_whole(noon(), &intent, STAGE, b"spool", &Planned::default()).unwrap();
        let hit = answer == IntentAnswer::Held(Vec::new());
        if hit {
            assert_eq!(size(state), before, "a hit writes nothing");
        } else {
            assert_eq!(answer, IntentAnswer::Written(before));
            assert_eq!(state.open_intents().unwrap()[0].spool, b"spool");
            state.record_outcome(noon(), None, &outcome(&intent, 1_000, 0)).unwrap();
        }
        state.release_hold(noon(), &other(), &hold.id, false).unwrap();
        state.end_holds(later(24 * 60 * 60)).unwrap();
        hit
    };
    let key = |number| HoldScope { key: Some(Key::from_int(number)), ..HoldScope::default() };
    assert!(held(HoldScope::default()));
    assert!(held(key(0)) && held(key(617)) && held(key(999)));
    assert!(!held(key(1_000)) && !held(key(-1)));
    assert!(!held(HoldScope { collection: Some("other".to_owned()), ..key(3) }));
    assert!(!held(HoldScope { policy: Some(PolicyId::new("other")), ..HoldScope::default() }));
    let by_condition = hold(HoldScope { when: Some("id == 3".to_owned()), ..HoldScope::default() });
    state.add_hold(&by(), &by_condition).unwrap();
    let answer = state.record_whole(noon(), &listed(state), STAGE, b"", &Planned::default()).unwrap();
    assert_eq!(answer, IntentAnswer::Outdated(News::Hold(by_condition.id)));
    state.pause(noon(), &by(), &PauseScope::Policy(policy())).unwrap();
    let answer = state.record_whole(noon(), &listed(state), STAGE, b"", &Planned::default()).unwrap();
    assert_eq!(answer, IntentAnswer::Paused(PauseScope::Policy(policy())));
    assert!(state.open_intents().unwrap().is_empty());
}
