//! One execution of one policy: lease, recovery, plan, gates, batches, recount, and an honest state at the end.

use std::cell::Cell;
use std::sync::Arc;

use crate::adapter::api::{Act, Job, StoreError};
use crate::audit::entry::{Body, Phase, RunNote, Slots, StageDone};
use crate::model::action::Action;
use crate::model::batch::BatchLabel;
use crate::model::hold::Held;
use crate::model::ids::{BatchId, RunId, StoreName};
use crate::model::predicate::Predicate;
use crate::model::run::{RunState, Trigger};
use crate::policy::rule::{Data, Policy};
use crate::policy::{select, timing};
use crate::state::api::{Approval, Curve, Filter, PauseScope, Placed, StateError};
use crate::time::{Instant, guard};

use super::execute::{Assignment, AuditLost, Executed, Halt};
use super::gate::Answer;
use super::plan::{Circumstances, DataPlan};
use super::progress::{Progress, Stop};
use super::{Engine, EngineError, companions, execute, forecast, gate, plan, recover};

/// How many new events are read at once.
const EVENTS: usize = 1_000;

/// Why and for which slots a run takes place.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// Why.
    pub trigger: Trigger,
    /// The slots it stands for.
    pub slots: Option<Slots>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// Whether it began at all: an unresolved policy does not, nor one that another process is running.
    pub begun: bool,
    /// How it ended as a whole: the worst of its parts.
    pub state: RunState,
    /// Why it ended so.
    pub reason: Option<String>,
    /// One part for each `[[data]]`.
    pub parts: Vec<Part>,
}

/// A run's part on one `[[data]]`.
#[derive(Debug)]
pub struct Part {
    /// The store.
    pub store: StoreName,
    /// The collection.
    pub collection: String,
    /// How it ended.
    pub state: RunState,
    /// Why.
    pub reason: Option<String>,
    /// What each stage did.
    pub stages: Vec<StageDone>,
    /// Due and unheld when it began.
    pub due: u64,
    /// Worth telling.
    pub remarks: Vec<String>,
}

impl Part {
    fn new(data: &Data) -> Self {
        Self {
            store: data.target.store.clone(),
            collection: data.target.collection.clone(),
            state: RunState::Complete,
            reason: None,
            stages: Vec::new(),
            due: 0,
            remarks: Vec::new(),
        }
    }

    fn ended(mut self, state: RunState, reason: impl Into<String>) -> Self {
        self.state = state;
        self.reason = Some(reason.into());
        self
    }
}

/// Runs a policy now.
pub fn run(
    engine: &Engine,
    policy: &Policy,
    occasion: &Occasion,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Report, EngineError> {
    let now = engine.clock.now();
    let id = RunId::at(now);
    let begun = Begun { engine, policy, occasion, id, now };
    if let Some(question) = &policy.unresolved {
        return Ok(begun.not_begun(RunState::Observed, &format!("unresolved: {question}")));
    }
    let (_, newest) = engine.state.log_head()?;
    if let guard::Verdict::Distrusted(why) = guard::judge(now, newest, guard::BUILD_DATE, None) {
        return Ok(begun.not_begun(RunState::Stopped, &why.to_string()));
    }
    // The lease lives as long as this function: no other process runs the policy meanwhile.
    let Some(_lease) = engine.state.lease(&policy.id)? else {
        return Ok(begun.not_begun(RunState::Incomplete, "another process is running this policy"));
    };
    engine.state.see_policy(now, &policy.id, &policy.hash, &policy.text)?;
    engine.state.begin_run(now, &begun.note(Phase::Started))?;
    let recovered = recover::recover_open(engine, |open| open.intent.label.policy == policy.id)?;
    let outcome = match recovered.unresolved.first() {
        Some((batch, why)) => Ok((
            begun.parts(
                RunState::Incomplete,
                &format!("batch {batch} of an earlier run is still open: {why}"),
            ),
            None,
        )),
        None => begun.parts_of_all_data(progress, stop),
    };
    let (parts, curves) = outcome?;
    let report = begun.report(parts);
    let mut note = begun.note(Phase::Finished);
    note.state = Some(report.state);
    note.reason.clone_from(&report.reason);
    note.stages = report.parts.iter().flat_map(|part| part.stages.clone()).collect();
    engine.state.finish_run(engine.clock.now(), &note, curves.as_deref())?;
    engine.state.checkpoint(engine.clock.now())?;
    engine.state.settle()?;
    Ok(report)
}

/// A run that has begun, or the rehearsal of one.
pub(super) struct Begun<'a> {
    engine: &'a Engine,
    policy: &'a Policy,
    occasion: &'a Occasion,
    id: RunId,
    now: Instant,
}

