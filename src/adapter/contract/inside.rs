//! Fields inside JSON: the same in every store that has columns of JSON, and what is of another type is unknown.
//!
//! An adapter fills `records (id, at, data)` with [`ROWS`] and hands over its store.

use std::collections::HashSet;
use std::sync::Arc;

use super::suite::now;
use crate::adapter::api::{Act, Dispose, Group, Job, Row, Scope};
use crate::model::batch::BatchLabel;
use crate::model::evaluate::World;
use crate::model::ids::{BatchId, PolicyId, RunId};
use crate::model::key::{Key, KeyForm};
use crate::model::predicate::{Comparison, EventBook, Operand, Predicate, StartIs, TextTest};
use crate::model::start::{Format, Start, StartSource};
use crate::model::target::Target;
use crate::model::value::{Field, Value};
use crate::time::{StartSet, Zone};

pub mod numbers;

/// What stands in `data`, under ids from 1. The first is due and of kind `x`.
pub const ROWS: [Option<&str>; 19] = [
    Some(r#"{"closed": {"at": "2026-01-01T00:00:00Z"}, "kind": "x"}"#),
    Some(r#"{"closed": {"at": "2026-10-31T00:00:00Z"}, "kind": "x"}"#),
    Some(r#"{"closed": {"at": null}, "kind": "x"}"#),
    Some(r#"{"kind": "x"}"#),
    Some(r#"{"closed": {"at": 1767225600}, "kind": "x"}"#),
    None,
    Some(r#"{"closed": {"at": "2026-01-01T00:00:00Z"}, "kind": 7}"#),
    Some(r#"{"closed": {"at": "2026-01-01T00:00:00Z"}, "kind": "y"}"#),
    Some(r#"{"closed": {"AT": "2026-01-01T00:00:00Z"}, "kind": "X"}"#),
    Some(r#"{"closed": ["2026-01-01T00:00:00Z"], "kind": true}"#),
    Some(r#"{"closed": "2026-01-01T00:00:00Z", "kind": ["x"]}"#),
    Some(r#"{"kind": "\u00e5 \"%\" \ud83d\ude00", "": {"": "x"}}"#),
    Some(r#"{"kind": null, "a b": {"c'\"]": "x"}}"#),
    Some(r#"{"kind": "", "closed": {}}"#),
    Some(r#"{"kind": "5"}"#),
    Some("[]"),
    Some("\"x\""),
    Some("null"),
    Some("1.5e300"),
];

fn field(path: &str) -> Field {
    Field::own(format!("data.{path}"))
}

fn is(path: &str, op: Comparison, text: &str) -> Predicate {
    let with = Operand::Value(Value::Text(text.to_owned()));
    Predicate::Compare { field: field(path), op, with }
}

fn predicates() -> Vec<Predicate> {
    let mut all = Vec::new();
    for path in ["kind", "closed", "closed.at", "closed.AT", "a b.c'\"]", ".", "none", "none.at"] {
        all.push(Predicate::IsNull(field(path)));
        all.push(Predicate::Event { name: "closed".to_owned(), of: Some(field(path)) });
        for text in ["x", "X", "", "5", "å \"%\" 😀", "2026-01-01T00:00:00Z"] {
            for op in [Comparison::Equal, Comparison::NotEqual, Comparison::Less, Comparison::GreaterOrEqual]
            {
                all.push(is(path, op, text));
            }
        }
        for test in [TextTest::StartsWith, TextTest::EndsWith, TextTest::Contains] {
            for needle in ["", "x", "%", "å", "2026"] {
                all.push(Predicate::Text { field: field(path), test, needle: needle.to_owned() });
            }
        }
        let texts = |texts: &[&str]| texts.iter().map(|text| Value::Text((*text).to_owned())).collect();
        all.push(Predicate::OneOf { field: field(path), values: texts(&["x", "5"]) });
        all.push(Predicate::OneOf { field: field(path), values: texts(&[]) });
        let other = Operand::Field(field("kind"));
        all.push(Predicate::Compare { field: field(path), op: Comparison::Equal, with: other });
    }
    all
}

/// A start at that path.
fn start(path: &str, format: Format) -> Arc<Start> {
    Arc::new(Start {
        source: StartSource::Field(field(path)),
        waiting_if_empty: false,
        waiting_if_future: false,
        cutoff: None,
        format: Some(format),
        zone: Zone::UTC,
        earliest: "1990-01-01".parse().unwrap(),
    })
}

/// Every answer is the one that memory gives of the same row; the start decides; and one record goes.
pub fn texts_inside_json_are_fields(store: &dyn Dispose, target: Target) {
    let scope = adopted(store, target);
    assert_eq!(as_memory_answers(store, &scope, predicates()), ROWS.len());
    let kind = is("kind", Comparison::Equal, "x");
    assert_eq!(ids(store, &scope, &kind), [1, 2, 3, 4, 5]);
    assert_eq!(ids(store, &scope, &is("a b.c'\"]", Comparison::Equal, "x")), [13]);
    assert_eq!(ids(store, &scope, &kind.clone().unknown()), [6, 7, 10, 11, 13, 16, 17, 18, 19]);
    let start = start("closed.at", Format::Rfc3339);
    let state = |is| Predicate::Start { start: Arc::clone(&start), is };
    let undetermined = ids(store, &scope, &state(StartIs::Undetermined { now: now() }));
    assert_eq!(undetermined, [3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    assert_eq!(gone(store, deleting(&scope, start, kind)), [Key::from_int(1)]);
    assert_eq!(ids(store, &scope, &Predicate::Always(true)).len(), ROWS.len() - 1);
}

/// The store with the events that predicates ask for.
fn adopted(store: &dyn Dispose, target: Target) -> Scope {
    let mut events = EventBook::default();
    for key in ["x", "5", "7", "true", "hex:"] {
        events.record("closed", key, now());
    }
    let scope = Scope { target: Arc::new(target), events: Arc::new(events), now: now() };
    store.adopt(&scope.target).unwrap();
    assert!(store.probe(&scope.target).unwrap().column("data").unwrap().json);
    scope
}

/// True, false and unknown are the same records for the store as for memory. How many records there are.
fn as_memory_answers(store: &dyn Dispose, scope: &Scope, predicates: Vec<Predicate>) -> usize {
    let rows = store.scan(scope, &Predicate::Always(true), None, 100).unwrap().rows;
    let world = World { events: &scope.events, reached: &|_| false };
    for predicate in predicates {
        let wanted = |answer| -> Vec<i64> {
            let answers = |row: &&Row| predicate.answer(row.fields.as_ref(), &world) == answer;
            rows.iter().filter(answers).map(|row| id(&row.key)).collect()
        };
        assert_eq!(ids(store, scope, &predicate), wanted(Some(true)), "{predicate:?}");
        assert_eq!(ids(store, scope, &predicate.clone().negated()), wanted(Some(false)), "{predicate:?}");
        assert_eq!(ids(store, scope, &predicate.clone().unknown()), wanted(None), "{predicate:?}");
    }
    rows.len()
}

/// What is due before October and meets the predicate goes.
fn deleting(scope: &Scope, start: Arc<Start>, predicate: Predicate) -> Job {
    let due =
        StartSet { instants: vec![(None, "2026-10-01T00:00:00Z".parse().unwrap())], dates_through: None };
    let predicate =
        Predicate::Start { start: Arc::clone(&start), is: StartIs::In(due.clone()) }.and(predicate);
    Job { scope: scope.clone(), predicate, start, due, act: Act::Delete, expected: 1, aggregate: None }
}

/// A text that is no JSON makes its record undetermined and its conditions unknown; the others go on.
pub fn what_is_no_json_is_unknown(store: &dyn Dispose, target: Target, broken: i64) {
    let scope = Scope { target: Arc::new(target), events: Arc::default(), now: now() };
    let start = start("closed.at", Format::Rfc3339);
    let undetermined =
        Predicate::Start { start: Arc::clone(&start), is: StartIs::Undetermined { now: now() } };
    assert!(ids(store, &scope, &undetermined).contains(&broken));
    let kind = is("kind", Comparison::Equal, "x");
    assert!(ids(store, &scope, &kind.clone().unknown()).contains(&broken));
    assert!(!ids(store, &scope, &Predicate::IsNull(field("kind"))).contains(&broken), "nobody knows");
    assert!(ids(store, &scope, &kind).contains(&2));
}

fn ids(store: &dyn Dispose, scope: &Scope, predicate: &Predicate) -> Vec<i64> {
    let page = store.scan(scope, predicate, None, 100).unwrap();
    let ids: Vec<i64> = page.rows.iter().map(|row| id(&row.key)).collect();
    let group = Group { predicate: predicate.clone(), start: None, samples: 0 };
    assert_eq!(store.count(scope, &[group]).unwrap().tallies[0].count, ids.len() as u64, "{predicate:?}");
    ids
}

fn id(key: &Key) -> i64 {
    key.text(KeyForm::Columns).parse().unwrap()
}

fn gone(store: &dyn Dispose, job: Job) -> Vec<Key> {
    let label = BatchLabel {
        batch: BatchId::at(now()),
        run: RunId::at(now()),
        policy: PolicyId::new("contract"),
        store: job.scope.target.store.clone(),
        collection: job.scope.target.collection.clone(),
        class: None,
        stage: 1,
        action: "delete".to_owned(),
    };
    let mut walk = store.walk(job).unwrap();
    let mut gone = Vec::new();
    while let Some(batch) = walk.prepare(&label, 10, &HashSet::new()).unwrap() {
        gone.extend(batch.records().to_vec());
        if batch.records().is_empty() { batch.abort().unwrap() } else { drop(batch.commit().unwrap()) }
    }
    gone
}
