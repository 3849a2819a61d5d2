//! Records as rows give them, with the rows that they link to, and what has to be read of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Frame;
use crate::model::evaluate::World;
use crate::model::json;
use crate::model::key::{Key, KeyForm};
use crate::model::method::Method;
use crate::model::predicate::{EventBook, Predicate, Reach};
use crate::model::schema::ColumnKind;
use crate::model::start::Start;
use crate::model::value::{Field, Fields, Value};

/// Which fields of a record somebody wants to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    pub(crate) fields: BTreeSet<Field>,
    pub(crate) reaches: Vec<Reach>,
    /// Columns on which a method may have been carried out already.
    pub(crate) done: Vec<(String, Arc<Method>)>,
}

impl Needs {
    /// Every field of the record and of the rows that it links to.
    pub(crate) fn all(frame: &Frame) -> Self {
        let mut needs = Self::default();
        needs.fields.extend(frame.own.columns.iter().map(|column| Field::own(column.name.as_str())));
        for linked in &frame.links {
            let columns = linked.table.columns.iter();
            needs
                .fields
                .extend(columns.map(|column| Field::linked(linked.link.name.as_str(), column.name.as_str())));
        }
        needs
    }

    /// What the start is read from.
    pub(crate) fn add_start(&mut self, start: &Start) {
        self.fields.extend(start.fields().into_iter().cloned());
    }

    /// What the predicate is decided by.
    pub(crate) fn add_predicate(&mut self, predicate: &Predicate) {
        self.fields.extend(predicate.fields().into_iter().cloned());
        predicate.visit(&mut |part| match part {
            Predicate::Start { start, .. } => self.fields.extend(start.fields().into_iter().cloned()),
            Predicate::Done { column, method } => {
                let one = (column.clone(), Arc::clone(method));
                if !self.done.contains(&one) {
                    self.done.push(one);
                }
            }
            Predicate::Reached(reach) if !self.reaches.contains(reach) => self.reaches.push(reach.clone()),
            _ => {}
        });
    }

    /// A column of the record itself.
    pub(crate) fn add_column(&mut self, column: &str) {
        self.fields.insert(Field::own(column));
    }
}

/// What a reader selects of each row.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Each field with its kind and the place where its link says whether it has a row.
    pub(crate) fields: Vec<(Field, ColumnKind, Option<usize>)>,
    /// The references that are asked for.
    pub(crate) reaches: Vec<Reach>,
    /// Columns of which the server itself says whether a method has been carried out.
    pub(crate) done: Vec<(String, Arc<Method>)>,
}

/// A record as it was read. `Debug` shows types only.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) key: Key,
    pub(crate) shape: Arc<Shape>,
    /// The fields' values; `None` where a link has no row.
    pub(crate) values: Vec<Option<Value>>,
    pub(crate) reached: Vec<bool>,
    pub(crate) done: Vec<bool>,
}

impl Record {
    /// Where the values have a column; case does not count, as in SQL.
    fn place(&self, link: Option<&String>, column: &str) -> Option<usize> {
        let same = |other: &Field| other.link.as_ref() == link && other.column.eq_ignore_ascii_case(column);
        self.shape.fields.iter().position(|(other, ..)| same(other))
    }

    /// Whether the predicate is true.
    pub(crate) fn holds(&self, predicate: &Predicate, events: &EventBook) -> bool {
        let reached = |reach: &Reach| {
            self.shape.reaches.iter().position(|other| other == reach).is_some_and(|at| self.reached[at])
        };
        predicate.holds(self, &World { events, reached: &reached })
    }
}

impl Fields for Record {
    fn get(&self, field: &Field) -> Option<Value> {
        if let Some(at) = self.place(field.link.as_ref(), &field.column) {
            return self.values[at].clone();
        }
        let (column, path) = field.in_json()?;
        let at = self.place(field.link.as_ref(), column)?;
        self.values[at].as_ref().map(|value| json::inside(value, &path))
    }

    fn key(&self) -> Key {
        self.key.clone()
    }

    fn event_key(&self) -> String {
        self.key.text(KeyForm::Columns)
    }

    fn is_done(&self, column: &str, method: &Method) -> Option<bool> {
        let same = |(other, how): &(String, Arc<Method>)| other == column && **how == *method;
        self.shape.done.iter().position(same).map(|at| self.done[at])
    }
}
