//! The reading half: counts, surveys, scans and reads say what memory says, and change nothing.

use std::collections::HashSet;
use std::sync::Arc;

use super::suite::{Make, Suite, due, edges, now, record, skip, up_to};
use super::{At, Content};
use crate::adapter::api::{Group, StoreErrorKind};
use crate::model::key::Key;
use crate::model::predicate::{Predicate, StartIs, TextTest};
use crate::model::start::Start;
use crate::model::value::{Field, Value};

/// `total` counts what is there, where it says that it is exact.
pub fn the_total_counts_every_record(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let total = suite.store().total(&suite.scope.target).unwrap();
    if total.exact {
        assert_eq!(total.count, suite.content.records.len() as u64);
    }
}

/// A schema names every field and a key, and the same collection has the same fingerprint.
pub fn probing_describes_the_fields_and_repeats_itself(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let probe = || suite.store().probe(&suite.scope.target).unwrap();
    let (schema, names) = (probe(), suite.fixture.names());
    let start = suite.start.single_field().unwrap().column.clone();
    for column in [names.word, names.number, start] {
        assert!(schema.column(&column).is_some(), "`{column}` is not described");
    }
    assert!(!schema.key.is_empty());
    assert_eq!(schema.key_form, suite.store().capabilities().key_form);
    assert_eq!(schema, probe());
    let listed = suite.store().collections().unwrap();
    assert!(
        listed.iter().all(|one| !one.schema.collection.contains("forfall")),
        "a mark of ours is no collection of the store"
    );
}

/// A slip of the pen is answered with the name that was probably meant.
pub fn an_unknown_collection_is_refused_with_the_nearest_name(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let Some(misspelt) = suite.fixture.misspelt() else { return skip("every name of a collection is legal") };
    let error = suite.store().probe(&misspelt).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NotFound);
    assert!(error.to_string().contains(&suite.scope.target.collection), "{error}");
    let scope = crate::adapter::api::Scope { target: Arc::new(misspelt), ..suite.scope.clone() };
    assert!(suite.store().count(&scope, &[suite.group(Predicate::Always(true))]).is_err());
}

/// The same store has one identity, another store another.
pub fn identity_is_stable_and_tells_stores_apart(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let identity = || suite.store().identity().unwrap();
    let first = identity();
    suite.carry_out(suite.deletion(Predicate::Always(true)), 10).unwrap();
    assert_eq!(first.difference(&identity()), None, "a deletion does not make another store");
    let mut another = suite.fixture.another();
    another.fill(&suite.content);
    another.store().adopt(&another.target()).unwrap();
    assert!(first.difference(&another.store().identity().unwrap()).is_some());
}

/// Counts with the earliest and latest start, and examples of their keys.
pub fn counts_come_with_oldest_and_newest(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    for predicate in
        [Predicate::Always(true), suite.word_is("beta"), suite.starts_in(due()), Predicate::Always(false)]
    {
        let expected = suite.expected(&predicate);
        let mut starts: Vec<_> = expected.iter().filter_map(|id| suite.known(suite.stored(*id))).collect();
        starts.sort_by_key(|start| suite.start.instant_of(*start));
        let group = Group { samples: 2, ..suite.group(predicate) };
        let counted = suite.store().count(&suite.scope, &[group]).unwrap();
        let tally = &counted.tallies[0];
        assert_eq!(tally.count, expected.len() as u64);
        assert_eq!((tally.oldest, tally.newest), (starts.first().copied(), starts.last().copied()));
        let samples = suite.ids(&tally.samples);
        assert_eq!(samples.len(), expected.len().min(2));
        assert!(samples.iter().all(|id| expected.contains(id)), "an example outside its group");
        assert_eq!(samples.iter().collect::<HashSet<_>>().len(), samples.len());
    }
}

