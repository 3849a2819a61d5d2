//! Time (types only, for the moment; the arithmetic follows).
#![allow(missing_docs, dead_code, reason = "placeholder until the time layer lands")]
use chrono::NaiveDate;
pub type Instant = chrono::DateTime<chrono::Utc>;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    pub months: u32,
    pub days: u32,
    pub hours: u32,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum After {
    AtOnce,
    Period(Period),
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cutoff {
    EndOfDay,
    EndOfMonth,
    EndOfQuarter,
    EndOfYear,
    YearEnding { month: u32, day: u32 },
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(pub chrono_tz::Tz);
impl Zone {
    pub const UTC: Self = Self(chrono_tz::Tz::UTC);
    pub fn local(self, instant: Instant) -> chrono::NaiveDateTime {
        instant.with_timezone(&self.0).naive_local()
    }
    pub fn to_instant(self, local: chrono::NaiveDateTime) -> Instant {
        use chrono::TimeZone as _;
        let found = self
            .0
            .from_local_datetime(&local)
            .latest()
            .or_else(|| self.0.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).latest());
        found.map_or(Instant::MAX_UTC, |found| found.to_utc())
    }
    pub fn first_instant_of(self, day: NaiveDate) -> Option<Instant> {
        Some(self.to_instant(day.and_time(chrono::NaiveTime::MIN)))
    }
}
impl std::str::FromStr for Zone {
    type Err = chrono_tz::ParseError;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.parse().map(Self)
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartValue {
    Instant(Instant),
    Date(NaiveDate),
}
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartSet {
    pub instants: Vec<(Option<Instant>, Instant)>,
    pub dates_through: Option<NaiveDate>,
}
impl StartSet {
    pub fn contains(&self, start: StartValue) -> bool {
        match start {
            StartValue::Date(date) => self.dates_through.is_some_and(|last| date <= last),
            StartValue::Instant(at) => {
                self.instants.iter().any(|(from, to)| from.is_none_or(|from| from <= at) && at <= *to)
            }
        }
    }
}
#[derive(Clone, Debug)]
pub struct Schedule;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: chrono::NaiveTime,
    pub to: chrono::NaiveTime,
}
