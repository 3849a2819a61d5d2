//! Where the fields of a predicate stand: the table, and the tables that it links to.

use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::schema::{Column, ColumnKind};
use crate::model::target::Link;
use crate::model::value::Field;

/// A table as the lowering has to know it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Its name, in the store's own spelling.
    pub(crate) name: String,
    /// Its columns.
    pub(crate) columns: Vec<Column>,
    /// The columns of its key; may be one that is not among `columns`, such as a row number.
    pub(crate) key: Vec<String>,
}

/// A table that a link leads to.
#[derive(Clone, Debug)]
pub(crate) struct LinkedTable {
    /// The link.
    pub(crate) link: Link,
    /// The table there.
    pub(crate) table: Table,
    /// The column there that our field names.
    pub(crate) key: String,
    /// Whether that column is unique. If not, a second row makes the link lead nowhere.
    pub(crate) unique: bool,
}

/// The record's own table with its links.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The record's table.
    pub(crate) own: Table,
    /// The linked ones.
    pub(crate) links: Vec<LinkedTable>,
}

/// A column as an expression, with what is known of its type.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// The SQL of the value.
    pub(crate) sql: String,
    /// What the values are, as far as the type settles it.
    pub(crate) kind: ColumnKind,
    /// The type as the catalogue spells it.
    pub(crate) declared: String,
    /// The SQL is a bare column, for which an index may be used.
    pub(crate) bare: bool,
    /// Of what stands inside JSON: whether nothing does. Its `sql` may be NULL for what is no text, too.
    pub(crate) absent: Option<String>,
}

/// Where a field stands.
#[derive(Debug)]
pub(crate) struct Stands<'a> {
    /// The link whose row has it.
    pub(crate) link: Option<&'a LinkedTable>,
    /// The column.
    pub(crate) column: &'a Column,
    /// The path inside the column's JSON; empty for the column itself.
    pub(crate) path: Vec<String>,
}

impl Table {
    /// The column of that name; case does not count, as in SQL.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

impl Frame {
    /// The link of that name.
    pub(crate) fn link(&self, name: &str) -> Result<&LinkedTable, StoreError> {
        self.links.iter().find(|linked| linked.link.name == name).ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::NotFound,
                format!("`{}`", self.own.name),
                format!("no link is named `{name}`"),
            )
        })
    }

    /// The table and column that a field means, and the path inside its JSON. A column that has the whole name,
    /// with its dots, comes first.
    pub(crate) fn find(&self, field: &Field) -> Result<Stands<'_>, StoreError> {
        let (link, table) = match &field.link {
            None => (None, &self.own),
            Some(name) => {
                let linked = self.link(name)?;
                (Some(linked), &linked.table)
            }
        };
        if let Some(column) = table.column(&field.column) {
            return Ok(Stands { link, column, path: Vec::new() });
        }
        let inside = field.in_json().and_then(|(column, path)| Some((table.column(column)?, path)));
        match inside {
            Some((column, path)) if column.json => {
                Ok(Stands { link, column, path: path.into_iter().map(str::to_owned).collect() })
            }
            Some((column, _)) => Err(StoreError::new(
                StoreErrorKind::NotFound,
                format!("table `{}`", table.name),
                format!("`{}` is {}, and has no fields of its own", column.name, column.kind.text()),
            )
            .with_help("Correct the policy: a path such as `data.name` leads into a column of JSON, or in SQLite of text")),
            None => Err(StoreError::new(
                StoreErrorKind::NotFound,
                format!("table `{}`", table.name),
                format!("it has no column `{}`", field.column),
            )
            .with_help("Correct the policy, or the store")),
        }
    }
}
