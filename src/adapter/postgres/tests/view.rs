//! While windows are walked, the server leaves alone what was deleted since, and no longer than that.

use std::collections::HashSet;

use super::{World, deletion, label, number, place, target, world};
use crate::adapter::api::{Dispose as _, Job};
use crate::adapter::place::{Pace, Server};
use crate::adapter::postgres::PostgresStore;
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;

const DUE: u64 = 3_000;

/// A little of a table is due, so that the index is walked.
fn little_due() -> (World, Job) {
    let world = world(&format!(
        "CREATE TABLE records (id bigint PRIMARY KEY, at timestamptz);
         INSERT INTO records SELECT n, CASE WHEN n * 7919 % 200000 < {DUE} THEN timestamptz '2026-09-01Z'
           - n * interval '1 minute' ELSE timestamptz '2026-10-02Z' END FROM generate_series(1, 200000) n;
         CREATE INDEX ON records (at); ANALYZE records"
    ));
    (world, Job { expected: DUE, ..deletion(target(), Predicate::Always(true)) })
}

fn store(world: &World, pace: Pace) -> PostgresStore {
    let place = Server { pace, parallel: 2, ..place("postgres", &world.database) };
    PostgresStore::open(StoreName::new("box"), place)
}

/// Transactions of ours that wait without having changed anything.
const HELD: &str = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
    AND state = 'idle in transaction' AND backend_xmin IS NOT NULL AND backend_xid IS NULL";

fn held(world: &World) -> i64 {
    number(world, &format!("SELECT count(*) FROM ({HELD}) AS held"))
}

#[test]
fn the_server_leaves_alone_what_was_deleted_while_windows_are_walked() {
    let (world, job) = little_due();
    let store = store(&world, Pace::Full);
    let mut walk = store.walk(job).unwrap();
    assert_eq!(held(&world), 0, "nothing is at work yet");
    let first = walk.prepare(&label(), 1_000, &HashSet::new()).unwrap().unwrap();
    assert_eq!(held(&world), 1);
    first.commit().unwrap();
    while let Some(batch) = walk.prepare(&label(), 1_000, &HashSet::new()).unwrap() {
        batch.commit().unwrap();
    }
    assert_eq!(held(&world), 0, "the walk is through, and not yet dropped");
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 197_000);
}

/// Whoever ends the view's connection does not end the walk.
#[test]
fn a_walk_goes_on_without_its_view() {
    let (world, job) = little_due();
    let store = store(&world, Pace::Full);
    let mut walk = store.walk(job).unwrap();
    let mut gone = 0;
    while let Some(batch) = walk.prepare(&label(), 1_000, &HashSet::new()).unwrap() {
        gone += batch.records().len();
        batch.commit().unwrap();
        let kill = format!("SELECT count(pg_terminate_backend(pid)) FROM ({HELD}) AS held");
        number(&world, &kill);
    }
    assert_eq!((gone, held(&world)), (3_000, 0));
}

/// Where batches have to be small, records are found one by one, and nobody knows when the workers go on.
#[test]
fn a_view_is_not_held_where_nobody_works() {
    let (world, job) = little_due();
    let place = Server { pace: Pace::Full, ..place("postgres", &world.database) };
    let store = PostgresStore::open(StoreName::new("box"), place);
    let mut walk = store.walk(job).unwrap();
    walk.prepare(&label(), 1_000, &HashSet::new()).unwrap().unwrap().abort().unwrap();
    let few = walk.prepare(&label(), 50, &HashSet::new()).unwrap().unwrap();
    assert_eq!((few.records().len(), held(&world)), (50, 0));
    few.abort().unwrap();
}

#[test]
fn beside_others_the_server_tidies_up_as_it_goes() {
    let (world, job) = little_due();
    let store = store(&world, Pace::Gentle);
    let mut walk = store.walk(job).unwrap();
    walk.pacing().unwrap();
    let first = walk.prepare(&label(), 1_000, &HashSet::new()).unwrap().unwrap();
    assert_eq!(held(&world), 0);
    first.commit().unwrap();
}

#[test]
fn no_statement_is_compiled() {
    let (world, _) = little_due();
    assert_eq!(world.other.one("SHOW jit", &[]).unwrap().get::<_, String>(0), "off");
}
