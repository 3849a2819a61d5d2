//! The hours of the day in which a policy may act.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveTime, TimeDelta};

use super::{Instant, WallTime, Zone};

/// A stretch of the day, from the first local time up to, not including, the second. If the second is the
/// smaller one it runs over midnight.
///
/// It is what the wall clock shows that counts: where the clock goes back the window may open twice, and one
/// that the clock jumps over stays shut that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The local time at which it opens.
    pub from: NaiveTime,
    /// The local time at which it shuts.
    pub to: NaiveTime,
}

/// Why a text is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Nothing is written.
    #[error("a window is missing: write two local times, for example `01:00-05:00`")]
    Blank,
    /// Both ends are the same.
    #[error(
        "`{text}` begins when it ends: write two different times, or leave the window out for the whole day"
    )]
    Empty {
        /// What was written.
        text: String,
    },
    /// The end of the day.
    #[error("`{text}`: a day has no 24:00: write `00:00` for midnight")]
    Midnight {
        /// What was written.
        text: String,
    },
    /// Not two times of day.
    #[error("`{text}` is not a window: write two local times as HH:MM-HH:MM, for example `01:00-05:00`")]
    Unreadable {
        /// What was written.
        text: String,
    },
}

impl Window {
    /// Whether the window is open at this instant.
    pub fn contains(&self, at: Instant, zone: Zone) -> bool {
        let time = zone.local(at).time();
        if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        }
    }

    /// The first instant, not before `at`, at which the window is open: `at` itself if it is open now. `None`
    /// beyond the calendar's end.
    pub fn next_opening(&self, at: Instant, zone: Zone) -> Option<Instant> {
        if self.contains(at, zone) {
            return Some(at);
        }
        // A clock change may leave out one opening, and the day line's a whole day; a week has room for both.
        let horizon = at.checked_add_signed(TimeDelta::days(7))?;
        // The window opens when the clock comes to its beginning, or jumps into it.
        let mut openings: Vec<Instant> =
            zone.transitions(at, horizon).iter().map(|change| change.at).collect();
        for day in zone.local(at).date().pred_opt()?.iter_days().take(9) {
            match zone.resolve(day.and_time(self.from))? {
                WallTime::Once(opening) => openings.push(opening),
                WallTime::Twice(first, second) => openings.extend([first, second]),
                WallTime::Skipped { resumes, .. } => openings.push(resumes),
            }
        }
        openings.into_iter().filter(|opening| *opening > at && self.contains(*opening, zone)).min()
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let unreadable = || WindowError::Unreadable { text: text.into() };
        if text.trim().is_empty() {
            return Err(WindowError::Blank);
        }
        let (from, to) = text.split_once('-').ok_or_else(unreadable)?;
        if from == "24:00" || to == "24:00" {
            return Err(WindowError::Midnight { text: text.into() });
        }
        let window = Self { from: time(from).ok_or_else(unreadable)?, to: time(to).ok_or_else(unreadable)? };
        if window.from == window.to { Err(WindowError::Empty { text: text.into() }) } else { Ok(window) }
    }
}

/// Exactly `HH:MM`.
fn time(text: &str) -> Option<NaiveTime> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    NaiveTime::from_hms_opt(hours.parse().ok()?, minutes.parse().ok()?, 0)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.format("%H:%M"), self.to.format("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn oslo() -> Zone {
        "Europe/Oslo".parse().unwrap()
    }

    #[test]
    fn the_window_is_what_the_local_clock_shows() {
        let night: Window = "01:00-05:00".parse().unwrap();
        assert!(!night.contains(at("2026-01-14T23:59:59.999999Z"), oslo()));
        assert!(night.contains(at("2026-01-15T00:00:00Z"), oslo()));
        assert!(night.contains(at("2026-01-15T03:59:59.999999Z"), oslo()));
        assert!(!night.contains(at("2026-01-15T04:00:00Z"), oslo()));
        assert!(night.contains(at("2026-07-14T23:00:00Z"), oslo()));

        let over_midnight: Window = "22:30-04:00".parse().unwrap();
        assert!(over_midnight.contains(at("2026-01-15T22:00:00Z"), oslo()));
        assert!(over_midnight.contains(at("2026-01-15T02:59:00Z"), oslo()));
        assert!(!over_midnight.contains(at("2026-01-15T03:00:00Z"), oslo()));
        assert!(!over_midnight.contains(at("2026-01-15T21:29:00Z"), oslo()));
    }

    #[test]
    fn openings_follow_clock_changes() {
        for (window, now, opening) in [
            ("01:00-05:00", "2026-01-15T12:00:00Z", "2026-01-16T00:00:00Z"),
            ("01:00-05:00", "2026-01-15T01:00:00Z", "2026-01-15T01:00:00Z"),
            ("01:00-05:00", "2026-03-29T12:00:00Z", "2026-03-29T23:00:00Z"),
            // Half of the window is jumped over: it opens when the gap ends.
            ("02:30-04:00", "2026-03-28T20:00:00Z", "2026-03-29T01:00:00Z"),
            // All of it: it opens the next day.
            ("02:15-02:45", "2026-03-28T20:00:00Z", "2026-03-30T00:15:00Z"),
            // The clock goes back into the window, and a second time over its beginning.
            ("01:00-02:30", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"),
            ("02:10-02:20", "2026-10-25T00:30:00Z", "2026-10-25T01:10:00Z"),
        ] {
            let window: Window = window.parse().unwrap();
            assert_eq!(window.next_opening(at(now), oslo()), Some(at(opening)), "{window} from {now}");
        }
        let apia = "Pacific/Apia".parse().unwrap();
        let window: Window = "01:00-05:00".parse().unwrap();
        assert_eq!(window.next_opening(at("2011-12-30T00:00:00Z"), apia), Some(at("2011-12-30T11:00:00Z")));
    }

    #[test]
    fn every_refusal_says_what_to_write() {
        for (text, hint) in [
            ("", "write two local times"),
            ("01:00-01:00", "leave the window out"),
            ("22:00-24:00", "write `00:00`"),
            ("1:00-5:00", "HH:MM-HH:MM"),
            ("01:00", "HH:MM-HH:MM"),
            ("01:00 - 05:00", "HH:MM-HH:MM"),
            ("01:60-05:00", "HH:MM-HH:MM"),
            ("+1:00-05:00", "HH:MM-HH:MM"),
            ("1am-5am", "HH:MM-HH:MM"),
        ] {
            let error = text.parse::<Window>().unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
        assert_eq!("22:30-04:00".parse::<Window>().unwrap().to_string(), "22:30-04:00");
    }
}
