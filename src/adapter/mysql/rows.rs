//! How rows are selected, and how they become records.

use std::collections::BTreeSet;
use std::sync::Arc;

use mysql_async::{Row, Value as SqlValue};

use super::dialect::MySql;
use super::schema::Bound;
use super::session::Session;
use super::value;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::{Dialect as _, LINK_ALIAS, Needs, Partial as _, Record, Shape, Stands};
use crate::model::key::Key;
use crate::model::predicate::EventBook;
use crate::model::schema::ColumnKind;
use crate::model::value::Field;

/// How rows are selected, and how they become records.
#[derive(Debug)]
pub(super) struct Reader {
    /// What is selected: the key, then the fields.
    pub(super) list: String,
    key: Vec<ColumnKind>,
    shape: Arc<Shape>,
}

impl Reader {
    pub(super) fn new(bound: &Bound, needs: &Needs) -> Result<Self, StoreError> {
        let events = EventBook::default();
        let mut dialect = MySql::new(bound, &events);
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
            let mut spelling = MySql::spelling(bound, &events);
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
                None => bound.column(&column.name),
                Some(linked) => {
                    let inner = dialect.column(LINK_ALIAS, &column.name);
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

    /// The record in a row that was selected so.
    pub(super) fn read(&self, session: &Session, row: &Row) -> Result<Record, StoreError> {
        let key = key_of(session, row, &self.key)?;
        let links = self.shape.fields.iter().filter_map(|(.., row)| *row).collect::<BTreeSet<_>>().len();
        let begin = self.key.len() + links;
        let mut values = Vec::with_capacity(self.shape.fields.len());
        for (at, (_, kind, link)) in self.shape.fields.iter().enumerate() {
            let has_row = match link {
                None => true,
                Some(place) => *at_place(session, row, *place)? != SqlValue::NULL,
            };
            values.push(if has_row {
                Some(value::read(at_place(session, row, begin + at)?, *kind))
            } else {
                None
            });
        }
        let behind = begin + self.shape.fields.len();
        let answers = |from: usize, count: usize| {
            let answer = |at| {
                let answer = at_place(session, row, at)?;
                Ok(!matches!(answer, SqlValue::NULL | SqlValue::Int(0) | SqlValue::UInt(0)))
            };
            (from..from + count).map(answer).collect::<Result<Vec<bool>, StoreError>>()
        };
        let reached = answers(behind, self.shape.reaches.len())?;
        let done = answers(behind + reached.len(), self.shape.done.len())?;
        Ok(Record { key, shape: Arc::clone(&self.shape), values, reached, done })
    }
}

/// The key in the first columns of a row.
pub(super) fn key_of(session: &Session, row: &Row, kinds: &[ColumnKind]) -> Result<Key, StoreError> {
    let columns = kinds.iter().enumerate().map(|(at, kind)| (row.as_ref(at), *kind));
    value::key(columns).ok_or_else(|| {
        session.trouble(StoreErrorKind::Unsupported, "a row has no key by which it could be named")
    })
}

/// The value in a place of a row.
pub(super) fn at_place<'a>(session: &Session, row: &'a Row, at: usize) -> Result<&'a SqlValue, StoreError> {
    row.as_ref(at).ok_or_else(|| {
        session.trouble(StoreErrorKind::Changed, "the server gave fewer columns than were asked for")
    })
}
