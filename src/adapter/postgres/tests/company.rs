//! A run beside others, on a server of its own: on the shared one somebody is always at work.

use std::collections::HashSet;

use super::super::session::Session;
use super::PostgresStore;
use super::{alone, deletion, label, target};
use crate::adapter::api::{Dispose as _, Inspect as _, Job, Pacing, Walk};
use crate::adapter::contract::server;
use crate::adapter::place::{Pace, Server};
use crate::adapter::recall::Recall;
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;

const ROWS: i64 = 20_000;

/// Rows of which all are due; another program, and our store at this pace.
fn server_of_our_own(server: &server::Server, pace: Pace) -> (Session, PostgresStore) {
    let url = Secret::Plain(format!("postgres://postgres@127.0.0.1:{}/postgres", server.port));
    let place = Server { pace, parallel: 2, ..Server::at(url) };
    let other = Session::write("test", &place, Limits::default(), &alone()).unwrap();
    other
        .run(&format!(
            "DROP TABLE IF EXISTS records; CREATE TABLE records (id bigint PRIMARY KEY, at timestamptz NOT NULL); \
             INSERT INTO records SELECT n, '2026-01-01' FROM generate_series(1, {ROWS}) AS n; ANALYZE records"
        ))
        .unwrap();
    (other, PostgresStore::open(StoreName::new("box"), place))
}

fn job() -> Job {
    Job { expected: ROWS.unsigned_abs(), ..deletion(target(), Predicate::Always(true)) }
}

/// In how many statements the rows of a batch went that is not committed: each has its number on the pages.
fn statements(other: &Session) -> i64 {
    other.run("CREATE EXTENSION IF NOT EXISTS pageinspect").unwrap();
    let sql = "SELECT count(DISTINCT (t_xmax::text, t_field3))::int8 \
         FROM generate_series(0, pg_relation_size('records') / 8192 - 1) AS page, \
         heap_page_items(get_raw_page('records', page::int)) WHERE t_xmax::text::int8 IN \
         (SELECT backend_xid::text::int8 FROM pg_stat_activity WHERE application_name = 'forfall')";
    other.one(sql, &[]).unwrap().get(0)
}

/// How many connections of a run are in the middle of a batch.
fn at_work(other: &Session) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND application_name = 'forfall'";
    other.one(sql, &[]).unwrap().get(0)
}

/// Deletes one batch; gives its size.
fn one_batch(walk: &mut dyn Walk, want: usize) -> usize {
    let batch = walk.prepare(&label(), want, &HashSet::new()).unwrap().unwrap();
    let size = batch.records().len();
    batch.commit().unwrap();
    size
}

#[test]
fn a_run_goes_in_steps_from_when_others_write() {
    let server = server::another_postgres();
    let (other, store) = server_of_our_own(&server, Pace::Auto);
    let mut walk = store.walk(job()).unwrap();
    assert!(store.beside(&Recall::default()).is_some());
    assert_eq!(walk.pacing().unwrap(), Pacing::Full, "what it wrote before we came is no company");
    let mut gone = one_batch(&mut *walk, 2_000);
    assert_eq!(walk.pacing().unwrap(), Pacing::Full, "and our own batch is none");

    for _ in 0..200 {
        other.run("UPDATE records SET at = at WHERE id = 0; SELECT pg_current_xact_id()").unwrap();
    }
    assert_eq!(walk.pacing().unwrap(), Pacing::InSteps);
    assert!(store.beside(&Recall::default()).is_none(), "nor is a second connection kept busy");
    // What was begun before is ended first.
    for _ in 0..2 {
        gone += one_batch(&mut *walk, 2_000);
    }
    let batch = walk.prepare(&label(), 2_000, &HashSet::new()).unwrap().unwrap();
    assert_eq!(at_work(&other), 1, "of two connections");
    assert!(statements(&other) > 1, "all of a batch at once");
    batch.abort().unwrap();
    while let Some(batch) = walk.prepare(&label(), 2_000, &HashSet::new()).unwrap() {
        gone += batch.records().len();
        batch.commit().unwrap();
    }
    assert_eq!(gone, usize::try_from(ROWS).unwrap());
    assert_eq!(other.one("SELECT count(*) FROM records", &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn the_configuration_has_the_last_word() {
    let server = server::another_postgres();
    let (other, store) = server_of_our_own(&server, Pace::Gentle);
    assert_eq!(store.walk(job()).unwrap().pacing().unwrap(), Pacing::InSteps);
    let few = Job { expected: 10, ..job() };
    assert_eq!(store.walk(few).unwrap().pacing().unwrap(), Pacing::Gentle, "row by row: small batches");

    let (_, store) = server_of_our_own(&server, Pace::Full);
    let mut walk = store.walk(job()).unwrap();
    for _ in 0..200 {
        other.run("SELECT pg_current_xact_id()").unwrap();
    }
    assert_eq!(walk.pacing().unwrap(), Pacing::Full);
}