/// One call for many groups gives what many calls give, also without a start.
pub fn many_groups_are_counted_as_one_by_one(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let predicates = [
        suite.word_is("alpha"),
        suite.starts_in(due()),
        Predicate::Always(true),
        suite.word_is("alpha").negated(),
        Predicate::Always(false),
    ];
    let groups: Vec<_> = predicates.iter().map(|predicate| suite.group(predicate.clone())).collect();
    let together = suite.store().count(&suite.scope, &groups).unwrap().tallies;
    let one_by_one: Vec<_> = predicates.iter().map(|predicate| suite.tally(predicate)).collect();
    assert_eq!(together, one_by_one);
    let bare = Group { predicate: Predicate::Always(true), start: None, samples: 0 };
    let tally = &suite.store().count(&suite.scope, &[bare]).unwrap().tallies[0];
    assert_eq!((tally.count, tally.oldest), (suite.content.records.len() as u64, None));
    assert_eq!(suite.store().count(&suite.scope, &[]).unwrap().tallies, []);
}

/// A condition is true, false or unknown for each record, and unknown exactly for NULL.
pub fn true_false_and_unknown_make_up_the_whole(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let is_alpha = suite.word_is("alpha");
    let unknown = suite.tally(&is_alpha.clone().unknown()).count;
    assert_eq!(unknown, suite.tally(&Predicate::IsNull(suite.word())).count);
    assert_eq!(unknown > 0, suite.fixture.can().nulls);
    let parts = [is_alpha.clone(), is_alpha.clone().negated(), is_alpha.clone().unknown()];
    let sum: u64 = parts.iter().map(|part| suite.tally(part).count).sum();
    assert_eq!(sum, suite.content.records.len() as u64);
    let not_surely =
        suite.tally(&Predicate::Not(Box::new(Predicate::Surely(Box::new(is_alpha.clone()))))).count;
    assert_eq!(not_surely, sum - suite.tally(&is_alpha).count);
}

/// Each start is known, waiting or undetermined, and only a known one is in a set.
pub fn the_states_of_the_start_make_up_the_whole(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    states_agree(&suite, &suite.start);
    let undetermined = ask(&suite.start, StartIs::Undetermined { now: now() });
    assert!(suite.expected(&undetermined).contains(&7) && suite.expected(&undetermined).contains(&8));
    assert_eq!(suite.tally(&ask(&suite.start, StartIs::Waiting { now: now() })).count, 0);
}

/// `waiting-if` turns NULL and the future into waiting.
pub fn waiting_is_what_the_policy_says(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    for (waiting_if_empty, waiting_if_future) in [(true, false), (false, true), (true, true)] {
        let start = Start { waiting_if_empty, waiting_if_future, ..suite.fixture.start() };
        states_agree(&suite, &start);
    }
}

fn ask(start: &Start, is: StartIs) -> Predicate {
    Predicate::Start { start: Arc::new(start.clone()), is }
}

fn states_agree(suite: &Suite, start: &Start) {
    let now = now();
    let states = [
        StartIs::Known { now },
        StartIs::Waiting { now },
        StartIs::Undetermined { now },
        StartIs::In(due()),
        StartIs::In(up_to("2027-01-01T00:00:00Z")),
    ];
    let counts = states.map(|is| {
        let predicate = ask(start, is);
        let count = suite.tally(&predicate).count;
        assert_eq!(count, suite.expected(&predicate).len() as u64, "{predicate:?}");
        count
    });
    assert_eq!(counts[0] + counts[1] + counts[2], suite.content.records.len() as u64);
}

/// A collection without records is counted, scanned and walked like any other.
pub fn an_empty_collection_is_no_error(make: Make<'_>) {
    let suite = Suite::new(make, |_| Content::default());
    suite.store().adopt(&suite.scope.target).unwrap();
    assert_eq!(suite.tally(&Predicate::Always(true)).count, 0);
    let page = suite.store().scan(&suite.scope, &Predicate::Always(true), None, 10).unwrap();
    assert!(page.rows.is_empty() && !page.more);
    let done = suite.carry_out(suite.deletion(Predicate::Always(true)), 10).unwrap();
    assert_eq!(done.applied.done, 0);
}

