//! How long a record is kept after its start.

use std::fmt;

use chrono::{Days, Months, NaiveDate};

mod length;
mod parse;

pub use parse::PeriodError;

/// A length of time as a rule states it: calendar months and days, then elapsed hours.
///
/// Years are twelve months and weeks are seven days; months are not days, and days are not hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Period {
    /// Calendar months, clamped to the month's end where a day is missing.
    pub months: u32,
    /// Calendar days on the wall clock, 23 to 25 hours long where clocks are changed.
    pub days: u32,
    /// Hours of elapsed time.
    pub hours: u32,
}

/// When a stage falls due after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum After {
    /// At the start itself; a date or a calendar period must be over.
    AtOnce,
    /// After a period.
    Period(Period),
}

impl Period {
    /// The period of no length. No text parses to it: a rule says `at once` instead.
    pub const ZERO: Self = Self { months: 0, days: 0, hours: 0 };

    /// The date after the calendar part of the period; `None` beyond the calendar's end.
    pub fn on(self, date: NaiveDate) -> Option<NaiveDate> {
        date.checked_add_months(Months::new(self.months))?.checked_add_days(Days::new(u64::from(self.days)))
    }

    /// Whether it consists of hours alone, so that no calendar and no zone matters.
    pub fn is_elapsed_time(self) -> bool {
        self.months == 0 && self.days == 0
    }
}

impl After {
    /// The period to add; `at once` adds nothing.
    pub fn period(self) -> Period {
        match self {
            Self::AtOnce => Period::ZERO,
            Self::Period(period) => period,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.months / 12, "year"),
            (self.months % 12, "month"),
            (self.days, "day"),
            (self.hours, "hour"),
        ];
        let mut separator = "";
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {unit}{}", if count == 1 { "" } else { "s" })?;
            separator = " ";
        }
        if separator.is_empty() { f.write_str("0 hours") } else { Ok(()) }
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => f.write_str("at once"),
            Self::Period(period) => period.fmt(f),
        }
    }
}
