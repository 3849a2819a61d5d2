//! How things stand: for each policy what is due, what is overdue and for how long, what is kept and why, and when it
//! last ran and will run.

mod idle;

use crate::adapter::api::StoreError;
use crate::model::action::Action;
use crate::model::notice::Lateness;
use crate::model::run::RunState;
use crate::policy::rule::{Data, Policy, Stage};
use crate::policy::timing;
use crate::state::api::{Approval, PastRun, PauseScope};
use crate::time::{self, Instant, StartValue};

pub use self::idle::Idle;
use super::plan::{self, Circumstances, DataPlan};
use super::unsettled::{self, Stale};
use super::{Engine, EngineError, forecast, hindrance};

/// How long a slot may have passed before it is asked why its records are still there: a run begins within seconds
/// and takes a while.
const BEGINNING: chrono::TimeDelta = chrono::TimeDelta::minutes(5);
/// How long a run may be under way before its records count as overdue all the same.
const LONGEST_RUN: chrono::TimeDelta = chrono::TimeDelta::hours(6);
/// How many runs are looked through for the last complete one, in rising steps.
const LOOKED_THROUGH: [usize; 3] = [20, 400, 10_000];

/// The state of a policy of which a store does not answer.
pub const UNREACHABLE: &str = "unreachable";

/// One policy's standing.
#[derive(Clone, Debug)]
pub struct Standing {
    /// `unresolved`, `unreachable`, `incomplete`, `not approved`, `observed` while its waiting period lasts, `paused`, `ok`,
    /// `overdue`, `breach`, `stale`, `undetermined` if that is true of every record, or the last run's state if that was bad.
    pub state: String,
    /// All records in the collections that the policy binds, as far as their stores answered.
    pub records: u64,
    /// Due and unheld.
    pub due: u64,
    /// Due already at the newest slot that a run has had time for: it should have taken them.
    pub overdue: u64,
    /// How long ago the oldest of those became due, in seconds.
    pub oldest_overdue_seconds: Option<i64>,
    /// Some record is past its deadline (`at-latest`).
    pub breach: bool,
    /// The record that is overdue or past its deadline and has used up most of its time.
    pub lateness: Option<Lateness>,
    /// A store did not answer, or cannot be used: what is due in it is what the forecast says, and nothing else is known of it.
    pub unseen: bool,
    /// Their start or class cannot be known.
    pub undetermined: u64,
    /// Their start has not happened.
    pub waiting: u64,
    /// They have been without a start for longer than the policy allows, as the last run saw it.
    pub stale: Stale,
    /// Due but held.
    pub held: u64,
    /// Due but a kept record reaches them.
    pub needed: u64,
    /// Kept until a person decides.
    pub escalated: u64,
    /// The newest run.
    pub last_run: Option<PastRun>,
    /// When a run was last complete.
    pub last_complete: Option<Instant>,
    /// When the next record falls due that is not due yet, as far as the forecast knows: no earlier than this.
    pub next_due: Option<Instant>,
    /// The next slot; none for a policy that never runs.
    pub next_slot: Option<Instant>,
    /// Why it stands so, for a person.
    pub reason: Option<String>,
}

/// Looks at one policy. A store that does not answer, or refuses, becomes the reason, not an error.
pub fn standing(engine: &Engine, policy: &Policy, now: Instant) -> Result<Standing, EngineError> {
    let mut standing = Standing::new(engine, policy, now)?;
    if policy.unresolved.is_some() {
        return Ok(standing);
    }
    let slot = judged_slot(policy, standing.last_run.as_ref(), now);
    let circumstances = Circumstances { overdue_at: slot, ..super::run::circumstances(engine, policy, now)? };
    let approval = engine.state.approval(&policy.id)?;
    for data in &policy.data {
        let planned = engine
            .inspect(&data.target.store)
            .and_then(|store| plan::plan(store, policy, data, &circumstances))
            .map_err(|error| unseen(&error))
            .and_then(|plan| match foreign(approval.as_ref(), data, &plan) {
                Some(why) => Err((UNREACHABLE, why)),
                None => Ok(plan),
            });
        match planned {
            Ok(plan) => standing.add(policy, data, &plan, now),
            Err((state, why)) => {
                standing.remember(engine, policy, data, slot, now)?;
                standing.worse(state, &why);
            }
        }
    }
    standing.judge(engine, policy, now)?;
    Ok(standing)
}

/// The state of a policy of which a store told nothing, and why.
fn unseen(error: &StoreError) -> (&'static str, String) {
    if error.is_an_answer() {
        ("incomplete", format!("the store answers, but cannot be used as it is: {error}"))
    } else {
        (UNREACHABLE, error.to_string())
    }
}

