//! Approval: somebody has seen the counts and says go. It makes the stores recognisable, binds to what was seen, and
//! stores the first forecast.

use crate::model::ids::PolicyId;
use crate::policy::diagnostic::Severity;
use crate::policy::fit;
use crate::policy::rule::Policy;
use crate::state::api::{Actor, Approval, Curve};
use crate::state::bound_to;
use crate::time::{After, Instant, StartValue, due};

use super::plan::{self, Circumstances, DataPlan};
use super::{Engine, EngineError, approvers, forecast};

/// What is offered for approval.
#[derive(Debug)]
pub struct Offer {
    /// The plan of each `[[data]]`.
    pub plans: Vec<DataPlan>,
    /// Everything that a run would change now: the number that has to be typed.
    pub count: u64,
    /// The moment by which that is due.
    now: Instant,
}

/// Plans a policy for approval, with example keys. Every store must answer and nothing may stand in the way.
pub fn offer(engine: &Engine, policy: &Policy, samples: usize) -> Result<Offer, EngineError> {
    if let Some(question) = &policy.unresolved {
        return Err(EngineError::Refused(format!(
            "policy {} is unresolved ({question}): it never runs, so there is nothing to approve",
            policy.id
        )));
    }
    let now = engine.clock.now();
    let circumstances = Circumstances { samples, ..super::run::circumstances(engine, policy, now)? };
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
        let store = engine.inspect(&data.target.store)?;
        plan::can_change(store, data, &plan.schema)?;
        plan::can_aggregate(store, data).map_err(|(_, error)| error)?;
        plans.push(plan);
    }
    let count = plans.iter().map(DataPlan::due).sum();
    Ok(Offer { plans, count, now })
}

/// Whether the present count is near enough to the one that was approved unseen (`--count`).
pub fn near_enough(approved: u64, present: u64) -> bool {
    approved.abs_diff(present) <= (approved / 100).max(10)
}

