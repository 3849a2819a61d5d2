use super::*;
use proptest::prelude::*;

/// The zones of the published vectors, and others that change their clocks in uncommon ways: over midnight, to
/// midnight, by two hours, at Ramadan, by a whole day.
const ZONES: [&str; 18] = [
    "Europe/Oslo",
    "Europe/London",
    "Pacific/Apia",
    "Asia/Beirut",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
    "Pacific/Auckland",
    "America/St_Johns",
    "America/Havana",
    "America/Scoresbysund",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Pacific/Kwajalein",
    "Asia/Pyongyang",
];

const CUTOFFS: [Option<&str>; 9] = [
    None,
    None,
    None,
    Some("end-of-day"),
    Some("end-of-month"),
    Some("end-of-quarter"),
    Some("end-of-year"),
    Some("year-ending 30 June"),
    Some("year-ending 29 February"),
];

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn set(now: &str, after: &str, zone: &str) -> StartSet {
    cutoff(at(now), after.parse().unwrap(), None, zone.parse().unwrap())
}

#[test]
fn the_end_of_a_month_gives_a_bound_and_intervals() {
    // 28 to 31 January are all due on 28 February at their own time of day.
    let set = set("2026-02-28T09:00:00Z", "1 month", "UTC");
    let tick = TimeDelta::microseconds(1);
    let interval = |day: &str| (Some(at(&format!("{day}T00:00:00Z"))), at(&format!("{day}T09:00:00Z")));
    assert_eq!(
        set.instants,
        [
            (None, at("2026-01-28T09:00:00Z")),
            interval("2026-01-29"),
            interval("2026-01-30"),
            interval("2026-01-31")
        ]
    );
    assert_eq!(set.bound(), Some(at("2026-01-28T09:00:00Z")));
    assert_eq!(set.last(), Some(at("2026-01-31T09:00:00Z")));
    assert!(set.contains(StartValue::Instant(at("2026-01-30T09:00:00Z"))));
    assert!(!set.contains(StartValue::Instant(at("2026-01-30T09:00:00Z") + tick)));
    assert_eq!(set.dates_through, Some("2026-01-27".parse().unwrap()));
}

#[test]
fn plain_periods_give_one_range() {
    assert_eq!(set("2026-07-08T12:00:00Z", "7 days", "UTC").instants, [(None, at("2026-07-01T12:00:00Z"))]);
    assert_eq!(set("2026-07-08T12:00:00Z", "36 hours", "UTC").instants, [(None, at("2026-07-07T00:00:00Z"))]);
    let at_once = set("2026-07-08T12:00:00Z", "at once", "UTC");
    assert_eq!(at_once.instants, [(None, at("2026-07-08T12:00:00Z"))]);
    assert_eq!(at_once.dates_through, Some("2026-07-07".parse().unwrap()));
}

#[test]
fn a_repeated_hour_takes_a_piece_out() {
    // Starts in both passes of 02:30 are due at the same time a day later; at 02:15 those of the first pass up
    // to 02:15 are due, and those of the second pass up to 02:15.
    let set = set("2026-10-26T01:15:00Z", "1 day", "Europe/Oslo");
    assert_eq!(
        set.instants,
        [(None, at("2026-10-25T00:15:00Z")), (Some(at("2026-10-25T01:00:00Z")), at("2026-10-25T01:15:00Z"))]
    );
}

#[test]
fn the_calendar_ends_without_a_panic() {
    let after: After = "1000 years".parse().unwrap();
    let oslo = "Europe/Oslo".parse().unwrap();
    assert!(cutoff(Instant::MIN_UTC, after, None, oslo).is_empty());
    for cut in [None, Some(Cutoff::EndOfYear)] {
        let _ = cutoff(Instant::MAX_UTC, After::AtOnce, cut, oslo);
    }
    assert!(!StartSet::empty().contains(StartValue::Date(NaiveDate::MIN)));
    assert_eq!((StartSet::empty().bound(), StartSet::empty().last()), (None, None));
}

/// A period, a cutoff, a zone and a `now` that often lies close to a clock change or a month's end.
fn question() -> impl Strategy<Value = Question> {
    let period = prop_oneof![
        2 => Just((0, 0, 0)),
        4 => (1u32..40, 0u32..1, 0u32..1),
        4 => (0u32..1, 1u32..400, 0u32..1),
        1 => (0u32..1, 0u32..1, 1u32..100),
        2 => (0u32..40, 0u32..40, 0u32..60),
        1 => (300u32..301, 0u32..1, 0u32..1),
    ];
    let near = prop_oneof![3 => -200_000i64..200_000, 1 => -3_000_000i64..3_000_000, 1 => -40i64..40];
    let grain = prop_oneof![Just(1i64), Just(900_000_000), Just(1_000_000)];
    let when = (631_152_000i64..3_900_000_000, 0..3u8, near, grain);
    (0..ZONES.len(), 0..CUTOFFS.len(), period, when).prop_map(|(zone, cut, (months, days, hours), when)| {
        let zone: Zone = ZONES[zone].parse().unwrap();
        let period = Period { months, days, hours };
        let after = if period == Period::ZERO { After::AtOnce } else { After::Period(period) };
        let now = instant_near(when, zone, period);
        Question { now, after, period, cutoff: CUTOFFS[cut].map(|text| text.parse().unwrap()), zone }
    })
}

