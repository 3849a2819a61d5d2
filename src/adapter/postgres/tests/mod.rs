//! Tests against a real server.

mod beside;
mod changing;
mod company;
mod counting;
mod cutting;
mod fixed;
mod fixture;
mod json;
mod keys;
mod orphans;
mod partitions;
mod traps;
mod view;
mod windows;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::PostgresStore;
use super::session::Session;
use crate::adapter::api::{Act, Job, Scope};
use crate::adapter::contract::server;
use crate::adapter::place::{Pace, Server};
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;
use crate::adapter::sql::company::{Company, Few};
use crate::model::batch::BatchLabel;
use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::{Start, StartSource};
use crate::model::target::Target;
use crate::model::value::Field;
use crate::time::{Instant, StartSet, Zone};

/// Databases that an earlier test has left empty.
static FREE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A database that nobody else uses, with a connection of another program and our store.
pub(super) struct World {
    pub(super) store: PostgresStore,
    pub(super) other: Session,
    pub(super) database: String,
}

/// The server as `user` reaches that database.
pub(super) fn place(user: &str, database: &str) -> Server {
    let port = server::postgres().port;
    let url = Secret::Plain(format!("postgres://{user}@127.0.0.1:{port}/{database}"));
    // Other tests are at work on the same server.
    Server { pace: Pace::Full, ..Server::at(url) }
}

/// Nobody else matters.
pub(super) fn alone() -> Arc<Company> {
    Arc::new(Company::new(Pace::Full, Few::TRANSACTIONS, 1))
}

pub(super) fn connect(user: &str, database: &str) -> Session {
    Session::write("test", &place(user, database), Limits::default(), &alone()).unwrap()
}

pub(super) fn world(sql: &str) -> World {
    let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let database = free.unwrap_or_else(|| {
        let name = server::postgres().new_name();
        connect("postgres", "postgres").run(&format!("CREATE DATABASE {name}")).unwrap();
        name
    });
    let other = connect("postgres", &database);
    other.run(sql).unwrap();
    let store = PostgresStore::open(StoreName::new("box"), place("postgres", &database))
        .with_lock_timeout(Duration::from_secs(10));
    World { store, other, database }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.store.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.other.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public").unwrap();
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.database));
    }
}

/// One number from the other program's connection.
pub(super) fn number(world: &World, sql: &str) -> i64 {
    world.other.one(sql, &[]).unwrap().get(0)
}

pub(super) fn now() -> Instant {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

pub(super) fn label() -> BatchLabel {
    BatchLabel {
        batch: BatchId::at(now()),
        run: RunId::at(now()),
        policy: PolicyId::new("policy"),
        store: StoreName::new("box"),
        collection: "records".to_owned(),
        class: None,
        stage: 1,
        action: "delete".to_owned(),
    }
}

/// Deletes what started before October 2026, by the column `at`, and for which the predicate is true.
pub(super) fn deletion(target: Target, predicate: Predicate) -> Job {
    let start = Arc::new(Start {
        source: StartSource::Field(Field::own("at")),
        waiting_if_empty: false,
        waiting_if_future: false,
        cutoff: None,
        format: None,
        zone: Zone::UTC,
        earliest: "1990-01-01".parse().unwrap(),
    });
    let due =
        StartSet { instants: vec![(None, "2026-10-01T00:00:00Z".parse().unwrap())], dates_through: None };
    let is_due = Predicate::Start { start: Arc::clone(&start), is: StartIs::In(due.clone()) };
    let scope = Scope { target: Arc::new(target), events: Arc::default(), now: now() };
    Job {
        scope,
        predicate: is_due.and(predicate),
        start,
        due,
        act: Act::Delete,
        aggregate: None,
        expected: 0,
    }
}

pub(super) fn target() -> Target {
    Target::new(StoreName::new("box"), "records")
}
