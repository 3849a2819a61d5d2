//! Reads a record's starting point, and judges whether it can be believed.
//!
//! Unknown is kept: whatever cannot be read, or cannot be true, makes the record undetermined.

use chrono::NaiveDate;

use super::predicate::EventBook;
use super::spelling;
use super::start::{LatestField, Start, StartSource, StartState, WhyUndetermined, last_plausible};
use super::value::{Field, Fields, Value};
use crate::time::{Instant, StartValue};

impl Start {
    /// What is known of a record's start at the instant `now`.
    pub fn read(&self, fields: &dyn Fields, events: &EventBook, now: Instant) -> StartState {
        self.state(fields, events, Some(now))
    }

    /// The start if it is known and not before [`Start::earliest`], whenever it is. A start in a set of due
    /// starts is never in the future, so membership needs no more than this.
    pub fn read_known(&self, fields: &dyn Fields, events: &EventBook) -> Option<StartValue> {
        match self.state(fields, events, None) {
            StartState::Known(value) => Some(value),
            StartState::Waiting | StartState::Undetermined(_) => None,
        }
    }

    /// The same as [`Start::read`] for a start that stands in one field, given that field's value.
    pub fn read_value(&self, value: &Value, now: Instant) -> StartState {
        self.judged(value, Some(now))
    }

    /// The same as [`Start::read_known`] for a start that stands in one field, given that field's value.
    pub fn read_known_value(&self, value: &Value) -> Option<StartValue> {
        match self.judged(value, None) {
            StartState::Known(value) => Some(value),
            StartState::Waiting | StartState::Undetermined(_) => None,
        }
    }

    /// What a value means by the declared format, plausible or not: instants in whole microseconds, rounded up.
    /// NULL is [`WhyUndetermined::Empty`].
    pub fn parse_value(&self, value: &Value) -> Result<StartValue, WhyUndetermined> {
        spelling::read(value, self.format.as_ref(), self.zone)
    }

    /// The instant by which starts are put in order: of a day the first in the start's zone.
    pub fn instant_of(&self, value: StartValue) -> Instant {
        match value {
            StartValue::Instant(instant) => instant,
            StartValue::Date(date) => self.zone.first_instant_of(date).unwrap_or(Instant::MAX_UTC),
        }
    }

    /// The first plausible instant: the beginning of the earliest plausible day in the start's zone.
    pub fn earliest_instant(&self) -> Instant {
        self.zone.first_instant_of(self.earliest).unwrap_or(Instant::MIN_UTC)
    }

    /// Today in the start's zone; with `waiting-if = ["future"]` a later day has not happened yet.
    pub fn today(&self, now: Instant) -> NaiveDate {
        self.zone.local(now).date()
    }

    /// The last day that is plausible: that of the instant 24 hours ahead, in the start's zone.
    pub fn last_plausible_date(&self, now: Instant) -> NaiveDate {
        self.zone.local(last_plausible(now)).date()
    }

    fn state(&self, fields: &dyn Fields, events: &EventBook, now: Option<Instant>) -> StartState {
        match &self.source {
            StartSource::Field(field) => match fields.get(field) {
                Some(value) => self.judged(&value, now),
                None => StartState::Undetermined(WhyUndetermined::NoLinkedRow),
            },
            StartSource::Latest(parts) => self.latest(parts, fields, now),
            StartSource::Event { name, by } => match recorded(name, by.as_ref(), fields, events) {
                StartState::Known(value) if self.is_too_early(value) => {
                    StartState::Undetermined(WhyUndetermined::TooEarly)
                }
                state => state,
            },
        }
    }

    fn judged(&self, value: &Value, now: Option<Instant>) -> StartState {
        match self.parse_value(value) {
            Err(WhyUndetermined::Empty) if self.waiting_if_empty => StartState::Waiting,
            Err(why) => StartState::Undetermined(why),
            Ok(value) if self.is_too_early(value) => StartState::Undetermined(WhyUndetermined::TooEarly),
            Ok(value) => match now {
                Some(now) if self.waiting_if_future && is_after(value, now, self.today(now)) => {
                    StartState::Waiting
                }
                Some(now) if is_after(value, last_plausible(now), self.last_plausible_date(now)) => {
                    StartState::Undetermined(WhyUndetermined::TooFarAhead)
                }
                _ => StartState::Known(value),
            },
        }
    }

    fn is_too_early(&self, value: StartValue) -> bool {
        match value {
            StartValue::Date(date) => date < self.earliest,
            // No zone is a whole day away from UTC: two days later no look at the zone is needed.
            StartValue::Instant(instant) => {
                (instant.date_naive() - self.earliest).num_days() < 2 && instant < self.earliest_instant()
            }
        }
    }

    /// Each part is judged by itself: one that cannot be believed might be the latest.
    fn latest(&self, parts: &[LatestField], fields: &dyn Fields, now: Option<Instant>) -> StartState {
        let mut latest: Option<StartValue> = None;
        let mut waiting = false;
        for part in parts {
            let Some(value) = fields.get(&part.field) else {
                return StartState::Undetermined(WhyUndetermined::NoLinkedRow);
            };
            if value.is_null() {
                waiting |= !part.optional;
                continue;
            }
            match self.judged(&value, now) {
                StartState::Known(value) => {
                    latest = Some(latest.map_or(value, |other| self.later(other, value)));
                }
                StartState::Waiting => waiting = true,
                undetermined @ StartState::Undetermined(_) => return undetermined,
            }
        }
        match latest {
            _ if waiting => StartState::Waiting,
            Some(value) => StartState::Known(value),
            None => self.judged(&Value::Null, now),
        }
    }

    /// A day counts as the first instant of the day after it, for until then it may have happened.
    fn later(&self, one: StartValue, other: StartValue) -> StartValue {
        let end = |value| match value {
            StartValue::Instant(instant) => instant,
            StartValue::Date(date) => {
                date.succ_opt().and_then(|next| self.zone.first_instant_of(next)).unwrap_or(Instant::MAX_UTC)
            }
        };
        if end(other) > end(one) { other } else { one }
    }
}

fn is_after(value: StartValue, last: Instant, last_date: NaiveDate) -> bool {
    match value {
        StartValue::Instant(instant) => instant > last,
        StartValue::Date(date) => date > last_date,
    }
}

fn recorded(name: &str, by: Option<&Field>, fields: &dyn Fields, events: &EventBook) -> StartState {
    let key = match by {
        None => Some(fields.event_key()),
        Some(field) => match fields.get(field) {
            Some(value) => value.as_event_key(),
            None => return StartState::Undetermined(WhyUndetermined::NoLinkedRow),
        },
    };
    match key.and_then(|key| events.at(name, &key)) {
        Some(at) => StartState::Known(StartValue::Instant(spelling::up_to_micros(at))),
        None => StartState::Waiting,
    }
}

#[cfg(test)]
mod tests;
