//! From an `escalate` stage to a case, a decision, and what the next run does about it.

mod parts;
mod people;

use chrono::NaiveDate;
use forfall::model::review::{Decision, Verdict};
use forfall::state::api::Actor;
use forfall::state::review::{Change, Quorum, ReviewBook as _};
use forfall::state::sqlite::SqliteState;

use super::{edit_policy, forfall, write_policy};
use crate::fixture::Fixture;

const CASES: &str = r#"
title = "Case files"
owner = "archive"

[[data]]
store        = "calls"
collection   = "call_log"
start.field  = "called_at"
start.format = "rfc3339"

[[stage]]
after     = "30 days"
action    = "escalate"
question  = "Is there a reason to keep them?"
decisions = ["delete", "extend", "preserve", "transfer"]
extend    = { each = "30 days", at-most = "60 days" }
"#;

/// Three rows wait for a decision, two are too young; the policy is approved and a run has opened the case.
fn waiting(policy: &str) -> (Fixture, String) {
    let fixture = Fixture::new(3, 2);
    write_policy(&fixture, "calls", policy);
    fixture.approve("calls", 0);
    if policy.contains("approvers") {
        fixture.approve_as_two_others("calls");
    }
    // With a waiting period the run only observes, and opens the case all the same.
    let code = if policy.contains("wait =") { 11 } else { 0 };
    fixture.run(&["run", "calls"]).expect(code);
    let case = cases(&fixture).remove(0);
    assert_eq!((case["state"].as_str(), case["records"].as_u64()), (Some("open"), Some(3)));
    (fixture, case["case"].as_str().unwrap().to_owned())
}

/// The table of a plan has in one column what a run does and what it asks people about; the sentences tell them apart.
#[test]
fn an_approval_tells_what_waits_for_people_from_what_is_due() {
    let fixture = Fixture::new(3, 2);
    write_policy(&fixture, "calls", CASES);
    let refused = forfall(&fixture, &["approve", "calls", "--count", "2000"]).expect(11).err;
    let told = "3 records wait for a person's decision, and 0 others are due now; --count is about the others, and says 2,000";
    assert!(refused.contains(told), "{refused}");
    let said = forfall(&fixture, &["approve", "calls", "--count", "0"]).expect(0).out;
    let told = "Approved calls: 3 records wait for a person's decision, and 0 others are due now.";
    assert!(said.replace("\n  ", " ").starts_with(told), "{said}");
}

/// Whoever reads a plan while a case is open would take what waits in it for more that is to come.
#[test]
fn a_plan_does_not_ask_again_about_what_waits_in_a_case() {
    let (fixture, _) = waiting(CASES);
    let plan = |words: &[&str]| {
        forfall(&fixture, &[&["plan", "calls"], words].concat()).expect(0).out.replace("\n  ", " ")
    };
    let told = "would do nothing new: 3 records wait for a decision already (`forfall review list`)";
    assert!(plan(&[]).contains(told), "{}", plan(&[]));
    fixture.more_calls(100, 2);
    let told = "would escalate 2 records; 3 records wait for a decision already (`forfall review list`)";
    let json = fixture.run(&["plan", "calls"]).expect(0).json();
    let stage = &json["policies"][0]["stages"][0];
    assert!(plan(&[]).contains(told), "{} {stage}", plan(&[]));
    assert_eq!((&stage["due"], &stage["asked"]), (&5.into(), &3.into()));
}

fn cases(fixture: &Fixture) -> Vec<serde_json::Value> {
    fixture.run(&["review", "list"]).expect(0).json()["reviews"].as_array().unwrap().clone()
}

fn decide(fixture: &Fixture, case: &str, words: &[&str], code: i32) -> String {
    let all: Vec<&str> = ["review", "decide", case].iter().chain(words).copied().collect();
    fixture.run(&all).expect(code).err
}

fn run(fixture: &Fixture) {
    fixture.run(&["run", "calls"]).expect(0);
}

