//! The state in memory: for tests and simulations. It keeps every promise but the one of being there tomorrow, and its
//! keys are no secret.

mod events;
mod holds;
mod lease;
mod long_list;
mod outbox;
mod remembered;
mod reviews;
mod runs;
mod unsettled;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;

use self::lease::MemoryLease;
use self::long_list::Gathering;
use self::remembered::{Done, Remembered, SECRET};
use super::api::{
    Actor, Approval, Cancelled, Curve, Earlier, Ended, EpochKey, EventRecord, Filter, IntentAnswer, Lease,
    LongList, OpenIntent, PastRun, PauseScope, Placed, Planned, Release, SlotState, StateError, StateStore,
    Withdrawn,
};
use super::{gate, notes};
use crate::audit::entry::{Body, Entry, Genesis, Intent, Outcome, PolicySeen, Recovery, RunNote};
use crate::audit::note::LogKey;
use crate::audit::tree::Hash;
use crate::model::hold::Hold;
use crate::model::ids::{BatchId, HoldId, PolicyId};
use crate::model::key::Key;
use crate::time::Instant;

const ORIGIN: &str = "forfall/memory";

/// The state in memory.
#[derive(Debug)]
pub struct MemoryState {
    inner: Mutex<Remembered>,
    leases: Arc<Mutex<HashSet<PolicyId>>>,
    desk: Mutex<outbox::Desk>,
    key: LogKey,
}

impl MemoryState {
    /// A new state with a genesis entry.
    pub fn new(now: Instant) -> Self {
        let key = LogKey::new(ORIGIN, &SECRET).expect("the name has neither blanks nor signs");
        let vkey = key.verifier().to_string();
        let state = Self { inner: Mutex::default(), leases: Arc::default(), desk: Mutex::default(), key };
        state.lock().append(now, Body::Genesis(Genesis { origin: ORIGIN.to_owned(), vkey, continues: None }));
        state
    }

    fn desk(&self) -> MutexGuard<'_, outbox::Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for MemoryState {
    fn lease(&self, policy: &PolicyId) -> Result<Option<Box<dyn Lease>>, StateError> {
        Ok(MemoryLease::take(policy, &self.leases).map(|lease| Box::new(lease) as Box<dyn Lease>))
    }

    fn epoch_key(&self) -> Result<EpochKey, StateError> {
        Ok(EpochKey { epoch: 1, key: SECRET.into() })
    }

    fn keep_manifest(&self, batch: &BatchId, sorted: &[Hash]) -> Result<(), StateError> {
        self.lock().manifests.insert(*batch, sorted.to_vec());
        Ok(())
    }

