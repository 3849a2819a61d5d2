//! Wakes the worker. The only user of `tokio-cron-scheduler`, which polls the real clock, freezes a zone's offset and
//! forgets everything at a restart: so it is given one tick in UTC and decides nothing.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Every five seconds: soon enough for slots of a minute, seldom enough to cost nothing.
const TICK: &str = "*/5 * * * * *";

/// A running ticker.
pub struct Ticker(JobScheduler);

/// The ticker could not be started or stopped.
#[derive(Debug, Error)]
#[error("the ticker: {0}")]
pub struct TickerError(#[from] JobSchedulerError);

impl Ticker {
    /// Starts to notify.
    pub async fn start(wake: Arc<Notify>) -> Result<Self, TickerError> {
        let scheduler = JobScheduler::new().await?;
        let tick = Job::new_async(TICK, move |_, _| {
            let wake = Arc::clone(&wake);
            // A wake that nobody has taken yet is enough: notifications do not pile up.
            Box::pin(async move { wake.notify_one() })
        })?;
        scheduler.add(tick).await?;
        scheduler.start().await?;
        Ok(Self(scheduler))
    }

    /// Stops. Nothing is drained: there is nothing in it.
    pub async fn stop(mut self) -> Result<(), TickerError> {
        Ok(self.0.shutdown().await?)
    }
}
