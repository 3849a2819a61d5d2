use std::collections::BTreeMap;

use super::*;
use crate::model::key::Key;
use crate::model::start::Format;
use crate::time::Zone;

#[derive(Debug)]
struct Record(BTreeMap<&'static str, Value>);

impl Fields for Record {
    fn get(&self, field: &Field) -> Option<Value> {
        self.0.get(field.to_string().as_str()).cloned()
    }
    fn key(&self) -> Key {
        Key::from_int(7)
    }
    fn event_key(&self) -> String {
        "7".to_owned()
    }
}

fn start(format: Option<Format>) -> Start {
    Start {
        source: StartSource::Field(Field::own("at")),
        waiting_if_empty: false,
        waiting_if_future: false,
        cutoff: None,
        format,
        zone: "Europe/Oslo".parse().unwrap(),
        earliest: day("1990-01-01"),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn now() -> Instant {
    at("2026-11-01T12:00:00Z")
}

/// The instant or day in RFC 3339, or the reason why there is none.
fn shown(start: &Start, value: &Value) -> String {
    match start.parse_value(value) {
        Ok(StartValue::Instant(instant)) => instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        Ok(StartValue::Date(date)) => date.to_string(),
        Err(why) => format!("{why:?}"),
    }
}

#[track_caller]
fn spelled(format: Format, cases: &[(&str, &str)]) {
    let start = start(Some(format));
    for (written, means) in cases {
        assert_eq!(shown(&start, &text(written)), *means, "{written}");
    }
}

#[test]
fn rfc_3339_is_read_to_its_last_character() {
    spelled(
        Format::Rfc3339,
        &[
            ("2026-10-01T12:00:00+02:00", "2026-10-01T10:00:00Z"),
            ("2026-10-01 12:00:00-03:30", "2026-10-01T15:30:00Z"),
            ("2026-10-01t12:00:00z", "2026-10-01T12:00:00Z"),
            ("2026-10-01T12:00:00.5Z", "2026-10-01T12:00:00.500Z"),
            ("2026-10-01T12:00:00.1234560000Z", "2026-10-01T12:00:00.123456Z"),
            ("2026-10-01T12:00:00.12345600001Z", "2026-10-01T12:00:00.123457Z"),
            ("2026-10-01T12:00:00.9999999Z", "2026-10-01T12:00:01Z"),
            ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00Z"),
            ("0000-00-00T00:00:00Z", "TooEarly"),
            ("2026-10-01T12:00:00", "Unreadable"),
            ("2026-10-01T12:00Z", "Unreadable"),
            ("2026-10-01T12:00:00.Z", "Unreadable"),
            ("2026-10-01T12:00:00+0200", "Unreadable"),
            ("2026-10-01T12:00:00+24:00", "Unreadable"),
            ("2026-10-01T24:00:00Z", "Unreadable"),
            ("2026-02-30T12:00:00Z", "Unreadable"),
            ("2026-10-01T12:00:00Z ", "Unreadable"),
            (" 2026-10-01T12:00:00Z", "Unreadable"),
            ("2026-10-01", "Unreadable"),
            ("+2026-10-01T12:00:00Z", "Unreadable"),
            ("2026-1ø-01T12:00:00Z", "Unreadable"),
            ("infinity", "Unreadable"),
            ("", "Unreadable"),
        ],
    );
}

#[test]
fn a_local_time_that_comes_twice_means_the_second_and_a_skipped_one_moves_on() {
    spelled(
        Format::DateTime,
        &[
            ("2026-07-01 12:00", "2026-07-01T10:00:00Z"),
            ("2026-07-01T12:00:30.25", "2026-07-01T10:00:30.250Z"),
            ("2026-10-25 02:30:00", "2026-10-25T01:30:00Z"),
            ("2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
            ("2026-03-29 01:59:59.9999999", "2026-03-29T01:00:00Z"),
            ("2026-07-01 12:00:00Z", "Unreadable"),
            ("2026-07-01 12", "Unreadable"),
            ("2026-07-01", "Unreadable"),
            ("0000-00-00 00:00:00", "TooEarly"),
        ],
    );
}

#[test]
fn a_day_stays_a_day() {
    spelled(
        Format::Date,
        &[
            ("2026-07-01", "2026-07-01"),
            ("0000-00-00", "TooEarly"),
            ("2026-7-1", "Unreadable"),
            ("2026-07-01 00:00:00", "Unreadable"),
            ("14/11/2023", "Unreadable"),
        ],
    );
}

#[test]
fn patterns_are_local_unless_they_carry_an_offset_and_days_without_an_hour() {
    let pattern = |text: &str| Format::Pattern(text.to_owned());
    spelled(pattern("%Y%m%d-%H%M%S"), &[("20260701-120000", "2026-07-01T10:00:00Z"), ("2026", "Unreadable")]);
    spelled(pattern("%d.%m.%Y %H"), &[("01.07.2026 12", "2026-07-01T10:00:00Z")]);
    spelled(
        pattern("%Y-%m-%dT%H:%M:%S%.f%z"),
        &[("2026-07-01T12:00:00.0000001+0000", "2026-07-01T12:00:00.000001Z")],
    );
    spelled(
        pattern("%Y%m%d"),
        &[("20260701", "2026-07-01"), ("20260230", "Unreadable"), ("00000000", "Unreadable")],
    );
    spelled(pattern("%s"), &[("1700000000", "2023-11-14T22:13:20Z")]);
    assert_eq!(shown(&start(Some(pattern("%Y%m%d"))), &Value::Int(20_260_701)), "2026-07-01");
    assert!(pattern("%Y%m%d").is_whole_day());
    assert!(!pattern("%Y%m%d-%H").is_whole_day());
}

#[test]
fn a_pattern_that_cannot_name_a_day_is_a_defect() {
    let defect = |text: &str| Format::Pattern(text.to_owned()).defect();
    for good in ["%Y%m%d", "%d/%m/%y %I:%M %p", "%s", "%Y-%j", "%Y-%m-%dT%H:%M:%S%z", "%F %T%.6f"] {
        assert_eq!(defect(good), None, "{good}");
    }
    for bad in ["%Y-%m", "%H:%M", "%Q", "%d.%m.%Y %I:%M", ""] {
        assert!(defect(bad).is_some(), "{bad}");
    }
}

#[test]
fn numbers_count_from_1970_and_never_leave_the_calendar() {
    let unix = |format, value: Value| shown(&start(Some(format)), &value);
    assert_eq!(unix(Format::Unix, Value::Int(1_700_000_000)), "2023-11-14T22:13:20Z");
    assert_eq!(unix(Format::Unix, Value::Real(1_700_000_000.25)), "2023-11-14T22:13:20.250Z");
    assert_eq!(unix(Format::UnixMs, Value::Int(1_700_000_000_001)), "2023-11-14T22:13:20.001Z");
    assert_eq!(unix(Format::UnixMs, Value::Real(1_700_000_000_000.001)), "2023-11-14T22:13:20.000001Z");
    assert_eq!(unix(Format::UnixUs, Value::Int(1_700_000_000_000_001)), "2023-11-14T22:13:20.000001Z");
    assert_eq!(unix(Format::UnixUs, Value::Real(1_700_000_000_000_000.5)), "2023-11-14T22:13:20.000001Z");
    assert_eq!(unix(Format::WebkitUs, Value::Int(13_344_473_600_000_001)), "2023-11-14T22:13:20.000001Z");
    assert_eq!(unix(Format::WebkitUs, Value::Int(0)), "1601-01-01T00:00:00Z");
    assert_eq!(unix(Format::Unix, Value::Real(-0.5)), "1969-12-31T23:59:59.500Z");
    assert_eq!(unix(Format::Unix, text("1700000000")), "TextForNumber");
    assert_eq!(unix(Format::Unix, Value::Real(f64::NAN)), "Unreadable");
    for format in [Format::Date, Format::DateTime, Format::Rfc3339] {
        assert_eq!(unix(format.clone(), Value::Int(20_261_001)), "NumberForText");
        assert_eq!(unix(format, Value::Real(0.5)), "NumberForText");
    }
    for value in [Value::Bool(true), Value::Bytes(vec![1]), Value::Other] {
        assert_eq!(unix(Format::Unix, value.clone()), "NoTime");
        assert_eq!(unix(Format::Rfc3339, value), "NoTime");
    }
    for format in [Format::Unix, Format::UnixMs, Format::UnixUs, Format::WebkitUs] {
        let judge = |value| start(Some(format.clone())).read_value(&value, now());
        let early = StartState::Undetermined(WhyUndetermined::TooEarly);
        let ahead = StartState::Undetermined(WhyUndetermined::TooFarAhead);
        assert_eq!(judge(Value::Int(i64::MIN)), early);
        assert_eq!(judge(Value::Int(i64::MAX)), ahead);
        assert_eq!(judge(Value::Real(f64::NEG_INFINITY)), early);
        assert_eq!(judge(Value::Real(f64::INFINITY)), ahead);
        assert_eq!(judge(Value::Int(0)), early);
    }
}

#[test]
fn without_a_format_only_typed_values_are_read() {
    let start = start(None);
    let instant = text("2026-10-01T12:00:00Z");
    for value in [instant, Value::Int(1_700_000_000), Value::Bool(true), Value::Bytes(vec![1]), Value::Other]
    {
        assert_eq!(start.parse_value(&value), Err(WhyUndetermined::Unreadable));
    }
    let finer = at("2026-10-01T12:00:00.000000001Z");
    assert_eq!(shown(&start, &Value::Instant(finer)), "2026-10-01T12:00:00.000001Z");
    assert_eq!(shown(&start, &Value::Instant(Instant::MAX_UTC)), "9999-12-31T23:59:59.999999Z");
    assert_eq!(shown(&start, &Value::Date(day("2026-10-01"))), "2026-10-01");
}

#[test]
fn the_edges_of_the_plausible_are_exact() {
    let start = start(None);
    let instant = |text: &str| start.read_value(&Value::Instant(at(text)), now());
    let date = |text: &str| start.read_value(&Value::Date(day(text)), now());
    let early = StartState::Undetermined(WhyUndetermined::TooEarly);
    let ahead = StartState::Undetermined(WhyUndetermined::TooFarAhead);
    // 1990 begins in Oslo an hour before it begins in UTC.
    assert_eq!(instant("1989-12-31T22:59:59.999999Z"), early);
    assert!(matches!(instant("1989-12-31T23:00:00Z"), StartState::Known(_)));
    assert_eq!(date("1989-12-31"), early);
    assert!(matches!(date("1990-01-01"), StartState::Known(_)));
    assert!(matches!(instant("2026-11-02T12:00:00Z"), StartState::Known(_)));
    assert_eq!(instant("2026-11-02T12:00:00.000001Z"), ahead);
    assert!(matches!(date("2026-11-02"), StartState::Known(_)));
    assert_eq!(date("2026-11-03"), ahead);
    assert!(start.read_known_value(&Value::Date(day("2026-11-03"))).is_some());
    assert!(start.read_known_value(&Value::Date(day("1989-12-31"))).is_none());
}

#[test]
fn what_waiting_if_names_is_waiting_and_nothing_else() {
    let mut start = start(None);
    let empty = StartState::Undetermined(WhyUndetermined::Empty);
    assert_eq!(start.read_value(&Value::Null, now()), empty);
    start.waiting_if_future = true;
    assert_eq!(start.read_value(&Value::Null, now()), empty);
    let instant = |text: &str| start.read_value(&Value::Instant(at(text)), now());
    assert!(matches!(instant("2026-11-01T12:00:00Z"), StartState::Known(_)));
    assert_eq!(instant("2026-11-01T12:00:00.000001Z"), StartState::Waiting);
    assert_eq!(instant("9999-12-31T00:00:00Z"), StartState::Waiting);
    // In Oslo it is already the next day.
    let late = at("2026-11-01T23:30:00Z");
    let date = |text: &str| start.read_value(&Value::Date(day(text)), late);
    assert!(matches!(date("2026-11-02"), StartState::Known(_)));
    assert_eq!(date("2026-11-03"), StartState::Waiting);
    start.waiting_if_empty = true;
    assert_eq!(start.read_value(&Value::Null, now()), StartState::Waiting);
    assert_eq!(start.read_value(&text("x"), now()), StartState::Undetermined(WhyUndetermined::Unreadable));
}

fn latest_of(parts: &[(&'static str, bool)]) -> Start {
    let part = |(name, optional): &(&'static str, bool)| LatestField {
        field: Field::own(*name),
        optional: *optional,
    };
    Start { source: StartSource::Latest(parts.iter().map(part).collect()), ..start(None) }
}

#[test]
fn the_latest_waits_for_all_that_must_come() {
    let record = |a: Value, b: Value| Record(BTreeMap::from([("a", a), ("b", b)]));
    let instant = |text: &str| Value::Instant(at(text));
    let (one, two) = ("2026-01-01T10:00:00Z", "2026-02-01T10:00:00Z");
    let read = |start: &Start, record: &Record| start.read(record, &EventBook::default(), now());
    let known = |text: &str| StartState::Known(StartValue::Instant(at(text)));

    let both = latest_of(&[("a", false), ("b", false)]);
    assert_eq!(read(&both, &record(instant(one), instant(two))), known(two));
    assert_eq!(read(&both, &record(instant(two), instant(one))), known(two));
    assert_eq!(read(&both, &record(instant(one), Value::Null)), StartState::Waiting);
    // What cannot be believed might be the latest, and outweighs waiting.
    let unreadable = StartState::Undetermined(WhyUndetermined::Unreadable);
    assert_eq!(read(&both, &record(Value::Null, text("soon"))), unreadable);
    let early = StartState::Undetermined(WhyUndetermined::TooEarly);
    assert_eq!(read(&both, &record(instant("1970-01-01T00:00:00Z"), instant(two))), early);

    let optional = latest_of(&[("a", false), ("b", true)]);
    assert_eq!(read(&optional, &record(instant(one), Value::Null)), known(one));
    assert_eq!(read(&optional, &record(Value::Null, instant(one))), StartState::Waiting);

    let mut all_optional = latest_of(&[("a", true), ("b", true)]);
    let empty = record(Value::Null, Value::Null);
    assert_eq!(read(&all_optional, &empty), StartState::Undetermined(WhyUndetermined::Empty));
    all_optional.waiting_if_empty = true;
    assert_eq!(read(&all_optional, &empty), StartState::Waiting);

    let linked = latest_of(&[("a", false), ("gone", true)]);
    assert_eq!(
        read(&linked, &record(instant(one), Value::Null)),
        StartState::Undetermined(WhyUndetermined::NoLinkedRow)
    );
}

#[test]
fn a_day_is_later_than_any_instant_in_it() {
    let both = latest_of(&[("a", false), ("b", false)]);
    let read = |instant: &str, date: &str| {
        let record =
            Record(BTreeMap::from([("a", Value::Instant(at(instant))), ("b", Value::Date(day(date)))]));
        both.read_known(&record, &EventBook::default()).unwrap()
    };
    assert_eq!(read("2026-01-05T22:59:59Z", "2026-01-05"), StartValue::Date(day("2026-01-05")));
    let after = "2026-01-05T23:00:01Z";
    assert_eq!(read(after, "2026-01-05"), StartValue::Instant(at(after)));
}

#[test]
fn an_event_is_known_or_waited_for() {
    let mut events = EventBook::default();
    events.record("closed", "7", at("2026-01-01T00:00:00Z"));
    events.record("closed", "42", at("2026-02-01T00:00:00Z"));
    let by = |by: Option<&str>| Start {
        source: StartSource::Event { name: "closed".to_owned(), by: by.map(Field::own) },
        ..start(None)
    };
    let record =
        Record(BTreeMap::from([("case", Value::Int(42)), ("other", Value::Int(1)), ("none", Value::Null)]));
    let read = |start: Start| start.read(&record, &events, now());
    let known = |text: &str| StartState::Known(StartValue::Instant(at(text)));
    assert_eq!(read(by(None)), known("2026-01-01T00:00:00Z"));
    assert_eq!(read(by(Some("case"))), known("2026-02-01T00:00:00Z"));
    assert_eq!(read(by(Some("other"))), StartState::Waiting);
    assert_eq!(read(by(Some("none"))), StartState::Waiting);
    assert_eq!(read(by(Some("gone"))), StartState::Undetermined(WhyUndetermined::NoLinkedRow));
    events.record("closed", "1", at("1970-01-01T00:00:00Z"));
    let read = by(Some("other")).read(&record, &events, now());
    assert_eq!(read, StartState::Undetermined(WhyUndetermined::TooEarly), "as a field would be");
}

proptest::proptest! {
    #[test]
    fn no_text_or_number_makes_reading_fail(text in "\\PC{0,40}", number: i64, real: f64) {
        let formats = [Format::Rfc3339, Format::DateTime, Format::Date, Format::Unix, Format::UnixMs, Format::UnixUs,
            Format::WebkitUs, Format::Pattern("%Y%m%d-%H%M%S%.f".to_owned()), Format::Pattern("%s".to_owned())];
        for format in formats {
            for zone in ["UTC", "Pacific/Apia", "America/Sao_Paulo"] {
                let start = Start { zone: zone.parse::<Zone>().unwrap(), ..start(Some(format.clone())) };
                for value in [Value::Text(text.clone()), Value::Int(number), Value::Real(real)] {
                    start.read_value(&value, now());
                }
            }
        }
    }

    #[test]
    fn a_written_instant_is_read_back(micros in 631_200_000_000_000_i64..1_790_000_000_000_000) {
        let instant = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        let read = start(Some(Format::Rfc3339)).parse_value(&Value::Text(instant.to_rfc3339()));
        proptest::prop_assert_eq!(read, Ok(StartValue::Instant(instant)));
    }
}
