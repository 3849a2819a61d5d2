//! Tests against a real server.

mod ahead;
mod changing;
mod company;
mod counting;
mod cutting;
mod fixture;
mod json;
mod orphans;
mod races;
mod replicas;
mod traps;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::MySqlStore;
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
    pub(super) store: MySqlStore,
    pub(super) other: Session,
    pub(super) database: String,
}

/// The server as `user` reaches that database.
pub(super) fn place(user: &str, database: &str) -> Server {
    let port = server::mariadb().port;
    let url = Secret::Plain(format!("mariadb://{user}@127.0.0.1:{port}/{database}"));
    // Other tests are at work on the same server.
    Server { pace: Pace::Full, ..Server::at(url) }
}

/// Nobody else matters.
pub(super) fn alone() -> Arc<Company> {
    Arc::new(Company::new(Pace::Full, Few::STATEMENTS, 1))
}

pub(super) fn connect(user: &str, database: &str) -> Session {
    Session::write("test", &place(user, database), Limits::default(), &alone()).unwrap()
}

/// Runs statements, one a line.
pub(super) fn run_all(session: &Session, sql: &str) {
    for statement in sql.lines().map(str::trim).filter(|line| !line.is_empty()) {
        session.run(statement).unwrap();
    }
}

pub(super) fn world(sql: &str) -> World {
    let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let database = free.unwrap_or_else(|| server::mariadb().new_name());
    connect("root", "mysql").run(&format!("CREATE DATABASE IF NOT EXISTS {database}")).unwrap();
    let other = connect("root", &database);
    run_all(&other, sql);
    // As the first approval does.
    other.adopt().unwrap();
    let store = MySqlStore::open(StoreName::new("box"), place("root", &database))
        .with_lock_timeout(Duration::from_secs(10));
    World { store, other, database }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.store.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.other.run(&format!("DROP DATABASE {}", self.database)).unwrap();
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.database));
    }
}

/// One number from the other program's connection.
pub(super) fn number(world: &World, sql: &str) -> i64 {
    let found: Vec<(i64,)> = world.other.asked(sql, &[]).unwrap();
    found[0].0
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
