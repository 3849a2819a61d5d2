//! Many records at once, over several connections.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, channel};

use super::{World, deletion, label, now, number, run_all, target, world};
use crate::adapter::api::{Dispose as _, Job};
use crate::adapter::contract::server::{self, up_to};
use crate::model::batch::{BatchLabel, Fate};
use crate::model::ids::BatchId;
use crate::model::key::{Key, KeyList};
use crate::model::predicate::Predicate;

/// Why MySQL is given no ranges of keys.
pub(super) const ONE_BY_ONE: &str =
    "it does not tell what a DELETE took, and so rows are read before they go";

/// Two thirds of `MANY` rows are due.
const MANY: usize = 30_000;

fn many() -> (World, Job) {
    let mut world = world("CREATE TABLE records (id BIGINT PRIMARY KEY, at TIMESTAMP NULL, KEY (at))");
    run_all(
        &world.other,
        &format!(
            "INSERT INTO records SELECT CAST(seq AS SIGNED) * 3 - 50, IF(seq % 3 = 0, '2026-10-31', '2026-01-01') FROM {}
             ANALYZE TABLE records",
            up_to(MANY)
        ),
    );
    world.store.server.parallel = 3;
    let mut job = deletion(target(), Predicate::Always(true));
    job.expected = 20_000;
    (world, job)
}

fn left(world: &World) -> usize {
    usize::try_from(number(world, "SELECT COUNT(*) FROM records")).unwrap()
}

fn called() -> BatchLabel {
    BatchLabel { batch: BatchId::at(now()), ..label() }
}

#[test]
fn several_connections_delete_everything_that_is_due_once() {
    let (world, job) = many();
    let mut walk = world.store.walk(job).unwrap();
    let mut gone: Vec<Key> = Vec::new();
    let mut batches = 0;
    while let Some(batch) = walk.prepare(&called(), 1_000, &HashSet::new()).unwrap() {
        batches += 1;
        if batches % 4 == 0 {
            batch.abort().unwrap();
        } else {
            gone.extend_from_slice(batch.records());
            batch.commit().unwrap();
        }
    }
    let all = gone.len();
    gone.sort_unstable();
    gone.dedup();
    assert_eq!((gone.len(), all), (MANY * 2 / 3, MANY * 2 / 3));
    assert_eq!(left(&world), MANY / 3);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records WHERE at < '2026-10-01'"), 0);
    assert_eq!(
        number(&world, "SELECT COUNT(*) FROM forfall_batch WHERE LENGTH(batch) = 16"),
        0,
        "no mark is left"
    );
}

#[test]
fn what_was_begun_ahead_is_taken_back_with_the_walk() {
    let (world, job) = many();
    let mut walk = world.store.walk(job).unwrap();
    let first = called();
    let batch = walk.prepare(&first, 1_000, &HashSet::new()).unwrap().unwrap();
    let (records, spool) = (batch.records().len(), batch.spool());
    batch.commit().unwrap();
    let second = called();
    let open = walk.prepare(&second, 1_000, &HashSet::new()).unwrap().unwrap().spool();
    drop(walk);
    assert_eq!(left(&world), MANY - records);
    assert_eq!(
        world.store.resolve(&first, &target(), &spool).unwrap(),
        Fate::Done,
        "its mark stays until then"
    );
    assert_eq!(world.store.resolve(&second, &target(), &open).unwrap(), Fate::NotDone);
}

#[test]
fn a_record_that_is_held_comes_in_no_batch_though_it_was_begun() {
    let (world, job) = many();
    let mut walk = world.store.walk(job).unwrap();
    let first = walk.prepare(&called(), 1_000, &HashSet::new()).unwrap().unwrap();
    let held: HashSet<Key> = first.records().iter().take(3).cloned().collect();
    first.abort().unwrap();
    let mut done = 0;
    while let Some(batch) = walk.prepare(&called(), 1_000, &held).unwrap() {
        assert!(batch.records().iter().all(|key| !held.contains(key)));
        done += batch.records().len();
        batch.commit().unwrap();
    }
    assert_eq!(done, MANY * 2 / 3 - 3);
}

/// A statement also locks the first record behind its range, however far away that is: where nothing stays in between,
/// one connection waits for another, and must not have to wait for longer than that one's batch takes.
#[test]
fn nobody_waits_for_good_where_no_record_stays_in_between() {
    for seq in ["seq", "seq + IF(seq > 100, 1000000, 0)"] {
        let (mut world, job) = many();
        run_all(
            &world.other,
            &format!(
                "DELETE FROM records
                 INSERT INTO records SELECT {seq}, '2026-01-01' FROM {}
                 ANALYZE TABLE records",
                up_to(MANY)
            ),
        );
        world.store.limits.lock = std::time::Duration::from_mins(1);
        world.store.server.parallel = 2;
        let mut walk = world.store.walk(Job { expected: 30_000, ..job }).unwrap();
        let mut done = 0;
        while let Some(batch) = walk.prepare(&called(), 1_000, &HashSet::new()).unwrap() {
            done += batch.records().len();
            batch.commit().unwrap();
        }
        assert_eq!((done, left(&world)), (MANY, 0), "{seq}");
    }
}

/// `plan` says how a run would go.
#[test]
fn the_way_is_told() {
    use crate::adapter::api::Inspect as _;
    let (mut world, job) = many();
    let told = |world: &World, job: &Job| {
        world.store.route(&job.scope, &job.predicate, Some(&job.start), job.expected).unwrap().unwrap()
    };
    let several = if world.other.is_mariadb { ", over 3 connections" } else { "" };
    assert_eq!(told(&world, &job), format!("in the order of the primary key{several}"));
    let few = Job { expected: 999, ..job.clone() };
    assert_eq!(told(&world, &few), "in the order of the primary key", "few are not shared out");
    world.store.server.parallel = 1;
    assert_eq!(told(&world, &job), "in the order of the primary key");
    run_all(
        &world.other,
        &format!(
            "DROP TABLE records
             CREATE TABLE records (id BIGINT PRIMARY KEY, at TIMESTAMP NULL, KEY (at))
             INSERT INTO records SELECT seq, IF(seq % 500 > 0, '2026-10-31', '2026-01-01') FROM {}
             ANALYZE TABLE records",
            up_to(MANY)
        ),
    );
    assert_eq!(told(&world, &job), "by the index on `records`.`at`, because little is due");
}

/// What one connection is at is told while it works on it: then commitments do not wait for its end.
#[test]
fn the_batch_that_one_connection_is_at_is_told() {
    if !server::mariadb().can_only_be_mariadb(ONE_BY_ONE) {
        return;
    }
    let (mut world, job) = many();
    world.store.server.parallel = 1;
    let mut walk = world.store.walk(job).unwrap();
    let mut listening: Option<Receiver<KeyList>> = None;
    let (mut batches, mut as_told) = (0, 0);
    loop {
        let heard = listening.take();
        let (to, from) = channel();
        walk.foretell(to, 3_000);
        listening = Some(from);
        let batch = walk.prepare(&called(), 3_000, &HashSet::new()).unwrap();
        let lists: Vec<KeyList> = heard.into_iter().flatten().collect();
        let Some(batch) = batch else { break };
        let told = lists.iter().flat_map(KeyList::encoded);
        as_told += usize::from(told.eq(batch.records().iter().map(Key::as_bytes)));
        batches += 1;
        batch.commit().unwrap();
    }
    assert_eq!((left(&world), as_told), (MANY / 3, batches - 1), "all but the first of {batches}");
}
