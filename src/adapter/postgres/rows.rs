//! Records as rows give them, with the rows that they link to.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_postgres::Row;

use super::catalogue::quoted;
use super::dialect::Postgres;
use super::schema::Bound;
use super::session::Session;
use super::value::{self, KeyType};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::{Dialect as _, LINK_ALIAS, Needs, Partial as _, Record, Shape, Stands};
use crate::model::predicate::EventBook;
use crate::model::value::Field;

/// How rows are selected, and how they become records.
#[derive(Debug)]
pub(super) struct Reader {
    /// What is selected: the key, then the fields.
    pub(super) list: String,
    key: Vec<KeyType>,
    shape: Arc<Shape>,
}

impl Reader {
    pub(super) fn new(bound: &Bound, needs: &Needs) -> Result<Self, StoreError> {
        let events = EventBook::default();
        let mut dialect = Postgres::new(bound, &events);
        let mut list = vec![bound.key_list()];
        let mut place = bound.key.len();
        let mut add = |sql: String| {
            list.push(sql);
            place += 1;
            place - 1
        };
        let mut wanted = needs.fields.clone();
        let mut done = Vec::new();
        for (column, method) in &needs.done {
            let field = Field::own(column.as_str());
            let mut spelling = Postgres::spelling(bound, &events);
            let cell = spelling.cell(&bound.frame, &field)?;
            let sql = spelling.done(&cell, method)?;
            // Where the server itself can say so, the value stays there.
            if spelling.was_opaque() {
                wanted.insert(field);
            } else {
                done.push((sql, (column.clone(), Arc::clone(method))));
            }
        }
        let mut links: Vec<(String, usize)> = Vec::new();
        let mut fields = Vec::new();
        // Whether a link has a row is asked once, before its fields; the fields follow in one stretch at the end.
        for field in &wanted {
            if let Some(link) = &field.link
                && !links.iter().any(|(name, _)| name == link)
            {
                links.push((link.clone(), add(dialect.through(&bound.frame, link, "TRUE")?)));
            }
        }
        for field in &wanted {
            let Stands { link, column, path } = bound.frame.find(field)?;
            // Of a path the whole JSON is read: the record finds its way in it.
            let field =
                if path.is_empty() { field } else { &Field { column: column.name.clone(), ..field.clone() } };
            let sql = match link {
                None => value::selected(&bound.column(&column.name), column.kind),
                Some(linked) => {
                    let inner = value::selected(&dialect.column(LINK_ALIAS, &column.name), column.kind);
                    dialect.through(&bound.frame, &linked.link.name, &inner)?
                }
            };
            add(sql);
            let row = field.link.as_ref().and_then(|link| links.iter().find(|(name, _)| name == link));
            fields.push((field.clone(), column.kind, row.map(|(_, at)| *at)));
        }
        for reach in &needs.reaches {
            add(dialect.reached(&bound.frame, reach)?);
        }
        let (asked, done): (Vec<String>, Vec<_>) = done.into_iter().unzip();
        for sql in asked {
            add(sql);
        }
        let shape = Shape { fields, reaches: needs.reaches.clone(), done };
        Ok(Self { list: list.join(", "), key: bound.key.clone(), shape: Arc::new(shape) })
    }

    /// The record in a row whose columns of this reader begin at `first`.
    pub(super) fn read(&self, session: &Session, row: &Row, first: usize) -> Result<Record, StoreError> {
        let failed = |error: tokio_postgres::Error| {
            let why = format!("a value was not of the type that the catalogue names ({error})");
            session.trouble(StoreErrorKind::Changed, why)
        };
        let key = value::key(row, first, &self.key).map_err(failed)?.ok_or_else(|| {
            session.trouble(StoreErrorKind::Unsupported, "a row has no key by which it could be named")
        })?;
        let links = self.shape.fields.iter().filter_map(|(.., row)| *row).collect::<BTreeSet<_>>().len();
        let begin = first + self.key.len() + links;
        let mut values = Vec::with_capacity(self.shape.fields.len());
        for (at, (_, kind, link)) in self.shape.fields.iter().enumerate() {
            let has_row = match link {
                None => true,
                Some(place) => row.try_get::<_, Option<bool>>(first + place).map_err(failed)?.is_some(),
            };
            values.push(if has_row {
                Some(value::read(row, begin + at, *kind).map_err(failed)?)
            } else {
                None
            });
        }
        let behind = begin + self.shape.fields.len();
        let answers = |from: usize, count: usize| {
            (from..from + count).map(|at| row.try_get(at).map_err(failed)).collect::<Result<Vec<bool>, _>>()
        };
        let reached = answers(behind, self.shape.reaches.len())?;
        let done = answers(behind + reached.len(), self.shape.done.len())?;
        Ok(Record { key, shape: Arc::clone(&self.shape), values, reached, done })
    }
}

/// The first rows of a table in the order of its key.
pub(super) fn ordered_by_key(bound: &Bound) -> String {
    let columns = bound.frame.own.key.iter().zip(&bound.key);
    columns
        .map(|(name, kind)| match kind {
            KeyType::Text => format!("{}::text COLLATE \"C\"", bound.column(name)),
            _ => format!("{}.{}", quoted(&bound.frame.own.name), quoted(name)),
        })
        .collect::<Vec<_>>()
        .join(", ")
}
