//! How things stand: for each policy what is due, what is overdue and for how long, what is kept and why, and when it
//! last ran and will run.

use crate::model::action::Action;
use crate::model::run::RunState;
use crate::policy::rule::Policy;
use crate::policy::timing;
use crate::state::api::{PastRun, PauseScope};
use crate::time::Instant;

use super::plan::{self, Circumstances, DataPlan};
use super::{Engine, EngineError, forecast};

/// One policy's standing.
#[derive(Debug)]
pub struct Standing {
    /// `unresolved`, `unreachable`, `not approved`, `paused`, `ok`, `overdue`, `breach`, `undetermined` if that is true
    /// of every record, or the last run's state if that was bad.
    pub state: String,
    /// All records in the collections that the policy binds, as far as their stores answered.
    pub records: u64,
    /// Due and unheld.
    pub due: u64,
    /// Due already at the newest slot that is past: a run should have taken them.
    pub overdue: u64,
    /// How long ago the oldest of those became due, in seconds.
    pub oldest_overdue_seconds: Option<i64>,
    /// Some record is past its deadline (`at-latest`).
    pub breach: bool,
    /// Their start or class cannot be known.
    pub undetermined: u64,
    /// Their start has not happened.
    pub waiting: u64,
    /// Due but held.
    pub held: u64,
    /// Due but a kept record reaches them.
    pub needed: u64,
    /// Kept until a person decides.
    pub escalated: u64,
    /// The newest run.
    pub last_run: Option<PastRun>,
    /// The next slot; none for a policy that never runs.
    pub next_slot: Option<Instant>,
    /// Why it stands so, for a person.
    pub reason: Option<String>,
}

/// Looks at one policy. A store that does not answer becomes the reason, not an error.
pub fn standing(engine: &Engine, policy: &Policy, now: Instant) -> Result<Standing, EngineError> {
    let last_run = engine.state.runs(&policy.id, 1)?.into_iter().next();
    let mut standing = Standing {
        state: "ok".to_owned(),
        records: 0,
        due: 0,
        overdue: 0,
        oldest_overdue_seconds: None,
        breach: false,
        undetermined: 0,
        waiting: 0,
        held: 0,
        needed: 0,
        escalated: 0,
        next_slot: policy.schedule.next_after(now, policy.zone),
        reason: None,
        last_run,
    };
    if let Some(question) = &policy.unresolved {
        "unresolved".clone_into(&mut standing.state);
        standing.reason = Some(question.clone());
        standing.next_slot = None;
        return Ok(standing);
    }
    let circumstances = Circumstances {
        overdue_at: previous_slot(policy, now),
        ..super::run::circumstances(engine, policy, now)?
    };
    for data in &policy.data {
        let planned = engine
            .inspect(&data.target.store)
            .and_then(|store| plan::plan(store, policy, data, &circumstances));
        match planned {
            Ok(plan) => standing.add(policy, data, &plan, now),
            Err(error) => {
                standing.remember(engine, policy, data.index, &circumstances)?;
                standing.worse("unreachable", &error.to_string());
            }
        }
    }
    standing.judge(engine, policy)?;
    Ok(standing)
}

/// The newest slot that is not later than now, looked for over the last year.
pub fn previous_slot(policy: &Policy, now: Instant) -> Option<Instant> {
    [2, 32, 367].into_iter().find_map(|days| {
        policy.schedule.slots_between(now - chrono::TimeDelta::days(days), now, policy.zone, 0).newest
    })
}

impl Standing {
    fn add(&mut self, policy: &Policy, data: &crate::policy::rule::Data, plan: &DataPlan, now: Instant) {
        self.records += plan.total.count;
        self.undetermined += plan.undetermined;
        self.waiting += plan.waiting;
        self.needed += plan.needed;
        self.held += plan.held();
        let escalated = plan.stages.iter().filter(|stage| matches!(stage.action, Action::Escalate(_)));
        self.escalated += escalated.map(|stage| stage.due).sum::<u64>();
        for stage in plan.stages.iter().filter(|stage| stage.action.changes_the_store()) {
            self.due += stage.due;
            self.overdue += stage.overdue;
            let selection = &plan.selections.stages[stage.selection];
            let written = plan::stage_of(data, selection);
            let Some(oldest) = stage.oldest else { continue };
            if stage.overdue > 0
                && let Some(due) = timing::due_at(policy, written, oldest)
            {
                let seconds = (now - due).num_seconds();
                self.oldest_overdue_seconds = Some(self.oldest_overdue_seconds.unwrap_or(0).max(seconds));
            }
            let deadline = timing::deadline(policy, written, oldest);
            self.breach |= deadline.is_some_and(|deadline| deadline < now);
        }
        if let Some(gap) = plan.gaps.first() {
            self.worse("incomplete", &format!("{}: {}", gap.place, gap.reason));
        }
    }

    /// A store that does not answer makes nothing less due: the forecast says what is, less what was done since.
    fn remember(
        &mut self,
        engine: &Engine,
        policy: &Policy,
        data: usize,
        circumstances: &Circumstances,
    ) -> Result<(), EngineError> {
        let now = circumstances.now;
        let curves = engine.state.curves(&policy.id)?;
        let of_data = format!("{data}/");
        for curve in curves.iter().filter(|curve| curve.of.starts_with(&of_data)) {
            let done = engine.state.done_since(&policy.id, &curve.of, curve.made)?;
            let due_at = |at| forecast::expected(curve, at).saturating_sub(done);
            self.due += due_at(now);
            let Some(slot) = circumstances.overdue_at.filter(|&slot| due_at(slot) > 0) else { continue };
            self.overdue += due_at(slot);
            let first =
                curve.points.iter().find(|(_, count)| *count > done).map(|(at, _)| (now - *at).num_seconds());
            self.oldest_overdue_seconds = self.oldest_overdue_seconds.max(first);
        }
        Ok(())
    }

    fn worse(&mut self, state: &str, reason: &str) {
        if self.reason.is_none() {
            state.clone_into(&mut self.state);
            self.reason = Some(reason.to_owned());
        }
    }

    fn judge(&mut self, engine: &Engine, policy: &Policy) -> Result<(), EngineError> {
        if self.reason.is_some() {
            return Ok(());
        }
        let paused = engine.state.pauses()?.into_iter().find(|scope| match scope {
            PauseScope::All => true,
            PauseScope::Policy(id) => *id == policy.id,
            PauseScope::Store(store) => policy.data.iter().any(|data| data.target.store == *store),
        });
        if paused.is_some() {
            self.worse("paused", "paused: `forfall resume` lets it go on");
        }
        let approval = engine.state.approval(&policy.id)?;
        if approval.is_none() {
            self.worse("not approved", &format!("`forfall approve {}` lets it act", policy.id));
        }
        // An approval resolves a stop that came before it.
        let resolved = |run: &PastRun| approval.as_ref().is_some_and(|approval| approval.at > run.began);
        let last =
            self.last_run.as_ref().filter(|run| run.note.state != Some(RunState::Stopped) || !resolved(run));
        let last = last.and_then(|run| Some((run.note.state?, run.note.reason.clone())));
        if let Some((state @ (RunState::Stopped | RunState::Incomplete), reason)) = last {
            self.worse(&state.to_string(), &reason.unwrap_or_default());
        }
        if self.breach {
            self.worse("breach", "records are past the deadline that the policy promises");
        } else if self.overdue > 0 {
            self.worse("overdue", "records were due at the last slot and are still there");
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
