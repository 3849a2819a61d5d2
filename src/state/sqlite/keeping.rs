//! The log's own keys and what of the log goes. Each change is told before and, where something is destroyed, after.

use std::sync::PoisonError;

use rusqlite::{Connection, params};

use super::failure::{Failure, damaged};
use super::layout::{Layout, new_secret, write_secret};
use super::log::{self, Ledger};
use super::values::{instant, micros, signed, unsigned};
use super::{PATIENCE, SqliteState, batches, people, ring};
use crate::audit::entry::{Body, Genesis};
use crate::audit::note::{Checkpoint, LogKey};
use crate::audit::tree::{Frontier, Hash};
use crate::audit::upkeep::{Continues, Handover, KeyRotation, Prune};
use crate::model::ids::BatchId;
use crate::state::api::{Actor, EpochKey, Filter, StateError, StateStore as _};
use crate::state::keeper::{Destroyed, Epoch, LogKeeper, LogKeyInfo};
use crate::time::Instant;

/// How long a list without an intent may belong to a batch that is just beginning.
const YOUNG: std::time::Duration = std::time::Duration::from_hours(24);

impl SqliteState {
    /// The key of an epoch that was not destroyed.
    pub(super) fn read_epoch(&self, number: u32) -> Result<Option<EpochKey>, StateError> {
        let epochs = self.read(epochs)?;
        let known = epochs.iter().find(|epoch| epoch.number == number);
        if known.is_none_or(|epoch| epoch.destroyed.is_some()) {
            return Ok(None);
        }
        Ok(Some(EpochKey { epoch: number, key: self.layout.read_epoch_key(number)? }))
    }

    /// A new key of the log in its file, not yet in force.
    fn new_log_key(&self, origin: &str) -> Result<(u64, LogKey), StateError> {
        let number = self.ring.lock().unwrap_or_else(PoisonError::into_inner).number() + 1;
        let seed = new_secret()?;
        write_secret(&self.layout.log_key_of(number), &seed)?;
        self.layout.sync()?;
        let key = LogKey::new(origin, &seed).map_err(|error| damaged("the name of the audit log", error))?;
        Ok((number, key))
    }

    fn epoch_of(&self, batch: BatchId) -> Result<Option<u32>, StateError> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT leaf FROM log WHERE batch = ? AND kind = 'intent'")?;
            let mut rows = query.query([batch.to_string()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let leaf: Vec<u8> = row.get(0)?;
            let entry = crate::audit::entry::Entry::parse(&leaf)
                .map_err(|error| damaged(format!("the intent of batch {batch}"), error))?;
            Ok(if let Body::Intent(intent) = entry.body { Some(intent.epoch) } else { None })
        })
    }

    /// The root over the first `size` entries.
    fn root_at(&self, size: u64) -> Result<Hash, StateError> {
        let mut frontier = Frontier::new();
        while frontier.size() < size {
            let want = usize::try_from(size - frontier.size()).unwrap_or(usize::MAX).min(1000);
            let page = self.read(|db| log::tree(db, frontier.size(), want))?;
            if page.is_empty() {
                break;
            }
            for leaf in &page {
                frontier.append(leaf.digest());
            }
        }
        Ok(frontier.root())
    }

    fn prune_note(&self, now: Instant, by: &Actor, prune: &Prune) -> Result<(), StateError> {
        self.write(now, PATIENCE, |ledger| {
            let by = people::pseudonym(ledger.tx, by)?;
            ledger.append(Body::Prune(Prune { by, ..prune.clone() }))?;
            Ok(())
        })
    }
}

impl LogKeeper for SqliteState {
    fn log_keys(&self) -> Result<Vec<LogKeyInfo>, StateError> {
        self.read(ring::list)
    }

    fn rotate_log_key(&self, now: Instant, by: &Actor, until: Instant) -> Result<String, StateError> {
        let origin =
            self.ring.lock().unwrap_or_else(PoisonError::into_inner).newest().verifier().name().to_owned();
        let (number, new) = self.new_log_key(&origin)?;
        let vkey = new.verifier().to_string();
        self.write(now, PATIENCE, |ledger| {
            let handover = Handover::sign(ledger.ring.newest(), &new, until);
            let by = people::pseudonym(ledger.tx, by)?;
            let rotation = KeyRotation { of: "log".to_owned(), by, epoch: None, handover: Some(handover) };
            take_over(ledger, number, &new, Some(until))?;
            // Both keys sign the head over the entry that tells of the handover, and every one until then.
            let ring = ring::Ring::load(ledger.tx, &self.layout)?;
            Ledger { tx: ledger.tx, ring: &ring, now }.append(Body::KeyRotation(rotation))?;
            Ok(())
        })?;
        Ok(vkey)
    }

