//! What `store show` lists: every table with its columns and, where it costs little, its oldest and newest value.

use super::dialect::quoted;
use super::open::Session;
use super::schema::{self, Bound};
use super::{total, value};
use crate::adapter::api::{Listed, StoreError, StoreErrorKind, Total};
use crate::model::ids::StoreName;
use crate::model::schema::Column;
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
        all.push(Listed { extremes: extremes?, total, schema });
    }
    Ok(all)
}

/// The smallest and the largest value of a column that looks as if it held times. Other values are nobody's business.
fn extremes(
    session: &Session,
    bound: &Bound,
    column: &Column,
    total: Total,
) -> Result<Option<(Value, Value)>, StoreError> {
    if !column.indexed && (!total.exact || total.count > SMALL) {
        return Ok(None);
    }
    let (table, name) = (quoted(&bound.entry.name), quoted(&column.name));
    let end = |function: &str| {
        let sql = format!("SELECT {function}({name}) FROM {table}");
        session.rows(&sql, [], |row| Ok(value::read(row.get_ref(0)?, column.kind)))
    };
    let (first, last) = (end("min")?.pop(), end("max")?.pop());
    Ok(first.zip(last).filter(|(first, last)| looks_like_time(first) && looks_like_time(last)))
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
