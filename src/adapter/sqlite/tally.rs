//! Counting in one pass what no index can count: an aggregate function sees each record once.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveTime;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::Value as SqlValue;

use super::dialect::Sqlite;
use super::given::Arguments;
use super::value;
use crate::adapter::api::{Group, Scope, StoreError, Tally};
use crate::adapter::sql::{Dialect, Frame};
use crate::model::key::Key;
use crate::model::predicate::EventBook;
use crate::model::start::{Start, StartState};
use crate::time::{Instant, StartValue};

/// Where a start lies on the time line, for putting starts in order. One field gives only days or only instants, so
/// that a day need not be looked up in its zone.
pub(super) fn moment(start: &Start, value: StartValue) -> i64 {
    match value {
        StartValue::Date(date) if start.single_field().is_some() => {
            date.and_time(NaiveTime::MIN).and_utc().timestamp_micros()
        }
        value => start.instant_of(value).timestamp_micros(),
    }
}

/// Adds to a tally what another part of the same group gave.
pub(super) fn add(into: &mut Tally, from: Tally, group: &Group) {
    let at = |value: StartValue| group.start.as_ref().map(|start| moment(start, value));
    into.count += from.count;
    into.oldest = [into.oldest, from.oldest].into_iter().flatten().min_by_key(|value| at(*value));
    into.newest = [into.newest, from.newest].into_iter().flatten().max_by_key(|value| at(*value));
    let room = group.samples.saturating_sub(into.samples.len());
    into.samples.extend(from.samples.into_iter().take(room));
}

/// A tally function that was made for one group: its call, and where its answer will be.
#[derive(Debug)]
pub(super) struct Tallying {
    /// The call, without a filter.
    pub(super) call: String,
    answer: Arc<Mutex<Tally>>,
}

impl Tallying {
    /// Makes the function for a group. It is to be called for the records that belong to the group.
    pub(super) fn of(
        dialect: &Sqlite<'_>,
        frame: &Frame,
        group: &Group,
        scope: &Scope,
    ) -> Result<Self, StoreError> {
        let arguments =
            group.start.as_ref().map(|start| Arguments::of_start(dialect, frame, start)).transpose()?;
        let mut sql = arguments.as_ref().map(|arguments| arguments.sql.clone()).unwrap_or_default();
        let key_at = sql.len();
        if group.samples > 0 {
            sql.extend(frame.own.key.iter().map(|column| dialect.column(&frame.own.name, column)));
        }
        let answer = Arc::new(Mutex::new(Tally::default()));
        let counter = Counter {
            start: group.start.clone().zip(arguments),
            events: Arc::clone(&scope.events),
            now: scope.now,
            key: (key_at, sql.len() - key_at),
            samples: group.samples,
            answer: Arc::clone(&answer),
        };
        let name = dialect.session.function_name();
        let count = i32::try_from(sql.len()).expect("a start and a key have few fields");
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        dialect
            .session
            .connection
            .create_aggregate_function(name.as_str(), count, flags, counter)
            .map_err(|error| dialect.session.error(&error))?;
        Ok(Self { call: format!("{name}({})", sql.join(", ")), answer })
    }

    /// The answer, after the query has run.
    pub(super) fn answer(self) -> Tally {
        std::mem::take(&mut *self.answer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Counter {
    start: Option<(Arc<Start>, Arguments)>,
    events: Arc<EventBook>,
    now: Instant,
    key: (usize, usize),
    samples: usize,
    answer: Arc<Mutex<Tally>>,
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    count: u64,
    oldest: Option<(i64, StartValue)>,
    newest: Option<(i64, StartValue)>,
    /// The earliest so far, earliest first. Records without a known start come last.
    samples: Vec<(i64, Key)>,
}

impl Aggregate<Seen, SqlValue> for Counter {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Seen> {
        Ok(Seen::default())
    }

    fn step(&self, call: &mut Context<'_>, seen: &mut Seen) -> rusqlite::Result<()> {
        seen.count += 1;
        let known = self.start.as_ref().and_then(|(start, arguments)| {
            match start.read(&arguments.given(|at| call.get_raw(at)), &self.events, self.now) {
                StartState::Known(value) => Some((moment(start, value), value)),
                StartState::Waiting | StartState::Undetermined(_) => None,
            }
        });
        if let Some(known) = known {
            seen.oldest = Some(seen.oldest.filter(|oldest| oldest.0 <= known.0).unwrap_or(known));
            seen.newest = Some(seen.newest.filter(|newest| newest.0 >= known.0).unwrap_or(known));
        }
        if self.samples == 0 {
            return Ok(());
        }
        let at = known.map_or(i64::MAX, |(at, _)| at);
        if seen.samples.len() == self.samples && seen.samples.last().is_some_and(|(last, _)| *last <= at) {
            return Ok(());
        }
        if let Some(key) = value::key(self.key.1, |column| call.get_raw(self.key.0 + column)) {
            let place = seen.samples.partition_point(|(other, _)| *other <= at);
            seen.samples.insert(place, (at, key));
            seen.samples.truncate(self.samples);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, seen: Option<Seen>) -> rusqlite::Result<SqlValue> {
        let seen = seen.unwrap_or_default();
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Tally {
            count: seen.count,
            oldest: seen.oldest.map(|(_, value)| value),
            newest: seen.newest.map(|(_, value)| value),
            samples: seen.samples.into_iter().map(|(_, key)| key).collect(),
        };
        Ok(SqlValue::Null)
    }
}
