//! What may keep the next run from a record that is due: the gates that need no counts, and how the last run ended.

use crate::model::run::RunState;
use crate::model::schema::Identity;
use crate::policy::rule::{Data, Policy};
use crate::state::api::{Approval, PastRun};
use crate::time::Instant;

use super::gate::Answer;
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

/// How a run ended, and why, if it was stopped or left something undone. An approval resolves a stop that came before it.
pub(super) fn bad_end(last: &PastRun, approval: Option<&Approval>) -> Option<(RunState, String)> {
    let state = last.note.state.filter(|state| matches!(state, RunState::Stopped | RunState::Incomplete))?;
    let is_resolved = state == RunState::Stopped && approval.is_some_and(|approval| approval.at > last.began);
    (!is_resolved).then(|| (state, last.note.reason.clone().unwrap_or_default()))
}