/// Why what answers is not the store that was approved: an empty disk has nothing overdue, and says nothing about the
/// one that is missing.
fn foreign(approval: Option<&Approval>, data: &Data, plan: &DataPlan) -> Option<String> {
    let store = &data.target.store;
    let (_, approved) = approval?.identities.iter().find(|(name, _)| name == store)?;
    let difference = approved.difference(&plan.identity)?;
    Some(format!(
        "store {store} is not the one that was approved ({difference}). If that is right, approve again"
    ))
}

/// What is known of a policy without asking any store: the forecast says what is due.
pub fn remembered(engine: &Engine, policy: &Policy, now: Instant) -> Result<Standing, EngineError> {
    let mut standing = Standing::new(engine, policy, now)?;
    if policy.unresolved.is_none() {
        let slot = judged_slot(policy, standing.last_run.as_ref(), now);
        for data in &policy.data {
            standing.remember(engine, policy, data, slot, now)?;
        }
        standing.judge(engine, policy, now)?;
    }
    Ok(standing)
}

/// The newest slot whose records should be gone: one that has passed a while ago, and not the one whose run is still
/// under way.
fn judged_slot(policy: &Policy, last_run: Option<&PastRun>, now: Instant) -> Option<Instant> {
    let slot = previous_slot(policy, now - BEGINNING)?;
    match last_run {
        Some(run) if run.ended.is_none() && run.began >= slot && now - run.began < LONGEST_RUN => {
            previous_slot(policy, slot - chrono::TimeDelta::microseconds(1))
        }
        _ => Some(slot),
    }
}

fn last_complete(engine: &Engine, policy: &Policy) -> Result<Option<Instant>, EngineError> {
    for limit in LOOKED_THROUGH {
        let runs = engine.state.runs(&policy.id, limit)?;
        let complete = runs.iter().find(|run| run.note.state == Some(RunState::Complete));
        if complete.is_some() || runs.len() < limit {
            return Ok(complete.and_then(|run| run.ended));
        }
    }
    Ok(None)
}

/// The newest slot that is not later than now, looked for over the last year.
pub fn previous_slot(policy: &Policy, now: Instant) -> Option<Instant> {
    [2, 32, 367].into_iter().find_map(|days| {
        policy.schedule.slots_between(now - chrono::TimeDelta::days(days), now, policy.zone, 0).newest
    })
}

/// The forecast's first point behind which more is due than now.
fn next_due(engine: &Engine, policy: &Policy, now: Instant) -> Result<Option<Instant>, EngineError> {
    let curves = engine.state.curves(&policy.id)?;
    let next = curves.iter().filter_map(|curve| {
        let known = forecast::expected(curve, now);
        let place = curve.points.iter().position(|(at, count)| *at > now && *count > known)?;
        curve.points.get(place.saturating_sub(1)).map(|(at, _)| (*at).max(now))
    });
    Ok(next.min())
}

/// When a record with this start is due, and its deadline.
fn lateness(policy: &Policy, stage: &Stage, oldest: StartValue) -> Option<Lateness> {
    let due = timing::due_at(policy, stage, oldest)?;
    Some(Lateness { due, deadline: timing::deadline(policy, stage, oldest)? })
}

/// The same where only the due instant is known. The newest start that was due then has the latest deadline that is
/// still certain to be no later than that of any record that became due after it.
fn by_forecast(policy: &Policy, stage: &Stage, due: Instant) -> Option<Lateness> {
    let set = timing::due_set(policy, stage, due);
    let newest = set.instants.last().map(|(_, last)| StartValue::Instant(*last));
    let deadline = match newest {
        Some(newest) => timing::deadline(policy, stage, newest),
        None => None,
    };
    // Without `at-latest` the deadline counts from the due instant itself.
    let grace = || time::due(StartValue::Instant(due), time::After::Period(policy.grace), None, policy.zone);
    let deadline = if stage.at_latest.is_some() { deadline } else { grace() };
    Some(Lateness { due, deadline: deadline?.max(due) })
}

impl Standing {
    fn new(engine: &Engine, policy: &Policy, now: Instant) -> Result<Self, EngineError> {
        let unresolved = policy.unresolved.is_some();
        Ok(Self {
            state: if unresolved { "unresolved" } else { "ok" }.to_owned(),
            records: 0,
            due: 0,
            overdue: 0,
            oldest_overdue_seconds: None,
            breach: false,
            lateness: None,
            unseen: false,
            undetermined: 0,
            waiting: 0,
            stale: unsettled::stale(policy, &engine.state.followed(&policy.id)?, now),
            held: 0,
            needed: 0,
            escalated: 0,
            last_run: engine.state.runs(&policy.id, 1)?.into_iter().next(),
            last_complete: last_complete(engine, policy)?,
            next_due: next_due(engine, policy, now)?,
            next_slot: if unresolved { None } else { policy.schedule.next_after(now, policy.zone) },
            reason: policy.unresolved.clone(),
        })
    }

