//! The state in one SQLite file, with keys, lists of commitments and locks beside it. Several processes may use it at
//! once; whatever belongs together is one immediate transaction.

mod batches;
mod events;
mod failure;
mod holds;
mod keeping;
mod layout;
mod log;
mod long_list;
mod no_place;
mod open;
mod outbox;
mod people;
mod policies;
mod reviews;
mod ring;
mod runs;
mod schema;
mod transaction;
mod unsettled;
mod values;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use rusqlite::Connection;

use self::failure::{Failure, damaged};
use self::layout::Layout;
use self::long_list::Gathering;
use self::ring::Ring;
pub use self::schema::APPLICATION_ID;
use super::api::{
    Actor, Approval, Curve, Earlier, Ended, EpochKey, EventRecord, Filter, IntentAnswer, Leaf, Lease,
    LongList, OpenIntent, PastRun, PauseScope, Placed, Planned, Release, SlotState, StateError, StateStore,
    Withdrawn,
};
use super::gate;
use super::keeper::LogKeeper;
use super::notes::Covered;
use crate::audit::commitment::event_commitment;
use crate::audit::entry::{Body, Intent, Outcome, Recovery, RunNote};
use crate::audit::tree::Hash;
use crate::model::hold::Hold;
use crate::model::ids::{BatchId, HoldId, PolicyId};
use crate::model::key::{Key, hex};
use crate::time::Instant;

/// How long an operation waits for another process.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an intent waits: a store's transaction is open meanwhile (DESIGN 6).
const INTENT_PATIENCE: Duration = Duration::from_secs(2);

/// The state in one SQLite file.
#[derive(Debug)]
pub struct SqliteState {
    path: PathBuf,
    layout: Layout,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    ring: Mutex<Ring>,
    refused: Mutex<Option<String>>,
    failed: AtomicBool,
}

/// A locked file.
#[derive(Debug)]
struct FileLease(
    #[expect(dead_code, reason = "it is held, not used: closing it gives the lease back")] fs_err::File,
);

impl Lease for FileLease {}

impl SqliteState {
    /// Opens the state at `path`. Where nothing is, a new state begins: directories, keys and a genesis entry under a
    /// name made at random. A missing state file beside keys of a log is an error, never a new beginning.
    pub fn open(path: &Path, now: Instant) -> Result<Self, StateError> {
        Self::open_as(path, now, None)
    }

    /// The same, with the name that a new log is to have. An existing log keeps its own.
    pub fn open_as(path: &Path, now: Instant, origin: Option<&str>) -> Result<Self, StateError> {
        let parts = open::open(path, now, origin)?;
        Ok(Self {
            path: path.to_owned(),
            layout: parts.layout,
            writer: Mutex::new(parts.writer),
            reader: Mutex::new(parts.reader),
            ring: Mutex::new(parts.ring),
            refused: Mutex::default(),
            failed: AtomicBool::new(false),
        })
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl StateStore for SqliteState {
    fn lease(&self, policy: &PolicyId) -> Result<Option<Box<dyn Lease>>, StateError> {
        let file = self.layout.lock_policy(policy)?;
        Ok(file.map(|file| Box::new(FileLease(file)) as Box<dyn Lease>))
    }

    fn epoch_key(&self) -> Result<EpochKey, StateError> {
        let epoch = self.read(|db| people::meta(db, "epoch"))?;
        let epoch = epoch.ok_or_else(|| damaged("the epoch of the commitment key", "it is missing"))?;
        Ok(EpochKey { epoch, key: self.layout.read_epoch_key(epoch)? })
    }

    fn epoch_key_of(&self, epoch: u32) -> Result<Option<EpochKey>, StateError> {
        self.read_epoch(epoch)
    }

    fn keeper(&self) -> Option<&dyn LogKeeper> {
        Some(self)
    }

    fn drop_manifest(&self, batch: &BatchId) -> Result<(), StateError> {
        self.layout.remove_manifest(batch)
    }

    fn place_of(&self, batch: &BatchId, range: Range<u64>, wanted: &Hash) -> Result<Option<u64>, StateError> {
        self.layout.place_of(batch, range, wanted)
    }

    fn tree(&self, from: u64, limit: usize) -> Result<Vec<Leaf>, StateError> {
        self.read(|db| log::tree(db, from, limit))
    }

    fn keep_manifest(&self, batch: &BatchId, sorted: &[[u8; 32]]) -> Result<(), StateError> {
        self.layout.write_manifest(batch, sorted)
    }

    fn long_list<'a>(&'a self, batch: &BatchId) -> Result<Box<dyn LongList + 'a>, StateError> {
        Ok(Box::new(Gathering::begin(&self.layout, *batch)))
    }

