//! What the screens must not pass over: stores that are down, rules that can never act, records that others keep.

use super::{forfall, write_policy};
use crate::fixture::Fixture;

fn database(fixture: &Fixture) -> rusqlite::Connection {
    rusqlite::Connection::open(fixture.path("calls.db")).unwrap()
}

#[test]
fn a_policy_none_of_whose_records_can_ever_go_is_not_fine() {
    let fixture = Fixture::new(3, 2);
    database(&fixture).execute_batch("update call_log set called_at = '1 November'").unwrap();
    fixture.approve("calls", 0);
    forfall(&fixture, &["run", "calls"]).expect(0);
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out;
    assert!(said.contains("Nothing is overdue; 1 policy needs somebody."), "{said}");
    assert!(said.contains("every record is undetermined"), "{said}");
    let status = fixture.run(&["status", "calls"]).expect(0).json();
    assert_eq!(status["policies"][0]["state"], "undetermined");

    database(&fixture)
        .execute_batch("update call_log set called_at = '2026-11-01T12:00:00Z' where id = 1")
        .unwrap();
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out;
    assert!(!said.contains("every record is undetermined"), "one of them can be read: {said}");
}

/// Nothing is due where nothing can be read: whoever wrote the format wrongly is told before they wait for a deletion.
#[test]
fn a_format_that_reads_no_value_is_told_by_check_and_by_plan() {
    let fixture = Fixture::new(3, 2);
    let warned = || forfall(&fixture, &["check"]).expect(0).err;
    assert!(!warned().contains("can be read"), "{}", warned());
    database(&fixture)
        .execute_batch("update call_log set called_at = replace(substr(called_at, 1, 19), 'T', ' ')")
        .unwrap();
    let text = "none of the first 5 values of `called_at` can be read as `start.format` says";
    assert!(warned().contains(text) && warned().contains("`forfall store show calls`"), "{}", warned());
    let said = forfall(&fixture, &["plan", "calls"]).expect(0).out;
    assert!(said.contains("  undetermined: the start does not have the declared format\n"), "{said}");
    assert!(said.contains("would do nothing: every record is undetermined, and kept"), "{said}");

    database(&fixture).execute_batch("update call_log set called_at = null where id in (1, 2)").unwrap();
    let said = forfall(&fixture, &["plan", "calls"]).expect(0).out.replace("\n    ", " ");
    assert!(
        said.contains("the start does not have the declared format (3); the start is empty (2)"),
        "{said}"
    );
    let plan = fixture.run(&["plan", "calls"]).expect(0).json();
    let whys = &plan["policies"][0]["why_undetermined"];
    assert_eq!(
        (&whys[1]["reason"], &whys[1]["count"], &whys[1]["of"]),
        (&"the start is empty".into(), &2.into(), &5.into())
    );

    database(&fixture)
        .execute_batch("update call_log set called_at = '2026-11-01T12:00:00Z' where id = 1")
        .unwrap();
    assert!(!warned().contains("can be read"), "some can: {}", warned());
}

/// Of many, the first are looked at, and it is said that there are more.
#[test]
fn of_many_undetermined_records_the_first_tell_why() {
    let fixture = Fixture::new(150, 2);
    database(&fixture).execute_batch("update call_log set called_at = null where id <= 150").unwrap();
    let said = forfall(&fixture, &["plan", "calls"]).expect(0).out;
    assert!(
        said.contains("150 undetermined") && said.contains("(of the first 100): the start is empty"),
        "{said}"
    );
}

#[test]
fn an_empty_store_in_the_place_of_the_approved_one_is_not_called_up_to_date() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    forfall(&fixture, &["run", "calls"]).expect(0);
    fs_err::rename(fixture.path("calls.db"), fixture.path("away.db")).unwrap();
    database(&fixture)
        .execute_batch("create table call_log (id integer primary key, called_at text, caller text)")
        .unwrap();
    let status = fixture.run(&["status", "calls"]).expect(0).json();
    assert_eq!(status["policies"][0]["state"], "unreachable");
    let reason = status["policies"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("not the one that was approved"), "{reason}");
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out;
    assert!(said.contains("What is overdue cannot be told for 1 policy"), "{said}");
}