#[test]
fn a_decision_to_delete_is_carried_out_by_the_next_run_and_covers_nothing_later() {
    let (fixture, case) = waiting(CASES);
    run(&fixture);
    assert_eq!((fixture.calls(), cases(&fixture).len()), (5, 1), "kept, in one case, until somebody decides");
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    let plan = fixture.run(&["plan", "calls"]).expect(0).json();
    let stages = plan["policies"][0]["stages"].as_array().unwrap();
    let acts =
        |stage: usize| (stages[stage]["action"].as_str().unwrap(), stages[stage]["due"].as_u64().unwrap());
    assert_eq!((acts(0), acts(1)), (("escalate", 0), ("delete", 3)));
    run(&fixture);
    assert_eq!((fixture.calls(), cases(&fixture).len()), (2, 0));
    fixture.more_calls(100, 1);
    run(&fixture);
    assert_eq!(fixture.calls(), 3, "what comes later is another case");
    assert_ne!(cases(&fixture)[0]["case"], case.as_str());
    let kinds: Vec<String> = fixture
        .entries()
        .iter()
        .filter(|entry| entry["kind"] == "review")
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["open", "decide", "execute", "open"]);
    assert_eq!(fixture.run(&["audit", "verify"]).expect(0).json()["ok"], true);
}

#[test]
fn more_records_than_were_decided_over_stop_the_run() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    fixture.more_calls(100, 1);
    let said = fixture.run(&["run", "calls"]).expect(11).json();
    assert!(said["runs"][0]["reason"].as_str().unwrap().contains("over 3 records and 4 are there"), "{said}");
    assert_eq!(fixture.calls(), 6);
    fixture.run(&["review", "cancel", &case, "--reason", "import"]).expect(0);
    run(&fixture);
    assert_eq!((fixture.calls(), cases(&fixture)[0]["records"].as_u64()), (6, Some(4)));
}

#[test]
fn a_hold_wins_over_a_decision_and_the_decision_stands_until_it_is_gone() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    let hold = ["hold", "add", "--policy", "calls", "--key", "1", "--reason", "complaint-2"];
    let hold = fixture.run(&hold).expect(0).json()["hold"]["hold"].as_str().unwrap().to_owned();
    run(&fixture);
    assert_eq!(fixture.calls(), 3, "the held one and the two young ones");
    assert_eq!(cases(&fixture)[0]["state"], "decided");
    fixture.end_of_hold(&hold);
    run(&fixture);
    assert_eq!((fixture.calls(), cases(&fixture).len()), (2, 0));
}

#[test]
fn preserved_and_extended_records_stay() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["preserve", "--reason", "history"], 0);
    run(&fixture);
    assert_eq!((fixture.calls(), cases(&fixture).len()), (5, 1), "kept, and nobody is asked again");

    let (fixture, case) = waiting(CASES);
    let said = decide(&fixture, &case, &["extend", "--reason", "x", "--until", "2099-01-01"], 2);
    assert!(said.contains("at most 30 days at once"), "{said}");
    let said = decide(&fixture, &case, &["extend", "--reason", "x", "--until", "2020-01-01"], 2);
    assert!(said.contains("has passed"), "{said}");
    decide(&fixture, &case, &["extend", "--reason", "research"], 0);
    run(&fixture);
    assert_eq!((fixture.calls(), cases(&fixture).len()), (5, 1));
}

#[test]
fn a_transfer_deletes_only_after_the_receipt() {
    let (fixture, case) = waiting(CASES);
    let said = decide(&fixture, &case, &["transfer", "--reason", "deposit"], 2);
    assert!(said.contains("--decision-ref"), "{said}");
    decide(&fixture, &case, &["transfer", "--reason", "deposit", "--decision-ref", "NA-2026-9"], 0);
    run(&fixture);
    assert_eq!(fixture.calls(), 5);
    fixture.run(&["review", "receipt", &case, "NA-R-12"]).expect(0);
    run(&fixture);
    assert_eq!(fixture.calls(), 2);
}

