//! Numbers and truth values inside JSON: each record has its own type there, and whatever would have to be converted
//! or rounded is unknown.
//!
//! An adapter fills `records (id, at, data)` with [`ROWS`] and hands over its store.

use std::sync::Arc;

use super::{adopted, as_memory_answers, deleting, field, gone, ids, start};
use crate::adapter::api::{Dispose, Scope};
use crate::adapter::contract::suite::now;
use crate::model::key::Key;
use crate::model::predicate::{Comparison, EventBook, Operand, Predicate, StartIs};
use crate::model::start::{Format, StartState, WhyUndetermined};
use crate::model::target::Target;
use crate::model::value::{Field, Value};

/// What stands in `data`, under ids from 1. The number 1767225600 is the beginning of 2026.
pub const ROWS: [Option<&str>; 21] = [
    Some(r#"{"at": 1767225600, "n": 5, "open": true}"#),
    Some(r#"{"at": 1793404800, "n": 5, "open": true}"#),
    Some(r#"{"at": 1767225600.5, "n": 5.0, "open": true}"#),
    Some(r#"{"at": 1.7672256e9, "n": 0.5e1, "open": true}"#),
    Some(r#"{"at": "1767225600", "n": "5", "open": "true"}"#),
    Some(r#"{"at": "2026-01-01T00:00:00Z", "n": 5.5, "open": 1}"#),
    Some(r#"{"at": null, "n": null, "open": null}"#),
    Some("{}"),
    None,
    Some(r#"{"at": true, "n": true, "open": false}"#),
    Some(r#"{"at": 1e400, "n": 9223372036854775808, "open": [true]}"#),
    Some(r#"{"at": 1767225600000, "n": 9223372036854775807, "open": {"open": true}}"#),
    Some(r#"{"at": [1767225600], "n": -0, "open": 0}"#),
    Some(r#"{"at": 0, "n": 0.1, "open": 1.0}"#),
    Some(r#"{"at": 1767225600.123456789, "n": 0.1000000000000000001, "open": "false"}"#),
    Some(r#"{"at": "x", "at": 1767225600, "n": "x", "n": 5, "open": "x", "open": true}"#),
    Some(r#"{"at": 1767225600, "at": "x", "n": 5, "n": "x", "open": true, "open": null}"#),
    Some(r#"{"at": 1e3, "n": 1e3, "open": false}"#),
    Some(r#"{"n": 9007199254740993, "open": -1}"#),
    Some("5"),
    Some("[5]"),
];

const ALL: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

fn compared(path: &str, op: Comparison, value: Value) -> Predicate {
    Predicate::Compare { field: field(path), op, with: Operand::Value(value) }
}

fn literals() -> Vec<Value> {
    let whole = [5, 0, 1, 1000, i64::MAX, 9_007_199_254_740_992].map(Value::Int);
    let reals = [5.0, 5.5, 0.1, -0.0, 9.3e18, 9_007_199_254_740_992.0].map(Value::Real);
    let texts = ["5", "x", "true"].map(|text| Value::Text(text.to_owned()));
    whole.into_iter().chain(reals).chain(texts).chain([true, false].map(Value::Bool)).collect()
}

fn predicates() -> Vec<Predicate> {
    let mut all = Vec::new();
    for path in ["n", "at", "open", "open.open"] {
        all.push(Predicate::IsNull(field(path)));
        all.push(Predicate::Event { name: "closed".to_owned(), of: Some(field(path)) });
        for value in literals() {
            all.extend(ALL.map(|op| compared(path, op, value.clone())));
        }
        for values in [vec![5, 1000], vec![0, i64::MAX]] {
            let values = values.into_iter().map(Value::Int).collect();
            all.push(Predicate::OneOf { field: field(path), values });
        }
        let mixed = vec![Value::Text("5".to_owned()), Value::Real(5.5), Value::Bool(true)];
        all.push(Predicate::OneOf { field: field(path), values: mixed });
        all.push(Predicate::OneOf { field: field(path), values: vec![Value::Bool(false)] });
        for other in [field("n"), field("open"), Field::own("id")] {
            let with = || Operand::Field(other.clone());
            all.extend(ALL.map(|op| Predicate::Compare { field: field(path), op, with: with() }));
            let with = || Operand::Field(field(path));
            all.extend(ALL.map(|op| Predicate::Compare { field: other.clone(), op, with: with() }));
        }
    }
    all
}

/// Every answer is the one that memory gives of the same row, and the one that is written here.
pub fn numbers_and_truth_values_inside_json_are_fields(store: &dyn Dispose, target: Target) {
    let scope = adopted(store, target);
    assert_eq!(as_memory_answers(store, &scope, predicates()), ROWS.len());
    let five = compared("n", Comparison::Equal, Value::Int(5));
    for same in [five.clone(), compared("n", Comparison::Equal, Value::Real(5.0))] {
        assert_eq!(ids(store, &scope, &same), [1, 2, 3, 4, 16]);
        assert_eq!(ids(store, &scope, &same.clone().negated()), [6, 12, 13, 14, 18, 19]);
        assert_eq!(ids(store, &scope, &same.unknown()), [5, 7, 8, 9, 10, 11, 15, 17, 20, 21]);
    }
    let more = compared("n", Comparison::Greater, Value::Int(9_007_199_254_740_992));
    assert_eq!(ids(store, &scope, &more), [12, 19]);
    assert_eq!(ids(store, &scope, &compared("n", Comparison::LessOrEqual, Value::Real(0.1))), [13, 14]);
    let texts = compared("n", Comparison::NotEqual, Value::Text("5".to_owned()));
    assert_eq!(ids(store, &scope, &texts), [17]);
    let open = compared("open", Comparison::Equal, Value::Bool(true));
    assert_eq!(ids(store, &scope, &open), [1, 2, 3, 4, 16]);
    assert_eq!(ids(store, &scope, &open.clone().negated()), [10, 18]);
    assert_eq!(ids(store, &scope, &Predicate::IsNull(field("open"))), [7, 8, 9, 17, 20, 21]);
    let same = Predicate::Compare {
        field: field("open"),
        op: Comparison::Equal,
        with: Operand::Field(field("open")),
    };
    let unknown = [7, 8, 9, 11, 12, 17, 20, 21];
    assert_eq!(ids(store, &scope, &same.unknown()), unknown, "a list is not even the same as itself");
    starts(store, &scope);
    let due = deleting(&scope, start("at", Format::Unix), five.and(open));
    let mut gone = gone(store, due);
    gone.sort_by_key(super::id);
    assert_eq!(gone, [1, 3, 4, 16].map(Key::from_int));
    assert_eq!(ids(store, &scope, &Predicate::Always(true)).len(), ROWS.len() - 4);
}

/// What a start's format reads is known, and of the rest each says why it is not.
fn starts(store: &dyn Dispose, scope: &Scope) {
    for (format, known) in
        [(Format::Unix, vec![1, 2, 3, 4, 16]), (Format::UnixMs, vec![12]), (Format::Rfc3339, vec![6])]
    {
        let start = start("at", format);
        let state = |is| ids(store, scope, &Predicate::Start { start: Arc::clone(&start), is });
        assert_eq!(state(StartIs::Known { now: now() }), known, "{:?}", start.format);
        let rest: Vec<i64> = (1..).take(ROWS.len()).filter(|id| !known.contains(id)).collect();
        assert_eq!(state(StartIs::Undetermined { now: now() }), rest, "{:?}", start.format);
    }
    let why = |id: i64, format: Format| {
        let row = store.read(scope, &Key::from_int(id)).unwrap().unwrap();
        match start("at", format).read(row.fields.as_ref(), &EventBook::default(), now()) {
            StartState::Undetermined(why) => why,
            other => panic!("{id}: {other:?}"),
        }
    };
    for (id, format, expected) in [
        (1, Format::Rfc3339, WhyUndetermined::NumberForText),
        (5, Format::Unix, WhyUndetermined::TextForNumber),
        (7, Format::Unix, WhyUndetermined::Empty),
        (9, Format::Unix, WhyUndetermined::Empty),
        (10, Format::Unix, WhyUndetermined::NoTime),
        (11, Format::Unix, WhyUndetermined::NoTime),
        (12, Format::Unix, WhyUndetermined::TooFarAhead),
        (13, Format::Unix, WhyUndetermined::NoTime),
        (14, Format::Unix, WhyUndetermined::TooEarly),
        (15, Format::Unix, WhyUndetermined::NoTime),
    ] {
        assert_eq!(why(id, format), expected, "{id}");
    }
}
