//! One connection: an asynchronous driver behind blocking calls.
//!
//! Each session has a small runtime of its own, on the thread that asks. Time-outs for locks and statements are set
//! before anything else is done, and a row-level security policy that would hide rows is an error, not a silent gap.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::connect;
use super::trouble::{Trouble, translated};
use super::value::Bind;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::place::Server;
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;

/// Statements that are kept ready; more are forgotten together.
const MOST_READY: usize = 200;

/// A connection.
pub(super) struct Session {
    runtime: Runtime,
    client: Client,
    ready: RefCell<HashMap<String, Statement>>,
    /// The store as messages name it.
    pub(super) place: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.place)
    }
}

impl Session {
    /// Connects for reading only.
    pub(super) fn read(place: &str, server: &Server, limits: Limits) -> Result<Self, StoreError> {
        let session = Self::open(place, server, server.reading_url())?;
        session
            .run(&format!("{}; SET default_transaction_read_only = on", settings(limits, limits.reading)))?;
        Ok(session)
    }

    /// Connects for disposing.
    pub(super) fn write(place: &str, server: &Server, limits: Limits) -> Result<Self, StoreError> {
        let session = Self::open(place, server, &server.url)?;
        session.run(&settings(limits, limits.batch))?;
        Ok(session)
    }

    fn open(place: &str, server: &Server, url: &Secret) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::new(StoreErrorKind::Unavailable, place, why);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let client = runtime.block_on(connect::connect(place, server, url))?;
        Ok(Self { runtime, client, ready: RefCell::default(), place: place.to_owned() })
    }

    /// Whether the connection can still be used.
    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Runs statements that bind and give nothing.
    pub(super) fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.wait(self.client.batch_execute(sql))
    }

    /// The rows that a statement gives.
    pub(super) fn rows(&self, sql: &str, bound: &[Bind]) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(sql)?;
        let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|one| one as &(dyn ToSql + Sync)).collect();
        self.wait(self.client.query(&statement, &bound))
    }

    /// The one row that a statement gives.
    pub(super) fn one(&self, sql: &str, bound: &[Bind]) -> Result<Row, StoreError> {
        let mut rows = self.rows(sql, bound)?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            _ => {
                Err(self
                    .trouble(StoreErrorKind::Changed, "a question for one row got another number of them"))
            }
        }
    }

    /// The rows that a statement gives, handed over one by one as they come: a large answer is never held as a whole.
    pub(super) fn each(
        &self,
        sql: &str,
        bound: &[Bind],
        mut take: impl FnMut(&Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        use futures_util::TryStreamExt as _;
        let statement = self.statement(sql)?;
        self.runtime.block_on(async {
            let failed = |error: tokio_postgres::Error| translated(&self.place, &error);
            let bound = bound.iter().map(|one| one as &(dyn ToSql + Sync));
            let rows = self.client.query_raw(&statement, bound).await.map_err(failed)?;
            let mut rows = std::pin::pin!(rows);
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                take(&row)?;
            }
            Ok(())
        })
    }

    fn statement(&self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(ready) = self.ready.borrow().get(sql) {
            return Ok(ready.clone());
        }
        let statement = self.wait(self.client.prepare(sql))?;
        let mut ready = self.ready.borrow_mut();
        if ready.len() >= MOST_READY {
            ready.clear();
        }
        ready.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn wait<T>(&self, what: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreError> {
        self.runtime.block_on(what).map_err(|error| translated(&self.place, &error))
    }

    /// An error about this store.
    pub(super) fn trouble(&self, kind: StoreErrorKind, why: impl Into<String>) -> StoreError {
        Trouble::at(&self.place, kind, why)
    }
}

fn settings(limits: Limits, statement: Duration) -> String {
    format!(
        "SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = '15min'; \
         SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET bytea_output = 'hex'; SET extra_float_digits = 1; \
         SET row_security = off; SET plan_cache_mode = force_custom_plan; \
         SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off",
        limits.lock.as_millis(),
        statement.as_millis(),
    )
}
