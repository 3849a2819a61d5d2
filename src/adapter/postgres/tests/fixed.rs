//! Much goes page by page: the keys are asked for first, and the rows go in the same view of the table.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::super::standing::CHECK;
use super::super::value::Bind;
use super::{World, connect, deletion, label, number, target, world};
use crate::adapter::api::{Dispose as _, Job, StoreErrorKind, Walk};
use crate::model::key::{Key, KeyList};
use crate::model::predicate::{Predicate, Reach};

const ALL: u64 = 20_000;

/// So many times the server is asked what it does before that is given up.
const LOOKS: u32 = 200_000;

/// All rows but every third are due, and there is no index on their start.
fn much_due() -> (World, Job) {
    let world = world(&format!(
        "CREATE TABLE records (id bigint PRIMARY KEY, at timestamptz, note text);
         INSERT INTO records SELECT n, CASE WHEN n % 3 = 0 THEN timestamptz '2026-10-31Z' ELSE '2026-01-01Z' END
           FROM generate_series(1, {ALL}) n; ANALYZE records"
    ));
    (world, Job { expected: ALL, ..deletion(target(), Predicate::Always(true)) })
}

fn walked(walk: &mut dyn Walk, want: usize) -> Vec<Key> {
    let mut gone = Vec::new();
    while let Some(batch) = walk.prepare(&label(), want, &HashSet::new()).unwrap() {
        gone.extend_from_slice(batch.records());
        batch.commit().unwrap();
    }
    gone
}

/// Waits until a statement in this database waits for such a lock, and gives that statement.
fn waiting(world: &World, lock: &str) -> String {
    let sql = format!(
        "SELECT a.query FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
         WHERE NOT granted AND locktype = '{lock}' AND a.datname = current_database()"
    );
    let query = || Some(world.other.rows(&sql, &[]).unwrap().first()?.get(0));
    (0..LOOKS).find_map(|_| query()).expect("a statement waits")
}

/// Waits until the server has counted so many dead rows.
fn until_dead(world: &World, is_it: impl Fn(i64) -> bool) {
    let dead = || number(world, "SELECT pg_stat_get_dead_tuples('records'::regclass)");
    assert!((0..LOOKS).any(|_| is_it(dead())), "the server counts dead rows");
}

/// Carries the job out while somebody else changes rows before the walk begins and commits when it waits for them; gives
/// what went, and the statement that waited.
fn gone_beside(world: &World, job: Job, change: &str) -> (Vec<Key>, String) {
    let other = connect("postgres", &world.database);
    other.run(&format!("BEGIN; {change}")).unwrap();
    let store = &world.store;
    std::thread::scope(|scope| {
        let walking = scope.spawn(|| walked(&mut *store.walk(job).unwrap(), 5_000));
        let waited = waiting(world, "transactionid");
        other.run("COMMIT").unwrap();
        (walking.join().unwrap(), waited)
    })
}

/// Between the question and the deletion somebody extends one record and notes something in another.
#[test]
fn a_record_that_somebody_changes_between_the_question_and_the_deletion_is_asked_about_again() {
    let (world, job) = much_due();
    let change = "UPDATE records SET at = '2026-10-31Z' WHERE id = 500; \
         UPDATE records SET note = 'asked for' WHERE id = 700";
    let (gone, waited) = gone_beside(&world, job, change);
    assert!(waited.starts_with("DELETE") && !waited.contains("RETURNING"), "{waited}");
    let named = |id| gone.iter().filter(|key| **key == Key::from_int(id)).count();
    assert_eq!((named(500), named(700), named(701)), (0, 1, 1));
    assert_eq!(number(&world, "SELECT count(*) FROM records WHERE at < '2026-10-01Z'"), 0);
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 6_666 + 1);
    assert_eq!(gone.len(), 20_000 - 6_666 - 1);
}

/// Who deletes a record first has deleted it: it is not proven twice.
#[test]
fn a_record_that_somebody_else_deletes_meanwhile_is_not_ours() {
    let (world, job) = much_due();
    let (gone, waited) = gone_beside(&world, job, "DELETE FROM records WHERE id = 500");
    assert!(!waited.contains("RETURNING"), "{waited}");
    assert_eq!(gone.len(), 20_000 - 6_666 - 1);
    assert!(!gone.contains(&Key::from_int(500)));
}

