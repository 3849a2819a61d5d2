//! Counting by an index, in one pass or in memory comes to the same.

use std::collections::HashSet;

use proptest::prelude::*;

use super::lowering::{asked, in_memory};
use super::made_up::{filled, predicates, rows, sets, starts};
use crate::adapter::api::{Group, Inspect};
use crate::adapter::sqlite::tally::moment;
use crate::model::predicate::Predicate;
use crate::model::start::StartState;
use crate::time::StartSet;

proptest! {
    #[test]
    fn groups_are_counted_exactly(
        rows in rows(),
        groups in prop::collection::vec((predicates(), proptest::option::of(starts()), 0_usize..4), 1..5),
    ) {
        let database = filled(&rows);
        let scope = asked();
        let all = database.store.scan(&scope, &Predicate::Always(true), None, 100).unwrap().rows;
        let groups: Vec<Group> = groups
            .into_iter()
            .map(|(predicate, start, samples)| Group { predicate, start, samples })
            .collect();
        let counted = database.store.count(&scope, &groups).unwrap();
        prop_assert!(counted.gaps.is_empty());
        for (group, tally) in groups.iter().zip(&counted.tallies) {
            let members: Vec<_> = all
                .iter()
                .filter(|row| in_memory(&database, &scope, row, &group.predicate) == Some(true))
                .collect();
            prop_assert_eq!(tally.count, members.len() as u64);
            let known = |row: &&crate::adapter::api::Row| {
                let start = group.start.as_ref()?;
                match start.read(row.fields.as_ref(), &scope.events, scope.now) {
                    StartState::Known(value) => Some(moment(start, value)),
                    _ => None,
                }
            };
            let times: Vec<i64> = members.iter().filter_map(known).collect();
            let at = |value| moment(group.start.as_ref().unwrap(), value);
            prop_assert_eq!(tally.oldest.map(at), times.iter().min().copied());
            prop_assert_eq!(tally.newest.map(at), times.iter().max().copied());
            let keys: HashSet<_> = members.iter().map(|row| row.key.clone()).collect();
            prop_assert_eq!(tally.samples.len(), group.samples.min(members.len()));
            prop_assert!(tally.samples.iter().all(|key| keys.contains(key)));
        }
    }

    #[test]
    fn a_survey_counts_what_each_set_holds(
        rows in rows(),
        predicate in prop_oneof![Just(Predicate::Always(true)), predicates()],
        start in starts(),
        mut sets in prop::collection::vec(sets(), 1..5),
    ) {
        let database = filled(&rows);
        let scope = asked();
        let all = database.store.scan(&scope, &Predicate::Always(true), None, 100).unwrap().rows;
        grow(&mut sets);
        let surveyed = database.store.survey(&scope, &predicate, &start, &sets).unwrap();
        let expected: Vec<u64> = sets
            .iter()
            .map(|set| {
                let inside = all.iter().filter(|row| {
                    in_memory(&database, &scope, row, &predicate) == Some(true)
                        && start
                            .read_known(row.fields.as_ref(), &scope.events)
                            .is_some_and(|value| set.contains(value))
                });
                inside.count() as u64
            })
            .collect();
        prop_assert_eq!(surveyed.counts, expected);
    }
}

/// Makes each set contain the one before it.
fn grow(sets: &mut [StartSet]) {
    for at in 1..sets.len() {
        let (before, after) = sets.split_at_mut(at);
        let (before, set) = (&before[at - 1], &mut after[0]);
        let bound = before.last().unwrap().max(set.bound().unwrap());
        set.instants.retain(|(from, _)| from.is_some_and(|from| from > bound));
        set.instants.insert(0, (None, bound));
        set.dates_through = set.dates_through.max(before.dates_through);
    }
}

#[test]
fn keys_that_are_left_out_are_not_counted() {
    use crate::model::key::Key;
    let world = super::world(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER); CREATE INDEX i ON record (at);
         WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 10)
         INSERT INTO record SELECT id, CASE WHEN id <= 8 THEN 1700000000 + id ELSE 1793000000 END FROM n;",
    );
    let job = super::job(super::target("record"), crate::adapter::api::Act::Delete, 8);
    let keys = |ids: &[i64]| {
        Predicate::KeyIn(std::sync::Arc::new(ids.iter().map(|id| Key::from_int(*id)).collect()))
    };
    let all_due = job.predicate;
    let predicate = all_due.and(keys(&[1, 2, 9]).negated()).and(keys(&[2, 99]).negated());
    let group = Group { predicate, start: Some(job.start), samples: 2 };
    let tally = world.store.count(&job.scope, &[group]).unwrap().tallies.remove(0);
    assert_eq!(tally.count, 6);
    assert_eq!(tally.samples, [Key::from_int(3), Key::from_int(4)]);
    assert_eq!(tally.oldest, Some(crate::time::StartValue::Instant(super::at("2023-11-14T22:13:23Z"))));
}
