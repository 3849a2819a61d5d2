//! Reading records one by one and page by page.

use super::dialect::{self, MySql, bytes};
use super::rows::Reader;
use super::schema::{self, Bound};
use super::session::Session;
use super::value::Bind;
use crate::adapter::api::{Page, Row, Scope, StoreError, StoreErrorKind};
use crate::adapter::sql::{Needs, Record};
use crate::model::key::{Key, KeyPart};
use crate::model::predicate::Predicate;
use crate::model::value::Fields as _;

/// Reads one record.
pub(super) fn read(session: &Session, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError> {
    let bound = schema::bind(session, &scope.target)?;
    let reader = Reader::new(&bound, &Needs::all(&bound.frame))?;
    let mut dialect = MySql::new(&bound, &scope.events);
    let parts = parts_of(session, &bound, key)?;
    // A key of another type names no record here.
    let Some(binds) = bound.binds(&parts) else { return Ok(None) };
    let mut conditions = Vec::new();
    for ((name, part), bind) in bound.frame.own.key.iter().zip(&parts).zip(binds) {
        let (column, place) = (bound.column(name), dialect.bind(bind));
        conditions.push(format!("{column} = {place}"));
        if let KeyPart::Text(_) = part {
            conditions.push(format!("{} = CAST({place} AS BINARY)", bytes(&column)));
        }
    }
    let sql = format!("SELECT {} FROM {} WHERE {}", reader.list, bound.from(), conditions.join(" AND "));
    let rows = session.rows(&sql, &dialect.bound)?;
    rows.first().map(|row| reader.read(session, row).map(row_of)).transpose()
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
    let mut page = Page::default();
    let mut after = after.cloned();
    loop {
        let mut dialect = MySql { bound: question.bound.clone(), ..MySql::new(&bound, &scope.events) };
        let mut conditions = vec![question.sql.clone()];
        if let Some(after) = &after {
            let parts = parts_of(session, &bound, after)?;
            let binds: Vec<Bind> = bound.binds(&parts).ok_or_else(|| wrong_key(session, &bound))?;
            let places: Vec<String> = binds.into_iter().map(|bind| dialect.bind(bind)).collect();
            conditions.push(bound.beyond(">", &places));
        }
        let take = if question.left.is_none() { limit.saturating_add(1) } else { 1_000 };
        let sql = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {take}",
            reader.list,
            bound.from(),
            conditions.join(" AND "),
            bound.key_list(),
        );
        let rows = session.rows(&sql, &dialect.bound)?;
        let last = rows.len() < take;
        for row in &rows {
            let record = reader.read(session, row)?;
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
        format!("a key of table `{}` has {count} column(s), and the one given has not", bound.entry.name);
    session.trouble(StoreErrorKind::NotFound, why)
}
