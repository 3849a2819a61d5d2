//! Rows that go with a record, whatever their column does to values.

use super::{carry_out, job, target, world};
use crate::adapter::api::{Act, Inspect};
use crate::model::target::{Target, With};

fn accompanied() -> Target {
    let mut target = target("record");
    target.with.push(With { store: None, collection: "note".to_owned(), by: Some("of".to_owned()) });
    target
}

/// What is left of the notes after the due records are gone, each as SQLite spells it.
fn left(key: &str, keys: &str, of: &str, notes: &str) -> Vec<String> {
    let world = world(&format!(
        "CREATE TABLE record (id {key} PRIMARY KEY NOT NULL, at INTEGER);
         CREATE TABLE note (id INTEGER PRIMARY KEY, of {of});
         INSERT INTO record {keys};
         INSERT INTO note (of) VALUES {notes};"
    ));
    carry_out(&world.store, job(accompanied(), Act::Delete, 1), 10).unwrap();
    let mut statement = world.other.prepare("SELECT quote(of) FROM note ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

const OLD: &str = "1700000000";
const YOUNG: &str = "1793000000";

#[test]
fn a_text_is_no_other_number_than_the_one_that_it_spells() {
    let keys = format!("VALUES (1, {OLD}), (2, {YOUNG})");
    let notes = "('1'), ('01'), ('1 '), ('1.0'), (' 1'), ('+1'), ('2'), (NULL)";
    let kept = ["'01'", "'1 '", "'1.0'", "' 1'", "'+1'", "'2'", "NULL"];
    assert_eq!(left("INTEGER", &keys, "TEXT", notes), kept);
    assert_eq!(left("BIGINT", &keys, "TEXT", notes), kept);
    assert_eq!(
        left("INTEGER", &keys, "BLOB", &format!("(1), {notes}")),
        kept,
        "a column that converts nothing"
    );
    assert_eq!(left("INTEGER", &keys, "", notes), kept);
    assert_eq!(left("INTEGER", &keys, "INTEGER", "(1), (2)"), ["2"]);
}

#[test]
fn a_text_as_key_is_no_number_spelled_otherwise() {
    let keys = format!("VALUES ('01', {OLD}), ('1', {YOUNG}), ('7', {OLD}), ('ab', {OLD})");
    assert_eq!(left("TEXT", &keys, "INTEGER", "(1), (7), ('ab'), (8)"), ["1", "8"]);
    assert_eq!(left("TEXT", &keys, "TEXT", "('01'), ('1'), ('7'), ('07')"), ["'1'", "'07'"]);
    assert_eq!(left("BLOB", &keys, "INTEGER", "(1), (7), (8)"), ["1", "8"]);
    let keys = format!("VALUES (1, {OLD}), (2, {YOUNG})");
    assert_eq!(left("BLOB", &keys, "TEXT", "('1'), ('01'), ('2')"), ["'01'", "'2'"]);
}

#[test]
fn a_column_that_keeps_everything_in_a_strict_table() {
    let world = world(&format!(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER);
         CREATE TABLE note (id INTEGER PRIMARY KEY, of ANY) STRICT;
         INSERT INTO record VALUES (1, {OLD}), (2, {YOUNG});
         INSERT INTO note (of) VALUES (1), ('1'), ('01'), (2);"
    ));
    carry_out(&world.store, job(accompanied(), Act::Delete, 1), 10).unwrap();
    assert_eq!(super::number(&world, "SELECT count(*) FROM note WHERE of IN ('01') OR of = 2"), 2);
    assert_eq!(super::number(&world, "SELECT count(*) FROM note"), 2);
}

#[test]
fn a_key_with_fractions_is_refused_and_one_that_may_have_some_is_warned_of() {
    for declared in ["REAL", "double precision", "FLOAT"] {
        let world = world(&format!("CREATE TABLE record (id {declared} PRIMARY KEY NOT NULL, at INTEGER)"));
        let schema = world.store.probe(&target("record")).unwrap();
        assert!(schema.side_effects[0].text.contains("floating-point"), "{declared}: {schema:?}");
    }
    for declared in ["NUMERIC", "ANY", "DECIMAL(10,2)"] {
        let world = world(&format!("CREATE TABLE record (id {declared} PRIMARY KEY NOT NULL, at INTEGER)"));
        let schema = world.store.probe(&target("record")).unwrap();
        assert!(schema.side_effects.is_empty());
        assert!(schema.warnings.iter().any(|text| text.contains("fraction")), "{declared}: {schema:?}");
    }
}
