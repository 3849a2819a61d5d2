//! What is told early of a batch is what it then has, whatever leads to its rows.

use std::collections::HashSet;
use std::sync::mpsc::channel;

use super::{job, label, target, world};
use crate::adapter::api::{Act, Dispose as _, Job};
use crate::model::key::{Key, KeyList};

const ROWS: &str = "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 3000)
                    INSERT INTO record SELECT";
/// Two of three are due, and what was written last has the oldest start.
const AT: &str = "CASE WHEN id % 3 THEN 1700000000 - id ELSE 1793000000 + id END FROM n;
                  CREATE INDEX by_at ON record (at);";

type Keys = Vec<Vec<u8>>;

/// For each batch what was told of it, and what it then had.
fn told(job: Job, sql: &str, between: &str) -> Vec<(Keys, Keys)> {
    let world = world(sql);
    world.store.adopt(&job.scope.target).unwrap();
    let mut walk = world.store.walk(job).unwrap();
    let bytes = |keys: &[Key]| keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    let (mut batches, mut early) = (Vec::new(), Vec::new());
    loop {
        let (to, from) = channel();
        walk.foretell(to, 700);
        let Some(batch) = walk.prepare(&label(), 700, &HashSet::new()).unwrap() else { break };
        batches.push((std::mem::take(&mut early), bytes(batch.records())));
        let parts: Vec<KeyList> = from.into_iter().collect();
        early = parts.iter().flat_map(KeyList::encoded).map(<[u8]>::to_vec).collect();
        batch.commit().unwrap();
        world.other.execute_batch(between).unwrap();
    }
    assert!(early.is_empty(), "nothing comes after the last batch");
    batches
}

#[test]
fn each_batch_has_the_records_that_were_told() {
    let tables = [
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER);",
        "CREATE TABLE record (id TEXT NOT NULL PRIMARY KEY, at INTEGER);",
        "CREATE TABLE record (id TEXT NOT NULL PRIMARY KEY, at INTEGER) WITHOUT ROWID;",
        "CREATE TABLE record (a INTEGER, id BLOB, at INTEGER, PRIMARY KEY (a, id));",
    ];
    let values =
        ["id,", "'k' || (id * 7919 % 3001),", "'k' || (id * 7919 % 3001),", "id % 5, CAST(id AS BLOB),"];
    for (table, values) in tables.into_iter().zip(values) {
        // Few records are looked for by their start, many by the way in which they lie.
        for expected in [1, 1_000_000] {
            let batches = told(
                job(target("record"), Act::Delete, expected),
                &format!("{table} {ROWS} {values} {AT}"),
                "",
            );
            assert_eq!(batches.len(), 3, "{table}");
            assert!(batches[0].0.is_empty(), "of the first batch nothing is known early");
            for (early, records) in &batches[1..] {
                assert!(early == records, "{table}, {expected} expected");
            }
        }
    }
}

#[test]
fn what_changes_meanwhile_makes_the_batch_another_one() {
    let sql = format!("CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER); {ROWS} id, {AT}");
    let batches = told(
        job(target("record"), Act::Delete, 2_000),
        &sql,
        "UPDATE record SET at = 1793000000 WHERE id = 1501",
    );
    let id = |key: &Vec<u8>| i64::from_be_bytes(key[5..].try_into().unwrap());
    let (early, records) = &batches[1];
    assert!(early.iter().any(|key| id(key) == 1501));
    assert!(!records.iter().any(|key| id(key) == 1501));
    assert_eq!(early.len(), records.len() + 1);
}
