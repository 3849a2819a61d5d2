//! Days and instants that the server makes coarser itself, exactly as our own method does. The session's zone is UTC.

use super::dialect::is_day;
use crate::model::method::Granularity;
use crate::model::schema::ColumnKind;

/// The first day or instant of the month or year; NULL stays NULL. Only for what [`works`].
pub(super) fn first(column: &str, kind: ColumnKind, to: Granularity) -> String {
    let place = match to {
        Granularity::Month => "DAYOFMONTH",
        Granularity::Year => "DAYOFYEAR",
    };
    if kind == ColumnKind::Date {
        format!("{column} - INTERVAL ({place}({column}) - 1) DAY")
    } else {
        format!("CAST(DATE({column}) - INTERVAL ({place}({column}) - 1) DAY AS DATETIME)")
    }
}

/// Whether the value can be cut: it is a day of the calendar, and a TIMESTAMP can hold what it would become, which the
/// first instant of 1970 is not. Never unknown.
pub(super) fn works(column: &str, kind: ColumnKind, to: Granularity) -> String {
    let from = match (kind, to) {
        (ColumnKind::Date, _) => String::new(),
        (_, Granularity::Month) => format!(" AND {column} >= '1970-02-01'"),
        (_, Granularity::Year) => format!(" AND {column} >= '1971-01-01'"),
    };
    format!("(({column} <=> NULL OR ({}{from})) IS TRUE)", is_day(column))
}

/// Whether the value is the first one. Never unknown.
pub(super) fn is_done(column: &str, kind: ColumnKind, to: Granularity) -> String {
    format!(
        "(({column} <=> NULL OR ({} AND {column} = {})) IS TRUE)",
        is_day(column),
        first(column, kind, to)
    )
}
