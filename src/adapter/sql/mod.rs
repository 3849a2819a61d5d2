//! What all SQL stores share: a [`Predicate`](crate::model::predicate::Predicate) becomes SQL with bound parameters
//! and gives the same three-valued answer as in memory.
//!
//! The logic stands here, once. How names are quoted, how a comparison is kept to values of one type, how a start is
//! asked for: those are questions of a dialect.

mod dialect;
mod frame;
mod lower;
pub(crate) mod unfit;

pub(crate) use dialect::{Dialect, Need};
pub(crate) use frame::{Cell, Frame, LinkedTable, Table};
pub(crate) use lower::lower;
