//! Reviews: a run opens one case for all records that wait at an `escalate` stage, and a decision becomes a selection of
//! its own that the next run carries out through the same gates.
//!
//! A case is about the records that were due when a run last looked before the decision: the decision covers exactly
//! those, by their start. What falls due later makes the next case.

use chrono::NaiveDate;

use super::approvers::Approvers;
use super::gate::Answer;
use super::plan::{self, DataPlan, StagePlan};
use super::{Engine, EngineError};
use crate::model::action::{Action, Escalate};
use crate::model::predicate::{Predicate, StartIs};
use crate::model::review::{Case, Decision, Seat, Verdict, Waiting};
use crate::policy::rule::{Data, Policy, Stage};
use crate::policy::select::{Selections, StageSelection};
use crate::policy::timing;
use crate::state::review::Change;
use crate::time::{Instant, StartValue};

/// Where the records of a stage stand.
pub fn seat(policy: &Policy, data: &Data, class: Option<&str>, stage: usize) -> Seat {
    Seat {
        policy: policy.id.clone(),
        store: data.target.store.clone(),
        collection: data.target.collection.clone(),
        class: class.map(str::to_owned),
        stage,
    }
}

/// The `escalate` stage that a case is about; `None` if the policy has it no more.
pub fn stage_of<'a>(policy: &'a Policy, seat: &Seat) -> Option<(&'a Stage, &'a Escalate)> {
    let sits = |data: &&Data| data.target.store == seat.store && data.target.collection == seat.collection;
    policy.data.iter().filter(sits).find_map(|data| {
        let branch = data.branches.iter().find(|branch| branch.class == seat.class)?;
        let stage = branch.stages.iter().find(|stage| stage.number == seat.stage)?;
        if let Action::Escalate(escalate) = &stage.action { Some((stage, escalate)) } else { None }
    })
}

/// Takes the records that a decision stands over out of what waits, and adds a selection for each decision that lets
/// its records go. The newest decision counts.
pub(super) fn with_decisions(
    policy: &Policy,
    data: &Data,
    mut selections: Selections,
    cases: &[Case],
    now: Instant,
) -> Selections {
    let mut going = Vec::new();
    for selection in &mut selections.stages {
        let stage = plan::stage_of(data, selection);
        let (Action::Escalate(_), Some(start)) = (&stage.action, &selection.start) else { continue };
        let seat = seat(policy, data, selection.class.as_deref(), stage.number);
        for case in cases.iter().rev().filter(|case| case.waiting.seat == seat) {
            let Some(decision) = case.standing(now) else { continue };
            let due = timing::due_set(policy, stage, case.waiting.seen);
            let by_then = Predicate::Start { start: start.clone(), is: StartIs::In(due.clone()) };
            let covered = selection.acts.clone().and(by_then.clone());
            selection.acts = selection.acts.clone().and(by_then.negated());
            if decision.lets_go(now, today(policy, now)).is_err() {
                continue;
            }
            let reached = data.target.reached_by.iter().cloned().map(Predicate::Reached);
            let unreached = reached.fold(covered.clone(), |all, reach| all.and(reach.negated()));
            going.push(StageSelection {
                acts: unreached,
                base: covered,
                due,
                decided: Some(case.id),
                ..selection.clone()
            });
        }
    }
    selections.stages.extend(going);
    selections
}

/// The day that it is in the policy's zone.
pub fn today(policy: &Policy, now: Instant) -> NaiveDate {
    policy.zone.local(now).date()
}

/// Opens a case for what waits, lets an open one grow, and closes one that nothing waits for any more.
pub(super) fn look(
    engine: &Engine,
    policy: &Policy,
    data: &Data,
    plan: &DataPlan,
    now: Instant,
) -> Result<(), EngineError> {
    let cases = engine.state.cases(false)?;
    for stage in &plan.stages {
        let Action::Escalate(escalate) = &stage.action else { continue };
        let seat = seat(policy, data, stage.class.as_deref(), stage.stage);
        let open = cases.iter().find(|case| case.is_open() && case.waiting.seat == seat);
        if stage.due + stage.held > 0 {
            let waiting = waiting(policy, data, plan, stage, escalate, seat, now);
            engine.state.change_case(now, None, &Change::See(waiting))?;
        } else if let Some(case) = open.filter(|_| plan.gaps.is_empty()) {
            engine.state.change_case(now, None, &Change::Lapse(case.id))?;
        }
    }
    Ok(())
}

