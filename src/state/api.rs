//! The promises of a state store: coarse methods, each one durable transaction that includes its audit entry.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::keeper::LogKeeper;
use crate::audit::entry::{Body, Entry, Intent, Outcome, Recovery, RunNote};
use crate::audit::tree::{Hash, leaf_hash};
use crate::model::hold::Hold;
use crate::model::ids::{BatchId, HoldId, PolicyId, RunId, StoreName};
use crate::model::key::Key;
use crate::model::predicate::EventBook;
use crate::model::schema::Identity;
use crate::time::Instant;

/// A leaf of the log's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// The bytes of an entry.
    Entry(Vec<u8>),
    /// The digest that stands for an entry whose text was pruned.
    Pruned(Hash),
}

impl Leaf {
    /// Its digest.
    pub fn digest(&self) -> Hash {
        match self {
            Self::Entry(bytes) => leaf_hash(bytes),
            Self::Pruned(digest) => *digest,
        }
    }
}

/// An entry with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its index, from 0.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
}

/// Who does something: the operating system's user, kept apart from the log, where only a pseudonym stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub String);

/// What an approval is bound to, and what it lets happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The policy.
    pub policy: PolicyId,
    /// SHA-256 of its text.
    pub hash: String,
    /// The text that was approved: a later text is compared with it to tell a dangerous edit from a harmless one.
    pub text: String,
    /// What its due dates rest on beside the text (`Policy::footing`).
    #[serde(default)]
    pub footing: String,
    /// When.
    pub at: Instant,
    /// How many records were due.
    pub count: u64,
    /// The identity of each store.
    pub identities: Vec<(StoreName, Identity)>,
    /// The fingerprint of each `[[data]]`'s schema, in order.
    pub fingerprints: Vec<String>,
    /// The forecast made at that moment.
    pub curves: Vec<Curve>,
}

/// The forecast for one data binding, class and stage: how many unheld records will be due at each instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// `data/class/stage`, such as `0/-/2`.
    pub of: String,
    /// When it was made.
    pub made: Instant,
    /// All records of the collection that this stage could ever act on, as far as counted.
    pub remaining: u64,
    /// Cumulative counts at rising instants.
    pub points: Vec<(Instant, u64)>,
}

/// A run that has ended, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// Its last note.
    pub note: RunNote,
    /// When it began.
    pub began: Instant,
    /// When it ended; `None` while it runs or if the process died.
    pub ended: Option<Instant>,
}

/// The place of a policy in its schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// The newest slot that was dealt with: run, merged into a later one, or skipped for a reason.
    pub last: Instant,
}

/// What a pause covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseScope {
    /// Everything.
    All,
    /// One policy.
    Policy(PolicyId),
    /// One store.
    Store(StoreName),
}

impl fmt::Display for PauseScope {
    /// `all`, `policy NAME` or `store NAME`: how the log and the command line spell it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Policy(policy) => write!(f, "policy {policy}"),
            Self::Store(store) => write!(f, "store {store}"),
        }
    }
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

/// A recorded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// When it happened.
    pub at: Instant,
}

/// The answer to an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentAnswer {
    /// It is durable, at this index: the batch may be committed.
    Written(u64),
    /// These places of the batch are held: abort, leave them out, prepare again.
    Held(Vec<usize>),
    /// Somebody paused this work: abort and stop.
    Paused(PauseScope),
}

/// An intent without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// Its index in the log.
    pub index: u64,
    /// The intent.
    pub intent: Intent,
    /// What the adapter needs to find out.
    pub spool: Vec<u8>,
}

/// The key under which commitments are made now.
#[derive(Clone)]
pub struct EpochKey {
    /// The epoch's number.
    pub epoch: u32,
    /// The secret.
    pub key: zeroize::Zeroizing<[u8; 32]>,
}

/// A lease: while it lives, no other process runs the policy. The kernel releases it when the process dies.
pub trait Lease: Send + fmt::Debug {}

/// What the program remembers.
pub trait StateStore: Send + Sync {
    /// Takes the lease of a policy, or `None` while another process or thread has it. Never waits.
    fn lease(&self, policy: &PolicyId) -> Result<Option<Box<dyn Lease>>, StateError>;

    /// The commitment key of the current epoch; made when first asked for.
    fn epoch_key(&self) -> Result<EpochKey, StateError>;

    /// Keeps the sorted commitments of a batch in a side file, durably; before the batch is committed.
    fn keep_manifest(&self, batch: &BatchId, sorted: &[[u8; 32]]) -> Result<(), StateError>;

