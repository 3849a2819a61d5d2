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
fn a_hold_there_is_placed_on_the_record() {
    let fixture = calls_with_recordings();
    let words = ["hold", "add", "--store", "recordings", "--key", "2/call.ogg", "--reason", "case-1"];
    let said = forfall(&fixture, &words).expect(2);
    assert!(said.err.contains("hold the record, with --policy calls"), "{}", said.err);
    fixture.approve("calls", 3);
    forfall(&fixture, &["hold", "add", "--policy", "calls", "--key", "2", "--reason", "case-1"]).expect(0);
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(recordings(&fixture), [2, 4, 5]);
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
