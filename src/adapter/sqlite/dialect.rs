//! SQL as SQLite speaks it, with our own functions where its own cannot be exact.
//!
//! SQLite compares any two values: a number is less than every text, and a text that looks like a number may be
//! taken for one. So each comparison is kept to values of one type, and `+` in front of a column keeps conversions
//! away from it.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::types::Value as SqlValue;

use super::affinity::{Affinity, affinity};
use super::open::Session;
use super::starts::{self, Reading};
use super::value;
use crate::adapter::api::StoreError;
use crate::adapter::sql::{Cell, Dialect, Frame, Need, is_order, sign};
use crate::model::evaluate;
use crate::model::json;
use crate::model::key::Key;
use crate::model::method::Method;
use crate::model::predicate::{Comparison, EventBook, Reach, StartIs, TextTest};
use crate::model::schema::ColumnKind;
use crate::model::start::Start;
use crate::model::value::Value;

/// Up to so many keys are written as a list, which the primary key's index answers; more are looked up by a function.
pub(super) const FEW_KEYS: usize = 500;

/// Writes SQL for one connection and collects what is bound.
#[derive(Debug)]
pub(super) struct Sqlite<'a> {
    pub(super) session: &'a Session,
    pub(super) events: Arc<EventBook>,
    /// What is bound, in the order of the numbers.
    pub(super) bound: Vec<SqlValue>,
}

impl<'a> Sqlite<'a> {
    /// A dialect with nothing bound yet.
    pub(super) fn new(session: &'a Session, events: &Arc<EventBook>) -> Self {
        Self { session, events: Arc::clone(events), bound: Vec::new() }
    }

    /// Binds a value and gives its place in the text.
    pub(super) fn bind(&mut self, value: SqlValue) -> String {
        self.bound.push(value);
        format!("?{}", self.bound.len())
    }

    fn bind_value(&mut self, value: &Value) -> String {
        self.bind(value::stored(value))
    }
}

/// Whether comparing the bare column with a number converts nothing.
fn takes_numbers(cell: &Cell) -> bool {
    cell.bare && cell.kind != ColumnKind::Bool && affinity(&cell.declared) == Affinity::Number
}

/// Whether comparing the bare column with a text converts nothing.
fn takes_text(cell: &Cell) -> bool {
    cell.bare && affinity(&cell.declared) == Affinity::Text
}

fn is_truth(sql: &str) -> String {
    format!("typeof({sql}) = 'integer' AND {sql} IN (0, 1)")
}

/// That the cell holds a number which its column does not mean as a truth value.
fn is_number(cell: &Cell) -> String {
    let sql = &cell.sql;
    if cell.kind == ColumnKind::Bool {
        format!("(typeof({sql}) = 'real' OR (typeof({sql}) = 'integer' AND {sql} NOT IN (0, 1)))")
    } else {
        format!("typeof({sql}) IN ('integer', 'real')")
    }
}

const UNKNOWN: &str = "NULL";

