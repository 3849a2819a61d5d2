//! What `store show` lists: every table with its columns and, where an index knows it, its oldest and newest value.

use super::catalogue::{Entry, quoted};
use super::rows::at_place;
use super::schema;
use super::session::Session;
use super::value;
use crate::adapter::api::{Listed, StoreError, StoreErrorKind, Total};
use crate::model::ids::StoreName;
use crate::model::schema::{Column, ColumnKind, Schema};
use crate::model::target::Target;
use crate::model::value::Value;

/// A table of so many rows is counted; a larger one estimated.
const SMALL: u64 = 50_000;

/// Lists every table that the user may see, with why where no record of it can be disposed of.
pub(super) fn collections(session: &Session, store: &StoreName) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::new();
    for name in session.table_names()? {
        let (schema, entry) = match schema::probe(session, &Target::new(store.clone(), name.clone())) {
            Err(error) if error.kind == StoreErrorKind::Unsupported => {
                let entry = session.described(&name)?;
                let why = format!("{}. {}", error.why, error.help.unwrap_or_default());
                (Schema::bare(name, entry.columns.clone(), why), entry)
            }
            other => {
                let schema = other?;
                let entry = session.table(&schema.collection)?;
                (schema, entry)
            }
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
    let table = quoted(&entry.name);
    let number = |sql: &str| -> Result<u64, StoreError> {
        let row = session.one(sql, &[])?;
        match value::read(at_place(session, &row, 0)?, ColumnKind::Int) {
            Value::Int(number) => Ok(u64::try_from(number).unwrap_or(0)),
            _ => Err(session.trouble(StoreErrorKind::Damaged, "a count is no number")),
        }
    };
    let few = number(&format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT {}) AS few", SMALL + 1))?;
    if few <= SMALL {
        return Ok(Total { count: few, exact: true });
    }
    match entry.estimate {
        Some(estimate) if estimate > few => Ok(Total { count: estimate, exact: false }),
        _ => Ok(Total { count: number(&format!("SELECT COUNT(*) FROM {table}"))?, exact: true }),
    }
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
    let declared = column.declared.to_ascii_lowercase();
    let filter = match column.kind {
        ColumnKind::Instant | ColumnKind::Date => format!("{name} >= '0001-01-01'"),
        ColumnKind::Any if declared.starts_with("datetime") => format!("{name} >= '0001-01-01'"),
        // From 1980 to 2100 in seconds, milliseconds or microseconds.
        ColumnKind::Int if declared.starts_with("int") || declared.starts_with("bigint") => format!(
            "({name} BETWEEN 315532800 AND 4102444800 OR {name} BETWEEN 315532800000 AND 4102444800000 \
             OR {name} BETWEEN 315532800000000 AND 4102444800000000)"
        ),
        ColumnKind::Text if declared.contains("char") || declared.contains("text") => {
            format!("{name} REGEXP '^[12][0-9]{{3}}-[01][0-9]-[0-3][0-9]'")
        }
        _ => return Ok(None),
    };
    let sql = format!("SELECT MIN({name}), MAX({name}) FROM {} WHERE {filter}", quoted(&entry.name));
    let row = session.one(&sql, &[])?;
    let value = |at| Ok::<_, StoreError>(value::read(at_place(session, &row, at)?, column.kind));
    let (first, last) = (value(0)?, value(1)?);
    Ok((!first.is_null() && !last.is_null()).then_some((first, last)))
}
