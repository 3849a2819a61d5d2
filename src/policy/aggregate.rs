//! `aggregate` held against the collection as it is, and read back in words.

use super::condition::{Finding, column};
use super::diagnostic::Severity;
use crate::model::aggregate::{Aggregate, Grouping, OTHER};
use crate::model::schema::{Column, ColumnKind, Schema};
use crate::model::value::Field;

/// What the collection's columns do not allow.
pub fn unfit(aggregate: &Aggregate, schema: &Schema) -> Vec<Finding> {
    let mut found = Vec::new();
    for grouping in &aggregate.by {
        match column(&Field::own(grouping.column.as_str()), schema) {
            Ok(column) => found.extend(ungroupable(grouping, &column)),
            Err(finding) => found.push(finding),
        }
    }
    if let Some(sum) = &aggregate.sum {
        match column(&Field::own(sum.column.as_str()), schema) {
            Ok(column) if matches!(column.kind, ColumnKind::Int | ColumnKind::Real) => {}
            Ok(column) => found.push(error(
                format!("`{}` is {}: only numbers have a sum", column.name, column.kind.text()),
                "name a column of numbers as `sum`, or leave it out",
            )),
            Err(finding) => found.push(finding),
        }
    }
    found
}

fn ungroupable(grouping: &Grouping, column: &Column) -> Option<Finding> {
    let (name, kind) = (&column.name, column.kind);
    if let Some(period) = grouping.period {
        if kind.settles_time() || grouping.format.is_some() {
            return None;
        }
        return Some(error(
            format!(
                "`{grouping}`: `{name}` is {}, and its type does not say what day a value means",
                kind.text()
            ),
            format!(
                "group by the field of the start, whose `start.format` says it, or by a column of a type for time; \
                 or group by `{name}` itself, without `{}(..)`",
                period.word()
            ),
        ));
    }
    let help = match kind {
        ColumnKind::Instant => "group by `day(..)`, `month(..)`, `quarter(..)` or `year(..)` of it",
        ColumnKind::Real | ColumnKind::Bytes => "group by a column of texts, whole numbers or days",
        _ => return None,
    };
    Some(error(format!("`{name}` is {}: nearly every record would be a group of its own", kind.text()), help))
}

fn error(message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, message: message.into(), help: Some(help.into()) }
}

/// What is counted, and where, as a clause about the record that goes.
pub fn words(aggregate: &Aggregate) -> String {
    let by: Vec<String> = aggregate.by.iter().map(grouped).collect();
    let by = match by.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => by.concat(),
    };
    let sum =
        aggregate.sum.as_ref().map_or_else(String::new, |sum| format!(" with the sum of `{}`", sum.column));
    let small = if aggregate.hides() {
        format!(" (groups of fewer than {} stand there as `{OTHER}`)", aggregate.min_cell)
    } else {
        String::new()
    };
    format!("counted in `{}` by {by}{sum}{small}", aggregate.into)
}

fn grouped(grouping: &Grouping) -> String {
    match grouping.period {
        None => format!("`{}`", grouping.column),
        Some(period) => format!("the {} of `{}`", period.word(), grouping.column),
    }
}
