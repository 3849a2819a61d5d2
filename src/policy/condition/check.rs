//! A condition held against the collection's schema: do the fields exist, do the types fit, can the answer be known.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::model::predicate::{Comparison, Operand, Predicate};
use crate::model::schema::{Column, ColumnKind, Schema};
use crate::model::value::{Field, Value};
use crate::policy::diagnostic::Severity;
use crate::policy::strict::nearest;

/// Something about a condition that only the store's schema shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// All that is wrong with the predicate in this schema: unknown columns, values of another type, times compared with
/// columns that are none, and (as warnings) fields that may be NULL and are not tested for it.
pub fn check(predicate: &Predicate, schema: &Schema) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut missing = BTreeSet::new();
    for field in predicate.fields() {
        if let Err(finding) = column(field, schema)
            && missing.insert(field.clone())
        {
            findings.push(finding);
        }
    }
    predicate.visit(&mut |part| types(part, schema, &mut findings));
    for field in untested_nullable(predicate, schema) {
        findings.push(Finding {
            severity: Severity::Warning,
            message: format!("`{field}` may be empty, and then this condition's answer is unknown"),
            help: Some(format!(
                "such a record is undetermined and kept; if that is not meant, add `{field} != null && ...` or \
                 `{field} == null || ...`"
            )),
        });
    }
    findings
}

/// The fields that are compared although they may be NULL, without any test for it in the condition.
pub fn untested_nullable(predicate: &Predicate, schema: &Schema) -> Vec<Field> {
    let (mut tested, mut compared) = (BTreeSet::new(), Vec::new());
    predicate.visit(&mut |part| match part {
        Predicate::IsNull(field) => {
            tested.insert(field.clone());
        }
        Predicate::Compare { field, with, .. } => {
            compared.push(field.clone());
            if let Operand::Field(other) = with {
                compared.push(other.clone());
            }
        }
        Predicate::OneOf { field, .. } | Predicate::Text { field, .. } => compared.push(field.clone()),
        _ => {}
    });
    let mut seen = BTreeSet::new();
    compared.retain(|field| {
        let nullable = column(field, schema).is_ok_and(|column| column.nullable);
        nullable && !tested.contains(field) && seen.insert(field.clone())
    });
    compared
}

/// The schema's column for a field, or why there is none.
/// A path inside JSON is a column that may be empty and has for each record a type of its own.
pub(crate) fn column<'a>(field: &Field, schema: &'a Schema) -> Result<Cow<'a, Column>, Finding> {
    let (columns, of) = match &field.link {
        None => (schema.columns.as_slice(), format!("`{}`", schema.collection)),
        Some(link) => match schema.linked(link) {
            Some(columns) => (columns, format!("the link `{link}`")),
            None => {
                return Err(error(format!("there is no link `{link}`"), "declare it with `[[data.link]]`"));
            }
        },
    };
    if let Some(column) = columns.iter().find(|column| column.name == field.column) {
        return Ok(Cow::Borrowed(column));
    }
    let inside = field.in_json().and_then(|(name, _)| columns.iter().find(|column| column.name == name));
    match inside {
        Some(column) if column.json => Ok(Cow::Owned(Column {
            name: field.column.clone(),
            kind: ColumnKind::Inside,
            declared: String::new(),
            nullable: true,
            indexed: false,
            unique: false,
            json: false,
        })),
        Some(column) => Err(error(
            format!("`{field}` leads into `{}`, which is {} and no JSON", column.name, column.kind.text()),
            "only columns of JSON (in SQLite: of text) have fields of their own",
        )),
        None => Err({
            let help = match nearest(&field.column, columns.iter().map(|column| column.name.as_str())) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("it has {}", listed(columns)),
            };
            error(format!("{of} has no field `{}`", field.column), help)
        }),
    }
}

