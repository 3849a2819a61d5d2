mod year;

use super::*;
use crate::engine::unsettled::Stale;
use crate::model::notice::{Lateness, Level};
use crate::model::run::RunState;
use crate::policy::sample;
use crate::state::contract::sample::{hold, started};
use crate::state::outbox::Channel;

pub(super) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// One policy with one alarm book, looked at again and again.
pub(super) struct Bench {
    pub(super) policy: Policy,
    pub(super) standing: Option<Standing>,
    pub(super) last_run: Option<PastRun>,
    pub(super) approved: Option<Instant>,
    pub(super) ahead: Option<u64>,
    pub(super) holds: Vec<Hold>,
    pub(super) cases: Vec<Case>,
    pub(super) distrusted: bool,
    pub(super) recipients: Vec<Recipient>,
    pub(super) rhythm: Rhythm,
    pub(super) book: Book,
    codes: std::cell::Cell<u32>,
}

pub(super) fn standing() -> Standing {
    Standing {
        state: "ok".to_owned(),
        records: 10_000,
        due: 0,
        overdue: 0,
        oldest_overdue_seconds: None,
        breach: false,
        lateness: None,
        unseen: false,
        undetermined: 0,
        waiting: 0,
        stale: Stale::default(),
        held: 0,
        needed: 0,
        escalated: 0,
        last_run: None,
        last_complete: None,
        next_due: None,
        next_slot: None,
        reason: None,
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        let stage = sample::stage("29 days", crate::model::action::Action::Delete);
        let mut policy = sample::policy(vec![sample::data(vec![stage])]);
        policy.zone = "Europe/Oslo".parse().unwrap();
        policy.schedule = "0 3 * * *".parse().unwrap();
        Self {
            policy,
            standing: Some(standing()),
            last_run: None,
            approved: Some(at("2025-01-01T00:00:00Z")),
            ahead: None,
            holds: Vec::new(),
            cases: Vec::new(),
            distrusted: false,
            recipients: Vec::new(),
            rhythm: Rhythm { digest: None, test_alarm: None, undetermined_above: 100 },
            book: Book::default(),
            codes: std::cell::Cell::default(),
        }
    }

    /// Decides, and remembers what was decided, as the outbox does.
    pub(super) fn look(&mut self, now: Instant) -> Vec<Told> {
        let ahead = ahead(&self.policy, &self.book, now).zip(self.ahead);
        let sight = Sight {
            policy: &self.policy,
            standing: self.standing.clone(),
            last_run: self.last_run.clone(),
            approved: self.approved,
            ahead: ahead.map(|(ahead, records)| Ahead { records: Some(records), counted: true, ..ahead }),
        };
        let code = || {
            self.codes.set(self.codes.get() + 1);
            format!("code-{}", self.codes.get())
        };
        let reviews: Vec<Review> =
            self.cases.iter().filter(|case| case.opened <= now).filter_map(Review::of).collect();
        let view = View {
            now,
            zone: self.policy.zone,
            rhythm: &self.rhythm,
            sights: std::slice::from_ref(&sight),
            holds: &self.holds,
            reviews: &reviews,
            distrusted: self.distrusted,
            gaps: &[],
            undelivered: 0,
            recipients: &self.recipients,
            code: &code,
        };
        let decision = decide(&view, &self.book);
        let key = |alarm: &Alarm| (alarm.kind, alarm.subject.clone());
        let gone = |old: &Alarm| {
            decision.over.contains(&key(old)) || decision.alarms.iter().any(|new| key(new) == key(old))
        };
        self.book.alarms.retain(|old| !gone(old));
        self.book.alarms.extend(decision.alarms);
        self.book.marks.retain(|(old, _)| !decision.marks.iter().any(|(new, _)| new == old));
        self.book.marks.extend(decision.marks);
        decision.told
    }

    fn kinds(&mut self, now: &str) -> Vec<&'static str> {
        self.look(at(now)).iter().map(|told| told.notice.heading()).collect()
    }

    pub(super) fn late(&mut self, due: &str, deadline: &str) {
        let lateness = Some(Lateness { due: at(due), deadline: at(deadline) });
        self.standing = Some(Standing { overdue: 7, lateness, ..standing() });
    }

    fn ran(&mut self, began: &str, state: RunState) {
        let mut note = started(crate::model::ids::RunId::at(at(began)));
        note.state = Some(state);
        self.last_run = Some(PastRun { note, began: at(began), ended: Some(at(began)) });
    }
}

