//! The end of a run that a fault in the program cut off: nobody else will write it.

use crate::audit::entry::{Phase, RunNote};
use crate::engine::{Engine, EngineError};
use crate::model::ids::PolicyId;
use crate::model::run::RunState;

/// What the log and `status` say of such a run. The fault's own message may hold anything, so it is not repeated.
const REASON: &str = "a fault in the program ended the run (its own log has the message). Nothing was left half \
                      recorded: the next run asks the store what became of an open batch, and goes on. Please report it";

/// Ends the newest run of a policy as incomplete, if it has no end. Does nothing while somebody has the policy's lease:
/// then that run is alive.
pub fn abandon(engine: &Engine, policy: &PolicyId) -> Result<(), EngineError> {
    let Some(_lease) = engine.state.lease(policy)? else { return Ok(()) };
    let newest = engine.state.runs(policy, 1)?.into_iter().next();
    let Some(run) = newest.filter(|run| run.ended.is_none()) else { return Ok(()) };
    let note = RunNote {
        phase: Phase::Finished,
        state: Some(RunState::Incomplete),
        reason: Some(REASON.to_owned()),
        ..run.note
    };
    engine.state.finish_run(engine.clock.now(), &note, None)?;
    engine.state.checkpoint(engine.clock.now())?;
    Ok(())
}
