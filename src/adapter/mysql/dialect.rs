//! SQL as MySQL and MariaDB speak it. Left to themselves they convert whatever is compared: `1 = '1e0'`, `'a' = 'A '`,
//! a zero date before every other. So texts are compared by their bytes, dates only where they are dates, and what
//! cannot be answered exactly as memory does is marked [`MySql::opaque`]: then our own code decides about rows that
//! SQL has only narrowed.

use std::collections::HashSet;
use std::sync::Arc;

use mysql_async::Value as SqlValue;

use super::catalogue::quoted;
use super::coarse;
use super::schema::Bound;
use super::value::{self, Bind};
use crate::adapter::api::StoreError;
use crate::adapter::sql::starts::{self, Asked, Axis};
use crate::adapter::sql::{Cell, Dialect, Frame, Need, Partial, is_order, kind_of, sign};
use crate::model::key::{Key, KeyPart};
use crate::model::method::Method;
use crate::model::predicate::{Comparison, EventBook, Predicate, Reach, StartIs, TextTest};
use crate::model::schema::ColumnKind;
use crate::model::start::Start;
use crate::model::value::{Field, Value};

/// Writes SQL about one target and collects what is bound.
#[derive(Debug)]
pub(super) struct MySql<'a> {
    pub(super) bound_to: &'a Bound,
    pub(super) events: &'a EventBook,
    /// What is bound, in the order of the numbers.
    pub(super) bound: Vec<Bind>,
    /// Something was asked that SQL cannot answer exactly: the text means nothing.
    pub(super) opaque: bool,
    /// Values are spelled out, for a text that binds nothing.
    pub(super) spells: bool,
}

const UNKNOWN: &str = "NULL";
const REACH_ALIAS: &str = "forfall reach";

/// A predicate as MySQL answers it.
pub(super) type Question = crate::adapter::sql::Question<Bind>;

/// Divides a predicate about one target.
pub(super) fn question(
    bound: &Bound,
    events: &EventBook,
    predicate: &Predicate,
) -> Result<Question, StoreError> {
    Question::of(MySql::new(bound, events), &bound.frame, predicate)
}

impl Partial for MySql<'_> {
    type Bind = Bind;

    fn bound(&mut self) -> &mut Vec<Bind> {
        &mut self.bound
    }

    fn was_opaque(&mut self) -> bool {
        std::mem::take(&mut self.opaque)
    }
}

impl<'a> MySql<'a> {
    pub(super) fn new(bound_to: &'a Bound, events: &'a EventBook) -> Self {
        Self { bound_to, events, bound: Vec::new(), opaque: false, spells: false }
    }

    /// One whose text binds nothing.
    pub(super) fn spelling(bound_to: &'a Bound, events: &'a EventBook) -> Self {
        Self { spells: true, ..Self::new(bound_to, events) }
    }

    /// Binds a value and gives its place in the text.
    pub(super) fn bind(&mut self, value: Bind) -> String {
        self.bound.push(value);
        value::place(self.bound.len())
    }

    fn bind_value(&mut self, value: &Value) -> String {
        match Bind::of(value) {
            Bind(SqlValue::Bytes(bytes)) if self.spells => value::literal(&bytes),
            Bind(other) if self.spells => other.as_sql(true),
            bind => self.bind(bind),
        }
    }

    fn cannot(&mut self) -> String {
        self.opaque = true;
        UNKNOWN.to_owned()
    }