#[test]
fn a_store_that_is_down_is_not_called_up_to_date() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    forfall(&fixture, &["run", "calls"]).expect(0);
    fs_err::rename(fixture.path("calls.db"), fixture.path("gone.db")).unwrap();
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out;
    assert!(said.contains("What is overdue cannot be told for 1 policy"), "{said}");
    assert!(!said.contains("Nothing is overdue"), "{said}");
}

/// Whoever reads that a store is down looks at the server, and not at the table that lacks a column.
#[test]
fn a_store_that_answers_and_does_not_fit_is_not_called_unreachable() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    database(&fixture).execute_batch("alter table call_log rename column called_at to started_at").unwrap();
    let status = fixture.run(&["status", "calls"]).expect(0).json();
    let policy = &status["policies"][0];
    assert_eq!((&policy["state"], &policy["due"]), (&"incomplete".into(), &3.into()), "{policy}");
    let reason = policy["reason"].as_str().unwrap();
    assert!(reason.starts_with("the store answers, but cannot be used as it is: "), "{reason}");
    assert!(reason.contains("called_at"), "{reason}");
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out;
    let told = "What is overdue cannot be told for 1 policy: a store answers, but cannot be used.";
    assert!(said.replace("\n  ", " ").contains(told), "{said}");
    let row = said.lines().find(|line| line.starts_with("calls ")).unwrap();
    assert!(!row.contains(" 0"), "nobody looked, so nothing was counted: {row}");
    let plan = fixture.run(&["plan", "calls"]).expect(0).json();
    assert_eq!(plan["policies"][0]["state"], policy["state"]);
}