#[test]
fn overdue_records_are_told_at_each_level_once_and_a_breach_every_day_until_it_is_cleared() {
    let mut bench = Bench::new();
    let quiet = Vec::<&str>::new();
    assert_eq!(bench.kinds("2026-05-01T03:00:00Z"), quiet);
    bench.late("2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z");
    assert_eq!(bench.kinds("2026-05-01T11:59:00Z"), quiet);
    assert_eq!(bench.kinds("2026-05-01T12:00:00Z"), ["warning"]);
    assert_eq!(bench.kinds("2026-05-01T12:05:00Z"), quiet);
    assert_eq!(bench.kinds("2026-05-01T19:12:00Z"), ["urgent"]);
    assert_eq!(bench.kinds("2026-05-02T00:00:00Z"), ["breach"]);
    assert_eq!(bench.kinds("2026-05-02T23:59:00Z"), quiet);
    assert_eq!(bench.kinds("2026-05-03T00:00:00Z"), ["breach"]);
    bench.standing = Some(standing());
    assert_eq!(bench.kinds("2026-05-03T03:00:00Z"), ["cleared"]);
    assert_eq!(bench.kinds("2026-05-03T04:00:00Z"), quiet);
    assert!(bench.book.alarms.is_empty());
}

#[test]
fn each_telling_of_one_condition_has_a_period_of_its_own() {
    let mut bench = Bench::new();
    bench.late("2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z");
    let mut periods = Vec::new();
    for hour in 0..24 * 9 {
        periods.extend(bench.look(at("2026-05-01T00:00:00Z") + chrono::TimeDelta::hours(hour)));
    }
    let mut distinct: Vec<_> = periods.iter().map(|told| &told.period).collect();
    assert_eq!(distinct.len(), 2 + 8, "warning, urgent, and a breach on each of eight days");
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), periods.len());
}

#[test]
fn a_store_that_does_not_answer_raises_alarms_and_clears_none() {
    let mut bench = Bench::new();
    bench.late("2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z");
    let seen = bench.standing.clone().unwrap();
    bench.standing = Some(Standing { unseen: true, ..seen });
    let told = bench.look(at("2026-05-02T01:00:00Z"));
    assert!(
        matches!(&told[0].notice, Notice::Overdue { level: Level::Breach, forecast: true, .. }),
        "{told:?}"
    );
    bench.standing = Some(Standing { unseen: true, undetermined: 0, ..standing() });
    assert!(bench.look(at("2026-05-02T02:00:00Z")).is_empty(), "not answering is no evidence");
    assert_eq!(bench.book.alarms.len(), 1);
    bench.standing = None;
    assert!(bench.look(at("2026-05-02T03:00:00Z")).is_empty(), "nobody has looked yet");
    assert_eq!(bench.book.alarms.len(), 1);
}

#[test]
fn a_bad_run_is_told_once_a_day_while_it_goes_on() {
    let mut bench = Bench::new();
    bench.ran("2026-05-01T03:00:00Z", RunState::Incomplete);
    assert_eq!(bench.kinds("2026-05-01T03:00:05Z"), ["run-incomplete"]);
    for minute in (15..60 * 24).step_by(15) {
        let now = at("2026-05-01T03:00:00Z") + chrono::TimeDelta::minutes(minute);
        bench.ran(&now.to_rfc3339(), RunState::Incomplete);
        assert!(bench.look(now).is_empty(), "{now}: a retry every quarter of an hour is one condition");
    }
    bench.ran("2026-05-02T03:15:00Z", RunState::Incomplete);
    assert_eq!(bench.kinds("2026-05-02T03:15:00Z"), ["run-incomplete"]);
    bench.ran("2026-05-02T03:30:00Z", RunState::Complete);
    assert!(bench.kinds("2026-05-02T03:30:00Z").is_empty() && bench.book.alarms.is_empty());
    bench.ran("2026-05-02T03:45:00Z", RunState::Incomplete);
    assert_eq!(bench.kinds("2026-05-02T03:45:00Z"), ["run-incomplete"], "a new condition is told at once");
}

#[test]
fn a_stop_is_answered_by_an_approval_and_the_next_one_is_told_at_once() {
    let mut bench = Bench::new();
    bench.ran("2026-05-01T03:00:00Z", RunState::Stopped);
    assert_eq!(bench.kinds("2026-05-01T03:00:05Z"), ["run-stopped"]);
    bench.approved = Some(at("2026-05-01T08:00:00Z"));
    assert!(bench.kinds("2026-05-01T08:00:05Z").is_empty() && bench.book.alarms.is_empty());
    bench.ran("2026-05-01T09:00:00Z", RunState::Stopped);
    assert_eq!(bench.kinds("2026-05-01T09:00:05Z"), ["run-stopped"]);
}

