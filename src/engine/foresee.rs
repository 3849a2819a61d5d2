//! What a run would do at an instant, gates included: the whole of a dry run.

use crate::adapter::api::{Inspect, StoreError};
use crate::model::ids::StoreName;
use crate::model::target::Target;
use crate::policy::rule::Policy;
use crate::time::Instant;

use super::gate::Answer;
use super::plan::{self, Along, Circumstances, DataPlan};
use super::run::{self, Begun};
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
        let (plan, orphans) = match plan {
            Ok((plan, store)) => {
                let orphans = orphans(store, &plan.target);
                (Ok(plan), orphans)
            }
            Err(error) => (Err(error), Vec::new()),
        };
        let answer = match &plan {
            Ok(plan) => {
                begun.gates(data, plan, approval.as_ref(), before.as_ref(), &curves, &circumstances)?
            }
            Err(_) => Answer::Open,
        };
        let unresolved = policy.unresolved.clone();
        parts.push(Foreseen { index: data.index, plan, orphans, answer, closed: closed.clone(), unresolved });
    }
    Ok(parts)
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
