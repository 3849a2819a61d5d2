//! How a start can be asked for: as ranges of numbers that an index answers alone, as texts that an index narrows and
//! a function decides, or by a function only.

use chrono::{NaiveDate, TimeDelta};

use super::affinity::{Affinity, affinity};
use super::segments::{Number, Segments};
use crate::adapter::sql::Frame;
use crate::model::predicate::StartIs;
use crate::model::schema::ColumnKind;
use crate::model::start::{Count, Format, Start, last_plausible};
use crate::model::value::{Field, Value};
use crate::time::{Instant, StartSet, StartValue};

/// The way in which a start can be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading<'a> {
    /// Numbers in a column of the record itself.
    Numbers {
        /// The column.
        column: &'a str,
        /// How they count.
        count: Count,
    },
    /// Texts that begin with year, month and day in a column of the record itself.
    Texts {
        /// The column.
        column: &'a str,
    },
    /// Anything else.
    Opaque,
}

/// How this start is read from these tables.
pub(super) fn reading<'a>(start: &Start, frame: &'a Frame) -> Reading<'a> {
    let Some(Field { link: None, column }) = start.single_field() else { return Reading::Opaque };
    let Some(column) = frame.own.column(column) else { return Reading::Opaque };
    if matches!(start.format, Some(Format::Rfc3339 | Format::DateTime | Format::Date)) {
        return Reading::Texts { column: &column.name };
    }
    let Some(count) = start.format.as_ref().and_then(Format::count) else { return Reading::Opaque };
    // In a text column every number is kept as text, and a truth column's 0 and 1 are no numbers.
    if affinity(&column.declared) == Affinity::Text || column.kind == ColumnKind::Bool {
        return Reading::Opaque;
    }
    Reading::Numbers { column: &column.name, count }
}

/// The numbers that answer the question, for a start that is read as [`Reading::Numbers`].
pub(super) fn segments(start: &Start, count: Count, is: &StartIs) -> Segments {
    let axis = Axis { start, count };
    let plausible = Segments::range(Some(axis.before(start.earliest_instant())), None);
    match is {
        StartIs::In(set) => {
            let ranges = set.instants.iter().map(|(from, to)| {
                Segments::range(from.map(|from| axis.before(from)), Some(axis.through(*to)))
            });
            ranges.fold(Segments::none(), |all, one| all.or(&one)).and(&plausible)
        }
        StartIs::Known { now } => {
            let last = if start.waiting_if_future { *now } else { last_plausible(*now) };
            plausible.and(&Segments::range(None, Some(axis.through(last))))
        }
        StartIs::Waiting { now } => {
            let empty = if start.waiting_if_empty { Segments::null() } else { Segments::none() };
            if start.waiting_if_future {
                empty.or(&Segments::range(Some(axis.through(*now)), None).and(&plausible))
            } else {
                empty
            }
        }
        StartIs::Undetermined { now } => {
            let known = segments(start, count, &StartIs::Known { now: *now });
            known.or(&segments(start, count, &StartIs::Waiting { now: *now })).complement()
        }
    }
}

struct Axis<'a> {
    start: &'a Start,
    count: Count,
}

impl Axis<'_> {
    /// The largest number that means an instant before this one.
    fn before(&self, instant: Instant) -> Number {
        self.through(instant.checked_sub_signed(TimeDelta::microseconds(1)).unwrap_or(instant))
    }

    /// The largest number that means this instant or an earlier one. Numbers with a fraction are rounded up to a
    /// microsecond when they are read, so that reading itself has to say where the edge lies.
    #[expect(clippy::cast_precision_loss, reason = "the search below corrects it")]
    fn through(&self, instant: Instant) -> Number {
        let means = |number: f64| match self.start.parse_value(&Value::Real(number)) {
            Ok(StartValue::Instant(meant)) => meant <= instant,
            _ => false,
        };
        // Reading never leaves the calendar of four-digit years: at its ends there is no edge to be found.
        if !means(f64::NEG_INFINITY) {
            return Number::Real(f64::NEG_INFINITY);
        }
        if means(f64::INFINITY) {
            return Number::Real(f64::INFINITY);
        }
        let (unit, micros) =
            (i64::from(self.count.unit), instant.timestamp_micros() + self.count.before_1970);
        let whole = micros.div_euclid(unit);
        if whole.unsigned_abs() >= 1 << 53 {
            // So large a number with a fraction does not exist.
            return Number::Int(whole);
        }
        let mut edge = micros as f64 / unit as f64;
        while !means(edge) {
            edge = edge.next_down();
        }
        while means(edge.next_up()) {
            edge = edge.next_up();
        }
        let edge = Number::Real(edge);
        if edge == Number::Int(whole) { Number::Int(whole) } else { edge }
    }
}

/// The days with which texts that may be in the set begin: from the first, and before the second. `None` where the
/// calendar of four-digit years ends. A day to each side covers every offset, and two more a text cut at its day.
pub(super) fn days(start: &Start, set: &StartSet) -> (Option<NaiveDate>, Option<NaiveDate>) {
    let first = start.earliest.checked_sub_signed(TimeDelta::days(2));
    let last = [set.last().map(|last| last.date_naive()), set.dates_through].into_iter().flatten().max();
    let past = last.and_then(|last| last.checked_add_signed(TimeDelta::days(3)));
    (first.filter(four_digits), past.filter(four_digits))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as `Option::filter` wants it")]
fn four_digits(date: &NaiveDate) -> bool {
    use chrono::Datelike;
    (0..=9999).contains(&date.year())
}
