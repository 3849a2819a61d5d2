//! A year in steps of half an hour, over both clock changes: everything at its local time.

use std::collections::BTreeMap;

use chrono::{Datelike as _, TimeDelta, Weekday};

use super::*;
use crate::engine::unsettled;
use crate::model::review::{Seat, Waiting};
use crate::state::unsettled::{Followed, Place, Unsettled};
use crate::time::StartValue;

const STEP: TimeDelta = TimeDelta::minutes(30);

/// When a store is down, in days: one stretch around each clock change, one in summer.
const DOWN: [(&str, &str); 3] = [
    ("2026-03-27T12:00:00Z", "2026-03-31T12:00:00Z"),
    ("2026-07-01T12:00:00Z", "2026-07-03T12:00:00Z"),
    ("2026-10-23T12:00:00Z", "2026-10-27T12:00:00Z"),
];

/// A case that a run opened then.
fn case(policy: &Policy, opened: Instant) -> Case {
    let seat = Seat {
        policy: policy.id.clone(),
        store: StoreName::new("hr"),
        collection: "files".to_owned(),
        class: None,
        stage: 1,
    };
    let waiting = Waiting {
        seat,
        seen: opened,
        records: 9,
        oldest: None,
        newest: None,
        oldest_due: None,
        deadline: None,
        to: vec!["archive".to_owned()],
        question: Some("Is there a reason to keep them?".to_owned()),
        remind: Some("14 days".to_owned()),
        decisions: vec![Verdict::Delete],
        needs: None,
    };
    Case {
        id: CaseId::at(opened),
        opened,
        reopened: None,
        state: CaseState::Open,
        waiting,
        decision: None,
        parts: Vec::new(),
        parts_made: 0,
    }
}

fn is_down(now: Instant) -> bool {
    DOWN.iter().any(|(from, to)| at(from) <= now && now < at(to))
}

/// A record begins every hour, at five past. Each run takes all that is due; none does while the store is down.
fn oldest_due(bench: &Bench, now: Instant) -> Option<Lateness> {
    if !DOWN.iter().any(|(from, to)| at(from) <= now && now < at(to) + TimeDelta::days(1)) {
        return None;
    }
    let slots =
        bench.policy.schedule.slots_between(now - TimeDelta::days(12), now, bench.policy.zone, 400).oldest;
    let ran = slots.iter().rev().find(|slot| !is_down(**slot))?;
    let stage = &bench.policy.data[0].branches[0].stages[0];
    let first = *ran - TimeDelta::days(29) - TimeDelta::hours(3);
    let hour = first.timestamp() / 3_600;
    let starts = (0..24 * 9).filter_map(|n| Instant::from_timestamp((hour + n) * 3_600 + 300, 0));
    let mut late = starts.filter_map(|start| {
        let start = StartValue::Instant(start);
        let due = crate::policy::timing::due_at(&bench.policy, stage, start)?;
        Some(Lateness { due, deadline: crate::policy::timing::deadline(&bench.policy, stage, start)? })
    });
    // The newest slot that has had its run, or should have.
    let slot = slots.iter().rev().find(|slot| **slot + TimeDelta::minutes(5) <= now)?;
    late.find(|late| late.due > *ran).filter(|late| late.due <= *slot)
}

#[test]
fn everything_comes_at_its_local_time_all_year_round() {
    let mut bench = Bench::new();
    bench.policy.data[0].branches[0].stages[0].at_latest = Some(sample::period("31 days"));
    bench.policy.notify_before = Some(sample::period("7 days"));
    bench.ahead = Some(20);
    bench.rhythm.digest = "0 8 * * 1".parse().ok();
    bench.rhythm.test_alarm = "30 2 * * 0".parse().ok();
    bench.recipients = vec![Recipient { channel: Channel::Mail, address: "ops@example.org".to_owned() }];
    let mut one = hold(crate::model::hold::HoldScope::default());
    one.review = Some("2026-10-25".parse().unwrap());
    bench.holds = vec![one];
    // A run opens the case in January; it is decided in December.
    bench.cases = vec![case(&bench.policy, at("2026-01-15T02:00:20Z"))];
    let decided = at("2026-12-01T12:00:00Z");
    bench.policy.stale_after = Some(sample::period("6 months"));
    let followed = [waiting_since("2026-01-01T02:00:00Z")];
    let zone = bench.policy.zone;
    let mut seen: BTreeMap<&str, Vec<Instant>> = BTreeMap::new();
    let mut levels = Vec::new();
    let mut now = at("2026-01-01T00:00:00Z");
    while now < at("2027-01-01T00:00:00Z") {
        if now >= decided {
            bench.cases[0].state = CaseState::Decided;
        }
        let late = oldest_due(&bench, now);
        let stale = unsettled::stale(&bench.policy, &followed, now);
        let overdue = u64::from(late.is_some());
        bench.standing = Some(Standing { lateness: late, overdue, stale, ..standing() });
        for told in bench.look(now) {
            if let Notice::Overdue { level, lateness, .. } = &told.notice {
                levels.push((now, *level, *lateness));
            }
            seen.entry(told.notice.heading()).or_default().push(now);
        }
        now += STEP;
    }
    let local = |at: &Instant| zone.local(*at).format("%a %H:%M").to_string();

    let digests = &seen["digest"];
    assert_eq!(digests.len(), 52);
    assert!(digests.iter().all(|at| local(at) == "Mon 08:00"), "{digests:?}");

    // 02:30 does not exist on one Sunday: the end of the gap. It comes twice on another: the first of them.
    let alarms = &seen["test-alarm"];
    assert_eq!(alarms.len(), 52);
    for alarm in alarms {
        let day = zone.local(*alarm).date();
        assert_eq!(day.weekday(), Weekday::Sun);
        let expected = if day.to_string() == "2026-03-29" { "Sun 03:00" } else { "Sun 02:30" };
        assert_eq!(local(alarm), expected);
    }
    assert!(alarms.contains(&at("2026-10-25T00:30:00Z")));

    let reviews = &seen["review"];
    assert_eq!(reviews.len(), 23, "opened, and every fourteen days until it was decided");
    assert!(reviews.iter().all(|at| local(at) == "Thu 03:30"), "{reviews:?}");
    assert_eq!(reviews.first(), Some(&at("2026-01-15T02:30:00Z")));
    assert_eq!(reviews.last(), Some(&at("2026-11-19T02:30:00Z")), "summer time has come and gone");

    let priors = &seen["prior"];
    assert!((52..=54).contains(&priors.len()), "{}", priors.len());
    assert!(priors[1..].iter().all(|at| local(at).ends_with("03:00")), "{priors:?}");

    assert_eq!(seen["hold-review"][0], at("2026-10-25T07:00:00Z"), "eight in the morning, winter time");

    let stale = &seen["stale"];
    assert_eq!(stale[0], at("2026-07-01T01:00:00Z"), "six months on the wall clock");
    assert_eq!(stale.len(), 7, "and every thirty days");

    the_levels_are_exact(&levels);
}

