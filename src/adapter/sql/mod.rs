//! What all SQL stores share: a [`Predicate`](crate::model::predicate::Predicate) becomes SQL with bound parameters
//! and gives the same three-valued answer as in memory.
//!
//! The logic stands here, once. How names are quoted, how a comparison is kept to values of one type, how a start is
//! asked for: those are questions of a dialect. So do the parts of which every server needs the same: what a foreign
//! key means, which ranges a start is asked in, what is read of a row.

pub(crate) mod ahead;
pub(crate) mod company;
mod compare;
pub(crate) mod counts;
pub(crate) mod curve;
mod dialect;
pub(crate) mod effects;
mod fingerprint;
mod frame;
mod key;
mod limits;
mod lower;
mod question;
pub(crate) mod receiver;
mod record;
pub(crate) mod rehearsal;
pub(crate) mod seen;
pub(crate) mod starts;
mod trust;
pub(crate) mod unfit;
mod work;

pub(crate) use compare::{is_order, kind_of, sign};
pub(crate) use dialect::{Dialect, LINK_ALIAS, Need};
pub(crate) use fingerprint::fingerprint;
pub(crate) use frame::{Cell, Frame, LinkedTable, Stands, Table};
pub(crate) use key::Keys;
pub(crate) use limits::Limits;
pub(crate) use lower::lower;
pub(crate) use question::{Partial, Question, links_of};
pub(crate) use record::{Needs, Record, Shape};
pub(crate) use trust::trusted;
pub(crate) use work::{How, Work};
