//! Heads at a real HTTP server.

use super::server::Server;
use super::{DUE, configured};
use crate::fixture::{Fixture, Said, said};

fn published_to(url: &str) -> Fixture {
    configured(&format!("[audit]\npublish = {{ url = \"{url}\" }}"))
}

/// A command whose requests go to the loopback interface, whatever proxy stands in the environment.
fn run(fixture: &Fixture, words: &[&str], more: &[(&str, &str)]) -> Said {
    let mut command = fixture.command(words);
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1").envs(more.iter().copied());
    said(command.output().unwrap())
}

#[test]
fn heads_are_put_to_a_server_and_a_restored_state_is_refused_by_what_is_there() {
    let server = Server::plain();
    let url = server.url("http", "log");
    let fixture = published_to(&url);
    fixture_backup(&fixture, || {
        let first = run(&fixture, &["pause"], &[]).expect(0);
        assert!(first.err.contains("has no head yet"), "what cannot be compared is said: {}", first.err);
    });
    let before = server.head().unwrap();
    assert!(before.starts_with("forfall/"), "{before}");
    let quiet = run(&fixture, &["resume"], &[]).expect(0);
    assert!(!quiet.err.contains("compared"), "{}", quiet.err);
    let newest = server.head().unwrap();
    assert_ne!(newest, before);
    let asked = server.shelf.lock().unwrap().asked.clone();
    assert!(asked.iter().any(|one| one == "PUT /log text/plain; charset=utf-8"), "{asked:?}");
    let report = run(&fixture, &["audit", "verify"], &[]).expect(0).json();
    assert!(report["checked"].to_string().contains(&format!("the head published at {url}")), "{report}");

    restore(&fixture);
    let refused = run(&fixture, &["pause"], &[]).expect(11);
    assert!(refused.err.contains(&url) && refused.err.contains("audit recover"), "{}", refused.err);
    assert_eq!(server.head().unwrap(), newest, "a shorter log replaces nothing");
    let report = run(&fixture, &["audit", "verify"], &[]).expect(13).json();
    assert!(report["problems"].to_string().contains("does not lead to"), "{report}");
    run(&fixture, &["audit", "recover", "--yes"], &[]).expect(0);
    run(&fixture, &["pause"], &[]).expect(0);
    assert!(server.head().unwrap().lines().next().unwrap().ends_with("/2"), "{:?}", server.head());
    run(&fixture, &["audit", "verify"], &[]).expect(0);
}

/// Keeps a copy of the state as it is after `first`.
fn fixture_backup(fixture: &Fixture, first: impl Fn()) {
    first();
    fs_err::copy(fixture.path("state/state.db"), fixture.path("backup.db")).unwrap();
}

fn restore(fixture: &Fixture) {
    for end in ["-wal", "-shm"] {
        let _ = fs_err::remove_file(fixture.path(&format!("state/state.db{end}")));
    }
    fs_err::copy(fixture.path("backup.db"), fixture.path("state/state.db")).unwrap();
}

#[test]
fn a_server_that_refuses_or_is_away_is_told_and_asked_again() {
    let server = Server::plain();
    server.shelf.lock().unwrap().refuses = Some(507);
    let fixture = published_to(&server.url("http", "log?token=topsecret"));
    let told = run(&fixture, &["pause"], &[]).expect(0);
    assert!(told.err.contains("it answered 507") && !told.err.contains("topsecret"), "{}", told.err);
    server.shelf.lock().unwrap().refuses = None;
    // A command that adds nothing makes up for it.
    run(&fixture, &["audit", "vkey"], &[]).expect(0);
    assert!(server.head().is_some());
    drop(server);
    let told = run(&fixture, &["resume"], &[]).expect(0);
    assert!(
        told.err.contains("not compared with the audit log") && told.err.contains("cannot be read"),
        "{}",
        told.err
    );
    assert!(told.err.contains("was not published") && !told.err.contains("topsecret"), "{}", told.err);
    let report = run(&fixture, &["audit", "verify"], &[]).expect(0).json();
    assert!(report["not_checked"].to_string().contains("cannot be read"), "{report}");
    // Work goes on: heads elsewhere are evidence, not a condition.
    fixture.approve("calls", DUE);
    run(&fixture, &["run", "calls"], &[]).expect(0);
}

#[test]
fn a_server_must_show_a_certificate_that_the_machine_trusts() {
    let server = Server::with_tls();
    let fixture = published_to(&server.url("https", "log"));
    let told = run(&fixture, &["pause"], &[]).expect(0);
    assert!(told.err.contains("certificate"), "{}", told.err);
    assert!(server.head().is_none());
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/tls/authority.pem");
    run(&fixture, &["resume"], &[("SSL_CERT_FILE", authority)]).expect(0);
    assert!(server.head().is_some());
}

#[test]
fn an_address_that_is_none_is_refused_without_repeating_it() {
    for bad in ["ftp://kari:topsecret@heads.example.org/x", "topsecret.example.org", "https://a/b#topsecret"]
    {
        let told = run(&published_to(bad), &["check", "--offline"], &[]).expect(10);
        let said = format!("{}{}", told.out, told.err);
        assert!(said.contains("https://heads.example.org/forfall"), "{said}");
    }
}