#[test]
fn status_says_until_when_an_approval_waits() {
    let fixture = Fixture::new(3, 2);
    super::edit_policy(&fixture, "calls", "owner =", "wait = \"7 days\"\nowner =");
    fixture.approve("calls", 3);
    let calls = || fixture.run(&["status", "calls"]).expect(0).json()["policies"][0].clone();
    let says = |part: &str| {
        let reason = calls()["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(part), "{part}: {reason}");
    };
    assert_eq!(calls()["state"], "observed");
    says("approved, and waiting until ");
    says("`forfall review cancel calls` takes the approval back");
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out;
    assert!(!said.contains("needs somebody"), "{said}");
    // The reason is the one that `explain` gives.
    let hindrance = fixture.run(&["explain", "calls", "1"]).expect(0).json()["hindrance"].clone();
    assert_eq!(hindrance, calls()["reason"]);

    super::edit_policy(&fixture, "calls", "owner =", "approvers = 2\nowner =");
    fixture.approve("calls", 3);
    assert_eq!(calls()["state"], "not approved");
    says("approved by 0 of 2 people");
    fixture.approve_as_two_others("calls");
    assert_eq!(calls()["state"], "observed");
}

/// More than the breaker's allowance of a hundred: what a run did itself is no surprise to the next one.
#[test]
fn a_run_does_not_stop_the_one_after_it() {
    let fixture = Fixture::new(150, 30);
    fixture.approve("calls", 150);
    forfall(&fixture, &["run", "calls"]).expect(0);
    let said = forfall(&fixture, &["run", "calls"]).expect(0);
    assert!(said.out.contains("complete"), "{}", said.out);
    assert_eq!(fixture.calls(), 30);
}

const PAGES: &str = r#"
title = "Pages"
owner = "library"

[[data]]
store        = "calls"
collection   = "page"
start.field  = "last"
start.format = "date"

[[stage]]
after  = "30 days"
action = "delete"
"#;

const VISITS: &str = r#"
title = "Visits"
owner = "library"

[[data]]
store        = "calls"
collection   = "visit"
start.field  = "at"
start.format = "date"

[[data.link]]
name       = "page"
collection = "page"
by         = "page_id"

[[stage]]
after  = "30 days"
action = "delete"
"#;

#[test]
fn a_page_goes_in_the_same_run_as_its_visits_and_one_with_a_newer_visit_is_needed() {
    let fixture = Fixture::new(0, 1);
    write_policy(&fixture, "pages", PAGES);
    write_policy(&fixture, "visits", VISITS);
    database(&fixture)
        .execute_batch(
            "create table page (id integer primary key, last text);
             create table visit (id integer primary key, page_id integer, at text);
             create index visit_page on visit (page_id);
             insert into page values (1, date('now', '-40 days')), (2, date('now', '-40 days')), (3, date('now'));
             insert into visit values (1, 1, date('now', '-40 days')), (2, 2, date('now', '-1 day'));",
        )
        .unwrap();
    fixture.approve("pages", 0);
    fixture.approve("visits", 1);
    let said = forfall(&fixture, &["run", "pages", "visits"]).expect(0).out;
    assert!(said.contains("because other records need them: 1 of page"), "{said}");
    let left: String = database(&fixture)
        .query_row("select group_concat(id) from (select id from page order by id)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, "2,3");
}

#[test]
fn status_says_why_nothing_was_deleted() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    let why = || {
        forfall(&fixture, &["run", "calls"]).expect(0);
        let status = fixture.run(&["status", "calls"]).expect(0).json();
        status["policies"][0]["reason"].as_str().map(ToOwned::to_owned)
    };
    let hold = fixture.run(&["hold", "add", "--policy", "calls", "--reason", "case-7"]).expect(0).json();
    assert_eq!(why().as_deref(), Some("what is due is held: 3 records"));
    let id = hold["hold"]["hold"].as_str().unwrap();
    fixture.end_of_hold(id);
    assert_eq!(why(), None, "three went");
    assert_eq!(why().as_deref(), Some("nothing is due"));
    let said = forfall(&fixture, &["status", "calls"]).expect(0).out;
    assert!(said.contains("nothing is due; the next falls due after"), "{said}");
    database(&fixture).execute_batch("delete from call_log").unwrap();
    assert_eq!(why().as_deref(), Some("there are no records"));
}

/// Somebody who asks about a record that is due hears what keeps the next run from taking it.
#[test]
fn explain_says_what_keeps_a_due_record() {
    let fixture = Fixture::new(3, 2);
    let hindered = || fixture.run(&["explain", "calls", "1"]).expect(0).json()["hindrance"].clone();
    let says = |part: &str| {
        let said = hindered();
        assert!(said.as_str().is_some_and(|said| said.contains(part)), "{part}: {said}");
    };
    says("not approved yet");
    fixture.approve("calls", 3);
    assert!(hindered().is_null());
    fixture.run(&["pause", "--policy", "calls"]).expect(0);
    says("`forfall resume --policy calls`");
    let said = forfall(&fixture, &["explain", "calls", "1"]).expect(0).out;
    assert!(said.contains("hindered this policy is paused"), "{said}");
    fixture.run(&["resume", "--policy", "calls"]).expect(0);

    let database = database(&fixture);
    database
        .execute_batch("create trigger kept before delete on call_log begin select raise(abort, 'no'); end")
        .unwrap();
    fixture.run(&["run", "calls"]).expect(11);
    says("triggers of call_log in store calls changed after the approval");
    database.execute_batch("drop trigger kept").unwrap();
    let policy = fs_err::read_to_string(fixture.path("policies/calls.toml")).unwrap();
    fs_err::write(fixture.path("policies/calls.toml"), policy.replace("30 days", "2 days")).unwrap();
    says("the policy was changed after its approval");
    let limited = policy.replace("[[data]]", "[limit]\nrecords = 1\n\n[[data]]");
    fs_err::write(fixture.path("policies/calls.toml"), limited).unwrap();
    fixture.approve("calls", 3);
    fixture.run(&["run", "calls"]).expect(11);
    says("the last run was stopped: 3 records are due");
    fixture.run(&["hold", "add", "--policy", "calls", "--key", "1", "--reason", "case-1"]).expect(0);
    assert!(hindered().is_null(), "a hold says enough");
}
