use super::*;
use rstest::rstest;

fn schedule(text: &str) -> Schedule {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// The slots of one local day, from its first instant to the next day's.
fn slots_on(text: &str, day: &str, name: &str) -> Vec<String> {
    let (zone, day): (Zone, NaiveDate) = (zone(name), day.parse().unwrap());
    let tick = TimeDelta::microseconds(1);
    let from = zone.first_instant_of(day).unwrap() - tick;
    let to = zone.first_instant_of(day.succ_opt().unwrap()).unwrap() - tick;
    let slots = schedule(text).slots_between(from, to, zone, usize::MAX);
    assert_eq!(slots.count, slots.oldest.len());
    // One after the other gives the same.
    let mut walked = Vec::new();
    let mut last = from;
    while let Some(next) = schedule(text).next_after(last, zone).filter(|next| *next <= to) {
        walked.push(next);
        last = next;
    }
    assert_eq!(walked, slots.oldest);
    walked.iter().map(|slot| slot.format("%H:%MZ").to_string()).collect()
}

const FORWARD: [&str; 5] = ["2026-03-29", "2027-03-28", "2028-03-26", "2029-03-25", "2030-03-31"];
const BACK: [&str; 5] = ["2026-10-25", "2027-10-31", "2028-10-29", "2029-10-28", "2030-10-27"];

#[test]
fn oslo_runs_a_nightly_slot_once_when_clocks_change() {
    for day in FORWARD {
        assert_eq!(slots_on("30 2 * * *", day, "Europe/Oslo"), ["01:00Z"], "{day}");
        assert_eq!(slots_on("0 * * * *", day, "Europe/Oslo").len(), 23, "{day}");
        assert_eq!(slots_on("30 * * * *", day, "Europe/Oslo").len(), 23, "{day}");
    }
    for day in BACK {
        assert_eq!(slots_on("30 2 * * *", day, "Europe/Oslo"), ["00:30Z"], "{day}");
        assert_eq!(slots_on("0 * * * *", day, "Europe/Oslo").len(), 25, "{day}");
        assert_eq!(slots_on("*/15 * * * *", day, "Europe/Oslo").len(), 100, "{day}");
    }
    assert_eq!(slots_on("30 2 * * *", "2026-06-01", "Europe/Oslo"), ["00:30Z"]);
    assert_eq!(slots_on("0 * * * *", "2026-06-01", "Europe/Oslo").len(), 24);
}

#[rstest]
// Two slots in one gap, or a slot at the gap's end, become one.
#[case("15,45 2 * * *", "2026-03-29", "Europe/Oslo", &["01:00Z"])]
#[case("0 2,3 * * *", "2026-03-29", "Europe/Oslo", &["01:00Z"])]
#[case("0 */6 * * *", "2026-03-29", "Europe/Oslo", &["23:00Z", "04:00Z", "10:00Z", "16:00Z"])]
#[case("0 1-4 * * *", "2026-10-25", "Europe/Oslo", &["23:00Z", "00:00Z", "02:00Z", "03:00Z"])]
#[case("15 2 * * *", "2026-10-04", "Australia/Lord_Howe", &["15:30Z"])]
#[case("45 1 * * *", "2026-04-05", "Australia/Lord_Howe", &["14:45Z"])]
#[case("30 0 * * *", "2017-10-15", "America/Sao_Paulo", &["03:00Z"])]
#[case("30 23 * * *", "2018-02-17", "America/Sao_Paulo", &["01:30Z"])]
// A whole day is skipped: its slot runs at the next day's beginning, and that day's own still comes.
#[case("0 3 * * *", "2011-12-31", "Pacific/Apia", &["10:00Z", "13:00Z"])]
// 30 December 2011 was to be a Friday.
#[case("0 3 * * FRI", "2011-12-31", "Pacific/Apia", &["10:00Z"])]
#[case("30 0 * * *", "2010-11-07", "America/St_Johns", &["04:00Z"])]
#[case("30 0 * * *", "2026-11-01", "America/Havana", &["04:30Z"])]
fn clock_changes_elsewhere(
    #[case] text: &str,
    #[case] day: &str,
    #[case] name: &str,
    #[case] slots: &[&str],
) {
    assert_eq!(slots_on(text, day, name), slots);
}

#[rstest]
#[case("0 4 1 * *", "2026-01-31T12:00:00Z", "2026-02-01T04:00:00Z")]
#[case("0 4 31 * *", "2026-01-31T12:00:00Z", "2026-03-31T04:00:00Z")]
#[case("0 4 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T04:00:00Z")]
#[case("0 4 L * *", "2028-02-01T00:00:00Z", "2028-02-29T04:00:00Z")]
#[case("0 4 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T04:00:00Z")]
#[case("0 4 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T04:00:00Z")]
#[case("0 4 * * sat-sun", "2026-01-03T05:00:00Z", "2026-01-04T04:00:00Z")]
#[case("0 4 * * FRI-SUN", "2026-01-05T05:00:00Z", "2026-01-09T04:00:00Z")]
#[case("0 4 * jan-mar 1", "2026-03-31T00:00:00Z", "2027-01-04T04:00:00Z")]
#[case("0 4 * * MON#1", "2026-01-06T00:00:00Z", "2026-02-02T04:00:00Z")]
#[case("0 4 15W * *", "2026-02-01T00:00:00Z", "2026-02-16T04:00:00Z")]
// Both days restricted: either suffices.
#[case("0 4 13 * FRI", "2026-01-03T00:00:00Z", "2026-01-09T04:00:00Z")]
#[case("0 4 13 * FRI", "2026-01-10T00:00:00Z", "2026-01-13T04:00:00Z")]
#[case("5-10/5,40 4 * * *", "2026-01-01T04:10:00Z", "2026-01-01T04:40:00Z")]
#[case("0 4 * * *", "2026-01-01T04:00:00Z", "2026-01-02T04:00:00Z")]
#[case("0 4 * * *", "2026-01-01T03:59:59.999999Z", "2026-01-01T04:00:00Z")]
fn patterns_mean_what_cron_means(#[case] text: &str, #[case] after: &str, #[case] next: &str) {
    assert_eq!(schedule(text).next_after(at(after), Zone::UTC), Some(at(next)));
    assert_eq!(schedule(text).to_string(), text);
}

#[test]
fn a_clock_that_goes_back_over_midnight_mixes_two_days_slots() {
    // St John's went from 00:01 back to 23:01: Sunday begins, Saturday comes back, Sunday begins again.
    let (half_hourly, st_johns) = (schedule("*/30 * * * *"), zone("America/St_Johns"));
    let (from, to) = (at("2010-11-07T01:45:00Z"), at("2010-11-07T04:00:00Z"));
    let slots = half_hourly.slots_between(from, to, st_johns, 9).oldest;
    let local: Vec<String> =
        slots.iter().map(|slot| st_johns.local(*slot).format("%a %H:%M").to_string()).collect();
    assert_eq!(local, ["Sat 23:30", "Sun 00:00", "Sat 23:30", "Sun 00:00", "Sun 00:30"]);
    let mut last = from;
    for slot in slots {
        last = half_hourly.next_after(last, st_johns).unwrap();
        assert_eq!(last, slot);
    }
}

#[test]
fn missed_slots_are_counted_beyond_the_list() {
    let hourly = schedule("0 * * * *");
    let slots = hourly.slots_between(at("2026-01-01T00:00:00Z"), at("2026-01-03T00:00:00Z"), Zone::UTC, 3);
    assert_eq!(slots.count, 48);
    assert_eq!(slots.oldest, ["01", "02", "03"].map(|hour| at(&format!("2026-01-01T{hour}:00:00Z"))));
    assert_eq!(slots.newest, Some(at("2026-01-03T00:00:00Z")));
    let none = hourly.slots_between(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:59:00Z"), Zone::UTC, 3);
    assert_eq!(none, Slots { oldest: vec![], newest: None, count: 0 });
    let backwards =
        hourly.slots_between(at("2026-01-03T00:00:00Z"), at("2026-01-01T00:00:00Z"), Zone::UTC, 3);
    assert_eq!(backwards.count, 0);
}

#[rstest]
#[case("30 2 * * *", 1410, 1500)]
#[case("30 12 * * *", 1380, 1500)]
#[case("0 * * * *", 60, 60)]
#[case("*/7 * * * *", 4, 7)]
#[case("0 12 * * MON-FRI", 1440, 4380)]
#[case("0 3 1 * *", 27 * 1440 + 1440, 31 * 1440 + 60)]
#[case("0 3 29 2 *", 1461 * 1440, 1461 * 1440)]
fn gaps_include_clock_changes(#[case] text: &str, #[case] shortest: i64, #[case] longest: i64) {
    let (oslo, from) = (zone("Europe/Oslo"), at("2026-01-01T00:00:00Z"));
    assert_eq!(schedule(text).shortest_gap(oslo, from), Some(TimeDelta::minutes(shortest)), "shortest");
    assert_eq!(schedule(text).longest_gap(oslo, from), Some(TimeDelta::minutes(longest)), "longest");
}

#[rstest]
#[case("", "a schedule is missing")]
#[case("@daily", "write `0 0 * * *`")]
#[case("30 2 * *", "has 4 of five fields")]
#[case("0 30 2 * * *", "has 6 of five fields")]
#[case("60 2 * * *", "`60` is no minute")]
#[case("30 24 * * *", "`24` is no hour")]
#[case("30 2 0 * *", "`0` is no day of month")]
#[case("30 2 32 * *", "`32` is no day of month")]
#[case("30 2 * 13 *", "`13` is no month")]
#[case("30 2 * MON *", "`MON` is no month")]
#[case("30 2 * * JAN", "`JAN` is no day of week")]
#[case("30 2 * * 8", "`8` is no day of week")]
#[case("30 2 * * 1MON", "`1MON` is no day of week")]
#[case("30 2 * * MONDAY", "`MONDAY` is no day of week")]
#[case("30 2 ? * *", "`?` is no day of month")]
#[case("30 2 1 * +MON", "`+MON` is no day of week")]
#[case("*/0 2 * * *", "`*/0` is no minute")]
#[case("30-10 2 * * *", "`30-10` is no minute")]
#[case("1,,2 2 * * *", "`1,,2` is no minute")]
#[case("a b c d e", "`a` is no minute")]
#[case("30 2 30 2 *", "never runs")]
#[case("30 2 31 4,6,9,11 *", "never runs")]
fn every_refusal_names_the_field(#[case] text: &str, #[case] hint: &str) {
    let error = text.parse::<Schedule>().unwrap_err().to_string();
    assert!(error.contains(hint), "{error}");
}