#[test]
fn undetermined_records_are_told_above_the_limit_at_each_doubling_and_weekly() {
    let mut bench = Bench::new();
    let seen = |bench: &mut Bench, now: &str, undetermined| {
        bench.standing = Some(Standing { undetermined, ..standing() });
        bench.kinds(now)
    };
    assert!(seen(&mut bench, "2026-05-04T03:00:00Z", 100).is_empty());
    assert_eq!(seen(&mut bench, "2026-05-04T04:00:00Z", 101), ["undetermined"]);
    assert!(seen(&mut bench, "2026-05-04T05:00:00Z", 199).is_empty());
    assert_eq!(seen(&mut bench, "2026-05-04T06:00:00Z", 200), ["undetermined"]);
    assert!(seen(&mut bench, "2026-05-04T07:00:00Z", 150).is_empty());
    assert!(seen(&mut bench, "2026-05-04T08:00:00Z", 250).is_empty(), "up and down is no news");
    assert_eq!(seen(&mut bench, "2026-05-11T06:00:00Z", 250), ["undetermined"]);
    assert!(seen(&mut bench, "2026-05-11T07:00:00Z", 0).is_empty() && bench.book.alarms.is_empty());
}

#[test]
fn stale_records_are_told_when_the_first_is_at_each_doubling_and_monthly() {
    let mut bench = Bench::new();
    let seen = |bench: &mut Bench, now: &str, waiting| {
        let since = (waiting > 0).then(|| at("2024-05-01T03:00:00Z"));
        bench.standing = Some(Standing { stale: Stale { waiting, undetermined: 0, since }, ..standing() });
        bench.kinds(now)
    };
    assert!(seen(&mut bench, "2026-05-01T03:00:00Z", 0).is_empty());
    assert_eq!(seen(&mut bench, "2026-05-01T04:00:00Z", 1), ["stale"]);
    assert!(seen(&mut bench, "2026-05-02T04:00:00Z", 1).is_empty());
    assert_eq!(seen(&mut bench, "2026-05-03T04:00:00Z", 2), ["stale"]);
    assert!(seen(&mut bench, "2026-05-04T04:00:00Z", 3).is_empty());
    assert!(seen(&mut bench, "2026-05-05T04:00:00Z", 1).is_empty());
    assert!(seen(&mut bench, "2026-05-06T04:00:00Z", 2).is_empty(), "up and down is no news");
    assert_eq!(seen(&mut bench, "2026-06-02T04:00:00Z", 2), ["stale"]);
    assert!(seen(&mut bench, "2026-06-03T04:00:00Z", 0).is_empty() && bench.book.alarms.is_empty());
}

#[test]
fn a_distrusted_clock_is_told_and_what_it_wrote_keeps_nothing_back() {
    let mut bench = Bench::new();
    bench.rhythm.digest = "0 8 * * 1".parse().ok();
    bench.late("2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z");
    bench.kinds("2026-05-01T10:00:00Z");
    bench.distrusted = true;
    assert_eq!(bench.kinds("2076-05-02T10:00:00Z"), ["breach", "clock", "digest"]);
    bench.distrusted = false;
    let told = bench.kinds("2026-05-02T10:00:00Z");
    assert_eq!(told, ["breach"], "it is told again by the right clock");
    assert_eq!(bench.kinds("2026-05-03T10:00:00Z"), ["breach"]);
    assert_eq!(bench.kinds("2026-05-04T07:00:00Z"), ["digest"]);
}

