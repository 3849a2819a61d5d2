//! Reading whole records with the rows that they link to.

use std::sync::Arc;

use rusqlite::Statement;
use rusqlite::types::Value as SqlValue;

use super::dialect::{Sqlite, quoted};
use super::open::Session;
use super::schema::{self, Bound};
use super::value;
use crate::adapter::api::{Gap, Page, Row, Scope, StoreError, StoreErrorKind};
use crate::adapter::sql::{Dialect, Frame, Need, Table, lower};
use crate::model::json;
use crate::model::key::{Key, KeyForm, KeyPart};
use crate::model::predicate::Predicate;
use crate::model::value::{Field, Fields, Value};

/// A record as it was read. `Debug` shows types only.
#[derive(Debug)]
struct Record {
    key: Key,
    frame: Arc<Frame>,
    own: Vec<Value>,
    linked: Vec<Option<Vec<Value>>>,
}

/// The value of the column; where there is none of that name, with its dots, what stands inside the JSON of another one.
fn of(table: &Table, values: &[Value], field: &Field) -> Option<Value> {
    let value = |name: &str| {
        let at = table.columns.iter().position(|other| other.name.eq_ignore_ascii_case(name))?;
        values.get(at)
    };
    if let Some(value) = value(&field.column) {
        return Some(value.clone());
    }
    let (column, path) = field.in_json()?;
    table.column(column).filter(|column| column.json)?;
    Some(json::inside(value(column)?, &path))
}

impl Fields for Record {
    fn get(&self, field: &Field) -> Option<Value> {
        let Some(link) = &field.link else { return of(&self.frame.own, &self.own, field) };
        let at = self.frame.links.iter().position(|linked| linked.link.name == *link)?;
        of(&self.frame.links[at].table, self.linked[at].as_ref()?, field)
    }

    fn key(&self) -> Key {
        self.key.clone()
    }

    fn event_key(&self) -> String {
        self.key.text(KeyForm::Columns)
    }
}

/// The statements that read records and their linked rows.
struct Reader<'a> {
    session: &'a Session,
    frame: Arc<Frame>,
    links: Vec<Statement<'a>>,
}

impl<'a> Reader<'a> {
    fn new(session: &'a Session, bound: &Bound) -> Result<Self, StoreError> {
        let frame = Arc::new(bound.frame.clone());
        let table = quoted(&frame.own.name);
        let ours = |column: &str| format!("{table}.{}", quoted(column));
        let same_record: Vec<String> = frame
            .own
            .key
            .iter()
            .enumerate()
            .map(|(at, key)| format!("{} = ?{}", ours(key), at + 1))
            .collect();
        let mut links = Vec::new();
        for linked in &frame.links {
            let there = |column: &str| format!("\"forfall link\".{}", quoted(column));
            let columns: Vec<String> =
                linked.table.columns.iter().map(|column| there(&column.name)).collect();
            let sql = format!(
                "SELECT {} FROM {table} JOIN {} AS \"forfall link\" ON {} = {} WHERE {} LIMIT 2",
                columns.join(", "),
                quoted(&linked.table.name),
                there(&linked.key),
                ours(&linked.link.by),
                same_record.join(" AND "),
            );
            links.push(session.connection.prepare(&sql).map_err(|error| session.error(&error))?);
        }
        Ok(Self { session, frame, links })
    }

    /// What the main query selects: the columns, then the key.
    fn selected(&self) -> String {
        let names = self.frame.own.columns.iter().map(|column| &column.name).chain(&self.frame.own.key);
        let table = quoted(&self.frame.own.name);
        names.map(|name| format!("{table}.{}", quoted(name))).collect::<Vec<_>>().join(", ")
    }

    /// `None` for a row without a key.
    fn read(&mut self, row: &rusqlite::Row<'_>) -> Result<Option<Row>, StoreError> {
        let columns = &self.frame.own.columns;
        let get = |at: usize| row.get_ref(at).expect("the query selects the columns and the key");
        let own = columns.iter().enumerate().map(|(at, column)| value::read(get(at), column.kind)).collect();
        let first = columns.len();
        let Some(key) = value::key(self.frame.own.key.len(), |at| get(first + at)) else { return Ok(None) };
        let raw: rusqlite::Result<Vec<SqlValue>> =
            (0..self.frame.own.key.len()).map(|at| row.get(first + at)).collect();
        let raw = raw.map_err(|error| self.session.error(&error))?;
        let mut linked = Vec::new();
        for (statement, link) in self.links.iter_mut().zip(&self.frame.links) {
            let read_one = |row: &rusqlite::Row<'_>| {
                let columns = link.table.columns.iter().enumerate();
                columns.map(|(at, column)| Ok(value::read(row.get_ref(at)?, column.kind))).collect()
            };
            let found: rusqlite::Result<Vec<Vec<Value>>> =
                statement.query_map(rusqlite::params_from_iter(&raw), read_one).and_then(Iterator::collect);
            let mut found = found.map_err(|error| self.session.error(&error))?;
            // Two rows are as good as none: nobody knows which one is meant.
            linked.push(if found.len() == 1 { found.pop() } else { None });
        }
        let record = Record { key: key.clone(), frame: Arc::clone(&self.frame), own, linked };
        Ok(Some(Row { key, fields: Box::new(record) }))
    }
}

