//! What goes wrong between the approval and the end of a run: each time it is said what to do, nothing is half
//! recorded, and the next run goes on.

use std::process::{Command, Stdio};

use forfall::adapter::contract::server;

use super::{DUE, Desk, KEPT, POLICY, sql, sql_on};
use crate::fixture::said;

/// A run that has to be incomplete and to say this; nothing is gone, and the log verifies.
#[track_caller]
fn stopped(desk: &Desk, code: i32, parts: &[&str]) {
    let before = desk.run(&["audit", "list", "--kind", "outcome"]).expect(0).json()["entries"].clone();
    let run = desk.run(&["run", "visits"]).expect(code);
    let said = format!("{}{}", run.out, run.err);
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
    assert!(!said.contains("\"complete\""), "{said}");
    let after = desk.run(&["audit", "list", "--kind", "outcome"]).expect(0).json()["entries"].clone();
    assert_eq!(before, after, "something was recorded as done");
    desk.verified();
}

#[test]
fn a_view_in_the_place_of_the_table_is_left_alone() {
    let desk = Desk::new();
    desk.approve();
    sql(&desk.database, "ALTER TABLE visits RENAME TO former; CREATE VIEW visits AS SELECT * FROM former");
    stopped(&desk, 12, &["`visits` is a view", "Name the table behind it"]);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
}

#[test]
fn another_table_under_the_same_name_is_left_alone() {
    let desk = Desk::new();
    desk.approve();
    sql(
        &desk.database,
        "ALTER TABLE visits RENAME TO former; CREATE TABLE visits (LIKE former INCLUDING ALL); \
         INSERT INTO visits SELECT * FROM former",
    );
    stopped(&desk, 11, &["approve"]);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
}

#[test]
fn a_table_that_lost_its_key_is_left_alone() {
    let desk = Desk::new();
    desk.approve();
    sql(&desk.database, "ALTER TABLE visits DROP CONSTRAINT visits_pkey");
    stopped(&desk, 12, &["`visits` has no primary key", "key"]);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
}

#[test]
fn a_start_that_changed_its_type_is_left_alone() {
    let desk = Desk::new();
    desk.approve();
    sql(&desk.database, "ALTER TABLE visits ALTER COLUMN at TYPE text");
    stopped(&desk, 11, &["visits"]);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
}

#[test]
fn a_database_that_is_set_to_reading_is_only_read() {
    let desk = Desk::new();
    desk.approve();
    let database = desk.database.clone();
    sql(&database, &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    stopped(&desk, 12, &["default_transaction_read_only", "a role or database that may write"]);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    // From another database: in this one everything only reads.
    sql("postgres", &format!("ALTER DATABASE {database} RESET ALL"));
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["stages"][0]["done"], DUE, "{run}");
}

