//! What `check` says of a database file that runs could not write, and what covers a table of counts.

use std::os::unix::fs::PermissionsExt as _;

use crate::counting::{policy, statement};
use crate::fixture::{Fixture, minding_modes, said};

#[test]
fn a_database_that_cannot_be_written_is_told_of() {
    let fixture = Fixture::new(3, 2);
    let checked = || said(minding_modes(fixture.command(&["check"])).output().unwrap()).expect(0).json();
    assert!(!checked().to_string().contains("dispose of nothing"), "{}", checked());
    let mode = |path: &str, mode| {
        fs_err::set_permissions(fixture.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("calls.db", 0o444);
    let found = checked()["diagnostics"].to_string();
    assert!(found.contains("may not write it") && found.contains("warning"), "{found}");
    mode("calls.db", 0o644);
    mode(".", 0o555);
    let found = checked()["diagnostics"].to_string();
    mode(".", 0o755);
    assert!(found.contains("may make no file beside it"), "{found}");
}

#[test]
fn a_table_that_receives_counts_is_covered_by_the_policy_that_fills_it() {
    let fixture = Fixture::new(3, 2);
    let path = fixture.path("policies/calls.toml");
    fs_err::write(&path, policy(&fs_err::read_to_string(&path).unwrap())).unwrap();
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    let columns =
        "alter table call_log add column department text; alter table call_log add column seconds integer";
    database.execute_batch(columns).unwrap();
    let checked = fixture.run(&["check"]).expect(10).json();
    database.execute_batch(&statement(&checked)).unwrap();
    let report = fixture.run(&["coverage", "calls"]).expect(0).json();
    let stats = &report["stores"][0]["collections"][1];
    assert_eq!((&stats["collection"], &stats["state"]), (&"stats".into(), &"covered".into()), "{report}");
    assert_eq!(stats["policies"][0], "calls");
}
