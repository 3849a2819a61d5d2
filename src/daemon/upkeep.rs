//! What the daemon does for the log beside its runs: heads go elsewhere within a minute, and each day the log shows
//! that it is alive and disposes of what is past its own retention.

use std::sync::{Arc, Mutex, PoisonError};

use crate::state::api::StateStore;
use crate::state::heads::Publisher;
use crate::state::retention::{self, Retention};
use crate::time::{Clock, Instant, Zone};

/// How often the log's own retention is looked at.
const EVERY: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// Everything that it needs.
pub struct Upkeep {
    state: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
    publisher: Arc<Publisher>,
    retention: Retention,
    zone: Zone,
    last: Mutex<Option<Instant>>,
}

impl Upkeep {
    /// An upkeep that has done nothing yet.
    pub fn new(
        state: Arc<dyn StateStore>,
        clock: Arc<dyn Clock>,
        publisher: Arc<Publisher>,
        retention: Retention,
        zone: Zone,
    ) -> Self {
        Self { state, clock, publisher, retention, zone, last: Mutex::default() }
    }

    /// Does what is due. Called at each tick; what fails is told and tried again.
    pub fn look(&self) {
        let now = self.clock.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now - last >= EVERY || now < last) {
            match retention::keep(&*self.state, &self.retention, self.zone, now) {
                Ok(kept) => {
                    *last = Some(now);
                    if let Some(why) = &kept.refused {
                        tracing::warn!(why, "the log's own retention waits");
                    }
                    if kept.new_epoch.is_some() || !kept.destroyed.is_empty() || kept.pruned > 0 {
                        tracing::info!(?kept, "the log's upkeep");
                    }
                }
                Err(error) => tracing::error!(%error, "the log's upkeep failed"),
            }
        }
        self.publish(now);
    }

    fn publish(&self, now: Instant) {
        match self.publisher.publish(&*self.state, now) {
            Ok(failures) => failures.iter().for_each(|why| tracing::warn!(why, "a head was not published")),
            Err(error) => tracing::error!(%error, "the newest head cannot be read"),
        }
    }
}
