//! Whether deletions may trust the wall clock.
//!
//! A clock that is wrong by years makes every record overdue at once, so a run asks here first. Distrust stops
//! deletions until somebody resolves it; alarms still go out.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};

use super::Instant;

/// How far the wall clock may lie before the newest audit entry. Small steps back are what time
/// synchronisation does on a healthy machine.
pub const TOLERATED_BACK: TimeDelta = TimeDelta::minutes(5);

/// How far the wall clock may drift against the monotonic clock between two looks, in either direction.
///
/// Synchronisation slews by at most 500 ppm, 43 seconds a day, so daily looks stay far below it, as does a step
/// after booting. A record deleted five minutes early matters to no rule in hours or days; whatever jumps
/// further was set by hand, came out of a suspended machine or is broken, and all three deserve a look.
pub const TOLERATED_JUMP: TimeDelta = TimeDelta::minutes(5);

/// The beginning of the year in which this version was built, 2026-01-01; raised with each release. A year is
/// exact enough: what it catches is a machine that woke without a battery in 1970 or at its own making.
pub const BUILD_DATE: Instant = match DateTime::from_timestamp(1_767_225_600, 0) {
    Some(date) => date,
    None => panic!("the build date is a valid timestamp"),
};

/// What passed on both clocks since they were last read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed {
    /// On the wall clock; negative if it was set back.
    pub wall: TimeDelta,
    /// On the monotonic clock.
    pub monotonic: Duration,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against the clock.
    Trusted,
    /// No deletion until this is resolved.
    Distrusted(Reason),
}

/// Why the clock is not trusted. The text says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It shows a time before this program existed.
    BeforeBuild {
        /// What it shows.
        now: Instant,
        /// The earliest plausible time.
        build_date: Instant,
    },
    /// It shows a time before something that we recorded.
    BeforeNewestEntry {
        /// What it shows.
        now: Instant,
        /// When we wrote the newest audit entry.
        newest: Instant,
    },
    /// It moved while the monotonic clock did not, or not as far.
    Jumped {
        /// What it shows.
        now: Instant,
        /// How far it moved beyond the time that really passed; negative is back.
        by: TimeDelta,
    },
}

impl Verdict {
    /// Whether deletions may go on.
    pub fn is_trusted(self) -> bool {
        self == Self::Trusted
    }
}

/// Looks at the clock again and again. After a jump it stays distrustful until the clock is set right or the process
/// is started anew by somebody who has looked at it: the clocks are compared since the last look that was trusted.
#[derive(Debug)]
pub struct Watch {
    wall: Instant,
    monotonic: Duration,
}

impl Watch {
    /// Begins with both clocks as they are now.
    pub fn new(now: Instant, monotonic: Duration) -> Self {
        Self { wall: now, monotonic }
    }

    /// Judges now, with `monotonic` read at the same moment.
    pub fn look(
        &mut self,
        now: Instant,
        monotonic: Duration,
        newest_audit_entry: Option<Instant>,
    ) -> Verdict {
        let since = Elapsed { wall: now - self.wall, monotonic: monotonic.saturating_sub(self.monotonic) };
        let verdict = judge(now, newest_audit_entry, BUILD_DATE, Some(since));
        if verdict.is_trusted() {
            *self = Self::new(now, monotonic);
        }
        verdict
    }
}

/// Judges the wall clock's `now`. `newest_audit_entry` is absent in an empty log, `since_last_look` at the
/// first look after starting. `build_date` is `BUILD_DATE` outside tests.
pub fn judge(
    now: Instant,
    newest_audit_entry: Option<Instant>,
    build_date: Instant,
    since_last_look: Option<Elapsed>,
) -> Verdict {
    if now < build_date {
        return Verdict::Distrusted(Reason::BeforeBuild { now, build_date });
    }
    if let Some(newest) =
        newest_audit_entry.filter(|newest| newest.signed_duration_since(now) > TOLERATED_BACK)
    {
        return Verdict::Distrusted(Reason::BeforeNewestEntry { now, newest });
    }
    if let Some(Elapsed { wall, monotonic }) = since_last_look {
        let monotonic = TimeDelta::from_std(monotonic).unwrap_or(TimeDelta::MAX);
        let by = wall.checked_sub(&monotonic).unwrap_or(if wall < monotonic {
            TimeDelta::MIN
        } else {
            TimeDelta::MAX
        });
        if by > TOLERATED_JUMP || by < -TOLERATED_JUMP {
            return Verdict::Distrusted(Reason::Jumped { now, by });
        }
    }
    Verdict::Trusted
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |at: &Instant| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        match self {
            Self::BeforeBuild { now, build_date } => write!(
                f,
                "the clock shows {}, but this version was built after {}: nothing is deleted; set the clock",
                show(now),
                show(build_date)
            ),
            Self::BeforeNewestEntry { now, newest } => write!(
                f,
                "the clock shows {}, but the newest audit entry is from {}: nothing is deleted; set the clock, or \
                 find out who set it ahead when that entry was written",
                show(now),
                show(newest)
            ),
            Self::Jumped { now, by } => {
                let direction = if *by < TimeDelta::zero() { "back" } else { "ahead" };
                write!(
                    f,
                    "the clock jumped {direction} by {} to {}: nothing is deleted; check the time \
                     synchronisation, and resume when the clock is right",
                    length(*by),
                    show(now)
                )
            }
        }
    }
}