/// Gives the approval: adopts the stores, counts again, and records everything.
/// `count` is what the approver has seen; if more is due by now, nothing is approved. `author` is who wrote the text,
/// where the approver says that somebody else did.
pub fn give(
    engine: &Engine,
    policy: &Policy,
    by: &Actor,
    author: Option<&Actor>,
    count: u64,
) -> Result<Approval, EngineError> {
    let author = author_of(engine, policy, by, author)?;
    for data in &policy.data {
        let store = engine.dispose(&data.target.store)?;
        store.adopt(&data.target)?;
        for aggregate in data.stages().filter_map(|(_, stage)| stage.aggregate.as_deref()) {
            store.adopt_aggregate(&data.target, aggregate)?;
        }
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
    // The forecast begins where the count ended: the hours of both lie on one ruler.
    let circumstances = Circumstances { now: offer.now, ..super::run::circumstances(engine, policy, now)? };
    let mut curves = Vec::new();
    for (data, plan) in policy.data.iter().zip(&offer.plans) {
        curves.extend(curves_of(engine, policy, data, plan, &circumstances, now)?);
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
        author,
        asked: asked(engine, policy)?,
        count: offer.count,
        identities,
        fingerprints: offer.plans.iter().map(|plan| plan.schema.fingerprint.clone()).collect(),
        curves,
        cancelled: None,
    };
    is_news(engine, policy, by, &approval)?;
    engine.state.see_policy(now, &policy.id, &policy.hash, &policy.text)?;
    engine.state.approve(now, by, &approval)?;
    engine.state.checkpoint(engine.clock.now())?;
    Ok(approval)
}

/// Who answers for the text as its author: who the first approval of it said, else whoever gives the first one now.
fn author_of(
    engine: &Engine,
    policy: &Policy,
    by: &Actor,
    named: Option<&Actor>,
) -> Result<Option<Actor>, EngineError> {
    let state = &*engine.state;
    let Some(known) = approvers::of(state, &policy.id, &policy.hash)?.author else {
        return Ok(Some(named.unwrap_or(by).clone()));
    };
    let known = state.actor(&known)?;
    match (&known, named) {
        (Some(known), Some(named)) if known != named => Err(EngineError::Refused(format!(
            "the first approval of this text of policy {} says that {} wrote it: that cannot be changed afterwards, so \
             approve without --author",
            policy.id, known.0
        ))),
        _ => Ok(known),
    }
}

/// How many people have to approve the text: a text that asks fewer than the one before it is brought in by as many as
/// that one asked for. Else one person could abolish the rule of two.
fn asked(engine: &Engine, policy: &Policy) -> Result<u32, EngineError> {
    let Some(before) = engine.state.approval(&policy.id)? else { return Ok(policy.approvers) };
    if before.hash == policy.hash {
        return Ok(policy.approvers.max(before.asked));
    }
    let of_text = (engine.recompile)(&policy.id, &before.text).map_or(before.asked, |text| text.approvers);
    let asked = of_text.max(before.asked);
    let given = approvers::of(&*engine.state, &policy.id, &before.hash)?;
    // What that text had inherited itself is settled once so many have approved it.
    let settled = given.count(asked) >= asked as usize;
    Ok(policy.approvers.max(if settled { of_text } else { asked }))
}

/// Where several people are asked, neither the author nor the same person again has anything to add.
fn is_news(engine: &Engine, policy: &Policy, by: &Actor, approval: &Approval) -> Result<(), EngineError> {
    let (state, asked) = (&*engine.state, approval.asked);
    if asked < 2 {
        return Ok(());
    }
    let given = approvers::of(state, &policy.id, &policy.hash)?;
    let is_me = |person: &String| approvers::is(state, person, by);
    if given.author.as_ref().map(is_me).transpose()? == Some(true) {
        return Err(EngineError::Refused(format!(
            "you are the author of this text of policy {}, and so none of the {asked} people who have to approve it: \
             somebody else has to",
            policy.id
        )));
    }
    let count = given.count(asked);
    if count >= asked as usize || !given.said(&bound_to(approval), approval.count) {
        return Ok(());
    }
    for person in &given.people {
        if is_me(person)? {
            return Err(EngineError::Refused(format!(
                "you have approved policy {} already, and {asked} different people have to: {count} have so far",
                policy.id
            )));
        }
    }
    Ok(())
}

/// Takes the newest approval of a policy back while it still waits: for its waiting period to end, or for more people.
/// Anybody may. The policy then only observes, until somebody approves it again.
pub fn cancel(engine: &Engine, policy: &Policy, by: &Actor, reason: &str) -> Result<Approval, EngineError> {
    let approval = in_force(engine, &policy.id)?;
    let people = approvers::of(&*engine.state, &policy.id, &approval.hash)?;
    let asked = policy.approvers.max(approval.asked);
    let complete = people.count(asked) >= asked as usize;
    if complete && waits_until(policy, &approval).is_some_and(|ends| ends <= engine.clock.now()) {
        return Err(EngineError::Refused(format!(
            "the approval of policy {0} does not wait any more, and lets its runs act: `forfall pause --policy {0}` stops them \
             before the next batch",
            policy.id
        )));
    }
    take_back(engine, approval, by, reason)
}

/// Takes the approval of a policy whose file is gone back: nothing is done under it any more, and somebody says that this
/// is meant. A file that comes back under that name has to be approved like a new one.
pub fn retire(engine: &Engine, policy: &PolicyId, by: &Actor, reason: &str) -> Result<Approval, EngineError> {
    take_back(engine, in_force(engine, policy)?, by, reason)
}

fn in_force(engine: &Engine, policy: &PolicyId) -> Result<Approval, EngineError> {
    let Some(approval) = engine.state.approval(policy)? else {
        return Err(EngineError::Refused(format!(
            "policy {policy} is not approved, so there is nothing to cancel"
        )));
    };
    match &approval.cancelled {
        None => Ok(approval),
        Some(cancelled) => Err(EngineError::Refused(format!(
            "the approval of policy {policy} was cancelled already ({}): it only observes",
            cancelled.reason
        ))),
    }
}

fn take_back(engine: &Engine, approval: Approval, by: &Actor, reason: &str) -> Result<Approval, EngineError> {
    if !engine.state.cancel_approval(engine.clock.now(), by, &approval, reason)? {
        return Err(EngineError::Refused(format!(
            "policy {0} was approved anew at this moment: look at `forfall policy show {0}`, and cancel that",
            approval.policy
        )));
    }
    engine.state.checkpoint(engine.clock.now())?;
    Ok(approval)
}

/// Until when an approval waits before anything is done (`wait`); `None` if that never ends.
pub fn waits_until(policy: &Policy, approval: &Approval) -> Option<Instant> {
    let Some(wait) = policy.wait else { return Some(approval.at) };
    due(StartValue::Instant(approval.at), After::Period(wait), None, policy.zone)
}

fn curves_of(
    engine: &Engine,
    policy: &Policy,
    data: &crate::policy::rule::Data,
    plan: &DataPlan,
    circumstances: &Circumstances,
    made: Instant,
) -> Result<Vec<Curve>, EngineError> {
    let store = engine.inspect(&data.target.store)?;
    let mut curves = Vec::new();
    for (place, stage) in plan.stages.iter().enumerate() {
        if !stage.action.changes_the_store() || plan.selections.stages[place].decided.is_some() {
            continue;
        }
        let survey = forecast::Survey { policy, data, plan, place, circumstances };
        if let Some(forecast) = survey.forecast(store, None)? {
            if let Some(gap) = forecast.gaps.first() {
                return Err(EngineError::Refused(format!(
                    "{}: {}. Everything must be readable before a policy is approved",
                    gap.place, gap.reason
                )));
            }
            // What others do from now on is not in it.
            curves.push(Curve { made, ..forecast.curve });
        }
    }
    Ok(curves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_or_one_in_a_hundred_may_come_between() {
        assert!(near_enough(0, 10));
        assert!(!near_enough(0, 11));
        assert!(near_enough(5000, 5050));
        assert!(!near_enough(5000, 5051));
        assert!(near_enough(5000, 4950));
    }
}
