//! One batch: a transaction that is open until the intent is durable, and never spans more than its own records.

use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::types::{Value as SqlValue, ValueRef};

use super::dialect::quoted;
use super::value;
use super::walk::{Follower, SqliteWalk};
use crate::adapter::api::{Act, Basis, Prepared, StoreError, StoreErrorKind};
use crate::model::batch::{Applied, Leftover};
use crate::model::ids::BatchId;
use crate::model::key::Key;

/// Where the records of the next batch lie.
#[derive(Debug)]
pub(super) struct Strike {
    first: Vec<SqlValue>,
    last: Vec<SqlValue>,
    /// The row numbers one by one, where the records do not lie together.
    picks: Option<Vec<i64>>,
    /// Where a walk by start stands after the last of them.
    start: Option<SqlValue>,
}

impl Strike {
    /// The first record: its handle in the first columns, its start in the next one.
    pub(super) fn begin(
        row: &rusqlite::Row<'_>,
        handle: usize,
        picks: bool,
        follows_start: bool,
    ) -> rusqlite::Result<Self> {
        let mut strike = Self {
            first: Vec::new(),
            last: Vec::new(),
            picks: picks.then(Vec::new),
            start: follows_start.then_some(SqlValue::Null),
        };
        strike.extend(row, handle)?;
        strike.first.clone_from(&strike.last);
        Ok(strike)
    }

    /// The next record.
    pub(super) fn extend(&mut self, row: &rusqlite::Row<'_>, handle: usize) -> rusqlite::Result<()> {
        self.last.clear();
        for at in 0..handle {
            self.last.push(row.get(at)?);
        }
        if let Some(picks) = &mut self.picks {
            picks.push(row.get(0)?);
        }
        if let Some(start) = &mut self.start {
            *start = row.get(handle)?;
        }
        Ok(())
    }

    /// The condition that only these rows meet. It binds the last of `values`, so that it can also stand alone.
    fn condition(&self, handle: &[String], values: &mut Vec<SqlValue>) -> String {
        let mut bind = |value: SqlValue| {
            values.push(value);
            format!("?{}", values.len())
        };
        if let Some(picks) = &self.picks {
            let list: Vec<String> = picks.iter().map(i64::to_string).collect();
            let place = bind(SqlValue::Text(format!("[{}]", list.join(","))));
            return format!("{} IN (SELECT value FROM json_each({place}))", handle[0]);
        }
        let mut places =
            |end: &[SqlValue]| -> Vec<String> { end.iter().map(|value| bind(value.clone())).collect() };
        let (first, last) = (places(&self.first).join(", "), places(&self.last).join(", "));
        let handle = handle.join(", ");
        format!("({handle}) >= ({first}) AND ({handle}) <= ({last})")
    }

    fn cursor(self) -> Vec<SqlValue> {
        match self.start {
            Some(start) => std::iter::once(start).chain(self.last).collect(),
            None => self.last,
        }
    }
}

/// A batch whose changes are made and not committed.
#[derive(Debug)]
pub(super) struct Frozen<'a> {
    walk: &'a mut SqliteWalk,
    batch: BatchId,
    strike: Option<Strike>,
    records: Vec<Key>,
    /// So many of the records were struck; the others, behind them, hold what a method cannot work on.
    struck: usize,
    companions: Vec<(String, Vec<Key>)>,
}

impl<'a> Frozen<'a> {
    /// Opens the transaction and does everything but commit.
    pub(super) fn freeze(
        walk: &'a mut SqliteWalk,
        batch: BatchId,
        strike: Strike,
        forget: bool,
    ) -> Result<Self, StoreError> {
        // IMMEDIATE: the lock is taken now, so that a busy database is noticed before anything was done.
        walk.session.run("BEGIN IMMEDIATE")?;
        let mut frozen = Self {
            walk,
            batch,
            strike: Some(strike),
            records: Vec::new(),
            struck: 0,
            companions: Vec::new(),
        };
        // From here on an error drops `frozen`, which takes everything back.
        frozen.act()?;
        frozen.walk.session.mark(&frozen.batch, frozen.walk.settled.as_ref())?;
        if forget {
            frozen.walk.session.forget_old_marks(frozen.walk.job.scope.now)?;
        }
        Ok(frozen)
    }

