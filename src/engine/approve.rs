//! Approval: somebody has seen the counts and says go. It makes the stores recognisable, binds to what was seen, and
//! stores the first forecast.

use std::collections::HashSet;
use std::sync::Arc;

use crate::audit::entry::{ApprovalGiven, Body};
use crate::policy::diagnostic::Severity;
use crate::policy::fit;
use crate::policy::rule::Policy;
use crate::state::api::{Actor, Approval, Curve, Filter, StateError, StateStore};

use super::plan::{self, Circumstances, DataPlan};
use super::{Engine, EngineError, forecast};

/// What is offered for approval.
#[derive(Debug)]
pub struct Offer {
    /// The plan of each `[[data]]`.
    pub plans: Vec<DataPlan>,
    /// Everything that a run would change now: the number that has to be typed.
    pub count: u64,
}

/// Plans a policy for approval, with example keys. Every store must answer and nothing may stand in the way.
pub fn offer(engine: &Engine, policy: &Policy, samples: usize) -> Result<Offer, EngineError> {
    if let Some(question) = &policy.unresolved {
        return Err(EngineError::Refused(format!(
            "policy {} is unresolved ({question}): it never runs, so there is nothing to approve",
            policy.id
        )));
    }
    let circumstances =
        Circumstances { samples, ..super::run::circumstances(engine, policy, engine.clock.now())? };
    let mut plans = Vec::new();
    for data in &policy.data {
        let plan = plan::plan(engine.inspect(&data.target.store)?, policy, data, &circumstances)?;
        let acts = plan.stages.iter().any(|stage| stage.action.changes_the_store());
        if acts && !plan.schema.side_effects.is_empty() {
            let effects: Vec<_> =
                plan.schema.side_effects.iter().map(|effect| effect.text.as_str()).collect();
            return Err(EngineError::Refused(effects.join("; ")));
        }
        if acts && plan.schema.key.is_empty() {
            return Err(EngineError::Refused(format!(
                "{} in store {} has no key, so no record of it could ever be proven gone",
                data.target.collection, data.target.store
            )));
        }
        let unfit: Vec<_> = fit::fit(policy, data, &plan.schema)
            .into_iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| found.message)
            .collect();
        if !unfit.is_empty() {
            return Err(EngineError::Refused(format!(
                "{}: `forfall check` shows where, and what to write instead",
                unfit.join("; ")
            )));
        }
        plan::can_change(engine.inspect(&data.target.store)?, data, &plan.schema)?;
        plans.push(plan);
    }
    let count = plans.iter().map(DataPlan::due).sum();
    Ok(Offer { plans, count })
}

/// Whether the present count is near enough to the one that was approved unseen (`--count`).
pub fn near_enough(approved: u64, present: u64) -> bool {
    approved.abs_diff(present) <= (approved / 100).max(10)
}

/// How many of the newest approvals are looked through for other people's.
const LOOKED_AT: usize = 1_000;

/// How many different people gave this approval: the same text, for the same stores and collections, with about as
/// many records due. Who approved what stands in the audit log; what cannot be read there any more does not count.
pub fn people(state: &dyn StateStore, approval: &Approval) -> Result<usize, StateError> {
    let all = Filter {
        kind: Some("approval".to_owned()),
        policy: Some(approval.policy.clone()),
        newest_first: true,
        ..Filter::default()
    };
    let entries = state.find(&all, None, LOOKED_AT)?;
    let mut given = entries.iter().filter_map(|placed| match &placed.entry.body {
        Body::Approval(given) => Some(given),
        _ => None,
    });
    let Some(newest) = given.next().filter(|newest| newest.hash == approval.hash) else { return Ok(0) };
    let same = |other: &&ApprovalGiven| {
        other.hash == newest.hash
            && other.bound_to == newest.bound_to
            && near_enough(other.count, newest.count)
    };
    let people: HashSet<&str> =
        std::iter::once(newest).chain(given.filter(same)).map(|given| given.by.as_str()).collect();
    Ok(people.len())
}

