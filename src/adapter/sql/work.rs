//! What a change does to a row: new values made by our own methods.

use super::{Needs, Record, Table};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::action::Change;
use crate::model::schema::Column;
use crate::model::value::{Field, Fields as _, Value};

/// The changes of a stage, each with its column.
#[derive(Debug)]
pub(crate) struct Work {
    changes: Vec<(Change, Column)>,
}

impl Work {
    /// What `check` should have refused is refused again here: nothing else stands between it and the data.
    /// `place` is the store as messages name it.
    pub(crate) fn of(place: &str, table: &Table, changes: &[Change]) -> Result<Self, StoreError> {
        let refused = |why: String| StoreError::new(StoreErrorKind::Unsupported, place, why);
        let mut work = Self { changes: Vec::new() };
        for change in changes {
            let name = &change.column;
            let Some(column) = table.columns.iter().find(|column| column.name == *name) else {
                let why = format!("table `{}` has no column `{name}`", table.name);
                return Err(StoreError::new(StoreErrorKind::NotFound, place, why));
            };
            if table.key.contains(name) {
                return Err(refused(format!("`{name}` is part of the key, which stays")));
            }
            change.method.fits(column).map_err(refused)?;
            work.changes.push((change.clone(), column.clone()));
        }
        Ok(work)
    }

    /// The columns that are read.
    pub(crate) fn add_needs(&self, needs: &mut Needs) {
        self.changes.iter().for_each(|(change, _)| needs.add_column(&change.column));
    }

    /// The new values, in the order of [`Work::columns`]; `None` where a method cannot work on what is there.
    pub(crate) fn values(&self, record: &Record) -> Option<Vec<Value>> {
        let value = |(change, _): &(Change, Column)| {
            let before = record.get(&Field::own(change.column.as_str()))?;
            change.method.apply(&before).ok()
        };
        self.changes.iter().map(value).collect()
    }

    /// The columns that change.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.changes.iter().map(|(_, column)| column)
    }
}
