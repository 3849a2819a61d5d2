//! The traps that SQLite sets: values of another type than the column's, and texts that sort by their letters.

use std::sync::Arc;

use rusqlite::params;

use super::{at, due, matching, scope, start, target, through, world};
use crate::adapter::api::{Group, Inspect};
use crate::model::key::Key;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::{Format, Start};
use crate::model::value::Field;
use crate::time::{After, cutoff};

const NOW: &str = "2026-11-01T12:00:00Z";

/// The ids that are due, and those that are undetermined, for a start in the column `at` of this type.
fn judged(declared: &str, format: Format, values: &[&dyn rusqlite::ToSql]) -> (Vec<i64>, Vec<i64>) {
    let world = world(&format!(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at {declared}); CREATE INDEX i ON record (at)"
    ));
    for (id, value) in (1_i64..).zip(values) {
        world.other.execute("INSERT INTO record VALUES (?, ?)", params![id, value]).unwrap();
    }
    let scope = scope(target("record"), NOW);
    let start = Arc::new(start(Field::own("at"), Some(format)));
    let ask = |is: StartIs| {
        let predicate = Predicate::Start { start: Arc::clone(&start), is };
        let found = matching(&world.store, &scope, &predicate);
        let group = Group { predicate, start: Some(Arc::clone(&start)), samples: 0 };
        assert_eq!(world.store.count(&scope, &[group]).unwrap().tallies[0].count, found.len() as u64);
        let mut ids: Vec<i64> = (1..20).filter(|id| found.contains(&Key::from_int(*id))).collect();
        ids.sort_unstable();
        ids
    };
    (ask(StartIs::In(through("2026-10-01T12:00:00Z"))), ask(StartIs::Undetermined { now: at(NOW) }))
}

#[test]
fn a_number_is_not_less_than_a_text() {
    // In SQL 1700000000 < '2026-10-01': every row of an INTEGER column would be due.
    let values: [&dyn rusqlite::ToSql; 3] = [&1_700_000_000_i64, &0_i64, &"2026-01-01T00:00:00Z"];
    for format in [Format::Rfc3339, Format::DateTime, Format::Date] {
        let (due, undetermined) = judged("INTEGER", format.clone(), &values);
        let expected =
            if format == Format::Rfc3339 { (vec![3], vec![1, 2]) } else { (vec![], vec![1, 2, 3]) };
        assert_eq!((due, undetermined), expected, "{format:?}");
    }
}

#[test]
fn a_text_is_not_a_number_of_seconds() {
    let values: [&dyn rusqlite::ToSql; 5] =
        [&"2023-11-14", &1_700_000_000_i64, &rusqlite::types::Null, &b"2023".to_vec(), &"1700000000"];
    // The last one becomes a number when it is stored, as SQLite does with every such text.
    assert_eq!(judged("INTEGER", Format::Unix, &values), (vec![2, 5], vec![1, 3, 4]));
    // In a text column numbers become texts, and texts have no unit.
    assert_eq!(judged("TEXT", Format::Unix, &values), (vec![], vec![1, 2, 3, 4, 5]));
}

#[test]
fn milliseconds_are_not_seconds() {
    let values: [&dyn rusqlite::ToSql; 3] =
        [&1_700_000_000_i64, &1_700_000_000_000_i64, &1_700_000_000_000_000_i64];
    assert_eq!(judged("INTEGER", Format::Unix, &values), (vec![1], vec![2, 3]));
    assert_eq!(judged("INTEGER", Format::UnixMs, &values), (vec![2], vec![1, 3]));
    assert_eq!(judged("REAL", Format::UnixUs, &values), (vec![3], vec![1, 2]));
}

#[test]
fn a_day_first_is_read_and_not_sorted() {
    // '14/11/2023' < '2020-01-01' as texts.
    let values: [&dyn rusqlite::ToSql; 4] = [&"14/11/2023", &"2023-11-14", &"0000-00-00", &"2023-02-30"];
    assert_eq!(judged("TEXT", Format::Date, &values), (vec![2], vec![1, 3, 4]));
    let pattern = Format::Pattern("%d/%m/%Y".to_owned());
    assert_eq!(judged("TEXT", pattern, &values), (vec![1], vec![2, 3, 4]));
}

#[test]
fn offsets_decide_and_not_letters() {
    // The bound is 12:00 UTC on 1 October: the greatest letters are the earliest instant and the other way round.
    let values: [&dyn rusqlite::ToSql; 7] = [
        &"2026-10-02T01:59:59+14:00",
        &"2026-10-01T02:00:01-10:00",
        &"2026-10-01 14:00:00+02:00",
        &"2026-10-01T12:00:00.0000001Z",
        &"2026-10-01T12:00:00Z",
        &"2026-10-01T12:00:00",
        &"2026-10-01",
    ];
    assert_eq!(judged("TEXT", Format::Rfc3339, &values), (vec![1, 3, 5], vec![6, 7]));
    assert_eq!(judged("DATETIME", Format::Rfc3339, &values).0, [1, 3, 5]);
}

#[test]
fn only_the_exact_set_is_due_where_clocks_change() {
    let world = world(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER); CREATE INDEX i ON record (at);
        WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 3000)
        INSERT INTO record SELECT id, 1738108800 + id * 97 FROM n;",
    );
    let zone = "Europe/Oslo".parse().unwrap();
    let scope = scope(target("record"), NOW);
    let start = Arc::new(Start { zone, ..start(Field::own("at"), Some(Format::Unix)) });
    // 29, 30 and 31 January all lead to 28 February: the set has holes.
    let after = After::Period("1 month".parse().unwrap());
    let set = cutoff(at("2025-02-28T11:30:00Z"), after, None, zone);
    assert!(set.instants.len() > 1);
    let expected = (1_i64..=3000).filter(|id| {
        let instant = chrono::DateTime::from_timestamp(1_738_108_800 + id * 97, 0).unwrap();
        set.contains(crate::time::StartValue::Instant(instant))
    });
    let predicate = due(&start, set.clone());
    let group = Group { predicate: predicate.clone(), start: Some(Arc::clone(&start)), samples: 0 };
    let count = world.store.count(&scope, &[group]).unwrap().tallies[0].count;
    assert_eq!(count, expected.count() as u64);
    assert_eq!(matching(&world.store, &scope, &predicate).len() as u64, count);
}

#[test]
fn letters_of_a_utf16_database_sort_by_code_point() {
    use crate::model::predicate::{Comparison, Operand};
    use crate::model::value::Value;
    let world = world(
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE record (id INTEGER PRIMARY KEY, word TEXT);
        INSERT INTO record VALUES (1, 'a'), (2, 'b'), (3, 'ā'), (4, 'aa')",
    );
    let scope = scope(target("record"), NOW);
    for (op, expected) in [(Comparison::Less, 2), (Comparison::Greater, 1), (Comparison::Equal, 1)] {
        let with = Operand::Value(Value::Text("b".to_owned()));
        let predicate = Predicate::Compare { field: Field::own("word"), op, with };
        assert_eq!(matching(&world.store, &scope, &predicate).len(), expected, "{op:?}");
    }
}