    fn add(&mut self, policy: &Policy, data: &Data, plan: &DataPlan, now: Instant) {
        self.records += plan.total.count;
        self.undetermined += plan.undetermined;
        self.waiting += plan.waiting;
        self.needed += plan.needed;
        self.held += plan.held();
        let escalated = plan.stages.iter().filter(|stage| matches!(stage.action, Action::Escalate(_)));
        self.escalated += escalated.map(|stage| stage.due).sum::<u64>();
        for stage in plan.stages.iter().filter(|stage| stage.action.changes_the_store()) {
            self.due += stage.due;
            // What somebody has just decided is due since the decision, not since the records were.
            if plan.selections.stages[stage.selection].decided.is_some() {
                continue;
            }
            self.overdue += stage.overdue;
            let selection = &plan.selections.stages[stage.selection];
            let written = plan::stage_of(data, selection);
            if let Some(late) = stage.oldest.and_then(|oldest| lateness(policy, written, oldest)) {
                self.late(late, stage.overdue > 0, now);
            }
        }
        if let Some(gap) = plan.gaps.first() {
            self.worse("incomplete", &format!("{}: {}", gap.place, gap.reason));
        }
    }

    /// Takes note of the oldest record of a stage.
    fn late(&mut self, late: Lateness, overdue: bool, now: Instant) {
        let breach = late.deadline < now;
        self.breach |= breach;
        if overdue {
            let seconds = (now - late.due).num_seconds();
            self.oldest_overdue_seconds = Some(self.oldest_overdue_seconds.unwrap_or(0).max(seconds));
        }
        if (overdue || breach) && self.lateness.is_none_or(|worst| worst.percent(now) < late.percent(now)) {
            self.lateness = Some(late);
        }
    }

    /// A store that does not answer makes nothing less due: the forecast says what is, less what was done since.
    fn remember(
        &mut self,
        engine: &Engine,
        policy: &Policy,
        data: &Data,
        slot: Option<Instant>,
        now: Instant,
    ) -> Result<(), EngineError> {
        self.unseen = true;
        let curves = engine.state.curves(&policy.id)?;
        for (class, stage) in data.stages().filter(|(_, stage)| stage.action.changes_the_store()) {
            let of = forecast::of(data.index, class, stage.number);
            let Some(curve) = curves.iter().find(|curve| curve.of == of) else { continue };
            let done = engine.state.done_since(&policy.id, &of, curve.made)?;
            let due_at = |at| forecast::expected(curve, at).saturating_sub(done);
            self.due += due_at(now);
            let overdue = slot.map_or(0, due_at);
            self.overdue += overdue;
            if let Some(late) = forecast::oldest(curve, done).and_then(|due| by_forecast(policy, stage, due))
            {
                self.late(late, overdue > 0, now);
            }
        }
        Ok(())
    }

    fn worse(&mut self, state: &str, reason: &str) {
        if self.reason.is_none() {
            state.clone_into(&mut self.state);
            self.reason = Some(reason.to_owned());
        }
    }

    fn judge(&mut self, engine: &Engine, policy: &Policy, now: Instant) -> Result<(), EngineError> {
        if self.reason.is_some() {
            return Ok(());
        }
        let paused = engine.state.pauses()?.into_iter().find(|scope| match scope {
            PauseScope::All => true,
            PauseScope::Policy(id) => *id == policy.id,
            PauseScope::Store(store) => policy.data.iter().any(|data| data.target.store == *store),
        });
        if let Some(scope) = paused {
            self.worse("paused", &format!("paused: `{}` lets it go on", scope.resume()));
        }
        let approval = engine.state.approval(&policy.id)?;
        let cancelled = approval.as_ref().and_then(|approval| approval.cancelled.as_ref());
        if approval.is_none() || cancelled.is_some() {
            let why = cancelled
                .map_or(String::new(), |one| format!("its approval was cancelled ({}); ", one.reason));
            self.worse("not approved", &format!("{why}`forfall approve {}` lets it act", policy.id));
        }
        if let Some(approval) = approval.as_ref().filter(|_| self.reason.is_none())
            && let Some((state, why)) = hindrance::not_yet(engine, policy, approval, now)?
        {
            self.worse(state, &why);
        }
        let last = self.last_run.as_ref().and_then(|last| hindrance::bad_end(last, approval.as_ref()));
        if let Some((state, reason)) = last {
            self.worse(&state.to_string(), &reason);
        }
        if self.breach {
            self.worse("breach", "records are past the deadline that the policy promises");
        } else if self.overdue > 0 {
            self.worse("overdue", "records were due at the last slot and are still there");
        }
        if self.stale.records() > 0 {
            let why = format!(
                "records have had no start for longer than `stale-after` allows: {} waiting, {} undetermined. `forfall \
                 event waiting {}` lists them",
                self.stale.waiting, self.stale.undetermined, policy.id
            );
            self.worse("stale", &why);
        }
        if self.records > 0 && self.undetermined == self.records {
            self.worse(
                "undetermined",
                "every record is undetermined, so nothing will ever be done: is `start.format` right? `forfall explain` \
                 says why for one record",
            );
        }
        Ok(())
    }
}