/// An instant close to a due-side clock change, to the due of a start-side one, or to the end of a month.
fn instant_near((seconds, kind, near, grain): (i64, u8, i64, i64), zone: Zone, period: Period) -> Instant {
    let base = Instant::from_timestamp(seconds, 0).unwrap();
    let change = zone.transitions(base, base + TimeDelta::days(400)).first().map(|change| change.at);
    let anchor = match (kind, change) {
        (0, Some(change)) => change,
        (1, Some(change)) => due(StartValue::Instant(change), After::Period(period), None, zone).unwrap(),
        _ => zone.first_instant_of(Cutoff::EndOfMonth.first_day_after(base.date_naive()).unwrap()).unwrap(),
    };
    let micros = (anchor + TimeDelta::seconds(near)).timestamp_micros();
    Instant::from_timestamp_micros(micros - micros.rem_euclid(grain)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_200))]

    #[test]
    fn a_start_is_in_the_set_exactly_when_it_is_due(
        question in question(), offsets in prop::collection::vec(-800_000i64..900_000, 40),
    ) {
        let set = cutoff(question.now, question.after, question.cutoff, question.zone);
        let check = |start: StartValue| {
            prop_assert_eq!(
                set.contains(start), question.is_due(start),
                "{:?} at {} after {} cutoff {:?} in {}: {:?}",
                start, question.now, question.after, question.cutoff, question.zone, set
            );
            Ok(())
        };
        prop_assert_eq!(set.instants[0].0, None);
        for pair in set.instants.windows(2) {
            prop_assert!(pair[0].1 + TICK < pair[1].0.unwrap() && pair[1].0.unwrap() <= pair[1].1, "{:?}", set);
        }
        // Around every edge of the set, and around where it would lie if clocks never changed.
        let nominal = question.nominal_start().unwrap();
        let edges = set.instants.iter().flat_map(|(from, to)| [*from, Some(*to)]).flatten();
        for edge in edges {
            for step in [-3_600_000_000, -1_000_000, -1, 0, 1, 1_000_000, 3_600_000_000] {
                check(StartValue::Instant(edge + TimeDelta::microseconds(step)))?;
            }
        }
        let middle = set.last().unwrap_or(nominal.and_utc());
        for seconds in &offsets {
            check(StartValue::Instant(nominal.and_utc() + TimeDelta::seconds(*seconds)))?;
            check(StartValue::Instant(middle + TimeDelta::seconds(*seconds)))?;
        }
        for change in question.zone.transitions(middle - TimeDelta::days(12), middle + TimeDelta::days(12)) {
            for minutes in [-1500, -90, -60, -45, -30, -15, 0, 15, 30, 45, 60, 90, 1500] {
                check(StartValue::Instant(change.at + TimeDelta::minutes(minutes)))?;
                check(StartValue::Instant(change.at + TimeDelta::minutes(minutes) - TICK))?;
            }
        }
        let date = set.dates_through.unwrap();
        for days in [-800, -400, -31, -3, -2, -1, 0, 1, 2, 3, 31, 400] {
            check(StartValue::Date(date + TimeDelta::days(days)))?;
        }
    }
}

#[test]
fn all_starts_of_a_year_at_every_quarter_hour_agree() {
    for (now, after, cut, zone) in [
        ("2026-03-29T01:10:00Z", "1 month", None, "Europe/Oslo"),
        ("2026-10-25T01:10:00Z", "1 month", None, "Europe/Oslo"),
        ("2012-01-30T10:00:00Z", "1 month", None, "Pacific/Apia"),
        ("2011-12-30T10:00:00Z", "7 days", None, "Pacific/Apia"),
        ("2010-11-07T03:00:00Z", "1 day", Some(Cutoff::EndOfDay), "America/St_Johns"),
        ("2018-02-18T02:00:00Z", "3 months", Some(Cutoff::EndOfMonth), "America/Sao_Paulo"),
    ] {
        let (now, zone): (Instant, Zone) = (at(now), zone.parse().unwrap());
        let after: After = after.parse().unwrap();
        let set = cutoff(now, after, cut, zone);
        for quarter in -300 * 96..3 * 96 {
            let start = StartValue::Instant(now + TimeDelta::minutes(15 * quarter));
            let is_due = due(start, after, cut, zone).unwrap() <= now;
            assert_eq!(set.contains(start), is_due, "{start:?} at {now} after {after} in {zone}");
        }
    }
}
