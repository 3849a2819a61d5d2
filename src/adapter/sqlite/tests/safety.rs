//! Locks, crashes, replaced files, and what stays behind.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Connection;

use super::{carry_out, job, label, number, target, world};
use crate::adapter::api::{Act, Dispose, Inspect, StoreErrorKind};
use crate::adapter::sqlite::SqliteStore;
use crate::model::action::Change;
use crate::model::batch::Fate;
use crate::model::ids::StoreName;
use crate::model::method::Method;
use crate::model::predicate::Predicate;

const SOME: &str = "
    CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER, word TEXT);
    WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 500)
    INSERT INTO record SELECT id, 1700000000 + id, 'the-secret-' || id || hex(zeroblob(100)) FROM n;";

#[test]
fn a_locked_database_is_busy_and_nothing_happens() {
    let world = world(SOME);
    world.store.adopt(&target("record")).unwrap();
    let mut walk = world.store.walk(job(target("record"), Act::Delete, 500)).unwrap();
    world.other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = walk.prepare(&label(), 10, &HashSet::new()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Busy);
    assert!(error.may_retry() && error.to_string().contains("another process keeps it locked"), "{error}");
    world.other.execute_batch("ROLLBACK").unwrap();
    let batch = walk.prepare(&label(), 10, &HashSet::new()).unwrap().unwrap();
    assert_eq!(batch.commit().unwrap().done, 10);
}

#[test]
fn a_commit_that_fails_leaves_the_truth_to_be_asked() {
    let world = world(SOME);
    world.store.adopt(&target("record")).unwrap();
    let reader = Connection::open(&world.path).unwrap();
    let mut walk = world.store.walk(job(target("record"), Act::Delete, 500)).unwrap();
    let failed = label();
    let batch = walk.prepare(&failed, 10, &HashSet::new()).unwrap().unwrap();
    // A reader keeps a rollback journal from being committed.
    reader.execute_batch("BEGIN; SELECT count(*) FROM record").unwrap();
    let error = batch.commit().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Busy);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(world.store.resolve(&failed, &target("record"), &[]).unwrap(), Fate::NotDone);
    assert_eq!(number(&world, "SELECT count(*) FROM record"), 500);
    // The lock is gone, and the same records come again.
    let again = label();
    let batch = walk.prepare(&again, 10, &HashSet::new()).unwrap().unwrap();
    assert_eq!(batch.records().len(), 10);
    batch.commit().unwrap();
    assert_eq!(world.store.resolve(&again, &target("record"), &[]).unwrap(), Fate::Done);
}

#[test]
fn marks_are_pruned_and_the_store_stays_recognisable() {
    let world = world(SOME);
    let identity = world.store.adopt(&target("record")).unwrap();
    let marks = || number(&world, "SELECT count(*) FROM forfall_batch");
    let mut walk = world.store.walk(job(target("record"), Act::Delete, 500)).unwrap();
    for _ in 0..3 {
        walk.prepare(&label(), 100, &HashSet::new()).unwrap().unwrap().commit().unwrap();
        assert_eq!(marks(), 2, "the last batch and the store itself");
    }
    drop(walk);
    // A run that stopped leaves its last mark, which no other run takes away: its outcome may be missing.
    carry_out(&world.store, job(target("record"), Act::Delete, 500), 100).unwrap();
    assert_eq!(marks(), 2);
    // A year later it is forgotten.
    let mut later = job(target("record"), Act::Delete, 500);
    later.scope.now += chrono::TimeDelta::days(367);
    world.other.execute_batch("INSERT INTO record VALUES (1, 1700000000, '')").unwrap();
    carry_out(&world.store, later, 100).unwrap();
    assert_eq!(marks(), 1);
    assert_eq!(world.store.identity().unwrap(), identity);
}

#[test]
fn a_store_that_was_not_adopted_is_not_touched() {
    let world = world(SOME);
    let parts = world.store.identity().unwrap().parts;
    assert_eq!(parts.iter().find(|(name, _)| name == "marker").unwrap().1, "none");
    let error = world.store.walk(job(target("record"), Act::Delete, 500)).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Foreign);
    assert_eq!(
        world.store.resolve(&label(), &target("record"), &[]).unwrap_err().kind,
        StoreErrorKind::Foreign
    );
    world.other.execute_batch("CREATE TABLE forfall_batch (batch, more)").unwrap();
    assert_eq!(world.store.adopt(&target("record")).unwrap_err().kind, StoreErrorKind::Foreign);
}

#[test]
fn a_copy_is_another_store() {
    let world = world(SOME);
    let identity = world.store.adopt(&target("record")).unwrap();
    let copy = world.path.with_file_name("copy.db");
    fs_err::copy(&world.path, &copy).unwrap();
    fs_err::rename(&copy, &world.path).unwrap();
    let difference = identity.difference(&world.store.identity().unwrap()).unwrap();
    assert!(difference.starts_with("inode: was"), "{difference}");
}

#[test]
fn a_file_replaced_under_a_walk_ends_it() {
    let world = world(SOME);
    world.store.adopt(&target("record")).unwrap();
    let mut walk = world.store.walk(job(target("record"), Act::Delete, 500)).unwrap();
    let copy = world.path.with_file_name("copy.db");
    fs_err::copy(&world.path, &copy).unwrap();
    fs_err::rename(&copy, &world.path).unwrap();
    let error = walk.prepare(&label(), 10, &HashSet::new()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Foreign);
}