/// A record that waits, as it was first seen.
fn waiting_since(first: &str) -> Followed {
    let place = Place {
        policy: crate::model::ids::PolicyId::new("p"),
        store: StoreName::new("s"),
        collection: "c".to_owned(),
        why: Unsettled::Waiting,
    };
    Followed { place, looked: at(first), since: vec![(at(first), 1)], beyond: 0 }
}

/// Each level is told in the step in which its part of the time has passed, and not before; a warning waits for the
/// slot that should have taken the record.
fn the_levels_are_exact(levels: &[(Instant, Level, Option<Lateness>)]) {
    let first = |wanted: Level, from: &str| {
        *levels
            .iter()
            .find(|(now, level, _)| *level == wanted && *now >= at(from))
            .expect("each outage has each level")
    };
    let count = |wanted: Level| levels.iter().filter(|(_, level, _)| *level == wanted).count();
    for level in [Level::Warning, Level::Urgent, Level::Cleared] {
        assert_eq!(count(level), DOWN.len(), "{level:?}");
    }
    let mut hours = Vec::new();
    for (from, _) in DOWN {
        let (now, _, late) = first(Level::Warning, from);
        let late = late.expect("what is overdue has a record");
        let whole = late.deadline - late.due;
        hours.push(whole.num_hours());
        assert!(now >= late.due + whole / 2, "the warning at {now} came early");
        for (level, share) in [(Level::Urgent, whole * 4 / 5), (Level::Breach, whole)] {
            let (now, ..) = first(level, from);
            let exact = late.due + share;
            assert!(exact <= now && now < exact + STEP, "{level:?} at {now}, not at {exact}");
        }
    }
    // Due on Friday at 03:05, two days before the clocks change, with a deadline on Sunday at 03:05.
    assert_eq!(hours, [47, 48, 49]);
}

#[test]
fn a_case_is_told_once_and_again_when_it_waits_anew() {
    let mut bench = Bench::new();
    let told = |bench: &mut Bench, now: &str| -> Vec<(String, bool)> {
        let told = bench.look(at(now)).into_iter();
        told.map(|told| (told.period, matches!(told.notice, Notice::Review { reminder: true, .. }))).collect()
    };
    bench.cases = vec![case(&bench.policy, at("2026-01-15T02:00:00Z"))];
    let first = told(&mut bench, "2026-01-15T02:01:00Z");
    assert_eq!(first.len(), 1);
    bench.cases[0].waiting.records = 10;
    assert!(told(&mut bench, "2026-01-16T02:01:00Z").is_empty(), "growing is no news");
    bench.cases[0].state = CaseState::Decided;
    assert!(told(&mut bench, "2026-01-29T02:01:00Z").is_empty(), "a decision stops the reminders");
    (bench.cases[0].state, bench.cases[0].reopened) = (CaseState::Open, Some(at("2026-01-30T08:00:00Z")));
    let again = told(&mut bench, "2026-01-30T08:01:00Z");
    assert!(again.len() == 1 && again[0].0 != first[0].0 && !again[0].1, "{again:?}");
    let reminded = told(&mut bench, "2026-02-13T08:01:00Z");
    assert!(reminded.len() == 1 && reminded[0].1, "{reminded:?}");
    bench.cases[0].waiting.question = Some("Ask Kari on 99887766?".to_owned());
    bench.cases[0].reopened = Some(at("2026-02-20T08:00:00Z"));
    let told = bench.look(at("2026-02-20T08:01:00Z"));
    assert!(matches!(&told[0].notice, Notice::Review { question: None, .. }), "{told:?}");
}
