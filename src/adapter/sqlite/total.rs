//! How many records there are, without reading them all.

use rusqlite::OptionalExtension;

use super::dialect::quoted;
use super::open::Session;
use super::schema::Bound;
use crate::adapter::api::{StoreError, Total};

/// A table of so many rows is counted whatever the rest of the file is.
const SMALL: u64 = 50_000;
/// A file of so many bytes is read within milliseconds: SQLite counts whole pages.
const SMALL_FILE: u64 = 64 << 20;

/// Counts a small table, and estimates a large one: by what ANALYZE wrote down, but never above what the range of row
/// numbers has room for.
pub(super) fn total(session: &Session, bound: &Bound) -> Result<Total, StoreError> {
    let table = quoted(&bound.entry.name);
    let some = format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {})", SMALL + 1);
    let few = session.number(&some, &[])?;
    if few <= SMALL {
        return Ok(Total { count: few, exact: true });
    }
    let pages = session.number("PRAGMA page_count", &[])?;
    let size = session.number("PRAGMA page_size", &[])?;
    let Some(row_number) = bound.entry.row_number().filter(|_| pages.saturating_mul(size) > SMALL_FILE)
    else {
        let count = session.number(&format!("SELECT count(*) FROM {table}"), &[])?;
        return Ok(Total { count, exact: true });
    };
    let row_number = quoted(row_number);
    let end = |function: &str| session.one::<i64>(&format!("SELECT {function}({row_number}) FROM {table}"));
    let room = end("max")?.abs_diff(end("min")?).saturating_add(1);
    let count = analyzed(session, &bound.entry.name)?.map_or(room, |count| count.min(room)).max(few);
    Ok(Total { count, exact: false })
}

/// The count that ANALYZE wrote down, if it ever ran.
fn analyzed(session: &Session, table: &str) -> Result<Option<u64>, StoreError> {
    let kept: bool = session.one("SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'sqlite_stat1'")?;
    if !kept {
        return Ok(None);
    }
    let text: Option<Option<String>> = session
        .connection
        .query_row("SELECT stat FROM sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE LIMIT 1", [table], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|error| session.error(&error))?;
    Ok(text.flatten().and_then(|text| text.split(' ').next()?.parse().ok()))
}
