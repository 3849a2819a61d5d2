//! A run beside others, on a server of its own: on the shared one somebody is always at work.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::session::Session;
use super::ahead::ONE_BY_ONE;
use super::{MySqlStore, alone, deletion, label, run_all, target};
use crate::adapter::api::{Dispose as _, Inspect as _, Job, Pacing, Walk};
use crate::adapter::contract::server;
use crate::adapter::place::{Pace, Server};
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;

const ROWS: u64 = 20_000;

fn place(server: &server::Server, database: &str) -> Server {
    Server::at(Secret::Plain(format!("mariadb://root@127.0.0.1:{}/{database}", server.port)))
}

fn connect(server: &server::Server, database: &str) -> Session {
    Session::write("test", &place(server, database), Limits::default(), &alone()).unwrap()
}

/// Rows of which all are due; another program, and our store at this pace.
fn server_of_our_own(server: &server::Server, pace: Pace) -> (Session, MySqlStore) {
    let other = connect(server, "mysql");
    run_all(
        &other,
        &format!(
            "DROP DATABASE IF EXISTS desk
             CREATE DATABASE desk
             USE desk
             CREATE TABLE records (id BIGINT PRIMARY KEY, at TIMESTAMP NOT NULL)
             INSERT INTO records SELECT seq, '2026-01-01' FROM {}
             ANALYZE TABLE records",
            server::up_to(ROWS)
        ),
    );
    let place = Server { pace, parallel: 2, ..place(server, "desk") };
    let store = MySqlStore::open(StoreName::new("box"), place);
    store.adopt(&target()).unwrap();
    (other, store)
}

fn job() -> Job {
    Job { expected: ROWS, ..deletion(target(), Predicate::Always(true)) }
}

fn number(other: &Session, sql: &str) -> u64 {
    other.asked::<(u64,)>(sql, &[]).unwrap()[0].0
}

/// Rows that nobody is at.
fn free(other: &Session) -> u64 {
    number(other, "SELECT COUNT(*) FROM (SELECT id FROM records FOR UPDATE SKIP LOCKED) AS free")
}

/// A read now and then would be nobody; this is somebody.
fn read_much(other: &Session) {
    for _ in 0..200 {
        other.run("SELECT COUNT(*) FROM records WHERE id = 0").unwrap();
    }
}

/// How many statements of this kind the server has begun.
fn begun(other: &Session, kind: &str) -> u64 {
    other.asked::<(String, u64)>(&format!("SHOW GLOBAL STATUS LIKE '{kind}'"), &[]).unwrap()[0].1
}

/// Deletes one batch; gives its size.
fn one_batch(walk: &mut dyn Walk, want: usize) -> u64 {
    let batch = walk.prepare(&label(), want, &HashSet::new()).unwrap().unwrap();
    let size = batch.records().len() as u64;
    batch.commit().unwrap();
    size
}

#[test]
fn a_run_goes_in_steps_from_when_others_ask_much() {
    let server = server::another_mariadb();
    if !server.can_only_be_mariadb(ONE_BY_ONE) {
        return;
    }
    let (other, store) = server_of_our_own(&server, Pace::Auto);
    let mut walk = store.walk(job()).unwrap();
    assert_eq!(walk.pacing().unwrap(), Pacing::Full, "what it asked before we came is no company");
    let mut gone = one_batch(&mut *walk, 2_000);
    assert_eq!(walk.pacing().unwrap(), Pacing::Full, "and our own batch is none");

    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        read_much(&other);
        let (reader, is_over) = (connect(&server, "desk"), &is_over);
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                reader.run("SELECT COUNT(*) FROM records WHERE id = 0").unwrap();
            }
        });
        let over = Over(is_over);
        let before = begun(&other, "Com_delete");
        // What two connections had begun before is ended first, and is larger.
        let (mut begun_before, mut left) = (2, 0);
        loop {
            assert_eq!(walk.pacing().unwrap(), Pacing::InSteps);
            let Some(batch) = walk.prepare(&label(), 1_000, &HashSet::new()).unwrap() else { break };
            let size = batch.records().len() as u64;
            if begun_before == 0 {
                left += size;
                assert_eq!(free(&other), ROWS - gone - size, "one of two connections is at work");
            } else if size > 1_500 {
                begun_before -= 1;
            }
            batch.commit().unwrap();
            gone += size;
        }
        drop(over);
        assert_eq!((gone, number(&other, "SELECT COUNT(*) FROM records")), (ROWS, 0));
        let statements = begun(&other, "Com_delete") - before;
        assert!(left > ROWS / 2 && statements > left / 100, "{left} records in {statements} statements");
    });
}

/// Lets another thread end, whatever becomes of this one.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whatever we do, over every connection, is subtracted: to the last statement.
#[test]
fn each_statement_of_our_own_is_known_as_ours() {
    let server = server::another_mariadb();
    let (other, store) = server_of_our_own(&server, Pace::Auto);
    let (before, ours) = (begun(&other, "Questions"), store.company.own());
    store.probe(&target()).unwrap();
    let job = job();
    store.route(&job.scope, &job.predicate, Some(&job.start), job.expected).unwrap();
    store.survey(&job.scope, &job.predicate, &job.start, std::slice::from_ref(&job.due)).unwrap();
    store.scan(&job.scope, &job.predicate, None, 10).unwrap();
    let mut walk = store.walk(job.clone()).unwrap();
    walk.pacing().unwrap();
    walk.prepare(&label(), 3_000, &HashSet::new()).unwrap().unwrap().abort().unwrap();
    while let Some(batch) = walk.prepare(&label(), 3_000, &HashSet::new()).unwrap() {
        batch.commit().unwrap();
    }
    drop(walk);
    let refused = store.writing().unwrap().run("SELECT nothing FROM nowhere").unwrap_err();
    assert!(refused.to_string().contains("nowhere"), "{refused}");
    let (after, ours) = (begun(&other, "Questions"), store.company.own() - ours);
    assert!(ours > 100, "{ours}");
    assert_eq!(after - before - 1, ours, "but for the question itself");
}

#[test]
fn the_configuration_has_the_last_word() {
    let server = server::another_mariadb();
    let (other, store) = server_of_our_own(&server, Pace::Gentle);
    if server.can_only_be_mariadb(ONE_BY_ONE) {
        let mut walk = store.walk(job()).unwrap();
        assert_eq!(walk.pacing().unwrap(), Pacing::InSteps);
        let batch = walk.prepare(&label(), 2_000, &HashSet::new()).unwrap().unwrap();
        let size = batch.records().len() as u64;
        assert_eq!(free(&other), ROWS - size, "one connection, whatever `parallel` allows");
        batch.abort().unwrap();
    }
    let few = Job { expected: 10, ..job() };
    assert_eq!(store.walk(few).unwrap().pacing().unwrap(), Pacing::Gentle, "row by row: small batches");

    let (other, store) = server_of_our_own(&server, Pace::Full);
    let mut walk = store.walk(job()).unwrap();
    read_much(&other);
    assert_eq!(walk.pacing().unwrap(), Pacing::Full);
}