/// One of two tables may not be touched: nothing goes from the other either.
#[test]
fn a_privilege_that_one_statement_lacks_keeps_every_record() {
    let desk = Desk::new();
    let role = format!("{}_half", desk.database);
    sql(
        &desk.database,
        &format!(
            "CREATE TABLE notes (id bigint PRIMARY KEY, visit bigint); CREATE INDEX ON notes (visit); \
             INSERT INTO notes SELECT n, n FROM generate_series(1, 100) n; \
             CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public TO {role}; \
             GRANT SELECT, DELETE, UPDATE ON visits TO {role}; GRANT SELECT ON notes TO {role}"
        ),
    );
    let with = "[[data.with]]\ncollection = \"notes\"\nby = \"visit\"\n\n[[stage]]";
    desk.write("policies/visits.toml", &POLICY.replace("[[stage]]", with));
    desk.approve();
    desk.connect_as(&role, "");
    stopped(&desk, 12, &["may not DELETE in table `notes`", "store grants"]);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    assert_eq!(sql(&desk.database, "SELECT count(*) FROM notes"), ["100"]);
    sql(&desk.database, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// On a server of its own, because it crashes: the whole server comes down in the middle of a batch, and comes back.
/// Then a replica of it is in the URL.
#[test]
fn a_server_that_crashes_in_a_batch_or_only_reads_loses_nothing() {
    let server = server::durable_postgres();
    let desk = Desk::on(server, &super::table());
    desk.approve();
    // The batch with this record waits for it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", server.port, desk.database);
    let (client, connection) =
        runtime.block_on(tokio_postgres::connect(&url, tokio_postgres::NoTls)).unwrap();
    runtime.spawn(connection);
    let hold = format!("BEGIN; UPDATE visits SET who = who WHERE id = {DUE}");
    runtime.block_on(client.batch_execute(&hold)).unwrap();
    let mut command = desk.command(&["run", "visits"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waiting =
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let pid = loop {
        if let Some(pid) = sql_on(server, &desk.database, waiting).pop() {
            break pid;
        }
        assert!(child.try_wait().unwrap().is_none(), "it does not wait for the row");
    };
    // One of its processes is killed, so the server ends all of them and starts again from its log.
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let run = said(child.wait_with_output().unwrap()).expect(12);
    assert!(run.out.contains("incomplete"), "{}", run.out);
    assert!(!run.out.contains("\"complete\"") && !run.err.contains("panicked"), "{}{}", run.out, run.err);
    drop(client);
    let back = |url: &str| runtime.block_on(tokio_postgres::connect(url, tokio_postgres::NoTls)).is_ok();
    while !back(&url) {
        std::thread::yield_now();
    }
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    let verified = desk.verified();
    assert_eq!(verified["intents"], verified["outcomes"]);
    let entries = desk.run(&["audit", "list", "--kind", "outcome"]).expect(0).json();
    let done = entries["entries"].as_array().unwrap().iter().map(|entry| entry["count"].as_u64().unwrap());
    assert_eq!(done.sum::<u64>(), DUE as u64, "each record is done in exactly one batch");
    assert_eq!(desk.visits(), KEPT.to_string());

    let more =
        format!("INSERT INTO visits SELECT n, now() - interval '40 days' FROM generate_series(1, {KEPT}) n");
    sql_on(server, &desk.database, &more);
    let replica = server::delayed_replica(server);
    desk.write("url", &format!("postgres://postgres@127.0.0.1:{}/{}", replica.port, desk.database));
    stopped(&desk, 12, &["this server is a replica and only reads", "Name the primary in the URL"]);
    assert_eq!(desk.visits(), (2 * KEPT).to_string());
}

/// It offers no protection, and without one nothing is said to it.
#[test]
fn a_server_without_tls_is_not_spoken_to() {
    let desk = Desk::new();
    desk.approve();
    desk.connect_as("postgres", "tls = \"verify\"\n");
    stopped(&desk, 12, &["TLS", "name its issuer with `ca`"]);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
}

/// A limit on the size of the server's files does what a full disk does, for everybody: it cannot make its table larger.
#[test]
fn a_server_without_room_says_so_and_goes_on_when_it_has_some() {
    let server: &server::Server = Box::leak(Box::new(server::another_postgres()));
    let desk =
        Desk::on(server, &format!("{}; ALTER TABLE visits ALTER who SET STORAGE PLAIN", super::table()));
    // Each value becomes so long that one of them fills a page.
    let long = "a".repeat(6_000);
    let stages = format!(
        "[[stage]]\nafter = \"20 days\"\naction = \"anonymize\"\n\
         fields.who = {{ method = \"fixed\", value = \"{long}\" }}\n\
         [[stage]]\nafter = \"90 days\"\naction = \"delete\"\n"
    );
    let head = POLICY.split("[[stage]]").next().unwrap();
    desk.write("policies/visits.toml", &format!("{head}{stages}"));
    desk.approve();
    let pid = fs_err::read_to_string(server.directory.join("data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap();
    // For whatever it begins from now on, such as the connection of a run.
    let limit = |size: &str| server.limit_files(pid, size);
    // One of its logs has 16 MiB.
    limit(&(17_u64 << 20).to_string());
    let run = desk.run(&["run", "visits"]).expect(12);
    assert!(
        run.out.contains("could not extend file") && run.out.contains("Make room on the server"),
        "{}",
        run.out
    );
    assert!(run.out.contains("incomplete") && !run.err.contains("panicked"), "{}", run.err);
    let done = || -> u64 {
        let entries = desk.run(&["audit", "list", "--kind", "outcome"]).expect(0).json()["entries"].clone();
        entries.as_array().unwrap().iter().map(|entry| entry["count"].as_u64().unwrap()).sum()
    };
    let changed = || {
        let found = sql_on(server, &desk.database, "SELECT count(*) FROM visits WHERE who LIKE 'aaa%'");
        found[0].parse::<u64>().unwrap()
    };
    desk.verified();
    assert!(changed() < DUE as u64);
    assert_eq!(done(), changed(), "what was not written is not recorded as done");
    limit("unlimited");
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    assert_eq!((done(), changed()), (DUE as u64, DUE as u64));
    desk.verified();
}
