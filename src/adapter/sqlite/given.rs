//! The arguments of a function in SQL, read as the fields of a record.

use std::sync::Arc;

use rusqlite::types::ValueRef;

use super::value;
use crate::adapter::api::StoreError;
use crate::adapter::sql::{Dialect, Frame};
use crate::model::json;
use crate::model::key::{Key, KeyForm};
use crate::model::schema::ColumnKind;
use crate::model::start::{Start, StartSource};
use crate::model::value::{Field, Fields, Value};

/// Which expressions a function is given, and what they are to the record.
#[derive(Clone, Debug)]
pub(super) struct Arguments {
    /// The SQL of each.
    pub(super) sql: Vec<String>,
    shape: Arc<Shape>,
}

#[derive(Debug)]
struct Shape {
    /// Each field with where its value stands, and where it says whether its link has a row.
    fields: Vec<Shaped>,
    /// Where the key begins, and how many columns it has.
    key: (usize, usize),
}

#[derive(Debug)]
struct Shaped {
    field: Field,
    kind: ColumnKind,
    /// Where inside the column's JSON it stands; empty for the column itself.
    path: Vec<String>,
    value: usize,
    row: Option<usize>,
}

impl Arguments {
    /// What has to be given to read this start.
    pub(super) fn of_start<D: Dialect>(
        dialect: &D,
        frame: &Frame,
        start: &Start,
    ) -> Result<Self, StoreError> {
        let mut sql = Vec::new();
        let mut fields = Vec::new();
        for field in start.fields() {
            let (cell, path) = dialect.whole_cell(frame, field)?;
            let row = match &field.link {
                None => None,
                Some(link) => {
                    sql.push(dialect.through(frame, link, "1")?);
                    Some(sql.len() - 1)
                }
            };
            sql.push(cell.sql);
            fields.push(Shaped { field: field.clone(), kind: cell.kind, path, value: sql.len() - 1, row });
        }
        let by_key = matches!(start.source, StartSource::Event { by: None, .. });
        let key = if by_key { (sql.len(), frame.own.key.len()) } else { (0, 0) };
        if by_key {
            sql.extend(frame.own.key.iter().map(|column| dialect.column(&frame.own.name, column)));
        }
        Ok(Self { sql, shape: Arc::new(Shape { fields, key }) })
    }

    /// The arguments as SQL writes them.
    pub(super) fn list(&self) -> String {
        self.sql.join(", ")
    }

    /// The arguments of one call, from a place on.
    pub(super) fn given<'a>(&self, get: impl Fn(usize) -> ValueRef<'a>) -> Given {
        let read = |shaped: &Shaped| {
            let has_row = shaped.row.is_none_or(|row| !matches!(get(row), ValueRef::Null));
            has_row.then(|| {
                let value = value::read(get(shaped.value), shaped.kind);
                let path: Vec<&str> = shaped.path.iter().map(String::as_str).collect();
                if path.is_empty() { value } else { json::inside(&value, &path) }
            })
        };
        let values = self.shape.fields.iter().map(read).collect();
        let (begins, columns) = self.shape.key;
        let key = value::key(columns, |at| get(begins + at));
        Given { shape: Arc::clone(&self.shape), values, key }
    }
}

/// A record as far as its start needs it.
#[derive(Debug)]
pub(super) struct Given {
    shape: Arc<Shape>,
    values: Vec<Option<Value>>,
    key: Option<Key>,
}

impl Fields for Given {
    fn get(&self, field: &Field) -> Option<Value> {
        let at = self.shape.fields.iter().position(|shaped| shaped.field == *field)?;
        self.values[at].clone()
    }

    /// Only given where a start is an event under the record's own key; else empty.
    fn key(&self) -> Key {
        self.key.clone().unwrap_or_else(|| Key::from_parts(&[]))
    }

    fn event_key(&self) -> String {
        self.key().text(KeyForm::Columns)
    }
}
