//! What SQLite itself says that a statement did: each row of each table, whatever set it off.
//!
//! A statement's own count leaves out what foreign keys and triggers do. Those are refused when a target is probed;
//! here one that was made since is noticed before anything is committed. And where the key is the row number, the
//! witness names the records at a third of what RETURNING costs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::Action;

/// The witness of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<Mutex<Testimony>>);

#[derive(Debug, Default)]
struct Testimony {
    /// The table that a statement is about.
    table: String,
    /// Row numbers of that table that were deleted or updated.
    rows: Vec<i64>,
    /// Another table that was touched, or a row that was inserted.
    elsewhere: Option<String>,
}

impl Witness {
    /// Makes a witness for a connection.
    pub(super) fn new(connection: &mut Connection) -> rusqlite::Result<Self> {
        let witness = Self::default();
        let told = witness.clone();
        connection.update_hook(Some(move |action: Action, _: &str, table: &str, row: i64| {
            told.testimony().add(action, table, row);
        }))?;
        Ok(witness)
    }

    /// Begins to watch a statement about a table.
    pub(super) fn watch(&self, table: &str) {
        let mut testimony = self.testimony();
        table.clone_into(&mut testimony.table);
        testimony.rows.clear();
        testimony.elsewhere = None;
    }

    /// The rows that were touched since; `Err` names a table that the statement was not about. Rows of tables without
    /// row numbers go unseen.
    pub(super) fn rows(&self) -> Result<Vec<i64>, String> {
        let mut testimony = self.testimony();
        match testimony.elsewhere.take() {
            Some(table) => Err(table),
            None => Ok(std::mem::take(&mut testimony.rows)),
        }
    }

    fn testimony(&self) -> MutexGuard<'_, Testimony> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Testimony {
    fn add(&mut self, action: Action, table: &str, row: i64) {
        let expected = matches!(action, Action::SQLITE_DELETE | Action::SQLITE_UPDATE);
        if expected && table == self.table {
            self.rows.push(row);
        } else if self.elsewhere.is_none() {
            self.elsewhere = Some(table.to_owned());
        }
    }
}
