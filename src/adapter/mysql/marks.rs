//! The marks that we leave in the database: which batches were committed, and which store this is.
//!
//! One table of one column, `forfall_batch`. A row of 16 bytes is a batch that was committed together with it; a longer
//! row, written once, makes the database recognisable.

use chrono::TimeDelta;

use super::privileges::{self, Needed};
use super::session::Session;
use super::value::Bind;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::ids::BatchId;
use crate::model::key::hex;
use crate::model::schema::Identity;
use crate::time::Instant;

/// The table's name.
pub(super) const MARKS: &str = "forfall_batch";

/// How the table is made: by the first approval, or by an administrator before it.
pub(super) const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS forfall_batch (batch VARBINARY(64) NOT NULL PRIMARY KEY) ENGINE = InnoDB";
const STORE_PREFIX: &[u8] = b"store:";

/// A batch that crashed is resolved when the program runs again, and its mark is needed until then. Marks are pruned
/// one by one as their outcomes are written; what a crash leaves behind goes after a year.
const FORGOTTEN: TimeDelta = TimeDelta::days(366);

impl Session {
    /// Whether the table of marks is there and is ours.
    fn has_marks(&self) -> Result<bool, StoreError> {
        let columns: Vec<(String, String, String)> = self.asked(
            "SELECT COLUMN_NAME, COLUMN_TYPE, COLUMN_KEY FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = DATABASE() AND CAST(TABLE_NAME AS BINARY) = ?",
            &[MARKS],
        )?;
        match columns.as_slice() {
            [] => Ok(false),
            [(name, kind, key)] if name == "batch" && kind == "varbinary(64)" && key == "PRI" => Ok(true),
            _ => Err(self
                .trouble(StoreErrorKind::Foreign, format!("it has a `{MARKS}` that is not ours"))
                .with_help("Find out what made it; forfall needs that name for its own marks")),
        }
    }

    /// Refuses a database without our marks: nobody approved it, or it was replaced.
    pub(super) fn require_marks(&self) -> Result<(), StoreError> {
        if self.has_marks()? && self.store_mark()?.is_some() {
            return Ok(());
        }
        Err(self
            .trouble(
                StoreErrorKind::Foreign,
                format!("it has no marks in a table `{MARKS}`, which the first approval makes"),
            )
            .with_help("Run `forfall approve`; if it was approved before, find out why the marks are gone"))
    }

    /// Refuses a user that may not write marks, or could not make their table, which the first approval does.
    pub(super) fn may_mark(&self) -> Result<(), StoreError> {
        let to = [
            ("INSERT", format!("INSERT INTO {MARKS} SELECT * FROM {MARKS} WHERE FALSE")),
            // A mark is never changed, but looked for behind a lock.
            ("UPDATE", format!("SELECT 1 FROM {MARKS} WHERE FALSE FOR UPDATE")),
            ("DELETE", format!("DELETE FROM {MARKS} WHERE FALSE")),
        ];
        let to = to.map(|(privilege, statement)| (privilege.to_owned(), statement)).to_vec();
        let needed = Needed { table: MARKS.to_owned(), to };
        match self.has_marks()? {
            true => privileges::require_one(self, &needed),
            false => privileges::require_making(self, CREATE, &needed),
        }
    }