    fn manifest(&self, batch: &BatchId) -> Result<Option<Vec<[u8; 32]>>, StateError> {
        self.layout.read_manifest(batch)
    }

    fn actor(&self, pseudonym: &str) -> Result<Option<Actor>, StateError> {
        self.read(|db| people::name(db, pseudonym))
    }

    fn verifier_key(&self) -> Result<String, StateError> {
        self.read(ring::newest_vkey)
    }

    fn append(&self, now: Instant, body: Body) -> Result<u64, StateError> {
        self.write(now, PATIENCE, |ledger| ledger.append(body))
    }

    fn log_head(&self) -> Result<(u64, Option<Instant>), StateError> {
        self.read(log::head)
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<Placed>, StateError> {
        self.read(|db| log::find(db, &Filter::default(), from.checked_sub(1), limit))
    }

    fn find(&self, filter: &Filter, after: Option<u64>, limit: usize) -> Result<Vec<Placed>, StateError> {
        self.read(|db| log::find(db, filter, after, limit))
    }

    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, StateError> {
        self.read(|db| log::leaves(db, from, limit))
    }

    fn checkpoint(&self, _now: Instant) -> Result<String, StateError> {
        // Each append signs its head in its own transaction, so that the newest head never vouches for more than
        // was appended.
        self.last_checkpoint()?.ok_or_else(|| damaged("the signed head of the log", "it is missing"))
    }

    fn last_checkpoint(&self) -> Result<Option<String>, StateError> {
        self.read(log::note)
    }

    fn see_policy(&self, now: Instant, policy: &PolicyId, hash: &str, text: &str) -> Result<(), StateError> {
        self.write(now, PATIENCE, |ledger| policies::see(ledger, policy, hash, text))
    }

    fn policy_text(&self, hash: &str) -> Result<Option<String>, StateError> {
        self.read(|db| policies::text(db, hash))
    }

    fn approve(&self, now: Instant, by: &Actor, approval: &Approval) -> Result<(), StateError> {
        self.write(now, PATIENCE, |ledger| policies::approve(ledger, by, approval))
    }

    fn cancel_approval(
        &self,
        now: Instant,
        by: &Actor,
        approval: &Approval,
        reason: &str,
    ) -> Result<bool, StateError> {
        self.write(now, PATIENCE, |ledger| policies::cancel(ledger, now, by, approval, reason))
    }

    fn approval(&self, policy: &PolicyId) -> Result<Option<Approval>, StateError> {
        self.read(|db| policies::approval(db, policy))
    }

    fn approved_policies(&self) -> Result<Vec<PolicyId>, StateError> {
        self.read(policies::approved)
    }

    fn add_hold(&self, by: &Actor, hold: &Hold) -> Result<(), StateError> {
        let covered = Covered::of(hold, &self.epoch_key()?.key);
        self.write(hold.since, PATIENCE, |ledger| holds::add(ledger, by, hold, covered))
    }

    fn release_hold(
        &self,
        now: Instant,
        by: &Actor,
        hold: &HoldId,
        told: bool,
    ) -> Result<Release, StateError> {
        self.write(now, PATIENCE, |ledger| holds::release(ledger, now, by, hold, told))
    }

    fn review_hold(
        &self,
        now: Instant,
        by: &Actor,
        hold: &HoldId,
        next: NaiveDate,
    ) -> Result<bool, StateError> {
        self.write(now, PATIENCE, |ledger| holds::review(ledger, now, by, hold, next))
    }

    fn end_holds(&self, now: Instant) -> Result<Ended, StateError> {
        // Mostly nothing ends, and then nothing is written.
        if !holds::any_ends(&self.holds()?, now) {
            return Ok(Ended::default());
        }
        self.write(now, PATIENCE, |ledger| holds::end(ledger, now))
    }

    fn holds(&self) -> Result<Vec<Hold>, StateError> {
        self.read(holds::list)
    }

    fn add_events(
        &self,
        now: Instant,
        by: &Actor,
        events: &[EventRecord],
    ) -> Result<Vec<Option<Earlier>>, StateError> {
        let secret = self.epoch_key()?.key;
        let commit = |name: &str, key: &str| hex(&event_commitment(&secret, name, key));
        self.write(now, PATIENCE, |ledger| events::add(ledger, by, events, &commit))
    }

    fn withdraw_event(
        &self,
        now: Instant,
        by: &Actor,
        name: &str,
        key: &str,
        reason: &str,
    ) -> Result<Option<Earlier>, StateError> {
        let commitment = hex(&event_commitment(&self.epoch_key()?.key, name, key));
        self.write(now, PATIENCE, |ledger| events::withdraw(ledger, by, name, key, reason, commitment))
    }

    fn withdrawn_events(&self, name: Option<&str>) -> Result<Vec<Withdrawn>, StateError> {
        self.read(|db| events::withdrawn(db, name))
    }

    fn list_events(&self, name: Option<&str>) -> Result<Vec<EventRecord>, StateError> {
        self.read(|db| events::list(db, name))
    }

    fn pause(&self, now: Instant, by: &Actor, scope: &PauseScope) -> Result<(), StateError> {
        self.write(now, PATIENCE, |ledger| events::pause(ledger, by, scope))
    }

    fn resume(&self, now: Instant, by: &Actor, scope: &PauseScope) -> Result<bool, StateError> {
        self.write(now, PATIENCE, |ledger| events::resume(ledger, by, scope))
    }

    fn pauses(&self) -> Result<Vec<PauseScope>, StateError> {
        self.read(events::pauses)
    }

    fn begin_run(&self, now: Instant, note: &RunNote) -> Result<(), StateError> {
        self.write(now, PATIENCE, |ledger| runs::begin(ledger, note))
    }

    fn finish_run(&self, now: Instant, note: &RunNote, curves: Option<&[Curve]>) -> Result<(), StateError> {
        self.write(now, PATIENCE, |ledger| runs::finish(ledger, note, curves))
    }

    fn runs(&self, policy: &PolicyId, limit: usize) -> Result<Vec<PastRun>, StateError> {
        self.read(|db| runs::list(db, policy, limit))
    }

    fn curves(&self, policy: &PolicyId) -> Result<Vec<Curve>, StateError> {
        self.read(|db| runs::curves(db, policy))
    }

    fn done_since(&self, policy: &PolicyId, of: &str, since: Instant) -> Result<u64, StateError> {
        self.read(|db| runs::done_since(db, policy, of, since))
    }

    fn record_intent(
        &self,
        now: Instant,
        intent: &Intent,
        of: &str,
        keys: &[Key],
        spool: &[u8],
        planned: &Planned,
    ) -> Result<IntentAnswer, StateError> {
        gate::check_intent(intent, keys)?;
        let asking = gate::Asking { now, intent, of, planned };
        self.write(now, INTENT_PATIENCE, |ledger| batches::begin(ledger, &asking, keys, spool))
    }

    fn record_whole(
        &self,
        now: Instant,
        intent: &Intent,
        of: &str,
        spool: &[u8],
        planned: &Planned,
    ) -> Result<IntentAnswer, StateError> {
        let secret = self.epoch_key_of(intent.epoch)?;
        let names = gate::names(intent, secret.as_ref(), |wanted| {
            self.layout.place_of(&intent.label.batch, 0..intent.count, wanted)
        });
        let asking = gate::Asking { now, intent, of, planned };
        self.write(now, INTENT_PATIENCE, |ledger| batches::begin_whole(ledger, &asking, spool, names))
    }

    fn record_outcome(
        &self,
        now: Instant,
        recovery: Option<&Recovery>,
        outcome: &Outcome,
    ) -> Result<(), StateError> {
        self.write(now, PATIENCE, |ledger| batches::end(ledger, recovery, outcome))
    }

    fn open_intents(&self) -> Result<Vec<OpenIntent>, StateError> {
        self.read(batches::open)
    }

    fn slot(&self, policy: &PolicyId) -> Result<Option<SlotState>, StateError> {
        self.read(|db| runs::slot(db, policy))
    }

    fn record_slot(&self, policy: &PolicyId, last: Instant) -> Result<(), StateError> {
        self.write(last, PATIENCE, |ledger| runs::record_slot(ledger.tx, policy, last))
    }

    fn settle(&self) -> Result<(), StateError> {
        let connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let busy: Result<bool, rusqlite::Error> = connection
            .busy_timeout(PATIENCE)
            .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0)));
        match busy {
            Ok(false) => Ok(()),
            Ok(true) => Err(StateError::Broken {
                what: format!("what was erased is still in the write-ahead log of {}", self.path.display()),
                why: "another process has been reading for too long; the next run tries again".to_owned(),
            }),
            Err(error) => Err(Failure::from(error).during("empty its write-ahead log", &self.path)),
        }
    }
}

#[cfg(test)]
mod tests;
