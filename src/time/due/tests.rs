use super::*;
use proptest::prelude::*;

fn parse_start(text: &str, zone: Zone) -> StartValue {
    if let Ok(date) = text.parse() {
        return StartValue::Date(date);
    }
    match text.parse::<chrono::NaiveDateTime>() {
        Ok(local) => StartValue::Instant(zone.to_instant(local)),
        Err(_) => StartValue::Instant(chrono::DateTime::parse_from_rfc3339(text).unwrap().into()),
    }
}

fn due_of(zone: &str, start: &str, after: &str, cutoff: Option<&str>) -> Instant {
    let zone: Zone = zone.parse().unwrap();
    due(parse_start(start, zone), after.parse().unwrap(), cutoff.map(|text| text.parse().unwrap()), zone)
        .unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

#[test]
fn all_published_vectors_pass() {
    let vectors = include_str!("../../../tests/vectors/due.jsonl");
    let mut seen = 0;
    for line in vectors.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| vector[key].as_str();
        let (zone, start, after) = (text("zone").unwrap(), text("start").unwrap(), text("after").unwrap());
        assert_eq!(due_of(zone, start, after, text("cutoff")), at(text("due").unwrap()), "{line}");
        seen += 1;
    }
    assert_eq!(seen, 2_780);
}

#[test]
fn a_due_in_a_clock_change_of_oslo_falls_later() {
    let oslo = |start, after| due_of("Europe/Oslo", start, after, None);
    assert_eq!(oslo("2026-03-28T02:30:00+01:00", "1 day"), at("2026-03-29T01:30:00Z"));
    assert_eq!(oslo("2026-10-24T02:30:00+02:00", "1 day"), at("2026-10-25T01:30:00Z"));
    assert_eq!(oslo("2026-10-24T02:30:00+02:00", "24 hours"), at("2026-10-25T00:30:00Z"));
}

#[test]
fn at_once_adds_nothing() {
    assert_eq!(due_of("Europe/Oslo", "2026-10-25T00:30:00Z", "at once", None), at("2026-10-25T00:30:00Z"));
    assert_eq!(due_of("Europe/Oslo", "2026-10-25", "at once", None), at("2026-10-25T23:00:00Z"));
    assert_eq!(
        due_of("Europe/Oslo", "2026-10-25T12:00:00Z", "at once", Some("end-of-year")),
        at("2026-12-31T23:00:00Z")
    );
}

#[test]
fn beyond_the_calendar_is_never() {
    let after = "1000 years".parse().unwrap();
    assert_eq!(due(StartValue::Date(NaiveDate::MAX), after, None, Zone::UTC), None);
    assert_eq!(due(StartValue::Instant(Instant::MAX_UTC), after, None, Zone::UTC), None);
    assert_eq!(due(StartValue::Instant(Instant::MAX_UTC), after, Some(Cutoff::EndOfYear), Zone::UTC), None);
    assert_eq!(due(StartValue::Date(NaiveDate::MAX), After::AtOnce, Some(Cutoff::EndOfDay), Zone::UTC), None);
}

#[test]
fn finer_than_a_microsecond_is_cut_off() {
    let start = StartValue::Instant("2026-01-01T00:00:00.000000999Z".parse().unwrap());
    assert_eq!(due(start, After::AtOnce, None, Zone::UTC), Some(at("2026-01-01T00:00:00Z")));
}

/// Zones with their present rules in POSIX form, so that the oracle needs no time zone database.
const RULES: [(&str, &str); 7] = [
    ("Europe/Oslo", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("America/New_York", "EST5EDT,M3.2.0,M11.1.0"),
    ("Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"),
    ("Pacific/Auckland", "NZST-12NZDT,M9.5.0,M4.1.0/3"),
    ("Asia/Beirut", "EET-2EEST,M3.5.0/0,M10.5.0/0"),
    ("America/Havana", "CST5CDT,M3.2.0/0,M11.1.0/1"),
    ("Asia/Kolkata", "IST-5:30"),
];

/// `due` once more, with another calendar library.
fn oracle(start: jiff::civil::DateTime, is_date: bool, period: Period, rule: &str) -> jiff::Timestamp {
    use jiff::{ToSpan, tz::TimeZone};
    let zone = TimeZone::posix(rule).unwrap();
    let later = |local: jiff::civil::DateTime| zone.to_ambiguous_zoned(local).later().unwrap();
    let hours = i64::from(period.hours).hours();
    let (months, days) = (i64::from(period.months).months(), i64::from(period.days).days());
    if is_date {
        let day = start.date() + months + days + 1.day();
        return day.to_zoned(zone.clone()).unwrap().start_of_day().unwrap().timestamp() + hours;
    }
    let start = later(start);
    if period.is_elapsed_time() {
        return start.timestamp() + hours;
    }
    later(start.datetime() + months + days).timestamp() + hours
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn agrees_with_another_library(
        rule in 0..RULES.len(), is_date: bool, day in 0i32..18_000, seconds in 0i32..86_400,
        months in 0u32..40, days in 0u32..40, hours in 0u32..50,
    ) {
        let (name, rule) = RULES[rule];
        let zone: Zone = name.parse().unwrap();
        let period = Period { months, days, hours };
        let start = jiff::civil::date(2014, 1, 1).at(0, 0, 0, 0)
            + jiff::Span::new().days(day).seconds(seconds);
        let text = start.to_string();
        let ours = if is_date { &text[..10] } else { &text };
        let ours = due(parse_start(ours, zone), After::Period(period), None, zone).unwrap();
        let expected = oracle(start, is_date, period, rule);
        prop_assert_eq!(ours.timestamp_micros(), expected.as_microsecond(), "{} {:?} {}", name, period, text);
    }
}