    /// The conditions that a start's column meets in what is asked. Never unknown where `need` is exact.
    pub(super) fn in_asked(&mut self, column: &str, axis: Axis, asked: Asked, need: Need) -> String {
        let guard = match axis {
            Axis::Date | Axis::Local => format!(" AND {}", is_day(column)),
            // The only one that is none lies before every range.
            Axis::Instant | Axis::Number(_) => String::new(),
        };
        if let (true, true, [(from, to)]) = (asked.inverted, guard.is_empty(), asked.ranges.as_slice()) {
            // Outside one range: an index finds both sides and NULL.
            let sides = [("<", from), (">", to)].map(|(sign, end)| {
                end.as_ref().map(|end| format!("{column} {sign} {}", self.bind(value::edge(*end))))
            });
            let null = (!asked.null).then(|| format!("{column} IS NULL"));
            let parts: Vec<String> = sides.into_iter().flatten().chain(null).collect();
            return match (parts.is_empty(), need) {
                (true, _) => "FALSE".to_owned(),
                (false, Need::Truth) => format!("({})", parts.join(" OR ")),
                (false, Need::Exact) => format!("(({}) IS TRUE)", parts.join(" OR ")),
            };
        }
        let mut parts: Vec<String> = asked
            .ranges
            .into_iter()
            .map(|(from, to)| {
                let ends = [(">=", from), ("<=", to)];
                let ends: Vec<String> = ends
                    .into_iter()
                    .filter_map(|(sign, end)| {
                        Some(format!("{column} {sign} {}", self.bind(value::edge(end?))))
                    })
                    .collect();
                format!("({}{guard})", ends.join(" AND "))
            })
            .collect();
        parts.extend(asked.null.then(|| format!("({column} <=> NULL)")));
        let any = if parts.is_empty() { "FALSE".to_owned() } else { format!("({})", parts.join(" OR ")) };
        match (asked.inverted, need) {
            (true, _) => format!("({any} IS NOT TRUE)"),
            (false, Need::Exact) => format!("({any} IS TRUE)"),
            (false, Need::Truth) => any,
        }
    }

    /// A comparison of what holds a date, if it does.
    fn compare_day(&mut self, cell: &Cell, op: Comparison, with: &Value, need: Need) -> String {
        let compared = format!("{} {} {}", cell.sql, sign(op), self.bind_value(with));
        let guard = is_day(&cell.sql);
        match need {
            Need::Truth => format!("({compared} AND {guard})"),
            Need::Exact => format!("CASE WHEN {guard} THEN {compared} END"),
        }
    }
}

/// The kinds whose values compare in SQL as in memory.
fn is_plain(kind: ColumnKind) -> bool {
    !matches!(kind, ColumnKind::Real | ColumnKind::Any | ColumnKind::Inside)
}

/// The kinds that may hold what is not of their kind: a number that is no truth value, a date that is none.
fn is_mixed(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::Bool | ColumnKind::Instant | ColumnKind::Date)
}

/// Whether the column holds a day of the calendar, and not a zero date or the 31st of February.
pub(super) fn is_day(sql: &str) -> String {
    // Of a month 0 there is no last day: where a statement deletes or changes, MySQL calls the question an error.
    format!(
        "(CASE WHEN MONTH({sql}) > 0 THEN DAYOFMONTH({sql}) BETWEEN 1 AND DAYOFMONTH(LAST_DAY({sql})) AND YEAR({sql}) > 0 \
         ELSE FALSE END)"
    )
}

/// The bytes of a text in UTF-8, whatever its character set and collation are.
pub(super) fn bytes(sql: &str) -> String {
    format!("CAST(CONVERT({sql} USING utf8mb4) AS BINARY)")
}

/// Whether an index may lead to the text. MySQL takes a value of its type JSON for no text in a comparison.
fn has_text_index(cell: &Cell) -> bool {
    cell.bare && !cell.declared.eq_ignore_ascii_case("json")
}

/// Whether the server writes the number with zeros in front where it becomes a text.
fn is_padded(cell: &Cell) -> bool {
    cell.declared.to_ascii_lowercase().contains("zerofill")
}

