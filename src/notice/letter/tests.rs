use std::fmt::Write as _;

use super::*;
use crate::model::ids::{CaseId, HoldId, PolicyId, RunId, StoreName};
use crate::model::notice::{Digest, DigestLine, Kind, Lateness, Level, RunCounts};
use crate::model::review::Verdict;
use crate::state::outbox::Channel;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn to(address: &str) -> Recipient {
    Recipient { channel: Channel::Mail, address: address.to_owned() }
}

fn overdue(level: Level, forecast: bool) -> Notice {
    let lateness = Lateness { due: at("2026-11-20T02:00:00Z"), deadline: at("2026-11-21T02:00:00Z") };
    let policy = PolicyId::new("imdi/cctv");
    Notice::Overdue { policy, level, records: 1_204, lateness: Some(lateness), forecast }
}

fn digest(policies: Vec<DigestLine>) -> Digest {
    Digest { slot: at("2026-11-23T07:00:00Z"), policies, ..Digest::default() }
}

fn line(policy: &str, overdue: u64) -> DigestLine {
    DigestLine {
        policy: PolicyId::new(policy),
        state: if overdue > 0 { "breach" } else { "ok" }.to_owned(),
        overdue,
        oldest_overdue_seconds: (overdue > 0).then_some(200_000),
        due: overdue,
        undetermined: 12,
        waiting: 0,
        held: 3,
        escalated: 1,
        last_complete: (overdue == 0).then(|| at("2026-11-23T02:04:00Z")),
    }
}

/// One of each, and each turn of phrase.
fn samples() -> Vec<Notice> {
    let policy = || PolicyId::new("imdi/cctv");
    let run = "0199f3c2-5d00-7000-8000-000000000001".parse::<RunId>().unwrap();
    let hold = "0199f3c2-5d00-7000-8000-000000000002".parse::<HoldId>().unwrap();
    let ended = at("2026-10-25T00:45:00Z");
    let counts = RunCounts { due: 1_204, done: 1_100, skipped: 4, failed: 100 };
    let case = "0199f3c2-5d00-7000-8000-000000000003".parse::<CaseId>().unwrap();
    let review = |reminder: bool| Notice::Review {
        policy: policy(),
        case,
        records: 312,
        opened: at("2026-11-01T02:00:00Z"),
        question: (!reminder).then(|| "Is there a reason to keep them?".to_owned()),
        decisions: vec![Verdict::Delete, Verdict::Extend, Verdict::Preserve, Verdict::Transfer],
        proposed: reminder,
        deadline: Some(at("2026-12-01T02:00:00Z")),
        reminder,
    };
    let (from, through) = (at("2026-12-03T02:00:00Z"), at("2026-12-09T02:00:00Z"));
    vec![
        Notice::Prior { policy: policy(), from, through, records: Some(1_204) },
        Notice::Prior { policy: policy(), from, through: from, records: None },
        review(false),
        review(true),
        Notice::RunIncomplete { policy: policy(), run, ended, counts },
        Notice::RunStopped { policy: policy(), run, ended, counts: RunCounts::default() },
        overdue(Level::Warning, false),
        overdue(Level::Urgent, true),
        overdue(Level::Breach, false),
        overdue(Level::Cleared, false),
        Notice::Undetermined { policy: policy(), records: 101, total: 90_000, limit: 100 },
        Notice::Stale {
            policy: policy(),
            waiting: 1_203,
            undetermined: 1,
            since: at("2024-11-01T02:00:00Z"),
        },
        Notice::HoldReview {
            hold,
            review: "2026-12-01".parse().unwrap(),
            until: None,
            policy: None,
            store: None,
        },
        Notice::HoldReview {
            hold,
            review: "2026-12-01".parse().unwrap(),
            until: Some("2027-06-30T22:00:00Z".parse().unwrap()),
            policy: None,
            store: None,
        },
        Notice::Clock { shows: at("2076-01-01T00:00:00Z") },
        Notice::Digest(digest(vec![line("applicants", 0)])),
        Notice::Digest(Digest {
            gaps: vec![(StoreName::new("hr"), 2), (StoreName::new("files"), 1)],
            unacknowledged: vec!["mail ops@example.org".to_owned()],
            undelivered: 3,
            ..digest(vec![line("imdi/cctv", 1), line("applicants", 0)])
        }),
        Notice::TestAlarm { slot: at("2026-11-23T08:00:00Z"), code: "7hq2m4xv".to_owned() },
        Notice::Trial,
    ]
}