    fn act(&mut self) -> Result<(), StoreError> {
        let walk = &*self.walk;
        let mut values = walk.values.clone();
        let place = self
            .strike
            .as_ref()
            .map(|strike| strike.condition(&walk.handle(), &mut values))
            .expect("a batch that is not committed has its place");
        let whole = format!("{place} AND {}", walk.condition());

        let before = match walk.job.act {
            Act::Change(_) => Some(starts(walk, &whole, &values)?),
            Act::Delete => None,
        };
        let mut announced = None;
        if !walk.companions.is_empty() {
            announced = Some(keys_of(walk, &whole, &values)?);
            for follower in &walk.companions {
                let gone = delete_companions(walk, follower, &whole, &values)?;
                self.companions.push((follower.collection.clone(), gone));
            }
        }
        let unfit = match &walk.verb.works {
            Some(works) => keys_of(walk, &format!("{whole} AND NOT ({works})"), &values)?,
            None => Vec::new(),
        };
        self.records = strike(walk, &whole, &values)?;
        self.struck = self.records.len();
        self.records.extend(unfit);
        if announced.is_some_and(|announced| sorted(announced) != sorted(self.records.clone())) {
            return Err(changed(walk, "rows that go with a record decide whether it goes")
                .with_help("Take their table out of the policy's conditions"));
        }
        if let Some(before) = before {
            let after = starts(walk, &place, &values)?;
            check_starts(walk, &before, &after)?;
        }
        Ok(())
    }
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort_unstable();
    keys
}

fn changed(walk: &SqliteWalk, why: &str) -> StoreError {
    walk.session.trouble(StoreErrorKind::Changed, format!("table `{}`: {why}", walk.bound.entry.name))
}

/// The table without any index: the stretch or the row numbers lead to the rows.
fn table(walk: &SqliteWalk) -> String {
    let hint = if walk.bound.has_row_number() { " NOT INDEXED" } else { "" };
    format!("{}{hint}", quoted(&walk.bound.entry.name))
}

/// Runs the destructive statement and gives the keys of the records that it touched.
fn strike(walk: &SqliteWalk, whole: &str, values: &[SqlValue]) -> Result<Vec<Key>, StoreError> {
    let verb = &walk.verb;
    let hint = if walk.bound.has_row_number() { "NOT INDEXED" } else { "" };
    let works = verb.works.as_ref().map(|works| format!(" AND {works}")).unwrap_or_default();
    let sql = format!("{} {hint} {} WHERE {whole}{works}", verb.head, verb.set);
    let key = &walk.bound.frame.own.key;
    let row_number = walk.bound.entry.row_number();
    if !matches!(key.as_slice(), [key] if row_number == Some(key)) {
        return returned(walk, &walk.bound.entry.name, &sql, key, values);
    }
    walk.witness.watch(&walk.bound.entry.name);
    let run = || walk.session.connection.prepare_cached(&sql)?.execute(rusqlite::params_from_iter(values));
    let count = run().map_err(|error| walk.session.error(&error))?;
    let rows = witnessed(walk, count, false)?;
    Ok(rows.into_iter().map(Key::from_int).collect())
}

/// Runs a destructive statement about a table and gives the keys of its rows.
fn returned(
    walk: &SqliteWalk,
    table: &str,
    sql: &str,
    key: &[String],
    values: &[SqlValue],
) -> Result<Vec<Key>, StoreError> {
    let key: Vec<String> = key.iter().map(|column| quoted(column)).collect();
    walk.witness.watch(table);
    let keys = keys(walk, &format!("{sql} RETURNING {}", key.join(", ")), values, key.len())?;
    witnessed(walk, keys.len(), true)?;
    Ok(keys)
}

/// What the witness saw, if it is what the statement says of itself: so many rows of its own table. It may have seen
/// none where that table has no row numbers.
fn witnessed(walk: &SqliteWalk, count: usize, may_be_blind: bool) -> Result<Vec<i64>, StoreError> {
    let help = "Nothing was done. Run `forfall check`, which lists such effects";
    match walk.witness.rows() {
        Ok(rows) if rows.len() == count || (may_be_blind && rows.is_empty()) => Ok(rows),
        Ok(_) => Err(changed(walk, "the statement touched other rows than it was about").with_help(help)),
        Err(table) => {
            Err(changed(walk, &format!("the statement also touched table `{table}`")).with_help(help))
        }
    }
}

fn keys_of(walk: &SqliteWalk, whole: &str, values: &[SqlValue]) -> Result<Vec<Key>, StoreError> {
    let name = quoted(&walk.bound.entry.name);
    let key: Vec<String> =
        walk.bound.frame.own.key.iter().map(|column| format!("{name}.{}", quoted(column))).collect();
    let sql = format!("SELECT {} FROM {} WHERE {whole}", key.join(", "), table(walk));
    keys(walk, &sql, values, key.len())
}

