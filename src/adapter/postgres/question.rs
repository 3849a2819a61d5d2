//! A predicate divided between the server and our own code.
//!
//! What SQL answers exactly stays there. Parts that it cannot answer exactly, such as a start that is spelled in a
//! text, are decided here about the rows that the rest has left.

use super::dialect::Postgres;
use super::rows::Needs;
use super::schema::Bound;
use super::value::Bind;
use crate::adapter::api::StoreError;
use crate::adapter::sql::{Need, lower};
use crate::model::predicate::{EventBook, Predicate};

/// A predicate as a condition in SQL, with what has to be decided afterwards.
#[derive(Debug)]
pub(super) struct Question {
    /// True for every record for which the predicate is true; exactly for those if nothing is left.
    pub(super) sql: String,
    /// What the condition binds, from the first place on.
    pub(super) bound: Vec<Bind>,
    /// What is left to be decided about each row.
    pub(super) left: Option<Predicate>,
}

impl Question {
    /// Divides a predicate.
    pub(super) fn of(bound: &Bound, events: &EventBook, predicate: &Predicate) -> Result<Self, StoreError> {
        let parts = match predicate {
            Predicate::All(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut dialect = Postgres::new(bound, events);
        let (mut sql, mut left) = (Vec::new(), Vec::new());
        for part in parts {
            let before = dialect.bound.len();
            dialect.opaque = false;
            let text = lower(&mut dialect, &bound.frame, part, Need::Truth)?;
            if dialect.opaque {
                dialect.bound.truncate(before);
                left.push(part.clone());
            } else {
                sql.push(text);
            }
        }
        Ok(Self {
            sql: if sql.is_empty() { "TRUE".to_owned() } else { sql.join(" AND ") },
            bound: dialect.bound,
            left: (!left.is_empty()).then_some(Predicate::All(left)),
        })
    }

    /// The fields by which what is left is decided.
    pub(super) fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        if let Some(left) = &self.left {
            needs.add_predicate(left);
        }
        needs
    }
}
