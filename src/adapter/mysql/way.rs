//! Which way a walk goes: along the primary key, or along the index on the start.

use std::sync::Arc;

use super::dialect::{self, Question};
use super::schema::{self, Bound};
use super::session::Session;
use crate::adapter::api::{Scope, StoreError};
use crate::adapter::sql::{links_of, starts};
use crate::model::predicate::Predicate;
use crate::model::schema::{Column, ColumnKind};
use crate::model::start::Start;

/// The index on the start leads to rows that lie anywhere: it is followed for less than this part of them. The server
/// itself would read even more by an index that has all columns.
const WORTH_THE_INDEX: u64 = 5;
/// So many rows are found quickly wherever they lie.
const FEW: u64 = 100;

/// Asks for a line for each table. Left to itself MySQL answers with a tree that is one text.
const EXPLAIN: &str = "EXPLAIN FORMAT = TRADITIONAL";

/// The way in which a walk goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// By the key, as the rows lie.
    Key,
    /// By the index on the start's column.
    Start(String),
}

/// The start's own column, where an index leads to its values.
pub(super) fn indexed<'b>(bound: &'b Bound, start: &Start) -> Option<&'b Column> {
    let (name, _) = starts::axis(start, &bound.frame)?;
    bound.entry.column(name).filter(|column| column.indexed)
}

/// By the start's index where the server itself would answer the question by it, and only for a small part of the rows.
pub(super) fn order(
    session: &Session,
    bound: &Bound,
    start: Option<&Arc<Start>>,
    question: &Question,
) -> Result<Order, StoreError> {
    let Some(column) = start.and_then(|start| indexed(bound, start)) else { return Ok(Order::Key) };
    // The whole rows: an index that has all that is asked for would be read from end to end with pleasure.
    let sql = format!("{EXPLAIN} SELECT {table}.* FROM {table} WHERE {}", question.sql, table = bound.from());
    let rows = session.rows(&sql, &question.bound)?;
    // One line for each table; those of subqueries follow.
    let by_index = rows.iter().find(|row| text(row, "table") == bound.entry.name).is_some_and(|row| {
        let rows = row.get_opt::<Option<u64>, _>("rows").and_then(Result::ok).flatten().unwrap_or(u64::MAX);
        ["range", "ref"].contains(&text(row, "type").as_str())
            && !["", "PRIMARY"].contains(&text(row, "key").as_str())
            && rows < bound.entry.estimate.unwrap_or(0) / WORTH_THE_INDEX + FEW
    });
    Ok(if by_index { Order::Start(bound.column(&column.name)) } else { Order::Key })
}

/// Whether the server would count what the question asks for by an index that begins with that column and has
/// everything in it: then a part of its values is counted without a look at any other.
pub(super) fn covers(
    session: &Session,
    bound: &Bound,
    column: &str,
    question: &Question,
) -> Result<bool, StoreError> {
    let sql = format!("{EXPLAIN} SELECT COUNT(*) FROM {} WHERE {}", bound.from(), question.sql);
    let rows = session.rows(&sql, &question.bound)?;
    // A second line would be another table, or a question inside the question.
    let [row] = rows.as_slice() else { return Ok(false) };
    Ok(text(row, "Extra").split("; ").any(|word| word == "Using index")
        && bound.entry.begins_with(&text(row, "key"), column))
}

fn text(row: &mysql_async::Row, column: &str) -> String {
    row.get_opt::<Option<String>, _>(column).and_then(Result::ok).flatten().unwrap_or_default()
}

/// The way in which a deletion would go, in words.
pub(super) fn route(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
    start: Option<&Arc<Start>>,
    (returning, parallel): (bool, usize),
) -> Result<String, StoreError> {
    let bound = schema::bind(session, &scope.target)?;
    let question = dialect::question(&bound, &scope.events, predicate)?;
    let along = scope.target.with.iter().any(|with| with.store.is_none());
    if question.left.is_some() || !links_of(predicate).is_empty() || along {
        return Ok(
            "in the order of the primary key, each record locked and looked at before it goes".to_owned()
        );
    }
    let by_number = bound.key == [ColumnKind::Int] && bound.frame.own.key == bound.entry.key;
    Ok(match order(session, &bound, start, &question)? {
        Order::Start(column) => format!("by the index on {column}, because little is due"),
        Order::Key if parallel > 1 && by_number && returning && session.is_mariadb => {
            format!("in the order of the primary key, over {parallel} connections")
        }
        Order::Key => "in the order of the primary key".to_owned(),
    })
}
