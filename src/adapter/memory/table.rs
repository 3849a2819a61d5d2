//! Rows and columns, and a record as predicates see it.

use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::key::{Key, KeyForm, KeyPart};
use crate::model::predicate::Comparison;
use crate::model::schema::Column;
use crate::model::target::Target;
use crate::model::value::{Field, Fields, Value};

#[derive(Clone)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) key: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

type Named = Vec<(String, Value)>;

/// One row with the rows that it links to, copied out of the store.
#[derive(Clone, Debug)]
pub struct MemoryRecord {
    key: Key,
    own: Named,
    /// `None` for a link that leads to no row.
    linked: Vec<(String, Option<Named>)>,
}

impl Table {
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|one| one.name == column)
    }

    pub(super) fn has(&self, collection: &str, column: &str) -> Result<usize, StoreError> {
        self.place(column).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            StoreError::new(
                StoreErrorKind::NotFound,
                format!("column `{column}` of `{collection}`"),
                "there is no such column",
            )
            .with_help(format!("Its columns are {}", names.join(", ")))
        })
    }

    pub(super) fn key_for<'a>(&'a self, target: &'a Target) -> &'a Vec<String> {
        target.key.as_ref().unwrap_or(&self.key)
    }

    pub(super) fn key_of(&self, names: &[String], row: &[Value]) -> Result<Key, StoreError> {
        let part = |name: &String| match self.place(name).map(|place| &row[place]) {
            Some(Value::Int(number)) => Ok(KeyPart::Int(*number)),
            Some(Value::Text(text)) => Ok(KeyPart::Text(text.clone())),
            Some(Value::Bytes(bytes)) => Ok(KeyPart::Bytes(bytes.clone())),
            other => Err(StoreError::new(
                StoreErrorKind::Unsupported,
                format!("key column `{name}`"),
                format!("a value of type {} is no key", other.map_or("unknown", Value::kind)),
            )
            .with_help("Name whole numbers, texts or bytes under `key`")),
        };
        Ok(Key::from_parts(&names.iter().map(part).collect::<Result<Vec<_>, _>>()?))
    }

    pub(super) fn remove(&mut self, key: &Key) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|row| self.key_of(&self.key, row).ok().as_ref() != Some(key));
        self.rows = rows;
    }

    pub(super) fn record(&self, row: &[Value], key: Key) -> MemoryRecord {
        MemoryRecord { key, own: self.named(row), linked: Vec::new() }
    }

    fn named(&self, row: &[Value]) -> Named {
        self.columns.iter().map(|column| column.name.clone()).zip(row.iter().cloned()).collect()
    }

    /// The row that a value names, by the column given or by the primary key.
    pub(super) fn find(
        &self,
        column: Option<&str>,
        value: &Value,
    ) -> Result<Option<&Vec<Value>>, StoreError> {
        let column = match (column, self.key.as_slice()) {
            (Some(column), _) => column,
            (None, [only]) => only.as_str(),
            (None, _) => {
                return Err(StoreError::new(
                    StoreErrorKind::Unsupported,
                    "a link",
                    "the linked collection has no key of one column",
                )
                .with_help("Name the column under `key` in `[[data.link]]`"));
            }
        };
        Ok(self.refer(column, value).first().copied())
    }

    /// The rows whose column equals the value; NULL equals nothing.
    pub(super) fn refer(&self, column: &str, value: &Value) -> Vec<&Vec<Value>> {
        let Some(place) = self.place(column) else { return Vec::new() };
        let equals = |row: &&Vec<Value>| Comparison::Equal.answer(&row[place], value) == Some(true);
        self.rows.iter().filter(equals).collect()
    }

    pub(super) fn extremes(&self) -> Vec<Option<(Value, Value)>> {
        (0..self.columns.len()).map(|place| self.extremes_of(place)).collect()
    }

    fn extremes_of(&self, place: usize) -> Option<(Value, Value)> {
        let mut values = self.rows.iter().map(|row| &row[place]).filter(|value| !value.is_null());
        let first = values.next()?;
        let less = |one: &Value, other: &Value| Comparison::Less.answer(one, other) == Some(true);
        let (low, high) = values.fold((first, first), |(low, high), value| {
            (if less(value, low) { value } else { low }, if less(high, value) { value } else { high })
        });
        Some((low.clone(), high.clone()))
    }
}

impl MemoryRecord {
    pub(super) fn add_link(&mut self, name: &str, table: &Table, row: Option<&Vec<Value>>) {
        self.linked.push((name.to_owned(), row.map(|row| table.named(row))));
    }

    pub(super) fn values(&self) -> Vec<Value> {
        self.own.iter().map(|(_, value)| value.clone()).collect()
    }

    /// The same record as it will be after a change.
    pub(super) fn with(&self, column: &str, value: Value) -> Self {
        let mut changed = self.clone();
        if let Some((_, old)) = changed.own.iter_mut().find(|(name, _)| name == column) {
            *old = value;
        }
        changed
    }
}

impl Fields for MemoryRecord {
    fn get(&self, field: &Field) -> Option<Value> {
        let columns = match &field.link {
            None => &self.own,
            Some(link) => self.linked.iter().find(|(name, _)| name == link)?.1.as_ref()?,
        };
        columns.iter().find(|(name, _)| *name == field.column).map(|(_, value)| value.clone())
    }

    fn key(&self) -> Key {
        self.key.clone()
    }

    fn event_key(&self) -> String {
        self.key.text(KeyForm::Columns)
    }
}