/// Gives the approval: adopts the stores, counts again, and records everything.
/// `count` is what the approver has seen; if more is due by now, nothing is approved.
pub fn give(engine: &Engine, policy: &Policy, by: &Actor, count: u64) -> Result<Approval, EngineError> {
    for data in &policy.data {
        engine.dispose(&data.target.store)?.adopt(&data.target)?;
        for there in data.target.elsewhere() {
            engine.dispose(&there.store)?.adopt(&there)?;
        }
    }
    let offer = offer(engine, policy, 0)?;
    if !near_enough(count, offer.count) {
        return Err(EngineError::Refused(format!(
            "{} records are due now, not {count}: look at `forfall plan {}` and approve that",
            offer.count, policy.id
        )));
    }
    let now = engine.clock.now();
    let circumstances = super::run::circumstances(engine, policy, now)?;
    let mut curves = Vec::new();
    for (data, plan) in policy.data.iter().zip(&offer.plans) {
        curves.extend(curves_of(engine, policy, data, plan, &circumstances)?);
    }
    let mut identities: Vec<_> = policy
        .data
        .iter()
        .zip(&offer.plans)
        .map(|(data, plan)| (data.target.store.clone(), plan.identity.clone()))
        .collect();
    for there in policy.data.iter().flat_map(|data| data.target.elsewhere()) {
        let identity = engine.inspect(&there.store)?.identity()?;
        identities.push((there.store, identity));
    }
    identities.sort_by(|(one, _), (other, _)| one.cmp(other));
    identities.dedup();
    let approval = Approval {
        policy: policy.id.clone(),
        hash: policy.hash.clone(),
        text: policy.text.to_string(),
        footing: policy.footing(),
        at: now,
        count: offer.count,
        identities,
        fingerprints: offer.plans.iter().map(|plan| plan.schema.fingerprint.clone()).collect(),
        curves,
    };
    engine.state.see_policy(now, &policy.id, &policy.hash, &policy.text)?;
    engine.state.approve(now, by, &approval)?;
    engine.state.checkpoint(engine.clock.now())?;
    Ok(approval)
}

fn curves_of(
    engine: &Engine,
    policy: &Policy,
    data: &crate::policy::rule::Data,
    plan: &DataPlan,
    circumstances: &Circumstances,
) -> Result<Vec<Curve>, EngineError> {
    let store = engine.inspect(&data.target.store)?;
    let circumstances = Circumstances { holds: Arc::clone(&circumstances.holds), ..circumstances.clone() };
    let mut curves = Vec::new();
    for (place, stage) in plan.stages.iter().enumerate() {
        if !stage.action.changes_the_store() || plan.selections.stages[place].decided.is_some() {
            continue;
        }
        if let Some(forecast) = forecast::forecast(store, policy, data, plan, place, &circumstances)? {
            if let Some(gap) = forecast.gaps.first() {
                return Err(EngineError::Refused(format!(
                    "{}: {}. Everything must be readable before a policy is approved",
                    gap.place, gap.reason
                )));
            }
            curves.push(forecast.curve);
        }
    }
    Ok(curves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::PolicyId;
    use crate::state::memory::MemoryState;

    #[test]
    fn two_people_are_two_names_for_one_thing() {
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        let state = MemoryState::new(now);
        let approval = |hash: &str, count: u64| Approval {
            policy: PolicyId::new("calls"),
            hash: hash.to_owned(),
            text: String::new(),
            footing: String::new(),
            at: now,
            count,
            identities: Vec::new(),
            fingerprints: Vec::new(),
            curves: Vec::new(),
        };
        let people = |who: &str, hash: &str, count: u64| {
            let given = approval(hash, count);
            state.approve(now, &Actor(who.to_owned()), &given).unwrap();
            people(&state, &given).unwrap()
        };
        assert_eq!(people("ada", "one", 100), 1);
        assert_eq!(people("ada", "one", 100), 1, "the same person twice is one");
        assert_eq!(people("bo", "one", 105), 2);
        assert_eq!(people("cy", "one", 5_000), 1, "nobody else saw so many");
        assert_eq!(people("ada", "two", 100), 1, "another text");
        assert_eq!(people("bo", "two", 100), 2);
    }

    #[test]
    fn ten_or_one_in_a_hundred_may_come_between() {
        assert!(near_enough(0, 10));
        assert!(!near_enough(0, 11));
        assert!(near_enough(5000, 5050));
        assert!(!near_enough(5000, 5051));
        assert!(near_enough(5000, 4950));
    }
}
