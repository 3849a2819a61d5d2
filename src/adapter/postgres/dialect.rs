//! SQL as PostgreSQL speaks it. What it cannot answer exactly as memory does is marked [`Postgres::opaque`]: then our
//! own code decides about rows that SQL has only narrowed.

use std::collections::HashSet;
use std::sync::Arc;

use super::catalogue::quoted;
use super::coarse;
use super::schema::Bound;
use super::value::{self, Bind, KeyType};
use crate::adapter::api::StoreError;
use crate::adapter::sql::starts::{self, Asked, Edge};
use crate::adapter::sql::{Cell, Dialect, Frame, LINK_ALIAS, Need, Partial, is_order, kind_of, sign};
use crate::model::key::{Key, KeyPart};
use crate::model::method::Method;
use crate::model::predicate::{Comparison, EventBook, Predicate, Reach, StartIs, TextTest};
use crate::model::schema::ColumnKind;
use crate::model::start::Start;
use crate::model::value::Value;

/// Writes SQL about one target and collects what is bound.
#[derive(Debug)]
pub(super) struct Postgres<'a> {
    pub(super) bound_to: &'a Bound,
    pub(super) events: &'a EventBook,
    /// What is bound, in the order of the numbers.
    pub(super) bound: Vec<Bind>,
    /// Something was asked that SQL cannot answer exactly: the text means nothing.
    pub(super) opaque: bool,
    /// Values are spelled out, for a text that binds nothing.
    pub(super) spells: bool,
}

const UNKNOWN: &str = "NULL::bool";
const REACH_ALIAS: &str = "forfall reach";

impl<'a> Postgres<'a> {
    pub(super) fn new(bound_to: &'a Bound, events: &'a EventBook) -> Self {
        Self { bound_to, events, bound: Vec::new(), opaque: false, spells: false }
    }

    /// One whose text binds nothing.
    pub(super) fn spelling(bound_to: &'a Bound, events: &'a EventBook) -> Self {
        Self { spells: true, ..Self::new(bound_to, events) }
    }

    /// Binds a value and gives its place in the text.
    pub(super) fn bind(&mut self, value: Bind) -> String {
        let cast = value.cast();
        self.bound.push(value);
        format!("${}::{cast}", self.bound.len())
    }

    fn bind_value(&mut self, value: &Value) -> String {
        match Bind::of(value) {
            Some(bind) if self.spells => format!("{}::{}", value::literal(value), bind.cast()),
            Some(bind) => self.bind(bind),
            None => self.cannot(),
        }
    }

    fn cannot(&mut self) -> String {
        self.opaque = true;
        UNKNOWN.to_owned()
    }

    /// The conditions that a start's column meets in what is asked. Never unknown.
    pub(super) fn in_asked(&mut self, column: &str, asked: Asked, need: Need) -> String {
        if let (true, [(from, to)]) = (asked.inverted, asked.ranges.as_slice()) {
            // Outside one range: an index finds both sides and NULL.
            let sides = [("<", from), (">", to)].map(|(sign, end)| {
                end.as_ref().map(|end| format!("{column} {sign} {}", self.bind(edge(*end))))
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
                    .filter_map(|(sign, end)| Some(format!("{column} {sign} {}", self.bind(edge(end?)))))
                    .collect();
                format!("({})", ends.join(" AND "))
            })
            .collect();
        parts.extend(asked.null.then(|| format!("{column} IS NULL")));
        let any = if parts.is_empty() { "FALSE".to_owned() } else { format!("({})", parts.join(" OR ")) };
        match (asked.inverted, need) {
            (true, _) => format!("({any} IS NOT TRUE)"),
            (false, Need::Exact) => format!("({any} IS TRUE)"),
            (false, Need::Truth) => any,
        }
    }
}

/// A predicate as PostgreSQL answers it.
pub(super) type Question = crate::adapter::sql::Question<Bind>;

/// Divides a predicate about one target.
pub(super) fn question(
    bound: &Bound,
    events: &EventBook,
    predicate: &Predicate,
) -> Result<Question, StoreError> {
    Question::of(Postgres::new(bound, events), &bound.frame, predicate)
}

impl Partial for Postgres<'_> {
    type Bind = Bind;

    fn bound(&mut self) -> &mut Vec<Bind> {
        &mut self.bound
    }

    fn was_opaque(&mut self) -> bool {
        std::mem::take(&mut self.opaque)
    }
}

/// Whether SQL compares what stands inside `jsonb` with such values as memory does: it asks for texts only, and nothing
/// there is of the other kinds. Numbers and truth values are left to our own code.
fn is_asked_inside(value: &Value) -> bool {
    !matches!(value, Value::Int(_) | Value::Real(_) | Value::Bool(_))
}

/// Whether the server might take a name for a place in a list. A policy's names lead through objects only.
fn may_be_a_place(name: &str) -> bool {
    name.trim_start().trim_start_matches(['+', '-']).starts_with(|first: char| first.is_ascii_digit())
}

/// The kinds whose values compare in SQL as in memory.
fn is_plain(kind: ColumnKind) -> bool {
    !matches!(kind, ColumnKind::Real | ColumnKind::Any | ColumnKind::Inside)
}

