//! Counting before deleting, where SQLite's columns may be anything.

use std::sync::Arc;

use super::{World, carry_out, job, number, target, world};
use crate::adapter::api::{Act, Inspect as _, Job};
use crate::model::aggregate::{Aggregate, Grouping, Summed};
use crate::time::Zone;

const RECORDS: &str = "
    CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER, word TEXT, cost DECIMAL(12,2));
    INSERT INTO record VALUES (1, 1700000001, 'Sales', 0.25), (2, 1700000002, 'sales ', 1e-35), (3, 1700000003, 'sales', 3e18),
        (4, 1700000004, 'other', NULL), (5, 1700000005, NULL, 5e-324);";

fn aggregate() -> Arc<Aggregate> {
    let word = Grouping {
        name: "word".to_owned(),
        column: "word".to_owned(),
        period: None,
        format: None,
        local: Zone::UTC,
    };
    Arc::new(Aggregate {
        into: "stats".to_owned(),
        by: vec![word],
        count: "gone".to_owned(),
        sum: Some(Summed { name: "cost".to_owned(), column: "cost".to_owned() }),
        min_cell: 1,
        zone: Zone::UTC,
    })
}

fn counting(stats: &str) -> (World, Job) {
    let world = world(&format!("{RECORDS} {stats}"));
    (world, Job { aggregate: Some(aggregate()), ..job(target("record"), Act::Delete, 5) })
}

#[test]
fn letters_are_told_apart_and_tiny_numbers_stop_nothing() {
    for word in
        ["word TEXT NOT NULL PRIMARY KEY", "word TEXT COLLATE NOCASE NOT NULL, UNIQUE (word COLLATE BINARY)"]
    {
        let (world, job) = counting(&format!("CREATE TABLE stats (gone INTEGER, cost REAL, {word});"));
        world.store.can_aggregate(&target("record"), &aggregate()).unwrap();
        carry_out(&world.store, job, 2).unwrap();
        let mut statement = world
            .other
            .prepare("SELECT word || ':' || gone || ':' || cost FROM stats ORDER BY word COLLATE BINARY")
            .unwrap();
        let rows: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows, ["\"other\":1:0.0", "Sales:1:0.25", "sales:2:3.0e+18", "unknown:1:0.0"], "{word}");
    }
}

#[test]
fn a_table_that_takes_spellings_for_one_is_refused() {
    for word in [
        "word TEXT COLLATE NOCASE NOT NULL PRIMARY KEY",
        "word TEXT NOT NULL PRIMARY KEY, UNIQUE (word COLLATE RTRIM)",
    ] {
        let (world, job) = counting(&format!("CREATE TABLE stats (gone INTEGER, cost REAL, {word});"));
        let refused = world.store.can_aggregate(&target("record"), &aggregate()).unwrap_err();
        assert!(refused.why.contains("takes different spellings of a group for one"), "{refused}");
        carry_out(&world.store, job, 2).unwrap_err();
        assert_eq!(number(&world, "SELECT count(*) FROM record"), 5);
    }
}

/// Whole numbers add up exactly; a column in floating point would hold them only as far as 2^53.
#[test]
fn whole_numbers_are_not_summed_in_floating_point() {
    for (own, receiving, is_refused) in
        [("INTEGER", "REAL", true), ("INTEGER", "INTEGER", false), ("DECIMAL(12,2)", "REAL", false)]
    {
        let records = RECORDS.replace("cost DECIMAL(12,2)", &format!("cost {own}"));
        let stats =
            format!("CREATE TABLE stats (word TEXT NOT NULL PRIMARY KEY, gone INTEGER, cost {receiving});");
        let world = world(&format!("{records} {stats}"));
        let told = world.store.can_aggregate(&target("record"), &aggregate());
        assert_eq!(told.is_err(), is_refused, "{own} in {receiving}: {told:?}");
        if let Err(refused) = told {
            assert!(refused.why.contains("would round sums of INTEGER"), "{refused}");
            assert!(refused.help.is_some_and(|help| help.contains("\"cost\" INTEGER")));
        }
    }
}
