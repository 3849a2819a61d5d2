//! Starts as ranges of a column's values, where its type or the declared format lets a server compare them exactly.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::Frame;
use crate::model::predicate::StartIs;
use crate::model::schema::ColumnKind;
use crate::model::start::{Format, Start, last_plausible};
use crate::model::value::Field;
use crate::time::{Instant, StartSet, StartValue, Zone};

/// How a start that stands in one column of the record is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// A point in time.
    Instant,
    /// A day.
    Date,
    /// Whole numbers, so many microseconds for each.
    Number(i64),
    /// A date with a time of day, local in the start's zone.
    Local,
}

/// The column and its axis; `None` where only our own code can read the start.
pub(crate) fn axis<'a>(start: &Start, frame: &'a Frame) -> Option<(&'a str, Axis)> {
    let Field { link: None, column } = start.single_field()? else { return None };
    let column = frame.own.column(column)?;
    let axis = match (column.kind, &start.format) {
        (ColumnKind::Instant, _) => Axis::Instant,
        (ColumnKind::Date, _) => Axis::Date,
        (ColumnKind::Int, Some(Format::Unix)) => Axis::Number(1_000_000),
        (ColumnKind::Int, Some(Format::UnixMs)) => Axis::Number(1_000),
        (ColumnKind::Int, Some(Format::UnixUs)) => Axis::Number(1),
        (ColumnKind::Any, Some(Format::DateTime)) if is_local(&column.declared) => Axis::Local,
        _ => return None,
    };
    Some((&column.name, axis))
}

/// PostgreSQL's and MySQL's type for a date with a time of day and without a zone.
fn is_local(declared: &str) -> bool {
    declared.starts_with("timestamp") || declared.starts_with("datetime")
}

/// An end of a range, as the column's type has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Of [`Axis::Instant`].
    Instant(Instant),
    /// Of [`Axis::Date`].
    Date(NaiveDate),
    /// Of [`Axis::Number`].
    Number(i64),
    /// Of [`Axis::Local`].
    Local(NaiveDateTime),
}

/// A range of values, both ends in it; `None` is no end.
pub(crate) type Range = (Option<Edge>, Option<Edge>);

impl Axis {
    /// What its values are read as.
    pub(crate) fn kind(self) -> ColumnKind {
        match self {
            Self::Instant => ColumnKind::Instant,
            Self::Date => ColumnKind::Date,
            Self::Number(_) => ColumnKind::Int,
            Self::Local => ColumnKind::Any,
        }
    }
}

/// What is asked of a start: ranges, and whether NULL is in it.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// One of these.
    pub(crate) ranges: Vec<Range>,
    /// NULL is in it.
    pub(crate) null: bool,
    /// It is everything but this.
    pub(crate) inverted: bool,
}

const MICRO: TimeDelta = TimeDelta::microseconds(1);

/// The values that are in the state asked for.
pub(crate) fn asked(start: &Arc<Start>, axis: Axis, is: &StartIs) -> Asked {
    match is {
        StartIs::In(set) => Asked { ranges: ranges(start, axis, set), ..Asked::default() },
        StartIs::Known { now } => Asked { ranges: known(start, axis, *now), ..Asked::default() },
        StartIs::Waiting { now } => Asked {
            ranges: if start.waiting_if_future { ahead(start, axis, *now) } else { Vec::new() },
            null: start.waiting_if_empty,
            inverted: false,
        },
        StartIs::Undetermined { now } => {
            let ranges =
                if start.waiting_if_future { plausible(start, axis) } else { known(start, axis, *now) };
            Asked { ranges, null: start.waiting_if_empty, inverted: true }
        }
    }
}

/// The plausible values in a set of due starts.
fn ranges(start: &Start, axis: Axis, set: &StartSet) -> Vec<Range> {
    if axis == Axis::Date {
        let earliest = start.earliest;
        let through = set.dates_through.filter(|last| *last >= earliest);
        return through
            .map(|last| (Some(Edge::Date(earliest)), Some(Edge::Date(last))))
            .into_iter()
            .collect();
    }
    let earliest = start.earliest_instant();
    set.instants
        .iter()
        .map(|(from, to)| (from.map_or(earliest, |from| from.max(earliest)), *to))
        .filter(|(from, to)| from <= to)
        .flat_map(|(from, to)| between(start.zone, axis, from, Some(to)))
        .collect()
}

