//! The due curve: how many records have their start in each of a row of growing sets.

use rusqlite::types::Value as SqlValue;

use super::dialect::{Sqlite, quoted};
use super::driver::whole_set;
use super::given::Arguments;
use super::open::Session;
use super::schema::{self, Bound};
use super::segments::Segments;
use super::starts::{self, Reading};
use crate::adapter::api::{Scope, StoreError, Surveyed};
use crate::adapter::sql::curve::{Curve, in_any};
use crate::adapter::sql::{Need, lower};
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::Start;
use crate::time::StartSet;
use std::sync::Arc;

/// Counts for each set the records for which the predicate is true and whose start is in it.
pub(super) fn survey(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
    start: &Arc<Start>,
    sets: &[StartSet],
) -> Result<Surveyed, StoreError> {
    session.hold_still()?;
    let bound = schema::bind(session, &scope.target)?;
    let curve = match by_index(session, scope, &bound, predicate, start, sets)? {
        Some(curve) => curve,
        None => by_rows(session, scope, &bound, predicate, start, sets)?,
    };
    Ok(Surveyed { counts: curve.counts(), gaps: Vec::new() })
}

/// What each set has more than the one before it, counted in the index: together one walk over it.
fn by_index<'s>(
    session: &Session,
    scope: &Scope,
    bound: &Bound,
    predicate: &Predicate,
    start: &Start,
    sets: &'s [StartSet],
) -> Result<Option<Curve<'s>>, StoreError> {
    let Some((column, index, base)) = whole_set(predicate, bound, start) else { return Ok(None) };
    let Reading::Numbers { count, .. } = starts::reading(start, &bound.frame) else { return Ok(None) };
    let table = quoted(&bound.entry.name);
    let cell = format!("{table}.{}", quoted(column));
    let mut before = Segments::none();
    let mut curve = Curve::new(sets);
    for (place, set) in sets.iter().enumerate() {
        let set = starts::segments(start, count, &StartIs::In(set.clone()));
        let mut count: u64 = 0;
        for (above, through) in set.without(&before).and(&base).numbers {
            let mut dialect = Sqlite::new(session, &scope.events);
            let range = dialect.pieces(&cell, &Segments::range(above, through)).join(" AND ");
            let sql =
                format!("SELECT count(*) FROM {table} INDEXED BY {} WHERE {range}", quoted(&index.name));
            count += session.number(&sql, &dialect.bound)?;
        }
        curve.add_in(place, count);
        before = before.or(&set);
    }
    Ok(Some(curve))
}

/// The same by reading the start of every record in the last set.
fn by_rows<'s>(
    session: &Session,
    scope: &Scope,
    bound: &Bound,
    predicate: &Predicate,
    start: &Arc<Start>,
    sets: &'s [StartSet],
) -> Result<Curve<'s>, StoreError> {
    let mut curve = Curve::new(sets);
    let Some(whole) = in_any(predicate, start, sets) else { return Ok(curve) };
    let mut dialect = Sqlite::new(session, &scope.events);
    let condition = lower(&mut dialect, &bound.frame, &whole, Need::Truth)?;
    let arguments = Arguments::of_start(&dialect, &bound.frame, start)?;
    // A start without fields is an event under the record's key, which is among the arguments: never an empty list.
    let sql = format!("SELECT {} FROM {} WHERE {condition}", arguments.list(), quoted(&bound.entry.name));
    let failed = |error: rusqlite::Error| session.error(&error);
    let mut statement = session.connection.prepare(&sql).map_err(failed)?;
    let bound_values: &[SqlValue] = &dialect.bound;
    let mut rows = statement.query(rusqlite::params_from_iter(bound_values)).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let given = arguments.given(|at| row.get_ref(at).expect("the query selects the arguments"));
        let Some(value) = start.read_known(&given, &scope.events) else { continue };
        curve.add(value, 1);
    }
    Ok(curve)
}
