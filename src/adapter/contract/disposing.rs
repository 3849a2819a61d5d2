//! The changing half: exactly what is due goes, batch by batch, and nothing before the commit.

use std::collections::{BTreeSet, HashSet};

use super::suite::{Make, Suite, done_by, due, edges, instant, now, skip};
use super::{At, Content, Record};
use crate::adapter::api::{Act, Prepared};
use crate::model::predicate::Predicate;
use crate::time::StartSet;

const ALL: Predicate = Predicate::Always(true);

/// `adopt` may be repeated: same identity, nothing lost.
pub fn adopting_twice_is_harmless(make: Make<'_>) {
    let suite = Suite::new(make, edges);
    let adopt = || suite.store().adopt(&suite.scope.target).unwrap();
    let first = adopt();
    assert_eq!(first, adopt());
    assert_eq!(first, suite.store().identity().unwrap());
    assert_eq!(suite.left(), suite.all());
    assert_eq!(suite.tally(&ALL).count, suite.content.records.len() as u64);
}

/// What is due goes; what is not due, not plausible, empty or unreadable stays.
pub fn exactly_the_due_are_deleted(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let job = suite.deletion(ALL);
    let expected = suite.expected(&job.predicate);
    assert_eq!(expected, BTreeSet::from([1, 2, 3, 11, 12]));
    let done = suite.carry_out(job, 100).unwrap();
    assert_eq!(done.ids(), expected);
    assert_eq!((done.applied.done, done.applied.skipped.len(), done.applied.failed.len()), (5, 0, 0));
    assert_eq!(suite.left(), &suite.all() - &expected);
    assert_eq!(suite.tally(&suite.starts_in(due())).count, 0, "a recount finds nothing due");
    assert_eq!(suite.carry_out(suite.deletion(ALL), 100).unwrap().applied.done, 0);
}

/// Batches hold about as many as wanted, each record once.
pub fn small_batches_add_up(make: Make<'_>) {
    let suite = Suite::new(make, |_| {
        let record =
            |id| Record { number: Some(0), ..super::suite::record(id, "2026-01-01T10:00:00Z", "alpha") };
        Content { records: (1..=25).map(record).collect(), ..Content::default() }
    });
    suite.store().adopt(&suite.scope.target).unwrap();
    let done = suite.carry_out(suite.deletion(ALL), 4).unwrap();
    assert_eq!((done.ids(), done.applied.done), (suite.all(), 25));
    assert!(done.batches.iter().all(|batch| batch.len() <= 8), "batches of {:?}", done.batches);
    assert!(done.batches.len() >= 4);
    assert_eq!(suite.left(), BTreeSet::new());
}

/// Nothing to do is the end, not an error.
pub fn a_predicate_that_holds_for_none_ends_at_once(make: Make<'_>) {
    let suite = Suite::adopted(make);
    for predicate in [Predicate::Always(false), suite.word_is("nobody")] {
        assert_eq!(suite.carry_out(suite.deletion(predicate), 100).unwrap().applied.done, 0);
    }
    let none = suite.job(ALL, StartSet::empty(), Act::Delete);
    assert_eq!(suite.carry_out(none, 100).unwrap().applied.done, 0);
    assert_eq!(suite.left(), suite.all());
}

/// A set of starts may have holes: only what lies in it goes.
pub fn only_the_exact_intervals_are_due(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let set = StartSet {
        instants: vec![
            (None, instant("2025-06-01T00:00:00Z")),
            (Some(instant("2026-02-01T10:00:00Z")), instant("2026-02-01T10:00:00Z")),
            (Some(instant("2026-10-01T12:00:00.000001Z")), instant("2026-10-01T12:00:01Z")),
        ],
        dates_through: None,
    };
    let done = suite.carry_out(suite.job(ALL, set, Act::Delete), 100).unwrap();
    assert_eq!(done.ids(), BTreeSet::from([2, 4, 11, 12]));
    assert_eq!(suite.left(), &suite.all() - &done.ids());
}

/// After an abort everything is there, and the same records are prepared again.
pub fn an_aborted_batch_leaves_everything_and_comes_again(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let mut walk = suite.store().walk(suite.deletion(ALL)).unwrap();
    let mut abort = || {
        let ids = suite.first(walk.as_mut(), |batch| {
            let ids = suite.ids(batch.records());
            batch.abort().unwrap();
            ids
        });
        assert_eq!(suite.left(), suite.all());
        ids
    };
    let first = abort();
    assert_eq!(first, abort());
    assert_eq!(first.len(), 5);
}

/// A batch that is let go of is taken back, and does not stand in the way of the next.
pub fn a_dropped_batch_is_an_aborted_one(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let mut walk = suite.store().walk(suite.deletion(ALL)).unwrap();
    suite.first(walk.as_mut(), |batch| drop(batch));
    assert_eq!(suite.left(), suite.all());
    drop(walk);
    assert_eq!(suite.carry_out(suite.deletion(ALL), 100).unwrap().applied.done, 5);
}

