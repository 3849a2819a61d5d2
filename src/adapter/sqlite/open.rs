//! Opening the database: one way for reading, which cannot write, and one for writing.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OpenFlags, ffi};

use super::trouble::translated;
use crate::adapter::api::{StoreError, StoreErrorKind};

/// A connection with the functions that our statements call.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    /// Texts are kept as UTF-16, whose bytes do not sort by code point.
    pub(super) utf16: bool,
    functions: Cell<usize>,
    place: String,
}

impl Session {
    /// Opens the database so that it cannot be written through this connection.
    pub(super) fn read(path: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match Self::open(path, timeout, flags) {
            // A writer died in the middle of a transaction. Every reader of SQLite takes such a transaction back
            // before it reads; with a read-only connection it cannot, so that a writing one looks in first. It
            // brings back the last committed state and writes nothing of ours.
            Err(error) if error.is_hot_journal() => {
                drop(Self::open(path, timeout, WRITING).map_err(|error| error.into_store(path))?);
                Self::open(path, timeout, flags).map_err(|error| error.into_store(path))
            }
            other => other.map_err(|error| error.into_store(path)),
        }
    }

    /// Opens the database for a batch: what is deleted is overwritten, and what is committed is on the disk.
    pub(super) fn write(path: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let session = Self::open(path, timeout, WRITING).map_err(|error| error.into_store(path))?;
        // EXTRA is FULL, and in a rollback-journal mode also syncs the directory after the journal is gone:
        // without that a power cut could bring the journal back and undo a batch whose outcome is written.
        session.pragma("synchronous", "EXTRA")?;
        session.pragma("secure_delete", "ON")?;
        session.pragma("foreign_keys", "ON")?;
        // 24 MiB: most of a batch's pages stay in memory until it commits, and the process stays small.
        session.pragma("cache_size", "-24576")?;
        session.pragma("temp_store", "MEMORY")?;
        let enforced: i64 = session.one("PRAGMA foreign_keys")?;
        let overwrites: i64 = session.one("PRAGMA secure_delete")?;
        if enforced != 1 || overwrites != 1 {
            let why = "this SQLite does not enforce foreign keys or does not overwrite what it deletes";
            return Err(session.trouble(StoreErrorKind::Unsupported, why));
        }
        Ok(session)
    }

