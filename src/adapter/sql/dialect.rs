//! The questions that each kind of SQL store answers differently.

use std::collections::HashSet;
use std::sync::Arc;

use super::frame::{Cell, Frame, Stands};
use crate::adapter::api::StoreError;
use crate::model::key::Key;
use crate::model::method::Method;
use crate::model::predicate::{Comparison, Reach, StartIs, TextTest};
use crate::model::start::Start;
use crate::model::value::{Field, Value};

/// How exact the SQL has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// True, false and unknown, each as it is.
    Exact,
    /// True where it is true; false and unknown may be mixed up. It leaves bare what an index can answer.
    Truth,
}

/// One kind of SQL. Methods that bind parameters take `&mut self`: the dialect collects them, numbered in the order
/// in which they are asked for.
pub(crate) trait Dialect {
    /// A name as SQL writes it, whatever characters it has.
    fn quoted(&self, name: &str) -> String;

    /// A truth value.
    fn truth(&self, answer: bool) -> &'static str;

    /// A column of a table or of its alias. A key column may be one that the store does not list.
    fn column(&self, table: &str, name: &str) -> String {
        format!("{}.{}", self.quoted(table), self.quoted(name))
    }

    /// Whether the field is absent. Never unknown.
    fn is_null(&self, cell: &Cell) -> String {
        match &cell.absent {
            Some(absent) => format!("({absent})"),
            None => format!("({} IS NULL)", cell.sql),
        }
    }

    /// What stands at a path inside a cell of JSON, of [`ColumnKind::Inside`](crate::model::schema::ColumnKind::Inside).
    fn inside(&mut self, cell: Cell, path: Vec<String>) -> Result<Cell, StoreError>;

    /// A field compared with a literal; unknown unless both are of one type.
    fn compare(&mut self, cell: &Cell, op: Comparison, with: &Value, need: Need) -> String;

    /// Two fields compared; unknown unless both are of one type.
    fn compare_cells(&mut self, left: &Cell, op: Comparison, right: &Cell) -> String;

    /// A field compared with several literals.
    fn one_of(&mut self, cell: &Cell, values: &[Value], need: Need) -> String;

    /// A test of a text; unknown for what is no text.
    fn text_test(&mut self, cell: &Cell, test: TextTest, needle: &str) -> String;

    /// Whether an event is recorded for the field's value, or for the record's key. Never unknown.
    fn event(&mut self, frame: &Frame, name: &str, of: Option<&Cell>) -> Result<String, StoreError>;

    /// Whether the start is in that state. Never unknown where `need` is exact.
    fn start(
        &mut self,
        frame: &Frame,
        start: &Arc<Start>,
        is: &StartIs,
        need: Need,
    ) -> Result<String, StoreError>;

    /// Whether the method has been carried out. Never unknown.
    fn done(&mut self, cell: &Cell, method: &Arc<Method>) -> Result<String, StoreError>;

    /// Whether the record's key is one of these. Never unknown where `need` is exact.
    fn key_in(&mut self, frame: &Frame, keys: &Arc<HashSet<Key>>, need: Need) -> Result<String, StoreError>;

    /// Whether some row of another table refers to the record. Never unknown.
    fn reached(&mut self, frame: &Frame, reach: &Reach) -> Result<String, StoreError>;

    /// The link's row seen through: `inner` about its columns, which stand under the alias; unknown without a row,
    /// and where there are several.
    fn through(&self, frame: &Frame, link: &str, inner: &str) -> Result<String, StoreError> {
        let linked = frame.link(link)?;
        let answer = if linked.unique {
            inner.to_owned()
        } else {
            format!("CASE WHEN count(*) = 1 THEN max({inner}) END")
        };
        Ok(format!(
            "(SELECT {answer} FROM {} AS {} WHERE {} = {})",
            self.quoted(&linked.table.name),
            self.quoted(LINK_ALIAS),
            self.column(LINK_ALIAS, &linked.key),
            self.column(&frame.own.name, &linked.link.by),
        ))
    }

    /// A field's value as an expression of the record's table.
    fn cell(&mut self, frame: &Frame, field: &Field) -> Result<Cell, StoreError> {
        let (cell, path) = self.whole_cell(frame, field)?;
        if path.is_empty() { Ok(cell) } else { self.inside(cell, path) }
    }

    /// The column of a field as such an expression, and the path inside its JSON.
    fn whole_cell(&self, frame: &Frame, field: &Field) -> Result<(Cell, Vec<String>), StoreError> {
        let Stands { link, column, path } = frame.find(field)?;
        let sql = match link {
            None => self.column(&frame.own.name, &column.name),
            Some(linked) => self.through(frame, &linked.link.name, &self.column(LINK_ALIAS, &column.name))?,
        };
        let (kind, declared) = (column.kind, column.declared.clone());
        Ok((Cell { sql, kind, declared, bare: link.is_none(), absent: None }, path))
    }
}

/// The name under which a linked row's columns stand. No table of a store has it.
pub(crate) const LINK_ALIAS: &str = "forfall link";
