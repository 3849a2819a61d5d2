//! What a run would do at an instant, gates included: the whole of a dry run.

use crate::adapter::api::{Inspect, StoreError};
use crate::model::ids::StoreName;
use crate::model::target::Target;
use crate::policy::rule::{Data, Policy};
use crate::time::Instant;

use super::gate::Answer;
use super::plan::{self, Along, Circumstances, DataPlan, StagePlan};
use super::review;
use super::run::{self, Begun};
use super::unknown::{self, Reasons};
use super::{Engine, EngineError};

/// The plan for one `[[data]]`, with what the gates would say.
#[derive(Debug)]
pub struct Foreseen {
    /// Which `[[data]]`, from 0.
    pub index: usize,
    /// The counts, or why there are none.
    pub plan: Result<DataPlan, StoreError>,
    /// Rows of what goes with records that belong to none, where the store can tell; without a number where counting them
    /// failed. Nothing is done to them.
    pub orphans: Vec<Along>,
    /// Why records are undetermined; `None` where that could not be looked up.
    pub unknown: Option<Reasons>,
    /// What the gates would answer.
    pub answer: Answer,
    /// Why nothing may be done at that instant at all: a pause, or the policy's window.
    pub closed: Option<String>,
    /// The question that keeps the policy from running.
    pub unresolved: Option<String>,
}

/// Plans every `[[data]]` of a policy and asks the gates. A store that does not answer becomes part of the answer.
pub fn foresee(
    engine: &Engine,
    policy: &Policy,
    at: Instant,
    samples: usize,
) -> Result<Vec<Foreseen>, EngineError> {
    let circumstances = Circumstances { samples, ..run::circumstances(engine, policy, at)? };
    let begun = Begun::rehearsed(engine, policy, at);
    let closed = run::closed(engine, policy, at)?;
    let approval = engine.state.approval(&policy.id)?;
    let before = approval.as_ref().and_then(|approval| (engine.recompile)(&policy.id, &approval.text));
    let curves = engine.state.curves(&policy.id)?;
    let mut parts = Vec::new();
    for data in &policy.data {
        let plan = engine
            .inspect(&data.target.store)
            .and_then(|store| Ok((plan::plan(store, policy, data, &circumstances)?, store)));
        let (plan, orphans, unknown) = match plan {
            Ok((mut plan, store)) => {
                let orphans = orphans(store, &plan.target);
                // None of it changes what would be done: the plan stands without.
                let unknown = unknown::reasons(store, policy, data, &plan, &circumstances).ok();
                let asked = review::already_asked(store, policy, data, &plan, &circumstances);
                let routes = routes(store, data, &plan, &circumstances);
                let told = asked.unwrap_or_default().into_iter().chain(std::iter::repeat(0)).zip(routes);
                for (stage, (asked, route)) in plan.stages.iter_mut().zip(told) {
                    (stage.asked, stage.route) = (asked, route);
                }
                (Ok(plan), orphans, unknown)
            }
            Err(error) => (Err(error), Vec::new(), None),
        };
        let answer = match &plan {
            Ok(plan) => {
                begun.gates(data, plan, approval.as_ref(), before.as_ref(), &curves, &circumstances)?
            }
            Err(_) => Answer::Open,
        };
        let unresolved = policy.unresolved.clone();
        let closed = closed.clone();
        parts.push(Foreseen { index: data.index, plan, orphans, unknown, answer, closed, unresolved });
    }
    Ok(parts)
}

/// How a run would walk the records of each stage.
fn routes(
    store: &dyn Inspect,
    data: &Data,
    plan: &DataPlan,
    circumstances: &Circumstances,
) -> Vec<Option<String>> {
    let scope = plan::scope(&plan::with_references(data, &plan.schema), circumstances);
    let route = |stage: &StagePlan| {
        if !stage.action.changes_the_store() || stage.due == 0 {
            return None;
        }
        if stage.aggregate.is_some() {
            return Some("each record locked and counted before it goes".to_owned());
        }
        let selection = plan.selections.stages.get(stage.selection)?;
        store.route(&scope, &selection.acts, selection.start.as_ref(), stage.due).ok().flatten()
    };
    plan.stages.iter().map(route).collect()
}

/// What goes with records of the same store, with how much of it belongs to none.
fn orphans(store: &dyn Inspect, target: &Target) -> Vec<Along> {
    if target.with.is_empty() {
        return Vec::new();
    }
    // Nothing depends on them: a table that takes too long to look through costs the plan nothing but their number.
    let counted = store.orphans(target).ok();
    let here = target.goes_along().filter(|(store, _)| **store == target.store).map(|along| (along, None));
    let found: Vec<_> = match counted {
        Some(counts) => target.goes_along().zip(counts).filter(|(_, count)| count.is_some()).collect(),
        None => here.collect(),
    };
    let one = |((store, collection), count): ((&StoreName, &str), Option<u64>)| Along {
        store: store.clone(),
        collection: collection.to_owned(),
        count,
    };
    found.into_iter().map(one).collect()
}
