//! The log as the store keeps it.

use super::sample::*;
use crate::audit::entry::{Body, Entry, Recovery};
use crate::audit::note::VerifierKey;
use crate::audit::tree::{Frontier, leaf_hash};
use crate::audit::verify::verify as verify_leaves;
use crate::model::hold::HoldScope;
use crate::model::ids::{RunId, StoreName};
use crate::model::key::{Key, KeyPart, hex};
use crate::state::api::{Actor, EventRecord, Filter, PauseScope, Planned, StateStore};
use crate::state::check;

/// Something of every kind of entry: 13 of them.
fn write_a_bit_of_everything(state: &dyn StateStore) -> RunId {
    let run = RunId::at(noon());
    state.see_policy(noon(), &policy(), "h", "text").unwrap();
    state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
    state.begin_run(noon(), &started(run)).unwrap();
    batch(state, later(1), 0..3);
    let left_open = begin(state, later(2), 3..4);
    let recovery = Recovery { batch: left_open.label.batch, fate: "done".to_owned() };
    state.record_outcome(later(3), Some(&recovery), &outcome(&left_open, 1, 0)).unwrap();
    state.finish_run(later(4), &started(run), None).unwrap();
    state.pause(later(5), &by(), &PauseScope::All).unwrap();
    let event = EventRecord { name: "closed".into(), key: "17".into(), at: noon() };
    state.add_event(later(6), &by(), &event).unwrap();
    state.append(later(7), Body::Heartbeat {}).unwrap();
    run
}

pub(crate) fn a_log_begins_with_its_genesis(state: &dyn StateStore) {
    let vkey = state.verifier_key().unwrap();
    let Body::Genesis(genesis) = &bodies(state)[0] else { panic!("no genesis") };
    assert_eq!(genesis.vkey, vkey);
    assert_eq!(VerifierKey::parse(&vkey).unwrap().name(), genesis.origin);
    assert_eq!(state.log_head().unwrap(), (1, Some(noon())));
}

pub(crate) fn entries_are_given_in_order_and_in_pages(state: &dyn StateStore) {
    for second in 1..=7 {
        assert_eq!(state.append(later(second), Body::Heartbeat {}).unwrap(), u64::try_from(second).unwrap());
    }
    assert_eq!(state.log_head().unwrap(), (8, Some(later(7))));
    let indices = |from, limit| -> Vec<u64> {
        state.entries(from, limit).unwrap().iter().map(|placed| placed.index).collect()
    };
    assert_eq!(indices(0, 3), [0, 1, 2]);
    assert_eq!(indices(6, 3), [6, 7]);
    assert_eq!(indices(8, 3), [] as [u64; 0]);
    assert_eq!(indices(0, 0), [] as [u64; 0]);
}

pub(crate) fn leaves_are_the_bytes_of_the_entries(state: &dyn StateStore) {
    write_a_bit_of_everything(state);
    let leaves = state.leaves(0, 100).unwrap();
    let entries: Vec<Vec<u8>> = all(state).iter().map(|placed| placed.entry.canonical()).collect();
    assert_eq!(leaves, entries);
    assert_eq!(state.leaves(2, 1).unwrap(), entries[2..3]);
}

pub(crate) fn each_kind_of_entry_can_be_found(state: &dyn StateStore) {
    let run = write_a_bit_of_everything(state);
    let find = |filter: Filter| -> Vec<&'static str> {
        state.find(&filter, None, 100).unwrap().iter().map(|placed| placed.entry.body.kind()).collect()
    };
    assert_eq!(find(Filter { kind: Some("intent".into()), ..Filter::default() }), ["intent", "intent"]);
    assert_eq!(find(Filter { run: Some(run), ..Filter::default() }), ["run", "run"]);
    assert_eq!(
        find(Filter { policy: Some(policy()), ..Filter::default() }),
        ["policy", "approval", "run", "intent", "outcome", "intent", "recovery", "outcome", "run"]
    );
    assert_eq!(
        find(Filter { store: Some(StoreName::new("cameras")), ..Filter::default() }),
        ["intent", "outcome", "intent", "recovery", "outcome"]
    );
    let times = Filter { from: Some(later(3)), to: Some(later(5)), ..Filter::default() };
    assert_eq!(find(times), ["recovery", "outcome", "run"]);
    let both = Filter { kind: Some("pause".into()), policy: Some(policy()), ..Filter::default() };
    assert_eq!(find(both), [] as [&str; 0]);
    let outcomes = Filter { kind: Some("outcome".into()), ..Filter::default() };
    let first = state.find(&outcomes, None, 1).unwrap();
    let second = state.find(&outcomes, Some(first[0].index), 1).unwrap();
    assert!(first[0].index < second[0].index);
    assert!(state.find(&outcomes, Some(second[0].index), 1).unwrap().is_empty());
}

