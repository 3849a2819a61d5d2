//! Records that other rows keep: the forecast knows them, and lets them go when they are free by our own hand.

use crate::fixture::Fixture;

const NOTES: &str = r#"
title = "Notes about calls"
owner = "it-operations"

[[data]]
store        = "calls"
collection   = "note"
start.field  = "written_at"
start.format = "rfc3339"

[[stage]]
after  = "20 days"
action = "delete"
"#;

/// 300 calls that are due and 10 that are not, each of them kept by its note; the forecast of both is made.
fn fixture() -> Fixture {
    let fixture = Fixture::new(300, 10);
    fs_err::write(fixture.path("policies/notes.toml"), NOTES).unwrap();
    database(&fixture)
        .execute_batch(
            "create table note (id integer primary key, call integer references call_log (id), written_at text);
             create index note_call on note (call); create index note_written on note (written_at);
             insert into note (call, written_at) select id, called_at from call_log",
        )
        .unwrap();
    fixture.approve("calls", 0);
    fixture.approve("notes", 300);
    let plan = fixture.run(&["plan", "calls"]).expect(0).json();
    assert_eq!(plan["policies"][0]["needed"], 300, "{plan}");
    fixture
}

fn database(fixture: &Fixture) -> rusqlite::Connection {
    rusqlite::Connection::open(fixture.path("calls.db")).unwrap()
}

#[test]
fn what_kept_them_went_under_a_policy_and_they_follow_without_another_approval() {
    let fixture = fixture();
    fixture.run(&["run", "notes"]).expect(0);
    let run = fixture.run(&["run", "calls"]).expect(0).json();
    assert_eq!(run["runs"][0]["stages"][0]["done"], 300, "{run}");
    assert_eq!(fixture.calls(), 10);
}

#[test]
fn what_kept_them_is_gone_and_not_by_our_hand_so_a_person_decides() {
    let fixture = fixture();
    database(&fixture).execute("delete from note", []).unwrap();
    let run = fixture.run(&["run", "calls"]).expect(11).json();
    assert_eq!((&run["runs"][0]["state"], fixture.calls()), (&"stopped".into(), 310), "{run}");
}

#[test]
fn nothing_else_comes_along_with_those_that_are_free() {
    let fixture = fixture();
    fixture.run(&["run", "notes"]).expect(0);
    fixture.more_calls(1_000, 101);
    let run = fixture.run(&["run", "calls"]).expect(11).json();
    let reason = run["runs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("401 records are due"), "{reason}");
    assert!(reason.contains("300 are no longer needed"), "{reason}");
    assert_eq!(fixture.calls(), 411);
}