/// A length in the two largest units that matter to a reader.
fn length(by: TimeDelta) -> String {
    let seconds = by.num_seconds().unsigned_abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min {} s", seconds % 60),
        (0, hours) => format!("{hours} h {minutes} min"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const NOW: Instant = match DateTime::from_timestamp(1_800_000_000, 0) {
        Some(now) => now,
        None => panic!("a valid timestamp"),
    };

    fn after(jump: TimeDelta) -> Verdict {
        let passed = TimeDelta::hours(1);
        judge(
            NOW,
            None,
            BUILD_DATE,
            Some(Elapsed { wall: passed + jump, monotonic: passed.to_std().unwrap() }),
        )
    }

    #[test]
    fn time_before_the_build_or_well_before_the_newest_entry_is_distrusted() {
        assert!(judge(NOW, Some(NOW), BUILD_DATE, None).is_trusted());
        assert!(judge(BUILD_DATE, None, BUILD_DATE, None).is_trusted());
        let early = BUILD_DATE - TimeDelta::microseconds(1);
        let Verdict::Distrusted(reason) = judge(early, None, BUILD_DATE, None) else { panic!("trusted") };
        assert!(reason.to_string().contains("set the clock"), "{reason}");

        let newest = NOW + TimeDelta::minutes(5);
        assert!(judge(NOW, Some(newest), BUILD_DATE, None).is_trusted());
        let newest = newest + TimeDelta::microseconds(1);
        let verdict = judge(NOW, Some(newest), BUILD_DATE, None);
        assert_eq!(verdict, Verdict::Distrusted(Reason::BeforeNewestEntry { now: NOW, newest }));
    }

    #[rstest]
    #[case(TimeDelta::seconds(1), true)]
    #[case(TimeDelta::seconds(-1), true)]
    #[case(TimeDelta::minutes(5), true)]
    #[case(TimeDelta::minutes(-5), true)]
    #[case(TimeDelta::minutes(5) + TimeDelta::microseconds(1), false)]
    #[case(TimeDelta::minutes(-5) - TimeDelta::microseconds(1), false)]
    #[case(TimeDelta::days(365 * 50), false)]
    #[case(TimeDelta::days(-365 * 50), false)]
    fn a_jump_against_the_monotonic_clock_is_distrusted(#[case] jump: TimeDelta, #[case] trusted: bool) {
        assert_eq!(after(jump).is_trusted(), trusted);
    }

    #[test]
    fn a_long_sleep_without_a_jump_is_trusted_and_absurd_values_are_not() {
        let year = Duration::from_hours(24 * 365);
        let wall = TimeDelta::from_std(year).unwrap();
        assert!(judge(NOW, None, BUILD_DATE, Some(Elapsed { wall, monotonic: year })).is_trusted());
        let absurd = Elapsed { wall: TimeDelta::MIN, monotonic: Duration::MAX };
        assert!(!judge(NOW, None, BUILD_DATE, Some(absurd)).is_trusted());
    }

    #[test]
    fn reasons_speak_to_operators() {
        let Verdict::Distrusted(reason) = after(TimeDelta::hours(-26)) else { panic!("trusted") };
        let text = reason.to_string();
        assert!(text.contains("jumped back by 1 d 2 h to 2027-01-15 08:00:00 UTC"), "{text}");
        let Verdict::Distrusted(reason) = after(TimeDelta::minutes(90)) else { panic!("trusted") };
        assert!(reason.to_string().contains("jumped ahead by 1 h 30 min"), "{reason}");
    }
}
