//! Which way a walk goes: along the pages, or along the index on the start.

use std::sync::Arc;

use super::dialect::{self, Question};
use super::schema::{self, Bound};
use super::session::Session;
use crate::adapter::api::{Scope, StoreError};
use crate::adapter::sql::ahead::WORTH_RANGES;
use crate::adapter::sql::{links_of, starts};
use crate::model::predicate::Predicate;
use crate::model::schema::Column;
use crate::model::start::Start;

/// The way in which a walk goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// By pages, as the rows lie.
    Pages,
    /// By the index on the start's column, whose type is the second.
    Start(String, String),
}

/// The start's own column, where an index leads to its values.
pub(super) fn indexed<'b>(bound: &'b Bound, start: &Start) -> Option<&'b Column> {
    let (name, _) = starts::axis(start, &bound.frame)?;
    bound.entry.column(name).filter(|column| column.indexed)
}

/// The way in which the server itself would find the records of a question.
pub(super) fn order(
    session: &Session,
    bound: &Bound,
    start: Option<&Arc<Start>>,
    question: &Question,
) -> Result<Order, StoreError> {
    let Some(column) = start.and_then(|start| indexed(bound, start)) else { return Ok(Order::Pages) };
    // Whole rows are asked for: the index alone answers what asks for nothing, however much is due.
    let sql = format!("EXPLAIN (FORMAT TEXT) SELECT * FROM {} WHERE {}", bound.from(), question.sql);
    let lines = session.rows(&sql, &question.bound)?;
    let reads_all = lines.iter().any(|line| line.get::<_, String>(0).contains("Seq Scan"));
    Ok(if reads_all {
        Order::Pages
    } else {
        Order::Start(bound.column(&column.name), column.declared.clone())
    })
}

/// The way in which such a walk over so many records would go, in words.
pub(super) fn route(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
    start: Option<&Arc<Start>>,
    (due, parallel): (u64, usize),
) -> Result<String, StoreError> {
    let bound = schema::bind(session, &scope.target)?;
    let question = dialect::question(&bound, &scope.events, predicate)?;
    let links = !links_of(predicate).is_empty();
    if question.left.is_some() || links || scope.target.with.iter().any(|with| with.store.is_none()) {
        return Ok("page by page, each record locked and looked at before it goes".to_owned());
    }
    let order = order(session, &bound, start, &question)?;
    let is_shared = parallel > 1 && due >= WORTH_RANGES as u64;
    Ok(match order {
        _ if scope.target.drop_partitions && bound.entry.partitioned_by.is_some() => {
            "partitions of which everything is due as a whole, the rest in batches".to_owned()
        }
        // Where many have the same start there is only one: to find that out takes as long as a part of the run.
        Order::Start(column, _) if is_shared => {
            format!("by the index on {column}, because little is due, over up to {parallel} connections")
        }
        Order::Start(column, _) => format!("by the index on {column}, because little is due"),
        Order::Pages if bound.entry.partitioned => "page by page, through all partitions at once".to_owned(),
        Order::Pages if is_shared => format!("page by page, over {parallel} connections"),
        Order::Pages => "page by page".to_owned(),
    })
}
