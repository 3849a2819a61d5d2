//! The statements of a batch. Each carries the whole predicate on the row that it changes.

use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::types::{Value as SqlValue, ValueRef};

use super::dialect::quoted;
use super::follow::Follower;
use super::value;
use super::walk::SqliteWalk;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::key::Key;

pub(super) fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort_unstable();
    keys
}

pub(super) fn changed(walk: &SqliteWalk, why: &str) -> StoreError {
    walk.session.trouble(StoreErrorKind::Changed, format!("table `{}`: {why}", walk.bound.entry.name))
}

/// The table without any index: the stretch or the row numbers lead to the rows.
pub(super) fn table(walk: &SqliteWalk) -> String {
    let hint = if walk.bound.has_row_number() { " NOT INDEXED" } else { "" };
    format!("{}{hint}", quoted(&walk.bound.entry.name))
}

/// Runs the destructive statement and gives the keys of the records that it touched.
pub(super) fn strike(walk: &SqliteWalk, whole: &str, values: &[SqlValue]) -> Result<Vec<Key>, StoreError> {
    let verb = &walk.verb;
    let hint = if walk.bound.has_row_number() { "NOT INDEXED" } else { "" };
    let works = verb.works.as_ref().map(|works| format!(" AND {works}")).unwrap_or_default();
    let sql = format!("{} {hint} {} WHERE {whole}{works}", verb.head, verb.set);
    let key = &walk.bound.frame.own.key;
    let row_number = walk.bound.entry.row_number();
    if !matches!(key.as_slice(), [key] if row_number == Some(key)) {
        return returned(walk, &walk.bound.entry.name, &sql, key, values);
    }
    let before = watch(walk, &walk.bound.entry.name);
    let run = || walk.session.connection.prepare_cached(&sql)?.execute(rusqlite::params_from_iter(values));
    let count = run().map_err(|error| walk.session.error(&error))?;
    let rows = witnessed(walk, count, before, false)?;
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
    let before = watch(walk, table);
    let keys = keys(walk, &format!("{sql} RETURNING {}", key.join(", ")), values, key.len())?;
    witnessed(walk, keys.len(), before, true)?;
    Ok(keys)
}

/// Begins to watch; gives how many rows of any table this connection has ever changed.
fn watch(walk: &SqliteWalk, table: &str) -> u64 {
    walk.witness.watch(table);
    walk.session.connection.total_changes()
}

/// What the witness saw, if all that happened is what the statement says of itself: so many rows of its own table.
/// The witness may have seen none where that table has no row numbers; the total counts those as well.
fn witnessed(
    walk: &SqliteWalk,
    count: usize,
    before: u64,
    may_be_blind: bool,
) -> Result<Vec<i64>, StoreError> {
    let help = "Nothing was done. Run `forfall check`, which lists such effects";
    let all = walk.session.connection.total_changes() - before;
    let nothing_else = u64::try_from(count) == Ok(all);
    match walk.witness.rows() {
        Ok(rows) if nothing_else && (rows.len() == count || (may_be_blind && rows.is_empty())) => Ok(rows),
        Ok(_) => Err(changed(walk, "the statement touched other rows than it was about").with_help(help)),
        Err(table) => {
            Err(changed(walk, &format!("the statement also touched table `{table}`")).with_help(help))
        }
    }
}

pub(super) fn keys_of(walk: &SqliteWalk, whole: &str, values: &[SqlValue]) -> Result<Vec<Key>, StoreError> {
    let key = walk.key();
    let sql = format!("SELECT {} FROM {} WHERE {whole}", key.join(", "), table(walk));
    keys(walk, &sql, values, key.len())
}

pub(super) fn delete_companions(
    walk: &SqliteWalk,
    follower: &Follower,
    whole: &str,
    values: &[SqlValue],
) -> Result<Vec<Key>, StoreError> {
    let name = quoted(&walk.bound.entry.name);
    let from = format!("{} WHERE {whole}", table(walk));
    let theirs = follower.condition(&name, &walk.bound.frame.own.key[0], &from);
    let sql = format!("DELETE FROM {} WHERE {theirs}", quoted(&follower.table));
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
pub(super) fn starts(
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
pub(super) fn check_starts(
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