/// Growing sets give growing counts, each the same as a count of its own.
pub fn a_survey_is_cumulative_and_agrees_with_counts(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let ends = [
        "1989-12-31T00:00:00Z",
        "2025-06-01T00:00:00Z",
        "2026-10-01T12:00:00Z",
        "2026-10-01T12:00:01Z",
        "2026-11-02T12:00:00Z",
        "2027-06-01T00:00:00Z",
    ];
    let sets = ends.map(up_to);
    for predicate in [Predicate::Always(true), suite.word_is("alpha"), suite.word_is("alpha").unknown()] {
        let survey = suite.store().survey(&suite.scope, &predicate, &suite.start, &sets).unwrap();
        let counts = sets.clone().map(|set| suite.tally(&predicate.clone().and(suite.starts_in(set))).count);
        assert_eq!(survey.counts, counts);
        assert!(survey.counts.is_sorted() && survey.gaps.is_empty());
    }
    assert!(
        suite
            .store()
            .survey(&suite.scope, &Predicate::Always(true), &suite.start, &[])
            .unwrap()
            .counts
            .is_empty()
    );
}

fn scanned(suite: &Suite, predicate: &Predicate, limit: usize) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    loop {
        let page = suite.store().scan(&suite.scope, predicate, keys.last(), limit).unwrap();
        assert!(page.rows.len() <= limit && page.gaps.is_empty());
        assert!(!page.more || !page.rows.is_empty(), "an empty page that promises more has no end");
        keys.extend(page.rows.into_iter().map(|row| row.key));
        assert!(keys.len() <= suite.content.records.len(), "a record comes twice");
        if !page.more {
            return keys;
        }
    }
}

/// Pages of every size give the same records in key order.
pub fn pages_follow_the_key_and_miss_nothing(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    for predicate in
        [Predicate::Always(true), suite.word_is("alpha"), suite.starts_in(due()), Predicate::Always(false)]
    {
        let mut expected: Vec<Key> =
            suite.expected(&predicate).iter().map(|id| suite.fixture.key(suite.stored(*id))).collect();
        expected.sort();
        for limit in [1, 2, 5, expected.len().max(1), 1000] {
            let keys = scanned(&suite, &predicate, limit);
            assert_eq!(suite.ids(&keys), suite.ids(&expected), "in pages of {limit}");
        }
    }
}

/// The key after which a page begins need not exist any more.
pub fn a_page_begins_after_a_key_that_is_gone(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let all = scanned(&suite, &Predicate::Always(true), 100);
    let gone = suite.ids(&all)[2];
    suite.fixture.remove(suite.stored(gone));
    let page = suite.store().scan(&suite.scope, &Predicate::Always(true), Some(&all[2]), 100).unwrap();
    let keys: Vec<Key> = page.rows.into_iter().map(|row| row.key).collect();
    assert_eq!(suite.ids(&keys), suite.ids(&all[3..]));
}

/// A scanned row has the values that were stored, and starts are read from it.
pub fn rows_carry_the_fields_as_stored(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let page = suite.store().scan(&suite.scope, &Predicate::Always(true), None, 100).unwrap();
    assert_eq!(page.rows.len(), suite.content.records.len());
    for row in page.rows {
        let stored = suite.stored(suite.ids([&row.key])[0]);
        same_fields(&suite, row.fields.as_ref(), stored);
    }
}

fn same_fields(suite: &Suite, fields: &dyn crate::model::value::Fields, stored: &super::Record) {
    let seen = suite.seen(stored);
    for field in [suite.word(), suite.number(), suite.start.single_field().unwrap().clone()] {
        let expected = crate::model::value::Fields::get(&seen, &field);
        assert!(fields.get(&field) == expected, "`{field}` of record {}", stored.id);
    }
    assert!(fields.get(&Field::own("no_such_column")).is_none());
    assert_eq!(fields.key(), suite.fixture.key(stored));
    assert_eq!(fields.event_key(), crate::model::value::Fields::event_key(&seen));
    let read = |fields| suite.start.read(fields, &suite.scope.events, suite.scope.now);
    assert_eq!(read(fields), read(&seen));
}

/// A key gives its record, a strange key none.
pub fn one_record_is_read_by_its_key(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    for stored in &suite.content.records {
        let row = suite.store().read(&suite.scope, &suite.fixture.key(stored)).unwrap().expect("it is there");
        assert_eq!(row.key, suite.fixture.key(stored));
        same_fields(&suite, row.fields.as_ref(), stored);
    }
    let stranger = record(999, "2026-01-01T10:00:00Z", "alpha");
    assert!(suite.store().read(&suite.scope, &suite.fixture.key(&stranger)).unwrap().is_none());
}

