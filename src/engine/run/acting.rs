//! What a run does once it may: each stage batch by batch, then the recount.

use std::sync::Arc;

use super::recount::Counted;
use super::{Begun, Part, outside_window};
use crate::adapter::api::{Act, Job, Scope, StoreError};
use crate::audit::entry::StageDone;
use crate::engine::execute::{Assignment, AuditLost, Executed, Halt};
use crate::engine::plan::{Circumstances, DataPlan};
use crate::engine::progress::{Progress, Stop};
use crate::engine::{EngineError, along, companions, execute, forecast, holding, plan, review};
use crate::model::action::Action;
use crate::model::batch::BatchLabel;
use crate::model::ids::BatchId;
use crate::model::predicate::Predicate;
use crate::model::review::Matter;
use crate::model::run::RunState;
use crate::model::target::Target;
use crate::policy::rule::Data;
use crate::policy::select;
use crate::state::api::{Curve, News, Planned, StateError};
use crate::state::review::Change;

/// So many holds may come one after another while one stage is carried out; then the rest is for the next run.
const HOLDS_AT_ONCE: u32 = 100;

impl Begun<'_> {
    #[expect(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
    pub(super) fn act(
        &self,
        data: &Data,
        plan: &DataPlan,
        mut part: Part,
        circumstances: &Circumstances,
        curves: &mut Vec<Curve>,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Part, EngineError> {
        let survey = self.survey_beside(data, plan, circumstances, stop)?;
        let mut incomplete: Vec<String> =
            plan.gaps.iter().map(|gap| format!("{}: {}", gap.place, gap.reason)).collect();
        let mut changed = false;
        let mut links = 0;
        // What walks counted when they were through; nothing was begun since.
        let mut looked = Vec::new();
        for (place, stage) in plan.stages.iter().enumerate() {
            let executed = if stage.due == 0 || !stage.action.changes_the_store() {
                Executed::default()
            } else {
                looked.clear();
                self.stage(data, plan, place, circumstances, progress, stop)?
            };
            changed |= executed.done > 0;
            if let Some(case) = plan.selections.stages[place].decided {
                self.carried_out(case, data, plan, place, circumstances, &executed)?;
            }
            part.stages.push(StageDone {
                store: part.store.clone(),
                collection: part.collection.clone(),
                class: stage.class.clone(),
                stage: stage.stage,
                action: stage.action.word().to_owned(),
                due: stage.due,
                done: executed.done,
                skipped: executed.skipped,
                failed: executed.failed,
            });
            looked.extend(executed.looked.map(|looked| (place, looked)));
            incomplete.extend(executed.incomplete);
            part.remarks.extend(executed.remarks);
            links += executed.links;
            for (place, count) in executed.along {
                *part.along.entry(place).or_default() += count;
            }
            if let Some(why) = executed.closed {
                return Ok(part.ended(RunState::Paused, format!("stopped in the middle: {why}")));
            }
            if let Some(scope) = executed.paused {
                return Ok(part.ended(RunState::Paused, format!("paused in the middle ({scope:?})")));
            }
        }
        for stage in
            plan.stages.iter().filter(|stage| matches!(stage.action, Action::Escalate(_)) && stage.due > 0)
        {
            part.remarks.push(format!("{} records wait for a decision (stage {})", stage.due, stage.stage));
        }
        if links > 0 && companions::elsewhere(&data.target) {
            part.remarks.push(format!(
                "links among what goes with the records, which are never followed and stay: {links}"
            ));
        }
        if plan.needed > 0 {
            part.remarks.push(format!(
                "kept for a later run because other records need them: {} of {}",
                plan.needed, part.collection
            ));
        }
        if changed || self.left_unsettled {
            incomplete.extend(self.settle(&plan.target));
        }
        match stop.is_asked() {
            false => self.recount(
                data,
                plan,
                circumstances,
                Counted { beside: survey, looked },
                curves,
                &mut incomplete,
            )?,
            true if incomplete.is_empty() => {
                incomplete.push("stopped before it was counted again; the next run goes on".to_owned());
            }
            true => {}
        }
        match incomplete.is_empty() {
            true => Ok(part),
            false => Ok(part.ended(RunState::Incomplete, incomplete.join("; "))),
        }
    }

    /// A decision is carried out when none of its records is left, held ones among them: it stands over nothing that
    /// comes later.
    fn carried_out(
        &self,
        case: Matter,
        data: &Data,
        plan: &DataPlan,
        place: usize,
        circumstances: &Circumstances,
        executed: &Executed,
    ) -> Result<(), EngineError> {
        if !executed.incomplete.is_empty() || !plan.gaps.is_empty() {
            return Ok(());
        }
        let mut scope = plan::scope(data, circumstances);
        scope.target = Arc::clone(&plan.target);
        let predicate = plan.selections.stages[place].base.clone();
        let group = crate::adapter::api::Group { predicate, start: None, samples: 0 };
        let counted = self.engine.inspect(&data.target.store)?.count(&scope, &[group])?;
        if counted.gaps.is_empty() && counted.tallies.first().is_some_and(|tally| tally.count == 0) {
            let done = Change::Execute(case, executed.done);
            self.engine.state.change_case(self.engine.clock.now(), None, &done)?;
        }
        Ok(())
    }

    /// Whether the decision of a case still lets its records go: somebody may have taken it back.
    fn taken_back(&self, case: Matter, then: &Circumstances) -> Result<Option<Halt>, StateError> {
        let (cases, now) = (self.engine.state.cases(false)?, self.engine.clock.now());
        let stands = review::still_lets_go(self.policy, case, &then.cases, then.now, &cases, now);
        Ok((!stands).then(|| Halt::Outdated(format!("the decision in review case {case} was taken back"))))
    }

    /// Lets every store that lost something finish it: what cannot be finished now makes the run incomplete.
    fn settle(&self, target: &Target) -> Vec<String> {
        let everywhere = std::iter::once(target.clone()).chain(target.elsewhere());
        let settled = everywhere.map(|target| self.engine.dispose(&target.store)?.settle(&target));
        settled.filter_map(|settled: Result<(), StoreError>| Some(settled.err()?.to_string())).collect()
    }

    /// Carries out one stage. A hold that came meanwhile, and of whose records only the store can tell, makes a new
    /// question of it; the rest goes on.
    fn stage(
        &self,
        data: &Data,
        plan: &DataPlan,
        place: usize,
        circumstances: &Circumstances,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Executed, EngineError> {
        let stage = &plan.stages[place];
        let what = format!("{} {} in {}", stage.action.word(), data.target.collection, data.target.store);
        progress.begin(&what, stage.due);
        let mut total = Executed::default();
        let mut circumstances = circumstances.clone();
        for asked in 1.. {
            let executed = self.once(data, plan, place, &circumstances, progress, stop)?;
            let outdated = executed.outdated.clone();
            total.go_on(executed);
            match outdated {
                Some(News::Hold(_)) if asked < HOLDS_AT_ONCE => {
                    circumstances.holds = Arc::new(along::holds(self.engine, self.policy)?);
                }
                Some(news) => {
                    total.incomplete.push(news.to_string());
                    break;
                }
                None => break,
            }
        }
        progress.end();
        Ok(total)
    }

    /// Carries out one stage until something comes of which its question knows nothing.
    fn once(
        &self,
        data: &Data,
        plan: &DataPlan,
        place: usize,
        circumstances: &Circumstances,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Executed, AuditLost> {
        let engine = self.engine;
        let stage = &plan.stages[place];
        let selection = &plan.selections.stages[place];
        let Some(start) = &selection.start else { return Ok(Executed::default()) };
        let (scope, predicate) = self.question(data, plan, place, circumstances);
        let act = match &stage.action {
            Action::Delete => Act::Delete,
            _ => Act::Change(stage.changes.clone()),
        };
        let job = Job {
            scope,
            predicate,
            start: Arc::clone(start),
            due: selection.due.clone(),
            act,
            aggregate: stage.aggregate.clone(),
            expected: stage.due,
        };
        let look = self.last_look(data, plan, place, circumstances)?;
        let of = forecast::of(data.index, stage.class.as_deref(), stage.stage);
        let label = BatchLabel {
            batch: BatchId::at(self.now),
            run: self.id,
            policy: self.policy.id.clone(),
            store: data.target.store.clone(),
            collection: data.target.collection.clone(),
            class: stage.class.clone(),
            stage: stage.stage,
            action: stage.action.word().to_owned(),
        };
        let planned = Planned {
            log: circumstances.log,
            events: self.policy.events().into_iter().map(str::to_owned).collect(),
            decided: selection.decided.map(|matter| matter.case),
            holds: holding::asked(circumstances.holds.iter()),
        };
        let halt = || self.halt(selection.decided, circumstances);
        let hash = &self.policy.hash;
        let assignment =
            Assignment { label, hash, of: &of, job, look, most: usize::MAX, planned: &planned, halt: &halt };
        if stage.action == Action::Delete && companions::elsewhere(&data.target) {
            return companions::execute(
                engine,
                self.policy,
                data,
                &assignment,
                circumstances,
                progress,
                stop,
            );
        }
        match engine.dispose(&data.target.store) {
            Ok(store) => execute::execute(engine, store, &assignment, &mut |_, _| Ok(Ok(())), progress, stop),
            Err(error) => Ok(Executed { incomplete: vec![error.to_string()], ..Executed::default() }),
        }
    }

    /// What a stage would act on: due, not needed and not held.
    pub(super) fn question(
        &self,
        data: &Data,
        plan: &DataPlan,
        place: usize,
        circumstances: &Circumstances,
    ) -> (Scope, Predicate) {
        let mut data_now = data.clone();
        data_now.target = Arc::clone(&plan.target);
        let holds = circumstances.holds.iter();
        let held = holding::held(self.policy, &data_now, &plan.schema, holds);
        let (predicate, _) = select::held(plan.selections.stages[place].acts.clone(), &held);
        let mut scope = plan::scope(data, circumstances);
        scope.target = Arc::clone(&plan.target);
        (scope, predicate)
    }

    /// Whether the window has closed, or the decision that lets the records go does not stand any more. What is
    /// recorded between this look and the intent stops the intent itself.
    fn halt(
        &self,
        decided: Option<Matter>,
        circumstances: &Circumstances,
    ) -> Result<Option<Halt>, StateError> {
        if let Some(why) = outside_window(self.policy, self.engine.clock.now()) {
            return Ok(Some(Halt::Closed(why)));
        }
        decided.map_or(Ok(None), |case| self.taken_back(case, circumstances))
    }
}
