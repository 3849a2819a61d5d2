//! What `store show` lists: every table with its columns and, where it costs little, its oldest and newest value.

use super::dialect::quoted;
use super::open::Session;
use super::schema::{self, Bound};
use super::{total, value};
use crate::adapter::api::{Listed, StoreError, StoreErrorKind, Total};
use crate::model::ids::StoreName;
use crate::model::schema::{Column, ColumnKind};
use crate::model::target::Target;
use crate::model::value::Value;

/// A table of so many rows is read for its extremes; a larger one only by its indexes.
const SMALL: u64 = 200_000;

/// Lists the tables that records can be disposed of.
pub(super) fn collections(session: &Session, store: &StoreName) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::new();
    for name in session.table_names()? {
        let target = Target::new(store.clone(), name);
        let bound = match schema::bind(session, &target) {
            Err(error) if error.kind == StoreErrorKind::Unsupported => continue,
            other => other?,
        };
        let total = total::total(session, &bound)?;
        let schema = schema::probe(session, &target)?;
        let extremes: Result<Vec<_>, StoreError> =
            schema.columns.iter().map(|column| extremes(session, &bound, column, total)).collect();
        all.push(Listed { extremes: extremes?, total: Some(total), schema, unread: None });
    }
    Ok(all)
}

/// The smallest and the largest value of a column that looks as if it held times. Other values are nobody's business,
/// and neither do the odd ones (`''`, `n/a`, 0 for "never") hide the times between them.
fn extremes(
    session: &Session,
    bound: &Bound,
    column: &Column,
    total: Total,
) -> Result<Option<(Value, Value)>, StoreError> {
    if !column.indexed && (!total.exact || total.count > SMALL) {
        return Ok(None);
    }
    let name = quoted(&column.name);
    let a_day = format!("{name} GLOB '[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]*'");
    // A day begins with its year, so an index finds the range at once. A column without the type of a text would
    // compare these bounds as numbers.
    let days = format!("{name} >= '1' AND {name} < '3' AND {a_day}");
    let numbers = format!("typeof({name}) IN ('integer', 'real') AND {name} <> 0 AND abs({name}) < 9e15");
    let filters = match column.kind {
        ColumnKind::Text => vec![days],
        ColumnKind::Any => vec![a_day, numbers],
        _ => vec![numbers],
    };
    for filter in filters {
        let end = |order: &str| {
            let sql = format!(
                "SELECT {name} FROM {} WHERE {filter} ORDER BY {name} {order} LIMIT 1",
                quoted(&bound.entry.name)
            );
            session.rows(&sql, [], |row| Ok(value::read(row.get_ref(0)?, column.kind)))
        };
        let found = end("ASC")?.pop().zip(end("DESC")?.pop());
        if let Some(found) = found.filter(|(first, last)| looks_like_time(first) && looks_like_time(last)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A day at the beginning of a text, or a number that means an instant from 1980 to 2100 in seconds, milliseconds or
/// microseconds.
fn looks_like_time(value: &Value) -> bool {
    const SECONDS: std::ops::Range<i64> = 315_532_800..4_102_444_800;
    let number = |number: i64| {
        [1, 1_000, 1_000_000].iter().any(|unit| SECONDS.contains(&(number / unit)) && number >= SECONDS.start)
    };
    match value {
        Value::Int(value) => number(*value),
        #[expect(clippy::cast_possible_truncation, reason = "only its magnitude counts")]
        Value::Real(value) => number(*value as i64),
        Value::Text(text) => text.get(..10).is_some_and(|day| day.parse::<chrono::NaiveDate>().is_ok()),
        _ => false,
    }
}
