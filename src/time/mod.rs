//! Time: the clock, periods, due dates, schedules and windows. Everything but the clock is pure.
//!
//! Instants are UTC and are read to the microsecond, which is what databases keep; calendar arithmetic
//! happens on the wall clock of the policy's zone. Three rules settle every clock change:
//!
//! - For starts and dues, a local time that happens twice means the second, and one that never happens moves
//!   on by the gap ([`Zone::to_instant`]): in doubt a record stays longer.
//! - For slots of a schedule, one that is skipped runs when the gap ends, and one that repeats runs the first
//!   time ([`Schedule`]): in doubt we look earlier.
//! - A day starts when no clock in the zone will show an earlier day again ([`Zone::first_instant_of`]).

mod calendar;
pub mod clock;
mod cron;
mod cutoff;
mod due;
pub mod guard;
mod period;
mod window;
mod zone;

pub use calendar::{Cutoff, CutoffError};
#[cfg(debug_assertions)]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock};
pub use cron::{Schedule, ScheduleError, Slots};
pub use cutoff::{StartSet, cutoff};
pub use due::{StartValue, due};
pub use period::{After, Period, PeriodError};
pub use window::{Window, WindowError};
pub use zone::{Transition, WallTime, Zone, ZoneError};

/// A point on the time line, in UTC. Only whole microseconds count: see [`whole_micros`].
pub type Instant = chrono::DateTime<chrono::Utc>;

/// The instant without what is finer than a microsecond, cut towards the past.
///
/// A leap second written as `23:59:60` becomes the first second of the next day.
pub fn whole_micros(instant: Instant) -> Instant {
    Instant::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}
