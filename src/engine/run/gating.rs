//! Whether a run that has begun may act: every gate, before the first deletion.

use std::sync::Arc;

use super::{Begun, freed, moved_on};
use crate::engine::approvers::Approvers;
use crate::engine::gate::Answer;
use crate::engine::plan::{Circumstances, DataPlan};
use crate::engine::{Engine, EngineError, approve, approvers, forecast, gate, plan, review};
use crate::model::action::Action;
use crate::model::predicate::Predicate;
use crate::model::run::RunState;
use crate::model::schema::Identity;
use crate::policy::rule::{Data, Policy};
use crate::policy::timing;
use crate::state::api::{Approval, Curve};

impl Begun<'_> {
    pub(in crate::engine) fn gates(
        &self,
        data: &Data,
        plan: &DataPlan,
        approval: Option<&Approval>,
        before: Option<&Policy>,
        curves: &[Curve],
        circumstances: &Circumstances,
    ) -> Result<Answer, EngineError> {
        let effects: Vec<_> = plan.schema.side_effects.iter().map(|effect| effect.text.clone()).collect();
        let changes_anything = plan.stages.iter().any(|stage| stage.action.changes_the_store());
        if changes_anything && !effects.is_empty() {
            return Ok(Answer::Stop(effects.join("; ")));
        }
        if changes_anything && plan.schema.key.is_empty() {
            return Ok(Answer::Stop(format!(
                "{} in store {} has no key, so no record of it could ever be proven gone",
                data.target.collection, data.target.store
            )));
        }
        let given = self.given(approval)?;
        let mut answer =
            self.approved(data, (&plan.identity, &plan.schema.fingerprint), approval, given.as_ref(), before);
        if let (Answer::Open, Some(given)) = (&answer, &given) {
            answer = review::judge(self.policy, plan, &circumstances.cases, given, self.now)
                .and_then(|| gate::limits::judge(&self.policy.limit, plan.due(), plan.total));
        }
        for there in data.target.elsewhere() {
            let (Answer::Open, Some(approval)) = (&answer, approval) else { break };
            let identity = self.engine.inspect(&there.store)?.identity()?;
            answer = gate::approval::same_store(approval, &there.store, &identity);
        }
        if answer != Answer::Open {
            return Ok(answer);
        }
        let would_empty = would_empty(self.engine, data, plan, circumstances)?;
        let deleting = || plan.stages.iter().filter(|stage| stage.action == Action::Delete);
        let foreseen = deleting().filter_map(|stage| {
            let of = forecast::of(data.index, stage.class.as_deref(), stage.stage);
            let curve = curves.iter().find(|curve| curve.of == of)?;
            Some(forecast::expected_anew(curve, self.now))
        });
        let (going, foreseen) = (deleting().map(|stage| stage.due).sum(), foreseen.sum());
        for (place, stage) in plan.stages.iter().enumerate() {
            // What people decided over is no matter of forecasts: `review::judge` holds it against what they saw.
            if !stage.action.changes_the_store() || plan.selections.stages[place].decided.is_some() {
                continue;
            }
            let of = forecast::of(data.index, stage.class.as_deref(), stage.stage);
            let curve = curves.iter().find(|curve| curve.of == of);
            let done_since = match curve {
                Some(curve) => self.engine.state.done_since(&self.policy.id, &of, curve.made)?,
                None => 0,
            };
            let Some(baseline) = self.baseline(data, plan, place)? else { continue };
            let freed = match curve {
                Some(curve) => freed::since(self, data, plan, place, curve, circumstances)?,
                None => 0,
            };
            let mut seen = gate::forecast::Seen {
                curve,
                now: self.now,
                due: stage.due,
                held: stage.held,
                done_since,
                moved_on: 0,
                freed,
                baseline: baseline.0,
                would_empty: would_empty && stage.action == Action::Delete,
                going,
                foreseen,
                may_empty: self.policy.limit.may_empty,
            };
            // Asked of the store only where it would explain something.
            if gate::forecast::misses(&seen).is_some() {
                seen.moved_on = moved_on::since(self, data, plan, place, curves, circumstances)?;
            }
            answer = gate::forecast::judge(&seen);
            if answer != Answer::Open {
                return Ok(answer);
            }
        }
        Ok(Answer::Open)
    }

    /// Who gave the approval.
    pub(in crate::engine) fn given(
        &self,
        approval: Option<&Approval>,
    ) -> Result<Option<Approvers>, EngineError> {
        let of = |approval: &Approval| approvers::of(&*self.engine.state, &self.policy.id, &approval.hash);
        Ok(approval.map(of).transpose()?)
    }

    /// Whether what is there is approved, by as many as are asked, and the waiting period is over: the gates that need no
    /// counts.
    pub(in crate::engine) fn approved(
        &self,
        data: &Data,
        (identity, fingerprint): (&Identity, &str),
        approval: Option<&Approval>,
        given: Option<&Approvers>,
        before: Option<&Policy>,
    ) -> Answer {
        gate::approval::judge(approval, before, self.policy, data, identity, fingerprint)
            .and_then(|| self.waited(approval))
            .and_then(|| match (given, approval) {
                (Some(given), Some(approval)) => gate::approvers::judge(given, self.policy, approval),
                _ => Answer::Open,
            })
    }

    /// `wait`: a time between approval and action in which anybody may still object.
    pub(in crate::engine) fn waited(&self, approval: Option<&Approval>) -> Answer {
        let Some(approval) = approval else { return Answer::Open };
        let ends = approve::waits_until(self.policy, approval);
        match ends {
            Some(ends) if ends <= self.now => Answer::Open,
            Some(ends) => Answer::Observe(format!(
                "approved, and waiting until {} ({}) before it acts; until then `forfall review cancel {}` takes the \
                 approval back",
                self.policy.zone.local(ends).format("%Y-%m-%d %H:%M:%S"),
                self.policy.zone,
                self.policy.id
            )),
            None => Answer::Observe("approved, and its waiting period never ends".to_owned()),
        }
    }

    /// What the breaker compares with for one stage: `None` where it cannot compare at all and `[limit] records`
    /// stands guard instead; `Some(Some(n))` where the largest of the last runs does.
    fn baseline(&self, data: &Data, plan: &DataPlan, place: usize) -> Result<Option<Baseline>, EngineError> {
        let selection = &plan.selections.stages[place];
        let stage = plan::stage_of(data, selection);
        if timing::unpredictable(stage) {
            return Ok(None);
        }
        let Some(crate::time::After::Period(period)) = stage.after else { return Ok(None) };
        let gap = self.policy.schedule.longest_gap(self.policy.zone, self.now);
        if gap.is_none_or(|gap| chrono::TimeDelta::hours(period.min_hours()) >= gap) {
            return Ok(Some(Baseline(None)));
        }
        let runs = self.engine.state.runs(&self.policy.id, gate::forecast::BASELINE_RUNS + 1)?;
        let largest = runs
            .iter()
            .filter(|run| run.note.run != self.id && run.note.state == Some(RunState::Complete))
            .map(|run| {
                let of_stage = run.note.stages.iter().filter(|done| {
                    done.collection == data.target.collection
                        && done.class == selection.class
                        && done.stage == stage.number
                });
                of_stage.map(|done| done.done).sum::<u64>()
            })
            .max();
        // Before the first run the approval's own count is all that is known.
        let approved = self.engine.state.approval(&self.policy.id)?.map_or(0, |approval| approval.count);
        Ok(Some(Baseline(Some(largest.unwrap_or(0).max(approved)))))
    }
}

/// A number of records to compare with, if the curve cannot serve.
struct Baseline(Option<u64>);

/// Whether nothing of the collection would be left: no record that every deleting stage leaves alone.
fn would_empty(
    engine: &Engine,
    data: &Data,
    plan: &DataPlan,
    circumstances: &Circumstances,
) -> Result<bool, EngineError> {
    let deleting: Vec<_> =
        plan.stages.iter().filter(|stage| stage.action == Action::Delete && stage.due > 0).collect();
    let Some(first) = deleting.first() else { return Ok(false) };
    if plan.held() + plan.undetermined + plan.waiting + plan.needed > 0 {
        return Ok(false);
    }
    let goes: Vec<_> =
        deleting.iter().map(|stage| plan.selections.stages[stage.selection].acts.clone().surely()).collect();
    let stays = Predicate::Any(goes).negated();
    let mut scope = plan::scope(data, circumstances);
    scope.target = Arc::clone(&plan.target);
    let start = plan.selections.stages[first.selection].start.as_ref();
    Ok(!engine.inspect(&data.target.store)?.any(&scope, &stays, start)?)
}