pub(crate) fn the_newest_come_first_when_asked(state: &dyn StateStore) {
    for second in 1..=5 {
        state.append(later(second), Body::Heartbeat {}).unwrap();
    }
    let filter = Filter { newest_first: true, ..Filter::default() };
    let indices = |after| -> Vec<u64> {
        state.find(&filter, after, 2).unwrap().iter().map(|placed| placed.index).collect()
    };
    assert_eq!(indices(None), [5, 4]);
    assert_eq!(indices(Some(4)), [3, 2]);
    assert_eq!(indices(Some(0)), [] as [u64; 0]);
}

pub(crate) fn what_is_written_verifies(state: &dyn StateStore) {
    write_a_bit_of_everything(state);
    state.resume(later(8), &by(), &PauseScope::All).unwrap();
    begin(state, later(9), 100..101);
    let report = check::verify(state, None).unwrap();
    assert!(report.ok, "{report:#?}");
    assert_eq!((report.size, report.intents, report.outcomes, report.open), (15, 3, 2, 1));
}

pub(crate) fn heads_cover_everything_and_follow_one_another(state: &dyn StateStore) {
    let first = state.checkpoint(noon()).unwrap();
    write_a_bit_of_everything(state);
    let head = state.checkpoint(later(9)).unwrap();
    assert_eq!(state.last_checkpoint().unwrap().as_ref(), Some(&head));
    let key = VerifierKey::parse(&state.verifier_key().unwrap()).unwrap();
    let mut frontier = Frontier::new();
    state.leaves(0, 100).unwrap().iter().for_each(|leaf| frontier.append(leaf_hash(leaf)));
    let opened = key.open(&head).unwrap();
    assert_eq!((opened.size, opened.root), (frontier.size(), frontier.root()));
    let report = check::verify(state, Some(&first)).unwrap();
    assert!(report.ok && report.size == size(state), "{report:#?}");
    let cut = state.leaves(0, 3).unwrap();
    assert!(!verify_leaves(cut, &head, &state.verifier_key().unwrap(), None).ok);
}

pub(crate) fn people_stand_behind_pseudonyms(state: &dyn StateStore) {
    let pause = |who: &str| {
        state.pause(noon(), &Actor(who.to_owned()), &PauseScope::All).unwrap();
        let Some(Body::Pause(note)) = bodies(state).pop() else { panic!("no pause") };
        note.by
    };
    let (kari, ola) = (pause("kari"), pause("ola"));
    assert_eq!(kari, pause("kari"));
    assert_ne!(kari, ola);
    assert!(kari.starts_with("op-") && kari.len() == 11, "{kari}");
    assert_eq!(state.actor(&kari).unwrap(), Some(Actor("kari".to_owned())));
    assert_eq!(state.actor("op-ffffffff").unwrap(), None);
}

pub(crate) fn no_text_can_steer_a_terminal(state: &dyn StateStore) {
    let mut note = started(RunId::at(noon()));
    note.reason = Some("\u{1b}[2Jdone\u{202e}\n".to_owned());
    state.begin_run(noon(), &note).unwrap();
    let leaf = String::from_utf8(state.leaves(1, 1).unwrap().remove(0)).unwrap();
    assert!(!leaf.contains('\u{1b}') && !leaf.contains("\\u001b") && !leaf.contains('\u{202e}'), "{leaf}");
    assert!(Entry::parse(leaf.as_bytes()).is_ok());
}

pub(crate) fn no_key_stands_in_the_log(state: &dyn StateStore) {
    let key = Key::from_parts(&[KeyPart::Text("very-personal".to_owned())]);
    let held = hold(HoldScope { key: Some(key.clone()), ..HoldScope::default() });
    state.add_hold(&by(), &held).unwrap();
    state.release_hold(noon(), &other(), &held.id, false).unwrap();
    let event = EventRecord { name: "closed".into(), key: "very-personal".into(), at: noon() };
    state.add_event(noon(), &by(), &event).unwrap();
    let mut personal = intent(1);
    personal.count = 1;
    state
        .record_intent(
            noon(),
            &personal,
            STAGE,
            std::slice::from_ref(&key),
            b"very-personal",
            &Planned::default(),
        )
        .unwrap();
    let log = String::from_utf8(state.leaves(0, 100).unwrap().concat()).unwrap();
    assert!(!log.contains("very-personal") && !log.contains(&hex(key.as_bytes())) && !log.contains("kari"));
    let commitments: Vec<Option<String>> = bodies(state)
        .into_iter()
        .filter_map(|body| if let Body::Hold(note) = body { Some(note.key) } else { None })
        .collect();
    assert_eq!(commitments.len(), 2);
    assert!(commitments[0].is_some() && commitments[0] == commitments[1], "an end matches its beginning");
}
