//! Rows whose record is not there: counted, unless the server itself lets there be none.

use super::{number, run_all, target, world};
use crate::adapter::api::Inspect as _;
use crate::model::target::With;

#[test]
fn a_foreign_key_is_believed() {
    let world = world(
        "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL)
         INSERT INTO records VALUES (1, NULL)
         CREATE TABLE notes (id INT PRIMARY KEY, `of` INT)
         INSERT INTO notes VALUES (1, 1), (2, 7), (3, NULL), (4, 7)",
    );
    let mut target = target();
    target.with.push(With { store: None, collection: "notes".to_owned(), by: Some("of".to_owned()) });
    let orphans = || world.store.orphans(&target).unwrap();
    assert_eq!(orphans(), [Some(2)], "NULL names no record");
    run_all(
        &world.other,
        "DELETE FROM notes WHERE `of` = 7
         ALTER TABLE notes ADD FOREIGN KEY (`of`) REFERENCES records (id)",
    );
    assert_eq!(orphans(), [Some(0)]);
    // What was put past the foreign key is not looked for: nothing is asked.
    run_all(&world.other, "SET foreign_key_checks = 0\nINSERT INTO notes VALUES (5, 9)");
    assert_eq!(orphans(), [Some(0)]);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM notes"), 3);
}

/// Two collations cannot be compared, and a capital letter makes another record.
#[test]
fn texts_are_the_same_to_the_letter() {
    let world = world(
        "CREATE TABLE records (id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, at TIMESTAMP NULL)
         INSERT INTO records VALUES ('a', NULL)
         CREATE TABLE notes (id INT PRIMARY KEY, `of` VARCHAR(9) COLLATE utf8mb4_unicode_ci)
         INSERT INTO notes VALUES (1, 'a'), (2, 'A'), (3, 'a '), (4, NULL)",
    );
    let mut target = target();
    target.with.push(With { store: None, collection: "notes".to_owned(), by: Some("of".to_owned()) });
    assert_eq!(world.store.orphans(&target).unwrap(), [Some(2)]);
}
