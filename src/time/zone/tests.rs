use super::*;

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn local(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

#[test]
fn doubled_local_times_are_the_second_and_skipped_ones_move_on() {
    for (name, wall, instant) in [
        ("Europe/Oslo", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
        ("Europe/Oslo", "2026-03-29T03:30:00", "2026-03-29T01:30:00Z"),
        ("Europe/Oslo", "2026-10-25T02:30:00", "2026-10-25T01:30:00Z"),
        ("Europe/Oslo", "2026-10-25T01:59:59.999999", "2026-10-24T23:59:59.999999Z"),
        ("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00Z"),
        ("Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T15:15:00Z"),
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00Z"),
        ("America/Sao_Paulo", "2017-10-15T00:30:00", "2017-10-15T03:30:00Z"),
        ("America/Sao_Paulo", "2018-02-17T23:30:00", "2018-02-18T02:30:00Z"),
        ("UTC", "2026-10-25T02:30:00", "2026-10-25T02:30:00Z"),
    ] {
        assert_eq!(zone(name).to_instant(local(wall)), at(instant), "{wall} in {name}");
    }
}

#[test]
fn a_day_begins_when_the_day_before_cannot_come_back() {
    for (name, day, instant) in [
        ("Europe/Oslo", "2026-03-29", "2026-03-28T23:00:00Z"),
        // Midnight is skipped.
        ("America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00:00Z"),
        ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00Z"),
        // So is the half hour before it: the day begins at 00:30, not at 01:00.
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"),
        // The whole day is.
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
        // The clock goes back to midnight, or over it.
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
        ("America/St_Johns", "2010-11-07", "2010-11-07T03:30:00Z"),
    ] {
        assert_eq!(zone(name).first_instant_of(day.parse().unwrap()), Some(at(instant)), "{day} in {name}");
    }
}

#[test]
fn oslo_changes_its_clocks_on_the_published_days() {
    let changes = zone("Europe/Oslo").transitions(at("2026-01-01T00:00:00Z"), at("2031-01-01T00:00:00Z"));
    let instants: Vec<String> = changes.iter().map(|change| change.at.format("%F %T").to_string()).collect();
    assert_eq!(
        instants,
        [
            "2026-03-29 01:00:00",
            "2026-10-25 01:00:00",
            "2027-03-28 01:00:00",
            "2027-10-31 01:00:00",
            "2028-03-26 01:00:00",
            "2028-10-29 01:00:00",
            "2029-03-25 01:00:00",
            "2029-10-28 01:00:00",
            "2030-03-31 01:00:00",
            "2030-10-27 01:00:00",
        ]
    );
    let first = changes[0];
    assert_eq!((first.before.local_minus_utc(), first.after.local_minus_utc()), (3_600, 7_200));
    // From is outside, to is inside.
    assert_eq!(zone("Europe/Oslo").transitions(first.at, first.at + TimeDelta::hours(1)), []);
    let tick = TimeDelta::microseconds(1);
    assert_eq!(zone("Europe/Oslo").transitions(first.at - tick, first.at), [first]);
}

#[test]
fn the_tables_reach_to_the_end_of_2099() {
    let changes = zone("Europe/Oslo").transitions(at("2099-01-01T00:00:00Z"), at("2200-01-01T00:00:00Z"));
    let days: Vec<String> = changes.iter().map(|change| change.at.format("%F").to_string()).collect();
    assert_eq!(days, ["2099-03-29", "2099-10-25"]);
}

#[test]
fn every_local_quarter_hour_agrees_with_the_utc_table() {
    for name in ["Europe/Oslo", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Asia/Beirut"] {
        let zone = zone(name);
        let changes = zone.transitions(at("2005-01-01T00:00:00Z"), at("2019-01-01T00:00:00Z"));
        for change in changes {
            for quarter in -120..120 {
                let wall = zone.local(change.at) + TimeDelta::minutes(15 * quarter);
                let offsets = [change.before, change.after];
                let mut matching: Vec<Instant> = offsets
                    .map(|offset| (wall - offset).and_utc())
                    .into_iter()
                    .filter(|instant| zone.local(*instant) == wall)
                    .collect();
                matching.dedup();
                matching.sort_unstable();
                let expected = match matching.as_slice() {
                    [] => WallTime::Skipped { resumes: change.at, moved: (wall - change.before).and_utc() },
                    [once] => WallTime::Once(*once),
                    [first, second] => WallTime::Twice(*first, *second),
                    _ => unreachable!("two offsets give at most two instants"),
                };
                assert_eq!(zone.resolve(wall), Some(expected), "{wall} in {name}");
            }
        }
    }
}

#[test]
fn the_calendar_ends_without_a_panic() {
    let zone = zone("Europe/Oslo");
    assert_eq!(zone.to_instant(NaiveDateTime::MIN), Instant::MIN_UTC);
    assert_eq!(zone.local(Instant::MAX_UTC), NaiveDateTime::MAX);
    assert_eq!(self::zone("America/New_York").local(Instant::MIN_UTC), NaiveDateTime::MIN);
    assert_eq!(self::zone("America/New_York").to_instant(NaiveDateTime::MAX), Instant::MAX_UTC);
    assert_eq!(zone.first_instant_of(NaiveDate::MIN), None);
    assert!(zone.transitions(Instant::MAX_UTC - TimeDelta::days(1), Instant::MAX_UTC).is_empty());
}

#[test]
fn a_wrong_name_is_answered_with_the_right_one() {
    for (name, hint) in [
        ("", "a time zone is missing"),
        ("Europe/Olso", "write `Europe/Oslo`"),
        ("europe/oslo", "write `Europe/Oslo`"),
        ("Oslo", "write `Europe/Oslo`"),
        ("new york", "write `America/New_York`"),
        ("Middle-earth/Shire", "for example `Europe/Oslo`"),
    ] {
        let error = name.parse::<Zone>().unwrap_err().to_string();
        assert!(error.contains(hint), "{name}: {error}");
    }
    assert_eq!(zone("Europe/Oslo").to_string(), "Europe/Oslo");
}