impl Dialect for Sqlite<'_> {
    fn quoted(&self, name: &str) -> String {
        quoted(name)
    }

    fn truth(&self, answer: bool) -> &'static str {
        if answer { "1" } else { "0" }
    }

    fn inside(&mut self, cell: Cell, path: Vec<String>) -> Result<Cell, StoreError> {
        // Our own reader of JSON: SQLite's would take a name that comes twice, and what is no JSON, otherwise.
        let kind = cell.kind;
        let function = self.session.function(1, move |call| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            Ok(value::inside(&json::inside(&value::read(call.get_raw(0), kind), &path)))
        })?;
        let sql = format!("{function}({})", cell.sql);
        Ok(Cell { sql, kind: ColumnKind::Inside, declared: String::new(), bare: false, absent: None })
    }

    fn compare(&mut self, cell: &Cell, op: Comparison, with: &Value, need: Need) -> String {
        if cell.kind == ColumnKind::Inside {
            let with = with.clone();
            return self.answered([cell], move |[value]| op.answer(value, &with));
        }
        let (sql, sign) = (&cell.sql, sign(op));
        match with {
            Value::Text(_) if self.session.utf16 && is_order(op) => {
                let place = self.bind_value(with);
                let compared = self.by_code_point(&format!("+{sql}"), &place);
                format!("CASE WHEN typeof({sql}) = 'text' THEN {compared} {sign} 0 END")
            }
            Value::Text(_) => {
                let place = self.bind_value(with);
                if need == Need::Truth && op == Comparison::Equal && takes_text(cell) {
                    return format!("({sql} = {place} COLLATE BINARY)");
                }
                format!("CASE WHEN typeof({sql}) = 'text' THEN +{sql} {sign} {place} COLLATE BINARY END")
            }
            Value::Real(number) if number.is_nan() => UNKNOWN.to_owned(),
            Value::Int(_) | Value::Real(_) => {
                let place = self.bind_value(with);
                let downward = matches!(op, Comparison::Equal | Comparison::Less | Comparison::LessOrEqual);
                if need == Need::Truth && takes_numbers(cell) && downward {
                    return format!("({sql} {sign} {place} COLLATE BINARY)");
                }
                format!("CASE WHEN {} THEN +{sql} {sign} {place} END", is_number(cell))
            }
            Value::Bytes(_) => {
                let place = self.bind_value(with);
                format!("CASE WHEN typeof({sql}) = 'blob' THEN +{sql} {sign} {place} END")
            }
            Value::Bool(_) if cell.kind == ColumnKind::Bool && !is_order(op) => {
                let place = self.bind_value(with);
                format!("CASE WHEN {} THEN +{sql} {sign} {place} END", is_truth(sql))
            }
            Value::Bool(_) | Value::Null | Value::Instant(_) | Value::Date(_) | Value::Other => {
                UNKNOWN.to_owned()
            }
        }
    }

    fn compare_cells(&mut self, left: &Cell, op: Comparison, right: &Cell) -> String {
        if left.kind == ColumnKind::Inside || right.kind == ColumnKind::Inside {
            return self.answered([left, right], move |[one, other]| op.answer(one, other));
        }
        let (one, other, sign) = (&left.sql, &right.sql, sign(op));
        let both = |kind: &str| format!("typeof({one}) = '{kind}' AND typeof({other}) = '{kind}'");
        let plain = format!("+{one} {sign} +{other} COLLATE BINARY");
        let texts = if self.session.utf16 && is_order(op) {
            format!("{} {sign} 0", self.by_code_point(&format!("+{one}"), &format!("+{other}")))
        } else {
            plain.clone()
        };
        let mut cases = vec![
            format!("WHEN {} THEN {texts}", both("text")),
            format!("WHEN {} AND {} THEN {plain}", is_number(left), is_number(right)),
            format!("WHEN {} THEN {plain}", both("blob")),
        ];
        if left.kind == ColumnKind::Bool && right.kind == ColumnKind::Bool && !is_order(op) {
            cases.push(format!("WHEN {} AND {} THEN {plain}", is_truth(one), is_truth(other)));
        }
        format!("CASE {} END", cases.join(" "))
    }

    fn one_of(&mut self, cell: &Cell, values: &[Value], need: Need) -> String {
        let sql = cell.sql.clone();
        if values.is_empty() {
            return format!("CASE WHEN {sql} IS NOT NULL THEN 0 END");
        }
        if cell.kind == ColumnKind::Inside {
            let values = values.to_vec();
            return self.answered([cell], move |[value]| evaluate::one_of(value, &values));
        }
        let mut lists: [(Vec<String>, String); 4] = [
            (Vec::new(), format!("typeof({sql}) = 'text'")),
            (Vec::new(), is_number(cell)),
            (Vec::new(), format!("typeof({sql}) = 'blob'")),
            (Vec::new(), is_truth(&sql)),
        ];
        for value in values {
            let list = match value {
                Value::Text(_) => 0,
                Value::Int(_) => 1,
                Value::Real(number) if !number.is_nan() => 1,
                Value::Bytes(_) => 2,
                Value::Bool(_) if cell.kind == ColumnKind::Bool => 3,
                _ => continue,
            };
            let place = self.bind_value(value);
            lists[list].0.push(place);
        }
        let given: Vec<usize> = (0..lists.len()).filter(|at| !lists[*at].0.is_empty()).collect();
        let stays = match given.as_slice() {
            [] => return UNKNOWN.to_owned(),
            [0] => takes_text(cell),
            [1] => takes_numbers(cell),
            _ => false,
        };
        if need == Need::Truth && stays {
            return format!("({sql} COLLATE BINARY IN ({}))", lists[given[0]].0.join(", "));
        }
        let case = |at: &usize| {
            let (places, guard) = &lists[*at];
            format!("WHEN {guard} THEN (+{sql}) COLLATE BINARY IN ({})", places.join(", "))
        };
        format!("CASE {} END", given.iter().map(case).collect::<Vec<_>>().join(" "))
    }

    fn text_test(&mut self, cell: &Cell, test: TextTest, needle: &str) -> String {
        if cell.kind == ColumnKind::Inside {
            let needle = needle.to_owned();
            return self.answered([cell], move |[value]| test.answer(value, &needle));
        }
        let sql = &cell.sql;
        if needle.is_empty() {
            return format!("CASE WHEN typeof({sql}) = 'text' THEN 1 END");
        }
        let place = self.bind(SqlValue::Text(needle.to_owned()));
        // Bytes, because `substr` on a text stops at a NUL; a character never begins inside another one. `IS`, because
        // a part of no bytes is NULL.
        let (bytes, looked_for) = (format!("CAST({sql} AS BLOB)"), format!("CAST({place} AS BLOB)"));
        let answer = match test {
            TextTest::StartsWith => format!("substr({bytes}, 1, length({looked_for})) IS {looked_for}"),
            TextTest::EndsWith => format!("substr({bytes}, -length({looked_for})) IS {looked_for}"),
            TextTest::Contains => format!("instr(+{sql}, {place}) > 0"),
        };
        format!("CASE WHEN typeof({sql}) = 'text' THEN {answer} END")
    }

    fn event(&mut self, frame: &Frame, name: &str, of: Option<&Cell>) -> Result<String, StoreError> {
        self.is_recorded(frame, name, of)
    }

    fn start(
        &mut self,
        frame: &Frame,
        start: &Arc<Start>,
        is: &StartIs,
        need: Need,
    ) -> Result<String, StoreError> {
        match starts::reading(start, frame) {
            Reading::Numbers { column, count } => {
                let cell = self.column(&frame.own.name, column);
                Ok(self.in_segments(&cell, &starts::segments(start, count, is), need))
            }
            Reading::Texts { column } => {
                let cell = self.column(&frame.own.name, column);
                self.start_by_text(&cell, start, is)
            }
            Reading::Opaque => self.start_by_function(frame, start, is),
        }
    }

    fn done(&mut self, cell: &Cell, method: &Arc<Method>) -> Result<String, StoreError> {
        self.is_done(cell, method)
    }

    fn key_in(&mut self, frame: &Frame, keys: &Arc<HashSet<Key>>, _: Need) -> Result<String, StoreError> {
        self.is_one_of(frame, keys)
    }

    fn reached(&mut self, frame: &Frame, reach: &Reach) -> Result<String, StoreError> {
        self.is_reached(frame, reach)
    }
}