fn all(language: Language) -> String {
    let zone = "Europe/Oslo".parse().unwrap();
    let now = at("2026-11-23T08:00:01Z");
    let mut text = String::new();
    for notice in samples() {
        let letter = write(&notice, "1", &to("ops@example.org"), language, zone, now);
        let line = "=".repeat(72);
        let _ = write!(text, "Subject: {}\n\n{}\n{line}\n\n", letter.subject, letter.body);
    }
    text
}

#[test]
fn every_kind_is_among_the_samples() {
    for (word, kind) in Kind::WORDS {
        assert!(samples().iter().any(|notice| notice.kind() == kind), "{word}");
    }
}

#[test]
fn in_english() {
    insta::assert_snapshot!("english", all(Language::English));
}

#[test]
fn in_bokmaal() {
    insta::assert_snapshot!("bokmaal", all(Language::Bokmaal));
}

#[test]
fn subjects_are_one_line_and_prose_is_as_wide_as_mail_should_be() {
    let zone = "Europe/Oslo".parse().unwrap();
    for language in [Language::English, Language::Bokmaal] {
        for notice in samples() {
            let letter =
                write(&notice, "1", &to("ops@example.org"), language, zone, at("2026-11-23T08:00:01Z"));
            assert!(!letter.subject.contains('\n') && letter.subject.starts_with("[forfall] "));
            let wide = letter.body.lines().find(|line| !line.starts_with(' ') && line.chars().count() > 72);
            assert_eq!(wide, None);
        }
    }
}

#[test]
fn the_same_news_for_the_same_recipient_has_the_same_id() {
    let zone = "Europe/Oslo".parse().unwrap();
    let id = |notice: &Notice, period: &str, address: &str, language, now: &str| {
        write(notice, period, &to(address), language, zone, at(now)).id
    };
    let notice = overdue(Level::Breach, false);
    let (early, late) = ("2026-11-23T08:00:01Z", "2026-11-24T08:00:01Z");
    let first = id(&notice, "1", "a@example.org", Language::English, early);
    assert_eq!(first.len(), 32);
    assert_eq!(first, id(&notice, "1", "a@example.org", Language::Bokmaal, late));
    assert_ne!(first, id(&notice, "2", "a@example.org", Language::English, early));
    assert_ne!(first, id(&notice, "1", "b@example.org", Language::English, early));
    assert_ne!(first, id(&Notice::Trial, "1", "a@example.org", Language::English, early));
}

#[test]
fn programs_read_the_facts() {
    let zone = "Europe/Oslo".parse().unwrap();
    let letter = write(
        &overdue(Level::Breach, true),
        "1",
        &to("a@example.org"),
        Language::English,
        zone,
        at("2026-11-23T08:00:01Z"),
    );
    let payload: serde_json::Value = serde_json::from_str(&letter.payload).unwrap();
    assert_eq!(payload["type"], "forfall.overdue");
    assert_eq!(payload["timestamp"], "2026-11-23T08:00:01Z");
    let data = &payload["data"];
    assert_eq!((&data["id"], &data["notice"]), (&letter.id.as_str().into(), &"overdue".into()));
    assert_eq!(
        (&data["policy"], &data["level"], &data["records"]),
        (&"imdi/cctv".into(), &"breach".into(), &1204.into())
    );
    assert_eq!(data["lateness"]["deadline"], "2026-11-21T02:00:00Z");
    assert_eq!(data["forecast"], true);
}
