//! The long-running process: `lifecycle` turns signals into what to do, `telemetry` says what is going on.

pub mod lifecycle;
pub mod metrics;
mod notices;
pub mod telemetry;
pub mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Notify;

use crate::engine::progress::Stop;
use crate::engine::{Engine, EngineError};
use crate::notice::desk::Desk;
use crate::policy::rule::Policy;
use crate::schedule::ticker::{Ticker, TickerError};
use crate::schedule::worker::Worker;
use lifecycle::{Lifecycle, Order};
use notices::Notices;
use upkeep::Upkeep;

/// How long a stop waits for the running batches. Past that the process ends all the same: every open intent is
/// resolved at the next start.
const DRAIN: Duration = Duration::from_secs(9);

/// What a valid configuration gives.
pub struct Loaded {
    /// The opened stores and state.
    pub engine: Engine,
    /// The policies.
    pub policies: Vec<Policy>,
    /// What is done for the log beside the runs.
    pub upkeep: Arc<Upkeep>,
    /// What tells people.
    pub desk: Arc<Desk>,
    /// Where monitoring reads.
    pub textfile: Option<PathBuf>,
}

/// Reads the configuration again. An error is a text that was shown or logged already in full.
pub type Load = Box<dyn Fn() -> Result<Loaded, String> + Send>;

/// Why the daemon ended other than by being told to.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The engine cannot go on: the state or the audit log cannot be written.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The ticker failed.
    #[error(transparent)]
    Ticker(#[from] TickerError),
    /// Signals could not be taken over, or the runtime could not be made.
    #[error("the daemon could not be set up: {0}")]
    SetUp(#[from] std::io::Error),
}

/// Runs until it is told to stop.
pub fn run(loaded: Loaded, load: Load) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(until_stopped(loaded, load));
    // A run that does not end in time is left behind: its thread dies with the process.
    runtime.shutdown_background();
    result
}

async fn until_stopped(loaded: Loaded, load: Load) -> Result<(), DaemonError> {
    let mut lifecycle = Lifecycle::new()?;
    let stop = Arc::new(Stop::default());
    let names = loaded.policies.len();
    let (mut upkeep, mut desk) = (loaded.upkeep, loaded.desk);
    // Publishing may wait for a program: it runs beside the runs, never twice at once.
    let mut keeping = tokio::spawn(async {});
    let mut notices = Notices::new();
    let mut textfile = loaded.textfile;
    let mut worker = Worker::new(loaded.engine, loaded.policies, Arc::clone(&stop));
    worker.recover()?;
    let wake = Arc::new(Notify::new());
    let ticker = Ticker::start(Arc::clone(&wake)).await?;
    tracing::info!(policies = names, "ready");
    lifecycle.ready();
    wake.notify_one();
    loop {
        tokio::select! {
            order = lifecycle.next() => match order {
                Order::Stop => break,
                Order::Reload => {
                    lifecycle.reloading();
                    match load() {
                        Ok(loaded) => {
                            tracing::info!(policies = loaded.policies.len(), "reloaded");
                            (upkeep, desk) = (loaded.upkeep, loaded.desk);
                            textfile = loaded.textfile;
                            worker.replace(loaded.engine, loaded.policies);
                        }
                        Err(error) => tracing::error!(error, "the new configuration is invalid; the old one stays"),
                    }
                    lifecycle.ready();
                    wake.notify_one();
                }
            },
            () = wake.notified() => {
                worker.look()?;
                if keeping.is_finished() {
                    let upkeep = Arc::clone(&upkeep);
                    keeping = tokio::task::spawn_blocking(move || upkeep.look());
                }
                notices.tick(&desk, worker.is_distrusted(), textfile.as_deref());
                lifecycle.alive();
            }
        }
    }
    tracing::info!("stopping after the running batches");
    lifecycle.stopping();
    stop.ask();
    if tokio::time::timeout(DRAIN, worker.drain()).await.is_err() {
        tracing::warn!("a run is still counting; it is left, and goes on after the next start");
    }
    ticker.stop().await?;
    Ok(())
}