fn known(start: &Start, axis: Axis, now: Instant) -> Vec<Range> {
    if axis == Axis::Date {
        let last = if start.waiting_if_future { start.today(now) } else { start.last_plausible_date(now) };
        return vec![(Some(Edge::Date(start.earliest)), Some(Edge::Date(last)))];
    }
    let last = if start.waiting_if_future { now } else { last_plausible(now) };
    between(start.zone, axis, start.earliest_instant(), Some(last))
}

/// Whatever is not too early.
fn plausible(start: &Start, axis: Axis) -> Vec<Range> {
    match axis {
        Axis::Date => vec![(Some(Edge::Date(start.earliest)), None)],
        _ => between(start.zone, axis, start.earliest_instant(), None),
    }
}

/// What has not happened yet.
fn ahead(start: &Start, axis: Axis, now: Instant) -> Vec<Range> {
    if axis == Axis::Date {
        let first = start.today(now).succ_opt().unwrap_or(NaiveDate::MAX).max(start.earliest);
        return vec![(Some(Edge::Date(first)), None)];
    }
    between(start.zone, axis, (now + MICRO).max(start.earliest_instant()), None)
}

/// The column's values that mean an instant from `from` to `to`, both in it.
fn between(zone: Zone, axis: Axis, from: Instant, to: Option<Instant>) -> Vec<Range> {
    match axis {
        Axis::Instant => vec![(Some(Edge::Instant(from)), to.map(Edge::Instant))],
        Axis::Number(unit) => {
            let first = from.timestamp_micros().saturating_add(unit - 1).div_euclid(unit);
            let last = to.map(|to| to.timestamp_micros().div_euclid(unit));
            if last.is_some_and(|last| last < first) {
                return Vec::new();
            }
            vec![(Some(Edge::Number(first)), last.map(Edge::Number))]
        }
        Axis::Local => local(zone, from, to)
            .into_iter()
            .map(|(from, to)| (Some(Edge::Local(from)), Some(Edge::Local(to.unwrap_or_else(last_spelled)))))
            .collect(),
        Axis::Date => Vec::new(),
    }
}

/// The local times that mean an instant from `from` to `to`. Between two changes of the clock local time and instant
/// differ by one offset; a local time belongs to the offset after a change from `change + that offset` on, which
/// gives the second of two and moves on what is skipped, as [`Zone::to_instant`] does.
fn local(zone: Zone, from: Instant, to: Option<Instant>) -> Vec<(NaiveDateTime, Option<NaiveDateTime>)> {
    let near = TimeDelta::days(3);
    // Far from both ends a stretch lies wholly inside: only the changes near an end matter.
    let mut changes = zone.transitions(from - near, from + near);
    if let Some(to) = to {
        changes.extend(zone.transitions((to - near).max(from + near), to + near));
    }
    let shifted = |instant: Instant, offset: chrono::FixedOffset| {
        instant.naive_utc().checked_add_offset(offset).unwrap_or(NaiveDateTime::MAX)
    };
    let mut found: Vec<(NaiveDateTime, Option<NaiveDateTime>)> = Vec::new();
    let mut begins = None;
    for at in 0..=changes.len() {
        let ends = changes.get(at).map(|change| shifted(change.at, change.after));
        // Between the two ends the clock may change as well, but there nothing ends: the offset with which a stretch
        // begins is right for `from`, the one with which it ends for `to`.
        let offset = match at.checked_sub(1).and_then(|before| changes.get(before)) {
            Some(before) => before.after,
            None => offset_at(zone, from - near),
        };
        let last_offset = match (changes.get(at), to) {
            (Some(next), _) => next.before,
            (None, Some(to)) => offset_at(zone, to + near),
            (None, None) => offset,
        };
        let low = shifted(from, offset).max(begins.unwrap_or(NaiveDateTime::MIN));
        let high = match (to.map(|to| shifted(to, last_offset)), ends) {
            (Some(to), Some(ends)) => Some(to.min(ends - MICRO)),
            (Some(to), None) => Some(to),
            (None, ends) => ends.map(|ends| ends - MICRO),
        };
        if high.is_none_or(|high| low <= high) {
            found.push((low, high));
        }
        begins = ends;
    }
    found
}

