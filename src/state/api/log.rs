//! The log as it is read: leaves, entries with their places, and questions for some of them.

use crate::audit::entry::Entry;
use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
use crate::time::Instant;

/// An entry with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its index, from 0.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
}

/// Which entries of the log are asked for: those that match all the parts that are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The word under `kind`.
    pub kind: Option<String>,
    /// Entries about this policy, with the outcomes and recoveries of its batches.
    pub policy: Option<PolicyId>,
    /// Entries about this batch.
    pub batch: Option<BatchId>,
    /// Entries of this run, with the outcomes and recoveries of its batches.
    pub run: Option<RunId>,
    /// Entries that name this store, with the outcomes and recoveries of its batches.
    pub store: Option<StoreName>,
    /// Written at or after this.
    pub from: Option<Instant>,
    /// Written before this.
    pub to: Option<Instant>,
    /// From the newest backwards.
    pub newest_first: bool,
}
