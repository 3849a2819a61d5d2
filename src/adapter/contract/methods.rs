//! What a server makes of a value is what the method makes of it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::suite::now;
use crate::adapter::api::{Act, Dispose, Group, Job, Scope};
use crate::model::action::Change;
use crate::model::batch::BatchLabel;
use crate::model::evaluate::World;
use crate::model::ids::{BatchId, PolicyId, RunId};
use crate::model::key::Key;
use crate::model::method::Method;
use crate::model::predicate::Predicate;
use crate::model::value::{Field, Fields, Value};

/// The job that makes these changes wherever one of them has not been made.
pub fn change(job: Job, changes: &[(&str, Method)]) -> Job {
    let changes = changes
        .iter()
        .map(|(column, method)| Change { column: (*column).to_owned(), method: Arc::new(method.clone()) });
    let changes: Vec<Change> = changes.collect();
    let predicate = job.predicate.clone().and(Predicate::All(changes.iter().map(done).collect()).negated());
    Job { predicate, act: Act::Change(changes), ..job }
}

fn done(change: &Change) -> Predicate {
    Predicate::Done { column: change.column.clone(), method: Arc::clone(&change.method) }
}

/// The values of the changed columns, by key.
fn values(store: &dyn Dispose, scope: &Scope, changes: &[Change]) -> BTreeMap<Key, Vec<Value>> {
    let page = store.scan(scope, &Predicate::Always(true), None, 1000).unwrap();
    let of = |fields: &dyn Fields| {
        let value = |change: &Change| fields.get(&Field::own(change.column.as_str())).unwrap();
        changes.iter().map(value).collect()
    };
    page.rows.iter().map(|row| (row.key.clone(), of(row.fields.as_ref()))).collect()
}

fn count(store: &dyn Dispose, scope: &Scope, predicate: Predicate) -> u64 {
    let group = Group { predicate, start: None, samples: 0 };
    store.count(scope, &[group]).unwrap().tallies[0].count
}

/// Carries the job out and compares every record with what the methods themselves make of it; a record that holds what
/// one of them cannot work on stays whole. What is done is told apart from what is not, before and after, and nothing
/// is done twice. Gives how many were left because of a value.
pub fn are_the_same_in_sql(store: &dyn Dispose, job: &Job) -> usize {
    let Act::Change(changes) = &job.act else { panic!("a change") };
    let scope = &job.scope;
    let rows = store.scan(scope, &Predicate::Always(true), None, 1000).unwrap().rows;
    let world = World { events: &scope.events, reached: &|_| false };
    for change in changes {
        let is_done = done(change);
        let expected = rows.iter().filter(|row| is_done.holds(row.fields.as_ref(), &world)).count();
        assert_eq!(count(store, scope, is_done), expected as u64, "done before: {change:?}");
    }
    let before = values(store, scope, changes);
    let mut expected = before.clone();
    let mut failing = HashSet::new();
    for row in rows.iter().filter(|row| job.predicate.holds(row.fields.as_ref(), &world)) {
        let new = changes.iter().zip(&before[&row.key]).map(|(change, value)| change.method.apply(value));
        match new.collect::<Result<Vec<Value>, _>>() {
            Ok(new) => drop(expected.insert(row.key.clone(), new)),
            Err(_) => drop(failing.insert(row.key.clone())),
        }
    }
    let meant = rows.iter().filter(|row| job.predicate.holds(row.fields.as_ref(), &world)).count();
    let (done_now, left) = carry_out(store, job);
    assert_eq!((done_now, left), (meant - failing.len(), failing.len()));
    for (key, after) in values(store, scope, changes) {
        for ((change, after), expected) in changes.iter().zip(&after).zip(&expected[&key]) {
            let shown =
                (before[&key].iter().map(Value::kind).collect::<Vec<_>>(), after.kind(), expected.kind());
            assert!(
                as_number(after) == as_number(expected),
                "{change:?} of {}: {shown:?}",
                key.text(store.capabilities().key_form)
            );
        }
    }
    assert_eq!(
        count(store, scope, job.predicate.clone()),
        failing.len() as u64,
        "what is done is seen to be"
    );
    assert_eq!(carry_out(store, job), (0, failing.len()), "nothing is done twice");
    failing.len()
}

/// A flag in a column of numbers is a number.
fn as_number(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => Value::Int(i64::from(*flag)),
        other => other.clone(),
    }
}

fn carry_out(store: &dyn Dispose, job: &Job) -> (usize, usize) {
    let label = BatchLabel {
        batch: BatchId::at(now()),
        run: RunId::at(now()),
        policy: PolicyId::new("contract"),
        store: job.scope.target.store.clone(),
        collection: job.scope.target.collection.clone(),
        class: None,
        stage: 1,
        action: "anonymize".to_owned(),
    };
    let mut walk = store.walk(job.clone()).unwrap();
    let (mut done, mut left) = (0, 0);
    while let Some(batch) = walk.prepare(&label, 3, &HashSet::new()).unwrap() {
        if batch.records().is_empty() {
            batch.abort().unwrap();
            continue;
        }
        let applied = batch.commit().unwrap();
        done += usize::try_from(applied.done).unwrap();
        left += applied.failed.len();
    }
    (done, left)
}