    fn open(path: &Path, timeout: Duration, flags: OpenFlags) -> Result<Self, OpenError> {
        match fs_err::metadata(path) {
            Ok(file) if file.is_file() => {}
            Ok(_) => return Err(OpenError::NoFile("it is not a file".to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::NoFile("there is no such file".to_owned()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(OpenError::NoFile("permission denied".to_owned()));
            }
            Err(error) => return Err(OpenError::NoFile(error.to_string())),
        }
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(timeout)?;
        // Otherwise a quoted name that is no column would silently become a text.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        if !flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
            connection.pragma_update(None, "query_only", "ON")?;
            connection.pragma_update(None, "cache_size", "-16384")?;
        }
        let encoding: String = connection.query_row("PRAGMA encoding", [], |row| row.get(0))?;
        // The first look at the file itself: whether it is a database, and one that nobody left half written.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let place = format!("SQLite database {}", path.display());
        Ok(Self { connection, utf16: encoding != "UTF-8", functions: Cell::new(0), place })
    }

    fn pragma(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.connection.pragma_update(None, name, value).map_err(|error| self.error(&error))
    }

    /// Makes a function that our SQL can call, and gives its name. The answer depends on the arguments alone.
    pub(super) fn function<F>(&self, arguments: usize, answer: F) -> Result<String, StoreError>
    where
        F: Fn(&Context<'_>) -> rusqlite::Result<SqlValue> + Send + 'static,
    {
        let name = format!("forfall_{}", self.functions.replace(self.functions.get() + 1));
        let flags = FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_DIRECTONLY;
        let count = i32::try_from(arguments).expect("a start or key has few fields");
        self.connection
            .create_scalar_function(name.as_str(), count, flags, answer)
            .map_err(|error| self.error(&error))?;
        Ok(name)
    }

    /// A name for an aggregate function that nobody else on this connection has.
    pub(super) fn function_name(&self) -> String {
        format!("forfall_{}", self.functions.replace(self.functions.get() + 1))
    }

    /// Lets everything that is read from now on be of one moment, whatever others write meanwhile.
    pub(super) fn hold_still(&self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() { self.run("BEGIN") } else { Ok(()) }
    }

    /// The one value that a query gives.
    pub(super) fn one<T: rusqlite::types::FromSql>(&self, sql: &str) -> Result<T, StoreError> {
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(|error| self.error(&error))
    }

    /// The one count that a query gives.
    pub(super) fn number(&self, sql: &str, bound: &[SqlValue]) -> Result<u64, StoreError> {
        let count: i64 = self
            .connection
            .query_row(sql, rusqlite::params_from_iter(bound), |row| row.get(0))
            .map_err(|error| self.error(&error))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Runs a statement that gives no rows.
    pub(super) fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(|error| self.error(&error))
    }

    /// Empties the write-ahead log, in which what was deleted would live on. A reader that is still at it keeps that
    /// from being done, which is an error: the next run does it then.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        let mode: String = self.one("PRAGMA journal_mode")?;
        if mode.eq_ignore_ascii_case("wal") {
            let busy: i64 = self.one("PRAGMA wal_checkpoint(TRUNCATE)")?;
            if busy != 0 {
                let why = "what was deleted still stands in its write-ahead log, because another process is reading";
                return Err(self.trouble(StoreErrorKind::Busy, why).with_help(
                    "The next run empties it; until then look for the process that keeps a transaction open",
                ));
            }
        }
        Ok(())
    }

    /// The database as messages name it.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// An error of our own about this database.
    pub(super) fn trouble(&self, kind: StoreErrorKind, why: impl Into<String>) -> StoreError {
        StoreError::new(kind, self.place.clone(), why)
    }

    /// What an error of SQLite means to an operator. Nothing of a record gets into it: the texts of constraints and
    /// triggers, which may hold values, are left out.
    pub(super) fn error(&self, error: &rusqlite::Error) -> StoreError {
        translated(&self.place, error)
    }
}

/// Whether the user that we are may write the file, and make a journal beside it. Nothing is opened.
pub(super) fn require_writable(path: &Path) -> Result<(), StoreError> {
    use rustix::fs::{Access, access};
    let place = format!("SQLite database {}", path.display());
    let denied =
        |why: &str, help: &str| Err(StoreError::new(StoreErrorKind::Denied, &place, why).with_help(help));
    if access(path, Access::WRITE_OK).is_err() {
        return denied(
            "the user that this runs as may not write it",
            "Let the user that forfall runs as write the file",
        );
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    if access(directory.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return denied(
            "the user that this runs as may make no file beside it, which SQLite needs for its journal",
            "Let the user that forfall runs as write the directory",
        );
    }
    Ok(())
}

const WRITING: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

enum OpenError {
    NoFile(String),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl OpenError {
    fn is_hot_journal(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        error.sqlite_error().is_some_and(|error| {
            matches!(
                error.extended_code,
                ffi::SQLITE_READONLY_ROLLBACK | ffi::SQLITE_READONLY_RECOVERY | ffi::SQLITE_READONLY_CANTINIT
            )
        })
    }

    fn into_store(self, path: &Path) -> StoreError {
        let place = format!("SQLite database {}", path.display());
        match self {
            Self::NoFile(why) => StoreError::new(StoreErrorKind::Unavailable, place, why)
                .with_help("Correct `path`, or mount what it lies on; a database is never created"),
            Self::Sqlite(error) => translated(&place, &error),
        }
    }
}