fn types(part: &Predicate, schema: &Schema, findings: &mut Vec<Finding>) {
    match part {
        Predicate::Compare { field, op, with: Operand::Value(value) } => {
            let Ok(column) = column(field, schema) else { return };
            findings.extend(mismatch(field, &column, value));
            if is_order(*op)
                && matches!(column.kind, ColumnKind::Text | ColumnKind::Inside)
                && matches!(value, Value::Text(text) if like_a_date(text))
            {
                findings.push(Finding {
                    severity: Severity::Warning,
                    message: format!("`{field}` is text and is compared letter by letter, not as a time"),
                    help: Some(
                        "only texts of one and the same ISO 8601 form are in the order of time".to_owned(),
                    ),
                });
            }
        }
        Predicate::Compare { field, op, with: Operand::Field(other) } => {
            let (Ok(left), Ok(right)) = (column(field, schema), column(other, schema)) else { return };
            let truths = left.kind == ColumnKind::Bool || right.kind == ColumnKind::Bool;
            if truths && is_order(*op) && comparable(left.kind, right.kind) {
                findings.push(error(
                    format!("`{field}` and `{other}` are put in order, and truth values have none"),
                    "write `==` or `!=`",
                ));
            }
            if !comparable(left.kind, right.kind) {
                findings.push(error(
                    format!("`{field}` is {} and `{other}` is {}", left.kind.text(), right.kind.text()),
                    "fields of different types are never equal; compare fields of one type",
                ));
            }
        }
        Predicate::OneOf { field, values } => {
            let Ok(column) = column(field, schema) else { return };
            findings.extend(values.first().and_then(|value| mismatch(field, &column, value)));
        }
        Predicate::Text { field, .. } => {
            let Ok(column) = column(field, schema) else { return };
            if !matches!(column.kind, ColumnKind::Text | ColumnKind::Any | ColumnKind::Inside) {
                findings.push(error(
                    format!("`{field}` is {}, not text", column.kind.text()),
                    "`startsWith`, `endsWith` and `contains` are for text",
                ));
            }
        }
        _ => {}
    }
}

fn mismatch(field: &Field, column: &Column, value: &Value) -> Option<Finding> {
    let kind = column.kind;
    if matches!(value, Value::Instant(_) | Value::Date(_)) && !kind.settles_time() {
        return Some(error(
            format!("`{field}` is {}: its type does not settle what time it means", kind.text()),
            "a condition compares times only with columns of a time type; what depends on age belongs into `start` \
             and `after`",
        ));
    }
    if fits(kind, value) {
        return None;
    }
    let help = match (kind, value) {
        (ColumnKind::Int, Value::Bool(truth)) => format!("write `{field} == {}`", i64::from(*truth)),
        (ColumnKind::Bool, _) => format!("write `{field}` or `!{field}`"),
        (ColumnKind::Instant, Value::Date(_)) => "write the time of day and offset too".to_owned(),
        (ColumnKind::Date, Value::Instant(_)) => "write the day alone: `timestamp('2026-01-31')`".to_owned(),
        (ColumnKind::Instant, _) => "write `timestamp('2026-01-31T12:00:00+01:00')`".to_owned(),
        (ColumnKind::Date, _) => "write `timestamp('2026-01-31')`".to_owned(),
        (ColumnKind::Text, _) => "put the value in quotation marks".to_owned(),
        (ColumnKind::Int | ColumnKind::Real, Value::Text(_)) => {
            "write the value as a number, without quotation marks".to_owned()
        }
        _ => "such a comparison is unknown for every record".to_owned(),
    };
    Some(error(
        format!("`{field}` is {} and is compared with a value of type {}", kind.text(), value.kind()),
        help,
    ))
}

fn fits(kind: ColumnKind, value: &Value) -> bool {
    matches!(
        (kind, value),
        (ColumnKind::Any, _)
            | (ColumnKind::Inside, Value::Text(_) | Value::Int(_) | Value::Real(_) | Value::Bool(_))
            | (ColumnKind::Int | ColumnKind::Real, Value::Int(_) | Value::Real(_))
            | (ColumnKind::Text, Value::Text(_))
            | (ColumnKind::Bool, Value::Bool(_))
            | (ColumnKind::Instant, Value::Instant(_))
            | (ColumnKind::Date, Value::Date(_))
    )
}

fn comparable(left: ColumnKind, right: ColumnKind) -> bool {
    let number = |kind| matches!(kind, ColumnKind::Int | ColumnKind::Real);
    let inside = |one, other| {
        let never = matches!(other, ColumnKind::Instant | ColumnKind::Date | ColumnKind::Bytes);
        one == ColumnKind::Inside && !never
    };
    left == right
        || left == ColumnKind::Any
        || right == ColumnKind::Any
        || (number(left) && number(right))
        || inside(left, right)
        || inside(right, left)
}

fn is_order(op: Comparison) -> bool {
    !matches!(op, Comparison::Equal | Comparison::NotEqual)
}

/// Begins like `2026-01-31`.
fn like_a_date(text: &str) -> bool {
    text.get(..10).is_some_and(|day| day.parse::<chrono::NaiveDate>().is_ok())
}

fn listed(columns: &[Column]) -> String {
    const SHOWN: usize = 12;
    let mut names: Vec<String> =
        columns.iter().take(SHOWN).map(|column| format!("`{}`", column.name)).collect();
    if columns.len() > SHOWN {
        names.push("others".to_owned());
    }
    names.join(", ")
}

fn error(message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, message: message.into(), help: Some(help.into()) }
}
