//! Where several people have to decide.

use forfall::engine::approvers;
use forfall::model::ids::PolicyId;
use forfall::model::review::Decision;
use forfall::state::api::{Actor, StateStore as _};
use forfall::state::review::{Change, Quorum, ReviewBook as _};
use forfall::state::sqlite::SqliteState;

use super::{CASES, cases, decide, run, show, waiting};
use crate::cli::write_policy;
use crate::fixture::Fixture;

#[test]
fn the_author_of_the_policy_is_none_of_the_people_who_decide() {
    let (fixture, case) = waiting(&CASES.replace("title", "approvers = 2\ntitle"));
    let size = fixture.entries().len();
    let said = decide(&fixture, &case, &["delete", "--reason", "case-17"], 11);
    assert!(said.contains("you are the author of policy calls"), "{said}");
    assert_eq!((fixture.entries().len(), cases(&fixture)[0]["state"].as_str()), (size, Some("open")));

    let (fixture, case) = authored_by_somebody_else();
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    assert_eq!(cases(&fixture)[0]["state"], "proposed");
    let said = decide(&fixture, &case, &["delete", "--reason", "case-17"], 11);
    assert!(said.contains("different people"), "{said}");
    run(&fixture);
    assert_eq!(fixture.calls(), 5);
    assert!(agree(&fixture, &case, "daemon").unwrap_err().contains("you are the author"));
    assert_eq!(agree(&fixture, &case, "somebody else").unwrap(), "decided");
    run(&fixture);
    assert_eq!(fixture.calls(), 2);
}

#[test]
fn who_becomes_the_author_after_deciding_has_not_decided() {
    let (fixture, case) = authored_by_somebody_else();
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    assert_eq!(agree(&fixture, &case, "somebody else").unwrap(), "decided");
    // A new text, brought in by one of the two who have decided.
    write_policy(&fixture, "calls", &two_people().replace("Case files", "The case files"));
    fixture.approve("calls", 3);
    fixture.approve_as_two_others("calls");
    let said = fixture.run(&["run", "calls"]).expect(11).json();
    let reason = said["runs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("decided by 1 of 2 people, the author of the policy not counted"), "{reason}");
    assert_eq!(fixture.calls(), 5);
}

/// One person could abolish the rule of two otherwise.
#[test]
fn a_text_that_asks_fewer_people_is_brought_in_by_as_many_as_before() {
    let fixture = Fixture::new(3, 2);
    let text = fs_err::read_to_string(fixture.path("policies/calls.toml")).unwrap();
    write_policy(&fixture, "calls", &format!("approvers = 2\n{text}"));
    fixture.run(&["approve", "calls", "--count", "3", "--author", "daemon"]).expect(0);
    fixture.approve_as("calls", "somebody else");
    write_policy(&fixture, "calls", &text.replace("30 days", "2 days"));
    fixture.run(&["approve", "calls", "--count", "5", "--author", "daemon"]).expect(0);
    let said = fixture.run(&["run", "calls"]).expect(11).json();
    let reason = said["runs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("approved by 1 of 2 people"), "{reason}");
    assert_eq!(fixture.calls(), 5);
    fixture.approve_as("calls", "somebody else");
    run(&fixture);
    assert_eq!(fixture.calls(), 0);
    // From now on the new text counts.
    write_policy(&fixture, "calls", &text.replace("30 days", "1 day"));
    fixture.approve("calls", 0);
    run(&fixture);
}

fn two_people() -> String {
    CASES.replace("title", "approvers = 2\ntitle")
}

/// The same with two people, and somebody who is no test as the author.
fn authored_by_somebody_else() -> (Fixture, String) {
    let fixture = Fixture::new(3, 2);
    write_policy(&fixture, "calls", &two_people());
    fixture.run(&["approve", "calls", "--count", "0", "--author", "daemon"]).expect(0);
    fixture.approve_as("calls", "somebody else");
    run(&fixture);
    let case = cases(&fixture).remove(0)["case"].as_str().unwrap().to_owned();
    (fixture, case)
}

/// Somebody says the same as whoever has proposed; the state of the case then, or why not.
fn agree(fixture: &Fixture, case: &str, who: &str) -> Result<&'static str, String> {
    let (id, at) = (case.parse().unwrap(), "2026-11-01T12:00:00Z".parse().unwrap());
    let state = SqliteState::open(&fixture.path("state/state.db"), at).unwrap();
    let proposed = state.cases(true).unwrap().into_iter().find(|known| known.id == id).unwrap();
    let decision = Decision { by: Vec::new(), ..proposed.decision.unwrap() };
    let policy = PolicyId::new("calls");
    let hash = state.approval(&policy).unwrap().unwrap().hash;
    let quorum = Quorum { people: 2, author: approvers::of(&state, &policy, &hash).unwrap().author };
    let change = Change::Decide(id, decision, quorum);
    let changed = state.change_case(at, Some(&Actor(who.to_owned())), &change);
    changed.map(|case| case.state.word()).map_err(|error| error.to_string())
}

#[test]
fn two_people_decide_over_the_same_records() {
    let (fixture, case) = authored_by_somebody_else();
    decide(&fixture, &case, &["delete", "--reason", "case-17", "--only", "1"], 0);
    assert_eq!(show(&fixture, &case)["parts"][0]["state"], "proposed");
    run(&fixture);
    assert_eq!(fixture.calls(), 5);
    let said = decide(&fixture, &case, &["delete", "--reason", "case-17", "--only", "1", "2"], 11);
    assert!(said.contains("proposed to decide over together"), "{said}");
    let said = decide(&fixture, &case, &["delete", "--reason", "case-17", "--only", "1"], 11);
    assert!(said.contains("different people"), "{said}");
}
