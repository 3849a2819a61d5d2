//! What a state can do with its own log beyond appending: keys that follow one another, and what of the log goes.

use crate::audit::note::Checkpoint;
use crate::state::api::{Actor, StateError};
use crate::time::Instant;

/// A key that signs heads, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKeyInfo {
    /// Its place among the keys, from 1.
    pub number: u64,
    /// The name of the log under it.
    pub origin: String,
    /// Its verifier key.
    pub vkey: String,
    /// Since when it signs.
    pub began: Instant,
    /// Until when it signs beside its successor; `None` while it has none.
    pub retires: Option<Instant>,
}

/// An epoch of the commitment key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u32,
    /// Since when commitments are made with its key.
    pub began: Instant,
    /// When the next one began.
    pub ended: Option<Instant>,
    /// When its destruction was begun: no certificate can be made from it any more.
    pub destroyed: Option<Instant>,
}

/// What was destroyed with an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// How many lists of commitments.
    pub manifests: u64,
}

/// A state that keeps its own log.
pub trait LogKeeper: Send + Sync {
    /// The keys of the log, oldest first.
    fn log_keys(&self) -> Result<Vec<LogKeyInfo>, StateError>;

    /// Gives the log a new key, signed by the old one, which signs beside it until `until`. The new verifier key.
    fn rotate_log_key(&self, now: Instant, by: &Actor, until: Instant) -> Result<String, StateError>;

    /// Goes on under another name after a loss: `lost` is the published head that the entries do not lead to.
    /// Refuses a head that they do lead to. The new verifier key.
    fn continue_log(&self, now: Instant, by: &Actor, lost: &Checkpoint) -> Result<String, StateError>;

    /// The epochs of the commitment key, oldest first.
    fn epochs(&self) -> Result<Vec<Epoch>, StateError>;

    /// Begins a new epoch; its number.
    fn rotate_epoch(&self, now: Instant, by: &Actor) -> Result<u32, StateError>;

    /// Destroys the key of an epoch that has ended, and the lists made with it; an entry stands before and after.
    /// Again after a crash: finishes it. Refused while a batch of it is open.
    fn destroy_epoch(
        &self,
        now: Instant,
        by: &Actor,
        epoch: u32,
        early: bool,
    ) -> Result<Destroyed, StateError>;

    /// Erases the text of every entry below `minimum`; their digests stay. How many that were. An entry stands
    /// before and after. Open batches keep theirs: the minimum is lowered to the oldest of them.
    fn prune_entries(&self, now: Instant, by: &Actor, minimum: u64) -> Result<u64, StateError>;

    /// The lowest index of an entry that still has its text.
    fn minimum_index(&self) -> Result<u64, StateError>;

    /// Removes lists of commitments to which no intent belongs and that are older than a day. How many.
    fn remove_orphans(&self, now: Instant) -> Result<u64, StateError>;

    /// From now on nothing is written by this process: the reason is every answer to an attempt.
    fn refuse_writes(&self, why: &str);

    /// Writes again: the reason is dealt with.
    fn allow_writes(&self);
}
