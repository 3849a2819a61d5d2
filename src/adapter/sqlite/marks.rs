//! The marks that we leave in the database: which batches were committed, and which store this is.
//!
//! One table of one column, `forfall_batch`. A row of 16 bytes is a batch that was committed together with it; a longer
//! row, written once, makes the database recognisable.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chrono::TimeDelta;
use rusqlite::OptionalExtension;
use rusqlite::types::Value as SqlValue;

use super::open::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::ids::BatchId;
use crate::model::key::hex;
use crate::model::schema::Identity;
use crate::time::Instant;

/// The table's name.
pub(super) const MARKS: &str = "forfall_batch";

const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS forfall_batch (batch BLOB PRIMARY KEY NOT NULL) WITHOUT ROWID";
const STORE_PREFIX: &[u8] = b"store:";

/// A batch that crashed is resolved when the program runs again, and its mark is needed until then. Marks are pruned
/// one by one as their outcomes are written; what a crash leaves behind goes after a year.
const FORGOTTEN: TimeDelta = TimeDelta::days(366);

impl Session {
    /// Whether the table of marks is there and is ours.
    pub(super) fn has_marks(&self) -> Result<bool, StoreError> {
        let found: Option<String> = self
            .connection
            .query_row("SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE", [MARKS], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|error| self.error(&error))?;
        let Some(kind) = found else { return Ok(false) };
        let columns = self.rows("SELECT name, pk FROM pragma_table_xinfo(?1)", [MARKS], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })?;
        if kind == "table" && columns == [("batch".to_owned(), 1)] {
            return Ok(true);
        }
        Err(self
            .trouble(StoreErrorKind::Foreign, format!("it has a `{MARKS}` that is not ours"))
            .with_help("Find out what made it; forfall needs that name for its own marks"))
    }

    /// Refuses a database without our marks: nobody approved it, or it was replaced.
    pub(super) fn require_marks(&self) -> Result<(), StoreError> {
        if self.has_marks()? {
            return Ok(());
        }
        Err(self
            .trouble(
                StoreErrorKind::Foreign,
                format!("it has no table `{MARKS}`, which the first approval makes"),
            )
            .with_help("Run `forfall approve`; if it was approved before, find out why the table is gone"))
    }

    /// The row that makes the database recognisable.
    fn store_mark(&self) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.has_marks()? {
            return Ok(None);
        }
        self.connection
            .query_row("SELECT batch FROM forfall_batch WHERE length(batch) > 16 LIMIT 1", [], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|error| self.error(&error))
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
        let make = || -> rusqlite::Result<()> {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.connection.execute_batch(CREATE)?;
            // Another process may have been faster.
            self.connection.execute(
                "INSERT INTO forfall_batch SELECT ?1 WHERE NOT EXISTS \
                 (SELECT 1 FROM forfall_batch WHERE length(batch) > 16)",
                [&mark],
            )?;
            self.connection.execute_batch("COMMIT")
        };
        make().map_err(|error| {
            self.roll_back();
            self.error(&error)
        })
    }

    /// Writes the mark of a batch into its transaction, and takes away that of the one before.
    pub(super) fn mark(&self, batch: &BatchId, settled: Option<&BatchId>) -> Result<(), StoreError> {
        let write = || -> rusqlite::Result<()> {
            if let Some(settled) = settled {
                self.connection
                    .prepare_cached("DELETE FROM forfall_batch WHERE batch = ?1")?
                    .execute([settled.as_bytes()])?;
            }
            self.connection
                .prepare_cached("INSERT INTO forfall_batch (batch) VALUES (?1)")?
                .execute([batch.as_bytes()])?;
            Ok(())
        };
        write().map_err(|error| self.error(&error))
    }

    /// Takes away the mark of a batch whose outcome is written.
    pub(super) fn unmark(&self, settled: &BatchId) -> Result<(), StoreError> {
        self.connection
            .execute("DELETE FROM forfall_batch WHERE batch = ?1", [settled.as_bytes()])
            .map(|_| ())
            .map_err(|error| self.error(&error))
    }

    /// Takes away what crashes left behind long ago. A batch's identifier begins with its time (UUID version 7).
    pub(super) fn forget_old_marks(&self, now: Instant) -> Result<(), StoreError> {
        let millis = (now - FORGOTTEN).timestamp_millis().max(0);
        let first = millis.to_be_bytes()[2..].to_vec();
        self.connection
            .execute(
                "DELETE FROM forfall_batch WHERE batch < ?1 AND length(batch) = 16",
                [SqlValue::Blob(first)],
            )
            .map(|_| ())
            .map_err(|error| self.error(&error))
    }

    /// Whether the batch was committed.
    pub(super) fn is_marked(&self, batch: &BatchId) -> Result<bool, StoreError> {
        self.require_marks()?;
        self.connection
            .query_row("SELECT 1 FROM forfall_batch WHERE batch = ?1", [batch.as_bytes()], |_| Ok(()))
            .optional()
            .map(|found| found.is_some())
            .map_err(|error| self.error(&error))
    }

    /// Ends a transaction without a trace; without a transaction nothing happens.
    pub(super) fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // A failure leaves the transaction to the end of the connection, which takes it back as well.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

/// What makes the database this one. `Err` where the file cannot be found; then it is no database at all.
pub(super) fn identity(path: &Path, session: &Session) -> Result<Identity, StoreError> {
    let unavailable = |why: String| session.trouble(StoreErrorKind::Unavailable, why);
    let real = fs_err::canonicalize(path).map_err(|error| unavailable(error.to_string()))?;
    let file = fs_err::metadata(&real).map_err(|error| unavailable(error.to_string()))?;
    let system =
        rustix::fs::statvfs(&real).map_err(|error| unavailable(format!("its file system: {error}")))?;
    let mark = session
        .store_mark()?
        .map_or_else(|| "none".to_owned(), |mark| hex(mark.strip_prefix(STORE_PREFIX).unwrap_or(&mark)));
    let part = |name: &str, value: String| (name.to_owned(), value);
    Ok(Identity {
        parts: vec![
            part("path", real.display().to_string()),
            part("file system", format!("{:016x}", system.f_fsid)),
            part("inode", file.ino().to_string()),
            part("marker", mark),
        ],
    })
}

/// The device and inode under a path, to notice that the file was replaced while we had it open.
pub(super) fn file_at(path: &Path) -> Option<(u64, u64)> {
    fs_err::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
