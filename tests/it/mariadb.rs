//! The program against a real MariaDB server, or MySQL where that is chosen: dry run, approval, run, kills between any two
//! steps, and what it says when something is wrong.

mod access;
mod bad_input;
mod counting;
mod lacking;

use std::os::unix::process::ExitStatusExt;

use forfall::adapter::contract::server;
use mysql_async::prelude::Queryable as _;
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

/// Runs one statement as the server's root; gives the first column of its rows as texts.
pub(crate) fn sql(database: &str, text: &str) -> Vec<String> {
    sql_on(server::mariadb(), database, text)
}

/// The same on another server.
fn sql_on(server: &server::Server, database: &str, text: &str) -> Vec<String> {
    let port = server.port;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("mysql://root@127.0.0.1:{port}/{database}?prefer_socket=false");
        let mut connection =
            mysql_async::Conn::new(mysql_async::Opts::from_url(&url).unwrap()).await.unwrap();
        let rows: Vec<mysql_async::Row> = connection.query(text).await.unwrap();
        connection.disconnect().await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(0).unwrap()).collect()
    })
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::on(server::mariadb())
    }

    fn on(server: &'static server::Server) -> Self {
        let database = server.new_name();
        sql_on(server, "mysql", &format!("CREATE DATABASE {database}"));
        let create =
            "CREATE TABLE visits (id BIGINT PRIMARY KEY, at TIMESTAMP NULL, who VARCHAR(7000), KEY (at))";
        sql_on(server, &database, create);
        let fill = format!(
            "INSERT INTO visits SELECT seq, NOW() - INTERVAL IF(seq <= {DUE}, 40, 3) DAY, CONCAT('visitor ', seq) \
             FROM {}",
            server::up_to(DUE + KEPT)
        );
        sql_on(server, &database, &fill);
        let dir = tempfile::tempdir().unwrap();
        let desk = Self { dir, database, server };
        fs_err::create_dir(desk.dir.path().join("policies")).unwrap();
        desk.write("policies/visits.toml", POLICY);
        desk.connect_as("root", "");
        desk
    }

    fn url(&self, user: &str) -> String {
        format!("mariadb://{user}@127.0.0.1:{}/{}", self.server.port, self.database)
    }

    /// Writes the configuration with the URL of a user in a file of its own.
    fn connect_as(&self, user: &str, more: &str) {
        self.write("url", &format!("{}\n", self.url(user)));
        // Other tests are at work on the same server.
        let config = "timezone = \"Europe/Oslo\"\nstate = \"sqlite:state/state.db\"\npolicies = \"policies\"\n\
                      [store.desk]\nadapter = \"mariadb\"\nurl = { file = \"url\" }\npace = \"full\"\n";
        self.write("forfall.toml", &format!("{config}{more}"));
    }

    /// Makes a user and gives it what is listed.
    fn user(&self, name: &str, grants: &[&str]) -> String {
        let user = format!("{name}_{}", self.database);
        sql(&self.database, &format!("CREATE USER {user}@localhost"));
        for grant in grants {
            sql(&self.database, &format!("GRANT {grant} TO {user}@localhost"));
        }
        user
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
        sql_on(self.server, &self.database, "SELECT COUNT(*) FROM visits").remove(0)
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

    /// What `check` says, whatever is wrong.
    #[track_caller]
    fn complains(&self, parts: &[&str]) {
        let checked = self.run(&["check"]).json();
        let errors =
            checked["diagnostics"].as_array().unwrap().iter().filter(|one| one["severity"] == "error");
        let said: Vec<String> = errors
            .map(|one| {
                format!(
                    "{} | {}",
                    one["message"].as_str().unwrap(),
                    one["help"].as_str().unwrap_or("NO HELP")
                )
            })
            .collect();
        let said = said.join("\n");
        for part in parts {
            assert!(said.contains(part), "{part:?} is missing in: {said}");
        }
        // What would go along says in its own sentence what to do.
        let helps = !said.contains("NO HELP") || said.contains("name another unique column with `key`");
        assert!(helps && !said.contains("sesame"), "{said}");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            sql_on(self.server, "mysql", &format!("DROP DATABASE {}", self.database));
        }
    }
}

#[test]
fn what_is_due_goes_and_is_proven() {
    let desk = Desk::new();
    let plan = desk.run(&["plan"]).expect(0).json();
    assert_eq!(plan["policies"][0]["stages"][0]["due"], DUE);
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
    let explained = desk.run(&["explain", "visits", "17"]).expect(0).json();
    assert!(explained.to_string().contains("batch"), "{explained}");
    let marks = sql(&desk.database, "SELECT COUNT(*) FROM forfall_batch WHERE LENGTH(batch) = 16");
    assert_eq!(marks, ["0"], "marks whose outcome is written are gone");
}

