//! Events: recorded one by one or many at once, changed, withdrawn.

use super::sample::*;
use crate::audit::entry::Body;
use crate::state::api::{Earlier, EventRecord, StateStore, Withdrawn};

fn event(name: &str, key: &str, second: i64) -> EventRecord {
    EventRecord { name: name.to_owned(), key: key.to_owned(), at: later(second) }
}

pub(crate) fn events_are_listed_and_change_their_time(state: &dyn StateStore) {
    for added in
        [event("closed", "2", 0), event("closed", "1", 0), event("sold", "1", 0), event("closed", "1", 9)]
    {
        state.add_event(noon(), &by(), &added).unwrap();
    }
    assert_eq!(
        state.list_events(Some("closed")).unwrap(),
        [event("closed", "1", 9), event("closed", "2", 0)]
    );
    assert_eq!(state.list_events(None).unwrap().len(), 3);
    assert!(state.list_events(Some("other")).unwrap().is_empty());
    let book = state.events().unwrap();
    assert_eq!(book.at("closed", "1"), Some(later(9)));
    assert_eq!(book.at("sold", "2"), None);
    assert_eq!(size(state), 5, "each change of an event is told");
}

pub(crate) fn an_event_is_told_once_as_it_stands(state: &dyn StateStore) {
    let first = [event("closed", "1", 0), event("closed", "2", 0)];
    assert_eq!(state.add_events(later(1), &by(), &first).unwrap(), [None, None]);
    let again = [event("closed", "1", 0), event("closed", "2", 5), event("closed", "3", 0)];
    let known = Some(Earlier { at: noon(), recorded: Some(later(1)) });
    assert_eq!(state.add_events(later(2), &by(), &again).unwrap(), [known, known, None]);
    let told = bodies(state).into_iter().filter_map(|body| match body {
        Body::Event(note) => Some((note.change, note.at)),
        _ => None,
    });
    let added = |second| ("add".to_owned(), later(second));
    assert_eq!(told.collect::<Vec<_>>(), [added(0), added(0), added(5), added(0)]);
    let moved = state.add_event(later(3), &by(), &event("closed", "2", 6)).unwrap();
    assert_eq!(moved, Some(Earlier { at: later(5), recorded: Some(later(1)) }));
}

pub(crate) fn a_withdrawn_event_counts_no_longer_and_is_remembered(state: &dyn StateStore) {
    state.add_events(later(1), &by(), &[event("closed", "1", 0), event("closed", "2", 0)]).unwrap();
    let withdrawn = state.withdraw_event(later(2), &by(), "closed", "1", "wrong-case").unwrap();
    assert_eq!(withdrawn, Some(Earlier { at: noon(), recorded: Some(later(1)) }));
    assert_eq!(state.withdraw_event(later(3), &by(), "closed", "1", "again").unwrap(), None);
    assert_eq!(state.withdraw_event(later(3), &by(), "sold", "2", "again").unwrap(), None);
    assert_eq!(state.list_events(None).unwrap(), [event("closed", "2", 0)]);
    assert_eq!(state.events().unwrap().at("closed", "1"), None);
    let remembered =
        Withdrawn { event: event("closed", "1", 0), at: later(2), reason: "wrong-case".to_owned() };
    assert_eq!(state.withdrawn_events(Some("closed")).unwrap(), [remembered]);
    assert!(state.withdrawn_events(Some("sold")).unwrap().is_empty());
    let notes: Vec<_> = bodies(state)
        .into_iter()
        .filter_map(|body| if let Body::Event(note) = body { Some(note) } else { None })
        .collect();
    let [first, _, last] = notes.as_slice() else { panic!("{notes:?}") };
    assert_eq!((last.change.as_str(), last.reason.as_deref()), ("withdraw", Some("wrong-case")));
    assert_eq!(last.key, first.key, "both entries are about the same key");
    // It may come true after all.
    assert_eq!(state.add_event(later(4), &by(), &event("closed", "1", 4)).unwrap(), None);
    assert_eq!(state.events().unwrap().at("closed", "1"), Some(later(4)));
    state.withdraw_event(later(5), &by(), "closed", "1", "twice").unwrap();
    assert_eq!(state.withdrawn_events(None).unwrap().len(), 2);
}