#[test]
fn an_outside_consent_is_needed_and_its_days_count() {
    let (fixture, case) = waiting(&with_consent());
    let size = fixture.entries().len();
    let said = decide(&fixture, &case, &["delete", "--reason", "case-17"], 2);
    assert!(said.contains("needs the decision of national-archive"), "{said}");
    let words = ["delete", "--reason", "c", "--valid-until", "2099-01-01"];
    assert!(decide(&fixture, &case, &words, 2).contains("--decision-ref"));
    let under = |from: &str, until: &str, code| {
        let days = ["--valid-from", from, "--valid-until", until];
        decide(
            &fixture,
            &case,
            &[&["delete", "--reason", "c", "--decision-ref", "NA-1"], &days[..]].concat(),
            code,
        )
    };
    assert!(under("2019-01-01", "2020-01-01", 2).contains("has passed: nothing could go"));
    assert!(under("2098-01-02", "2098-01-01", 2).contains("is before --valid-from"));
    assert_eq!(fixture.entries().len(), size, "nothing was recorded");
    under("2098-01-01", "2099-01-01", 0);
    run(&fixture);
    assert_eq!(fixture.calls(), 5, "the consent has not begun");
    let told = fixture.run(&["review", "show", &case]).expect(0).json();
    assert_eq!(
        (told["valid_from"].as_str(), told["valid_until"].as_str()),
        (Some("2098-01-01"), Some("2099-01-01"))
    );
    fixture.run(&["review", "cancel", &case, "--reason", "too-late"]).expect(0);
    under("2019-01-01", "2099-01-01", 0);
    run(&fixture);
    assert_eq!(fixture.calls(), 2);
}

#[test]
fn a_consent_that_has_ended_or_was_never_given_stops_the_run() {
    let (fixture, case) = waiting(&with_consent());
    let ended = NaiveDate::from_ymd_opt(2020, 1, 1);
    for (reference, until, why) in [
        (Some("NA-1"), ended, "decided under NA-1, which was valid until 2020-01-01"),
        (None, None, "decided without a decision of national-archive"),
    ] {
        // What is years ago for the program, or was decided before the policy asked for a consent.
        decide_in_state(&fixture, &case, reference, until);
        let said = fixture.run(&["run", "calls"]).expect(11).json();
        let reason = said["runs"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(why) && reason.contains("review cancel"), "{reason}");
        assert_eq!(fixture.calls(), 5);
        fixture.run(&["review", "cancel", &case, "--reason", "expired"]).expect(0);
    }
}

fn with_consent() -> String {
    CASES.replace("action    =", "needs = \"national-archive\"\naction    =")
}

fn decide_in_state(fixture: &Fixture, case: &str, reference: Option<&str>, until: Option<NaiveDate>) {
    let at = "2019-12-01T12:00:00Z".parse().unwrap();
    let state = SqliteState::open(&fixture.path("state/state.db"), at).unwrap();
    let decision = Decision {
        verdict: Verdict::Delete,
        reason: "case-17".to_owned(),
        reference: reference.map(str::to_owned),
        valid: (None, until),
        until: None,
        receipt: None,
        by: Vec::new(),
        at,
        effective: at,
    };
    let quorum = Quorum { people: 1, author: None };
    let change = Change::Decide(case.parse().unwrap(), decision, quorum);
    state.change_case(at, Some(&Actor("kari".to_owned())), &change).unwrap();
}

#[test]
fn a_waiting_period_lets_somebody_cancel() {
    let (fixture, case) = waiting(&CASES.replace("title", "wait = \"7 days\"\ntitle"));
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    fixture.run(&["run", "calls"]).expect(11);
    assert_eq!(fixture.calls(), 5);
    fixture.run(&["review", "cancel", &case, "--reason", "objection"]).expect(0);
    assert_eq!(cases(&fixture)[0]["state"], "open");
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let (fixture, case) = waiting(&CASES.replace("[\"delete\", ", "["));
    let size = fixture.entries().len();
    let said = decide(&fixture, &case, &["delete", "--reason", "case-17"], 2);
    assert!(said.contains("it allows extend, preserve, transfer"), "{said}");
    let said = decide(&fixture, "case-17", &["preserve", "--reason", "x"], 2);
    assert!(said.contains("there is no case case-17"), "{said}");
    let said = decide(&fixture, &case, &["preserve", "--reason", "ring 99887766"], 2);
    assert!(said.contains("telephone"), "{said}");
    assert_eq!(fixture.entries().len(), size);
}

