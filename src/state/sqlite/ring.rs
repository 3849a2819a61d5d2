//! The keys that sign heads. The newest signs; one that it took over from signs beside it until it retires.

use rusqlite::Connection;

use super::failure::{Failure, damaged};
use super::layout::{Layout, read_secret};
use super::values::{instant, unsigned};
use crate::audit::note::LogKey;
use crate::audit::tree::Hash;
use crate::state::api::StateError;
use crate::state::keeper::LogKeyInfo;
use crate::time::Instant;

/// Every key that may still sign.
#[derive(Debug)]
pub(super) struct Ring {
    /// The number of the newest.
    number: u64,
    newest: LogKey,
    /// Those before it with their retirement.
    before: Vec<(Option<Instant>, LogKey)>,
}

impl Ring {
    /// The first key of a new log.
    pub(super) fn first(key: LogKey) -> Self {
        Self { number: 1, newest: key, before: Vec::new() }
    }

    /// The keys that the state names, from their files.
    pub(super) fn load(connection: &Connection, layout: &Layout) -> Result<Self, Failure> {
        let mut known = list(connection)?;
        let newest = known.pop().ok_or_else(|| damaged("the list of the log's keys", "it is empty"))?;
        let mut before = Vec::new();
        for info in known {
            // A retired key's file may be gone: it is not needed any more.
            if let Ok(key) = read(layout, &info) {
                before.push((info.retires, key));
            }
        }
        Ok(Self { number: newest.number, newest: read(layout, &newest)?, before })
    }

    /// Reads the files again if another process has rotated the key.
    pub(super) fn refresh(&mut self, connection: &Connection, layout: &Layout) -> Result<(), Failure> {
        let newest: i64 = connection
            .prepare_cached("SELECT coalesce(max(number), 0) FROM log_key")?
            .query_row((), |row| row.get(0))?;
        if unsigned(newest)? != self.number {
            *self = Self::load(connection, layout)?;
        }
        Ok(())
    }

    /// The signed head.
    pub(super) fn sign(&self, now: Instant, size: u64, root: Hash) -> String {
        let mut note = self.newest.sign(size, root);
        for (retires, key) in &self.before {
            let still = retires.is_some_and(|retires| retires > now);
            if still && key.verifier().name() == self.newest.verifier().name() {
                note = key.sign_too(&note).expect("the note was made by us");
            }
        }
        note
    }

    pub(super) fn newest(&self) -> &LogKey {
        &self.newest
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

fn read(layout: &Layout, info: &LogKeyInfo) -> Result<LogKey, StateError> {
    let path = layout.log_key_of(info.number);
    let seed = read_secret(&path)?;
    let key = LogKey::new(info.origin.clone(), &seed)
        .map_err(|error| damaged("the name of the audit log", error))?;
    if key.verifier().to_string() == info.vkey {
        return Ok(key);
    }
    Err(damaged(path.display().to_string(), format!("it is not the key of this log, {}", info.vkey)))
}

/// The keys in their order.
pub(super) fn list(connection: &Connection) -> Result<Vec<LogKeyInfo>, Failure> {
    let mut query = connection
        .prepare_cached("SELECT number, origin, vkey, began, retires FROM log_key ORDER BY number")?;
    let mut rows = query.query(())?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(LogKeyInfo {
            number: unsigned(row.get(0)?)?,
            origin: row.get(1)?,
            vkey: row.get(2)?,
            began: instant(row.get(3)?)?,
            retires: row.get::<_, Option<i64>>(4)?.map(instant).transpose()?,
        });
    }
    Ok(keys)
}

/// The verifier key of the newest.
pub(super) fn newest_vkey(connection: &Connection) -> Result<String, Failure> {
    let newest = list(connection)?.pop();
    Ok(newest.ok_or_else(|| damaged("the list of the log's keys", "it is empty"))?.vkey)
}
