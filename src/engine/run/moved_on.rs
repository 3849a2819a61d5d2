//! Records that the forecast of one stage counted and that are a later stage's by now, because no run came between the
//! two due dates: a record counts in the last stage that is due. They are asked for in the store by what they are: what
//! a later stage has beyond them explains nothing that is missing here.

use std::sync::Arc;

use super::Begun;
use crate::adapter::api::Group;
use crate::engine::plan::{Circumstances, DataPlan, StagePlan};
use crate::engine::{EngineError, forecast, plan};
use crate::model::predicate::{Predicate, StartIs};
use crate::policy::rule::Data;
use crate::state::api::Curve;

/// How many records this stage would act on if no later stage had become due for them since the forecast. One on which the
/// stage was done before it went on is none of them, nor is one that was a later stage's already: the forecast counted
/// neither. Who holds them, and what a review decided over them, does not matter.
pub(super) fn since(
    begun: &Begun<'_>,
    data: &Data,
    plan: &DataPlan,
    place: usize,
    curves: &[Curve],
    circumstances: &Circumstances,
) -> Result<u64, EngineError> {
    let (stage, selection) = (&plan.stages[place], &plan.selections.stages[place]);
    let (Some(curve), Some(start)) = (curve_of(curves, data, stage), &selection.start) else { return Ok(0) };
    // Not `made`: that is when the run ended which counted what was due when it began.
    let Some((then, _)) = curve.points.first() else { return Ok(0) };
    let due = Predicate::Start { start: Arc::clone(start), is: StartIs::In(selection.due.clone()) };
    let mut here = selection.base.clone().and(due);
    let mut later = Vec::new();
    for stage in &plan.stages {
        let other = &plan.selections.stages[stage.selection];
        let follows = other.branch == selection.branch && other.stage > selection.stage;
        if !follows || other.decided.is_some() || other.due.is_empty() {
            continue;
        }
        let Some(start) = &other.start else { continue };
        let due_at = |set| Predicate::Start { start: Arc::clone(start), is: StartIs::In(set) };
        let known = plan::set_at(begun.policy, data, &plan.selections, stage.selection, *then);
        if !known.is_empty() {
            here = here.and(due_at(known).negated());
        }
        later.push((stage, due_at(other.due.clone())));
    }
    let mut groups = Vec::new();
    for (_, is_due) in later.iter().rev() {
        groups.push(Group { predicate: here.clone().and(is_due.clone()), start: None, samples: 0 });
        here = here.and(is_due.clone().negated());
    }
    if groups.is_empty() {
        return Ok(0);
    }
    let mut scope = plan::scope(data, circumstances);
    scope.target = Arc::clone(&plan.target);
    // What cannot be read is not counted and explains nothing: the run stops rather than goes. So do starts that cannot be
    // known. The plan has the same gaps, with which no run is complete.
    let counted = begun.engine.inspect(&data.target.store)?.count(&scope, &groups)?;
    let most = later.iter().rev().map(|(stage, _)| foreseen(begun, data, stage, curves));
    Ok(counted.tallies.iter().zip(most).map(|(tally, most)| tally.count.min(most)).sum())
}

/// How many records may have come to a later stage: where it changes the store, no more than its own forecast said, lest
/// starts that were tampered with explain that records are missing where they belong. Else people look at them first.
fn foreseen(begun: &Begun<'_>, data: &Data, later: &StagePlan, curves: &[Curve]) -> u64 {
    if !later.action.changes_the_store() {
        return u64::MAX;
    }
    curve_of(curves, data, later).map_or(0, |curve| {
        let before = curve.points.first().map_or(0, |(_, count)| *count);
        forecast::expected_by(curve, begun.now).saturating_sub(before)
    })
}

fn curve_of<'c>(curves: &'c [Curve], data: &Data, stage: &StagePlan) -> Option<&'c Curve> {
    let of = forecast::of(data.index, stage.class.as_deref(), stage.stage);
    curves.iter().find(|curve| curve.of == of)
}