#[test]
fn a_test_alarm_has_a_code_for_each_recipient_and_counts_those_that_nobody_answered() {
    let mut bench = Bench::new();
    bench.rhythm.test_alarm = "0 9 * * 1".parse().ok();
    let to = |address: &str| Recipient { channel: Channel::Mail, address: address.to_owned() };
    bench.recipients = vec![to("a@example.org"), to("b@example.org")];
    assert!(bench.kinds("2026-05-03T12:00:00Z").is_empty());
    let told = bench.look(at("2026-05-04T07:00:00Z"));
    assert_eq!(told.len(), 2);
    assert_ne!(told[0].notice, told[1].notice, "a code shows one way to be open, not both");
    assert_eq!(unacknowledged(&bench.book).count(), 2);
    let by = crate::state::api::Actor("kari".to_owned());
    bench.book.alarms[0].acknowledged = Some((at("2026-05-04T08:00:00Z"), by));
    assert_eq!(unacknowledged(&bench.book).count(), 1);
    bench.look(at("2026-05-11T07:00:00Z"));
    let levels: Vec<_> =
        bench.book.alarms.iter().map(|alarm| (alarm.subject.as_str(), alarm.level)).collect();
    assert_eq!(levels, [("mail a@example.org", 1), ("mail b@example.org", 2)]);
    bench.recipients.pop();
    bench.look(at("2026-05-11T08:00:00Z"));
    assert_eq!(bench.book.alarms.len(), 1, "who is not told any more need not answer");
}

#[test]
fn a_hold_is_told_on_the_morning_of_its_review_day_and_weekly_until_somebody_looks() {
    let mut bench = Bench::new();
    let mut one = hold(crate::model::hold::HoldScope::default());
    one.review = Some("2026-05-04".parse().unwrap());
    bench.holds = vec![one.clone()];
    assert!(bench.kinds("2026-05-04T05:59:00Z").is_empty());
    assert_eq!(bench.kinds("2026-05-04T06:00:00Z"), ["hold-review"], "eight in the morning in Oslo");
    assert!(bench.kinds("2026-05-11T05:59:00Z").is_empty());
    assert_eq!(bench.kinds("2026-05-11T06:00:00Z"), ["hold-review"]);
    one.review = Some("2026-05-12".parse().unwrap());
    bench.holds = vec![one];
    assert!(bench.kinds("2026-05-11T07:00:00Z").is_empty() && bench.book.alarms.is_empty());
    assert_eq!(bench.kinds("2026-05-12T06:00:00Z"), ["hold-review"]);
    bench.holds.clear();
    assert!(bench.kinds("2026-05-12T07:00:00Z").is_empty() && bench.book.alarms.is_empty());
}

#[test]
fn slots_that_passed_while_nothing_ran_collapse_into_one_digest() {
    let mut bench = Bench::new();
    bench.rhythm.digest = "0 8 * * 1".parse().ok();
    assert!(bench.kinds("2026-05-01T12:00:00Z").is_empty(), "slots count from the first look");
    bench.standing = None;
    assert!(bench.kinds("2026-07-01T11:59:00Z").is_empty(), "it waits until somebody has looked");
    bench.standing = Some(standing());
    let told = bench.look(at("2026-07-01T12:00:00Z"));
    let [Told { notice: Notice::Digest(digest), .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(digest.slot, at("2026-06-29T06:00:00Z"));
    assert!(bench.kinds("2026-07-01T12:05:00Z").is_empty());
}

#[test]
fn a_prior_notice_speaks_of_a_stretch_and_comes_in_time_for_each_slot_of_it() {
    let mut bench = Bench::new();
    bench.policy.notify_before = Some(sample::period("7 days"));
    bench.ahead = Some(50);
    let told = bench.look(at("2026-05-01T12:00:00Z"));
    let [Told { notice: Notice::Prior { from, through, records: Some(50), .. }, .. }] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!((*from, *through), (at("2026-05-02T01:00:00Z"), at("2026-05-08T01:00:00Z")));
    assert!(bench.kinds("2026-05-02T00:59:00Z").is_empty());
    let told = bench.look(at("2026-05-02T01:00:00Z"));
    let [Told { notice: Notice::Prior { from, .. }, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(*from, at("2026-05-09T01:00:00Z"), "seven days ahead");
    bench.ahead = Some(0);
    assert!(bench.kinds("2026-05-09T01:00:00Z").is_empty(), "nothing goes: nobody is told");
    bench.ahead = Some(1);
    assert!(bench.kinds("2026-05-09T02:00:00Z").is_empty(), "and that was dealt with");
    bench.approved = None;
    assert!(bench.kinds("2026-05-16T01:00:00Z").is_empty(), "what is not approved deletes nothing");
}

#[test]
fn a_policy_that_is_gone_takes_its_alarms_along() {
    let mut bench = Bench::new();
    bench.late("2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z");
    bench.kinds("2026-05-01T12:00:00Z");
    bench.policy.id = PolicyId::new("another");
    bench.standing = Some(standing());
    assert!(bench.kinds("2026-05-01T13:00:00Z").is_empty() && bench.book.alarms.is_empty());
}