#[test]
fn a_decision_over_a_stage_that_is_gone_stops_the_run() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    let stage = CASES.find("[[stage]]").unwrap();
    let shorter = format!("{}[[stage]]\nafter = \"300 days\"\naction = \"delete\"\n", &CASES[..stage]);
    write_policy(&fixture, "calls", &shorter);
    fixture.approve("calls", 0);
    let said = fixture.run(&["run", "calls"]).expect(11).json();
    assert!(said["runs"][0]["reason"].as_str().unwrap().contains("does not have any more"), "{said}");
    assert_eq!(fixture.calls(), 5);
}

#[test]
fn status_says_once_what_waits_for_people_or_is_needed() {
    let (fixture, _) = waiting(CASES);
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out.replace("\n  ", " ");
    assert!(said.contains("calls: what is due waits for a person's decision: 3 records; last run"), "{said}");
    // Where it is not the reason for doing nothing, it is told beside it.
    fixture.run(&["pause"]).expect(0);
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out.replace("\n  ", " ");
    assert!(said.contains("3 records wait for a person's decision; last run"), "{said}");
}

fn show(fixture: &Fixture, case: &str) -> serde_json::Value {
    fixture.run(&["review", "show", case]).expect(0).json()
}

#[test]
fn an_approval_that_waits_can_be_cancelled_and_none_before_it_acts() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    // In force, and narrow: nothing is older than this yet.
    edit_policy(&fixture, "calls", "30 days", "300 days");
    fixture.approve("calls", 0);
    let cancel = ["review", "cancel", "calls", "--reason", "objection"];
    let said = fixture.run(&cancel).expect(11).err;
    assert!(
        said.contains("does not wait any more") && said.contains("forfall pause --policy calls"),
        "{said}"
    );
    edit_policy(&fixture, "calls", "title", "wait = \"7 days\"\ntitle");
    edit_policy(&fixture, "calls", "300 days", "30 days");
    fixture.approve("calls", 3);
    let reason = |said: serde_json::Value| said["runs"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason(fixture.run(&["run", "calls"]).expect(11).json()).contains("review cancel calls"));
    let said = fixture.run(&["review", "cancel", "calls", "--reason", "ring 99887766"]).expect(2).err;
    assert!(said.contains("telephone"), "{said}");
    let told = fixture.run(&cancel).expect(0).json();
    assert_eq!((told["policy"].as_str(), told["reason"].as_str()), (Some("calls"), Some("objection")));
    assert!(
        reason(fixture.run(&["run", "calls"]).expect(11).json())
            .contains("its approval was cancelled (objection)")
    );
    // Not even where the text is again the one that an approval before it was for.
    edit_policy(&fixture, "calls", "wait = \"7 days\"\n", "");
    fixture.run(&["run", "calls"]).expect(11);
    assert_eq!(fixture.calls(), 5);
    let status = fixture.run(&["status"]).json();
    let policies = status["policies"].as_array().unwrap();
    let calls = policies.iter().find(|policy| policy["policy"] == "calls").unwrap();
    assert_eq!(calls["state"], "not approved");
    assert!(fixture.run(&cancel).expect(11).err.contains("was cancelled already"));
    fixture.approve("calls", 3);
    fixture.run(&["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 2);
    assert_eq!(fixture.run(&["audit", "verify"]).expect(0).json()["ok"], true);
}

#[test]
fn an_approval_that_waits_for_a_second_person_can_be_cancelled() {
    let fixture = Fixture::new(3, 2);
    edit_policy(&fixture, "calls", "title", "approvers = 2\ntitle");
    fixture.run(&["approve", "calls", "--count", "3", "--author", "daemon"]).expect(0);
    fixture.run(&["review", "cancel", "calls", "--reason", "objection"]).expect(0);
    fixture.run(&["approve", "calls", "--count", "3"]).expect(0);
    fixture.run(&["run", "calls"]).expect(11);
    fixture.approve_as("calls", "somebody else");
    fixture.run(&["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 2);
}