/// Events are found under the record's own key and under a field, and no record is unknown.
pub fn events_are_looked_up_by_key_and_field(make: Make<'_>) {
    let mut suite = Suite::new(make, edges);
    let form = suite.store().capabilities().key_form;
    let key = suite.fixture.key(suite.stored(2)).text(form);
    suite.record_event("closed", &key);
    suite.record_event("closed", "beta");
    suite.record_event("closed", "5");
    suite.record_event("opened", "alpha");
    let event = |name: &str, of: Option<Field>| Predicate::Event { name: name.to_owned(), of };
    let cases = [
        event("closed", None),
        event("closed", Some(suite.word())),
        event("closed", Some(suite.number())),
        event("opened", Some(suite.word())),
        event("never", None),
    ];
    for predicate in cases {
        let expected = suite.expected(&predicate).len() as u64;
        assert_eq!(suite.tally(&predicate).count, expected, "{predicate:?}");
        let others = suite.tally(&predicate.negated()).count;
        assert_eq!(expected + others, suite.content.records.len() as u64);
    }
    assert!(suite.expected(&event("closed", None)).contains(&2));
}

/// Records can be named and left out by key, also keys that are not there.
pub fn keys_can_be_asked_for(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let key = |record: &super::Record| suite.fixture.key(record);
    let stranger = record(999, "2026-01-01T10:00:00Z", "alpha");
    let keys = HashSet::from([key(suite.stored(1)), key(suite.stored(7)), key(&stranger)]);
    let named = Predicate::KeyIn(Arc::new(keys));
    assert_eq!(suite.tally(&named).count, 2);
    assert_eq!(suite.tally(&named.negated()).count, suite.content.records.len() as u64 - 2);
    assert_eq!(suite.tally(&Predicate::KeyIn(Arc::default())).count, 0);
}

/// Case counts, and no character is a wildcard.
pub fn texts_are_tested_to_the_letter(make: Make<'_>) {
    let words = ["alpha", "Alpha", "a%b", "a_b", "axb", "åre", "re"];
    let suite = Suite::new(make, |_| {
        let words = words.iter().zip(1..);
        let records = words.map(|(word, id)| record(id, "2026-01-01T10:00:00Z", word)).collect();
        Content { records, ..Content::default() }
    });
    for needle in ["a", "A", "%", "_", "a%", "a_", "b", "re", "å", "", "alpha", "alphabet"] {
        for test in [TextTest::StartsWith, TextTest::EndsWith, TextTest::Contains] {
            let predicate = Predicate::Text { field: suite.word(), test, needle: needle.to_owned() };
            assert_eq!(
                suite.tally(&predicate).count,
                suite.expected(&predicate).len() as u64,
                "{predicate:?}"
            );
        }
    }
    for word in words {
        assert_eq!(suite.tally(&suite.word_is(word)).count, 1, "{word}");
        let one_of = Predicate::OneOf { field: suite.word(), values: vec![Value::Text(word.to_owned())] };
        assert_eq!(suite.tally(&one_of).count, 1, "{word}");
    }
}

/// Whatever is asked, the storage is the same afterwards.
pub fn reading_changes_nothing(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let before = suite.fixture.left();
    let (store, scope) = (suite.store(), &suite.scope);
    let all = Predicate::Always(true);
    store.collections().unwrap();
    store.probe(&scope.target).unwrap();
    store.total(&scope.target).unwrap();
    suite.tally(&suite.starts_in(due()));
    store.survey(scope, &all, &suite.start, &[due()]).unwrap();
    store.scan(scope, &all, None, 3).unwrap();
    store.read(scope, &suite.fixture.key(suite.stored(1))).unwrap();
    assert_eq!(suite.fixture.left(), before);
    assert_eq!(before.len(), suite.content.records.len());
    assert!(before.iter().all(|record| record.at != At::Garbage || suite.fixture.can().garbage_start));
}
