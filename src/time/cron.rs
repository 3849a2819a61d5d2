//! Schedules: five-field cron, whose slots each happen exactly once.
//!
//! Only the reading of patterns is left to `croner`. Which instants the slots are follows our own rules:
//!
//! - A schedule that names hours of the day has one slot for each local time it names. One that the clock jumps
//!   over runs when the gap ends; one that comes twice runs the first time. Two slots that a gap pushes
//!   together are one.
//! - A schedule for every hour of the day means elapsed time: it has a slot whenever the wall clock shows one of
//!   its minutes, 23 or 25 times on the days when clocks change.

use std::fmt;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta};
use croner::{CronPattern, Weekday};

use super::{Instant, WallTime, Zone};

mod parse;

pub use parse::ScheduleError;

/// When a policy runs: minute, hour, day of month, month, day of week, on the wall clock of a zone.
///
/// Where both days are restricted, either suffices, as in every cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pattern: CronPattern,
    text: String,
    times: Vec<NaiveTime>,
    every_hour: bool,
}

/// The slots of a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// The oldest of them, in order, as many as were asked for.
    pub oldest: Vec<Instant>,
    /// The newest one, listed or not.
    pub newest: Option<Instant>,
    /// How many there are.
    pub count: usize,
}

/// The longest time that a schedule can go without a slot and still have one: five Mondays in a February come
/// every 28 years, and 40 years apart around 2100.
const HORIZON_DAYS: u64 = 41 * 366;

impl Schedule {
    /// The first slot after `after`; `None` only at the calendar's end.
    pub fn next_after(&self, after: Instant, zone: Zone) -> Option<Instant> {
        // A gap or a repeated stretch moves slots by at most a day, in either direction.
        let first = zone.local(after).date().checked_sub_days(Days::new(2))?;
        let mut days = first.iter_days().take(usize::try_from(HORIZON_DAYS).ok()?);
        let on_day = |day: NaiveDate| self.slots_of(day, zone).into_iter().filter(|slot| *slot > after).min();
        let (day, slot) = days.find_map(|day| Some((day, on_day(day)?)))?;
        // Where the clock goes back over midnight, the next day's first slot may precede this one.
        Some(on_day(day.succ_opt()?).map_or(slot, |other| other.min(slot)))
    }

    /// The slots with `from < slot <= to`, at most `cap` of them listed.
    pub fn slots_between(&self, from: Instant, to: Instant, zone: Zone, cap: usize) -> Slots {
        let mut slots = self.all_between(from, to, zone);
        let (count, newest) = (slots.len(), slots.last().copied());
        slots.truncate(cap);
        Slots { oldest: slots, newest, count }
    }

    /// The longest time between two neighbouring slots in the year after `from`, clock changes included; for
    /// rarer schedules the time between their next two slots. `None` only at the calendar's end.
    pub fn longest_gap(&self, zone: Zone, from: Instant) -> Option<TimeDelta> {
        self.gaps(zone, from)?.into_iter().max()
    }

    /// The shortest time between two neighbouring slots in the same stretch.
    pub fn shortest_gap(&self, zone: Zone, from: Instant) -> Option<TimeDelta> {
        self.gaps(zone, from)?.into_iter().min()
    }

    fn gaps(&self, zone: Zone, from: Instant) -> Option<Vec<TimeDelta>> {
        let first = self.next_after(from, zone)?;
        let mut slots = vec![first];
        slots.extend(self.all_between(first, first.checked_add_signed(TimeDelta::days(366))?, zone));
        // The gap that runs out of the year counts too: for a yearly schedule it is the only one.
        slots.push(self.next_after(*slots.last()?, zone)?);
        Some(slots.windows(2).map(|pair| pair[1] - pair[0]).collect())
    }

    fn all_between(&self, from: Instant, to: Instant, zone: Zone) -> Vec<Instant> {
        let first = zone.local(from).date().checked_sub_days(Days::new(2)).unwrap_or(NaiveDate::MIN);
        let last = zone.local(to).date().checked_add_days(Days::new(2)).unwrap_or(NaiveDate::MAX);
        let days = first.iter_days().take_while(|day| *day <= last);
        let mut slots: Vec<Instant> = days
            .flat_map(|day| self.slots_of(day, zone))
            .filter(|slot| from < *slot && *slot <= to)
            .collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The instants that a local day's slots mean; those of neighbouring days may lie between them.
    fn slots_of(&self, day: NaiveDate, zone: Zone) -> Vec<Instant> {
        if !self.runs_on(day) {
            return Vec::new();
        }
        let local = self.times.iter().map(|time| day.and_time(*time));
        let midnight = day.and_time(NaiveTime::MIN).and_utc();
        let (Some(before), Some(after)) =
            (midnight.checked_sub_days(Days::new(2)), midnight.checked_add_days(Days::new(3)))
        else {
            return Vec::new();
        };
        if zone.transitions(before, after).is_empty() {
            let offset = zone.offset(midnight);
            return local.filter_map(|local| Some(local.checked_sub_offset(offset)?.and_utc())).collect();
        }
        local.filter_map(|local| zone.resolve(local)).flat_map(|wall| self.occurrences(wall)).collect()
    }

    fn occurrences(&self, wall: WallTime) -> Vec<Instant> {
        match wall {
            WallTime::Twice(first, second) if self.every_hour => vec![first, second],
            WallTime::Skipped { .. } if self.every_hour => Vec::new(),
            WallTime::Once(slot) | WallTime::Twice(slot, _) | WallTime::Skipped { resumes: slot, .. } => {
                vec![slot]
            }
        }
    }

    fn runs_on(&self, day: NaiveDate) -> bool {
        let weekday = Weekday::from_days_from_sunday(day.weekday().num_days_from_sunday());
        self.pattern.month_match(day.month()).unwrap_or(false)
            && self.pattern.day_match(day.year(), day.month(), day.day(), weekday).unwrap_or(false)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