/// Rows that refer to a record are looked at by the statement that deletes it.
#[test]
fn where_another_table_decides_nothing_is_asked_before() {
    let (world, mut job) = much_due();
    world.other.run("CREATE TABLE notes (id int PRIMARY KEY, record bigint)").unwrap();
    let reach = Reach { collection: "notes".into(), by: "record".into(), key: "id".into() };
    Arc::make_mut(&mut job.scope.target).reached_by.push(reach.clone());
    job.predicate = job.predicate.and(Predicate::Reached(reach).negated());
    let (gone, waited) = gone_beside(&world, job, "DELETE FROM records WHERE id = 500");
    assert!(waited.contains("RETURNING"), "{waited}");
    assert_eq!(gone.len(), 20_000 - 6_666 - 1);
}

/// Whatever keeps a row from going: of a batch whose rows are not all gone, none is.
#[test]
fn a_batch_of_which_other_rows_went_than_were_there_is_taken_back() {
    let (world, job) = much_due();
    let mut walk = world.store.walk(job).unwrap();
    let keep = "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER keep BEFORE DELETE ON records FOR EACH ROW WHEN (OLD.id = 7) EXECUTE FUNCTION keep()";
    world.other.run(keep).unwrap();
    let error = walk.prepare(&label(), 2_000, &HashSet::new()).err().unwrap();
    drop(walk);
    assert_eq!(error.kind, StoreErrorKind::Changed, "{error}");
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 20_000);
}

/// What was changed before the table could be locked is seen, although the rows are looked at as they were at one moment.
#[test]
fn a_table_that_changes_before_it_is_locked_has_changed() {
    let (world, _) = much_due();
    let oid = number(&world, "SELECT 'records'::regclass::oid::int8");
    let signature =
        |session: &super::Session| session.one(CHECK, &[Bind::Ints(vec![oid])]).unwrap().get::<_, String>(0);
    let before = signature(&world.other);
    let other = connect("postgres", &world.database);
    other.run("BEGIN; ALTER TABLE records ADD COLUMN more text").unwrap();
    let after = std::thread::scope(|scope| {
        let database = &world.database;
        let beginning = scope.spawn(move || {
            let ours = connect("postgres", database);
            ours.begin_fixed("records").unwrap();
            signature(&ours)
        });
        waiting(&world, "relation");
        other.run("COMMIT").unwrap();
        beginning.join().unwrap()
    });
    assert_ne!(before, after);
}

/// Commitments are made while the rows go.
#[test]
fn the_keys_are_told_before_the_batch_is_handed_over() {
    let (world, job) = much_due();
    let mut walk = world.store.walk(job).unwrap();
    let mut listening: Option<Receiver<KeyList>> = None;
    let (mut batches, mut as_told, mut gone) = (0, 0, 0);
    loop {
        let heard = listening.take();
        let (to, from) = channel();
        walk.foretell(to, 3_000);
        listening = Some(from);
        let batch = walk.prepare(&label(), 3_000, &HashSet::new()).unwrap();
        let lists: Vec<KeyList> = heard.into_iter().flatten().collect();
        let Some(batch) = batch else { break };
        let told = lists.iter().flat_map(KeyList::encoded);
        as_told += usize::from(told.eq(batch.records().iter().map(Key::as_bytes)));
        batches += 1;
        gone += batch.records().len();
        batch.commit().unwrap();
    }
    assert_eq!((gone, as_told), (20_000 - 6_666, batches - 1), "all but the first of {batches}");
}

/// The server takes a table for one that the index answers for, until it has tidied up.
#[test]
fn where_many_rows_are_dead_the_index_alone_is_not_asked() {
    let (world, job) = much_due();
    let bound = super::super::schema::bind(&world.other, &job.scope.target).unwrap();
    let is_asked = || {
        super::super::advice::avoid_dead_entries(&world.other, &bound).unwrap();
        world.other.one("SHOW enable_indexonlyscan", &[]).unwrap().get::<_, String>(0)
    };
    assert_eq!(is_asked(), "on");
    // Whoever ends a connection has what it did counted.
    connect("postgres", &world.database).run("DELETE FROM records WHERE id % 4 = 0").unwrap();
    until_dead(&world, |dead| dead >= 5_000);
    assert_eq!(is_asked(), "off");
    world.other.run("VACUUM records").unwrap();
    until_dead(&world, |dead| dead == 0);
    assert_eq!(is_asked(), "on");
}