    /// The sorted commitments of a batch; `None` if they were never kept or have been erased.
    fn manifest(&self, batch: &BatchId) -> Result<Option<Vec<[u8; 32]>>, StateError>;

    /// Forgets the list again: the batch did not begin.
    fn drop_manifest(&self, batch: &BatchId) -> Result<(), StateError>;

    /// The place of a commitment among those of a batch in `range`, counted from its start; `None` if it is not
    /// among them. An error says why the list cannot be searched: it is damaged, or not there any more.
    fn place_of(&self, batch: &BatchId, range: Range<u64>, wanted: &Hash) -> Result<Option<u64>, StateError> {
        let Some(all) = self.manifest(batch)? else { return Err(no_manifest(batch)) };
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(all.len());
        let part = &all[at(range.start)..at(range.end)];
        Ok(part.binary_search(wanted).ok().map(|place| place as u64))
    }

    /// The commitment key of an epoch; `None` if it was destroyed.
    fn epoch_key_of(&self, epoch: u32) -> Result<Option<EpochKey>, StateError> {
        let newest = self.epoch_key()?;
        Ok((newest.epoch == epoch).then_some(newest))
    }

    /// What else this state can do with its log.
    fn keeper(&self) -> Option<&dyn LogKeeper> {
        None
    }

    /// The name behind a pseudonym of the log, while it is known.
    fn actor(&self, pseudonym: &str) -> Result<Option<Actor>, StateError>;

    /// The audit log's verifier key in C2SP form.
    fn verifier_key(&self) -> Result<String, StateError>;

    /// Appends an entry that belongs to no other change.
    fn append(&self, now: Instant, body: Body) -> Result<u64, StateError>;

    /// How many entries the log has, and when the newest was written.
    fn log_head(&self) -> Result<(u64, Option<Instant>), StateError>;

    /// Entries from an index on, at most `limit`, in order.
    fn entries(&self, from: u64, limit: usize) -> Result<Vec<Placed>, StateError>;

    /// Entries that match the filter, at most `limit`. `after` is the last index of the page before: later entries
    /// follow it, or earlier ones where the filter asks for the newest first.
    fn find(&self, filter: &Filter, after: Option<u64>, limit: usize) -> Result<Vec<Placed>, StateError>;

    /// The leaf bytes from an index on, at most `limit`; those of pruned entries are left out.
    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, StateError>;

    /// The leaves of the tree from an index on, at most `limit`, those too whose text was pruned.
    fn tree(&self, from: u64, limit: usize) -> Result<Vec<Leaf>, StateError> {
        Ok(self.leaves(from, limit)?.into_iter().map(Leaf::Entry).collect())
    }

    /// The newest signed checkpoint; signs one first if the log grew since.
    fn checkpoint(&self, now: Instant) -> Result<String, StateError>;

    /// The newest checkpoint as it stands, unsigned growth or not; `None` for a new log.
    fn last_checkpoint(&self) -> Result<Option<String>, StateError>;

    /// Remembers a policy's text by its hash, with an entry when the text is new.
    fn see_policy(&self, now: Instant, policy: &PolicyId, hash: &str, text: &str) -> Result<(), StateError>;

    /// The text with that hash.
    fn policy_text(&self, hash: &str) -> Result<Option<String>, StateError>;

    /// Records an approval.
    fn approve(&self, now: Instant, by: &Actor, approval: &Approval) -> Result<(), StateError>;

    /// The newest approval of a policy.
    fn approval(&self, policy: &PolicyId) -> Result<Option<Approval>, StateError>;

    /// Every policy that was ever approved, in the order of their names.
    fn approved_policies(&self) -> Result<Vec<PolicyId>, StateError>;

    /// Puts a hold in force. When it returns, the hold protects against every batch that has not started.
    fn add_hold(&self, by: &Actor, hold: &Hold) -> Result<(), StateError>;

    /// Releases a hold; `false` if there is none with that id.
    fn release_hold(&self, now: Instant, by: &Actor, hold: &HoldId) -> Result<bool, StateError>;

    /// The holds in force.
    fn holds(&self) -> Result<Vec<Hold>, StateError>;

    /// Records an event; the same name and key again changes its time.
    fn add_event(&self, now: Instant, by: &Actor, event: &EventRecord) -> Result<(), StateError>;

    /// The events of that name, or all of them.
    fn list_events(&self, name: Option<&str>) -> Result<Vec<EventRecord>, StateError>;

