//! What goes wrong between the approval and the end of a run: each time it is said what to do, nothing is half
//! recorded, and the next run goes on.

use std::process::{Command, Stdio};

use forfall::adapter::contract::server;
use mysql_async::prelude::Queryable as _;

use super::{DUE, Desk, KEPT, POLICY, sql, sql_on};
use crate::fixture::said;

/// A run that has to be incomplete and to say this; nothing is gone, and the log verifies.
#[track_caller]
fn stopped(desk: &Desk, code: i32, parts: &[&str]) {
    let outcomes = || desk.run(&["audit", "list", "--kind", "outcome"]).expect(0).json()["entries"].clone();
    let before = outcomes();
    let run = desk.run(&["run", "visits"]).expect(code);
    let said = format!("{}{}", run.out, run.err);
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
    assert!(!said.contains("\"complete\""), "{said}");
    assert_eq!(before, outcomes(), "something was recorded as done");
    desk.verified();
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
}

/// How many records the outcomes of all batches say are done.
fn done(desk: &Desk) -> u64 {
    let entries = desk.run(&["audit", "list", "--kind", "outcome"]).expect(0).json()["entries"].clone();
    entries.as_array().unwrap().iter().map(|entry| entry["count"].as_u64().unwrap()).sum()
}

#[test]
fn a_view_in_the_place_of_the_table_is_left_alone() {
    let desk = Desk::new();
    desk.approve();
    sql(&desk.database, "ALTER TABLE visits RENAME TO former");
    sql(&desk.database, "CREATE VIEW visits AS SELECT * FROM former");
    stopped(&desk, 12, &["`visits` is no table but a view", "Name the table that holds the records"]);
}

#[test]
fn a_table_that_lost_its_key_is_left_alone() {
    let desk = Desk::new();
    desk.approve();
    sql(&desk.database, "ALTER TABLE visits DROP PRIMARY KEY");
    stopped(&desk, 12, &["`visits` has no primary key", "`key`"]);
}

/// Its certificate is of an issuer whom nobody here knows.
#[test]
fn a_server_that_cannot_be_trusted_is_not_spoken_to() {
    let desk = Desk::new();
    desk.approve();
    desk.connect_as("root", "tls = \"verify\"\n");
    stopped(&desk, 12, &["UnknownIssuer", "name its issuer with `ca`"]);
    desk.connect_as("root", &format!("ca = \"{}\"\n", desk.server.issuer().display()));
    desk.run(&["run", "visits"]).expect(0);
    assert_eq!(desk.visits(), KEPT.to_string());
}

/// On a server of its own, because it is killed in the middle of a batch, and comes back.
#[test]
fn a_server_that_is_killed_in_a_batch_loses_nothing() {
    let server: &server::Server = Box::leak(Box::new(server::another_mariadb()));
    let desk = Desk::on(server);
    desk.approve();
    // The batch with this record waits for it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("mysql://root@127.0.0.1:{}/{}?prefer_socket=false", server.port, desk.database);
    let options = mysql_async::Opts::from_url(&url).unwrap();
    let connect = || runtime.block_on(mysql_async::Conn::new(options.clone()));
    let mut other = connect().unwrap();
    runtime.block_on(other.query_drop("START TRANSACTION")).unwrap();
    let hold = format!("UPDATE visits SET who = 'held' WHERE id = {DUE}");
    runtime.block_on(other.query_drop(hold)).unwrap();
    let mut command = desk.command(&["run", "visits"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waiting = "SHOW GLOBAL STATUS WHERE Variable_name = 'Innodb_row_lock_current_waits' AND Value > 0";
    while sql_on(server, "mysql", waiting).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it does not wait for the row");
    }
    let pid = fs_err::read_to_string(server.directory.join("pid")).unwrap();
    assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    let run = said(child.wait_with_output().unwrap()).expect(12);
    assert!(run.out.contains("incomplete") && !run.err.contains("panicked"), "{}{}", run.out, run.err);
    drop(other);
    while connect().is_err() {
        std::thread::yield_now();
    }
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    let verified = desk.verified();
    assert_eq!(verified["intents"], verified["outcomes"]);
    assert_eq!(done(&desk), DUE as u64, "each record is done in exactly one batch");
    assert_eq!(desk.visits(), KEPT.to_string());
}

/// A limit on the size of the server's files does what a full disk does, for everybody: it cannot make its table larger.
#[test]
fn a_server_without_room_says_so_and_goes_on_when_it_has_some() {
    let server: &server::Server = Box::leak(Box::new(server::another_mariadb()));
    let desk = Desk::on(server);
    // Each value becomes so long that it has a page of its own.
    let long = "å".repeat(6_000);
    let stages = format!(
        "[[stage]]\nafter = \"20 days\"\naction = \"anonymize\"\n\
         fields.who = {{ method = \"fixed\", value = \"{long}\" }}\n\
         [[stage]]\nafter = \"90 days\"\naction = \"delete\"\n"
    );
    let head = POLICY.split("[[stage]]").next().unwrap();
    desk.write("policies/visits.toml", &format!("{head}{stages}"));
    desk.approve();
    let pid = fs_err::read_to_string(server.directory.join("pid")).unwrap();
    let pid = pid.trim();
    let limit = |size: &str| server.limit_files(pid, size);
    // As much as its own files have already: MySQL keeps its catalogue in a large one, and would not survive it.
    let own: u64 = if server.is_mariadb() { 18 << 20 } else { 34 << 20 };
    limit(&own.to_string());
    let run = desk.run(&["run", "visits"]).expect(12);
    assert!(run.out.contains("is full") && run.out.contains("Make room on the server"), "{}", run.out);
    assert!(run.out.contains("incomplete") && !run.err.contains("panicked"), "{}", run.err);
    let changed = |desk: &Desk| {
        let found = sql_on(server, &desk.database, "SELECT COUNT(*) FROM visits WHERE who LIKE 'ååå%'");
        found[0].parse::<u64>().unwrap()
    };
    desk.verified();
    let before = changed(&desk);
    assert!(before < DUE as u64);
    assert_eq!(done(&desk), before, "what was not written is not recorded as done");
    limit("unlimited");
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    assert_eq!((done(&desk), changed(&desk)), (DUE as u64, DUE as u64));
    desk.verified();
}