/// The ends of growing sets, in order: between two neighbouring ones all starts belong to the same sets. Of instants,
/// the first that is outside.
pub(crate) fn ends(sets: &[StartSet], axis: Axis) -> Vec<StartValue> {
    if axis == Axis::Date {
        let mut dates: Vec<_> = sets.iter().filter_map(|set| set.dates_through?.succ_opt()).collect();
        dates.sort_unstable();
        dates.dedup();
        return dates.into_iter().map(StartValue::Date).collect();
    }
    let mut instants: Vec<_> = sets
        .iter()
        .flat_map(|set| &set.instants)
        .flat_map(|(from, to)| [*from, Some(*to + MICRO)])
        .flatten()
        .collect();
    instants.sort_unstable();
    instants.dedup();
    instants.into_iter().map(StartValue::Instant).collect()
}

/// A start that stands for all between two of these ends: `bucket` of them lie at or before it.
pub(crate) fn in_bucket(ends: &[StartValue], bucket: usize) -> Option<StartValue> {
    match bucket.checked_sub(1) {
        Some(at) => ends.get(at).copied(),
        None => ends.first().map(|first| match *first {
            StartValue::Date(date) => StartValue::Date(date.pred_opt().unwrap_or(date)),
            StartValue::Instant(instant) => StartValue::Instant(instant - MICRO),
        }),
    }
}

/// The last local time that has a spelling of four digits for its year; `infinity` and what lies after are no times.
fn last_spelled() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(9999, 12, 31)
        .and_then(|day| day.and_hms_micro_opt(23, 59, 59, 999_999))
        .expect("a moment of the calendar")
}

fn offset_at(zone: Zone, instant: Instant) -> chrono::FixedOffset {
    let seconds = (zone.local(instant) - instant.naive_utc()).num_seconds();
    let seconds = i32::try_from(seconds).unwrap_or(0);
    chrono::FixedOffset::east_opt(seconds).expect("a zone's offset is less than a day")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instants() -> impl Strategy<Value = Instant> {
        // Around the changes of 2026, where it matters, and anywhere.
        prop_oneof![
            (1_774_600_000_i64..1_774_900_000)
                .prop_map(|at| Instant::from_timestamp(at / 600 * 600, 0).unwrap()),
            (1_792_700_000_i64..1_793_200_000)
                .prop_map(|at| Instant::from_timestamp(at / 600 * 600, 0).unwrap()),
            (0_i64..4_000_000_000).prop_map(|at| Instant::from_timestamp(at, 0).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn a_local_time_is_in_the_range_exactly_when_its_instant_is(
            one in instants(), other in instants(), asked in instants(), open in any::<bool>(),
            zone in prop_oneof![Just("Europe/Oslo"), Just("America/New_York"), Just("UTC"), Just("Australia/Lord_Howe")],
        ) {
            let zone: Zone = zone.parse().unwrap();
            let (from, to) = (one.min(other), one.max(other));
            let to = (!open).then_some(to);
            // `asked` is read as a wall clock's time here.
            let clock = asked.naive_utc();
            let meant = zone.to_instant(clock);
            let is_in = meant >= from && to.is_none_or(|to| meant <= to);
            let found = local(zone, from, to);
            let says = found.iter().any(|(low, high)| *low <= clock && high.is_none_or(|high| clock <= high));
            prop_assert_eq!(says, is_in, "{} {} in {:?} {:?}: {:?}", clock, meant, from, to, found);
        }
    }
}
