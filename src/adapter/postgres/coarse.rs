//! Days and instants that the server makes coarser itself, exactly as our own method does. The session's zone is UTC.
//! What lies outside the years of both calendars, such as infinity, stays as it is.

use crate::model::method::Granularity;
use crate::model::schema::ColumnKind;

/// The first day or instant of the month or year, or the value itself; NULL stays NULL.
pub(super) fn first(column: &str, kind: ColumnKind, to: Granularity) -> String {
    let unit = match to {
        Granularity::Month => "month",
        Granularity::Year => "year",
    };
    let back = if kind == ColumnKind::Date { "::date" } else { "" };
    let whole = is_whole(column, kind);
    format!("CASE WHEN {whole} THEN date_trunc('{unit}', {column}){back} ELSE {column} END")
}

/// Whether the value is the first one, or none that is cut. Never unknown.
pub(super) fn is_done(column: &str, kind: ColumnKind, to: Granularity) -> String {
    format!("({column} IS NOT DISTINCT FROM ({}))", first(column, kind, to))
}

fn is_whole(column: &str, kind: ColumnKind) -> String {
    let midnight = if kind == ColumnKind::Date { "" } else { " 00:00:00+00" };
    format!("{column} >= '4712-01-01{midnight} BC' AND {column} < '262142-01-01{midnight}'")
}