impl<'a> Begun<'a> {
    /// For a dry run: only gates are asked, and nothing is written.
    pub(super) fn rehearsed(engine: &'a Engine, policy: &'a Policy, now: Instant) -> Self {
        const OCCASION: &Occasion = &Occasion { trigger: Trigger::Operator, slots: None };
        Self { engine, policy, occasion: OCCASION, id: RunId::at(now), now }
    }
}

impl Begun<'_> {
    fn note(&self, phase: Phase) -> RunNote {
        RunNote {
            run: self.id,
            policy: self.policy.id.clone(),
            hash: self.policy.hash.clone(),
            phase,
            trigger: self.occasion.trigger,
            slots: self.occasion.slots.clone(),
            cutoff: self.now,
            state: None,
            reason: None,
            stages: Vec::new(),
        }
    }

    fn parts(&self, state: RunState, reason: &str) -> Vec<Part> {
        self.policy.data.iter().map(|data| Part::new(data).ended(state, reason)).collect()
    }

    fn not_begun(&self, state: RunState, reason: &str) -> Report {
        let parts = self.parts(state, reason);
        Report { run: self.id, begun: false, state, reason: Some(reason.to_owned()), parts }
    }

    fn report(&self, parts: Vec<Part>) -> Report {
        let worst = parts.iter().max_by_key(|part| severity(part.state));
        let state = worst.map_or(RunState::Complete, |part| part.state);
        let reason = worst.and_then(|part| part.reason.clone());
        Report { run: self.id, begun: true, state, reason, parts }
    }

    /// Plans everything and asks every gate before the first deletion anywhere, then acts.
    fn parts_of_all_data(
        &self,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<(Vec<Part>, Option<Vec<Curve>>), EngineError> {
        let Self { engine, policy, .. } = *self;
        if let Some(closed) = closed(engine, policy, self.now)? {
            return Ok((self.parts(RunState::Paused, &closed), None));
        }
        let circumstances = circumstances(engine, self.now)?;
        let approval = engine.state.approval(&policy.id)?;
        let before = approval.as_ref().and_then(|approval| (engine.recompile)(&policy.id, &approval.text));
        let curves = engine.state.curves(&policy.id)?;
        let mut planned = Vec::new();
        for data in &policy.data {
            let plan = engine
                .inspect(&data.target.store)
                .and_then(|store| plan::plan(store, policy, data, &circumstances));
            let judged = plan.map_err(EngineError::Store).and_then(|plan| {
                let answer =
                    self.gates(data, &plan, approval.as_ref(), before.as_ref(), &curves, &circumstances)?;
                Ok((plan, answer))
            });
            match judged {
                Ok((plan, answer)) => planned.push((data, Ok(plan), answer)),
                // One store that does not answer makes its own part incomplete, not the others'.
                Err(EngineError::Store(error)) => planned.push((data, Err(error), Answer::Open)),
                Err(error) => return Err(error),
            }
        }
        // One gate that stops one part stops the whole run: a policy is one decision.
        let stopped = planned.iter().find_map(|(_, _, answer)| match answer {
            Answer::Stop(reason) => Some(reason.clone()),
            _ => None,
        });
        let mut parts = Vec::new();
        let mut new_curves = Vec::new();
        for (data, plan, answer) in planned {
            let mut part = Part::new(data);
            let plan = match plan {
                Ok(plan) => plan,
                Err(error) => {
                    parts.push(part.ended(RunState::Incomplete, error.to_string()));
                    continue;
                }
            };
            part.due = plan.due();
            part.remarks.clone_from(&plan.remarks);
            part = match (answer, &stopped) {
                (Answer::Observe(reason), _) => part.ended(RunState::Observed, reason),
                (Answer::Stop(reason), _) => part.ended(RunState::Stopped, reason),
                (Answer::Open, Some(reason)) => {
                    part.ended(RunState::Stopped, format!("another part of the policy was stopped: {reason}"))
                }
                (Answer::Open, None) => {
                    self.act(data, &plan, part, &circumstances, &mut new_curves, progress, stop)?
                }
            };
            parts.push(part);
        }
        let complete = parts.iter().all(|part| part.state == RunState::Complete);
        Ok((parts, (complete && !new_curves.is_empty()).then_some(new_curves)))
    }

    pub(super) fn gates(
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
        let mut answer = gate::approval::judge(
            approval,
            before,
            self.policy,
            data,
            &plan.identity,
            &plan.schema.fingerprint,
        )
        .and_then(|| self.waited(approval));
        if answer == Answer::Open
            && let Some(approval) = approval
        {
            // What goes along is disposed of in those stores too: they must be the ones that were approved.
            for there in data.target.elsewhere() {
                let identity = self.engine.inspect(&there.store)?.identity()?;
                answer = answer.and_then(|| gate::approval::store(approval, &there.store, &identity));
            }
        }
        answer = answer.and_then(|| gate::limits::judge(&self.policy.limit, plan.due(), plan.total));
        if answer != Answer::Open {
            return Ok(answer);
        }
        let would_empty = would_empty(self.engine, data, plan, circumstances)?;
        let deleting = || plan.stages.iter().filter(|stage| stage.action == Action::Delete);
        let foreseen = deleting().filter_map(|stage| {
            let of = forecast::of(data.index, stage.class.as_deref(), stage.stage);
            let curve = curves.iter().find(|curve| curve.of == of)?;
            Some(forecast::expected(curve, self.now))
        });
        let (going, foreseen) = (deleting().map(|stage| stage.due).sum(), foreseen.sum());
        for (place, stage) in plan.stages.iter().enumerate() {
            if !stage.action.changes_the_store() {
                continue;
            }
            let of = forecast::of(data.index, stage.class.as_deref(), stage.stage);
            let curve = curves.iter().find(|curve| curve.of == of);
            let done_since = match curve {
                Some(curve) => self.engine.state.done_since(&self.policy.id, &of, curve.made)?,
                None => 0,
            };
            let Some(baseline) = self.baseline(data, plan, place)? else { continue };
            let seen = gate::forecast::Seen {
                curve,
                now: self.now,
                due: stage.due,
                held: stage.held,
                done_since,
                baseline: baseline.0,
                would_empty: would_empty && stage.action == Action::Delete,
                going,
                foreseen,
                may_empty: self.policy.limit.may_empty,
            };
            answer = gate::forecast::judge(&seen);
            if answer != Answer::Open {
                return Ok(answer);
            }
        }
        Ok(Answer::Open)
    }

    /// `wait`: a time between approval and action in which anybody may still object.
    fn waited(&self, approval: Option<&Approval>) -> Answer {
        let (Some(wait), Some(approval)) = (self.policy.wait, approval) else { return Answer::Open };
        let ends = crate::time::due(
            crate::time::StartValue::Instant(approval.at),
            crate::time::After::Period(wait),
            None,
            self.policy.zone,
        );
        match ends {
            Some(ends) if ends <= self.now => Answer::Open,
            Some(ends) => Answer::Observe(format!("approved, and waiting until {ends} before it acts")),
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

    #[expect(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
    fn act(
        &self,
        data: &Data,
        plan: &DataPlan,
        mut part: Part,
        circumstances: &Circumstances,
        curves: &mut Vec<Curve>,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Part, EngineError> {
        let mut incomplete: Vec<String> =
            plan.gaps.iter().map(|gap| format!("{}: {}", gap.place, gap.reason)).collect();
        let mut changed = false;
        for (place, stage) in plan.stages.iter().enumerate() {
            let executed = if stage.due == 0 || !stage.action.changes_the_store() {
                Executed::default()
            } else {
                self.stage(data, plan, place, circumstances, progress, stop)?
            };
            changed |= executed.done > 0;
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
            incomplete.extend(executed.incomplete);
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
        let store = self.engine.dispose(&data.target.store)?;
        if changed && let Err(error) = store.settle(&plan.target) {
            part.remarks.push(error.to_string());
        }
        match stop.is_asked() {
            false => self.recount(data, plan, circumstances, curves, &mut incomplete)?,
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

    fn stage(
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
        let held = Held::of_data(&circumstances.holds.iter(), &self.policy.id, &data.target);
        let (predicate, _) = select::held(selection.acts.clone(), &held);
        let mut scope = plan::scope(data, circumstances);
        scope.target = Arc::clone(&plan.target);
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
            expected: stage.due,
        };
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
        let seen = Cell::new(circumstances.log);
        let halt = || self.halt(&seen);
        let hash = &self.policy.hash;
        let assignment = Assignment { label, hash, of: &of, job, most: usize::MAX, halt: &halt };
        let what = format!("{} {} in {}", stage.action.word(), data.target.collection, data.target.store);
        progress.begin(&what, stage.due);
        let executed = if stage.action == Action::Delete && companions::elsewhere(&data.target) {
            companions::execute(engine, data, &assignment, circumstances, progress, stop)
        } else {
            match engine.dispose(&data.target.store) {
                Ok(store) => {
                    execute::execute(engine, store, &assignment, &mut |_, _| Ok(Ok(())), progress, stop)
                }
                Err(error) => Ok(Executed { incomplete: vec![error.to_string()], ..Executed::default() }),
            }
        };
        progress.end();
        executed
    }

    /// Whether the window has closed, or an event was recorded of which the plan knows nothing: what it protects
    /// would go, because events are part of the plan's conditions. `seen` is how much of the log is known.
    fn halt(&self, seen: &Cell<u64>) -> Result<Option<Halt>, StateError> {
        if let Some(why) = outside_window(self.policy, self.engine.clock.now()) {
            return Ok(Some(Halt::Closed(why)));
        }
        let state = &self.engine.state;
        let (size, _) = state.log_head()?;
        let filter = Filter { kind: Some("event".to_owned()), ..Filter::default() };
        let mut after = seen.replace(size).checked_sub(1);
        loop {
            let page = state.find(&filter, after, EVENTS)?;
            let known = |placed: &Placed| match &placed.entry.body {
                Body::Event(note) => !self.policy.names_event(&note.name),
                _ => true,
            };
            if !page.iter().all(known) {
                let why = "an event was recorded meanwhile, and what is due may be something else now; the next run \
                           goes on";
                return Ok(Some(Halt::Outdated(why.to_owned())));
            }
            match page.last() {
                Some(last) if page.len() == EVENTS => after = Some(last.index),
                _ => return Ok(None),
            }
        }
    }

    /// Counts again what is due and unheld, and makes the next forecast, in one pass for each stage.
    fn recount(
        &self,
        data: &Data,
        plan: &DataPlan,
        circumstances: &Circumstances,
        curves: &mut Vec<Curve>,
        incomplete: &mut Vec<String>,
    ) -> Result<(), EngineError> {
        let store = self.engine.inspect(&data.target.store)?;
        // Holds that came during the run keep their records: they are not left over.
        let fresh = Circumstances { holds: Arc::new(self.engine.state.holds()?), ..circumstances.clone() };
        for (place, stage) in plan.stages.iter().enumerate() {
            if !stage.action.changes_the_store() {
                continue;
            }
            match forecast::forecast(store, self.policy, data, plan, place, &fresh) {
                Ok(Some(forecast)) => {
                    incomplete
                        .extend(forecast.gaps.iter().map(|gap| format!("{}: {}", gap.place, gap.reason)));
                    if forecast.left > 0 {
                        match exactly_left(store, self.policy, data, plan, place, &fresh) {
                            Ok(0) => {}
                            Ok(left) => incomplete
                                .push(format!("counted again, {left} records are still due and not held")),
                            Err(error) => incomplete.push(format!("could not be counted again: {error}")),
                        }
                    }
                    curves.push(forecast.curve);
                }
                Ok(None) => {}
                Err(error) => incomplete.push(format!("could not be counted again: {error}")),
            }
        }
        Ok(())
    }
}

/// A number of records to compare with, if the curve cannot serve.
struct Baseline(Option<u64>);

/// The recount by the whole predicate: the survey also counts what meanwhile belongs to a later stage.
fn exactly_left(
    store: &dyn crate::adapter::api::Inspect,
    policy: &Policy,
    data: &Data,
    plan: &DataPlan,
    place: usize,
    circumstances: &Circumstances,
) -> Result<u64, StoreError> {
    let held = Held::of_data(&circumstances.holds.iter(), &policy.id, &data.target);
    let (predicate, _) = select::held(plan.selections.stages[place].acts.clone(), &held);
    let mut scope = plan::scope(data, circumstances);
    scope.target = Arc::clone(&plan.target);
    let group = crate::adapter::api::Group { predicate, start: None, samples: 0 };
    Ok(store.count(&scope, &[group])?.tallies.first().map_or(0, |tally| tally.count))
}

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

/// Why nothing may be done now at all: a pause, or the policy's window.
pub fn closed(engine: &Engine, policy: &Policy, now: Instant) -> Result<Option<String>, EngineError> {
    for scope in engine.state.pauses()? {
        let text = match &scope {
            PauseScope::All => "everything is paused".to_owned(),
            PauseScope::Policy(id) if *id == policy.id => "this policy is paused".to_owned(),
            PauseScope::Store(store) if policy.data.iter().any(|data| data.target.store == *store) => {
                format!("store {store} is paused")
            }
            _ => continue,
        };
        return Ok(Some(format!("{text}: `forfall resume` lets it go on")));
    }
    Ok(outside_window(policy, now))
}

fn outside_window(policy: &Policy, now: Instant) -> Option<String> {
    let window = policy.window.as_ref().filter(|window| !window.contains(now, policy.zone))?;
    Some(format!("outside its window {window}"))
}

/// What all plans of one moment share.
pub fn circumstances(engine: &Engine, now: Instant) -> Result<Circumstances, EngineError> {
    // The log first: an event recorded between the two is then told of twice, and none is lost.
    let (log, _) = engine.state.log_head()?;
    Ok(Circumstances {
        now,
        log,
        overdue_at: None,
        events: Arc::new(engine.state.events()?),
        holds: Arc::new(engine.state.holds()?),
        samples: 0,
    })
}

fn severity(state: RunState) -> u8 {
    match state {
        RunState::Complete => 0,
        RunState::Observed => 1,
        RunState::Paused => 2,
        RunState::Incomplete => 3,
        RunState::Stopped => 4,
    }
}

impl From<AuditLost> for EngineError {
    fn from(AuditLost(error): AuditLost) -> Self {
        Self::State(error)
    }
}
