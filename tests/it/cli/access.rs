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
fn a_store_without_roles_is_named() {
    let fixture = Fixture::new(1, 1);
    for store in ["calls", "cameras"] {
        let said = fixture.run(&["store", "grants", store]).expect(12).err;
        assert!(said.contains(&format!("store {store}: it has no roles of its own")), "{said}");
    }
}

/// A daemon that runs as the lock's owner goes on, and the message claims nothing else.
#[test]
fn a_lock_of_another_user_stops_only_who_cannot_open_it() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    let lock = fixture.path("state/locks/calls.lock");
    fs_err::write(&lock, "").unwrap();
    fs_err::set_permissions(&lock, std::fs::Permissions::from_mode(0o000)).unwrap();
    let said = said(minding_modes(fixture.command(&["run", "calls"])).output().unwrap()).expect(12).err;
    let owner = rustix::process::geteuid().as_raw();
    for part in [format!("calls.lock belongs to user {owner}"), "what runs as that user goes on".to_owned()] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert!(!said.contains("othing is deleted"), "{said}");
    assert_eq!(fixture.calls(), 5);
}

/// Who may read a credential is systemd's business, whatever its mode.
#[test]
fn a_secret_that_everybody_may_read_is_warned_of() {
    let fixture = Fixture::new(1, 1);
    let config = fixture.path("forfall.toml");
    let pager = "\n[notify.webhook.pager]\nurl = \"https://pager.example.org\"\nsecret = { file = \"pager\" }\n\n\
                 [notify.webhook.other]\nurl = \"https://other.example.org\"\nsecret = { credential = \"other\" }\n";
    let desk = "\n[store.desk]\nadapter = \"postgres\"\nurl = { file = \"desk-url\" }\nplanner-url = { file = \"desk-url\" }\n";
    let text = fs_err::read_to_string(&config).unwrap() + desk + pager;
    fs_err::write(&config, text).unwrap();
    let modes = |of_both: u32| {
        for name in ["desk-url", "pager", "other"] {
            // What is closed to its owner too is not written over, but made anew.
            let _ = fs_err::remove_file(fixture.path(name));
            fs_err::write(fixture.path(name), "postgres://desk@127.0.0.1/desk").unwrap();
            let mode = std::fs::Permissions::from_mode(if name == "other" { 0o444 } else { of_both });
            fs_err::set_permissions(fixture.path(name), mode).unwrap();
        }
        let mut check = fixture.command(&["check", "--offline"]);
        check.env("CREDENTIALS_DIRECTORY", fixture.path("."));
        let checked = said(check.output().unwrap()).expect(0).json();
        checked["diagnostics"].as_array().unwrap().clone()
    };
    let directory = |mode| {
        fs_err::set_permissions(fixture.path("."), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    directory(0o755);
    for quiet in [0o600, 0o400, 0o440, 0o640] {
        assert_eq!(modes(quiet), Vec::<serde_json::Value>::new(), "{quiet:o}");
    }
    directory(0o750);
    assert_eq!(modes(0o644), Vec::<serde_json::Value>::new(), "nobody else comes to them");
    directory(0o755);
    let warnings = modes(0o644);
    assert_eq!(warnings.len(), 2, "each file once, and no credential: {warnings:?}");
    for (warning, (name, line)) in warnings.iter().zip([("desk-url", Some(14)), ("pager", None)]) {
        let path = fixture.path(name).display().to_string();
        assert_eq!((&warning["severity"], &warning["line"]), (&"warning".into(), &line.into()), "{warning}");
        let message = warning["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("may read {path}")) && message.contains("(mode 0644)"),
            "{message}"
        );
        assert!(warning["help"].as_str().unwrap().contains(&format!("chmod 600 {path}")), "{warning}");
    }
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
