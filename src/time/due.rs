//! When a record is due.

use chrono::{NaiveDate, TimeDelta};

use super::{After, Cutoff, Instant, Period, Zone, whole_micros};

/// A record's starting point, as precise as its store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StartValue {
    /// A point in time: it keeps its time of day.
    Instant(Instant),
    /// A day without a time: only whole days count, and the day itself must be over.
    Date(NaiveDate),
}

/// The instant from which on the record is due, to the microsecond; `None` lies beyond the calendar's end and
/// means never.
///
/// The period is added on the wall clock of `zone`: months first, clamped to the month's end, then days; then
/// the hours, as elapsed time. A date counts from its end, a calendar period from its end, both at the first
/// instant of a day. The result never lies before the start. It is *not* monotone in the start: the end of
/// January plus a month is the end of February for three days in a row.
pub fn due(start: StartValue, after: After, cutoff: Option<Cutoff>, zone: Zone) -> Option<Instant> {
    let period = after.period();
    let day = match (start, cutoff) {
        (StartValue::Instant(at), None) => return due_at_time_of_day(whole_micros(at), period, zone),
        (StartValue::Instant(at), Some(cutoff)) => {
            period.on(cutoff.first_day_after(zone.local(at).date())?)?
        }
        (StartValue::Date(date), Some(cutoff)) => period.on(cutoff.first_day_after(date)?)?,
        (StartValue::Date(date), None) => period.on(date)?.succ_opt()?,
    };
    add_hours(zone.first_instant_of(day)?, period)
}

fn due_at_time_of_day(at: Instant, period: Period, zone: Zone) -> Option<Instant> {
    if period.is_elapsed_time() {
        // No trip over the wall clock: a start in the first of two repeated hours would come back in the second.
        return add_hours(at, period);
    }
    let local = zone.local(at);
    add_hours(zone.later(period.on(local.date())?.and_time(local.time()))?, period)
}

fn add_hours(at: Instant, period: Period) -> Option<Instant> {
    at.checked_add_signed(TimeDelta::try_hours(i64::from(period.hours))?)
}

#[cfg(test)]
mod tests;
