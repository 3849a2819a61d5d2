//! Rows that a record belongs to, rows that keep it, and things that go with it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::suite::{Make, Suite, due, instant, now, record, skip};
use super::{At, Can, Child, Content, Parent, Record};
use crate::adapter::api::{Act, Job, Prepared};
use crate::model::predicate::{Comparison, Operand, Predicate, StartIs};
use crate::model::start::{Start, StartSource};
use crate::model::value::{Field, Value};

const OLD: &str = "2026-01-01T10:00:00Z";

/// Records with a parent, without one, and with one that does not exist; the first two have children.
fn family(can: Can) -> Content {
    let parented = |id, at, parent| Record { parent, ..record(id, at, "alpha") };
    let parent = |id, at: &str, word: Option<&str>| Parent {
        id,
        at: At::Instant(instant(at)),
        word: word.map(str::to_owned),
    };
    let records = vec![
        parented(1, OLD, Some(101)),
        parented(2, OLD, Some(102)),
        parented(3, OLD, Some(103)),
        parented(4, OLD, Some(999)),
        parented(5, OLD, None),
        parented(6, "2026-11-01T00:00:00Z", Some(101)),
    ];
    let unnamed = if can.nulls { None } else { Some("gamma") };
    let parents = vec![
        parent(101, OLD, Some("open")),
        parent(102, "2026-10-31T00:00:00Z", Some("closed")),
        parent(103, OLD, unnamed),
    ];
    let child = |id, of| Child { id, of };
    let children = vec![child(201, 1), child(202, 1), child(203, 2), child(204, 6), child(205, 6)];
    Content { records, parents, children }
}

fn linked(make: Make<'_>) -> Option<(Suite, String)> {
    let suite = Suite::bound(make, family, |fixture, target| target.links.extend(fixture.link()));
    let Some(link) = suite.fixture.link() else {
        skip("the store has no links");
        return None;
    };
    suite.store().adopt(&suite.scope.target).unwrap();
    Some((suite, link.name))
}

fn agrees(suite: &Suite, predicate: &Predicate) -> BTreeSet<u32> {
    let expected = suite.expected(predicate);
    assert_eq!(suite.tally(predicate).count, expected.len() as u64, "{predicate:?}");
    expected
}

/// The linked row's value decides; without such a row everything about it is unknown.
pub fn a_linked_field_is_read_and_missing_rows_are_unknown(make: Make<'_>) {
    let Some((suite, link)) = linked(make) else { return };
    let word = Field::linked(link, suite.fixture.names().word);
    let compare = |op, with| Predicate::Compare { field: word.clone(), op, with };
    let open = || Operand::Value(Value::Text("open".to_owned()));
    assert_eq!(agrees(&suite, &compare(Comparison::Equal, open())), BTreeSet::from([1, 6]));
    agrees(&suite, &compare(Comparison::NotEqual, open()));
    agrees(&suite, &compare(Comparison::Less, Operand::Field(suite.word())));
    agrees(&suite, &Predicate::OneOf { field: word.clone(), values: vec![Value::Text("closed".to_owned())] });
    let is_null = Predicate::IsNull(word);
    agrees(&suite, &is_null);
    assert_eq!(agrees(&suite, &is_null.clone().unknown()), BTreeSet::from([4, 5]));
    assert_eq!(suite.tally(&is_null.negated()).count, if suite.fixture.can().nulls { 3 } else { 4 });
    let schema = suite.store().probe(&suite.scope.target).unwrap();
    assert_eq!(schema.linked.len(), 1);
}

/// A start in the linked row is read there; a missing row makes the record undetermined.
pub fn the_start_may_stand_in_the_linked_row(make: Make<'_>) {
    let Some((suite, link)) = linked(make) else { return };
    let own = suite.fixture.start();
    let field = Field::linked(link, own.single_field().unwrap().column.clone());
    let start = Arc::new(Start { source: StartSource::Field(field), waiting_if_empty: true, ..own });
    let ask = |is| Predicate::Start { start: Arc::clone(&start), is };
    assert_eq!(agrees(&suite, &ask(StartIs::In(due()))), BTreeSet::from([1, 3, 6]));
    assert_eq!(agrees(&suite, &ask(StartIs::Undetermined { now: now() })), BTreeSet::from([4, 5]));
    agrees(&suite, &ask(StartIs::Known { now: now() }));
    let survey = suite.store().survey(&suite.scope, &Predicate::Always(true), &start, &[due()]).unwrap();
    assert_eq!(survey.counts, [3]);
    let predicate = ask(StartIs::In(due()));
    let scope = suite.scope.clone();
    let job = Job {
        scope,
        predicate,
        start: Arc::clone(&start),
        due: due(),
        act: Act::Delete,
        aggregate: None,
        expected: 3,
    };
    assert_eq!(suite.carry_out(job, 2).unwrap().ids(), BTreeSet::from([1, 3, 6]));
}

