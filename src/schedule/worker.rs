//! Runs what is due: each policy on a thread of its own, never two at once on one store.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::audit::entry::Body;
use crate::engine::progress::{Stop, Unwatched};
use crate::engine::run::{self, Occasion, Report};
use crate::engine::{Engine, EngineError, recover};
use crate::model::ids::{PolicyId, StoreName};
use crate::model::run::{RunState, Trigger};
use crate::policy::rule::Policy;
use crate::policy::turns;
use crate::state::api::Filter;
use crate::time::{Instant, guard};

use super::due::{self, Past, Verdict};

/// How long a policy rests after an attempt that did not even begin (another process has its lease).
const REST: chrono::TimeDelta = chrono::TimeDelta::minutes(1);

/// How many entries of the log are read at once.
const EVENTS: usize = 1_000;

/// Keeps policies running by their slots.
pub struct Worker {
    engine: Engine,
    policies: Vec<Arc<Policy>>,
    stop: Arc<Stop>,
    runs: JoinSet<Finished>,
    busy: BTreeMap<PolicyId, BTreeSet<StoreName>>,
    resting: BTreeMap<PolicyId, Instant>,
    /// Events up to this entry of the log have woken their policies.
    events_seen: Option<u64>,
    /// Policies that an event has woken and that could not run yet.
    woken: BTreeSet<PolicyId>,
    guard: guard::Watch,
    distrusted: bool,
}

/// A run that ended on its thread.
struct Finished {
    policy: PolicyId,
    last_slot: Option<Instant>,
    /// `None` where a fault in the program ended it.
    result: Option<Result<Report, EngineError>>,
}

impl Worker {
    /// A worker that has not looked at anything yet.
    pub fn new(engine: Engine, policies: Vec<Policy>, stop: Arc<Stop>) -> Self {
        let guard = guard::Watch::new(engine.clock.now(), engine.clock.monotonic());
        Self {
            engine,
            policies: turns::in_turn(policies).into_iter().map(Arc::new).collect(),
            stop,
            runs: JoinSet::new(),
            busy: BTreeMap::new(),
            resting: BTreeMap::new(),
            events_seen: None,
            woken: BTreeSet::new(),
            guard,
            distrusted: false,
        }
    }

    /// Takes another set of policies and stores. Runs that are under way end by the old one.
    pub fn replace(&mut self, engine: Engine, policies: Vec<Policy>) {
        self.engine = engine;
        self.policies = turns::in_turn(policies).into_iter().map(Arc::new).collect();
    }

    /// Resolves what a crash left open, before anything else happens.
    pub fn recover(&self) -> Result<(), EngineError> {
        let recovered = recover::recover_open(&self.engine, |open| {
            // A batch of a run in another process is open because it is under way, not because of a crash.
            matches!(self.engine.state.lease(&open.intent.label.policy), Ok(Some(_)))
        })?;
        for (batch, why) in &recovered.unresolved {
            tracing::warn!(%batch, why, "a batch of an earlier run is still open");
        }
        Ok(())
    }

    /// Starts every run that is due now. Called at each tick.
    pub fn look(&mut self) -> Result<(), EngineError> {
        self.collect()?;
        let now = self.engine.clock.now();
        if self.stop.is_asked() || !self.clock_is_trusted(now)? {
            return Ok(());
        }
        let woken = self.woken_by_events()?;
        for policy in self.policies.clone() {
            if woken.iter().any(|name| policy.names_event(name)) {
                self.woken.insert(policy.id.clone());
            }
            let event = self.woken.contains(&policy.id);
            if let Some((occasion, last_slot)) = self.occasion(&policy, event, now)? {
                self.start(policy, occasion, last_slot);
            }
        }
        Ok(())
    }

    /// Whether the clock was not trusted at the last look.
    pub fn is_distrusted(&self) -> bool {
        self.distrusted
    }

    /// Whether any run is under way.
    pub fn is_idle(&self) -> bool {
        self.runs.is_empty()
    }

    /// Waits until every run has ended.
    pub async fn drain(&mut self) -> Result<(), EngineError> {
        while let Some(finished) = self.runs.join_next().await {
            self.finish(finished)?;
        }
        Ok(())
    }

