//! How columns spell instants and days: reads one text, number or path part by the declared format.
//!
//! Nothing is guessed: a text either has the format to its last character or is unreadable.

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::start::{Count, Format, WhyUndetermined};
use super::value::Value;
use crate::time::{Instant, StartValue, Zone};

/// Instants outside the years 0 to 9999 become the nearer end: they are implausible in either case, and no
/// calculation with them can leave the calendar.
const FIRST: Instant =
    DateTime::from_timestamp_micros(-62_167_219_200_000_000).expect("the year 0 is in range");
const LAST: Instant =
    DateTime::from_timestamp_micros(253_402_300_799_999_999).expect("the year 9999 is in range");

/// A text taken apart: a day, perhaps a time of day, perhaps with an offset.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Spelled {
    /// The day as written.
    pub(super) date: NaiveDate,
    /// The time of day as written; `None` for a whole day.
    pub(super) time: Option<TimeOfDay>,
    /// Seconds east of UTC, if written.
    pub(super) offset: Option<FixedOffset>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) struct TimeOfDay {
    whole_seconds: NaiveTime,
    /// Rounded up, so a million is possible; a leap second adds another.
    micros: u32,
}

/// The start that a value means, without any judgement whether it is plausible.
pub(super) fn read(
    value: &Value,
    format: Option<&Format>,
    zone: Zone,
) -> Result<StartValue, WhyUndetermined> {
    let unreadable = Err(WhyUndetermined::Unreadable);
    match (value, format) {
        (Value::Null, _) => Err(WhyUndetermined::Empty),
        (Value::Instant(instant), _) => Ok(StartValue::Instant(up_to_micros(*instant))),
        (Value::Date(date), _) => Ok(StartValue::Date(*date)),
        (Value::Text(text), Some(Format::Pattern(pattern))) => by_pattern(text, pattern, zone),
        // A day such as 20261001 is often kept as a whole number; its digits are what the pattern describes.
        (Value::Int(number), Some(Format::Pattern(pattern))) => {
            by_pattern(&number.to_string(), pattern, zone)
        }
        (Value::Text(text), Some(Format::Rfc3339 | Format::DateTime | Format::Date)) => {
            if text.starts_with("0000-00-00") {
                return Err(WhyUndetermined::TooEarly);
            }
            spelled(text, format.unwrap_or(&Format::Date))
                .map_or(unreadable, |spelled| Ok(spelled.start(zone)))
        }
        (Value::Int(_) | Value::Real(_), Some(format)) => match format.count() {
            Some(count) => counted(value, count),
            // 20261001.5, and what JSON writes as 20261001.0 is a whole number.
            None if matches!(format, Format::Pattern(_)) => unreadable,
            None => Err(WhyUndetermined::NumberForText),
        },
        (Value::Text(_), Some(_)) => Err(WhyUndetermined::TextForNumber),
        (Value::Bool(_) | Value::Bytes(_) | Value::Other, Some(_)) => Err(WhyUndetermined::NoTime),
        (_, None) => unreadable,
    }
}

/// Takes a text of one of the three fixed formats apart.
pub(super) fn spelled(text: &str, format: &Format) -> Option<Spelled> {
    let (date, rest) = text.as_bytes().split_at_checked(10)?;
    let date = read_date(date)?;
    if *format == Format::Date {
        return rest.is_empty().then_some(Spelled { date, time: None, offset: None });
    }
    let (separator, rest) = rest.split_first()?;
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let (time, rest) = read_time(rest, *format == Format::Rfc3339)?;
    let offset = match format {
        Format::Rfc3339 => Some(read_offset(rest)?),
        _ if rest.is_empty() => None,
        _ => return None,
    };
    Some(Spelled { date, time: Some(time), offset })
}

impl Spelled {
    fn start(self, zone: Zone) -> StartValue {
        let Some(time) = self.time else { return StartValue::Date(self.date) };
        let local = self.date.and_time(time.whole_seconds);
        instant_of(local, time.micros, self.offset, zone)
    }
}

/// Whole seconds are resolved first: rounding a fraction up must not carry the wall clock into a gap.
fn instant_of(local: NaiveDateTime, micros: u32, offset: Option<FixedOffset>, zone: Zone) -> StartValue {
    let instant = match offset {
        Some(offset) => local.checked_sub_offset(offset).map_or(LAST, |utc| utc.and_utc()),
        None => zone.to_instant(local),
    };
    StartValue::Instant(instant.clamp(FIRST, LAST) + TimeDelta::microseconds(i64::from(micros)))
}

fn counted(value: &Value, count: Count) -> Result<StartValue, WhyUndetermined> {
    let micros = match value {
        Value::Int(number) => i128::from(*number) * i128::from(count.unit),
        Value::Real(number) if number.is_nan() => return Err(WhyUndetermined::Unreadable),
        Value::Real(number) => real_micros(*number, count.unit),
        _ => return Err(WhyUndetermined::Unreadable),
    };
    let micros = (micros - i128::from(count.before_1970))
        .clamp(FIRST.timestamp_micros().into(), LAST.timestamp_micros().into());
    let micros = i64::try_from(micros).expect("both ends fit");
    Ok(StartValue::Instant(DateTime::from_timestamp_micros(micros).expect("both ends are in range")))
}

