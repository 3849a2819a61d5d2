//! Each exit code, once on purpose.

use super::{edit_policy, forfall, write_policy};
use crate::fixture::Fixture;

#[test]
fn a_plan_exits_0_whatever_it_says() {
    let fixture = Fixture::new(3, 2);
    forfall(&fixture, &["plan"]).expect(0);
    fs_err::rename(fixture.path("calls.db"), fixture.path("gone.db")).unwrap();
    let said = forfall(&fixture, &["plan", "calls"]).expect(0);
    assert!(said.out.contains("would be incomplete"), "{}", said.out);
}

#[test]
fn what_cannot_be_understood_is_2() {
    let fixture = Fixture::new(1, 1);
    forfall(&fixture, &["plan", "--nonsense"]).expect(2);
    forfall(&fixture, &["plan", "--at", "tomorrow"]).expect(2);
    let said = forfall(&fixture, &["plan", "cals"]).expect(2);
    assert!(said.err.contains("did you mean calls?"), "{}", said.err);
    let said = forfall(&fixture, &["approve", "calls"]).expect(2);
    assert!(said.err.contains("--count"), "{}", said.err);
}

#[test]
fn an_invalid_policy_is_10_and_nothing_runs() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    write_policy(&fixture, "broken", "title = \"x\"\n");
    for words in
        [&["run"][..], &["run", "calls"], &["plan"], &["approve", "calls", "--count", "3"], &["check"]]
    {
        let said = forfall(&fixture, words).expect(10);
        assert!(said.err.contains("broken.toml"), "{words:?}: {}", said.err);
    }
    assert_eq!(fixture.calls(), 5);
}

#[test]
fn commands_that_protect_work_beside_an_invalid_policy() {
    let fixture = Fixture::new(3, 2);
    write_policy(&fixture, "broken", "title = \"x\"\n");
    forfall(&fixture, &["pause"]).expect(0);
    forfall(&fixture, &["pause", "--policy", "broken"]).expect(0);
    forfall(&fixture, &["hold", "add", "--policy", "calls", "--reason", "case-1"]).expect(0);
    forfall(&fixture, &["audit", "list"]).expect(0);
    forfall(&fixture, &["status"]).expect(10);
}

#[test]
fn without_an_approval_runs_observe_and_naming_is_11() {
    let fixture = Fixture::new(3, 2);
    forfall(&fixture, &["run"]).expect(0);
    let said = forfall(&fixture, &["run", "calls"]).expect(11);
    assert!(said.out.contains("forfall approve calls"), "{}", said.out);
    assert_eq!(fixture.calls(), 5);
}

#[test]
fn a_count_that_nobody_could_have_seen_is_11() {
    let fixture = Fixture::new(3, 2);
    let said = forfall(&fixture, &["approve", "calls", "--count", "14"]).expect(11);
    assert!(said.err.contains("3 records are due now"), "{}", said.err);
    forfall(&fixture, &["approve", "calls", "--count", "13"]).expect(0);
}

#[test]
fn a_limit_is_11_and_nothing_is_deleted() {
    let fixture = Fixture::new(3, 2);
    edit_policy(&fixture, "calls", "[[data]]", "[limit]\nrecords = 2\n\n[[data]]");
    fixture.approve("calls", 3);
    let said = forfall(&fixture, &["run"]).expect(11);
    assert!(said.out.contains("limit.records"), "{}", said.out);
    assert_eq!(fixture.calls(), 5);
}

#[test]
fn a_surprise_after_a_complete_run_is_11_until_it_is_approved() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    forfall(&fixture, &["run", "calls"]).expect(0);
    forfall(&fixture, &["run", "calls"]).expect(0);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    let import = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 150)
                  insert into call_log (called_at) select '2026-01-01T00:00:00Z' from n";
    database.execute_batch(import).unwrap();
    let said = forfall(&fixture, &["run", "calls"]).expect(11);
    assert!(said.out.contains("150 records are due where the forecast said 0"), "{}", said.out);
    assert_eq!(fixture.calls(), 152);
    let status = fixture.run(&["status", "calls"]).expect(0).json();
    assert_eq!(status["policies"][0]["state"], "stopped");
    fixture.approve("calls", 150);
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 2);
    let status = fixture.run(&["status", "calls"]).expect(0).json();
    assert_eq!(status["policies"][0]["state"], "ok");
}

#[test]
fn many_records_in_one_run_are_not_counted_again_by_the_next() {
    let fixture = Fixture::new(1_000, 2);
    fixture.approve("calls", 1_000);
    forfall(&fixture, &["run", "calls"]).expect(0);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    database.execute_batch("insert into call_log (called_at) values ('2026-01-01T00:00:00Z')").unwrap();
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 2);
}