    /// The row that makes the database recognisable.
    fn store_mark(&self) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.has_marks()? {
            return Ok(None);
        }
        let found: Vec<(Vec<u8>,)> = self
            .asked("SELECT batch FROM forfall_batch WHERE LENGTH(batch) > 16 ORDER BY batch LIMIT 1", &[])?;
        Ok(found.into_iter().next().map(|(mark,)| mark))
    }

    /// Makes the table and the store's own row, if they are not there.
    pub(super) fn adopt(&self) -> Result<(), StoreError> {
        if self.store_mark()?.is_some() {
            return Ok(());
        }
        let mut mark = STORE_PREFIX.to_vec();
        mark.resize(STORE_PREFIX.len() + 16, 0);
        getrandom::fill(&mut mark[STORE_PREFIX.len()..]).map_err(|error| {
            self.trouble(StoreErrorKind::Unavailable, format!("the system gives no random numbers: {error}"))
        })?;
        if !self.has_marks()? {
            self.run(CREATE)?;
        }
        // Another process may have been faster: a lock of their own keeps two of them from both writing.
        let locked: Vec<(Option<i64>,)> = self.asked("SELECT GET_LOCK('forfall adopt', 10)", &[])?;
        if locked.first().is_none_or(|(got,)| *got != Some(1)) {
            return Err(self.trouble(StoreErrorKind::Busy, "another process is approving it at this moment"));
        }
        let written = self.change(
            &format!(
                "INSERT INTO forfall_batch SELECT {} FROM DUAL WHERE NOT EXISTS \
                 (SELECT 1 FROM forfall_batch AS other WHERE LENGTH(other.batch) > 16)",
                super::value::place(1)
            ),
            &[Bind::bytes(&mark)],
        );
        self.run("DO RELEASE_LOCK('forfall adopt')")?;
        written.map(|_| ())
    }

    /// What makes the database this one.
    pub(super) fn identity(&self) -> Result<Identity, StoreError> {
        let server: Vec<(String, String)> =
            self.asked("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uid', 'server_uuid')", &[])?;
        let database: Vec<(String,)> = self.asked("SELECT DATABASE()", &[])?;
        let mark = self
            .store_mark()?
            .map_or_else(|| "none".to_owned(), |mark| hex(mark.strip_prefix(STORE_PREFIX).unwrap_or(&mark)));
        let first = |what: Option<String>| what.unwrap_or_else(|| "unknown".to_owned());
        let part = |name: &str, value: String| (name.to_owned(), value);
        Ok(Identity {
            parts: vec![
                part("server", first(server.into_iter().next().map(|(_, value)| value))),
                part("database", first(database.into_iter().next().map(|(name,)| name))),
                part("marker", mark),
            ],
        })
    }

    /// Writes the mark of a batch into its transaction, and takes away that of the one before.
    pub(super) fn mark(&self, batch: &BatchId, settled: Option<&BatchId>) -> Result<(), StoreError> {
        if let Some(settled) = settled {
            self.unmark(settled)?;
        }
        let sql = format!("INSERT INTO forfall_batch (batch) VALUES ({})", super::value::place(1));
        self.change(&sql, &[Bind::bytes(batch.as_bytes())]).map(|_| ())
    }

    /// Takes away the mark of a batch whose outcome is written.
    pub(super) fn unmark(&self, settled: &BatchId) -> Result<(), StoreError> {
        let sql = format!("DELETE FROM forfall_batch WHERE batch = {}", super::value::place(1));
        self.change(&sql, &[Bind::bytes(settled.as_bytes())]).map(|_| ())
    }

    /// Takes away what crashes left behind long ago. A batch's identifier begins with its time (UUID version 7).
    pub(super) fn forget_old_marks(&self, now: Instant) -> Result<(), StoreError> {
        let millis = (now - FORGOTTEN).timestamp_millis().max(0);
        let sql = format!(
            "DELETE FROM forfall_batch WHERE batch < {} AND LENGTH(batch) = 16",
            super::value::place(1)
        );
        self.change(&sql, &[Bind::bytes(&millis.to_be_bytes()[2..])]).map(|_| ())
    }

    /// Whether the batch was committed. A transaction that has written the mark and is still open makes this busy: at
    /// once, or after the time-out if it may `wait`.
    pub(super) fn is_marked(&self, batch: &BatchId, wait: bool) -> Result<bool, StoreError> {
        self.require_marks()?;
        let wait = if wait { "" } else { " NOWAIT" };
        let place = super::value::place(1);
        let sql = format!("SELECT 1 FROM forfall_batch WHERE batch = {place} FOR UPDATE{wait}");
        Ok(!self.rows(&sql, &[Bind::bytes(batch.as_bytes())])?.is_empty())
    }
}
