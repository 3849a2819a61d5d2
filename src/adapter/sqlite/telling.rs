//! Telling early which records a batch will have: what is read to find its place names them, before the statement
//! that deletes them has begun.

use std::sync::mpsc::Sender;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::strike::Strike;
use super::value;
use super::walk::SqliteWalk;
use crate::adapter::api::Act;
use crate::model::key::{Key, KeyList};

/// So many keys are told at a time.
const PART: usize = 8_192;

/// Tells the keys of one batch in the order in which it will have them.
#[derive(Debug)]
pub(super) struct Telling {
    to: Sender<KeyList>,
    /// So many records are expected to be wanted.
    pub(super) want: usize,
    columns: usize,
    /// Whether the columns by which rows are found are those of the key.
    by_handle: bool,
    part: KeyList,
    /// Rows that are picked one by one go by their numbers, not in the order in which they are found.
    picked: Option<Vec<(i64, Key)>>,
}

impl Telling {
    /// `None` where what is read does not settle which records go: a method may refuse some of them, and what goes
    /// with them is found out later.
    pub(super) fn begin(walk: &SqliteWalk, to: Sender<KeyList>, want: usize) -> Option<Self> {
        if walk.job.act != Act::Delete || !walk.companions.is_empty() {
            return None;
        }
        let key = &walk.bound.frame.own.key;
        let by_handle = walk.bound.handle() == *key;
        let picked = walk.picks().then(Vec::new);
        Some(Self { to, want, columns: key.len(), by_handle, part: KeyList::with_capacity(PART), picked })
    }

    /// The columns that have to be read besides those by which rows are found.
    pub(super) fn besides(&self, walk: &SqliteWalk) -> Vec<String> {
        if self.by_handle { Vec::new() } else { walk.key() }
    }

    /// The next row, the last one of `strike`, whose key is in its first columns or from `besides` on.
    pub(super) fn add(&mut self, row: &Row<'_>, strike: &Strike, besides: usize) -> rusqlite::Result<()> {
        if let (true, None, Some(number)) = (self.by_handle, &self.picked, strike.last_number()) {
            self.part.push_int(number);
            self.tell_part();
            return Ok(());
        }
        let first = if self.by_handle { 0 } else { besides };
        let key = value::key(self.columns, |at| row.get_ref(first + at).unwrap_or(ValueRef::Null));
        // A row without a key makes the batch fail; whoever listens learns that from it.
        let Some(key) = key else { return Ok(()) };
        if let Some(picked) = &mut self.picked {
            picked.push((row.get(0)?, key));
            return Ok(());
        }
        self.part.push(&key);
        self.tell_part();
        Ok(())
    }

    fn tell_part(&mut self) {
        if self.part.len() == PART {
            self.tell();
        }
    }

    /// All rows are found.
    pub(super) fn end(mut self) {
        if let Some(mut picked) = self.picked.take() {
            picked.sort_unstable_by_key(|(number, _)| *number);
            for (_, key) in &picked {
                self.part.push(key);
            }
        }
        self.tell();
    }

    fn tell(&mut self) {
        // Nobody listens any more: then nobody needs it.
        let part = std::mem::replace(&mut self.part, KeyList::with_capacity(PART));
        let _ = self.to.send(part);
    }
}