    fn occasion(
        &mut self,
        policy: &Policy,
        event: bool,
        now: Instant,
    ) -> Result<Option<(Occasion, Option<Instant>)>, EngineError> {
        if policy.unresolved.is_some()
            || self.busy.contains_key(&policy.id)
            || self.resting.get(&policy.id).is_some_and(|until| *until > now)
            || policy
                .data
                .iter()
                .any(|data| self.busy.values().any(|stores| stores.contains(&data.target.store)))
        {
            return Ok(None);
        }
        let state = &self.engine.state;
        let Some(slot) = state.slot(&policy.id)? else {
            // Seen for the first time: its slots count from now.
            state.record_slot(&policy.id, now)?;
            return Ok(None);
        };
        let last_run = state.runs(&policy.id, 1)?.into_iter().next();
        // A run without an end died, or another process is at it and has the lease.
        let last_run =
            last_run.map(|run| run.ended.zip(run.note.state).unwrap_or((run.began, RunState::Incomplete)));
        let past = Past { dealt_with: slot.last, last_run };
        let occasion = match due::decide(&policy.schedule, policy.zone, &past, now) {
            Verdict::Run { trigger, slots } => {
                let last = slots.as_ref().map(|slots| slots.last);
                (Occasion { trigger, slots }, last)
            }
            Verdict::Sleep(_) if event => (Occasion { trigger: Trigger::Event, slots: None }, None),
            Verdict::Sleep(_) => return Ok(None),
        };
        // Paused or outside its window: the slot waits, and is merged into the run that follows.
        if run::closed(&self.engine, policy, now)?.is_some() {
            return Ok(None);
        }
        Ok(Some(occasion))
    }

    fn start(&mut self, policy: Arc<Policy>, occasion: Occasion, last_slot: Option<Instant>) {
        tracing::info!(policy = %policy.id, trigger = ?occasion.trigger, "run begins");
        self.woken.remove(&policy.id);
        let stores = policy.data.iter().map(|data| data.target.store.clone()).collect();
        self.busy.insert(policy.id.clone(), stores);
        let engine = self.engine.clone();
        let stop = Arc::clone(&self.stop);
        self.runs.spawn_blocking(move || {
            // What a fault leaves behind is sound: the state rolls back, and open batches are resolved by the next run.
            let carried_out = AssertUnwindSafe(|| run::run(&engine, &policy, &occasion, &Unwatched, &stop));
            let result = catch_unwind(carried_out).ok();
            Finished { policy: policy.id.clone(), last_slot, result }
        });
    }

    fn collect(&mut self) -> Result<(), EngineError> {
        while let Some(finished) = self.runs.try_join_next() {
            self.finish(finished)?;
        }
        Ok(())
    }

    fn finish(&mut self, finished: Result<Finished, tokio::task::JoinError>) -> Result<(), EngineError> {
        let finished = match finished {
            Ok(finished) => finished,
            // Only the end of the runtime cancels a run's thread: nothing begins after it.
            Err(error) => {
                tracing::error!(%error, "a run was lost");
                return Ok(());
            }
        };
        self.busy.remove(&finished.policy);
        let Some(result) = finished.result else {
            tracing::error!(policy = %finished.policy, "a fault in the program ended the run");
            run::abandon(&self.engine, &finished.policy)?;
            self.resting.insert(finished.policy, self.engine.clock.now() + due::RETRY_AFTER);
            return Ok(());
        };
        let report = result?;
        let done: u64 = report.parts.iter().flat_map(|part| &part.stages).map(|stage| stage.done).sum();
        let reason = report.reason.as_deref().unwrap_or("");
        tracing::info!(policy = %finished.policy, run = %report.run, state = %report.state, done, reason, "run ended");
        self.resting.insert(finished.policy.clone(), self.engine.clock.now() + REST);
        // A run that was told to stop goes on after the restart: its slot is not dealt with yet.
        if let Some(slot) = finished.last_slot
            && !self.stop.is_asked()
            && report.begun
        {
            self.engine.state.record_slot(&finished.policy, slot)?;
        }
        Ok(())
    }

    /// Names of events recorded or withdrawn since the last look. At the first look nothing is new.
    fn woken_by_events(&mut self) -> Result<BTreeSet<String>, EngineError> {
        let (size, _) = self.engine.state.log_head()?;
        let newest = size.checked_sub(1);
        let seen = std::mem::replace(&mut self.events_seen, newest);
        let mut names = BTreeSet::new();
        if seen.is_none() || seen == newest {
            return Ok(names);
        }
        let filter = Filter { kind: Some("event".to_owned()), ..Filter::default() };
        let mut after = seen;
        loop {
            let page = self.engine.state.find(&filter, after, EVENTS)?;
            let Some(last) = page.last() else { return Ok(names) };
            after = Some(last.index);
            names.extend(page.into_iter().filter_map(|placed| match placed.entry.body {
                Body::Event(note) => Some(note.name),
                _ => None,
            }));
        }
    }

    /// DESIGN 5.12: while the clock is not trusted nothing is deleted.
    fn clock_is_trusted(&mut self, now: Instant) -> Result<bool, EngineError> {
        let (_, newest) = self.engine.state.log_head()?;
        match self.guard.look(now, self.engine.clock.monotonic(), newest) {
            guard::Verdict::Trusted => {
                self.distrusted = false;
                Ok(true)
            }
            guard::Verdict::Distrusted(reason) => {
                if !std::mem::replace(&mut self.distrusted, true) {
                    tracing::error!(%reason, "the clock is not trusted: nothing is deleted");
                }
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests;
