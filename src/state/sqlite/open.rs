//! Opening a state file, and making a new one. A lost state never looks like a new one: where the log's key is and no
//! log, nothing is opened.

use std::io;
use std::path::Path;

use fs_err::OpenOptions;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rusqlite::{Connection, TransactionBehavior, params};

use super::failure::Failure;
use super::layout::{Layout, new_secret, write_secret};
use super::log::Ledger;
use super::ring::{self, Ring};
use super::values::micros;
use super::{PATIENCE, log, people, schema};
use crate::audit::entry::{Body, Genesis};
use crate::audit::note::LogKey;
use crate::model::key::hex;
use crate::state::api::StateError;
use crate::time::Instant;

/// The first epoch of the commitment key.
const FIRST_EPOCH: u32 = 1;

/// What an open state consists of.
pub(super) struct Parts {
    pub(super) layout: Layout,
    pub(super) writer: Connection,
    pub(super) reader: Connection,
    pub(super) ring: Ring,
}

/// Opens the state at `path`, or makes it if neither it nor its keys are there.
pub(super) fn open(path: &Path, now: Instant, origin: Option<&str>) -> Result<Parts, StateError> {
    let layout = Layout::beside(path)?;
    // One process at a time creates or migrates; those that only open wait a moment for it.
    let _lock = layout.lock_opening()?;
    if is_missing(path)? {
        refuse_if_lost(path, &layout)?;
        create_file(path)?;
    }
    connect(path, &layout, now, origin).map_err(|failure| failure.during("open it", path))
}

fn connect(path: &Path, layout: &Layout, now: Instant, origin: Option<&str>) -> Result<Parts, Failure> {
    let mut writer = Connection::open(path)?;
    writer.busy_timeout(PATIENCE)?;
    schema::inspect(&writer, path)?;
    prepare(&writer)?;
    schema::migrate(&mut writer)?;
    let ring = if people::meta::<String>(&writer, "vkey")?.is_some() {
        load_keys(&writer, layout)?
    } else {
        refuse_if_lost(path, layout)?;
        begin(&mut writer, layout, now, origin)?
    };
    log::check_length(&writer.transaction()?)?;
    let reader = Connection::open(path)?;
    prepare(&reader)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok(Parts { layout: layout.clone(), writer, reader, ring })
}

/// No file, or one in which nothing was ever written.
fn is_missing(path: &Path) -> Result<bool, StateError> {
    match fs_err::metadata(path) {
        Ok(file) => Ok(file.len() == 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(broken_file(&error)),
    }
}

fn refuse_if_lost(path: &Path, layout: &Layout) -> Result<(), StateError> {
    let key = layout.log_key();
    match fs_err::symlink_metadata(&key) {
        Ok(_) => Err(StateError::Lost { path: path.display().to_string(), key: key.display().to_string() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(broken_file(&error)),
    }
}

/// SQLite would make the file readable by everybody whom the umask lets.
fn create_file(path: &Path) -> Result<(), StateError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map(drop).map_err(|error| broken_file(&error))
}

fn broken_file(error: &io::Error) -> StateError {
    StateError::Broken { what: "the state cannot be opened".to_owned(), why: error.to_string() }
}

/// What holds for every connection.
fn prepare(connection: &Connection) -> Result<(), Failure> {
    connection.busy_timeout(PATIENCE)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StateError::Broken {
            what: "the state file cannot have a write-ahead log".to_owned(),
            why: format!("SQLite stays in mode {mode}; put it on a local file system"),
        }
        .into());
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Keys of records pass through temporary tables: they stay off the disk.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Lays down keys and the genesis entry. The key has a provisional name until the entry that names it is durable, so
/// that a crash in between is not taken for a lost state.
fn begin(
    writer: &mut Connection,
    layout: &Layout,
    now: Instant,
    origin: Option<&str>,
) -> Result<Ring, Failure> {
    let name = match origin {
        Some(origin) => origin.to_owned(),
        None => format!("forfall/{}", hex(&new_secret()?[..4])),
    };
    let seed = new_secret()?;
    let key = LogKey::new(name.clone(), &seed).map_err(|error| StateError::Broken {
        what: "the audit log cannot begin under this name".to_owned(),
        why: error.to_string(),
    })?;
    write_secret(&layout.new_log_key(), &seed)?;
    write_secret(&layout.epoch_key(FIRST_EPOCH), &new_secret()?)?;
    layout.sync()?;

    let vkey = key.verifier().to_string();
    let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = tx.prepare("INSERT INTO meta (name, value) VALUES (?, ?)")?;
        insert.execute(params!["origin", name])?;
        insert.execute(params!["vkey", vkey])?;
        insert.execute(params!["secret", *new_secret()?])?;
        insert.execute(params!["epoch", FIRST_EPOCH])?;
        let began = micros(now);
        tx.execute("INSERT INTO epoch (number, began) VALUES (?, ?)", params![FIRST_EPOCH, began])?;
        let first = "INSERT INTO log_key (number, origin, vkey, began) VALUES (1, ?, ?, ?)";
        tx.execute(first, params![name, vkey, began])?;
    }
    let ring = Ring::first(key);
    Ledger { tx: &tx, ring: &ring, now }.append(Body::Genesis(Genesis {
        origin: name,
        vkey,
        continues: None,
    }))?;
    tx.commit()?;
    adopt_key(layout)?;
    Ok(ring)
}

/// Gives the key its final name.
fn adopt_key(layout: &Layout) -> Result<(), StateError> {
    fs_err::rename(layout.new_log_key(), layout.log_key()).map_err(|error| broken_file(&error))?;
    layout.sync()
}

/// The keys that the log has had.
fn load_keys(writer: &Connection, layout: &Layout) -> Result<Ring, Failure> {
    let is_there = |path: &Path| fs_err::exists(path).map_err(|error| broken_file(&error));
    let first_is_newest = ring::list(writer)?.len() == 1;
    if first_is_newest && !is_there(&layout.log_key())? && is_there(&layout.new_log_key())? {
        adopt_key(layout)?;
    }
    Ring::load(writer, layout)
}
