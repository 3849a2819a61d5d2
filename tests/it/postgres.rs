//! The program against a real PostgreSQL server: dry run, approval, run, kills between any two steps, and what it says
//! when something is wrong.

mod access;
mod bad_input;
mod counting;
mod lacking;
mod orphans;
mod partitions;

use std::os::unix::process::ExitStatusExt;

use forfall::adapter::contract::server;
use serde_json::Value;

use crate::fixture::{Said, said};

const POLICY: &str = r#"
title = "Visits"
owner = "reception"

[[data]]
store       = "desk"
collection  = "visits"
start.field = "at"

[[stage]]
after  = "30 days"
action = "delete"
"#;

/// Enough for two batches.
const DUE: usize = 2_600;
const KEPT: usize = 40;

/// An installation beside a database of its own.
pub(crate) struct Desk {
    dir: tempfile::TempDir,
    pub(crate) database: String,
    server: &'static server::Server,
}

/// What makes the table with its records.
fn table() -> String {
    format!(
        "CREATE TABLE visits (id bigint PRIMARY KEY, at timestamptz, who text); \
         INSERT INTO visits SELECT n, now() - CASE WHEN n <= {DUE} THEN interval '40 days' \
           ELSE interval '3 days' END, 'visitor ' || n FROM generate_series(1, {}) n; \
         CREATE INDEX ON visits (at); ANALYZE visits",
        DUE + KEPT
    )
}

/// Runs statements as the server's superuser; gives the first column of the last one's rows as texts.
pub(crate) fn sql(database: &str, text: &str) -> Vec<String> {
    sql_on(server::postgres(), database, text)
}

/// The same on another server.
fn sql_on(server: &server::Server, database: &str, text: &str) -> Vec<String> {
    let port = server.port;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("postgres://postgres@127.0.0.1:{port}/{database}");
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        let said = client.simple_query(text).await.unwrap();
        said.iter()
            .filter_map(|one| match one {
                tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
                _ => None,
            })
            .collect()
    })
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(&table())
    }

    /// With a database in which these statements made the table.
    fn with(tables: &str) -> Self {
        Self::on(server::postgres(), tables)
    }

    fn on(server: &'static server::Server, tables: &str) -> Self {
        let database = server.new_name();
        sql_on(server, "postgres", &format!("CREATE DATABASE {database}"));
        sql_on(server, &database, tables);
        let dir = tempfile::tempdir().unwrap();
        let desk = Self { dir, database, server };
        fs_err::create_dir(desk.dir.path().join("policies")).unwrap();
        desk.write("policies/visits.toml", POLICY);
        desk.connect_as("postgres", "");
        desk
    }

    /// Writes the configuration with the URL of a role in a file of its own.
    fn connect_as(&self, role: &str, more: &str) {
        let port = self.server.port;
        self.write("url", &format!("postgres://{role}@127.0.0.1:{port}/{}\n", self.database));
        let config = "timezone = \"Europe/Oslo\"\nstate = \"sqlite:state/state.db\"\npolicies = \"policies\"\n\
                      [store.desk]\nadapter = \"postgres\"\nurl = { file = \"url\" }\n";
        self.write("forfall.toml", &format!("{config}{more}"));
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs_err::write(self.dir.path().join(name), text).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_forfall"));
        command
            .arg("--config")
            .arg(self.dir.path().join("forfall.toml"))
            .args(["--format", "json"])
            .args(words);
        command.env_remove("FORFALL_CONFIG").env_remove("RUST_LOG").env("NO_COLOR", "1");
        command.stdin(std::process::Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        said(self.command(words).output().unwrap())
    }

    fn approve(&self) {
        self.run(&["approve", "visits", "--count", &DUE.to_string()]).expect(0);
    }

    fn visits(&self) -> String {
        sql_on(self.server, &self.database, "SELECT count(*) FROM visits").remove(0)
    }

    fn verified(&self) -> Value {
        let verified = self.run(&["audit", "verify"]).expect(0).json();
        assert_eq!(
            (verified["ok"].as_bool(), verified["open"].as_u64()),
            (Some(true), Some(0)),
            "{verified}"
        );
        verified
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let drop = format!("DROP DATABASE {} WITH (FORCE)", self.database);
            sql_on(self.server, "postgres", &drop);
        }
    }
}

