//! Time zones: what a wall clock shows, and which instant a local time means.

use std::fmt;
use std::str::FromStr;

use chrono::{FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{GapInfo, Tz};

use super::{Instant, whole_micros};

/// An IANA time zone, from the tables built into this program.
///
/// The tables end with the year 2099; after that the zone keeps the offset it then has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

/// Why a text is no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Nothing is written.
    #[error("a time zone is missing: write an IANA name, for example `Europe/Oslo`")]
    Blank,
    /// No zone has this name.
    #[error("there is no time zone `{name}`: write {}", suggestion(nearest.as_deref()))]
    Unknown {
        /// What was written.
        name: String,
        /// The zone that was probably meant.
        nearest: Option<String>,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "an IANA name, for example `Europe/Oslo`".into(), |name| format!("`{name}`"))
}

/// What a local time means in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WallTime {
    /// The usual case.
    Once(Instant),
    /// The clock went back over it.
    Twice(Instant, Instant),
    /// The clock jumped over it.
    Skipped {
        /// The first instant after the gap.
        resumes: Instant,
        /// The local time moved on by the gap's length.
        moved: Instant,
    },
}

/// A change of a zone's offset; offsets are seconds east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The first instant with the new offset.
    pub at: Instant,
    /// The offset until then.
    pub before: FixedOffset,
    /// The offset from then on.
    pub after: FixedOffset,
}

/// How far apart we look for transitions. Two that cancel out between two looks would go unseen; in the whole
/// database the closest pair is four days apart (Freetown 1939), since 1946 seven (Gaza).
const PROBE: TimeDelta = TimeDelta::hours(48);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone's IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What the wall clock shows. At the very ends of the calendar it stands still.
    pub fn local(self, instant: Instant) -> NaiveDateTime {
        let offset = self.offset(instant);
        instant.naive_utc().checked_add_offset(offset).unwrap_or(if offset.local_minus_utc() < 0 {
            NaiveDateTime::MIN
        } else {
            NaiveDateTime::MAX
        })
    }

    /// The instant that a start's or a due's local time means: of two the second; one that the clock jumps
    /// over moves on by the gap. Beyond the calendar's end: the calendar's end.
    pub fn to_instant(self, local: NaiveDateTime) -> Instant {
        self.later(local).unwrap_or(if local < Instant::UNIX_EPOCH.naive_utc() {
            Instant::MIN_UTC
        } else {
            Instant::MAX_UTC
        })
    }

    /// As `to_instant`; `None` beyond the calendar's end.
    pub(super) fn later(self, local: NaiveDateTime) -> Option<Instant> {
        let instant = match self.resolve(local)? {
            WallTime::Once(instant) | WallTime::Twice(_, instant) => instant,
            WallTime::Skipped { moved, .. } => moved,
        };
        Some(whole_micros(instant))
    }

    /// What a local time means here; `None` beyond the calendar's end.
    pub fn resolve(self, local: NaiveDateTime) -> Option<WallTime> {
        let at = |offset: FixedOffset| Some(local.checked_sub_offset(offset)?.and_utc());
        Some(match self.0.offset_from_local_datetime(&local) {
            LocalResult::Single(offset) => WallTime::Once(at(offset.fix())?),
            LocalResult::Ambiguous(first, second) => WallTime::Twice(at(first.fix())?, at(second.fix())?),
            LocalResult::None => {
                let (from, before) = GapInfo::new(&local, &self.0)?.begin?;
                let resumes = from.checked_sub_offset(before.fix())?.and_utc();
                WallTime::Skipped { resumes, moved: at(before.fix())? }
            }
        })
    }

    /// The instant from which on no clock in the zone shows an earlier day: local midnight nearly always.
    ///
    /// Where midnight is skipped, or the whole day, it is the end of the gap. Where the clock goes back *to*
    /// midnight (Havana) it is the first midnight, for the day before is over then; where it goes back *over*
    /// midnight (St John's until 2011) it is the second. `None` beyond the calendar's end.
    pub fn first_instant_of(self, day: NaiveDate) -> Option<Instant> {
        Some(match self.resolve(day.and_time(NaiveTime::MIN))? {
            WallTime::Once(midnight) => midnight,
            WallTime::Skipped { resumes, .. } => resumes,
            WallTime::Twice(first, second) => {
                let just_before = second.checked_sub_signed(TimeDelta::microseconds(1))?;
                if self.local(just_before).date() < day { second } else { first }
            }
        })
    }

    /// The zone's clock changes with `from < at <= to`, in order.
    pub fn transitions(self, from: Instant, to: Instant) -> Vec<Transition> {
        let mut found = Vec::new();
        let (mut low, mut before) = (from, self.offset(from));
        while low < to {
            let high = low.checked_add_signed(PROBE).map_or(to, |next| next.min(to));
            let after = self.offset(high);
            if after != before {
                found.push(Transition { at: self.bisect(low, high, before), before, after });
            }
            (low, before) = (high, after);
        }
        found
    }

    /// The first whole second after `low` that no longer has the offset `before`; `high` has another one.
    fn bisect(self, low: Instant, high: Instant, before: FixedOffset) -> Instant {
        let (mut low, mut high) = (low.timestamp(), high.timestamp());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match Instant::from_timestamp(middle, 0) {
                Some(instant) if self.offset(instant) == before => low = middle,
                _ => high = middle,
            }
        }
        Instant::from_timestamp(high, 0).expect("between two instants lies an instant")
    }

    pub(super) fn offset(self, instant: Instant) -> FixedOffset {
        self.0.offset_from_utc_datetime(&instant.naive_utc()).fix()
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, ZoneError> {
        if name.trim().is_empty() {
            return Err(ZoneError::Blank);
        }
        name.parse()
            .map(Self)
            .map_err(|_| ZoneError::Unknown { name: name.into(), nearest: nearest(name).map(Into::into) })
    }
}

/// The zone name that a reader would take `name` for: the same in other letters, a city alone, or at most a
/// third of the letters mistyped.
fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.trim().to_lowercase().replace(' ', "_");
    let distance = |zone: &str| {
        let zone = zone.to_lowercase();
        let city = zone.rsplit('/').next().unwrap_or(&zone);
        strsim::damerau_levenshtein(&zone, &wanted).min(strsim::damerau_levenshtein(city, &wanted))
    };
    let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let (off_by, zone) = zones.map(|zone| (distance(zone), zone)).min()?;
    (off_by * 3 <= wanted.chars().count()).then_some(zone)
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({self})")
    }
}

#[cfg(test)]
mod tests;