#[test]
fn what_a_dead_writer_left_is_taken_back_before_reading() {
    let world = world(SOME);
    let writer = Connection::open(&world.path).unwrap();
    // So few pages in memory that the transaction is written into the file before it is committed.
    writer.execute_batch("PRAGMA cache_size = 1; BEGIN; DELETE FROM record WHERE id > 10").unwrap();
    let grave = tempfile::tempdir().unwrap();
    let path = grave.path().join("data.db");
    fs_err::copy(&world.path, &path).unwrap();
    fs_err::copy(world.path.with_file_name("data.db-journal"), grave.path().join("data.db-journal")).unwrap();
    let store = SqliteStore::open(StoreName::new("box"), path);
    let total = store.total(&target("record")).unwrap();
    assert_eq!((total.count, total.exact), (500, true));
    assert!(!grave.path().join("data.db-journal").exists());
}

#[test]
fn a_log_that_a_dead_writer_left_is_read() {
    let world = world(&format!("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; {SOME}"));
    let grave = tempfile::tempdir().unwrap();
    let path = grave.path().join("data.db");
    for file in ["data.db", "data.db-wal"] {
        fs_err::copy(world.path.with_file_name(file), grave.path().join(file)).unwrap();
    }
    let store = SqliteStore::open(StoreName::new("box"), path);
    assert_eq!(store.total(&target("record")).unwrap().count, 500);
    assert_eq!(carry_out(&store, job(target("record"), Act::Delete, 500), 100).unwrap().len(), 5);
}

#[test]
fn what_is_gone_is_in_no_file() {
    for mode in ["DELETE", "WAL"] {
        // What the other program itself left between its rows is not ours to find: only VACUUM would.
        let world = world(&format!("PRAGMA secure_delete = ON; PRAGMA journal_mode = {mode}; {SOME}"));
        carry_out(&world.store, job(target("record"), Act::Delete, 500), 100).unwrap();
        world.store.settle(&target("record")).unwrap();
        for file in ["data.db", "data.db-wal", "data.db-journal"] {
            let path = world.path.with_file_name(file);
            let bytes = if path.exists() { fs_err::read(&path).unwrap() } else { Vec::new() };
            let found = bytes.windows(11).any(|part| part == b"the-secret-");
            assert!(!found, "{file} in mode {mode}");
        }
        assert_eq!(number(&world, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    }
}

#[test]
fn a_log_that_a_reader_keeps_from_being_emptied_is_no_success() {
    let world = world(&format!("PRAGMA journal_mode = WAL; {SOME}"));
    let reader = Connection::open(&world.path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM record").unwrap();
    carry_out(&world.store, job(target("record"), Act::Delete, 500), 100).unwrap();
    let error = world.store.settle(&target("record")).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Busy);
    assert!(error.to_string().contains("write-ahead log"), "{error}");
    reader.execute_batch("COMMIT").unwrap();
    world.store.settle(&target("record")).unwrap();
    assert_eq!(fs_err::metadata(world.path.with_file_name("data.db-wal")).unwrap().len(), 0);
}

#[test]
fn a_dry_run_is_dry() {
    let world = world(SOME);
    world.store.adopt(&target("record")).unwrap();
    let before = fs_err::read(&world.path).unwrap();
    let job = job(target("record"), Act::Delete, 500);
    world.store.scan(&job.scope, &job.predicate, None, 10).unwrap();
    world.store.survey(&job.scope, &Predicate::Always(true), &job.start, &[job.due]).unwrap();
    world.store.collections().unwrap();
    let session = world.store.reading().unwrap();
    for sql in ["DELETE FROM record", "CREATE TABLE t (a)", "PRAGMA user_version = 7"] {
        let error = session.run(sql).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Denied, "{sql}");
    }
    assert_eq!(fs_err::read(&world.path).unwrap(), before);
}

#[test]
fn a_write_is_durable_and_overwrites() {
    let world = world(SOME);
    let session = world.store.writing().unwrap();
    let setting = |name: &str| session.one::<i64>(&format!("PRAGMA {name}")).unwrap();
    assert_eq!(setting("synchronous"), 3, "EXTRA");
    assert_eq!((setting("foreign_keys"), setting("secure_delete"), setting("busy_timeout")), (1, 1, 50));
}

#[test]
fn no_other_row_goes_because_one_changes() {
    for conflict in ["REPLACE", "IGNORE", "FAIL", "ROLLBACK", "ABORT"] {
        let world = world(&format!(
            "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER, word TEXT, kind TEXT, \
             UNIQUE (word, kind) ON CONFLICT {conflict});
             INSERT INTO record VALUES (1, 1700000000, '1234567', 'k'), (3, 1793000000, '123xxxx', 'k');"
        ));
        let method = Arc::new(Method::DropLastDigits { digits: 4 });
        let act = Act::Change(vec![Change { column: "word".to_owned(), method }]);
        let error = carry_out(&world.store, job(target("record"), act, 1), 10).unwrap_err();
        assert!(error.to_string().contains("constraint"), "{conflict}: {error}");
        let rows = "SELECT count(*) FROM record WHERE word = '123xxxx' OR word = '1234567'";
        assert_eq!(number(&world, rows), 2, "{conflict}");
    }
}

#[test]
fn no_error_tells_a_value() {
    let world = world(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER, word TEXT);
         INSERT INTO record VALUES (1, 1700000000, 'Ada Lovelace');
         CREATE TRIGGER t BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'Ada Lovelace is needed'); END;",
    );
    let error = carry_out(&world.store, job(target("record"), Act::Delete, 1), 10).unwrap_err();
    assert!(!error.to_string().contains("Ada"), "{error}");
    assert_eq!(number(&world, "SELECT count(*) FROM record"), 1);
}