#[test]
fn what_is_due_goes_and_is_proven() {
    let desk = Desk::new();
    let plan = desk.run(&["plan"]).expect(0).json();
    assert_eq!(plan["policies"][0]["stages"][0]["due"], DUE);
    assert_eq!(plan["policies"][0]["stages"][0]["route"], "page by page");
    desk.run(&["run", "visits"]).expect(11);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string(), "nothing goes without an approval");
    desk.approve();
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    assert_eq!(run["runs"][0]["stages"][0]["done"], DUE);
    assert_eq!(desk.visits(), KEPT.to_string());
    desk.verified();
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["stages"][0]["done"], 0);
    let certificate = desk.run(&["explain", "visits", "17"]).expect(0).json();
    assert!(certificate.to_string().contains("batch"), "{certificate}");
}

#[test]
fn a_run_survives_a_kill_between_any_two_steps() {
    for place in ["prepared", "manifest", "intent", "committed", "outcome", "intent:2", "committed:2"] {
        let desk = Desk::new();
        desk.approve();
        let output = desk.command(&["run", "visits"]).env("FORFALL_CRASH_AT", place).output().unwrap();
        assert_eq!(
            output.status.signal(),
            Some(9),
            "at {place}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let run = desk.run(&["run", "visits"]).expect(0).json();
        assert_eq!(run["runs"][0]["state"], "complete", "at {place}: {run}");
        let verified = desk.verified();
        assert_eq!(verified["intents"], verified["outcomes"], "at {place}");
        let entries = desk.run(&["audit", "list", "--kind", "outcome"]).expect(0).json();
        let done: u64 =
            entries["entries"].as_array().unwrap().iter().map(|entry| entry["count"].as_u64().unwrap()).sum();
        assert_eq!(done, DUE as u64, "at {place}: each record is done in exactly one batch");
        assert_eq!(desk.visits(), KEPT.to_string(), "at {place}");
    }
}

/// What `check` says, whatever is wrong.
fn complaint(desk: &Desk) -> String {
    let checked = desk.run(&["check"]);
    let diagnostics = checked.json()["diagnostics"].clone();
    let found = diagnostics.as_array().unwrap().iter();
    let errors: Vec<String> = found
        .filter(|one| one["severity"] == "error")
        .map(|one| {
            format!("{} | {}", one["message"].as_str().unwrap(), one["help"].as_str().unwrap_or("NO HELP"))
        })
        .collect();
    errors.join("\n")
}

#[track_caller]
fn complains(desk: &Desk, parts: &[&str]) {
    let said = complaint(desk);
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
    assert!(!said.contains("NO HELP") && !said.contains("sesame"), "{said}");
}

#[test]
fn what_is_wrong_with_a_server_is_told_with_what_to_do() {
    let desk = Desk::new();
    let port = server::postgres().port;
    let database = &desk.database;
    sql(database, "CREATE ROLE locked LOGIN PASSWORD 'open'");
    desk.write("url", &format!("postgres://locked:sesame@127.0.0.1:{port}/{database}"));
    complains(&desk, &["password authentication failed", "Correct user and password"]);
    sql(database, "DROP ROLE locked");
    desk.write("url", &format!("postgres://postgres@127.0.0.1:{port}/nowhere"));
    complains(&desk, &["\"nowhere\" does not exist", "Correct the database's name"]);
    desk.write("url", "sesame");
    complains(&desk, &["is no PostgreSQL URL", "postgres://user:password@host"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    desk.write("url", &format!("postgres://postgres:sesame@127.0.0.1:{closed}/{database}"));
    complains(&desk, &["refused", "See that the server runs"]);
    desk.connect_as("postgres", "tls = \"verify\"\n");
    complains(&desk, &["TLS", "tls = \"off\""]);
    fs_err::remove_file(desk.dir.path().join("url")).unwrap();
    complains(&desk, &["url", "readable for the user"]);
}

#[test]
fn what_is_wrong_with_a_table_is_told_with_what_to_do() {
    let desk = Desk::new();
    let other = |collection: &str| {
        desk.write("policies/visits.toml", &POLICY.replace("\"visits\"", &format!("\"{collection}\"")));
    };
    sql(
        &desk.database,
        "CREATE VIEW seen AS SELECT * FROM visits; CREATE TABLE bare (id int, at timestamptz)",
    );
    other("seen");
    complains(&desk, &["`seen` is a view", "Name the table behind it"]);
    other("bare");
    complains(&desk, &["`bare` has no primary key", "`key`"]);
    other("visit");
    complains(&desk, &["there is no table `visit`", "`visits`"]);
    desk.write("policies/visits.toml", &POLICY.replace("\"at\"", "\"seen_at\""));
    complains(&desk, &["seen_at"]);
    desk.write("policies/visits.toml", POLICY);
    sql(&desk.database, "CREATE ROLE desk_guest LOGIN; GRANT USAGE ON SCHEMA public TO desk_guest");
    desk.connect_as("desk_guest", "");
    complains(&desk, &["may not read table `visits`", "store grants"]);
    sql(&desk.database, "DROP OWNED BY desk_guest; DROP ROLE desk_guest");
}

#[test]
fn a_table_that_changed_since_its_approval_is_left_alone() {
    let desk = Desk::new();
    desk.approve();
    sql(&desk.database, "ALTER TABLE visits ALTER COLUMN who TYPE varchar(200)");
    desk.run(&["run", "visits"]).expect(11);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    sql(&desk.database, "ALTER TABLE visits RENAME TO former");
    desk.run(&["run", "visits"]).expect(12);
    assert_eq!(sql(&desk.database, "SELECT count(*) FROM former"), [(DUE + KEPT).to_string()]);
}

#[test]
fn a_role_that_may_not_delete_is_told_before_anything_is_tried() {
    let desk = Desk::new();
    desk.approve();
    sql(
        &desk.database,
        "CREATE ROLE desk_reader LOGIN; GRANT USAGE ON SCHEMA public TO desk_reader; \
         GRANT SELECT ON visits TO desk_reader",
    );
    desk.connect_as("desk_reader", "");
    let run = desk.run(&["run", "visits"]).expect(12).json();
    assert!(run.to_string().contains("may not DELETE in table `visits`"), "{run}");
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    desk.verified();
    sql(&desk.database, "DROP OWNED BY desk_reader; DROP ROLE desk_reader");
}

/// The planner's role only reads; what it connects with is never used to dispose, and the other way round.
#[test]
fn a_plan_needs_the_planner_role_alone() {
    let desk = Desk::new();
    sql(
        &desk.database,
        "CREATE ROLE desk_planner LOGIN; GRANT USAGE ON SCHEMA public TO desk_planner; \
         GRANT SELECT ON visits TO desk_planner",
    );
    let port = server::postgres().port;
    let planner = format!("planner-url = \"postgres://desk_planner@127.0.0.1:{port}/{}\"\n", desk.database);
    desk.connect_as("postgres", &planner);
    fs_err::remove_file(desk.dir.path().join("url")).unwrap();
    let plan = desk.run(&["plan"]).expect(0).json();
    assert_eq!(plan["policies"][0]["stages"][0]["due"], DUE);
    sql(&desk.database, "DROP OWNED BY desk_planner; DROP ROLE desk_planner");
}

/// What the statements give is enough for each role, and the planner's is not enough to dispose of anything.
#[test]
fn the_printed_grants_are_what_the_roles_need() {
    let desk = Desk::new();
    sql(
        &desk.database,
        "CREATE TABLE cases (id bigint PRIMARY KEY, state text); INSERT INTO cases VALUES (1, 'closed'); \
         ALTER TABLE visits ADD COLUMN case_id bigint; UPDATE visits SET case_id = 1; \
         CREATE TABLE notes (id bigint PRIMARY KEY, visit bigint REFERENCES visits); \
         INSERT INTO notes SELECT n, n FROM generate_series(1, 100) n; CREATE INDEX ON notes (visit)",
    );
    let policy = POLICY.replace(
        "[[stage]]",
        "where = \"kase.state == 'closed'\"\n[[data.link]]\nname = \"kase\"\ncollection = \"cases\"\n\
         by = \"case_id\"\n[[data.with]]\ncollection = \"notes\"\nby = \"visit\"\n[[stage]]",
    );
    desk.write("policies/visits.toml", &policy);
    let granted = desk.run(&["store", "grants", "desk"]).expect(0).json();
    let statements: Vec<&str> =
        granted["statements"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let (planner, executor) = (format!("{}_planner", desk.database), format!("{}_executor", desk.database));
    let all =
        statements.join("\n").replace("forfall_planner", &planner).replace("forfall_executor", &executor);
    sql(&desk.database, &all);
    let port = server::postgres().port;
    let url = format!("planner-url = \"postgres://{planner}@127.0.0.1:{port}/{}\"\n", desk.database);
    desk.connect_as(&executor, &url);
    let checked = desk.run(&["check"]).expect(0).json().to_string();
    assert!(!checked.contains("superuser") && !checked.contains("could drop it"), "{checked}");
    desk.approve();
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    assert_eq!(desk.visits(), KEPT.to_string());
    assert_eq!(sql(&desk.database, "SELECT count(*) FROM notes"), ["0"]);
    let writes = format!(
        "SELECT count(*) FROM information_schema.role_table_grants \
         WHERE grantee = '{planner}' AND privilege_type <> 'SELECT'"
    );
    assert_eq!(sql(&desk.database, &writes), ["0"]);
    sql(
        &desk.database,
        &format!("DROP OWNED BY {planner}, {executor}; DROP ROLE {planner}; DROP ROLE {executor}"),
    );
}
