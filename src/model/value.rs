//! One field's value as a store gave it.

use std::fmt;

use chrono::NaiveDate;

use super::method::Method;
use crate::time::Instant;

/// A field's value. `Debug` shows the type only: values of records never reach a log or an error text.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// SQL NULL, or a named part that a path does not have.
    Null,
    /// A truth value, where the store has such a type or declares the column so.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes that the store does not call text.
    Bytes(Vec<u8>),
    /// A point in time, from a column type or a file attribute that says so itself.
    Instant(Instant),
    /// A calendar day.
    Date(NaiveDate),
    /// Something inside JSON that is none of these: a list, an object, a number that cannot be held exactly, or text that
    /// is no JSON. It is there, but nothing compares with it, no format reads it and no event is named by it.
    Other,
}

impl Value {
    /// The type's name as messages and `store show` give it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Real(_) => "real",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Instant(_) => "timestamp",
            Self::Date(_) => "date",
            Self::Other => "other",
        }
    }

    /// True for the absent value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as an event's key names it: text as it stands, numbers in decimal, bytes as `hex:`.
    /// `None` for the absent value and for [`Self::Other`], which no event can name.
    pub fn as_event_key(&self) -> Option<String> {
        match self {
            Self::Null | Self::Other => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Real(value) => Some(value.to_string()),
            Self::Text(value) => Some(value.clone()),
            Self::Bytes(value) => Some(super::key::hex_text(value)),
            Self::Instant(value) => Some(value.to_rfc3339()),
            Self::Date(value) => Some(value.to_string()),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.kind())
    }
}

/// A field as a policy names it, already in the store's own spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field {
    /// The link whose row holds the field; `None` for the record itself.
    pub link: Option<String>,
    /// The column, or a file's named part or attribute; a path inside a column's JSON with dots between.
    pub column: String,
}

impl Field {
    /// A field of the record itself.
    pub fn own(column: impl Into<String>) -> Self {
        Self { link: None, column: column.into() }
    }

    /// The column and the path inside its JSON, if the field is written as one such as `data.closedAt`.
    pub fn in_json(&self) -> Option<(&str, Vec<&str>)> {
        let (column, path) = self.column.split_once('.')?;
        Some((column, path.split('.').collect()))
    }

    /// The column that is read: of a path inside JSON the whole one.
    pub fn read_from(&self) -> &str {
        self.in_json().map_or(self.column.as_str(), |(column, _)| column)
    }

    /// A field of the row that `link` leads to.
    pub fn linked(link: impl Into<String>, column: impl Into<String>) -> Self {
        Self { link: Some(link.into()), column: column.into() }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.link {
            Some(link) => write!(f, "{link}.{}", self.column),
            None => f.write_str(&self.column),
        }
    }
}

/// What a predicate or a start is evaluated against: one record with the rows that it links to. `Debug` shows no value.
pub trait Fields: std::fmt::Debug {
    /// The field's value, or `None` where the record has no such field or its link leads to no row.
    fn get(&self, field: &Field) -> Option<Value>;

    /// The record's key.
    fn key(&self) -> super::key::Key;

    /// The record's key as events name it.
    fn event_key(&self) -> String;

    /// Whether the method has been carried out on the column, where the store has said so and the value was not read.
    fn is_done(&self, _column: &str, _method: &Method) -> Option<bool> {
        None
    }
}
