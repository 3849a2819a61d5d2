//! Lists of commitments that are too long to be held at once.

use super::StateError;
use crate::audit::tree::Hash;

/// A list on its way to the disk, in no order yet. Dropping it forgets what was added.
pub trait LongList: Send {
    /// Adds commitments, in any order.
    fn add(&mut self, part: &[Hash]) -> Result<(), StateError>;

    /// Sorts them and keeps the list of the batch, in a memory that does not grow with it; durable when it returns.
    /// An error if one commitment came twice: an intent names each record once.
    fn keep(self: Box<Self>) -> Result<Kept, StateError>;
}

/// What became of a long list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How many commitments.
    pub count: u64,
    /// The root of the RFC 6962 tree over them.
    pub root: Hash,
}

/// One commitment stands in a list twice.
pub(crate) fn named_twice() -> StateError {
    StateError::Broken {
        what: "the list of commitments of a batch cannot be kept".to_owned(),
        why: "a record of it is named twice".to_owned(),
    }
}
