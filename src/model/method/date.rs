//! Makes a day or an instant coarser, in the spelling that it had.

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, TimeZone, Utc};

use super::Granularity;
use crate::model::spelling;
use crate::model::start::{Count, Format};
use crate::model::value::Value;

/// The first day, or its first instant, of the month or year. Local times stay local and keep their offset;
/// instants without one are cut in UTC. `None` for a value without the declared format.
pub(super) fn generalize(value: &Value, to: Granularity, format: Option<&Format>) -> Option<Value> {
    match (value, format) {
        (Value::Date(date), _) if !is_whole(date.year()) => Some(value.clone()),
        (Value::Instant(instant), _) if !is_whole(instant.year()) => Some(value.clone()),
        (Value::Date(date), _) => Some(Value::Date(first_day(*date, to))),
        (Value::Instant(instant), _) => Some(Value::Instant(first_instant(*instant, to))),
        (Value::Text(text), Some(Format::Pattern(pattern))) => by_pattern(text, pattern, to).map(Value::Text),
        (Value::Int(number), Some(Format::Pattern(pattern))) => {
            by_pattern(&number.to_string(), pattern, to)?.parse().ok().map(Value::Int)
        }
        (Value::Text(text), Some(format)) => in_place(text, format, to).map(Value::Text),
        (_, Some(format)) => counted(value, format.count()?, to),
        _ => None,
    }
}

/// The years that both PostgreSQL's calendar and ours have from their first day to their last. What lies outside, such
/// as infinity, is nobody's day and stays as it is.
fn is_whole(year: i32) -> bool {
    (-4711..=262_141).contains(&year)
}

fn first_day(date: NaiveDate, to: Granularity) -> NaiveDate {
    let month = if to == Granularity::Year { 1 } else { date.month() };
    NaiveDate::from_ymd_opt(date.year(), month, 1).unwrap_or(date)
}

fn first_instant(instant: DateTime<Utc>, to: Granularity) -> DateTime<Utc> {
    first_day(instant.date_naive(), to).and_time(NaiveTime::MIN).and_utc()
}

/// Writes over the digits and leaves everything else as it stands.
fn in_place(text: &str, format: &Format, to: Granularity) -> Option<String> {
    let spelled = spelling::spelled(text, format)?;
    let date = first_day(spelled.date, to).to_string();
    let offset = if spelled.offset.is_some() { offset_at(text)? } else { text.len() };
    let time: String = text[10..offset].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    Some(format!("{date}{time}{}", &text[offset..]))
}

fn offset_at(text: &str) -> Option<usize> {
    text.rfind(['Z', 'z', '+', '-'])
}

fn by_pattern(text: &str, pattern: &str, to: Granularity) -> Option<String> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, StrftimeItems::new(pattern)).ok()?;
    let offset = FixedOffset::east_opt(parsed.offset().unwrap_or(0))?;
    let date = match parsed.timestamp() {
        Some(seconds) => DateTime::from_timestamp(seconds, 0)?.date_naive(),
        None => parsed.to_naive_date().ok()?,
    };
    let first = first_day(date, to).and_time(NaiveTime::MIN);
    let first = match parsed.timestamp() {
        Some(_) => first.and_utc().fixed_offset(),
        None => offset.from_local_datetime(&first).single()?,
    };
    Some(first.format(pattern).to_string())
}

#[expect(clippy::cast_precision_loss, reason = "the first second of a month has few digits")]
fn counted(value: &Value, count: Count, to: Granularity) -> Option<Value> {
    let per_second = 1_000_000 / i64::from(count.unit);
    let before_1970 = count.before_1970 / 1_000_000;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a number too large for the calendar is refused next"
    )]
    let seconds = match value {
        Value::Int(number) => number.div_euclid(per_second),
        Value::Real(number) if number.is_finite() => (number / per_second as f64).floor() as i64,
        _ => return None,
    };
    let first = first_instant(DateTime::from_timestamp(seconds.checked_sub(before_1970)?, 0)?, to);
    let first = (first.timestamp() + before_1970).checked_mul(per_second)?;
    Some(if matches!(value, Value::Int(_)) { Value::Int(first) } else { Value::Real(first as f64) })
}
