//! What may keep the next run from a record that is due: the gates that need no counts, and how the last run ended.

use crate::model::run::RunState;
use crate::model::schema::Identity;
use crate::policy::rule::{Data, Policy};
use crate::state::api::{Approval, PastRun};
use crate::time::Instant;

use super::gate::{self, Answer};
use super::run::{self, Begun};
use super::{Engine, EngineError};

/// A pause, the policy's window, an approval that is missing or does not cover what is there, or a bad end of the last run;
/// in this order. The store is given as it is now: its identity and the schema's fingerprint.
pub fn hindrance(
    engine: &Engine,
    policy: &Policy,
    data: &Data,
    there: (&Identity, &str),
    now: Instant,
) -> Result<Option<String>, EngineError> {
    if let Some(closed) = run::closed(engine, policy, now)? {
        return Ok(Some(closed));
    }
    let begun = Begun::rehearsed(engine, policy, now);
    let approval = engine.state.approval(&policy.id)?;
    let before = approval.as_ref().and_then(|approval| (engine.recompile)(&policy.id, &approval.text));
    let given = begun.given(approval.as_ref())?;
    match begun.approved(data, there, approval.as_ref(), given.as_ref(), before.as_ref()) {
        Answer::Observe(reason) | Answer::Stop(reason) => return Ok(Some(reason)),
        Answer::Open => {}
    }
    let last = engine.state.runs(&policy.id, 1)?.pop();
    let end = last.and_then(|last| bad_end(&last, approval.as_ref()));
    Ok(end.map(|(state, reason)| format!("the last run was {state}: {reason}")))
}

/// What the approval that is in force still lacks before runs act: other people, or the end of the policy's waiting
/// period. A state, and why.
pub(super) fn not_yet(
    engine: &Engine,
    policy: &Policy,
    approval: &Approval,
    now: Instant,
) -> Result<Option<(&'static str, String)>, EngineError> {
    let begun = Begun::rehearsed(engine, policy, now);
    // One person is whoever approved: the log is read only where more are asked.
    if policy.approvers.max(approval.asked) > 1
        && let Some(given) = begun.given(Some(approval))?
        && let Answer::Observe(reason) = gate::approvers::judge(&given, policy, approval)
    {
        return Ok(Some(("not approved", reason)));
    }
    match begun.waited(Some(approval)) {
        Answer::Observe(reason) => Ok(Some(("observed", reason))),
        Answer::Open | Answer::Stop(_) => Ok(None),
    }
}

/// How a run ended, and why, if it was stopped or left something undone. An approval resolves a stop that came before it.
pub(super) fn bad_end(last: &PastRun, approval: Option<&Approval>) -> Option<(RunState, String)> {
    let state = last.note.state.filter(|state| matches!(state, RunState::Stopped | RunState::Incomplete))?;
    let is_resolved = state == RunState::Stopped && approval.is_some_and(|approval| approval.at > last.began);
    (!is_resolved).then(|| (state, last.note.reason.clone().unwrap_or_default()))
}
