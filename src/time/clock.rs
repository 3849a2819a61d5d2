//! The clock, injected wherever time passes. Nothing outside this file reads the machine's clock.

use std::fmt::Debug;
use std::time::Duration;

use super::{Instant, whole_micros};

/// What time it is.
pub trait Clock: Send + Sync + Debug {
    /// The wall clock's time, in whole microseconds. It may jump in both directions: `guard::judge` decides
    /// whether deletions may trust it.
    fn now(&self) -> Instant;

    /// Time since an arbitrary fixed origin. It never goes back and no administrator can set it, so only
    /// differences mean something. It stands still while the machine is suspended.
    fn monotonic(&self) -> Duration;
}

/// The clock of this machine.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic origin is this call.
    #[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
    fn now(&self) -> Instant {
        whole_micros(chrono::Utc::now())
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

#[cfg(debug_assertions)]
pub use manual::ManualClock;

/// Absent from release builds, so that no option and no bug can put a test clock into production.
#[cfg(debug_assertions)]
mod manual {
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::{Clock, Instant, whole_micros};

    /// A clock that moves only when told to. Clones share the same time.
    #[derive(Debug, Clone)]
    pub struct ManualClock {
        hands: Arc<Mutex<Hands>>,
    }

    #[derive(Debug)]
    struct Hands {
        wall: Instant,
        monotonic: Duration,
    }

    impl ManualClock {
        /// A clock that shows `start`, with the monotonic clock at zero.
        pub fn new(start: Instant) -> Self {
            let hands = Hands { wall: whole_micros(start), monotonic: Duration::ZERO };
            Self { hands: Arc::new(Mutex::new(hands)) }
        }

        /// Lets time pass: both clocks move on together.
        pub fn advance(&self, by: Duration) {
            let mut hands = self.hands();
            let delta = TimeDelta::from_std(by).expect("a test advances by less than 292 million years");
            hands.wall = whole_micros(hands.wall + delta);
            hands.monotonic += by;
        }

        /// Somebody sets the wall clock: it jumps, while the monotonic clock stands.
        pub fn set(&self, now: Instant) {
            self.hands().wall = whole_micros(now);
        }

        fn hands(&self) -> MutexGuard<'_, Hands> {
            self.hands.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Instant {
            self.hands().wall
        }

        fn monotonic(&self) -> Duration {
            self.hands().monotonic
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_shows_whole_microseconds_and_runs_forward() {
        let clock = SystemClock::new();
        let (wall, first) = (clock.now(), clock.monotonic());
        assert_eq!(wall.timestamp_subsec_nanos() % 1_000, 0);
        assert!(clock.monotonic() >= first);
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_set_moves_only_the_wall_clock_and_clones_share_it() {
        let start: Instant = "2026-03-29T00:59:00Z".parse().unwrap();
        let clock = ManualClock::new(start);
        let seen_elsewhere = clock.clone();
        clock.advance(Duration::from_mins(1));
        assert_eq!(seen_elsewhere.now(), "2026-03-29T01:00:00Z".parse::<Instant>().unwrap());
        assert_eq!(seen_elsewhere.monotonic(), Duration::from_mins(1));
        clock.set(start);
        assert_eq!(seen_elsewhere.now(), start);
        assert_eq!(seen_elsewhere.monotonic(), Duration::from_mins(1));
    }
}
