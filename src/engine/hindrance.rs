//! Why the next run may not do what is due: told from the state alone, without asking a store.

use crate::model::run::RunState;
use crate::policy::rule::Policy;
use crate::time::Instant;

use super::{Engine, EngineError, approve, run};

/// A pause, a missing approval, a waiting period, or the last run that came to no good end; in this order.
pub fn hindrance(engine: &Engine, policy: &Policy, now: Instant) -> Result<Option<String>, EngineError> {
    if let Some(closed) = run::closed(engine, policy, now)? {
        return Ok(Some(closed));
    }
    let id = &policy.id;
    let approval = engine.state.approval(id)?;
    let Some(approval) = approval.filter(|approval| approval.cancelled.is_none()) else {
        return Ok(Some(format!("nobody has approved the policy: `forfall approve {id}` lets it act")));
    };
    match approve::waits_until(policy, &approval) {
        Some(ends) if ends <= now => {}
        Some(ends) => {
            let ends = policy.zone.local(ends).format("%Y-%m-%d %H:%M:%S");
            return Ok(Some(format!("the approval waits until {ends} ({}) before it acts", policy.zone)));
        }
        None => return Ok(Some("the waiting period of the approval never ends".to_owned())),
    }
    let last = engine.state.runs(id, 1)?.pop();
    let Some(last) = last else { return Ok(None) };
    // An approval resolves a stop that came before it.
    let how = match last.note.state {
        Some(RunState::Stopped) if approval.at <= last.began => "was stopped",
        Some(RunState::Incomplete) => "was incomplete",
        _ => return Ok(None),
    };
    Ok(Some(format!("the last run {how}: {}", last.note.reason.unwrap_or_default())))
}
