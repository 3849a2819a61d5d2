//! One connection: an asynchronous driver behind blocking calls.
//!
//! Each session has a small runtime of its own, on the thread that asks. Time-outs for locks and statements are set
//! before anything else is done, and a row-level security policy that would hide rows is an error, not a silent gap.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::runtime::Runtime;
use tokio::time::{error::Elapsed, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect;
use super::trouble::{Trouble, translated};
use super::value::Bind;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::place::Server;
use crate::adapter::recall::Recall;
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;
use crate::adapter::sql::company::{Company, Done};

/// Statements that are kept ready; more are forgotten together.
const MOST_READY: usize = 200;
/// A server that still answers what was taken back is told again after this.
const TOLD_AGAIN: Duration = Duration::from_millis(200);
/// For so long it is waited that a server gives up what was taken back.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// The server's own time, and how many transactions of all databases have written: each takes the next number.
const WORK: &str = "SELECT extract(epoch FROM clock_timestamp())::float8, \
     pg_snapshot_xmax(pg_current_snapshot())::text::int8";

/// A server that would confirm before anything is written is told not to; a stricter setting stays.
const SYNCHRONOUS: &str = "SELECT set_config('synchronous_commit', 'on', true) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// A connection.
pub(super) struct Session {
    runtime: Runtime,
    client: Client,
    tls: Option<MakeRustlsConnect>,
    /// By what a question is taken back while the server answers it.
    recall: Option<Recall>,
    ready: RefCell<HashMap<String, Statement>>,
    company: Arc<Company>,
    /// How long is waited for what.
    limits: Limits,
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
    pub(super) fn read(
        place: &str,
        server: &Server,
        limits: Limits,
        company: &Arc<Company>,
        recall: Option<Recall>,
    ) -> Result<Self, StoreError> {
        let session = Self { recall, ..Self::open(place, server, server.reading_url(), limits, company)? };
        session
            .run(&format!("{}; SET default_transaction_read_only = on", settings(limits, limits.reading)))?;
        Ok(session)
    }

    /// Connects for disposing.
    pub(super) fn write(
        place: &str,
        server: &Server,
        limits: Limits,
        company: &Arc<Company>,
    ) -> Result<Self, StoreError> {
        let session = Self::open(place, server, &server.url, limits, company)?;
        session.run(&settings(limits, limits.batch))?;
        Ok(session)
    }

    fn open(
        place: &str,
        server: &Server,
        url: &Secret,
        limits: Limits,
        company: &Arc<Company>,
    ) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::new(StoreErrorKind::Unavailable, place, why);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let (client, tls) = runtime.block_on(connect::connect(place, server, url))?;
        let (ready, company) = (RefCell::default(), Arc::clone(company));
        let session =
            Self { runtime, client, tls, recall: None, ready, company, limits, place: place.to_owned() };
        // The count of what others do begins as early as it can.
        session.has_company()?;
        Ok(session)
    }

    /// Whether the connection can still be used.
    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Whether others are at work on the server, so that nothing of ours may be felt.
    pub(super) fn has_company(&self) -> Result<bool, StoreError> {
        self.company.is_there(|| {
            let own = self.company.own();
            let row = self.one(WORK, &[])?;
            Ok(Done { at: row.get(0), work: u64::try_from(row.get::<_, i64>(1)).unwrap_or(0), own })
        })
    }

    /// Puts a question that may take as long as one of those who only read.
    pub(super) fn patiently<T>(&self, ask: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.run(&time_out(self.limits.reading))?;
        let answer = ask();
        self.run(&time_out(self.limits.batch))?;
        answer
    }

    /// Opens a batch's transaction in which every statement sees the same rows. The table is locked before that is decided:
    /// what the catalogue says of it then holds until the end.
    pub(super) fn begin_fixed(&self, table: &str) -> Result<(), StoreError> {
        self.takes_number();
        self.run(&format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE {table} IN ROW EXCLUSIVE MODE; {SYNCHRONOUS}"
        ))
    }

    /// Opens a batch's transaction.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        self.takes_number();
        self.run(&format!("BEGIN ISOLATION LEVEL READ COMMITTED; {SYNCHRONOUS}"))
    }

    /// A transaction of ours gets a number: it is no sign of others.
    pub(super) fn takes_number(&self) {
        self.company.work();
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

    /// How many rows a statement changes; `None` where somebody else has changed one of them since the transaction saw it.
    pub(super) fn change(&self, sql: &str, bound: &[Bind]) -> Result<Option<u64>, StoreError> {
        let statement = self.statement(sql)?;
        let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|one| one as &(dyn ToSql + Sync)).collect();
        let changed = async {
            match self.client.execute(&statement, &bound).await {
                Err(error) if error.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE) => Ok(None),
                changed => changed.map(Some),
            }
        };
        self.wait(changed)
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
        self.runtime.block_on(self.unless_recalled(async {
            let failed = |error: tokio_postgres::Error| translated(&self.place, &error);
            let bound = bound.iter().map(|one| one as &(dyn ToSql + Sync));
            let rows = self.client.query_raw(&statement, bound).await.map_err(failed)?;
            let mut rows = std::pin::pin!(rows);
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                take(&row)?;
            }
            Ok(())
        }))
    }

    /// The messages that a `COPY .. TO STDOUT` gives, likewise.
    pub(super) fn copy(
        &self,
        sql: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        use futures_util::TryStreamExt as _;
        self.runtime.block_on(self.unless_recalled(async {
            let failed = |error: tokio_postgres::Error| translated(&self.place, &error);
            let mut messages = pin!(self.client.copy_out(sql).await.map_err(failed)?);
            while let Some(message) = messages.try_next().await.map_err(failed)? {
                take(&message)?;
            }
            Ok(())
        }))
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
        let what = async { what.await.map_err(|error| translated(&self.place, &error)) };
        self.runtime.block_on(self.unless_recalled(what))
    }

    /// The answer to a question, unless it is taken back meanwhile. Then the server is told to give it up, and waited
    /// for: what goes on there after the connection is closed would go on unseen.
    async fn unless_recalled<T>(
        &self,
        what: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Some(recall) = &self.recall else { return what.await };
        let taken_back = || Err(self.trouble(StoreErrorKind::Unavailable, "the question was taken back"));
        if recall.is_asked() {
            return taken_back();
        }
        let what = pin!(what);
        let what = match select(what, pin!(recall.asked())).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(((), what)) => what,
        };
        // What reaches the server before the statement does is for nothing, so it is told again.
        let tell = async {
            loop {
                let token = self.client.cancel_token();
                // A server that cannot be reached gives it up at its own time-out.
                let _ = match self.tls.clone() {
                    Some(tls) => token.cancel_query(tls).await,
                    None => token.cancel_query(NoTls).await,
                };
                tokio::time::sleep(TOLD_AGAIN).await;
            }
        };
        let _: Result<_, Elapsed> = timeout(GIVEN_UP, select(what, pin!(tell))).await;
        taken_back()
    }

    /// An error about this store.
    pub(super) fn trouble(&self, kind: StoreErrorKind, why: impl Into<String>) -> StoreError {
        Trouble::at(&self.place, kind, why)
    }
}

fn time_out(statement: Duration) -> String {
    format!("SET statement_timeout = {}", statement.as_millis())
}

/// To compile a statement takes longer than what it saves here: each connection would load a compiler, for a question about
/// a plan as well, and each batch would be compiled anew.
fn settings(limits: Limits, statement: Duration) -> String {
    format!(
        "SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = '15min'; \
         SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET bytea_output = 'hex'; SET extra_float_digits = 1; \
         SET row_security = off; SET plan_cache_mode = force_custom_plan; SET jit = off; \
         SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off",
        limits.lock.as_millis(),
        statement.as_millis(),
    )
}
