//! The log's own retention. Lists of commitments and the keys that they were made with go first; entries stay long
//! after that, and their digests for ever. Certificates that were issued hold through all of it.

use super::api::{Actor, Filter, StateError, StateStore};
use super::keeper::Epoch;
use crate::audit::entry::Body;
use crate::model::hold::Hold;
use crate::model::ids::StoreName;
use crate::time::{After, Cutoff, Instant, StartValue, Zone, cutoff, due};

/// A hold on this store covers the log itself. No store can have that name.
pub const LOG: &str = "audit-log";

/// How long what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Lists of commitments and their keys: from the end of the year in which their epoch ended.
    pub manifests: After,
    /// The text of entries: from the end of the year in which they were written.
    pub entries: After,
}

impl Default for Retention {
    /// Two years and ten years.
    fn default() -> Self {
        let years = |text: &str| text.parse().expect("it is a period");
        Self { manifests: years("2 years"), entries: years("10 years") }
    }
}

/// The hold that covers the log, if there is one: on the store [`LOG`], or on everything.
pub fn covering(holds: &[Hold]) -> Option<&Hold> {
    holds.iter().find(|hold| {
        let scope = &hold.scope;
        let log = scope.store.as_ref().is_some_and(|store| *store == StoreName::new(LOG));
        let all = scope.policy.is_none() && scope.store.is_none() && scope.collection.is_none();
        scope.key.is_none() && (log || all)
    })
}

/// Refuses while a hold covers the log.
pub fn refuse_if_held(state: &dyn StateStore) -> Result<(), StateError> {
    match covering(&state.holds()?) {
        Some(hold) => Err(StateError::Refused(format!(
            "hold {} ({}) covers the audit log: nothing of it is disposed of until the hold is released",
            hold.id, hold.reason
        ))),
        None => Ok(()),
    }
}

/// The epochs whose key and lists are due, oldest first.
pub fn due_epochs(epochs: &[Epoch], retention: &Retention, zone: Zone, now: Instant) -> Vec<u32> {
    let is_due = |epoch: &&Epoch| {
        let ended = epoch.ended.filter(|_| epoch.destroyed.is_none());
        let due = ended.and_then(|ended| {
            due(StartValue::Instant(ended), retention.manifests, Some(Cutoff::EndOfYear), zone)
        });
        due.is_some_and(|due| due <= now)
    };
    epochs.iter().filter(is_due).map(|epoch| epoch.number).collect()
}

/// The index below which the text of entries is due.
pub fn due_below(
    state: &dyn StateStore,
    retention: &Retention,
    zone: Zone,
    now: Instant,
) -> Result<u64, StateError> {
    let Some(bound) = cutoff(now, retention.entries, Some(Cutoff::EndOfYear), zone).bound() else {
        return Ok(0);
    };
    // Times may run back by minutes from one entry to the next: everything before the first that is not due.
    let first_kept = state.find(&Filter { from: Some(bound), ..Filter::default() }, None, 1)?;
    match first_kept.first() {
        Some(kept) => Ok(kept.index),
        None => Ok(state.log_head()?.0.saturating_sub(1)),
    }
}

/// What the daily upkeep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// A heartbeat was written: nothing else had been for a day.
    pub heartbeat: bool,
    /// The epoch that began with the year.
    pub new_epoch: Option<u32>,
    /// Epochs that were destroyed.
    pub destroyed: Vec<u32>,
    /// Entries that were pruned.
    pub pruned: u64,
    /// Lists of commitments that belonged to no batch.
    pub orphans: u64,
    /// Why something that was due was not done.
    pub refused: Option<String>,
}

/// What has to be done for the log each day: a sign of life, a new epoch with each year, and its own retention.
/// May be called at any time: what was done today is not done again.
pub fn keep(
    state: &dyn StateStore,
    retention: &Retention,
    zone: Zone,
    now: Instant,
) -> Result<Kept, StateError> {
    let by = Actor("forfall".to_owned());
    let mut kept = Kept::default();
    let (_, newest) = state.log_head()?;
    if newest.is_none_or(|newest| now - newest >= chrono::TimeDelta::days(1)) {
        state.append(now, Body::Heartbeat {})?;
        kept.heartbeat = true;
    }
    let Some(keeper) = state.keeper() else { return Ok(kept) };
    let epochs = keeper.epochs()?;
    let year = |at: Instant| chrono::Datelike::year(&zone.local(at));
    if epochs.last().is_some_and(|epoch| year(epoch.began) < year(now)) {
        kept.new_epoch = Some(keeper.rotate_epoch(now, &by)?);
    }
    let epochs = due_epochs(&keeper.epochs()?, retention, zone, now);
    let minimum = due_below(state, retention, zone, now)?;
    if !epochs.is_empty() || minimum > keeper.minimum_index()? {
        match refuse_if_held(state) {
            Err(StateError::Refused(why)) => kept.refused = Some(why),
            Err(error) => return Err(error),
            Ok(()) => {
                for epoch in epochs {
                    keeper.destroy_epoch(now, &by, epoch, false)?;
                    kept.destroyed.push(epoch);
                }
                kept.pruned = keeper.prune_entries(now, &by, minimum)?;
            }
        }
    }
    kept.orphans = keeper.remove_orphans(now)?;
    Ok(kept)
}

#[cfg(test)]
mod tests;
