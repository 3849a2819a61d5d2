//! Fields inside JSON.

use super::{World, target, world};
use crate::adapter::api::Inspect as _;
use crate::adapter::contract::inside::{
    ROWS,
    numbers::{self, numbers_and_truth_values_inside_json_are_fields},
    texts_inside_json_are_fields, what_is_no_json_is_unknown,
};
use crate::adapter::contract::methods::{are_the_same_in_sql, change};
use crate::adapter::contract::server;
use crate::model::key::Key;
use crate::model::method::Method;
use crate::model::predicate::{Comparison, Operand, Predicate};
use crate::model::value::{Field, Value};

fn filled<T: AsRef<str>>(kind: &str, rows: &[Option<T>]) -> World {
    let world = world(&format!("CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, data {kind})"));
    for (row, id) in rows.iter().zip(1..) {
        let spelled = |row: &T| format!("'{}'", row.as_ref().replace('\'', "''"));
        let data = row.as_ref().map_or("NULL".to_owned(), spelled);
        world.other.run(&format!("INSERT INTO records VALUES ({id}, NULL, {data})")).unwrap();
    }
    world
}

/// MariaDB declares JSON as a LONGTEXT that is checked; somebody may have written that himself.
#[test]
fn what_is_checked_for_json_has_fields_of_its_own() {
    let mut kinds = vec!["JSON"];
    if server::mariadb()
        .can_only_be_mariadb("JSON is a type of its own there, and a text with a check is a text")
    {
        kinds.push("LONGTEXT COLLATE utf8mb4_general_ci CHECK (JSON_VALID(data))");
    }
    for kind in kinds {
        texts_inside_json_are_fields(&filled(kind, &ROWS).store, target());
        let rows = if server::mariadb().is_mariadb() {
            numbers::ROWS.map(|row| row.map(str::to_owned))
        } else {
            // It refuses a number that is too large for floating point, and rounds one that is too fine for it.
            let can_hold = |row: &str| {
                row.replace("1e400", "1e300")
                    .replace("0.1000000000000000001", "[0.1]")
                    .replace(".123456789", "e99")
            };
            numbers::ROWS.map(|row| row.map(can_hold))
        };
        numbers_and_truth_values_inside_json_are_fields(&filled(kind, &rows).store, target());
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
    if !server::mariadb().can_only_be_mariadb("a column of type JSON can hold nothing else") {
        return;
    }
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

/// As a whole it is a text, which MySQL by itself would not find equal to any, and is changed as one.
#[test]
fn the_column_as_a_whole_is_a_text() {
    let world = filled("JSON", &ROWS);
    let is = Predicate::Compare {
        field: Field::own("data"),
        op: Comparison::Equal,
        with: Operand::Value(Value::Text("\"x\"".to_owned())),
    };
    let one_of =
        Predicate::OneOf { field: Field::own("data"), values: vec![Value::Text("\"x\"".to_owned())] };
    let scope = super::deletion(target(), Predicate::Always(true)).scope;
    for predicate in [is, one_of] {
        let rows = world.store.scan(&scope, &predicate, None, 100).unwrap().rows;
        let keys: Vec<Key> = rows.into_iter().map(|row| row.key).collect();
        assert_eq!(keys, [Key::from_int(17)]);
    }
    world.other.run("UPDATE records SET at = '2026-01-01'").unwrap();
    let nothing = [("data", Method::Fixed(Value::Text("{}".to_owned())))];
    let job = change(super::deletion(target(), Predicate::Always(true)), &nothing);
    assert_eq!(are_the_same_in_sql(&world.store, &job), 0);
    let left = "SELECT COUNT(*) FROM records WHERE data IS NULL OR JSON_LENGTH(data) > 0";
    assert_eq!(super::number(&world, left), 1, "NULL stays NULL");
}
