//! Fields inside JSON.

use super::{World, target, world};
use crate::adapter::api::Inspect as _;
use crate::adapter::contract::inside::{
    ROWS,
    numbers::{self, numbers_and_truth_values_inside_json_are_fields},
    texts_inside_json_are_fields, what_is_no_json_is_unknown,
};
use crate::model::key::Key;
use crate::model::predicate::{Comparison, Operand, Predicate};
use crate::model::value::{Field, Value};

fn filled(kind: &str, rows: &[Option<&str>]) -> World {
    let world = world(&format!("CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, data {kind})"));
    for (row, id) in rows.iter().zip(1..) {
        let data = row.map_or("NULL".to_owned(), |row| format!("'{}'", row.replace('\'', "''")));
        world.other.run(&format!("INSERT INTO records VALUES ({id}, NULL, {data})")).unwrap();
    }
    world
}

/// MariaDB declares JSON as a LONGTEXT that is checked; somebody may have written that himself.
#[test]
fn what_is_checked_for_json_has_fields_of_its_own() {
    for kind in ["JSON", "LONGTEXT COLLATE utf8mb4_general_ci CHECK (JSON_VALID(data))"] {
        texts_inside_json_are_fields(&filled(kind, &ROWS).store, target());
        numbers_and_truth_values_inside_json_are_fields(&filled(kind, &numbers::ROWS).store, target());
    }
}

/// Of a name that comes twice the last one counts, as it does in the other stores.
#[test]
fn a_name_that_comes_twice_means_its_last() {
    let world = filled("JSON", &ROWS);
    world.other.run("UPDATE records SET data = '{\"kind\": \"y\", \"kind\": \"x\"}' WHERE id = 8").unwrap();
    let scope = super::deletion(target(), Predicate::Always(true)).scope;
    let with = Operand::Value(Value::Text("x".to_owned()));
    let is = Predicate::Compare { field: Field::own("data.kind"), op: Comparison::Equal, with };
    let rows = world.store.scan(&scope, &is, None, 100).unwrap().rows;
    assert!(rows.iter().any(|row| row.key == Key::from_int(8)));
}

/// The check can be put out of force, and then anything may be there.
#[test]
fn a_text_that_got_past_the_check_is_unknown() {
    let world = filled("JSON", &ROWS);
    world.other.run("SET check_constraint_checks = 0").unwrap();
    world.other.run("UPDATE records SET data = '{\"kind\": \"x\"' WHERE id = 9").unwrap();
    what_is_no_json_is_unknown(&world.store, target(), 9);
}

#[test]
fn a_plain_text_has_no_fields() {
    let world = filled("LONGTEXT", &ROWS);
    let scope = super::deletion(target(), Predicate::Always(true)).scope;
    let error = world.store.scan(&scope, &Predicate::IsNull(Field::own("data.a")), None, 1).unwrap_err();
    assert!(error.to_string().contains("no fields of its own"), "{error}");
}
