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
#[derive(Clone, Debug)]
pub struct Schedule;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: chrono::NaiveTime,
    pub to: chrono::NaiveTime,
}
