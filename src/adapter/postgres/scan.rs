//! Reading records one by one and page by page.

use std::sync::Arc;

use super::catalogue::quoted;
use super::dialect::{self, Postgres};
use super::rows::{Reader, ordered_by_key};
use super::schema::{self, Bound};
use super::session::Session;
use super::value::Bind;
use crate::adapter::api::{Page, Row, Scope, StoreError, StoreErrorKind};
use crate::adapter::sql::{Dialect as _, Needs, Record, starts};
use crate::model::key::{Key, KeyPart};
use crate::model::predicate::Predicate;
use crate::model::start::Start;
use crate::model::value::Fields as _;

/// Reads one record.
pub(super) fn read(session: &Session, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError> {
    let bound = schema::bind(session, &scope.target)?;
    let reader = Reader::new(&bound, &Needs::all(&bound.frame))?;
    let mut dialect = Postgres::new(&bound, &scope.events);
    let parts = parts_of(session, &bound, key)?;
    let mut conditions = Vec::new();
    for ((name, kind), part) in bound.frame.own.key.iter().zip(&bound.key).zip(&parts) {
        // A key of another type names no record here.
        let Some(bind) = kind.bind(part) else { return Ok(None) };
        let text = matches!(bind, Bind::Text(_));
        let place = dialect.bind(bind);
        let column = dialect.column(&bound.frame.own.name, name);
        conditions.push(if text {
            format!("{column}::text = {place}")
        } else {
            format!("{column} = {place}")
        });
    }
    let sql = format!("SELECT {} FROM {} WHERE {}", reader.list, bound.from(), conditions.join(" AND "));
    let rows = session.rows(&sql, &dialect.bound)?;
    rows.first().map(|row| reader.read(session, row, 0).map(row_of)).transpose()
}

/// So many of the newest records are looked at by the index before the whole table is.
const NEWEST: usize = 1_000;

/// Whether there is any such record. What is asked for is mostly young, and a table mostly begins with what is old.
pub(super) fn any(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
    start: Option<&Arc<Start>>,
) -> Result<bool, StoreError> {
    let bound = schema::bind(session, &scope.target)?;
    let question = dialect::question(&bound, &scope.events, predicate)?;
    if question.left.is_some() {
        return Ok(!scan(session, scope, predicate, None, 1)?.rows.is_empty());
    }
    let among = |from: &str| {
        let sql = format!("SELECT 1 FROM {from} WHERE {} LIMIT 1", question.sql);
        Ok(!session.rows(&sql, &question.bound)?.is_empty())
    };
    let column = start.and_then(|start| starts::axis(start, &bound.frame)).map(|(name, _)| name);
    if let Some(name) = column.filter(|name| bound.entry.column(name).is_some_and(|column| column.indexed)) {
        let (from, by) = (bound.from(), bound.column(name));
        let alias = quoted(&bound.frame.own.name);
        if among(&format!("(SELECT * FROM {from} ORDER BY {by} DESC LIMIT {NEWEST}) AS {alias}"))? {
            return Ok(true);
        }
    }
    among(&bound.from())
}

/// Reads a page of records in key order.
pub(super) fn scan(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
    after: Option<&Key>,
    limit: usize,
) -> Result<Page, StoreError> {
    let bound = schema::bind(session, &scope.target)?;
    let question = dialect::question(&bound, &scope.events, predicate)?;
    let mut needs = Needs::all(&bound.frame);
    if let Some(left) = &question.left {
        needs.add_predicate(left);
    }
    let reader = Reader::new(&bound, &needs)?;
    let order = ordered_by_key(&bound);
    let mut page = Page::default();
    let mut after = after.cloned();
    loop {
        let mut dialect = Postgres { bound: question.bound.clone(), ..Postgres::new(&bound, &scope.events) };
        let mut conditions = vec![question.sql.clone()];
        if let Some(after) = &after {
            let parts = parts_of(session, &bound, after)?;
            let places: Option<Vec<String>> = bound
                .key
                .iter()
                .zip(&parts)
                .map(|(kind, part)| kind.bind(part).map(|bind| dialect.bind(bind)))
                .collect();
            let places = places.ok_or_else(|| wrong_key(session, &bound))?;
            conditions.push(format!("({order}) > ({})", places.join(", ")));
        }
        let take = if question.left.is_none() { limit.saturating_add(1) } else { 1_000 };
        let sql = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {order} LIMIT {take}",
            reader.list,
            bound.from(),
            conditions.join(" AND "),
        );
        let rows = session.rows(&sql, &dialect.bound)?;
        let last = rows.len() < take;
        for row in &rows {
            let record = reader.read(session, row, 0)?;
            after = Some(record.key());
            if question.left.as_ref().is_some_and(|left| !record.holds(left, &scope.events)) {
                continue;
            }
            if page.rows.len() == limit {
                page.more = true;
                return Ok(page);
            }
            page.rows.push(row_of(record));
        }
        if last {
            return Ok(page);
        }
    }
}

fn row_of(record: Record) -> Row {
    Row { key: record.key(), fields: Box::new(record) }
}

fn parts_of(session: &Session, bound: &Bound, key: &Key) -> Result<Vec<KeyPart>, StoreError> {
    let parts = key.parts().ok().filter(|parts| parts.len() == bound.key.len());
    parts.ok_or_else(|| wrong_key(session, bound))
}

fn wrong_key(session: &Session, bound: &Bound) -> StoreError {
    let count = bound.key.len();
    let why =
        format!("a key of table `{}` has {count} column(s), and the one given has not", bound.entry.spelled);
    session.trouble(StoreErrorKind::NotFound, why)
}
