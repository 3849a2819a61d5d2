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

/// Where a start lies on the time line, for putting starts in order. A day counts from its beginning.
pub(super) fn moment(start: StartValue) -> i64 {
    match start {
        StartValue::Instant(instant) => instant.timestamp_micros(),
        StartValue::Date(date) => date.and_time(NaiveTime::MIN).and_utc().timestamp_micros(),
    }
}

/// Adds to a tally what another part of the same group gave.
pub(super) fn add(into: &mut Tally, from: Tally, samples: usize) {
    into.count += from.count;
    into.oldest = earlier(into.oldest, from.oldest);
    into.newest = later(into.newest, from.newest);
    let room = samples.saturating_sub(into.samples.len());
    into.samples.extend(from.samples.into_iter().take(room));
}

fn earlier(one: Option<StartValue>, other: Option<StartValue>) -> Option<StartValue> {
    [one, other].into_iter().flatten().min_by_key(|start| moment(*start))
}

fn later(one: Option<StartValue>, other: Option<StartValue>) -> Option<StartValue> {
    [one, other].into_iter().flatten().max_by_key(|start| moment(*start))
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
    oldest: Option<StartValue>,
    newest: Option<StartValue>,
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
                StartState::Known(value) => Some(value),
                StartState::Waiting | StartState::Undetermined(_) => None,
            }
        });
        if let Some(value) = known {
            seen.oldest = earlier(seen.oldest, Some(value));
            seen.newest = later(seen.newest, Some(value));
        }
        if self.samples == 0 {
            return Ok(());
        }
        let at = known.map_or(i64::MAX, moment);
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
            oldest: seen.oldest,
            newest: seen.newest,
            samples: seen.samples.into_iter().map(|(_, key)| key).collect(),
        };
        Ok(SqlValue::Null)
    }
}
