//! `forfall review cancel POLICY`: takes an approval back that still waits, or whose policy has no file any more.

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::engine::approve;
use crate::model::ids::PolicyId;
use crate::time::Instant;

#[derive(Serialize)]
struct Cancelled<'a> {
    policy: &'a str,
    /// When it had been approved.
    approved: Instant,
    reason: &'a str,
}

pub(super) fn cancel(
    policy: &str,
    only: &[String],
    reason: &str,
    session: &Session,
    context: &Context,
) -> Result<Exit, Failure> {
    whole(only)?;
    let policy = session.policy(policy)?;
    let approval = approve::cancel(&session.engine, policy, &session.actor(), reason)?;
    if context.output.is_json() {
        context.output.json(&Cancelled { policy: policy.id.as_str(), approved: approval.at, reason })?;
        return Ok(Exit::Done);
    }
    context.output.prose(
        &format!(
            "The approval of {} of {} is cancelled. Until somebody approves the policy again it only observes and every \
             record is kept; no approval that was given before comes back.",
            policy.id,
            phrase::local(approval.at, policy.zone)
        ),
        2,
    )?;
    // Looked at once more after it was written: the waiting period may have ended in between.
    if approve::waits_until(policy, &approval).is_some_and(|ends| ends <= context.clock.now())
        && policy.wait.is_some()
    {
        context.output.warn(format!(
            "the waiting period has just ended: a run that had begun by then may go on. `forfall pause --policy {}` stops it",
            policy.id
        ));
    }
    Ok(Exit::Done)
}

/// The file is gone, and that is meant: from now on nobody is told of it any more.
pub(super) fn retire(
    policy: &PolicyId,
    only: &[String],
    reason: &str,
    session: &Session,
    context: &Context,
) -> Result<Exit, Failure> {
    whole(only)?;
    let approval = approve::retire(&session.engine, policy, &session.actor(), reason)?;
    if context.output.is_json() {
        context.output.json(&Cancelled { policy: policy.as_str(), approved: approval.at, reason })?;
        return Ok(Exit::Done);
    }
    context.output.prose(
        &format!(
            "The approval of {policy} of {} is cancelled. Its file is gone, and nothing was done under it any more; a file \
             that comes back under that name has to be approved like a new one.",
            phrase::local(approval.at, session.config.defaults.zone)
        ),
        2,
    )?;
    Ok(Exit::Done)
}

fn whole(only: &[String]) -> Result<(), Failure> {
    if only.is_empty() {
        return Ok(());
    }
    Err(Failure::usage("--only belongs to a case: an approval is for all records of its policy"))
}