fn delete_companions(
    walk: &SqliteWalk,
    follower: &Follower,
    whole: &str,
    values: &[SqlValue],
) -> Result<Vec<Key>, StoreError> {
    let name = quoted(&walk.bound.entry.name);
    let ours: Vec<String> =
        walk.bound.frame.own.key.iter().map(|column| format!("{name}.{}", quoted(column))).collect();
    let sql = format!(
        "DELETE FROM {} WHERE {} IN (SELECT {} FROM {} WHERE {whole})",
        quoted(&follower.table),
        quoted(&follower.by),
        ours.join(", "),
        table(walk),
    );
    returned(walk, &follower.table, &sql, &follower.key, values)
}

fn keys(walk: &SqliteWalk, sql: &str, values: &[SqlValue], columns: usize) -> Result<Vec<Key>, StoreError> {
    let read = || -> rusqlite::Result<Option<Vec<Key>>> {
        let mut statement = walk.session.connection.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut keys = Vec::new();
        let mut all_named = true;
        while let Some(row) = rows.next()? {
            match value::key(columns, |at| row.get_ref(at).unwrap_or(ValueRef::Null)) {
                Some(key) => keys.push(key),
                None => all_named = false,
            }
        }
        Ok(all_named.then_some(keys))
    };
    let found = read().map_err(|error| walk.session.error(&error))?;
    found.ok_or_else(|| {
        walk.session.trouble(
            StoreErrorKind::Unsupported,
            "a row that was to go has no key by which it could be named",
        )
    })
}

/// The handle of each row with a digest of what its start is read from, in the handle's order.
fn starts(
    walk: &SqliteWalk,
    condition: &str,
    values: &[SqlValue],
) -> Result<Vec<(Vec<SqlValue>, u64)>, StoreError> {
    let handle = walk.handle();
    let selected: Vec<String> = handle.iter().chain(&walk.start.sql).cloned().collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {condition} ORDER BY {}",
        selected.join(", "),
        table(walk),
        handle.join(", ")
    );
    let read = || -> rusqlite::Result<Vec<(Vec<SqlValue>, u64)>> {
        let mut statement = walk.session.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut digest = DefaultHasher::new();
            for at in handle.len()..selected.len() {
                hash(row.get_ref(at)?, &mut digest);
            }
            let handle: rusqlite::Result<Vec<SqlValue>> = (0..handle.len()).map(|at| row.get(at)).collect();
            found.push((handle?, digest.finish()));
        }
        Ok(found)
    };
    read().map_err(|error| walk.session.error(&error))
}

fn hash(value: ValueRef<'_>, digest: &mut DefaultHasher) {
    match value {
        ValueRef::Null => 0_u8.hash(digest),
        ValueRef::Integer(number) => (1_u8, number).hash(digest),
        ValueRef::Real(number) => (2_u8, number.to_bits()).hash(digest),
        ValueRef::Text(bytes) => (3_u8, bytes).hash(digest),
        ValueRef::Blob(bytes) => (4_u8, bytes).hash(digest),
    }
}

/// Every record that was changed is still there and has the start that it had.
fn check_starts(
    walk: &SqliteWalk,
    before: &[(Vec<SqlValue>, u64)],
    after: &[(Vec<SqlValue>, u64)],
) -> Result<(), StoreError> {
    let mut after = after.iter();
    let unchanged = before.iter().all(|was| {
        // Both are in the handle's order; rows of the stretch that were not changed lie in between.
        after.find(|is| is.0 == was.0).is_some_and(|is| is.1 == was.1)
    });
    if unchanged {
        return Ok(());
    }
    Err(changed(walk, "the change also changed when records are due, perhaps by a trigger")
        .with_help("Nothing was changed. Use another start, or take the trigger away"))
}

impl Prepared for Frozen<'_> {
    fn records(&self) -> &[Key] {
        &self.records
    }

    fn companions(&self) -> Vec<(String, Vec<Key>)> {
        self.companions.clone()
    }

    fn spool(&self) -> Vec<u8> {
        Vec::new()
    }

    fn basis(&self) -> Basis {
        Basis::Marked
    }

    fn commit(mut self: Box<Self>) -> Result<Applied, StoreError> {
        // After an error, dropping takes back what was not committed, so that no lock stays; what really became of
        // the batch is for `resolve` to find out.
        self.walk.session.run("COMMIT")?;
        self.walk.settled = Some(self.batch);
        self.walk.cursor = self.strike.take().map(Strike::cursor);
        let reason = "it holds a value that the method cannot work on";
        let failed = (self.struck..self.records.len())
            .map(|place| Leftover { place, reason: reason.to_owned(), key: None })
            .collect();
        let done = u64::try_from(self.struck).unwrap_or(u64::MAX);
        Ok(Applied { done, failed, ..Applied::default() })
    }

    fn abort(self: Box<Self>) -> Result<(), StoreError> {
        self.walk.session.run("ROLLBACK")
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.walk.session.roll_back();
    }
}
