//! Looks at the stores so that deadlines are seen without a run: often where that costs little, seldom where it costs
//! much, and beside everything else, so that a store that hangs keeps no alarm back.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use super::decide::Ahead;
use crate::engine::plan::{self, Circumstances};
use crate::engine::status::{self, Standing};
use crate::engine::{Engine, EngineError, forecast, run};
use crate::model::ids::{PolicyId, RunId, StoreName};
use crate::policy::rule::Policy;
use crate::time::Instant;

/// A look is repeated after this, if it took no time at all.
const SHORTEST: Duration = Duration::from_mins(4);
/// A look may take this part of the time between two: at most 2 %.
const SHARE: u32 = 50;
/// How long a look counts after it should have been repeated: then the forecast speaks.
const STALE: Duration = Duration::from_mins(1);
/// How often it is asked what of the stores no policy covers.
const COVERAGE: Duration = Duration::from_hours(24);

/// What was seen at the last look at a policy.
#[derive(Clone, Debug)]
struct Look {
    standing: Standing,
    /// When it began, on the monotonic clock.
    at: Duration,
    took: Duration,
    /// The newest run that had ended, and the newest slot that had passed.
    run: Option<RunId>,
    slot: Option<Instant>,
}

/// How much of each store no policy covers, and when that was asked, on the monotonic clock.
type Gaps = (Duration, Vec<(StoreName, u64)>);

/// What the looks have shown.
#[derive(Debug, Default)]
pub struct Watch {
    looks: Mutex<BTreeMap<PolicyId, Look>>,
    counted: Mutex<BTreeMap<PolicyId, Ahead>>,
    gaps: Mutex<Option<Gaps>>,
}

impl Watch {
    /// Looks at every policy whose look is due, and counts what prior notices will say.
    pub fn look(
        &self,
        engine: &Engine,
        policies: &[Policy],
        ahead: &[(PolicyId, Ahead)],
    ) -> Result<(), EngineError> {
        for policy in policies {
            if self.is_due(engine, policy)? {
                self.look_at(engine, policy)?;
            }
        }
        for (id, wanted) in ahead {
            let Some(policy) = policies.iter().find(|policy| policy.id == *id) else { continue };
            if self.counted(id, wanted).is_none() {
                let records = count(engine, policy, wanted)?;
                let counted = Ahead { records, counted: true, ..*wanted };
                self.counted.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), counted);
            }
        }
        Ok(())
    }

    fn is_due(&self, engine: &Engine, policy: &Policy) -> Result<bool, EngineError> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(look) = looks.get(&policy.id) else { return Ok(true) };
        let now = engine.clock.now();
        Ok(engine.clock.monotonic().saturating_sub(look.at) >= between(look)
            || look.slot != slot(policy, now)
            || look.run != ended(engine, policy)?)
    }

    fn look_at(&self, engine: &Engine, policy: &Policy) -> Result<(), EngineError> {
        let (now, at) = (engine.clock.now(), engine.clock.monotonic());
        let (run, slot) = (ended(engine, policy)?, slot(policy, now));
        let standing = status::standing(engine, policy, now)?;
        let took = engine.clock.monotonic().saturating_sub(at);
        let look = Look { standing, at, took, run, slot };
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).insert(policy.id.clone(), look);
        Ok(())
    }

    /// How a policy stands: as it was last seen, or, where the next look is overdue because a store hangs, as the
    /// forecast says. `None` while the first look is under way.
    pub fn standing(&self, engine: &Engine, policy: &Policy) -> Result<Option<Standing>, EngineError> {
        let look = self.looks.lock().unwrap_or_else(PoisonError::into_inner).get(&policy.id).cloned();
        let now = engine.clock.monotonic();
        match look {
            Some(look) if now.saturating_sub(look.at) <= between(&look) + STALE => Ok(Some(look.standing)),
            None if now < STALE => Ok(None),
            _ => Ok(Some(status::remembered(engine, policy, engine.clock.now())?)),
        }
    }

    /// What was counted for these slots.
    pub fn counted(&self, policy: &PolicyId, wanted: &Ahead) -> Option<Ahead> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).get(policy).copied();
        counted.filter(|counted| (counted.from, counted.through) == (wanted.from, wanted.through))
    }

    /// Asks the stores once a day what no policy covers.
    pub fn look_for_gaps(&self, engine: &Engine, ask: &dyn Fn() -> Vec<(StoreName, u64)>) {
        let now = engine.clock.monotonic();
        let known = self.gaps.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(at, _)| *at);
        if known.is_none_or(|at| now.saturating_sub(at) >= COVERAGE) {
            let gaps = ask();
            *self.gaps.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, gaps));
        }
    }

    /// How much of each store no policy covers, as it was last seen.
    pub fn gaps(&self) -> Vec<(StoreName, u64)> {
        let gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.as_ref().map(|(_, gaps)| gaps.clone()).unwrap_or_default()
    }
}

fn between(look: &Look) -> Duration {
    SHORTEST.max(look.took * SHARE)
}

fn ended(engine: &Engine, policy: &Policy) -> Result<Option<RunId>, EngineError> {
    let runs = engine.state.runs(&policy.id, 2)?;
    Ok(runs.iter().find(|run| run.ended.is_some()).map(|run| run.note.run))
}

/// The newest slot that has had time for its run.
fn slot(policy: &Policy, now: Instant) -> Option<Instant> {
    status::previous_slot(policy, now - TimeDelta::minutes(5))
}

/// How many records go at these slots: the forecast where it reaches so far, else the stores. `None` if neither says.
fn count(engine: &Engine, policy: &Policy, ahead: &Ahead) -> Result<Option<u64>, EngineError> {
    let curves = engine.state.curves(&policy.id)?;
    let mut sum = 0;
    for data in &policy.data {
        for (class, stage) in data.stages().filter(|(_, stage)| stage.action.changes_the_store()) {
            let of = forecast::of(data.index, class, stage.number);
            let Some(curve) = curves.iter().find(|curve| curve.of == of) else {
                return counted_live(engine, policy, ahead);
            };
            if !forecast::reaches(curve, ahead.through) {
                return counted_live(engine, policy, ahead);
            }
            let by = |at| forecast::expected_by(curve, at);
            sum += by(ahead.through).saturating_sub(by(ahead.before));
        }
    }
    Ok(Some(sum))
}

fn counted_live(engine: &Engine, policy: &Policy, ahead: &Ahead) -> Result<Option<u64>, EngineError> {
    let due_at = |at: Instant| -> Result<Option<u64>, EngineError> {
        let circumstances = Circumstances { samples: 0, ..run::circumstances(engine, policy, at)? };
        let mut sum = 0;
        for data in &policy.data {
            let planned = engine
                .inspect(&data.target.store)
                .and_then(|store| plan::plan(store, policy, data, &circumstances));
            let Ok(plan) = planned else { return Ok(None) };
            sum += plan.due();
        }
        Ok(Some(sum))
    };
    let (before, through) = (due_at(ahead.before)?, due_at(ahead.through)?);
    Ok(before.zip(through).map(|(before, through)| through.saturating_sub(before)))
}