    fn continue_log(&self, now: Instant, by: &Actor, lost: &Checkpoint) -> Result<String, StateError> {
        let (size, _) = self.log_head()?;
        if lost.size <= size && self.root_at(lost.size)? == lost.root {
            return Err(StateError::Refused(format!(
                "the log leads to the published head over {} entries: nothing is lost, and nothing has to be recovered",
                lost.size
            )));
        }
        let old =
            self.log_keys()?.pop().ok_or_else(|| damaged("the list of the log's keys", "it is empty"))?;
        let first = self.log_keys()?.swap_remove(0).origin;
        let number = old.number + 1;
        let (number, new) = (number, self.new_log_key(&format!("{first}/{number}"))?.1);
        let vkey = new.verifier().to_string();
        self.write(now, PATIENCE, |ledger| {
            let by = people::pseudonym(ledger.tx, by)?;
            let continues = Continues::sign(ledger.ring.newest(), &vkey, lost.size, &lost.root, size, by);
            if log::head(ledger.tx)?.0 != size {
                return Err(damaged("the log", "it grew while it was being recovered: try again").into());
            }
            take_over(ledger, number, &new, Some(now))?;
            let genesis = Genesis {
                origin: new.verifier().name().to_owned(),
                vkey: vkey.clone(),
                continues: Some(continues),
            };
            let ring = ring::Ring::load(ledger.tx, &self.layout)?;
            Ledger { tx: ledger.tx, ring: &ring, now }.append(Body::Genesis(genesis))?;
            Ok(())
        })?;
        Ok(vkey)
    }

    fn epochs(&self) -> Result<Vec<Epoch>, StateError> {
        self.read(epochs)
    }

    fn rotate_epoch(&self, now: Instant, by: &Actor) -> Result<u32, StateError> {
        let newest = self.epoch_key()?.epoch;
        let next = newest + 1;
        if Layout::offered_epoch_key(next).is_none() {
            write_secret(&self.layout.epoch_key(next), &new_secret()?)?;
            self.layout.sync()?;
        }
        self.write(now, PATIENCE, |ledger| {
            if people::meta::<u32>(ledger.tx, "epoch")? != Some(newest) {
                return Err(
                    damaged("the epoch of the commitment key", "another process has just begun one").into()
                );
            }
            let at = micros(now);
            ledger.tx.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", [next])?;
            ledger.tx.execute("UPDATE epoch SET ended = ? WHERE number = ?", params![at, newest])?;
            ledger.tx.execute("INSERT INTO epoch (number, began) VALUES (?, ?)", params![next, at])?;
            let by = people::pseudonym(ledger.tx, by)?;
            let rotation = KeyRotation { of: "epoch".to_owned(), by, epoch: Some(next), handover: None };
            ledger.append(Body::KeyRotation(rotation))?;
            Ok(next)
        })
    }

    fn destroy_epoch(
        &self,
        now: Instant,
        by: &Actor,
        epoch: u32,
        early: bool,
    ) -> Result<Destroyed, StateError> {
        let refused = |why: &str| Err(StateError::Refused(format!("epoch {epoch} is not destroyed: {why}")));
        let known = self.epochs()?;
        let Some(wanted) = known.iter().find(|known| known.number == epoch) else {
            return refused("there is none with that number");
        };
        if wanted.ended.is_none() {
            return refused("it is the one in force; begin another with `audit keys rotate --epoch` first");
        }
        if Layout::offered_epoch_key(epoch).is_some() {
            return refused(&format!(
                "its key comes as the systemd credential forfall-epoch-{epoch}, which this program cannot destroy: \
                 take it out of the unit, destroy it, and order this again"
            ));
        }
        if self.open_intents()?.iter().any(|open| open.intent.epoch == epoch) {
            return refused("a batch of it has no outcome yet; a run resolves it");
        }
        let mut lists = Vec::new();
        for (batch, _) in self.layout.manifests()? {
            if self.epoch_of(batch)? == Some(epoch) {
                lists.push(batch);
            }
        }
        let manifests = lists.len() as u64;
        let note = |phase: &str| Prune {
            what: "epoch".to_owned(),
            phase: phase.to_owned(),
            by: String::new(),
            epoch: Some(epoch),
            manifests: Some(manifests),
            minimum: None,
            early,
        };
        self.prune_note(now, by, &note("begun"))?;
        self.write(now, PATIENCE, |ledger| {
            let mark = "UPDATE epoch SET destroyed = ? WHERE number = ? AND destroyed IS NULL";
            ledger.tx.execute(mark, params![micros(now), epoch])?;
            Ok(())
        })?;
        self.layout.destroy(&self.layout.epoch_key(epoch))?;
        for batch in &lists {
            self.layout.remove_manifest(batch)?;
        }
        self.layout.sync_manifests()?;
        self.prune_note(now, by, &note("done"))?;
        Ok(Destroyed { manifests })
    }

