//! The promises of a state store: coarse methods, each one durable transaction that includes its audit entry.

mod approval;
mod event;
mod log;
mod long;
mod planned;
mod trouble;

use std::fmt;
use std::ops::Range;

use chrono::NaiveDate;

pub use approval::{Approval, Cancelled, Curve, Whole};
pub use event::{Earlier, EventRecord, Withdrawn};
pub use log::{Filter, Placed};
pub(crate) use long::named_twice;
pub use long::{Kept, LongList};
pub use planned::{IntentAnswer, News, Planned};
pub use trouble::{StateError, no_manifest};

pub use super::hold::{Ended, Release};
pub use crate::audit::leaf::Leaf;

use super::keeper::LogKeeper;
use super::review::ReviewBook;
use super::unsettled::UnsettledBook;
use crate::audit::entry::{Body, Intent, Outcome, Recovery, RunNote};
use crate::audit::tree::Hash;
use crate::model::hold::Hold;
use crate::model::ids::{BatchId, HoldId, PolicyId, StoreName};
use crate::model::key::Key;
use crate::model::predicate::EventBook;
use crate::time::Instant;

/// Who does something: the operating system's user, kept apart from the log, where only a pseudonym stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub String);

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

impl PauseScope {
    /// The command that ends it.
    pub fn resume(&self) -> String {
        match self {
            Self::All => "forfall resume".to_owned(),
            Self::Policy(policy) => format!("forfall resume --policy {policy}"),
            Self::Store(store) => format!("forfall resume --store {store}"),
        }
    }
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
pub trait StateStore: ReviewBook + UnsettledBook + Send + Sync {
    /// Takes the lease of a policy, or `None` while another process or thread has it. Never waits.
    fn lease(&self, policy: &PolicyId) -> Result<Option<Box<dyn Lease>>, StateError>;

    /// The commitment key of the current epoch; made when first asked for.
    fn epoch_key(&self) -> Result<EpochKey, StateError>;

    /// Keeps the sorted commitments of a batch in a side file, durably; before the batch is committed.
    fn keep_manifest(&self, batch: &BatchId, sorted: &[[u8; 32]]) -> Result<(), StateError>;

    /// The sorted commitments of a batch; `None` if they were never kept or have been erased.
    fn manifest(&self, batch: &BatchId) -> Result<Option<Vec<[u8; 32]>>, StateError>;

    /// Begins the list of a batch of which nobody knows how large it is: it may be any number of records.
    fn long_list<'a>(&'a self, batch: &BatchId) -> Result<Box<dyn LongList + 'a>, StateError>;

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

    /// Takes the newest approval of a policy back; `false` if it is another one by now, or taken back already. None
    /// that was given before it comes into force again.
    fn cancel_approval(
        &self,
        now: Instant,
        by: &Actor,
        approval: &Approval,
        reason: &str,
    ) -> Result<bool, StateError>;

    /// The newest approval of a policy, also one that was taken back.
    fn approval(&self, policy: &PolicyId) -> Result<Option<Approval>, StateError>;

    /// Every policy that was ever approved, in the order of their names.
    fn approved_policies(&self) -> Result<Vec<PolicyId>, StateError>;

    /// Puts a hold in force. When it returns, the hold protects against every batch that has not started.
    fn add_hold(&self, by: &Actor, hold: &Hold) -> Result<(), StateError>;

    /// Releases a hold. Only somebody else than the one who put it in force can, and what it covered is kept for
    /// another day. `told` says that the person concerned was told, which a restriction needs.
    fn release_hold(
        &self,
        now: Instant,
        by: &Actor,
        hold: &HoldId,
        told: bool,
    ) -> Result<Release, StateError>;

    /// Somebody has looked at a hold again and gives the day of the next time. `false` if there is none in force.
    fn review_hold(
        &self,
        now: Instant,
        by: &Actor,
        hold: &HoldId,
        next: NaiveDate,
    ) -> Result<bool, StateError>;

    /// Writes down which holds have ended by themselves, and forgets those that keep nothing any more.
    fn end_holds(&self, now: Instant) -> Result<Ended, StateError>;

    /// The holds that are remembered: those in force, and for a day those that have ended ([`Hold::keeps`]).
    fn holds(&self) -> Result<Vec<Hold>, StateError>;

    /// Records events, all or none; the same name and key again changes its time. What was known of each before; what
    /// is recorded already as it stands is not told again.
    fn add_events(
        &self,
        now: Instant,
        by: &Actor,
        events: &[EventRecord],
    ) -> Result<Vec<Option<Earlier>>, StateError>;

    /// Records one event.
    fn add_event(
        &self,
        now: Instant,
        by: &Actor,
        event: &EventRecord,
    ) -> Result<Option<Earlier>, StateError> {
        Ok(self.add_events(now, by, std::slice::from_ref(event))?.pop().flatten())
    }

    /// Withdraws an event: it counts no longer, and is remembered. `None` if there is none of that name and key.
    fn withdraw_event(
        &self,
        now: Instant,
        by: &Actor,
        name: &str,
        key: &str,
        reason: &str,
    ) -> Result<Option<Earlier>, StateError>;

    /// The withdrawn events of that name, or all of them; the same one again for each time.
    fn withdrawn_events(&self, name: Option<&str>) -> Result<Vec<Withdrawn>, StateError>;

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

    /// Checks the batch against pauses, holds and whatever came since its plan, and writes the intent and its spool,
    /// in one transaction. `of` is the stage as in [`Curve::of`].
    fn record_intent(
        &self,
        now: Instant,
        intent: &Intent,
        of: &str,
        keys: &[Key],
        spool: &[u8],
        planned: &Planned,
    ) -> Result<IntentAnswer, StateError>;

    /// As [`Self::record_intent`], for a batch that is known by its kept list alone, because it has too many records
    /// to name them. A hold that covers one of them is found by the record's commitment; the answer then names no
    /// places.
    fn record_whole(
        &self,
        now: Instant,
        intent: &Intent,
        of: &str,
        spool: &[u8],
        planned: &Planned,
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
