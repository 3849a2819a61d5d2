//! `forfall daemon`: runs by schedule until told to stop.

use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::session::Session;
use super::{Context, orphans};
use crate::daemon::telemetry::{self, LogFormat};
use crate::daemon::upkeep::Upkeep;
use crate::daemon::{self, DaemonError, Load, Loaded};

pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    telemetry::start(if context.output.is_json() { LogFormat::Json } else { LogFormat::Text });
    let loaded = load(context)?;
    let again = context.clone();
    let load: Load = Box::new(move || {
        load(&again).map_err(|failure| {
            format!("{failure}\n{}", failure.shown.as_deref().unwrap_or_default()).trim_end().to_owned()
        })
    });
    daemon::run(loaded, load).map_err(|error| match error {
        DaemonError::Engine(error) => error.into(),
        DaemonError::Ticker(_) | DaemonError::SetUp(_) => Failure::internal(error.to_string()),
    })?;
    Ok(Exit::Done)
}

fn load(context: &Context) -> Result<Loaded, Failure> {
    let session = Session::open_valid(context)?;
    for warning in orphans::warnings(&session)? {
        tracing::warn!("{warning}");
    }
    let upkeep = Upkeep::new(
        Arc::clone(&session.state),
        Arc::clone(&context.clock),
        Arc::clone(&session.publisher),
        session.config.audit.retention,
        session.zone(),
    );
    let desk = session.desk();
    let textfile = session.config.metrics.textfile.clone();
    let desk = Arc::new(if textfile.is_some() { desk.shown() } else { desk });
    Ok(Loaded {
        engine: session.engine,
        policies: session.policies,
        upkeep: Arc::new(upkeep),
        desk,
        textfile,
    })
}
