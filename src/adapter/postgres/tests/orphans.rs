//! Rows whose record is not there: counted, unless the server itself lets there be none.

use super::{number, target, world};
use crate::adapter::api::Inspect as _;
use crate::model::target::With;

#[test]
fn a_foreign_key_that_holds_for_all_rows_is_believed() {
    let world = world(
        "CREATE TABLE records (id int PRIMARY KEY, at timestamptz); INSERT INTO records VALUES (1); \
         CREATE TABLE notes (id int PRIMARY KEY, of bigint); \
         INSERT INTO notes VALUES (1, 1), (2, 7), (3, NULL), (4, 7)",
    );
    let mut target = target();
    target.with.push(With { store: None, collection: "notes".to_owned(), by: Some("of".to_owned()) });
    let orphans = || world.store.orphans(&target).unwrap();
    assert_eq!(orphans(), [Some(2)], "NULL names no record");
    world
        .other
        .run("ALTER TABLE notes ADD CONSTRAINT later FOREIGN KEY (of) REFERENCES records NOT VALID")
        .unwrap();
    assert_eq!(orphans(), [Some(2)], "old rows were not held against it");
    world.other.run("DELETE FROM notes WHERE of = 7; ALTER TABLE notes VALIDATE CONSTRAINT later").unwrap();
    assert_eq!(orphans(), [Some(0)]);
    // What a superuser puts past the foreign key is not looked for: nothing is asked.
    let past = "SET session_replication_role = replica; INSERT INTO notes VALUES (5, 9); \
                SET session_replication_role = origin";
    world.other.run(past).unwrap();
    assert_eq!(orphans(), [Some(0)]);
    assert_eq!(number(&world, "SELECT count(*) FROM notes"), 3);
}
