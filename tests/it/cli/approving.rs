//! `approve --count`: what somebody has seen, held against what is there.

use super::{edit_policy, forfall};
use crate::fixture::Fixture;

fn approvals(fixture: &Fixture) -> usize {
    fixture.entries().iter().filter(|entry| entry["kind"] == "approval").count()
}

#[test]
fn a_count_is_about_all_the_policies_that_are_named() {
    let fixture = Fixture::new(13, 2);
    let said = forfall(&fixture, &["approve", "calls", "clips", "--count", "13"]).expect(11);
    assert!(
        said.err.contains("26 records are due now (calls 13, clips 13), and --count says 13"),
        "{}",
        said.err
    );
    assert_eq!(approvals(&fixture), 0);
    forfall(&fixture, &["approve", "calls", "clips", "--count", "26"]).expect(0);
    assert_eq!(approvals(&fixture), 2);
}

#[test]
fn a_count_that_is_wrong_by_a_factor_approves_nothing() {
    let fixture = Fixture::new(1_204, 2);
    for typed in ["120", "12040", "0"] {
        let said = forfall(&fixture, &["approve", "calls", "--count", typed]).expect(11).err;
        assert!(said.contains("1,204 records are due now, and --count says"), "{said}");
    }
    for typed in ["1,204", "-1204", "all"] {
        forfall(&fixture, &["approve", "calls", &format!("--count={typed}")]).expect(2);
    }
    assert_eq!(approvals(&fixture), 0);
    forfall(&fixture, &["approve", "calls", "--count", "1216"]).expect(0);
}

#[test]
fn where_nothing_is_due_only_a_count_of_nearly_nothing_approves() {
    let fixture = Fixture::new(0, 2);
    let said = forfall(&fixture, &["approve", "calls", "--count", "11"]).expect(11).err;
    assert!(said.contains("0 records are due now, and --count says 11"), "{said}");
    let said = forfall(&fixture, &["approve", "calls", "--count", "10"]).expect(0).out;
    assert!(said.contains("Approved calls: 0 records due now."), "{said}");
}

#[test]
fn nothing_is_approved_while_a_store_of_one_of_them_is_down() {
    let fixture = Fixture::new(3, 2);
    fs_err::rename(fixture.path("calls.db"), fixture.path("gone.db")).unwrap();
    for names in [["clips", "calls"], ["calls", "clips"]] {
        let said = forfall(&fixture, &[&["approve", "--count", "6"][..], &names].concat()).expect(12);
        assert!(said.err.contains("calls.db"), "{}", said.err);
        assert_eq!((said.out.as_str(), approvals(&fixture)), ("", 0));
    }
}

/// What stands in the log is told, whatever comes after it.
#[test]
fn what_was_approved_before_an_error_is_told() {
    let fixture = Fixture::new(3, 2);
    edit_policy(&fixture, "clips", "title", "approvers = 2\ntitle");
    forfall(&fixture, &["approve", "clips", "--count", "3"]).expect(0);
    let said = forfall(&fixture, &["approve", "calls", "clips", "--count", "6"]).expect(11);
    assert!(said.out.starts_with("Approved calls: 3 records due now."), "{}", said.out);
    assert!(said.err.contains("you are the author of this text"), "{}", said.err);
    assert_eq!(approvals(&fixture), 2);
}
