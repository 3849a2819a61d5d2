//! When an event happened, as people and spreadsheets write it.

use chrono::{NaiveDate, NaiveTime};

use crate::cli::{calc, phrase};
use crate::time::{Instant, StartValue, Zone};

/// A day, which means its first instant in the zone, a local time, or a time with its offset.
pub(super) fn read(text: &str, zone: Zone) -> Result<Instant, String> {
    let value = match dotted(text) {
        Some((day, None)) => StartValue::Date(day),
        Some((day, Some(time))) => StartValue::Instant(zone.to_instant(day.and_time(time))),
        None => calc::read_start(text, zone)?,
    };
    match value {
        StartValue::Instant(at) => Ok(at),
        StartValue::Date(day) => {
            zone.first_instant_of(day).ok_or_else(|| format!("{day} is behind the end of the calendar"))
        }
    }
}

/// The time, unless it is still to come.
pub(super) fn past(at: Instant, now: Instant, zone: Zone) -> Result<Instant, String> {
    if at > now + crate::model::start::AHEAD {
        return Err(format!(
            "{} is still to come: record an event when it has happened",
            phrase::local(at, zone)
        ));
    }
    Ok(at)
}

/// `31.01.2026` and `31.01.2026 14:00`, as spreadsheets in Norwegian and German write it: between points the day
/// always comes first. A year needs its four digits.
fn dotted(text: &str) -> Option<(NaiveDate, Option<NaiveTime>)> {
    let (day, time) = text.split_once(' ').map_or((text, None), |(day, time)| (day, Some(time)));
    let year = day.rsplit('.').next()?;
    if year.len() != 4 || !day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let day = NaiveDate::parse_from_str(day, "%d.%m.%Y").ok()?;
    match time {
        None => Some((day, None)),
        Some(text) => Some((day, Some(clock(text)?))),
    }
}

fn clock(text: &str) -> Option<NaiveTime> {
    ["%H:%M:%S", "%H:%M"].into_iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in_oslo(text: &str) -> Result<String, String> {
        read(text, "Europe/Oslo".parse().unwrap()).map(phrase::utc)
    }

    #[test]
    fn days_times_and_what_spreadsheets_write() {
        for (text, at) in [
            ("2026-01-31", "2026-01-30T23:00:00Z"),
            ("2026-01-31 14:00:00", "2026-01-31T13:00:00Z"),
            ("2026-01-31T14:00:00+05:00", "2026-01-31T09:00:00Z"),
            ("31.01.2026", "2026-01-30T23:00:00Z"),
            ("3.7.2026", "2026-07-02T22:00:00Z"),
            ("31.01.2026 14:00", "2026-01-31T13:00:00Z"),
            ("31.01.2026 14:00:30", "2026-01-31T13:00:30Z"),
        ] {
            assert_eq!(read_in_oslo(text).as_deref(), Ok(at), "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for text in
            ["", "31.01.26", "31/01/2026", "01.31.2026", "31.01.2026 25:00", "31.01.2026 kl 14", "46053"]
        {
            assert!(read_in_oslo(text).unwrap_err().contains("is no time"), "{text}");
        }
    }
}
