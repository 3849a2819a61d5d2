//! The starting point: where a record's clock is read, and what its absence means.

use chrono::NaiveDate;

use super::value::Field;
use crate::time::{Cutoff, Instant, StartValue, Zone};

/// How to read a record's starting point.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Where it stands.
    pub source: StartSource,
    /// An absent value means *not yet happened*.
    pub waiting_if_empty: bool,
    /// A value in the future means *not yet happened*.
    pub waiting_if_future: bool,
    /// The calendar period at whose end the clock starts.
    pub cutoff: Option<Cutoff>,
    /// How the column spells an instant, where its type does not settle it.
    pub format: Option<Format>,
    /// The zone of local times in the column: `start.timezone`, else the policy's.
    pub zone: Zone,
    /// A value before this is implausible: the record is undetermined.
    pub earliest: NaiveDate,
}

/// Where a starting point stands.
#[derive(Clone, Debug, PartialEq)]
pub enum StartSource {
    /// In one field.
    Field(Field),
    /// In several: the latest counts, and all but the optional ones must be there.
    Latest(Vec<LatestField>),
    /// In the event ledger, under the value of `by` (default: the record's key).
    Event {
        /// The event's name.
        name: String,
        /// The field whose value is the event's key.
        by: Option<Field>,
    },
}

/// One of the fields of `start.latest`.
#[derive(Clone, Debug, PartialEq)]
pub struct LatestField {
    /// The field.
    pub field: Field,
    /// It may never come: its absence does not hold up the others.
    pub optional: bool,
}

/// How a column spells an instant or a day (`start.format`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 3339 with an offset; a blank may stand for the `T`.
    Rfc3339,
    /// `YYYY-MM-DD HH:MM[:SS[.fraction]]`, blank or `T` between, local in the start's zone.
    DateTime,
    /// `YYYY-MM-DD`: a whole day.
    Date,
    /// Seconds since 1970-01-01T00:00:00Z, whole or with a fraction.
    Unix,
    /// Milliseconds since then.
    UnixMs,
    /// Microseconds since then.
    UnixUs,
    /// Microseconds since 1601-01-01T00:00:00Z, as Chromium and `WebKit` count them.
    WebkitUs,
    /// A strftime pattern, local in the start's zone unless it has `%z`; a whole day if it has no hour.
    Pattern(String),
}

/// How a number counts instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Microseconds in one.
    pub unit: i32,
    /// So many microseconds before 1970-01-01T00:00:00Z it begins.
    pub before_1970: i64,
}

impl Format {
    /// How it counts; `None` where it is spelled.
    pub fn count(&self) -> Option<Count> {
        let (unit, before_1970) = match self {
            Self::Unix => (1_000_000, 0),
            Self::UnixMs => (1_000, 0),
            Self::UnixUs => (1, 0),
            Self::WebkitUs => (1, 11_644_473_600_000_000),
            Self::Rfc3339 | Self::DateTime | Self::Date | Self::Pattern(_) => return None,
        };
        Some(Count { unit, before_1970 })
    }
}

/// What is known of a record's starting point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartState {
    /// It happened then. Finer digits than microseconds are rounded up, which keeps the record longer.
    Known(StartValue),
    /// It has not happened yet.
    Waiting,
    /// It cannot be known: the record is kept and reported.
    Undetermined(WhyUndetermined),
}

/// Why a starting point cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyUndetermined {
    /// NULL, and `waiting-if` does not say that this means anything.
    Empty,
    /// The value does not have the declared format.
    Unreadable,
    /// It is a number where the declared format reads texts.
    NumberForText,
    /// It is a text where the declared format reads numbers.
    TextForNumber,
    /// It is neither a text nor a number, nor a time: a truth value, a list, bytes.
    NoTime,
    /// Infinite, a zero date, or before the earliest plausible date.
    TooEarly,
    /// More than 24 hours ahead.
    TooFarAhead,
    /// The link leads to no row.
    NoLinkedRow,
}

impl WhyUndetermined {
    /// The reason as `explain` words it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Empty => "the start is empty",
            Self::Unreadable => "the start does not have the declared format",
            Self::NumberForText => "the start is a number, and the declared format reads texts",
            Self::TextForNumber => "the start is a text, and the declared format reads numbers",
            Self::NoTime => "the start is neither a text nor a number that could be a time",
            Self::TooEarly => "the start is before the earliest plausible date",
            Self::TooFarAhead => "the start is more than 24 hours ahead",
            Self::NoLinkedRow => "the linked record does not exist",
        }
    }
}

impl Start {
    /// The one field whose bare value is the start, if it is that simple.
    pub fn single_field(&self) -> Option<&Field> {
        match &self.source {
            StartSource::Field(field) => Some(field),
            StartSource::Latest(_) | StartSource::Event { .. } => None,
        }
    }

    /// Every field that has to be read to know the start: all are protected from being anonymized.
    pub fn fields(&self) -> Vec<&Field> {
        match &self.source {
            StartSource::Field(field) => vec![field],
            StartSource::Latest(fields) => fields.iter().map(|latest| &latest.field).collect(),
            StartSource::Event { by, .. } => by.iter().collect(),
        }
    }
}

/// How far ahead of now a start may lie before it is implausible (DESIGN 5.1).
pub const AHEAD: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// The last instant at which a start is plausible when it is `now`.
pub fn last_plausible(now: Instant) -> Instant {
    now + AHEAD
}