fn waiting(
    policy: &Policy,
    data: &Data,
    plan: &DataPlan,
    stage: &StagePlan,
    escalate: &Escalate,
    seat: Seat,
    now: Instant,
) -> Waiting {
    let written = plan::stage_of(data, &plan.selections.stages[stage.selection]);
    Waiting {
        seat,
        seen: now,
        records: stage.due + stage.held,
        oldest: stage.oldest.map(text),
        newest: stage.newest.map(text),
        oldest_due: stage.oldest.and_then(|oldest| timing::due_at(policy, written, oldest)),
        deadline: stage.oldest.and_then(|oldest| timing::deadline(policy, written, oldest)),
        to: escalate.to.clone(),
        question: escalate.question.clone(),
        remind: escalate.remind.map(|period| period.to_string()),
        decisions: escalate.decisions.iter().filter_map(|word| Verdict::of_word(word)).collect(),
        needs: escalate.needs.clone(),
    }
}

fn text(value: StartValue) -> String {
    match value {
        StartValue::Instant(at) => at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        StartValue::Date(day) => day.to_string(),
    }
}

/// Whether the decisions of a policy may be carried out as it is now: each has its stage, and none has more records
/// than the people who decided had seen.
pub(super) fn judge(
    policy: &Policy,
    plan: &DataPlan,
    cases: &[Case],
    given: &Approvers,
    now: Instant,
) -> Answer {
    for case in cases.iter().filter(|case| case.waiting.seat.policy == policy.id) {
        let Some(decision) = case.standing(now) else { continue };
        if let Err(why) = rests_on(policy, &case.waiting.seat, decision, today(policy, now)) {
            return Answer::Stop(format!("review case {} {why}", case.id));
        }
    }
    for stage in &plan.stages {
        let Some(id) = plan.selections.stages[stage.selection].decided else { continue };
        let case = cases.iter().find(|case| case.id == id);
        if let Some(decision) = case.and_then(|case| case.decision.as_ref())
            && let Err(why) = decided_by_enough(decision, policy.approvers, given)
        {
            return Answer::Stop(format!(
                "review case {id} {why}: `forfall review cancel {id}`, and others have to decide again"
            ));
        }
        let seen = case.map_or(0, |case| case.waiting.records);
        if stage.due + stage.held > seen {
            return Answer::Stop(format!(
                "review case {id} was decided over {seen} records and {} are there now: `forfall review cancel {id}`, \
                 look at them, and decide again",
                stage.due + stage.held
            ));
        }
    }
    Answer::Open
}

/// Whether what a decision rests on is still there: its stage, and the consent of an outside authority.
fn rests_on(policy: &Policy, seat: &Seat, decision: &Decision, today: NaiveDate) -> Result<(), String> {
    let Some((_, escalate)) = stage_of(policy, seat) else {
        return Err(format!(
            "was decided for stage {} of {} in store {}, which the policy does not have any more: bring the stage back, \
             or take the decision back with `forfall review cancel`",
            seat.stage, seat.collection, seat.store
        ));
    };
    let again =
        "take the decision back with `forfall review cancel`, and decide again when there is a new one";
    if let Some(last) = decision.expired(today) {
        let reference = decision.reference.as_deref().unwrap_or("the consent");
        return Err(format!("was decided under {reference}, which was valid until {last}: {again}"));
    }
    let goes = matches!(decision.verdict, Verdict::Delete | Verdict::Transfer);
    match &escalate.needs {
        Some(authority) if goes && decision.reference.is_none() => Err(format!(
            "was decided without a decision of {authority}, which the policy now asks for: {again}"
        )),
        _ => Ok(()),
    }
}

/// What is asked of several people is asked of the author of the text in force last of all, also where they became its
/// author after they had decided.
fn decided_by_enough(decision: &Decision, asked: u32, given: &Approvers) -> Result<(), String> {
    let (people, author) = (&decision.by, given.author.as_ref());
    let others = people.iter().filter(|person| asked < 2 || Some(*person) != author).count();
    if others >= asked as usize {
        return Ok(());
    }
    let left_out = if others < people.len() { ", the author of the policy not counted" } else { "" };
    Err(format!("was decided by {others} of {asked} people{left_out}"))
}