    fn prune_entries(&self, now: Instant, by: &Actor, minimum: u64) -> Result<u64, StateError> {
        let (size, _) = self.log_head()?;
        let oldest = self.open_intents()?.iter().map(|open| open.index).min();
        let minimum = minimum.min(size).min(oldest.unwrap_or(u64::MAX));
        if minimum <= self.minimum_index()? {
            return Ok(0);
        }
        let note = |phase: &str| Prune {
            what: "entries".to_owned(),
            phase: phase.to_owned(),
            by: String::new(),
            epoch: None,
            manifests: None,
            minimum: Some(minimum),
            early: false,
        };
        self.prune_note(now, by, &note("begun"))?;
        let pruned = self.write(now, PATIENCE, |ledger| log::prune(ledger.tx, minimum))?;
        self.prune_note(now, by, &note("done"))?;
        self.settle()?;
        Ok(pruned)
    }

    fn minimum_index(&self) -> Result<u64, StateError> {
        self.read(log::minimum)
    }

    fn remove_orphans(&self, now: Instant) -> Result<u64, StateError> {
        let now = std::time::SystemTime::from(now);
        let mut removed = 0;
        for (batch, written) in self.layout.manifests()? {
            let old = now.duration_since(written).is_ok_and(|age| age > YOUNG);
            if old && self.epoch_of(batch)?.is_none() && !self.is_pruned_or_open(batch)? {
                self.layout.remove_manifest(&batch)?;
                removed += 1;
            }
        }
        if removed > 0 {
            self.layout.sync_manifests()?;
        }
        Ok(removed)
    }

    fn refuse_writes(&self, why: &str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    fn allow_writes(&self) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl SqliteState {
    /// Whether a list without an intent may have had one: entries were pruned since it was made.
    fn is_pruned_or_open(&self, batch: BatchId) -> Result<bool, StateError> {
        if self.read(batches::open)?.iter().any(|open| open.intent.label.batch == batch) {
            return Ok(true);
        }
        let minimum = self.minimum_index()?;
        let first = self.find(&Filter::default(), minimum.checked_sub(1), 1)?;
        let made = chrono::DateTime::from_timestamp_millis(millis(batch));
        Ok(minimum > 0 && first.first().zip(made).is_none_or(|(first, made)| made < first.entry.time))
    }
}

/// The milliseconds since 1970 that a batch's id carries.
fn millis(batch: BatchId) -> i64 {
    batch.as_bytes()[..6].iter().fold(0, |millis, byte| millis << 8 | i64::from(*byte))
}

/// Puts a key in force. `retires`: until when the key before signs beside it.
fn take_over(
    ledger: &Ledger<'_>,
    number: u64,
    new: &LogKey,
    retires: Option<Instant>,
) -> Result<(), Failure> {
    let retire = "UPDATE log_key SET retires = ? WHERE retires IS NULL";
    ledger.tx.execute(retire, params![retires.map(micros)])?;
    let insert = "INSERT INTO log_key (number, origin, vkey, began) VALUES (?, ?, ?, ?)";
    let vkey = new.verifier().to_string();
    ledger.tx.execute(insert, params![signed(number), new.verifier().name(), vkey, micros(ledger.now)])?;
    Ok(())
}

fn epochs(connection: &Connection) -> Result<Vec<Epoch>, Failure> {
    let mut query =
        connection.prepare_cached("SELECT number, began, ended, destroyed FROM epoch ORDER BY number")?;
    let mut rows = query.query(())?;
    let mut epochs = Vec::new();
    while let Some(row) = rows.next()? {
        let time = |at: Option<i64>| at.map(instant).transpose();
        let number = unsigned(row.get(0)?)?;
        epochs.push(Epoch {
            number: u32::try_from(number)
                .map_err(|_| damaged("the list of epochs", "a number is too large"))?,
            began: instant(row.get(1)?)?,
            ended: time(row.get(2)?)?,
            destroyed: time(row.get(3)?)?,
        });
    }
    Ok(epochs)
}