impl Sqlite<'_> {
    /// A question about what stands inside JSON, of which each record has its own type: memory's own answer.
    fn answered<const N: usize>(
        &self,
        cells: [&Cell; N],
        answer: impl Fn(&[Value; N]) -> Option<bool> + Send + 'static,
    ) -> String {
        let kinds = cells.map(|cell| cell.kind);
        let function = self.session.function(N, move |call| {
            let values = std::array::from_fn(|at| value::read(call.get_raw(at), kinds[at]));
            Ok(answer(&values).map_or(SqlValue::Null, |answer| SqlValue::Integer(i64::from(answer))))
        });
        let function = function.expect("a function with a new name and few arguments is accepted");
        let given: Vec<&str> = cells.iter().map(|cell| cell.sql.as_str()).collect();
        format!("{function}({})", given.join(", "))
    }

    /// Less than, equal to or greater than 0, as the first text comes before, with or after the second.
    fn by_code_point(&self, one: &str, other: &str) -> String {
        let compared = self.session.function(2, |call| {
            let order = value::read(call.get_raw(0), ColumnKind::Text);
            let order = match (order, value::read(call.get_raw(1), ColumnKind::Text)) {
                (Value::Text(one), Value::Text(other)) => one.cmp(&other) as i64,
                _ => 0,
            };
            Ok(SqlValue::Integer(order))
        });
        let function = compared.expect("a function with a new name and two arguments is accepted");
        format!("{function}({one}, {other})")
    }
}

/// A name between double quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