/// Rounded up. The whole part is taken off first: what is left has few enough digits for an exact product.
#[expect(clippy::cast_possible_truncation, reason = "clamped far inside i128 before")]
fn real_micros(number: f64, micros_per_unit: i32) -> i128 {
    let number = number.clamp(-1e18, 1e18);
    let whole = number.floor();
    let rest = ((number - whole) * f64::from(micros_per_unit)).ceil();
    whole as i128 * i128::from(micros_per_unit) + rest as i128
}

/// A finer instant than a microsecond is moved up to the next one.
pub(super) fn up_to_micros(instant: Instant) -> Instant {
    let instant = instant.clamp(FIRST, LAST);
    let finer = i64::from(!instant.nanosecond().is_multiple_of(1_000));
    DateTime::from_timestamp_micros(instant.timestamp_micros() + finer).unwrap_or(LAST)
}

fn by_pattern(text: &str, pattern: &str, zone: Zone) -> Result<StartValue, WhyUndetermined> {
    parse_pattern(text, pattern, zone).ok_or(WhyUndetermined::Unreadable)
}

fn parse_pattern(text: &str, pattern: &str, zone: Zone) -> Option<StartValue> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, StrftimeItems::new(pattern)).ok()?;
    if parsed.timestamp().is_none() {
        if parsed.hour_mod_12().is_none() {
            return Some(StartValue::Date(parsed.to_naive_date().ok()?));
        }
        if parsed.minute().is_none() {
            parsed.set_minute(0).ok()?;
        }
    }
    let offset = match parsed.offset() {
        Some(seconds) => Some(FixedOffset::east_opt(seconds)?),
        None => parsed.timestamp().map(|_| FixedOffset::east_opt(0).expect("zero is an offset")),
    };
    let local = parsed.to_naive_datetime_with_offset(parsed.offset().unwrap_or(0)).ok()?;
    let micros = local.nanosecond().div_ceil(1_000);
    Some(instant_of(local.with_nanosecond(0)?, micros, offset, zone))
}

fn read_date(text: &[u8]) -> Option<NaiveDate> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i32::try_from(number(&text[..4])?).ok()?;
    NaiveDate::from_ymd_opt(year, number(&text[5..7])?, number(&text[8..10])?)
}

fn read_time(text: &[u8], seconds_needed: bool) -> Option<(TimeOfDay, &[u8])> {
    let (clock, mut rest) = text.split_at_checked(5)?;
    if clock[2] != b':' {
        return None;
    }
    let (mut second, mut micros) = (0, 0);
    if rest.first() == Some(&b':') {
        let (digits, after) = rest[1..].split_at_checked(2)?;
        second = number(digits)?;
        rest = after;
        if rest.first() == Some(&b'.') {
            (micros, rest) = read_fraction(&rest[1..])?;
        }
    } else if seconds_needed {
        return None;
    }
    // RFC 3339 section 5.7 knows a 60th second; it is the first of the next minute.
    if second == 60 {
        (second, micros) = (59, micros + 1_000_000);
    }
    let whole_seconds = NaiveTime::from_hms_opt(number(&clock[..2])?, number(&clock[3..])?, second)?;
    Some((TimeOfDay { whole_seconds, micros }, rest))
}

fn read_fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() {
        return None;
    }
    let (kept, finer) = digits.split_at(length.min(6));
    let scale = 10_u32.pow(6 - u32::try_from(kept.len()).ok()?);
    let up = u32::from(finer.iter().any(|digit| *digit != b'0'));
    Some((number(kept)? * scale + up, rest))
}

fn read_offset(text: &[u8]) -> Option<FixedOffset> {
    match text {
        b"Z" | b"z" => FixedOffset::east_opt(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
            FixedOffset::east_opt(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0_u32, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

impl Format {
    /// What is wrong with the format itself, as a sentence; only a strftime pattern can be wrong.
    pub fn defect(&self) -> Option<String> {
        let Self::Pattern(pattern) = self else { return None };
        if StrftimeItems::new(pattern).any(|item| item == chrono::format::Item::Error) {
            return Some(format!("`{pattern}` is no strftime pattern"));
        }
        // A day and time in which no two parts are alike, so that a part that is missing cannot be made up for.
        let sample = DateTime::from_timestamp(1_795_614_356, 123_456_789).expect("the year 2026 is in range");
        let text = sample.format(pattern).to_string();
        match parse_pattern(&text, pattern, Zone::UTC) {
            Some(_) => None,
            None => Some(format!("`{pattern}` does not say which day: it needs year, month and day")),
        }
    }

    /// Whether every value in this format is a whole day.
    pub fn is_whole_day(&self) -> bool {
        match self {
            Self::Date => true,
            Self::Pattern(pattern) => {
                let sample = FIRST.format(pattern).to_string();
                matches!(parse_pattern(&sample, pattern, Zone::UTC), Some(StartValue::Date(_)))
            }
            _ => false,
        }
    }
}
