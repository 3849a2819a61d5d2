//! What a change does to a row. Values that nobody has to see stay where they are: constants and dates that become
//! coarser are said in SQL. Only what our own methods have to look at is read, and written back.

use super::{Needs, Record, Table};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::action::Change;
use crate::model::method::{Granularity, Method};
use crate::model::schema::{Column, ColumnKind};
use crate::model::value::{Field, Fields as _, Value};

/// The changes of a stage, each with its column.
#[derive(Debug)]
pub(crate) struct Work {
    parts: Vec<(Change, Column, How)>,
}

/// How a column gets its new value.
#[derive(Debug)]
pub(crate) enum How {
    /// It becomes this, whatever it was.
    Always(Value),
    /// It becomes this unless it is NULL, which stays.
    UnlessNull(Value),
    /// The server cuts the day or the instant.
    Coarser(Granularity),
    /// Our own method makes it of what was there.
    Computed,
}

impl How {
    fn of(method: &Method, column: &Column) -> Self {
        match (method, method.leaves(column.kind)) {
            (Method::Null | Method::Flag, Some(value)) => Self::Always(value),
            (_, Some(value)) if column.nullable => Self::UnlessNull(value),
            (_, Some(value)) => Self::Always(value),
            (Method::GeneralizeDate { to, .. }, None)
                if matches!(column.kind, ColumnKind::Instant | ColumnKind::Date) =>
            {
                Self::Coarser(*to)
            }
            _ => Self::Computed,
        }
    }
}

impl Work {
    /// What `check` should have refused is refused again here: nothing else stands between it and the data.
    /// `place` is the store as messages name it.
    pub(crate) fn of(place: &str, table: &Table, changes: &[Change]) -> Result<Self, StoreError> {
        let refused = |why: String| StoreError::new(StoreErrorKind::Unsupported, place, why);
        let mut work = Self { parts: Vec::new() };
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
            let how = How::of(&change.method, column);
            work.parts.push((change.clone(), column.clone(), how));
        }
        Ok(work)
    }

    /// The columns that are read: those of which our own methods make something.
    pub(crate) fn add_needs(&self, needs: &mut Needs) {
        self.computed().for_each(|change| needs.add_column(&change.column));
    }

    /// The values that were computed, in the order of the computed [`parts`](Self::parts); `None` where a method
    /// cannot work on what is there.
    pub(crate) fn values(&self, record: &Record) -> Option<Vec<Value>> {
        let value = |change: &Change| {
            let before = record.get(&Field::own(change.column.as_str()))?;
            change.method.apply(&before).ok()
        };
        self.computed().map(value).collect()
    }

    /// The columns that change, each with how it does.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&Column, &How)> {
        self.parts.iter().map(|(_, column, how)| (column, how))
    }

    fn computed(&self) -> impl Iterator<Item = &Change> {
        self.parts.iter().filter(|(.., how)| matches!(how, How::Computed)).map(|(change, ..)| change)
    }
}
