//! What a change does to a row: new values made by our own methods.

use super::rows::{Needs, Record};
use super::schema::Bound;
use super::session::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::action::Change;
use crate::model::key::hex;
use crate::model::schema::Column;
use crate::model::value::{Field, Fields as _, Value};

/// The changes of a stage, each with its column.
#[derive(Debug)]
pub(super) struct Work {
    changes: Vec<(Change, Column)>,
}

/// What `check` should have refused is refused again here: nothing else stands between it and the data.
pub(super) fn work(session: &Session, bound: &Bound, changes: &[Change]) -> Result<Work, StoreError> {
    let refused = |why: String| session.trouble(StoreErrorKind::Unsupported, why);
    let mut work = Work { changes: Vec::new() };
    for change in changes {
        let name = &change.column;
        let Some(column) = bound.entry.column(name) else {
            return Err(session.trouble(
                StoreErrorKind::NotFound,
                format!("table `{}` has no column `{name}`", bound.entry.spelled),
            ));
        };
        if bound.frame.own.key.contains(name) {
            return Err(refused(format!("`{name}` is part of the key, which stays")));
        }
        change.method.fits(column).map_err(refused)?;
        work.changes.push((change.clone(), column.clone()));
    }
    Ok(work)
}

impl Work {
    pub(super) fn add_needs(&self, needs: &mut Needs) {
        self.changes.iter().for_each(|(change, _)| needs.add_column(&change.column));
    }

    /// The new values as texts, in the order of [`Work::columns`]; `None` where a method cannot work on what is there.
    pub(super) fn values(&self, record: &Record) -> Option<Vec<Option<String>>> {
        let value = |(change, _): &(Change, Column)| {
            let before = record.get(&Field::own(change.column.as_str()))?;
            change.method.apply(&before).ok().map(|after| text(&after))
        };
        self.changes.iter().map(value).collect()
    }

    /// Each column with how a text becomes its value.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.changes.iter().map(|(change, column)| {
            // A text is assigned, not cast: a cast would cut what is too long without a word.
            let declared = column.declared.as_str();
            let is_text = declared == "text" || declared.starts_with("character");
            (change.column.as_str(), (!is_text).then_some(declared))
        })
    }
}

/// A value as the server reads it.
fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(answer) => answer.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => format!("\\x{}", hex(bytes)),
        Value::Instant(instant) => instant.to_rfc3339(),
        Value::Date(date) => date.to_string(),
    })
}
