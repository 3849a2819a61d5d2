//! Reviews: a run opens one case for all records that wait at an `escalate` stage, and a decision becomes a selection of
//! its own that the next run carries out through the same gates.
//!
//! A case is about the records that were due when a run last looked before the decision: the decision covers exactly
//! those, by their start. What falls due later makes the next case.

mod asking;

use std::collections::HashSet;
use std::sync::Arc;

use chrono::NaiveDate;

use super::approvers::Approvers;
use super::gate::Answer;
use super::plan::{self, DataPlan, StagePlan};
use super::{Engine, EngineError};
use crate::model::action::{Action, Escalate};
use crate::model::key::Key;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::review::{Case, Decision, Matter, Ruling, Seat, Verdict, Waiting};
use crate::model::start::Start;
use crate::policy::rule::{Data, Policy, Stage};
use crate::policy::select::{Selections, StageSelection};
use crate::policy::timing;
use crate::state::review::Change;
use crate::time::{Instant, StartSet, StartValue};

pub(super) use asking::already_asked;
pub use asking::{InCase, Question, case_of};

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
/// its records go. The older case first: a newer one is about what no decision stood over when it was opened.
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
        let rulings =
            cases.iter().filter(|case| case.waiting.seat == seat).flat_map(|case| case.rulings(now));
        for ruling in rulings {
            let (about, due) = about(policy, stage, start, &ruling);
            let covered = selection.acts.clone().and(about.clone());
            selection.acts = selection.acts.clone().and(about.negated());
            if ruling.decision.lets_go(now, today(policy, now)).is_err() {
                continue;
            }
            let reached = data.target.reached_by.iter().cloned().map(Predicate::Reached);
            let unreached = reached.fold(covered.clone(), |all, reach| all.and(reach.negated()));
            going.push(StageSelection {
                acts: unreached,
                base: covered,
                due,
                decided: Some(ruling.matter),
                ..selection.clone()
            });
        }
    }
    selections.stages.extend(going);
    selections
}

/// The records that a decision is about: those whose starts were due when a run last looked before it, and of them the
/// ones that were named, or all but those.
fn about(policy: &Policy, stage: &Stage, start: &Arc<Start>, ruling: &Ruling<'_>) -> (Predicate, StartSet) {
    let due = timing::due_set(policy, stage, ruling.seen);
    let by_then = Predicate::Start { start: start.clone(), is: StartIs::In(due.clone()) };
    let keys = |keys: &HashSet<Key>| Predicate::KeyIn(Arc::new(keys.clone()));
    let about = match &ruling.only {
        Some(only) => by_then.and(keys(only)),
        None if ruling.but.is_empty() => by_then,
        None => by_then.and(keys(&ruling.but).negated()),
    };
    (about, due)
}

/// Whether a decision lets go at `now` what a plan has counted for it: nobody has taken it back, or decided otherwise
/// over some of its records. `then` is what the plan knew.
pub(super) fn still_lets_go(
    policy: &Policy,
    matter: Matter,
    then: &[Case],
    at: Instant,
    cases: &[Case],
    now: Instant,
) -> bool {
    fn find(cases: &[Case], matter: Matter, now: Instant) -> Option<Ruling<'_>> {
        let case = cases.iter().find(|case| case.id == matter.case)?;
        case.rulings(now).into_iter().find(|ruling| ruling.matter == matter)
    }
    let (Some(before), Some(ruling)) = (find(then, matter, at), find(cases, matter, now)) else {
        return false;
    };
    ruling.decision == before.decision
        && ruling.only == before.only
        // Parts that were carried out meanwhile are forgotten; one that came meanwhile is not in the plan.
        && ruling.but.is_subset(&before.but)
        && ruling.decision.lets_go(now, today(policy, now)).is_ok()
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
            let seen = engine.state.change_case(now, None, &Change::See(waiting))?;
            // A decision that was taken back leaves a second case for the same records: one is enough.
            let same =
                |case: &&Case| case.is_open() && case.waiting.seat == seen.waiting.seat && case.id != seen.id;
            for other in cases.iter().filter(same) {
                engine.state.change_case(now, None, &Change::Lapse(other.id))?;
            }
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
    let own = cases.iter().filter(|case| case.waiting.seat.policy == policy.id);
    let rulings: Vec<(&Case, Ruling<'_>)> =
        own.flat_map(|case| case.rulings(now).into_iter().map(move |ruling| (case, ruling))).collect();
    for (case, ruling) in &rulings {
        let decision = ruling.decision;
        if let Err(why) = rests_on(policy, &case.waiting.seat, decision, today(policy, now)) {
            return Answer::Stop(format!("review case {} {why}", ruling.matter));
        }
    }
    for stage in &plan.stages {
        let Some(matter) = plan.selections.stages[stage.selection].decided else { continue };
        let ruling = rulings.iter().map(|(_, ruling)| ruling).find(|ruling| ruling.matter == matter);
        if let Some(Err(why)) =
            ruling.map(|ruling| decided_by_enough(ruling.decision, policy.approvers, given))
        {
            return Answer::Stop(format!(
                "review case {matter} {why}: `forfall review cancel {}`, and others have to decide again",
                matter.case
            ));
        }
        let seen = ruling.map_or(0, |ruling| ruling.records);
        if stage.due + stage.held > seen {
            return Answer::Stop(format!(
                "review case {matter} was decided over {seen} records and {} are there now: `forfall review cancel {}`, \
                 look at them, and decide again",
                stage.due + stage.held,
                matter.case
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
