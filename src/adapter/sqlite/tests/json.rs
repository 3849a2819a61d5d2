//! Fields inside JSON. SQLite keeps it as a text like any other.

use super::{World, at, carry_out, matching, number, scope, start, target, through, world};
use crate::adapter::api::{Act, Inspect as _, Job};
use crate::adapter::contract::inside::{
    ROWS,
    numbers::{self, numbers_and_truth_values_inside_json_are_fields},
    texts_inside_json_are_fields, what_is_no_json_is_unknown,
};
use crate::model::key::Key;
use crate::model::predicate::Predicate;
use crate::model::start::Format;
use crate::model::target::Link;
use crate::model::value::Field;

fn filled(kind: &str, rows: &[Option<&str>]) -> World {
    let world = world(&format!("CREATE TABLE records (id INTEGER PRIMARY KEY, at TEXT, data {kind})"));
    for (row, id) in rows.iter().zip(1..) {
        world.other.execute("INSERT INTO records VALUES (?1, NULL, ?2)", (id, row)).unwrap();
    }
    world
}

#[test]
fn a_text_has_the_fields_of_its_json() {
    for kind in ["TEXT", "JSON", "VARCHAR(900)"] {
        texts_inside_json_are_fields(&filled(kind, &ROWS).store, target("records"));
    }
}

#[test]
fn its_numbers_and_truth_values_are_fields_too() {
    for kind in ["TEXT", "JSON", "VARCHAR(900)"] {
        let world = filled(kind, &numbers::ROWS);
        numbers_and_truth_values_inside_json_are_fields(&world.store, target("records"));
    }
}

/// No JSON, half of it, what only SQLite takes for JSON, and bytes.
#[test]
fn what_is_no_json_makes_its_record_undetermined() {
    for broken in ["'{\"kind\": \"x\"'", "''", "'{kind: ''x''}'", "'x'", "X'7b7d'"] {
        let world = filled("TEXT", &ROWS);
        world.other.execute_batch(&format!("UPDATE records SET data = {broken} WHERE id = 9")).unwrap();
        what_is_no_json_is_unknown(&world.store, target("records"), 9);
    }
}

/// A start inside the JSON of a linked row.
#[test]
fn a_linked_row_may_hold_the_start_in_its_json() {
    let world = world(
        "CREATE TABLE cases (id INTEGER PRIMARY KEY, data TEXT);
         CREATE TABLE records (id INTEGER PRIMARY KEY, of INTEGER);
         INSERT INTO cases VALUES (1, '{\"closed\": \"2026-01-01\"}'), (2, '{\"closed\": 2026}'), (3, '{');
         INSERT INTO records VALUES (11, 1), (12, 2), (13, 3), (14, NULL)",
    );
    let mut bound = target("records");
    let (name, by) = ("case".to_owned(), "of".to_owned());
    bound.links.push(Link { name, collection: "cases".to_owned(), key: None, by });
    let start = std::sync::Arc::new(start(Field::linked("case", "data.closed"), Some(Format::Date)));
    let set = through("2026-10-01T12:00:00Z");
    let predicate = super::due(&start, set.clone());
    let scope = scope(bound, "2026-11-01T12:00:00Z");
    assert_eq!(matching(&world.store, &scope, &predicate), std::iter::once(Key::from_int(11)).collect());
    let unclosed = Predicate::IsNull(Field::linked("case", "data.closed"));
    assert!(matching(&world.store, &scope, &unclosed).is_empty(), "no text, no JSON, no row: nobody knows");
    assert!(at("2026-11-01T12:00:00Z") == scope.now);
    let job = Job { scope, predicate, start, due: set, act: Act::Delete, expected: 1, aggregate: None };
    assert_eq!(carry_out(&world.store, job, 5).unwrap().concat(), [Key::from_int(11)]);
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 3);
    assert!(world.store.probe(&target("records")).unwrap().column("of").is_some_and(|column| !column.json));
}