/// The parts of a key, as they are bound.
fn bound_key(session: &Session, bound: &Bound, key: &Key) -> Result<Vec<SqlValue>, StoreError> {
    let parts: Option<Vec<KeyPart>> =
        key.parts().ok().filter(|parts| parts.len() == bound.frame.own.key.len());
    let parts = parts.ok_or_else(|| {
        let count = bound.frame.own.key.len();
        let why =
            format!("a key of table `{}` has {count} column(s), and the one given has not", bound.entry.name);
        session.trouble(StoreErrorKind::NotFound, why)
    })?;
    Ok(parts.into_iter().map(value::bound).collect())
}

/// Reads one record.
pub(super) fn read(session: &Session, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError> {
    session.hold_still()?;
    let bound = schema::bind(session, &scope.target)?;
    let raw = bound_key(session, &bound, key)?;
    let mut reader = Reader::new(session, &bound)?;
    let table = quoted(&bound.entry.name);
    let columns = bound.frame.own.key.iter().enumerate();
    let same: Vec<String> =
        columns.map(|(at, name)| format!("{table}.{} = ?{}", quoted(name), at + 1)).collect();
    let sql = format!("SELECT {} FROM {table} WHERE {}", reader.selected(), same.join(" AND "));
    let failed = |error: rusqlite::Error| session.error(&error);
    let mut statement = session.connection.prepare(&sql).map_err(failed)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&raw)).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        // SQL may have found a key of another type, such as a number for a text.
        if let Some(found) = reader.read(row)?.filter(|found| found.key == *key) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads a page of records in key order.
pub(super) fn scan(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
    after: Option<&Key>,
    limit: usize,
) -> Result<Page, StoreError> {
    session.hold_still()?;
    let bound = schema::bind(session, &scope.target)?;
    let mut reader = Reader::new(session, &bound)?;
    let mut dialect = Sqlite::new(session, &scope.events);
    let mut conditions = vec![lower(&mut dialect, &bound.frame, predicate, Need::Truth)?];
    let mut page = Page::default();
    if let Some(has_key) = bound.has_key() {
        if after.is_none() {
            page.gaps.extend(nameless(&dialect, &bound, &conditions[0], &has_key)?);
        }
        conditions.push(has_key);
    }
    let names: Vec<String> =
        bound.frame.own.key.iter().map(|name| dialect.column(&bound.entry.name, name)).collect();
    if let Some(after) = after {
        let places: Vec<String> =
            bound_key(session, &bound, after)?.into_iter().map(|part| dialect.bind(part)).collect();
        conditions.push(format!("({}) > ({})", names.join(", "), places.join(", ")));
    }
    let take = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let take = dialect.bind(SqlValue::Integer(take));
    let sql = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {take}",
        reader.selected(),
        quoted(&bound.entry.name),
        conditions.join(" AND "),
        names.join(", "),
    );
    let failed = |error: rusqlite::Error| session.error(&error);
    let mut statement = session.connection.prepare(&sql).map_err(failed)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&dialect.bound)).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        if page.rows.len() == limit {
            page.more = true;
            break;
        }
        page.rows.extend(reader.read(row)?);
    }
    Ok(page)
}

/// Rows without a key cannot be named, and so not be walked or shown.
fn nameless(
    dialect: &Sqlite<'_>,
    bound: &Bound,
    predicate: &str,
    has_key: &str,
) -> Result<Option<Gap>, StoreError> {
    let table = quoted(&bound.entry.name);
    let sql = format!("SELECT count(*) FROM {table} WHERE NOT ({has_key}) AND {predicate}");
    let count = dialect.session.number(&sql, &dialect.bound)?;
    Ok((count > 0).then(|| Gap {
        place: format!("table `{}`", bound.entry.name),
        reason: format!(
            "{count} of them have no key by which they could be named: it is empty (NULL) or a number with a fraction, \
             so they are never disposed of; give them a key, or the policy another `key`"
        ),
    }))
}