/// Keys that the caller leaves out, such as those held since, are in no batch.
pub fn what_is_left_out_stays(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let without: HashSet<_> = [1, 11].iter().map(|id| suite.fixture.key(suite.stored(*id))).collect();
    let mut walk = suite.store().walk(suite.deletion(ALL)).unwrap();
    let done = suite.finish(walk.as_mut(), 2, &without).unwrap();
    drop(walk);
    assert_eq!(done.ids(), BTreeSet::from([2, 3, 12]));
    assert_eq!(suite.left(), &suite.all() - &done.ids());
}

/// A key that turns out to be held after its batch was prepared is left out of the next, and the others still go.
pub fn a_batch_is_prepared_again_without_what_is_held(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let held = HashSet::from([suite.fixture.key(suite.stored(2))]);
    let mut walk = suite.store().walk(suite.deletion(ALL)).unwrap();
    suite.first(walk.as_mut(), |batch| batch.abort().unwrap());
    let done = suite.finish(walk.as_mut(), 100, &held).unwrap();
    drop(walk);
    assert_eq!(done.ids(), BTreeSet::from([1, 3, 11, 12]));
    assert_eq!(suite.left(), &suite.all() - &done.ids());
}

/// The whole predicate is judged on the record as it is, not as it was counted.
pub fn a_record_changed_before_its_batch_stays(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let mut walk = suite.store().walk(suite.deletion(suite.word_is("alpha"))).unwrap();
    // One is no longer due, one no longer of the class.
    suite.fixture.put(&Record { at: At::Instant(now()), ..suite.stored(1).clone() });
    suite.fixture.put(&Record { word: Some("beta".to_owned()), ..suite.stored(3).clone() });
    let done = suite.finish(walk.as_mut(), 100, &HashSet::new()).unwrap().ids();
    drop(walk);
    assert!(!done.contains(&1) && !done.contains(&3), "{done:?}");
    assert_eq!(suite.left(), &suite.all() - &done);
}

/// A record replaced between preparation and commit is left alone, and not reported as done.
pub fn a_record_changed_after_its_preparation_stays(make: Make<'_>) {
    let suite = Suite::adopted(make);
    if !suite.fixture.can().put_while_prepared {
        return skip("nobody can write while a batch is prepared");
    }
    let mut walk = suite.store().walk(suite.deletion(ALL)).unwrap();
    suite.first(walk.as_mut(), |batch| {
        let size = batch.records().len() as u64;
        suite.fixture.put(&Record { at: At::Instant(now()), ..suite.stored(2).clone() });
        match batch.commit() {
            Ok(applied) => {
                assert_eq!(applied.done, size - 1);
                assert_eq!(applied.skipped.len() + applied.failed.len(), 1);
            }
            Err(_) => assert!(suite.store().capabilities().transactional, "one record fails by itself"),
        }
    });
    drop(walk);
    assert!(suite.left().contains(&2));
}

/// A record that somebody else took away is not claimed.
pub fn a_record_gone_before_its_batch_is_not_in_it(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let mut walk = suite.store().walk(suite.deletion(ALL)).unwrap();
    suite.fixture.remove(suite.stored(1));
    let done = suite.finish(walk.as_mut(), 100, &HashSet::new()).unwrap();
    assert_eq!((done.ids(), done.applied.done), (BTreeSet::from([2, 3, 11, 12]), 4));
}

/// A committed batch is known as done, an aborted or unknown one as not done, however often one asks.
pub fn the_fate_of_a_batch_is_known_afterwards(make: Make<'_>) {
    let suite = Suite::adopted(make);
    let fate = |label, spool: &[u8], size| {
        let ask = || done_by(&suite.store().resolve(label, &suite.scope.target, spool).unwrap(), size);
        let first = ask();
        assert_eq!(first, ask(), "asking twice");
        first
    };
    let (aborted, committed) = (suite.label(), suite.label());
    let mut walk = suite.store().walk(suite.deletion(ALL)).unwrap();
    let mut end = |label, commit: bool| {
        let end = |batch: Box<dyn Prepared + '_>| {
            let known = (batch.records().len(), batch.spool());
            if commit {
                drop(batch.commit().unwrap());
            } else {
                batch.abort().unwrap();
            }
            known
        };
        suite.next(walk.as_mut(), label, 2, &HashSet::new(), end).unwrap().expect("records are due")
    };
    let (size, spool) = end(&aborted, false);
    assert_eq!(fate(&aborted, &spool, size), 0);
    assert_eq!(suite.left(), suite.all());
    let (size, spool) = end(&committed, true);
    drop(walk);
    let left = suite.left();
    assert_eq!(fate(&committed, &spool, size), size as u64);
    assert_eq!(suite.left(), left, "asking changes nothing");
}

/// `settle` may come at any time and takes nothing away.
pub fn settling_is_harmless(make: Make<'_>) {
    let suite = Suite::adopted(make);
    suite.store().settle(&suite.scope.target).unwrap();
    assert_eq!(suite.left(), suite.all());
    suite.carry_out(suite.deletion(ALL), 100).unwrap();
    let left = suite.left();
    for _ in 0..2 {
        suite.store().settle(&suite.scope.target).unwrap();
    }
    assert_eq!(suite.left(), left);
    assert_eq!(suite.tally(&ALL).count, left.len() as u64);
}
