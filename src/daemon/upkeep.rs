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
            match self.state.end_holds(now) {
                Ok(ended) => {
                    for hold in ended.by_themselves {
                        tracing::info!(%hold, "a hold has ended");
                    }
                }
                Err(error) => tracing::error!(%error, "the end of holds cannot be written down"),
            }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::audit::entry::Body;
    use crate::audit::note::Checkpoint;
    use crate::state::heads::Target;
    use crate::state::sqlite::SqliteState;
    use crate::time::ManualClock;
    use chrono::TimeZone as _;

    /// What the ticker waits between two looks.
    const TICK: std::time::Duration = std::time::Duration::from_secs(5);

    struct Scene {
        dir: tempfile::TempDir,
        clock: ManualClock,
        state: Arc<dyn StateStore>,
        upkeep: Upkeep,
    }

    fn scene() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let start = chrono::Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap();
        let clock = ManualClock::new(start);
        let state: Arc<dyn StateStore> =
            Arc::new(SqliteState::open(&dir.path().join("state.db"), start).unwrap());
        let publisher = Arc::new(Publisher::new(vec![Target::Directory(dir.path().join("out/heads"))]));
        let zone = "Europe/Oslo".parse().unwrap();
        let retention = Retention::default();
        let upkeep = Upkeep::new(Arc::clone(&state), Arc::new(clock.clone()), publisher, retention, zone);
        Scene { dir, clock, state, upkeep }
    }

    fn published(dir: &Path) -> Option<u64> {
        let note = fs_err::read_to_string(dir.join("out/heads/checkpoint")).ok()?;
        Some(Checkpoint::unverified(&note).unwrap().size)
    }

    /// Each entry's head is signed in the transaction that appends it, and is elsewhere at the next look.
    #[test]
    fn a_head_is_elsewhere_within_a_minute_of_each_entry() {
        let scene = scene();
        for _ in 0..20 {
            scene.state.append(scene.clock.now(), Body::Heartbeat {}).unwrap();
            let (size, written) = scene.state.log_head().unwrap();
            let signed = scene.state.last_checkpoint().unwrap().unwrap();
            assert_eq!(Checkpoint::unverified(&signed).unwrap().size, size);
            scene.clock.advance(TICK);
            scene.upkeep.look();
            assert_eq!(published(scene.dir.path()), Some(size));
            assert!(scene.clock.now() - written.unwrap() <= chrono::TimeDelta::seconds(60));
        }
    }

    #[test]
    fn each_idle_day_has_its_heartbeat_and_its_head() {
        let scene = scene();
        scene.upkeep.look();
        let (start, _) = scene.state.log_head().unwrap();
        for day in 1..=4 {
            for _ in 0..24 {
                scene.clock.advance(std::time::Duration::from_hours(1));
                scene.upkeep.look();
            }
            assert_eq!(scene.state.log_head().unwrap().0, start + day, "one entry for each day");
            assert_eq!(published(scene.dir.path()), Some(start + day));
        }
        let beats = crate::state::api::Filter { kind: Some("heartbeat".to_owned()), ..Default::default() };
        assert_eq!(scene.state.find(&beats, None, 10).unwrap().len(), 4);
    }

    #[test]
    fn a_place_that_is_away_gets_its_head_when_it_is_back() {
        let scene = scene();
        fs_err::write(scene.dir.path().join("out"), "a file where the disk should be mounted").unwrap();
        scene.upkeep.look();
        assert_eq!(published(scene.dir.path()), None);
        fs_err::remove_file(scene.dir.path().join("out")).unwrap();
        scene.clock.advance(TICK);
        scene.upkeep.look();
        assert_eq!(published(scene.dir.path()), Some(scene.state.log_head().unwrap().0));
    }
}