impl Dialect for MySql<'_> {
    fn quoted(&self, name: &str) -> String {
        quoted(name)
    }

    fn truth(&self, answer: bool) -> &'static str {
        if answer { "TRUE" } else { "FALSE" }
    }

    fn is_null(&self, cell: &Cell) -> String {
        // `IS NULL` would be true for a zero date in a column that may not be NULL.
        format!("({} <=> NULL)", cell.sql)
    }

    fn inside(&mut self, _: Cell, _: Vec<String>) -> Result<Cell, StoreError> {
        // Of a name that comes twice the server takes another one than our own code, and reads some numbers and texts
        // otherwise: nothing is asked of it.
        let unknown = self.cannot();
        Ok(Cell {
            sql: unknown.clone(),
            kind: ColumnKind::Inside,
            declared: String::new(),
            bare: false,
            absent: Some(unknown),
        })
    }

    fn compare(&mut self, cell: &Cell, op: Comparison, with: &Value, need: Need) -> String {
        let (sql, kind) = (&cell.sql, cell.kind);
        match kind_of(with) {
            None => UNKNOWN.to_owned(),
            Some(_) if !is_plain(kind) => self.cannot(),
            Some(ColumnKind::Real) if kind == ColumnKind::Int => self.cannot(),
            Some(other) if other != kind && is_mixed(kind) => self.cannot(),
            Some(other) if other != kind => UNKNOWN.to_owned(),
            Some(ColumnKind::Bool) if is_order(op) => UNKNOWN.to_owned(),
            Some(ColumnKind::Bool) => {
                let place = self.bind_value(with);
                format!("CASE WHEN {sql} IN (0, 1) THEN {sql} {} {place} END", sign(op))
            }
            Some(ColumnKind::Instant | ColumnKind::Date) => self.compare_day(cell, op, with, need),
            Some(ColumnKind::Text) => {
                let place = self.bind_value(with);
                let exact = format!("{} {} CAST({place} AS BINARY)", bytes(sql), sign(op));
                if need == Need::Truth && op == Comparison::Equal && has_text_index(cell) {
                    // For the index; where the collation takes more for equal, the second half still decides.
                    return format!("({sql} = {place} AND {exact})");
                }
                format!("({exact})")
            }
            Some(ColumnKind::Bytes) => {
                let place = self.bind_value(with);
                format!("({sql} {} CAST({place} AS BINARY))", sign(op))
            }
            Some(_) => {
                let place = self.bind_value(with);
                format!("({sql} {} {place})", sign(op))
            }
        }
    }

    fn compare_cells(&mut self, left: &Cell, op: Comparison, right: &Cell) -> String {
        let is_exact = |cell: &Cell| {
            let wide = cell.declared.contains("bigint") && cell.declared.contains("unsigned");
            is_plain(cell.kind) && !is_mixed(cell.kind) && !wide
        };
        if !is_exact(left) || !is_exact(right) {
            return self.cannot();
        }
        if left.kind != right.kind {
            return UNKNOWN.to_owned();
        }
        let sign = sign(op);
        if left.kind == ColumnKind::Text {
            return format!("({} {sign} {})", bytes(&left.sql), bytes(&right.sql));
        }
        format!("({} {sign} {})", left.sql, right.sql)
    }

    fn one_of(&mut self, cell: &Cell, values: &[Value], need: Need) -> String {
        let sql = &cell.sql;
        if values.is_empty() {
            return format!("CASE WHEN NOT {} THEN FALSE END", self.is_null(cell));
        }
        let real = cell.kind == ColumnKind::Int && values.iter().any(|value| matches!(value, Value::Real(_)));
        if !is_plain(cell.kind) || is_mixed(cell.kind) || real {
            return self.cannot();
        }
        let same: Vec<&Value> = values.iter().filter(|value| kind_of(value) == Some(cell.kind)).collect();
        if same.is_empty() {
            return UNKNOWN.to_owned();
        }
        let places: Vec<String> = same.into_iter().map(|value| self.bind_value(value)).collect();
        if cell.kind == ColumnKind::Int {
            return format!("({sql} IN ({}))", places.join(", "));
        }
        let exact: Vec<String> = places.iter().map(|place| format!("CAST({place} AS BINARY)")).collect();
        let exact = exact.join(", ");
        match cell.kind {
            ColumnKind::Text if need == Need::Truth && has_text_index(cell) => {
                format!("({sql} IN ({}) AND {} IN ({exact}))", places.join(", "), bytes(sql))
            }
            ColumnKind::Text => format!("({} IN ({exact}))", bytes(sql)),
            _ => format!("({sql} IN ({exact}))"),
        }
    }

    fn text_test(&mut self, cell: &Cell, test: TextTest, needle: &str) -> String {
        match cell.kind {
            ColumnKind::Text => {}
            ColumnKind::Any
            | ColumnKind::Inside
            | ColumnKind::Real
            | ColumnKind::Instant
            | ColumnKind::Date => {
                return self.cannot();
            }
            ColumnKind::Int | ColumnKind::Bytes | ColumnKind::Bool => return UNKNOWN.to_owned(),
        }
        let place = format!("CAST({} AS BINARY)", self.bind_value(&Value::Text(needle.to_owned())));
        let (text, length) = (bytes(&cell.sql), needle.len());
        match test {
            TextTest::StartsWith => format!("(LEFT({text}, {length}) = {place})"),
            TextTest::EndsWith => format!("(RIGHT({text}, {length}) = {place})"),
            TextTest::Contains => format!("(LOCATE({place}, {text}) > 0)"),
        }
    }

    fn event(&mut self, frame: &Frame, name: &str, of: Option<&Cell>) -> Result<String, StoreError> {
        let own;
        let cell = if let Some(cell) = of {
            cell
        } else {
            let [key] = frame.own.key.as_slice() else { return Ok(self.cannot()) };
            own = self.cell(frame, &Field::own(key.as_str()))?;
            &own
        };
        if !matches!(cell.kind, ColumnKind::Int | ColumnKind::Text) || is_padded(cell) {
            return Ok(self.cannot());
        }
        let keys: Vec<String> = self.events.keys(name).map(|key| value::literal(key.as_bytes())).collect();
        if keys.is_empty() {
            return Ok("FALSE".to_owned());
        }
        Ok(format!("(({} IN ({})) IS TRUE)", bytes(&cell.sql), keys.join(", ")))
    }

    fn start(
        &mut self,
        frame: &Frame,
        start: &Arc<Start>,
        is: &StartIs,
        need: Need,
    ) -> Result<String, StoreError> {
        let Some((column, axis)) = starts::axis(start, frame) else { return Ok(self.cannot()) };
        let column = self.column(&frame.own.name, column);
        Ok(self.in_asked(&column, axis, starts::asked(start, axis, is), need))
    }

    fn done(&mut self, cell: &Cell, method: &Arc<Method>) -> Result<String, StoreError> {
        let null = self.is_null(cell);
        Ok(match (&**method, method.leaves(cell.kind)) {
            (Method::Null, _) => null,
            (Method::Flag, Some(_)) => format!("({} <=> 1)", cell.sql),
            (Method::Neutral(ColumnKind::Real), _) => format!("(({null} OR {} = 0) IS TRUE)", cell.sql),
            (Method::GeneralizeDate { to, .. }, _) if cell.kind.settles_time() => {
                coarse::is_done(&cell.sql, cell.kind, *to)
            }
            (_, Some(value)) if is_plain(cell.kind) && kind_of(&value) == Some(cell.kind) => {
                let same = self.compare(cell, Comparison::Equal, &value, Need::Exact);
                format!("(({null} OR {same}) IS TRUE)")
            }
            _ => self.cannot(),
        })
    }

    fn key_in(&mut self, _: &Frame, keys: &Arc<HashSet<Key>>, need: Need) -> Result<String, StoreError> {
        let parts: Vec<Vec<KeyPart>> = keys
            .iter()
            .filter_map(|key| key.parts().ok())
            .filter(|parts| parts.len() == self.bound_to.key.len())
            .collect();
        let answer = self.bound_to.key_is_one_of(&parts);
        Ok(if need == Need::Truth { answer } else { format!("({answer} IS TRUE)") })
    }

    fn reached(&mut self, frame: &Frame, reach: &Reach) -> Result<String, StoreError> {
        let (ours, by) = (self.column(&frame.own.name, &reach.key), self.column(REACH_ALIAS, &reach.by));
        Ok(format!(
            "EXISTS (SELECT 1 FROM {} AS {} WHERE {by} = {ours})",
            quoted(&reach.collection),
            quoted(REACH_ALIAS)
        ))
    }
}
