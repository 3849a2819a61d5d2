//! Before each batch: waiting while a store is under strain, and how gently to go about it when it is not.

use std::time::Duration;

use super::Engine;
use super::execute::{Assignment, AuditLost};
use super::progress::Stop;
use crate::adapter::api::{Pacing, Walk};

/// A store that is under strain for longer than this is left to the next run.
const PATIENCE: Duration = Duration::from_mins(10);
/// How often a store under strain is asked whether that is over.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Waits while the store is under strain, such as replicas that lag behind; then how to go about it. `Err` is why it was
/// not worth waiting for.
pub(super) fn unstrained(
    engine: &Engine,
    walk: &mut dyn Walk,
    assignment: &Assignment<'_>,
    stop: &Stop,
) -> Result<Result<Pacing, String>, AuditLost> {
    let began = engine.clock.monotonic();
    loop {
        let why = match walk.strain() {
            Ok(None) => return Ok(walk.pacing().map_err(|error| error.to_string())),
            Ok(Some(why)) => why,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if stop.is_asked() {
            return Ok(Err("stopped before its end; the next run goes on".to_owned()));
        }
        if engine.clock.monotonic().saturating_sub(began) >= PATIENCE || (assignment.halt)()?.is_some() {
            return Ok(Err(format!("the store was left in peace: {why}; the next run goes on")));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}
