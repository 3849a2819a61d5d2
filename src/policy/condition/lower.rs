//! From what the CEL parser read to a [`Predicate`]; everything outside the subset is refused with what to write.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators as op};
use chrono::NaiveDate;

use super::{ConditionError, DEEPEST_PATH, Names};
use crate::model::predicate::{Comparison, Operand, Predicate, TextTest};
use crate::model::value::{Field, Value};
use crate::policy::strict::nearest;
use crate::time::{Instant, whole_micros};

const FUNCTIONS: [&str; 5] = ["startsWith", "endsWith", "contains", "timestamp", "event"];

/// What stands at one side of a comparison.
enum Side {
    Field(Field),
    Literal(Value),
    Null,
}

type Lowered<T> = Result<T, ConditionError>;

pub(super) struct Lowering<'a> {
    pub(super) text: &'a str,
    pub(super) names: &'a Names,
    pub(super) places: &'a SourceInfo,
}

impl Lowering<'_> {
    pub(super) fn predicate(&self, node: &IdedExpr) -> Lowered<Predicate> {
        match &node.expr {
            Expr::Call(call) => self.call(node, call),
            Expr::Literal(LiteralValue::Boolean(answer)) => Ok(Predicate::Always(*answer.inner())),
            Expr::Ident(_) | Expr::Select(_) => {
                let field = self.field(node)?;
                let with = Operand::Value(Value::Bool(true));
                Ok(Predicate::Compare { field, op: Comparison::Equal, with })
            }
            Expr::Literal(_) => {
                Err(self.error(node, "a value alone is no condition").with_help("compare a field with it"))
            }
            Expr::Comprehension(_) => Err(self
                .error(node, "`all`, `exists`, `map` and `filter` are no part of conditions")
                .with_help("write `field in [...]`, or one comparison for each value with `||` between")),
            _ => Err(self.error(node, "this is no condition").with_help("compare a field with a value")),
        }
    }

    fn call(&self, node: &IdedExpr, call: &CallExpr) -> Lowered<Predicate> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (op::LOGICAL_AND, None, [one, two]) => Ok(self.predicate(one)?.and(self.predicate(two)?)),
            (op::LOGICAL_OR, None, [one, two]) => Ok(either(self.predicate(one)?, self.predicate(two)?)),
            (op::LOGICAL_NOT, None, [inner]) => Ok(self.predicate(inner)?.negated()),
            (op::IN, None, [field, list]) => self.one_of(field, list),
            (name @ ("startsWith" | "endsWith" | "contains"), Some(target), [needle]) => {
                let test = match name {
                    "startsWith" => TextTest::StartsWith,
                    "endsWith" => TextTest::EndsWith,
                    _ => TextTest::Contains,
                };
                let needle = self.text_literal(needle, "what is looked for is a text in quotation marks")?;
                Ok(Predicate::Text { field: self.field(target)?, test, needle })
            }
            ("event", None, [name]) => Ok(Predicate::Event { name: self.event(name)?, of: None }),
            ("event", None, [name, of]) => {
                Ok(Predicate::Event { name: self.event(name)?, of: Some(self.field(of)?) })
            }
            (name, None, [left, right]) => match comparison(name) {
                Some(comparison) => self.compare(node, left, comparison, right),
                None => Err(self.refused(node, call)),
            },
            _ => Err(self.refused(node, call)),
        }
    }

    fn compare(
        &self,
        node: &IdedExpr,
        left: &IdedExpr,
        op: Comparison,
        right: &IdedExpr,
    ) -> Lowered<Predicate> {
        match (self.side(left)?, self.side(right)?) {
            (Side::Field(field), Side::Null) | (Side::Null, Side::Field(field)) => match op {
                Comparison::Equal => Ok(Predicate::IsNull(field)),
                Comparison::NotEqual => Ok(Predicate::IsNull(field).negated()),
                _ => Err(self
                    .error(node, "nothing is smaller or greater than `null`")
                    .with_help("write `field == null` or `field != null`")),
            },
            (Side::Field(field), Side::Literal(value)) => self.with_literal(node, field, op, value),
            (Side::Literal(value), Side::Field(field)) => self.with_literal(node, field, turned(op), value),
            (Side::Field(field), Side::Field(other)) => {
                Ok(Predicate::Compare { field, op, with: Operand::Field(other) })
            }
            _ => Err(self
                .error(node, "two values are compared, so the answer is the same for every record")
                .with_help("one side must be a field; a text stands in quotation marks, a field does not")),
        }
    }

    fn with_literal(
        &self,
        node: &IdedExpr,
        field: Field,
        op: Comparison,
        value: Value,
    ) -> Lowered<Predicate> {
        let ordered = !matches!(op, Comparison::Equal | Comparison::NotEqual);
        if ordered && matches!(value, Value::Bool(_)) {
            return Err(self
                .error(node, "`true` and `false` have no order")
                .with_help("write `field`, `!field`, `field == true` or `field != true`"));
        }
        Ok(Predicate::Compare { field, op, with: Operand::Value(value) })
    }

    fn side(&self, node: &IdedExpr) -> Lowered<Side> {
        match &node.expr {
            Expr::Literal(LiteralValue::Null) => Ok(Side::Null),
            Expr::Literal(literal) => self.literal(node, literal).map(Side::Literal),
            Expr::Ident(_) | Expr::Select(_) => self.field(node).map(Side::Field),
            Expr::Call(call) if call.func_name == "timestamp" && call.target.is_none() => {
                self.timestamp(node, call).map(Side::Literal)
            }
            Expr::Call(call) if comparison(&call.func_name).is_some() || is_logic(&call.func_name) => {
                Err(self
                    .error(node, "the answer of a comparison is not compared again")
                    .with_help("write `&&`, `||` or `!` between conditions"))
            }
            Expr::Call(call) => Err(self.refused(node, call)),
            Expr::List(_) => Err(self
                .error(node, "a list stands only after `in`")
                .with_help("write `field in ['a', 'b']`")),
            _ => self
                .predicate(node)
                .and_then(|_| Err(self.error(node, "this is neither a field nor a value"))),
        }
    }

    fn literal(&self, node: &IdedExpr, literal: &LiteralValue) -> Lowered<Value> {
        match literal {
            LiteralValue::Boolean(value) => Ok(Value::Bool(*value.inner())),
            LiteralValue::Int(value) => Ok(Value::Int(*value.inner())),
            LiteralValue::Double(value) if value.inner().is_finite() => Ok(Value::Real(*value.inner())),
            LiteralValue::Double(_) => Err(self.error(node, "this number is too large")),
            LiteralValue::String(value) => Ok(Value::Text(value.inner().to_owned())),
            LiteralValue::UInt(value) => {
                let help = format!("write `{}`", value.inner());
                Err(self.error(node, "numbers take no `u` here").with_help(help))
            }
            LiteralValue::Bytes(_) => {
                Err(self.error(node, "bytes are not compared").with_help("write a text without `b`"))
            }
            LiteralValue::Null => Err(self
                .error(node, "`null` is not one of a field's values")
                .with_help("test it apart: `field == null || field in [...]`")),
        }
    }

    fn one_of(&self, field: &IdedExpr, list: &IdedExpr) -> Lowered<Predicate> {
        let Expr::List(items) = &list.expr else {
            return Err(self.error(list, "after `in` comes a list").with_help("write `field in ['a', 'b']`"));
        };
        if !matches!(field.expr, Expr::Ident(_) | Expr::Select(_)) {
            return Err(self
                .error(field, "before `in` comes a field")
                .with_help("write `field in ['a', 'b']`"));
        }
        let mut values: Vec<Value> = Vec::with_capacity(items.elements.len());
        for item in &items.elements {
            let value = match self.side_of_list(item)? {
                Side::Literal(value) => value,
                Side::Field(_) | Side::Null => {
                    return Err(self
                        .error(item, "a list holds values, not fields")
                        .with_help("put texts in quotation marks"));
                }
            };
            if values.first().is_some_and(|first| first.kind() != value.kind()) {
                return Err(self
                    .error(item, "a list holds values of one type")
                    .with_help("take the others apart with `||`"));
            }
            values.push(value);
        }
        if values.is_empty() {
            return Err(self.error(list, "the list is empty, so the answer is the same for every record"));
        }
        Ok(Predicate::OneOf { field: self.field(field)?, values })
    }

    fn side_of_list(&self, item: &IdedExpr) -> Lowered<Side> {
        match &item.expr {
            Expr::Literal(literal) => self.literal(item, literal).map(Side::Literal),
            _ => self.side(item),
        }
    }

    fn timestamp(&self, node: &IdedExpr, call: &CallExpr) -> Lowered<Value> {
        let [argument] = call.args.as_slice() else {
            return Err(self.error(node, "`timestamp` takes one text").with_help(TIMESTAMP));
        };
        let text = self.text_literal(argument, "`timestamp` takes one text in quotation marks")?;
        if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(&text) {
            return Ok(Value::Instant(whole_micros(Instant::from(instant))));
        }
        match NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
            Ok(date) if text.len() == 10 => Ok(Value::Date(date)),
            _ => Err(self.error(argument, "this is no time with its offset from UTC").with_help(TIMESTAMP)),
        }
    }

    fn event(&self, node: &IdedExpr) -> Lowered<String> {
        let name = self.text_literal(node, "an event's name is a text in quotation marks")?;
        if name.trim().is_empty() {
            return Err(self.error(node, "the event's name is blank"));
        }
        Ok(name)
    }

    fn text_literal(&self, node: &IdedExpr, otherwise: &str) -> Lowered<String> {
        match &node.expr {
            Expr::Literal(LiteralValue::String(text)) => Ok(text.inner().to_owned()),
            _ => Err(self.error(node, otherwise)),
        }
    }

    fn field(&self, node: &IdedExpr) -> Lowered<Field> {
        match &node.expr {
            Expr::Ident(word) => match self.names.columns.get(word) {
                Some(column) => Ok(self.mapped(column)),
                None if self.names.links.contains(word) => Err(self
                    .error(node, format!("`{word}` is a link, not a field"))
                    .with_help(format!("write one of its fields: `{word}.FIELD`"))),
                None => Ok(Field::own(word)),
            },
            Expr::Select(SelectExpr { operand, field, test: false }) => match &operand.expr {
                Expr::Ident(link) => self.linked(node, link, field),
                // A path inside JSON: of the record, or of the row that a link leads to.
                Expr::Select(_) => {
                    let outer = self.field(operand)?;
                    if outer.column.matches('.').count() + 1 >= DEEPEST_PATH {
                        return Err(self.error(node, format!("a path has at most {DEEPEST_PATH} names")));
                    }
                    Ok(Field { column: format!("{}.{field}", outer.column), ..outer })
                }
                _ => Err(self.error(node, "a field is written `field`, `link.field` or `column.path`")),
            },
            Expr::Select(SelectExpr { test: true, field, .. }) => Err(self
                .error(node, "`has` is no part of conditions")
                .with_help(format!("write `{field} != null`"))),
            Expr::Call(call) if !FUNCTIONS.contains(&call.func_name.as_str()) => {
                Err(self.refused(node, call))
            }
            _ => Err(self
                .error(node, "a field is expected here")
                .with_help("write its name, without quotation marks")),
        }
    }

    fn linked(&self, node: &IdedExpr, link: &str, column: &str) -> Lowered<Field> {
        if let Some(mapped) = self.names.columns.get(&format!("{link}.{column}")) {
            return Ok(self.mapped(mapped));
        }
        if self.names.links.contains(link) {
            return Ok(Field::linked(link, column));
        }
        if let Some(name) = nearest(link, self.names.links.iter().map(String::as_str)) {
            return Err(self
                .error(node, format!("there is no link `{link}`"))
                .with_help(format!("did you mean `{name}.{column}`?")));
        }
        // What is no link is a column of JSON.
        let outer = self.mapped(self.names.columns.get(link).map_or(link, String::as_str));
        Ok(Field { column: format!("{}.{column}", outer.column), ..outer })
    }

    /// A column as `names` spells it; it may lead through a link.
    fn mapped(&self, column: &str) -> Field {
        match column.split_once('.') {
            Some((link, rest)) if self.names.links.contains(link) => Field::linked(link, rest),
            _ => Field::own(column),
        }
    }

    fn refused(&self, node: &IdedExpr, call: &CallExpr) -> ConditionError {
        let (message, help) = match call.func_name.as_str() {
            op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE => (
                "conditions do not calculate".to_owned(),
                "compare a field with a value, and leave periods to `after`".to_owned(),
            ),
            op::CONDITIONAL => {
                ("`? :` is no part of conditions".to_owned(), "write it with `&&` and `||`".to_owned())
            }
            op::INDEX | op::OPT_INDEX => (
                "`[...]` after a field is no part of conditions".to_owned(),
                "write `field in [...]`".to_owned(),
            ),
            "matches" => (
                "regular expressions are no part of conditions".to_owned(),
                "use `startsWith`, `endsWith` or `contains`".to_owned(),
            ),
            "timestamp" => ("a time alone is no condition".to_owned(), "compare a field with it".to_owned()),
            "event" => (
                "`event` takes the event's name, and a field if its key is not the record's".to_owned(),
                "write `event('handed-over')` or `event('case-closed', case_id)`".to_owned(),
            ),
            "startsWith" | "endsWith" | "contains" => (
                format!("`{}` follows a field and takes one text", call.func_name),
                format!("write `field.{}('...')`", call.func_name),
            ),
            name => (
                format!("there is no function `{name}` in conditions"),
                nearest(name, FUNCTIONS).map_or_else(
                    || "there are `startsWith`, `endsWith`, `contains`, `timestamp` and `event`".to_owned(),
                    |known| format!("did you mean `{known}`?"),
                ),
            ),
        };
        self.error(node, message).with_help(help)
    }

    fn error(&self, node: &IdedExpr, message: impl Into<String>) -> ConditionError {
        ConditionError::new(self.span(node), message)
    }
}

const TIMESTAMP: &str =
    "write `timestamp('2026-01-31T12:00:00+01:00')`, or `timestamp('2026-01-31')` for a column of days";

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        op::EQUALS => Comparison::Equal,
        op::NOT_EQUALS => Comparison::NotEqual,
        op::LESS => Comparison::Less,
        op::LESS_EQUALS => Comparison::LessOrEqual,
        op::GREATER => Comparison::Greater,
        op::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn is_logic(name: &str) -> bool {
    matches!(name, op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT | op::IN)
}

/// The comparison when its sides change places.
fn turned(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same @ (Comparison::Equal | Comparison::NotEqual) => same,
    }
}

/// At least one; flat, as [`Predicate::and`] is.
fn either(one: Predicate, two: Predicate) -> Predicate {
    crate::policy::select::any([one, two])
}