    fn long_list<'a>(&'a self, batch: &BatchId) -> Result<Box<dyn LongList + 'a>, StateError> {
        Ok(Box::new(Gathering::new(self, *batch)))
    }

    fn manifest(&self, batch: &BatchId) -> Result<Option<Vec<Hash>>, StateError> {
        Ok(self.lock().manifests.get(batch).cloned())
    }

    fn drop_manifest(&self, batch: &BatchId) -> Result<(), StateError> {
        self.lock().manifests.remove(batch);
        Ok(())
    }

    fn actor(&self, pseudonym: &str) -> Result<Option<Actor>, StateError> {
        Ok(self.lock().actors.get(pseudonym).cloned())
    }

    fn verifier_key(&self) -> Result<String, StateError> {
        Ok(self.key.verifier().to_string())
    }

    fn append(&self, now: Instant, body: Body) -> Result<u64, StateError> {
        Ok(self.lock().append(now, body))
    }

    fn log_head(&self) -> Result<(u64, Option<Instant>), StateError> {
        let inner = self.lock();
        Ok((inner.frontier.size(), inner.newest))
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<Placed>, StateError> {
        self.find(&Filter::default(), from.checked_sub(1), limit)
    }

    fn find(&self, filter: &Filter, after: Option<u64>, limit: usize) -> Result<Vec<Placed>, StateError> {
        let inner = self.lock();
        let mut found = Vec::new();
        for (index, leaf) in (0_u64..).zip(&inner.leaves) {
            let beyond = |after| if filter.newest_first { index < after } else { index > after };
            let entry = Entry::parse(leaf).expect("the entry was written by this program");
            if after.is_none_or(beyond) && inner.matches(filter, &entry) {
                found.push(Placed { index, entry });
            }
        }
        if filter.newest_first {
            found.reverse();
        }
        found.truncate(limit);
        Ok(found)
    }

    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, StateError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.lock().leaves.iter().skip(from).take(limit).cloned().collect())
    }

    fn checkpoint(&self, _now: Instant) -> Result<String, StateError> {
        let inner = self.lock();
        Ok(self.key.sign(inner.frontier.size(), inner.frontier.root()))
    }

    fn last_checkpoint(&self) -> Result<Option<String>, StateError> {
        let inner = self.lock();
        Ok(Some(self.key.sign(inner.frontier.size(), inner.frontier.root())))
    }

    fn see_policy(&self, now: Instant, policy: &PolicyId, hash: &str, text: &str) -> Result<(), StateError> {
        let mut inner = self.lock();
        if inner.texts.insert((hash.to_owned(), policy.clone()), text.to_owned()).is_none() {
            inner.append(now, Body::Policy(PolicySeen { policy: policy.clone(), hash: hash.to_owned() }));
        }
        Ok(())
    }

    fn policy_text(&self, hash: &str) -> Result<Option<String>, StateError> {
        let inner = self.lock();
        Ok(inner.texts.iter().find(|((known, _), _)| known == hash).map(|(_, text)| text.clone()))
    }

    fn approve(&self, now: Instant, by: &Actor, approval: &Approval) -> Result<(), StateError> {
        let mut inner = self.lock();
        let by = inner.pseudonym(by);
        let author = approval.author.as_ref().map(|author| inner.pseudonym(author));
        inner.append(now, notes::approval(approval, by, author));
        inner.approvals.insert(approval.policy.clone(), Approval { author: None, ..approval.clone() });
        inner.keep_curves(&approval.policy, &approval.curves);
        Ok(())
    }

    fn cancel_approval(
        &self,
        now: Instant,
        by: &Actor,
        approval: &Approval,
        reason: &str,
    ) -> Result<bool, StateError> {
        let mut inner = self.lock();
        let newest = inner.approvals.get(&approval.policy).cloned();
        let Some(newest) = newest.filter(|newest| newest == approval && newest.cancelled.is_none()) else {
            return Ok(false);
        };
        let by = inner.pseudonym(by);
        inner.append(now, notes::approval_cancelled(&newest, by, reason));
        let cancelled = Some(Cancelled { at: now, reason: reason.to_owned() });
        inner.approvals.insert(approval.policy.clone(), Approval { cancelled, ..newest });
        Ok(true)
    }

    fn approved_policies(&self) -> Result<Vec<PolicyId>, StateError> {
        let mut policies: Vec<PolicyId> = self.lock().approvals.keys().cloned().collect();
        policies.sort();
        Ok(policies)
    }

    fn approval(&self, policy: &PolicyId) -> Result<Option<Approval>, StateError> {
        Ok(self.lock().approvals.get(policy).cloned())
    }

    fn add_hold(&self, by: &Actor, hold: &Hold) -> Result<(), StateError> {
        self.lock().add_hold(by, hold)
    }

    fn release_hold(&self, now: Instant, by: &Actor, id: &HoldId, told: bool) -> Result<Release, StateError> {
        Ok(self.lock().release_hold(now, by, id, told))
    }

    fn review_hold(
        &self,
        now: Instant,
        by: &Actor,
        id: &HoldId,
        next: NaiveDate,
    ) -> Result<bool, StateError> {
        Ok(self.lock().review_hold(now, by, id, next))
    }

    fn end_holds(&self, now: Instant) -> Result<Ended, StateError> {
        Ok(self.lock().end_holds(now))
    }

    fn holds(&self) -> Result<Vec<Hold>, StateError> {
        Ok(self.lock().holds.iter().map(|(hold, ..)| hold.clone()).collect())
    }

    fn add_events(
        &self,
        now: Instant,
        by: &Actor,
        events: &[EventRecord],
    ) -> Result<Vec<Option<Earlier>>, StateError> {
        Ok(self.lock().add_events(now, by, events))
    }

    fn withdraw_event(
        &self,
        now: Instant,
        by: &Actor,
        name: &str,
        key: &str,
        reason: &str,
    ) -> Result<Option<Earlier>, StateError> {
        Ok(self.lock().withdraw_event(now, by, name, key, reason))
    }

    fn withdrawn_events(&self, name: Option<&str>) -> Result<Vec<Withdrawn>, StateError> {
        Ok(self.lock().withdrawn_events(name))
    }

    fn list_events(&self, name: Option<&str>) -> Result<Vec<EventRecord>, StateError> {
        let inner = self.lock();
        let wanted = inner.events.iter().filter(|((known, _), _)| name.is_none_or(|name| name == known));
        Ok(wanted
            .map(|((name, key), known)| EventRecord { name: name.clone(), key: key.clone(), at: known.at })
            .collect())
    }

    fn pause(&self, now: Instant, by: &Actor, scope: &PauseScope) -> Result<(), StateError> {
        let mut inner = self.lock();
        let by = inner.pseudonym(by);
        inner.append(now, notes::pause(scope, "pause", by));
        if !inner.pauses.contains(scope) {
            inner.pauses.push(scope.clone());
            inner.pauses.sort();
        }
        Ok(())
    }

    fn resume(&self, now: Instant, by: &Actor, scope: &PauseScope) -> Result<bool, StateError> {
        let mut inner = self.lock();
        let Some(place) = inner.pauses.iter().position(|paused| paused == scope) else { return Ok(false) };
        inner.pauses.remove(place);
        let by = inner.pseudonym(by);
        inner.append(now, notes::pause(scope, "resume", by));
        Ok(true)
    }

    fn pauses(&self) -> Result<Vec<PauseScope>, StateError> {
        Ok(self.lock().pauses.clone())
    }

    fn begin_run(&self, now: Instant, note: &RunNote) -> Result<(), StateError> {
        self.lock().begin_run(now, note);
        Ok(())
    }

    fn finish_run(&self, now: Instant, note: &RunNote, curves: Option<&[Curve]>) -> Result<(), StateError> {
        self.lock().finish_run(now, note, curves)
    }

    fn runs(&self, policy: &PolicyId, limit: usize) -> Result<Vec<PastRun>, StateError> {
        let inner = self.lock();
        Ok(inner.runs.iter().rev().filter(|run| run.note.policy == *policy).take(limit).cloned().collect())
    }

    fn curves(&self, policy: &PolicyId) -> Result<Vec<Curve>, StateError> {
        Ok(self.lock().curves.get(policy).map(|(_, curves)| curves.clone()).unwrap_or_default())
    }

    fn done_since(&self, policy: &PolicyId, of: &str, since: Instant) -> Result<u64, StateError> {
        Ok(self.lock().done_since(policy, of, since))
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
        let mut inner = self.lock();
        let asking = gate::Asking { now, intent, of, planned };
        let since = inner.since(planned.log);
        if let Some(objection) = gate::objection(&asking, keys, &inner.known(&since)) {
            return Ok(objection);
        }
        inner.open_intent(now, intent, of, spool)
    }

    fn record_whole(
        &self,
        now: Instant,
        intent: &Intent,
        of: &str,
        spool: &[u8],
        planned: &Planned,
    ) -> Result<IntentAnswer, StateError> {
        let epoch = self.epoch_key_of(intent.epoch)?;
        let mut inner = self.lock();
        let list = inner.manifests.get(&intent.label.batch).cloned().unwrap_or_default();
        let names = gate::names(intent, epoch.as_ref(), |wanted| {
            Ok(list.binary_search(wanted).ok().map(|place| place as u64))
        });
        let asking = gate::Asking { now, intent, of, planned };
        let since = inner.since(planned.log);
        if let Some(objection) = gate::objection_to_whole(&asking, &inner.known(&since), names)? {
            return Ok(objection);
        }
        inner.open_intent(now, intent, of, spool)
    }

    fn record_outcome(
        &self,
        now: Instant,
        recovery: Option<&Recovery>,
        outcome: &Outcome,
    ) -> Result<(), StateError> {
        let mut inner = self.lock();
        let place = inner.open.iter().position(|(open, _)| open.intent.label.batch == outcome.batch);
        let place = place.ok_or_else(|| StateError::NoOpenIntent { batch: outcome.batch.to_string() })?;
        gate::check_outcome(&inner.open[place].0.intent, recovery, outcome)?;
        let (open, of) = inner.open.remove(place);
        if let Some(recovery) = recovery {
            inner.append(now, Body::Recovery(recovery.clone()));
        }
        let index = inner.append(now, Body::Outcome(outcome.clone()));
        let policy = open.intent.label.policy;
        inner.done.push(Done { index, policy, of, at: now, records: outcome.done });
        Ok(())
    }

    fn open_intents(&self) -> Result<Vec<OpenIntent>, StateError> {
        Ok(self.lock().open.iter().map(|(open, _)| open.clone()).collect())
    }

    fn slot(&self, policy: &PolicyId) -> Result<Option<SlotState>, StateError> {
        Ok(self.lock().slots.get(policy).map(|last| SlotState { last: *last }))
    }

    fn record_slot(&self, policy: &PolicyId, last: Instant) -> Result<(), StateError> {
        self.lock().slots.insert(policy.clone(), last);
        Ok(())
    }

    fn settle(&self) -> Result<(), StateError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryState;
    use crate::state::contract::{sample::noon, state_contract};

    fn fixture() -> (MemoryState, ()) {
        (MemoryState::new(noon()), ())
    }

    state_contract!(fixture);
}
