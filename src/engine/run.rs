//! One execution of one policy: lease, recovery, plan, gates, batches, recount, and an honest state at the end.

mod abandoned;
mod acting;
mod freed;
mod gating;
mod moved_on;
mod recount;

use std::sync::Arc;

use crate::audit::entry::{Phase, RunNote, Slots, StageDone};
use crate::model::ids::{RunId, StoreName};
use crate::model::run::{RunState, Trigger};
use crate::policy::rule::{Data, Policy};
use crate::state::api::{Curve, PastRun, PauseScope};
use crate::time::{Instant, guard};

use super::execute::{AuditLost, Gone};
use super::gate::Answer;
use super::plan::Circumstances;
use super::progress::{Progress, Stop};
use super::{Engine, EngineError, along, plan, recover, review, unsettled};

pub use abandoned::abandon;

/// So many runs that only observed or were stopped may follow one that left something to be settled.
const LOOKED_BACK: usize = 30;

/// How much of a reason the log keeps, in characters.
const LONGEST_REASON: usize = 2_000;

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
    /// What went with its records, by store and collection.
    pub along: Gone,
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
            along: Gone::new(),
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
    let mut begun = Begun { engine, policy, occasion, id, now, left_unsettled: false };
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
    engine.state.end_holds(now)?;
    // A run that did not end well may have left things in a store that only the next one can finish.
    begun.left_unsettled = left_unsettled(&engine.state.runs(&policy.id, LOOKED_BACK)?);
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
    // An entry has to fit into the log's export, and the first gaps say what the thousandth does.
    note.reason = report.reason.as_ref().map(|reason| reason.chars().take(LONGEST_REASON).collect());
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
    /// The run before did not end well: its stores are settled even if this run changes nothing.
    left_unsettled: bool,
}

impl<'a> Begun<'a> {
    /// For a dry run: only gates are asked, and nothing is written.
    pub(super) fn rehearsed(engine: &'a Engine, policy: &'a Policy, now: Instant) -> Self {
        const OCCASION: &Occasion = &Occasion { trigger: Trigger::Operator, slots: None };
        Self { engine, policy, occasion: OCCASION, id: RunId::at(now), now, left_unsettled: false }
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
        let circumstances = circumstances(engine, policy, self.now)?;
        let approval = engine.state.approval(&policy.id)?;
        let before = approval.as_ref().and_then(|approval| (engine.recompile)(&policy.id, &approval.text));
        let curves = engine.state.curves(&policy.id)?;
        let mut planned = Vec::new();
        for data in &policy.data {
            let plan = engine
                .inspect(&data.target.store)
                .and_then(|store| plan::plan(store, policy, data, &circumstances));
            if let Ok(plan) = &plan {
                review::look(engine, policy, data, plan, self.now)?;
            }
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
        // Nothing that was done depends on it, and the next run looks again.
        if !stop.is_asked()
            && let Err(error) = unsettled::look(engine, policy, self.now)
        {
            tracing::warn!(policy = %policy.id, %error, "records without a start were not looked at");
        }
        let complete = parts.iter().all(|part| part.state == RunState::Complete);
        Ok((parts, (complete && !new_curves.is_empty()).then_some(new_curves)))
    }
}

/// Whether the newest of these runs that did anything did not come to a good end; newest first.
fn left_unsettled(past: &[PastRun]) -> bool {
    let acted = |run: &&PastRun| !matches!(run.note.state, Some(RunState::Observed | RunState::Stopped));
    past.iter()
        .find(acted)
        .map_or(past.len() == LOOKED_BACK, |run| run.note.state != Some(RunState::Complete))
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
        return Ok(Some(format!("{text}: `{}` lets it go on", scope.resume())));
    }
    Ok(outside_window(policy, now))
}

fn outside_window(policy: &Policy, now: Instant) -> Option<String> {
    let window = policy.window.as_ref().filter(|window| !window.contains(now, policy.zone))?;
    Some(format!("outside its window {window}"))
}

/// What all plans of a policy at one moment share.
pub fn circumstances(engine: &Engine, policy: &Policy, now: Instant) -> Result<Circumstances, EngineError> {
    // The log first: an event recorded between the two is then told of twice, and none is lost.
    let (log, _) = engine.state.log_head()?;
    Ok(Circumstances {
        now,
        log,
        overdue_at: None,
        events: Arc::new(engine.state.events()?),
        holds: Arc::new(along::holds(engine, policy)?),
        cases: Arc::new(engine.state.cases(false)?),
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
