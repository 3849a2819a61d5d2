//! What SQLite cannot answer itself: starts, events, methods and keys, each by a function made for the question.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rusqlite::types::Value as SqlValue;

use super::dialect::{FEW_KEYS, Sqlite};
use super::given::Arguments;
use super::{starts, value};
use crate::adapter::api::StoreError;
use crate::adapter::sql::{Cell, Dialect, Frame};
use crate::model::key::{Key, KeyForm, KeyPart};
use crate::model::method::Method;
use crate::model::predicate::{Reach, StartIs};
use crate::model::schema::ColumnKind;
use crate::model::start::{Start, StartState};

/// The name under which the rows stand that refer to a record.
const REACH_ALIAS: &str = "forfall reach";

impl Sqlite<'_> {
    /// A start that is text: a range of letters narrows, and the function decides. Never unknown, because the function
    /// says no to NULL.
    pub(super) fn start_by_text(
        &mut self,
        cell: &str,
        start: &Arc<Start>,
        is: &StartIs,
    ) -> Result<String, StoreError> {
        if matches!(is, StartIs::In(set) if set.is_empty()) {
            return Ok(self.truth(false).to_owned());
        }
        let (asked, state) = (Arc::clone(start), is.clone());
        let function = self.session.function(1, move |call| {
            let value = value::read(call.get_raw(0), ColumnKind::Text);
            let answer = match &state {
                StartIs::In(set) => asked.read_known_value(&value).is_some_and(|start| set.contains(start)),
                StartIs::Known { now } => matches!(asked.read_value(&value, *now), StartState::Known(_)),
                StartIs::Waiting { now } => asked.read_value(&value, *now) == StartState::Waiting,
                StartIs::Undetermined { now } => {
                    matches!(asked.read_value(&value, *now), StartState::Undetermined(_))
                }
            };
            Ok(SqlValue::Integer(i64::from(answer)))
        })?;
        let mut parts = Vec::new();
        if let StartIs::In(set) = is {
            let (first, past) = starts::days(start, set);
            if let Some(first) = first {
                let first = self.bind(SqlValue::Text(first.to_string()));
                parts.push(format!("{cell} >= {first} COLLATE BINARY"));
            }
            if let Some(past) = past {
                let past = self.bind(SqlValue::Text(past.to_string()));
                parts.push(format!("{cell} < {past} COLLATE BINARY"));
            }
        }
        parts.push(format!("{function}({cell})"));
        Ok(format!("({})", parts.join(" AND ")))
    }

    /// A start of any other kind.
    pub(super) fn start_by_function(
        &mut self,
        frame: &Frame,
        start: &Arc<Start>,
        is: &StartIs,
    ) -> Result<String, StoreError> {
        let arguments = Arguments::of_start(self, frame, start)?;
        let list = arguments.list();
        let (asked, state, events) = (Arc::clone(start), is.clone(), Arc::clone(&self.events));
        let function = self.session.function(arguments.sql.len(), move |call| {
            let given = arguments.given(|at| call.get_raw(at));
            let answer = match &state {
                StartIs::In(set) => {
                    asked.read_known(&given, &events).is_some_and(|start| set.contains(start))
                }
                StartIs::Known { now } => matches!(asked.read(&given, &events, *now), StartState::Known(_)),
                StartIs::Waiting { now } => asked.read(&given, &events, *now) == StartState::Waiting,
                StartIs::Undetermined { now } => {
                    matches!(asked.read(&given, &events, *now), StartState::Undetermined(_))
                }
            };
            Ok(SqlValue::Integer(i64::from(answer)))
        })?;
        Ok(format!("{function}({list})"))
    }

    /// Whether an event is recorded under the field's value or the record's key.
    pub(super) fn is_recorded(
        &mut self,
        frame: &Frame,
        name: &str,
        of: Option<&Cell>,
    ) -> Result<String, StoreError> {
        let (events, name) = (Arc::clone(&self.events), name.to_owned());
        let answer = |known: bool| Ok(SqlValue::Integer(i64::from(known)));
        if let Some(cell) = of {
            let kind = cell.kind;
            let function = self.session.function(1, move |call| {
                let key = value::read(call.get_raw(0), kind).as_event_key();
                answer(key.is_some_and(|key| events.at(&name, &key).is_some()))
            })?;
            return Ok(format!("{function}({})", cell.sql));
        }
        let columns = self.key_columns(frame);
        let count = columns.len();
        let function = self.session.function(count, move |call| {
            let key = value::key(count, |at| call.get_raw(at));
            answer(key.is_some_and(|key| events.at(&name, &key.text(KeyForm::Columns)).is_some()))
        })?;
        Ok(format!("{function}({})", columns.join(", ")))
    }

    /// Whether the method has left its form.
    pub(super) fn is_done(&mut self, cell: &Cell, method: &Arc<Method>) -> Result<String, StoreError> {
        if **method == Method::Null {
            return Ok(format!("({} IS NULL)", cell.sql));
        }
        let (method, kind) = (Arc::clone(method), cell.kind);
        let function = self.session.function(1, move |call| {
            let done = method.is_done(&value::read(call.get_raw(0), kind));
            Ok(SqlValue::Integer(i64::from(done)))
        })?;
        Ok(format!("{function}({})", cell.sql))
    }

    /// Whether the record's key is one of these. A NULL in the key is no type's value, so that this is never unknown.
    pub(super) fn is_one_of(
        &mut self,
        frame: &Frame,
        keys: &Arc<HashSet<Key>>,
    ) -> Result<String, StoreError> {
        let columns = self.key_columns(frame);
        if let [column] = columns.as_slice()
            && keys.len() <= FEW_KEYS
        {
            return Ok(self.key_list(column, keys));
        }
        let (keys, count) = (Arc::clone(keys), columns.len());
        let function = self.session.function(count, move |call| {
            let key = value::key(count, |at| call.get_raw(at));
            Ok(SqlValue::Integer(i64::from(key.is_some_and(|key| keys.contains(&key)))))
        })?;
        Ok(format!("{function}({})", columns.join(", ")))
    }

    /// Whether some row of another table refers to the record.
    pub(super) fn is_reached(&mut self, frame: &Frame, reach: &Reach) -> Result<String, StoreError> {
        let ours = self.column(&frame.own.name, &reach.key);
        let (table, by) = (self.quoted(&reach.collection), self.column(REACH_ALIAS, &reach.by));
        let alias = self.quoted(REACH_ALIAS);
        if self.session.table(&reach.collection)?.is_indexed(&reach.by) {
            return Ok(format!("EXISTS (SELECT 1 FROM {table} AS {alias} WHERE {by} = {ours})"));
        }
        // Without an index the table is read once for all records, not once for each.
        Ok(format!("({ours} IN (SELECT {by} FROM {table} AS {alias} WHERE {by} IS NOT NULL) IS TRUE)"))
    }

    fn key_columns(&self, frame: &Frame) -> Vec<String> {
        frame.own.key.iter().map(|column| self.column(&frame.own.name, column)).collect()
    }

    /// Few keys of one column, as lists of each type.
    fn key_list(&mut self, column: &str, keys: &HashSet<Key>) -> String {
        let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for key in keys {
            let Ok(Ok([part])) = key.parts().map(<[KeyPart; 1]>::try_from) else { continue };
            let kind = match part {
                KeyPart::Int(_) => "integer",
                KeyPart::Text(_) => "text",
                KeyPart::Bytes(_) | KeyPart::Uuid(_) => "blob",
            };
            let place = self.bind(value::bound(part));
            lists.entry(kind).or_default().push(place);
        }
        let lists: Vec<String> = lists
            .into_iter()
            .map(|(kind, places)| {
                format!(
                    "({column} COLLATE BINARY IN ({}) AND typeof({column}) = '{kind}')",
                    places.join(", ")
                )
            })
            .collect();
        if lists.is_empty() { self.truth(false).to_owned() } else { format!("({})", lists.join(" OR ")) }
    }
}