#[test]
fn fields_are_anonymized_once() {
    let desk = Desk::new();
    let stage = "[[stage]]\nafter = \"20 days\"\naction = \"anonymize\"\n\
                 fields.who = { method = \"hide\" }\n[[stage]]\nafter = \"90 days\"\naction = \"delete\"\n";
    let policy = POLICY.split("[[stage]]").next().unwrap();
    desk.write("policies/visits.toml", &format!("{policy}{stage}"));
    desk.approve();
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["stages"][0]["done"], DUE, "{run}");
    assert_eq!(
        sql(&desk.database, "SELECT COUNT(*) FROM visits WHERE who LIKE 'visitor %'"),
        [KEPT.to_string()]
    );
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["stages"][0]["done"], 0, "{run}");
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    desk.verified();
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

#[test]
fn what_is_wrong_with_a_server_is_told_with_what_to_do() {
    let desk = Desk::new();
    let port = server::mariadb().port;
    let database = &desk.database;
    desk.write("url", &desk.url("nobody:sesame"));
    desk.complains(&["Access denied", "Correct user and password"]);
    desk.write("url", &format!("mysql://root@127.0.0.1:{port}/nowhere"));
    desk.complains(&["Unknown database 'nowhere'", "Correct the database's name"]);
    desk.write("url", "sesame");
    desk.complains(&["is no URL of a MySQL or MariaDB server", "mysql://user:password@host"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    desk.write("url", &format!("mysql://root:sesame@127.0.0.1:{closed}/{database}"));
    desk.complains(&["refused", "See that the server runs"]);
    desk.connect_as("root", "tls = \"verify\"\n");
    desk.complains(&["UnknownIssuer", "tls = \"off\""]);
    fs_err::remove_file(desk.dir.path().join("url")).unwrap();
    desk.complains(&["url", "readable for the user"]);
}

#[test]
fn what_is_wrong_with_a_table_is_told_with_what_to_do() {
    let desk = Desk::new();
    let other = |collection: &str| {
        desk.write("policies/visits.toml", &POLICY.replace("\"visits\"", &format!("\"{collection}\"")));
    };
    sql(&desk.database, "CREATE VIEW seen AS SELECT * FROM visits");
    sql(&desk.database, "CREATE TABLE bare (id INT, at TIMESTAMP NULL)");
    sql(&desk.database, "CREATE TABLE old (id INT PRIMARY KEY, at TIMESTAMP NULL) ENGINE = MyISAM");
    sql(&desk.database, "CREATE TABLE wide (id BIGINT UNSIGNED PRIMARY KEY, at TIMESTAMP NULL)");
    sql(&desk.database, "INSERT INTO wide VALUES (18446744073709551615, NULL)");
    sql(&desk.database, "CREATE TABLE dated (id DATE PRIMARY KEY, at TIMESTAMP NULL)");
    other("seen");
    desk.complains(&["`seen` is no table but a view", "Name the table"]);
    other("bare");
    desk.complains(&["`bare` has no primary key", "`key`"]);
    other("old");
    desk.complains(&["MyISAM", "ENGINE = InnoDB"]);
    other("wide");
    desk.complains(&["beyond 9223372036854775807"]);
    other("dated");
    desk.complains(&["by which no record can be named exactly"]);
    other("visit");
    desk.complains(&["there is no table `visit`", "`visits`"]);
    desk.write("policies/visits.toml", &POLICY.replace("\"at\"", "\"seen_at\""));
    desk.complains(&["seen_at"]);
}

#[test]
fn a_table_that_changed_since_its_approval_is_left_alone() {
    let desk = Desk::new();
    desk.approve();
    sql(&desk.database, "ALTER TABLE visits MODIFY who VARCHAR(7001)");
    desk.run(&["run", "visits"]).expect(11);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    sql(&desk.database, "ALTER TABLE visits RENAME TO former");
    desk.run(&["run", "visits"]).expect(12);
    assert_eq!(sql(&desk.database, "SELECT COUNT(*) FROM former"), [(DUE + KEPT).to_string()]);
}

#[test]
fn a_user_that_may_not_delete_is_told_before_anything_is_tried() {
    let desk = Desk::new();
    desk.approve();
    let (all, marks) =
        (format!("SELECT, REFERENCES ON {}.*", desk.database), format!("{}.forfall_batch", desk.database));
    let reader = desk.user("reader", &[&all, &format!("INSERT, UPDATE, DELETE ON {marks}")]);
    desk.connect_as(&reader, "");
    let run = desk.run(&["run", "visits"]).expect(12).json();
    assert!(run.to_string().contains("store grants"), "{run}");
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    desk.verified();
    sql(&desk.database, &format!("DROP USER {reader}@localhost"));
}

/// The planner's user only reads; what it connects with is never used to dispose, and the other way round.
#[test]
fn a_plan_needs_the_planner_user_alone() {
    let desk = Desk::new();
    let planner = desk.user("planner", &[&format!("SELECT ON {}.*", desk.database)]);
    desk.connect_as("root", &format!("planner-url = \"{}\"\n", desk.url(&planner)));
    fs_err::remove_file(desk.dir.path().join("url")).unwrap();
    let plan = desk.run(&["plan"]).expect(0).json();
    assert_eq!(plan["policies"][0]["stages"][0]["due"], DUE);
    sql(&desk.database, &format!("DROP USER {planner}@localhost"));
}