    /// The events as predicates and starts ask for them.
    fn events(&self) -> Result<EventBook, StateError> {
        let mut book = EventBook::default();
        for event in self.list_events(None)? {
            book.record(event.name, event.key, event.at);
        }
        Ok(book)
    }

    /// Pauses. When it returns, no batch of that scope starts any more.
    fn pause(&self, now: Instant, by: &Actor, scope: &PauseScope) -> Result<(), StateError>;

    /// Resumes; `false` if that scope was not paused.
    fn resume(&self, now: Instant, by: &Actor, scope: &PauseScope) -> Result<bool, StateError>;

    /// What is paused.
    fn pauses(&self) -> Result<Vec<PauseScope>, StateError>;

    /// Records that a run began.
    fn begin_run(&self, now: Instant, note: &RunNote) -> Result<(), StateError>;

    /// Records how it ended, with the forecast made at its end (`None` keeps the one before).
    fn finish_run(&self, now: Instant, note: &RunNote, curves: Option<&[Curve]>) -> Result<(), StateError>;

    /// The newest runs of a policy, newest first.
    fn runs(&self, policy: &PolicyId, limit: usize) -> Result<Vec<PastRun>, StateError>;

    /// The newest forecast of a policy: of its approval or its last run, whichever is later.
    fn curves(&self, policy: &PolicyId) -> Result<Vec<Curve>, StateError>;

    /// Records done by a stage (`Curve::of`) since an instant.
    fn done_since(&self, policy: &PolicyId, of: &str, since: Instant) -> Result<u64, StateError>;

    /// Checks the keys against holds and pauses, and writes the intent and its spool, in one transaction.
    /// `of` is the stage as in [`Curve::of`].
    fn record_intent(
        &self,
        now: Instant,
        intent: &Intent,
        of: &str,
        keys: &[Key],
        spool: &[u8],
    ) -> Result<IntentAnswer, StateError>;

    /// Writes the outcome, erases the spool, and writes the recovery note before it if there is one.
    fn record_outcome(
        &self,
        now: Instant,
        recovery: Option<&Recovery>,
        outcome: &Outcome,
    ) -> Result<(), StateError>;

    /// Intents without an outcome, oldest first.
    fn open_intents(&self) -> Result<Vec<OpenIntent>, StateError>;

    /// Where the policy stands in its schedule.
    fn slot(&self, policy: &PolicyId) -> Result<Option<SlotState>, StateError>;

    /// Marks every slot up to `last` as dealt with.
    fn record_slot(&self, policy: &PolicyId, last: Instant) -> Result<(), StateError>;

    /// Called at the end of a run: what was erased is erased from write-ahead logs too.
    fn settle(&self) -> Result<(), StateError>;
}

/// The list of a batch that should be there is not.
pub fn no_manifest(batch: &BatchId) -> StateError {
    StateError::Damaged {
        what: format!("the list of commitments of batch {batch}"),
        why: "it is not there".to_owned(),
    }
}

/// Something that the state store could not do.
#[derive(Debug, Error)]
pub enum StateError {
    /// The file is from a newer version of the program.
    #[error(
        "the state file {path} has version {found}, and this program knows versions up to {known}. \
         Install the newer forfall again, or restore the state file from before it ran"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: i64,
        /// The newest version that we know.
        known: i64,
    },
    /// The state file is gone or empty while the keys of its log are still there.
    #[error(
        "the state file {path} is missing or empty, but {key} belongs to an audit log that began before: approvals, \
         holds and the log are lost. Restore the state file from its backup. To begin a new log on purpose, move the \
         directories keys and manifests beside it elsewhere first; every policy has to be approved again then"
    )]
    Lost {
        /// Where the state file should be.
        path: String,
        /// The key that shows that there was one.
        key: String,
    },
    /// It cannot be opened, read or written.
    #[error("{what}: {why}. Nothing is deleted until the state can be written again")]
    Broken {
        /// What failed, with the path.
        what: String,
        /// Why.
        why: String,
    },
    /// A stored text or blob does not have the form that it was written in.
    #[error(
        "{what} in the state store is damaged: {why}. Restore it from a backup, or ask `audit verify` what is left"
    )]
    Damaged {
        /// What.
        what: String,
        /// How.
        why: String,
    },
    /// Nothing is written, for a reason that only a person can deal with.
    #[error("{0}")]
    Refused(String),
    /// The intent has an outcome already, or never was.
    #[error("batch {batch} has no open intent")]
    NoOpenIntent {
        /// The batch.
        batch: String,
    },
}
