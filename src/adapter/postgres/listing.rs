//! What `store show` lists: every table with its columns and, where an index knows it, its oldest and newest value.

use super::catalogue::{self, Entry, quoted};
use super::schema;
use super::session::Session;
use super::value;
use crate::adapter::api::{Listed, Named, StoreError, StoreErrorKind, Total};
use crate::model::ids::StoreName;
use crate::model::schema::{Column, ColumnKind, Schema};
use crate::model::target::Target;
use crate::model::value::Value;

/// A table of so many rows is counted; a larger one estimated.
const SMALL: u64 = 50_000;

/// Lists every table, with why where it cannot be read or no record of it can be disposed of.
pub(super) fn collections(session: &Session, store: &StoreName) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::new();
    for Named { name, unread } in catalogue::tables(session)? {
        let entry = catalogue::described(session, &name)?;
        if let Some(why) = unread {
            let total = estimated(&entry).map(|count| Total { count, exact: false });
            let Entry { spelled, columns, primary_key, .. } = entry;
            let schema = Schema { key: primary_key, ..Schema::bare(spelled, columns, why.clone()) };
            all.push(Listed { schema, total, extremes: Vec::new(), unread: Some(why) });
            continue;
        }
        let schema = match schema::probe(session, &Target::new(store.clone(), name)) {
            Err(error) if error.kind == StoreErrorKind::Unsupported => {
                let why = format!("{}. {}", error.why, error.help.unwrap_or_default());
                Schema::bare(entry.spelled.clone(), entry.columns.clone(), why)
            }
            other => other?,
        };
        let total = total(session, &entry)?;
        let extremes: Result<Vec<_>, StoreError> =
            schema.columns.iter().map(|column| extremes(session, &entry, column, total)).collect();
        all.push(Listed { extremes: extremes?, total: Some(total), schema, unread: None });
    }
    Ok(all)
}

/// Counts a small table; a large one's count is the server's own estimate.
pub(super) fn total(session: &Session, entry: &Entry) -> Result<Total, StoreError> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {}) AS few", entry.sql(), SMALL + 1);
    let number = |sql: &str| -> Result<u64, StoreError> {
        Ok(u64::try_from(session.one(sql, &[])?.get::<_, i64>(0)).unwrap_or(0))
    };
    let few = number(&sql)?;
    if few <= SMALL {
        return Ok(Total { count: few, exact: true });
    }
    match estimated(entry) {
        Some(estimate) => Ok(Total { count: estimate.max(few), exact: false }),
        None => Ok(Total { count: number(&format!("SELECT count(*) FROM {}", entry.sql()))?, exact: true }),
    }
}

/// The server's own estimate; one of nothing is none.
fn estimated(entry: &Entry) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
    entry.estimate.filter(|estimate| *estimate > 0.0).map(|estimate| estimate as u64)
}

/// The smallest and the largest value of a column that may hold times. Other values are nobody's business.
fn extremes(
    session: &Session,
    entry: &Entry,
    column: &Column,
    total: Total,
) -> Result<Option<(Value, Value)>, StoreError> {
    if !column.indexed && !total.exact {
        return Ok(None);
    }
    let name = quoted(&column.name);
    let filter = match column.kind {
        ColumnKind::Instant | ColumnKind::Date => format!("isfinite({name})"),
        ColumnKind::Any if column.declared.starts_with("timestamp") => format!("isfinite({name})"),
        // From 1980 to 2100 in seconds, milliseconds or microseconds.
        ColumnKind::Int if column.declared != "smallint" => format!(
            "({name} BETWEEN 315532800 AND 4102444800 OR {name} BETWEEN 315532800000 AND 4102444800000 \
             OR {name} BETWEEN 315532800000000 AND 4102444800000000)"
        ),
        ColumnKind::Text if column.declared == "text" || column.declared.starts_with("character varying") => {
            format!("{name} ~ '^[12][0-9]{{3}}-[01][0-9]-[0-3][0-9]'")
        }
        _ => return Ok(None),
    };
    let end = |function: &str| value::selected(&format!("{function}({name})"), column.kind);
    let sql = format!("SELECT {}, {} FROM {} WHERE {filter}", end("min"), end("max"), entry.sql());
    let row = session.one(&sql, &[])?;
    let value = |at| {
        value::read(&row, at, column.kind)
            .map_err(|error| session.trouble(StoreErrorKind::Changed, error.to_string()))
    };
    let (first, last) = (value(0)?, value(1)?);
    Ok((!first.is_null() && !last.is_null()).then_some((first, last)))
}