#[test]
fn a_pause_is_11_for_whom_it_concerns() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    forfall(&fixture, &["pause", "--store", "calls"]).expect(0);
    forfall(&fixture, &["run"]).expect(0);
    forfall(&fixture, &["run", "calls"]).expect(11);
    assert_eq!(fixture.calls(), 5);
    forfall(&fixture, &["resume"]).expect(2);
    forfall(&fixture, &["resume", "--store", "calls"]).expect(0);
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 2);
}

#[test]
fn a_store_that_is_down_is_12() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    fixture.approve("clips", 3);
    fs_err::rename(fixture.path("calls.db"), fixture.path("gone.db")).unwrap();
    let said = forfall(&fixture, &["run"]).expect(12);
    assert!(said.out.contains("incomplete"), "{}", said.out);
    assert_eq!(fixture.clips(), 2, "the other policy ran all the same");
    forfall(&fixture, &["store", "list"]).expect(12);
    forfall(&fixture, &["approve", "calls", "--count", "3"]).expect(12);
}

#[test]
fn a_changed_log_is_13() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    forfall(&fixture, &["run"]).expect(0);
    forfall(&fixture, &["audit", "verify"]).expect(0);
    tamper(&fixture);
    let said = forfall(&fixture, &["audit", "verify"]).expect(13);
    assert!(said.out.contains("DOES NOT VERIFY"), "{}", said.out);
}

#[test]
fn a_state_that_cannot_be_opened_is_12() {
    let fixture = Fixture::new(1, 1);
    fs_err::create_dir_all(fixture.path("state/state.db")).unwrap();
    let said = forfall(&fixture, &["status"]).expect(12);
    assert!(said.err.contains("state.db"), "{}", said.err);
}

#[test]
fn a_log_whose_newest_entry_is_missing_is_13() {
    let fixture = Fixture::new(3, 1);
    fixture.approve("calls", 3);
    let database = rusqlite::Connection::open(fixture.path("state/state.db")).unwrap();
    let last = "delete from log where idx = (select max(idx) from log)";
    assert_eq!(database.execute(last, []).unwrap(), 1);
    let said = forfall(&fixture, &["audit", "verify"]).expect(13);
    assert!(said.err.contains("the audit log"), "{}", said.err);
    forfall(&fixture, &["run"]).expect(13);
    assert_eq!(fixture.calls(), 4);
}

#[test]
fn one_approval_where_two_people_are_asked_for_is_11() {
    let fixture = Fixture::new(3, 1);
    edit_policy(&fixture, "calls", "title", "approvers = 2\ntitle");
    let said =
        forfall(&fixture, &["approve", "calls", "--count", "3", "--author", "nobody-at-all"]).expect(2);
    assert!(said.err.contains("no user nobody-at-all"), "{}", said.err);
    forfall(&fixture, &["approve", "calls", "--count", "3", "--author", "daemon"]).expect(0);
    let size = fixture.entries().len();
    let said = forfall(&fixture, &["approve", "calls", "--count", "3"]).expect(11);
    assert!(said.err.contains("you have approved policy calls already"), "{}", said.err);
    assert_eq!(fixture.entries().len(), size, "nothing was recorded");
    fixture.approve_as("calls", "daemon");
    let said = forfall(&fixture, &["run", "calls"]).expect(11);
    assert!(said.out.contains("approved by 1 of 2 people (its author is none of them)"), "{}", said.out);
    assert_eq!(fixture.calls(), 4);
    fixture.approve_as("calls", "somebody else");
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 1);
}

#[test]
fn who_approves_first_is_the_author_and_none_of_the_two() {
    let fixture = Fixture::new(3, 1);
    edit_policy(&fixture, "calls", "title", "approvers = 2\ntitle");
    let said = forfall(&fixture, &["approve", "calls", "--count", "3"]).expect(0);
    assert!(said.out.contains("by 0 of 2 people"), "{}", said.out);
    let said = forfall(&fixture, &["approve", "calls", "--count", "3"]).expect(11);
    assert!(said.err.contains("you are the author of this text"), "{}", said.err);
    fixture.approve_as("calls", "somebody else");
    forfall(&fixture, &["run", "calls"]).expect(11);
    fixture.approve_as("calls", "a third one");
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 1);
}

/// Changes one count in the log, as somebody with the file at hand could.
fn tamper(fixture: &Fixture) {
    let database = rusqlite::Connection::open(fixture.path("state/state.db")).unwrap();
    let sql = "update log set leaf = cast(replace(cast(leaf as text), '\"count\":3', '\"count\":2') as blob) \
               where kind = 'approval'";
    assert_eq!(database.execute(sql, []).unwrap(), 1);
}