/// A deletion judges the linked row too.
pub fn linked_fields_decide_what_is_deleted(make: Make<'_>) {
    let Some((suite, link)) = linked(make) else { return };
    let field = Field::linked(link, suite.fixture.names().word);
    let with = Operand::Value(Value::Text("open".to_owned()));
    let not_open = Predicate::Compare { field, op: Comparison::NotEqual, with };
    let job = suite.deletion(not_open);
    let expected = suite.expected(&job.predicate);
    assert!(expected.contains(&2) && !expected.contains(&1) && !expected.contains(&4));
    assert_eq!(suite.carry_out(job, 1).unwrap().ids(), expected);
    assert_eq!(suite.left(), &suite.all() - &expected);
}

/// A record that some row refers to can be counted and kept.
pub fn what_is_reached_can_be_kept(make: Make<'_>) {
    let suite = Suite::bound(make, family, |fixture, target| target.reached_by.extend(fixture.reach()));
    let Some(reach) = suite.fixture.reach() else { return skip("nothing in the store refers to records") };
    suite.store().adopt(&suite.scope.target).unwrap();
    let reached = Predicate::Reached(reach);
    assert_eq!(agrees(&suite, &reached), BTreeSet::from([1, 2, 6]));
    agrees(&suite, &reached.clone().negated());
    let done = suite.carry_out(suite.deletion(reached.negated()), 2).unwrap();
    assert_eq!(done.ids(), BTreeSet::from([3, 4, 5]));
    assert_eq!(suite.left(), BTreeSet::from([1, 2, 6]));
    assert_eq!(suite.fixture.children_left().len(), 5);
}

fn accompanied(make: Make<'_>) -> Option<Suite> {
    let suite = Suite::bound(make, family, |fixture, target| target.with.extend(fixture.with()));
    if suite.fixture.with().is_none() {
        skip("nothing in the store goes with records");
        return None;
    }
    suite.store().adopt(&suite.scope.target).unwrap();
    Some(suite)
}

/// What goes with a record is listed and goes; what belongs to others stays.
pub fn companions_go_with_their_record(make: Make<'_>) {
    let Some(suite) = accompanied(make) else { return };
    let mut walk = suite.store().walk(suite.deletion(Predicate::Always(true))).unwrap();
    let (mut companions, mut done) = (HashSet::new(), 0);
    let mut commit = |batch: Box<dyn Prepared + '_>| {
        for (_, keys) in batch.companions() {
            companions.extend(keys);
        }
        done += batch.commit().unwrap().done;
    };
    while suite.next(walk.as_mut(), &suite.label(), 2, &HashSet::new(), &mut commit).unwrap().is_some() {}
    drop(walk);
    assert_eq!((companions.len(), done), (3, 5));
    assert_eq!(suite.left(), BTreeSet::from([6]));
    let mut children = suite.fixture.children_left();
    children.sort_unstable();
    assert_eq!(children, [204, 205]);
}

/// Rows whose record is not there are counted, and stay.
pub fn rows_without_their_record_are_counted(make: Make<'_>) {
    let content = |can| {
        let mut content = family(can);
        content.children.extend([Child { id: 206, of: 77 }, Child { id: 207, of: 78 }]);
        content
    };
    let suite = Suite::bound(make, content, |fixture, target| target.with.extend(fixture.with()));
    match suite.fixture.with() {
        None => return skip("nothing in the store goes with records"),
        Some(with) if with.by.is_none() => {
            assert_eq!(suite.store().orphans(&suite.scope.target).unwrap(), [None]);
            return skip("what goes with records is not counted without them");
        }
        Some(_) => {}
    }
    assert_eq!(suite.store().orphans(&suite.scope.target).unwrap(), [Some(2)]);
    suite.fixture.remove(suite.stored(6));
    assert_eq!(suite.store().orphans(&suite.scope.target).unwrap(), [Some(4)]);
    assert_eq!(suite.fixture.children_left().len(), 7);
}

/// A batch that is taken back gives its companions back.
pub fn companions_of_an_aborted_batch_stay(make: Make<'_>) {
    let Some(suite) = accompanied(make) else { return };
    let mut walk = suite.store().walk(suite.deletion(Predicate::Always(true))).unwrap();
    suite.first(walk.as_mut(), |batch| {
        assert_eq!(batch.companions().iter().map(|(_, keys)| keys.len()).sum::<usize>(), 3);
        batch.abort().unwrap();
    });
    drop(walk);
    assert_eq!((suite.left(), suite.fixture.children_left().len()), (suite.all(), 5));
}