fn edge(end: Edge) -> Bind {
    match end {
        Edge::Instant(instant) => Bind::Instant(instant),
        Edge::Date(date) => Bind::Date(date),
        Edge::Number(number) => Bind::Int(number),
        Edge::Local(local) => Bind::Local(local),
    }
}

/// The cell so that it compares by code point, whatever its collation and type are.
fn text(cell: &Cell) -> String {
    if is_text_type(&cell.declared) {
        format!("{} COLLATE \"C\"", cell.sql)
    } else {
        format!("{}::text COLLATE \"C\"", cell.sql)
    }
}

fn is_text_type(declared: &str) -> bool {
    declared == "text" || declared.starts_with("character varying")
}

impl Dialect for Postgres<'_> {
    fn quoted(&self, name: &str) -> String {
        quoted(name)
    }

    fn truth(&self, answer: bool) -> &'static str {
        if answer { "TRUE" } else { "FALSE" }
    }

    fn inside(&mut self, cell: Cell, path: Vec<String>) -> Result<Cell, StoreError> {
        // The parser of `json` refuses what that of our own code and of `jsonb` does not: nothing is asked of it.
        let (sql, absent) = if cell.declared == "jsonb" && !path.iter().any(|name| may_be_a_place(name)) {
            let place = self.bind(Bind::Texts(path));
            let (there, text) = (format!("{} #> {place}", cell.sql), format!("{} #>> {place}", cell.sql));
            (
                format!("(CASE WHEN jsonb_typeof({there}) = 'string' THEN {text} END)"),
                format!("coalesce(jsonb_typeof({there}), 'null') = 'null'"),
            )
        } else {
            let unknown = self.cannot();
            (unknown.clone(), unknown)
        };
        Ok(Cell {
            sql,
            kind: ColumnKind::Inside,
            declared: "text".to_owned(),
            bare: false,
            absent: Some(absent),
        })
    }

    fn compare(&mut self, cell: &Cell, op: Comparison, with: &Value, need: Need) -> String {
        let sign = sign(op);
        // What is a text inside JSON compares like one.
        let kind = if cell.kind == ColumnKind::Inside && is_asked_inside(with) {
            ColumnKind::Text
        } else {
            cell.kind
        };
        match kind_of(with) {
            None => UNKNOWN.to_owned(),
            Some(_) if !is_plain(kind) => self.cannot(),
            Some(ColumnKind::Real) if kind == ColumnKind::Int => self.cannot(),
            Some(other) if other != kind => UNKNOWN.to_owned(),
            Some(ColumnKind::Bool) if is_order(op) => UNKNOWN.to_owned(),
            Some(ColumnKind::Text) => {
                let place = self.bind_value(with);
                let exact = format!("{} {sign} {place}", text(cell));
                if need == Need::Truth && op == Comparison::Equal && cell.bare && is_text_type(&cell.declared)
                {
                    // For the index; where a collation takes more for equal, the second half still decides.
                    return format!("({} = {place} AND {exact})", cell.sql);
                }
                format!("({exact})")
            }
            Some(_) => {
                let place = self.bind_value(with);
                format!("({} {sign} {place})", cell.sql)
            }
        }
    }

    fn compare_cells(&mut self, left: &Cell, op: Comparison, right: &Cell) -> String {
        // Of what stands inside JSON each record has its own type, which SQL does not see.
        if !is_plain(left.kind) || !is_plain(right.kind) {
            return self.cannot();
        }
        if left.kind != right.kind || (left.kind == ColumnKind::Bool && is_order(op)) {
            return UNKNOWN.to_owned();
        }
        let sign = sign(op);
        if left.kind == ColumnKind::Text {
            return format!("({} {sign} {})", text(left), text(right));
        }
        format!("({} {sign} {})", left.sql, right.sql)
    }

    fn one_of(&mut self, cell: &Cell, values: &[Value], _: Need) -> String {
        if values.is_empty() {
            return format!("CASE WHEN NOT {} THEN FALSE END", self.is_null(cell));
        }
        let mixed =
            cell.kind == ColumnKind::Int && values.iter().any(|value| matches!(value, Value::Real(_)));
        let inside = cell.kind == ColumnKind::Inside && values.iter().all(is_asked_inside);
        let kind = if inside { ColumnKind::Text } else { cell.kind };
        if !is_plain(kind) || mixed {
            return self.cannot();
        }
        let same: Vec<&Value> = values.iter().filter(|value| kind_of(value) == Some(kind)).collect();
        if same.is_empty() {
            return UNKNOWN.to_owned();
        }
        let cell_sql = if kind == ColumnKind::Text { text(cell) } else { cell.sql.clone() };
        let places: Vec<String> = same.into_iter().map(|value| self.bind_value(value)).collect();
        format!("({cell_sql} IN ({}))", places.join(", "))
    }

    fn text_test(&mut self, cell: &Cell, test: TextTest, needle: &str) -> String {
        match cell.kind {
            ColumnKind::Any => return self.cannot(),
            ColumnKind::Text | ColumnKind::Inside => {}
            _ => return UNKNOWN.to_owned(),
        }
        let place = self.bind_value(&Value::Text(needle.to_owned()));
        let text = text(cell);
        match test {
            TextTest::StartsWith => format!("starts_with({text}, {place})"),
            TextTest::EndsWith => format!("(right({text}, length({place})) = {place})"),
            TextTest::Contains => format!("(strpos({text}, {place}) > 0)"),
        }
    }

    fn event(&mut self, frame: &Frame, name: &str, of: Option<&Cell>) -> Result<String, StoreError> {
        let sql = match of {
            Some(cell) if matches!(cell.kind, ColumnKind::Int | ColumnKind::Text) => cell.sql.clone(),
            None if self.bound_to.key.len() == 1 && self.bound_to.key[0] != KeyType::Bytes => {
                self.column(&frame.own.name, &frame.own.key[0])
            }
            _ => return Ok(self.cannot()),
        };
        let keys: Vec<String> =
            self.events.keys(name).filter(|key| !key.contains('\0')).map(str::to_owned).collect();
        if keys.is_empty() {
            return Ok("FALSE".to_owned());
        }
        let place = self.bind(Bind::Texts(keys));
        Ok(format!("(({sql}::text COLLATE \"C\" = ANY({place})) IS TRUE)"))
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
        Ok(self.in_asked(&column, starts::asked(start, axis, is), need))
    }

    fn done(&mut self, cell: &Cell, method: &Arc<Method>) -> Result<String, StoreError> {
        let null = format!("{} IS NULL", cell.sql);
        Ok(match (&**method, method.leaves(cell.kind)) {
            (Method::Null, _) => format!("({null})"),
            (Method::Flag, Some(Value::Bool(_))) => format!("({} IS TRUE)", cell.sql),
            (Method::Flag, Some(_)) => format!("(({} = 1) IS TRUE)", cell.sql),
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

    fn key_in(&mut self, frame: &Frame, keys: &Arc<HashSet<Key>>, need: Need) -> Result<String, StoreError> {
        let types = &self.bound_to.key;
        let mut columns: Vec<Vec<Bind>> = vec![Vec::new(); types.len()];
        for key in keys.iter() {
            let Ok(parts) = key.parts() else { continue };
            if parts.len() != types.len() {
                continue;
            }
            let bound: Option<Vec<Bind>> =
                types.iter().zip(&parts).map(|(kind, part): (&KeyType, &KeyPart)| kind.bind(part)).collect();
            for (column, part) in columns.iter_mut().zip(bound.into_iter().flatten()) {
                column.push(part);
            }
        }
        if columns.iter().any(Vec::is_empty) {
            return Ok("FALSE".to_owned());
        }
        let arrays: Vec<Bind> = types.iter().zip(columns).map(|(kind, parts)| kind.array(parts)).collect();
        let places: Vec<String> = arrays.into_iter().map(|array| self.bind(array)).collect();
        let names = self.bound_to.key_list();
        let answer = match places.as_slice() {
            [place] => {
                let bare = self.column(&frame.own.name, &frame.own.key[0]);
                let sql = if self.bound_to.key[0] == KeyType::Text {
                    format!("{names} COLLATE \"C\"")
                } else {
                    bare
                };
                format!("({sql} = ANY({place}))")
            }
            _ => format!("(({names}) IN (SELECT * FROM unnest({})))", places.join(", ")),
        };
        Ok(if need == Need::Truth { answer } else { format!("({answer} IS TRUE)") })
    }

    fn reached(&mut self, frame: &Frame, reach: &Reach) -> Result<String, StoreError> {
        let known = self.bound_to.reaching.get(&reach.collection).cloned();
        let table = known.unwrap_or_else(|| quoted(&reach.collection));
        let (ours, by) = (self.column(&frame.own.name, &reach.key), self.column(REACH_ALIAS, &reach.by));
        Ok(format!("EXISTS (SELECT 1 FROM {table} AS {} WHERE {by} = {ours})", quoted(REACH_ALIAS)))
    }

    fn through(&self, frame: &Frame, link: &str, inner: &str) -> Result<String, StoreError> {
        let linked = frame.link(link)?;
        let table = self.bound_to.linked.get(link).cloned().unwrap_or_else(|| quoted(&linked.table.name));
        // Of several rows nobody knows which one is meant.
        let alone = if linked.unique {
            String::new()
        } else {
            format!(
                " AND (SELECT count(*) FROM (SELECT 1 FROM {table} AS {alias} WHERE {key} = {by} LIMIT 2) AS few) = 1",
                alias = quoted(LINK_ALIAS),
                key = self.column(LINK_ALIAS, &linked.key),
                by = self.column(&frame.own.name, &linked.link.by),
            )
        };
        Ok(format!(
            "(SELECT {inner} FROM {table} AS {} WHERE {} = {}{alone})",
            quoted(LINK_ALIAS),
            self.column(LINK_ALIAS, &linked.key),
            self.column(&frame.own.name, &linked.link.by),
        ))
    }
}
