//! What belongs to a record in another store, from approval to the last file.

use super::{edit_policy, forfall, write_policy};
use crate::fixture::Fixture;

const RECORDINGS: &str = "\n[[data.with]]\nstore = \"recordings\"\ncollection = \"{id}/**\"\n\n[[stage]]";

/// Calls 1 to 3 are due and 4 and 5 are not; each has a recording in a store of its own.
fn calls_with_recordings() -> Fixture {
    let fixture = Fixture::new(3, 2);
    let config = fixture.path("forfall.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(
        config,
        format!("{text}\n[store.recordings]\nadapter = \"filesystem\"\nroot = \"recordings\"\n"),
    )
    .unwrap();
    edit_policy(&fixture, "calls", "\n[[stage]]", RECORDINGS);
    fill_recordings(&fixture);
    fixture
}

fn fill_recordings(fixture: &Fixture) {
    for call in 1..=5 {
        fs_err::create_dir_all(fixture.path(&format!("recordings/{call}"))).unwrap();
        fs_err::write(fixture.path(&format!("recordings/{call}/call.ogg")), "sound").unwrap();
    }
}

fn recordings(fixture: &Fixture) -> Vec<usize> {
    (1..=5).filter(|call| fixture.path(&format!("recordings/{call}/call.ogg")).exists()).collect()
}

#[test]
fn an_approval_takes_in_the_stores_of_what_belongs_to_the_records() {
    let fixture = calls_with_recordings();
    fixture.approve("calls", 3);
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 2);
    assert_eq!(recordings(&fixture), [4, 5]);
}

#[test]
fn another_store_under_the_name_of_the_approved_one_stops_the_run() {
    let fixture = calls_with_recordings();
    fixture.approve("calls", 3);
    fs_err::rename(fixture.path("recordings"), fixture.path("approved")).unwrap();
    fill_recordings(&fixture);
    // Another policy's approval adopts the impostor, so its mark is in order.
    write_policy(
        &fixture,
        "impostor",
        "title = \"x\"\nowner = \"x\"\n[[data]]\nstore = \"recordings\"\ncollection = \"top-*.x\"\nstart.field = \
         \"modified\"\n[[stage]]\nafter = \"9 days\"\naction = \"delete\"\n",
    );
    fixture.approve("impostor", 0);
    let said = forfall(&fixture, &["run", "calls"]).expect(11);
    assert!(said.out.contains("store recordings is not the one that was approved"), "{}", said.out);
    assert_eq!(fixture.calls(), 5);
    assert_eq!(recordings(&fixture), [1, 2, 3, 4, 5]);
}

#[test]
fn a_hold_on_something_there_keeps_its_record() {
    let fixture = calls_with_recordings();
    let hold = |words: &[&str], code: i32| {
        let words: Vec<&str> = ["hold", "add", "--reason", "case-1"].iter().chain(words).copied().collect();
        forfall(&fixture, &words).expect(code);
    };
    hold(&["--store", "recordings", "--key", "9/call.ogg"], 2);
    hold(&["--store", "recordings", "--key", "2/call.ogg"], 0);
    hold(&["--policy", "calls", "--key", "1"], 0);
    fixture.approve("calls", 1);
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!((recordings(&fixture), fixture.calls()), (vec![1, 2, 4, 5], 4));
}

#[test]
fn check_asks_the_stores_of_what_belongs_to_the_records() {
    let fixture = calls_with_recordings();
    forfall(&fixture, &["check"]).expect(0);
    fs_err::rename(fixture.path("recordings"), fixture.path("gone")).unwrap();
    let said = forfall(&fixture, &["check"]).expect(10);
    assert!(said.err.contains("what belongs to the records"), "{}", said.err);
    assert!(said.err.contains("calls.toml:5"), "{}", said.err);
}

/// Notes whose call is gone are counted, in words and as JSON, and stay, whatever a run does.
#[test]
fn notes_of_calls_that_are_gone_are_told_of_and_stay() {
    let fixture = Fixture::new(3, 2);
    let notes = "\n[[data.with]]\ncollection = \"notes\"\nby = \"of\"\n\n[[stage]]";
    edit_policy(&fixture, "calls", "\n[[stage]]", notes);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    let sql = "create table notes (id integer primary key, of integer);
               insert into notes (of) values (1), (5), (77), (78), (null)";
    database.execute_batch(sql).unwrap();
    let said = forfall(&fixture, &["plan", "calls"]).expect(0);
    let words = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("2 rows of notes belong to no record of call_log"), "{}", said.out);
    let plan = fixture.run(&["plan", "calls"]).expect(0).json();
    let expected = serde_json::json!([{"store": "calls", "collection": "notes", "count": 2}]);
    assert_eq!(plan["policies"][0]["orphans"], expected);
    fixture.approve("calls", 3);
    forfall(&fixture, &["run", "calls"]).expect(0);
    let left: i64 = database.query_row("select count(*) from notes", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 4, "only the note of a call that went is gone");
}
