//! Counting records one by one, where a server cannot.

use std::sync::Arc;

use chrono::NaiveTime;

use crate::adapter::api::Tally;
use crate::model::key::Key;
use crate::model::start::Start;
use crate::time::StartValue;

/// Where a start lies on the time line, for putting starts in order.
pub(crate) fn moment(start: &Arc<Start>, value: StartValue) -> i64 {
    match value {
        StartValue::Date(date) if start.single_field().is_some() => {
            date.and_time(NaiveTime::MIN).and_utc().timestamp_micros()
        }
        value => start.instant_of(value).timestamp_micros(),
    }
}

/// What has been seen of a group so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    count: u64,
    oldest: Option<(i64, StartValue)>,
    newest: Option<(i64, StartValue)>,
    /// The earliest so far, earliest first. Records without a known start come last.
    samples: Vec<(i64, Key)>,
}

impl Seen {
    /// One more record, with its start in order and as it is. `samples` keys are kept.
    pub(crate) fn add(
        &mut self,
        known: Option<(i64, StartValue)>,
        samples: usize,
        key: impl FnOnce() -> Key,
    ) {
        self.count += 1;
        if let Some(known) = known {
            self.oldest = Some(self.oldest.filter(|oldest| oldest.0 <= known.0).unwrap_or(known));
            self.newest = Some(self.newest.filter(|newest| newest.0 >= known.0).unwrap_or(known));
        }
        let at = known.map_or(i64::MAX, |(at, _)| at);
        if self.samples.len() < samples || self.samples.last().is_some_and(|(last, _)| *last > at) {
            let place = self.samples.partition_point(|(other, _)| *other <= at);
            self.samples.insert(place, (at, key()));
            self.samples.truncate(samples);
        }
    }

    /// The sum.
    pub(crate) fn tally(self) -> Tally {
        Tally {
            count: self.count,
            oldest: self.oldest.map(|(_, value)| value),
            newest: self.newest.map(|(_, value)| value),
            samples: self.samples.into_iter().map(|(_, key)| key).collect(),
        }
    }
}
