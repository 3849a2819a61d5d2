//! Tests against a real server.

mod fixture;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::MySqlStore;
use super::session::Session;
use crate::adapter::contract::server;
use crate::adapter::place::Server;
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;
use crate::model::ids::StoreName;

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
    Server::at(Secret::Plain(format!("mariadb://{user}@127.0.0.1:{port}/{database}")))
}

pub(super) fn connect(user: &str, database: &str) -> Session {
    Session::write("test", &place(user, database), Limits::default()).unwrap()
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
