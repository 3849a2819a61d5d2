//! Where the next batch of a walk lies: found by reading alone, before anything is locked.

use super::super::dialect::MySql;
use super::super::rows::{at_place, key_of};
use super::super::value::Bind;
use super::super::way::Order;
use super::{MySqlWalk, parts_of};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::key::KeyPart;

/// Rows named one by one make a long statement: no more than these in one batch.
const MOST_NAMED: usize = 5_000;

/// Where a walk stands.
#[derive(Clone, Debug)]
pub(in super::super) enum Cursor {
    /// Behind this key.
    Key(Vec<KeyPart>),
    /// At this value of the start's column.
    Start(Bind),
}

/// Where the next batch lies.
#[derive(Debug)]
pub(in super::super) enum Stretch {
    /// Up to this key.
    Through(Vec<KeyPart>),
    /// These records, and where the walk stands behind the last of them.
    Named(Vec<Vec<KeyPart>>, Cursor),
}

impl MySqlWalk {
    /// The condition that only rows of the stretch meet. It binds behind what the question binds.
    pub(in super::super) fn condition(&self, stretch: &Stretch) -> Result<(String, Vec<Bind>), StoreError> {
        let mut dialect = self.dialect();
        let mut sql = match stretch {
            Stretch::Named(keys, _) => self.bound.key_is_one_of(keys),
            Stretch::Through(end) => self.beyond(&mut dialect, "<=", end)?,
        };
        if let (Stretch::Through(_), Some(Cursor::Key(after))) = (stretch, &self.cursor) {
            sql = format!("{} AND {sql}", self.beyond(&mut dialect, ">", after)?);
        }
        Ok((format!("{sql} AND {}", self.question.sql), dialect.bound))
    }

    /// A dialect that has bound what the question binds.
    fn dialect(&self) -> MySql<'_> {
        MySql { bound: self.question.bound.clone(), ..MySql::new(&self.bound, &self.job.scope.events) }
    }

    fn beyond(&self, dialect: &mut MySql<'_>, sign: &str, key: &[KeyPart]) -> Result<String, StoreError> {
        let binds = self.bound.binds(key).ok_or_else(|| {
            self.session.trouble(StoreErrorKind::Changed, "a key is of another type than its column")
        })?;
        let places: Vec<String> = binds.into_iter().map(|bind| dialect.bind(bind)).collect();
        Ok(self.bound.beyond(sign, &places))
    }

    /// Finds where the next batch lies, by reading alone: at most `want` records.
    pub(super) fn next_stretch(&mut self, want: usize) -> Result<Option<Stretch>, StoreError> {
        loop {
            // Mostly nothing is left for another pass, and to find that out is cheaper than to look for its first batch.
            if self.passes > 0 && self.cursor.is_none() && !self.anything_left()? {
                return Ok(None);
            }
            let stretch = match &self.order {
                Order::Key => self.by_key(want)?,
                Order::Start(column) => self.by_start(column, want)?,
            };
            if stretch.is_some() {
                return Ok(stretch);
            }
            self.passes += 1;
            // A row that somebody changed meanwhile may lie behind the cursor now: one more pass finds it.
            if self.passes > 1 || !std::mem::take(&mut self.acted) {
                return Ok(None);
            }
            self.cursor = None;
        }
    }

    fn anything_left(&self) -> Result<bool, StoreError> {
        let sql = format!("SELECT 1 FROM {} WHERE {} LIMIT 1", self.bound.from(), self.question.sql);
        Ok(!self.session.rows(&sql, &self.question.bound)?.is_empty())
    }

    fn by_key(&self, want: usize) -> Result<Option<Stretch>, StoreError> {
        let mut dialect = self.dialect();
        let mut whole = self.question.sql.clone();
        if let Some(Cursor::Key(after)) = &self.cursor {
            whole = format!("{} AND {whole}", self.beyond(&mut dialect, ">", after)?);
        }
        let list = self.bound.key_list();
        let sql = format!("SELECT {list} FROM {} WHERE {whole}", self.bound.table_by_key());
        // Rows that are locked before they go are locked by their keys: by the index on the start, which the server likes
        // better where few of them are due, it would hold an entry of that index and wait for the row, while who changes
        // the start of that row holds the row and waits for the entry.
        if self.examined.is_some() && self.bound.is_by_one_key() {
            let found = self
                .session
                .rows(&format!("{sql} ORDER BY {list} LIMIT {}", want.min(MOST_NAMED)), &dialect.bound)?;
            let keys = found.iter().map(|row| self.parts(row)).collect::<Result<Vec<_>, _>>()?;
            return Ok(keys.last().cloned().map(|last| Stretch::Named(keys, Cursor::Key(last))));
        }
        let found = self
            .session
            .rows(&format!("{sql} ORDER BY {list} LIMIT 1 OFFSET {}", want - 1), &dialect.bound)?;
        if let Some(row) = found.first() {
            return Ok(Some(Stretch::Through(self.parts(row)?)));
        }
        // Fewer than wanted are left: the last of them ends the stretch.
        let down: Vec<String> =
            self.bound.frame.own.key.iter().map(|name| format!("{} DESC", self.bound.column(name))).collect();
        let found =
            self.session.rows(&format!("{sql} ORDER BY {} LIMIT 1", down.join(", ")), &dialect.bound)?;
        found.first().map(|row| Ok(Stretch::Through(self.parts(row)?))).transpose()
    }

    fn by_start(&self, column: &str, want: usize) -> Result<Option<Stretch>, StoreError> {
        let mut dialect = self.dialect();
        let mut whole = self.question.sql.clone();
        if let Some(Cursor::Start(after)) = &self.cursor {
            whole = format!("{whole} AND {column} >= {}", dialect.bind(after.clone()));
        }
        let sql = format!(
            "SELECT {}, {column} FROM {} WHERE {whole} ORDER BY {column} LIMIT {}",
            self.bound.key_list(),
            self.bound.from(),
            want.min(MOST_NAMED)
        );
        let rows = self.session.rows(&sql, &dialect.bound)?;
        let Some(last) = rows.last() else { return Ok(None) };
        let end = Bind(at_place(&self.session, last, self.bound.key.len())?.clone());
        let keys = rows.iter().map(|row| self.parts(row)).collect::<Result<_, _>>()?;
        Ok(Some(Stretch::Named(keys, Cursor::Start(end))))
    }

    fn parts(&self, row: &mysql_async::Row) -> Result<Vec<KeyPart>, StoreError> {
        parts_of(&self.session, &key_of(&self.session, row, &self.bound.key)?)
    }
}
