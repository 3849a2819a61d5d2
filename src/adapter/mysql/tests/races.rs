//! What others do at the moment at which a batch is made.

use std::collections::HashSet;

use super::{World, connect, deletion, label, number, run_all, target, world};
use crate::adapter::api::{Dispose as _, Job, StoreErrorKind};
use crate::adapter::contract::methods::change;
use crate::adapter::contract::server::up_to;
use crate::model::method::Method;
use crate::model::predicate::{Comparison, Operand, Predicate};
use crate::model::target::Link;
use crate::model::value::{Field, Value};

/// The repetitions of a race.
pub(super) const REPETITIONS: i64 = 10_000;

/// Carries a job out in small batches; another batch is tried after an error that may pass.
pub(super) fn carry_out(world: &World, job: Job, want: usize) -> usize {
    let mut done = 0;
    let mut walk = world.store.walk(job).unwrap();
    loop {
        match walk.prepare(&label(), want, &HashSet::new()) {
            Ok(None) => return done,
            Ok(Some(batch)) => {
                let records = batch.records().len();
                batch.commit().unwrap();
                done += records;
            }
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Busy, "{error}"),
        }
    }
}

pub(super) fn many(world: &World, columns: &str) {
    run_all(
        &world.other,
        &format!(
            "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, parent INT, KEY (at))
             INSERT INTO records SELECT seq, '2026-01-01', {columns} FROM {}",
            up_to(REPETITIONS)
        ),
    );
}

/// Runs a loop on the server, with each round in a transaction of its own.
fn repeat(world: &World, round: &str) -> std::thread::JoinHandle<()> {
    let body = format!(
        "DECLARE n INT DEFAULT 1; WHILE n <= {REPETITIONS} DO {round} COMMIT; SET n = n + 1; END WHILE;"
    );
    world.other.run(&format!("CREATE PROCEDURE others() BEGIN {body} END")).unwrap();
    let database = world.database.clone();
    std::thread::spawn(move || {
        let other = connect("root", &database);
        // Only MariaDB would end a call that takes long.
        let limit = if other.is_mariadb { ", max_statement_time = 0" } else { "" };
        other.run(&format!("SET autocommit = 0, innodb_lock_wait_timeout = 50{limit}")).unwrap();
        other.run("CALL others()").unwrap();
    })
}

/// Somebody extends each record at the moment at which it would go: whoever was told that it is extended keeps it.
fn extended_meanwhile(returning: bool) {
    let mut world = world("CREATE TABLE extended (id INT)");
    world.store.returning = returning;
    many(&world, "NULL");
    let extending = repeat(
        &world,
        "UPDATE records SET at = '2026-10-31' WHERE id = n; \
         IF ROW_COUNT() = 1 THEN INSERT INTO extended VALUES (n); END IF;",
    );
    let done = carry_out(&world, deletion(target(), Predicate::Always(true)), 25);
    extending.join().unwrap();
    let lost = number(&world, "SELECT COUNT(*) FROM extended WHERE id NOT IN (SELECT id FROM records)");
    assert_eq!(lost, 0, "extended records are gone");
    let extended = number(&world, "SELECT COUNT(*) FROM extended");
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), extended, "nothing that is due was missed");
    assert_eq!(i64::try_from(done).unwrap() + extended, REPETITIONS);
}

#[test]
fn a_record_that_is_extended_meanwhile_is_kept() {
    extended_meanwhile(true);
}

#[test]
fn a_record_that_is_extended_meanwhile_is_kept_without_returning() {
    extended_meanwhile(false);
}

/// A row that decides is changed at the moment at which its record would go. Who changes it looks, with the row
/// locked, whether the record is still there: a record that was seen then stays.
#[test]
fn a_record_whose_related_row_changes_meanwhile_is_kept() {
    let world = world("CREATE TABLE seen (id INT)");
    many(&world, "seq");
    run_all(
        &world.other,
        &format!(
            "CREATE TABLE cases (id INT PRIMARY KEY, state VARCHAR(9))
             INSERT INTO cases SELECT seq, 'closed' FROM {}",
            up_to(REPETITIONS)
        ),
    );
    let opening = repeat(
        &world,
        "UPDATE cases SET state = 'open' WHERE id = n; INSERT INTO seen SELECT id FROM records WHERE id = n;",
    );
    let mut bound = target();
    let by = "parent".to_owned();
    bound.links.push(Link { name: "case".to_owned(), collection: "cases".to_owned(), key: None, by });
    let closed = Predicate::Compare {
        field: Field::linked("case", "state"),
        op: Comparison::Equal,
        with: Operand::Value(Value::Text("closed".to_owned())),
    };
    carry_out(&world, deletion(bound, closed), 25);
    opening.join().unwrap();
    let lost = number(&world, "SELECT COUNT(*) FROM seen WHERE id NOT IN (SELECT id FROM records)");
    assert_eq!(lost, 0, "records of reopened cases are gone");
}

/// The keys of a batch are many, and the server would rather read the whole table than look for each of them.
#[test]
fn a_batch_waits_for_no_row_that_is_not_its_own() {
    let mut world = world("");
    world.store.returning = false;
    world.store.limits.lock = std::time::Duration::from_secs(1);
    many(&world, "seq");
    run_all(
        &world.other,
        "ANALYZE TABLE records\nSTART TRANSACTION\nSELECT id FROM records WHERE id = 9000 FOR UPDATE",
    );
    let seven = [("parent", Method::Fixed(Value::Int(7)))];
    let all = || deletion(target(), Predicate::Always(true));
    for job in [change(all(), &seven), all()] {
        let mut walk = world.store.walk(job).unwrap();
        let batch = walk.prepare(&label(), 4_000, &HashSet::new()).unwrap().unwrap();
        assert_eq!(batch.records().len(), 4_000);
        batch.abort().unwrap();
    }
}

/// Few are due, and an index on the start leads to them: locked by way of it, the batch would hold an entry of that index and
/// wait for the row, and who changes that row would wait for the entry.
#[test]
fn who_extends_a_record_that_a_batch_waits_for_is_let_through() {
    let mut world = world("");
    world.store.returning = false;
    run_all(
        &world.other,
        &format!(
            "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, parent INT, KEY (at))
             INSERT INTO records SELECT seq, IF(seq % 1000 = 0, '2026-01-01', '2026-10-31'), seq FROM {}
             ANALYZE TABLE records
             START TRANSACTION
             SELECT id FROM records WHERE id = 5000 FOR UPDATE",
            up_to(REPETITIONS)
        ),
    );
    // The catalogue's own answer is an old one for whoever asks often.
    let locked = format!("of table `{}`.`records` trx id ", world.database);
    let waits = || {
        let status: String = world.other.told("SHOW ENGINE INNODB STATUS").unwrap()[0].get(2).unwrap();
        status.lines().any(|line| line.contains(&locked) && line.ends_with(" waiting"))
    };
    let seven = [("parent", Method::Fixed(Value::Int(7)))];
    let store = &world.store;
    std::thread::scope(|scope| {
        let changing = scope.spawn(move || {
            let mut walk = store.walk(change(deletion(target(), Predicate::Always(true)), &seven)).unwrap();
            let batch = walk.prepare(&label(), 100, &HashSet::new()).unwrap().unwrap();
            let records = batch.records().len();
            batch.commit().unwrap();
            records
        });
        while !waits() {
            assert!(!changing.is_finished(), "it does not wait for the row");
        }
        world.other.run("UPDATE records SET at = '2026-10-31' WHERE id = 5000").unwrap();
        world.other.run("COMMIT").unwrap();
        assert_eq!(changing.join().unwrap(), 9);
    });
}
