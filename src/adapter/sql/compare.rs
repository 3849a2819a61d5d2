//! Comparisons and the kinds of what is compared.

use crate::model::predicate::Comparison;
use crate::model::schema::ColumnKind;
use crate::model::value::Value;

/// A comparison as SQL writes it.
pub(crate) fn sign(op: Comparison) -> &'static str {
    match op {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// Whether it asks which of two comes first.
pub(crate) fn is_order(op: Comparison) -> bool {
    !matches!(op, Comparison::Equal | Comparison::NotEqual)
}

/// The kind of column that a literal compares with; `None` for what compares with nothing.
pub(crate) fn kind_of(value: &Value) -> Option<ColumnKind> {
    Some(match value {
        Value::Null | Value::Other => return None,
        Value::Bool(_) => ColumnKind::Bool,
        Value::Int(_) => ColumnKind::Int,
        Value::Real(_) => ColumnKind::Real,
        Value::Text(_) => ColumnKind::Text,
        Value::Bytes(_) => ColumnKind::Bytes,
        Value::Instant(_) => ColumnKind::Instant,
        Value::Date(_) => ColumnKind::Date,
    })
}
