//! Roles that may do little: what is printed for them, what is listed of what they may not read, and what `check` says of
//! the role that disposes.

use super::{DUE, Desk, KEPT, POLICY, server, sql};
use crate::fixture::{minding_modes, said};
use crate::roles::{ASKING, told};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

pub(super) const NOTES: &str = "CREATE TABLE notes (id bigint PRIMARY KEY, visit bigint REFERENCES visits); \
     INSERT INTO notes SELECT n, n FROM generate_series(1, 100) n; CREATE INDEX ON notes (visit)";

/// Both roles under names of their own, because roles belong to the whole server.
pub(super) struct Roles {
    planner: String,
    pub(super) executor: String,
}

impl Roles {
    pub(super) fn of(desk: &Desk) -> Self {
        Self {
            planner: format!("{}_planner", desk.database),
            executor: format!("{}_executor", desk.database),
        }
    }

    /// The statements as these roles have them.
    pub(super) fn script(&self, granted: &Value) -> String {
        let lines = granted["statements"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        lines
            .collect::<Vec<_>>()
            .join("\n")
            .replace("forfall_planner", &self.planner)
            .replace("forfall_executor", &self.executor)
    }

    pub(super) fn connect(&self, desk: &Desk) {
        let port = server::postgres().port;
        let url =
            format!("planner-url = \"postgres://{}@127.0.0.1:{port}/{}\"\n", self.planner, desk.database);
        desk.connect_as(&self.executor, &url);
    }

    pub(super) fn drop(self, desk: &Desk) {
        let Self { planner, executor } = self;
        sql(
            &desk.database,
            &format!("DROP OWNED BY {planner}, {executor}; DROP ROLE {planner}; DROP ROLE {executor}"),
        );
    }
}

#[test]
fn the_printed_grants_suffice_for_what_a_person_decides_and_can_be_run_again() {
    let desk = Desk::new();
    sql(&desk.database, NOTES);
    desk.write("policies/visits.toml", ASKING);
    let roles = Roles::of(&desk);
    let script = roles.script(&desk.run(&["store", "grants", "desk"]).expect(0).json());
    sql(&desk.database, &script);
    sql(&desk.database, &script);
    roles.connect(&desk);
    desk.run(&["check"]).expect(0);
    desk.run(&["approve", "visits", "--count", "0"]).expect(0);
    desk.run(&["run", "visits"]).expect(0);
    let cases = desk.run(&["review", "list"]).expect(0).json();
    let case = cases["reviews"][0]["case"].as_str().unwrap();
    desk.run(&["review", "decide", case, "delete", "--reason", "case-17"]).expect(0);
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    assert_eq!(desk.visits(), KEPT.to_string());
    assert_eq!(sql(&desk.database, "SELECT count(*) FROM notes"), ["0"]);
    desk.verified();
    roles.drop(&desk);
}

/// They are printed where they are needed: for a role that may read nothing yet.
#[test]
fn grants_are_printed_for_tables_that_may_not_be_read_yet() {
    let desk = Desk::new();
    sql(&desk.database, NOTES);
    desk.write("policies/visits.toml", ASKING);
    let whole = desk.run(&["store", "grants", "desk"]).expect(0).json();
    let role = format!("{}_new", desk.database);
    sql(&desk.database, &format!("CREATE ROLE {role} LOGIN"));
    desk.connect_as(&role, "");
    assert_eq!(desk.run(&["store", "grants", "desk"]).expect(0).json(), whole);
    let statements = whole["statements"].to_string();
    for part in [
        "GRANT SELECT, DELETE, UPDATE (\\\"id\\\") ON \\\"public\\\".\\\"visits\\\"",
        "GRANT SELECT, DELETE ON \\\"public\\\".\\\"notes\\\"",
    ] {
        assert!(statements.contains(part), "{part} is missing in {statements}");
    }
    // What is not there keeps nothing else from being printed.
    desk.write("policies/kase.toml", &POLICY.replace("\"visits\"", "\"kase\""));
    let said = desk.run(&["store", "grants", "desk"]).expect(12);
    assert!(said.err.contains("there is no table `kase`"), "{}", said.err);
    let granted = said.json();
    assert_eq!(granted["statements"], whole["statements"]);
    assert_eq!(granted["unknown"].as_array().unwrap().len(), 1);
    sql(&desk.database, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// A role that lacks a privilege is told from a server that is down.
#[test]
fn status_says_that_the_store_answers_a_role_that_may_not_read() {
    let desk = Desk::new();
    let role = format!("{}_blind", desk.database);
    sql(&desk.database, &format!("CREATE ROLE {role} LOGIN"));
    desk.connect_as(&role, "");
    for command in ["status", "plan"] {
        let policy = desk.run(&[command]).expect(0).json()["policies"][0].clone();
        assert_eq!(policy["state"], "incomplete", "{policy}");
    }
    let status = desk.run(&["status"]).expect(0).json();
    let reason = status["policies"][0]["reason"].as_str().unwrap();
    for part in [
        "the store answers, but cannot be used as it is",
        "may not read table `visits`",
        "forfall store grants",
    ] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    sql(&desk.database, &format!("DROP ROLE {role}"));
}

#[test]
fn what_no_record_can_go_from_or_nobody_may_read_is_listed() {
    let desk = Desk::new();
    let role = format!("{}_looks", desk.database);
    sql(
        &desk.database,
        &format!(
            "CREATE TABLE nopk (person text, d date); INSERT INTO nopk VALUES ('a', '2020-01-01'); \
             CREATE TABLE onlyunique (code text UNIQUE, d date); CREATE TABLE secret (id int PRIMARY KEY, who text); \
             CREATE SCHEMA hidden; CREATE TABLE hidden.deep (id int PRIMARY KEY); \
             CREATE TABLE rows_hidden (id int PRIMARY KEY, d date); ALTER TABLE rows_hidden ENABLE ROW LEVEL SECURITY; \
             CREATE TABLE forfall_cell (cell bytea); \
             CREATE ROLE {role} LOGIN; GRANT SELECT ON visits, nopk, onlyunique, rows_hidden TO {role}"
        ),
    );
    desk.connect_as(&role, "");
    let report = desk.run(&["coverage"]).expect(12).json();
    let parts: Vec<(&str, &str, bool)> = report["stores"][0]["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            (text("collection"), text("state"), one["readable"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(
        parts,
        [
            ("hidden.deep", "gap", false),
            ("nopk", "gap", true),
            ("onlyunique", "gap", true),
            ("rows_hidden", "gap", false),
            ("secret", "gap", false),
            ("visits", "covered", true),
        ]
    );
    let reasons = report["stores"][0].to_string();
    assert!(reasons.contains("may not use its schema") && reasons.contains("may not read it"), "{reasons}");
    let shown = desk.run(&["store", "show", "desk"]).expect(0).json();
    let of = |name: &str| {
        let all = shown["collections"].as_array().unwrap();
        all.iter().find(|one| one["collection"] == name).unwrap_or_else(|| panic!("{name}: {shown}"))
    };
    assert_eq!((of("nopk")["total"].as_u64(), of("nopk")["key"].to_string()), (Some(1), "[]".to_owned()));
    assert!(of("nopk")["warnings"][0].as_str().unwrap().contains("no primary key"), "{shown}");
    assert_eq!(of("onlyunique")["readable"], true);
    let secret = of("secret");
    assert_eq!((&secret["readable"], &secret["total"]), (&Value::Bool(false), &Value::Null));
    assert_eq!(secret["columns"][1]["column"], "who", "the catalogue tells everybody");
    assert_eq!(of("hidden.deep")["readable"], false);

    // Covered by a policy that cannot read it, it is no gap, and nothing to be content with either.
    let scope = "[[store.desk.out-of-scope]]\ncollection = [\"hidden.deep\", \"nopk\", \"onlyunique\", \"rows_hidden\"]\n\
                 reason = \"no personal data\"\n";
    desk.connect_as(&role, scope);
    desk.write(
        "policies/secret.toml",
        &POLICY.replace("\"visits\"", "\"secret\"").replace("\"at\"", "\"id\""),
    );
    let report = desk.run(&["coverage"]).expect(12).json();
    assert_eq!(
        (&report["ok"], report["stores"][0]["gaps"].as_u64()),
        (&Value::Bool(false), Some(0)),
        "{report}"
    );
    fs_err::remove_file(desk.path("policies/secret.toml")).unwrap();
    desk.connect_as(&role, &scope.replace("\"nopk\"", "\"nopk\", \"secret\""));
    desk.run(&["coverage"]).expect(0);
    sql(&desk.database, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// The planner's role is in order; that of the runs is not, and `check` says so before anything is due.
#[test]
fn check_tries_the_role_that_disposes() {
    let desk = Desk::new();
    sql(&desk.database, NOTES);
    desk.write("policies/visits.toml", ASKING);
    let roles = Roles::of(&desk);
    sql(&desk.database, &roles.script(&desk.run(&["store", "grants", "desk"]).expect(0).json()));
    roles.connect(&desk);
    let checked = desk.run(&["check"]).expect(0).json();
    assert!(!checked.to_string().contains("`url`"), "{checked}");

    sql(&desk.database, &format!("REVOKE DELETE ON notes FROM {}", roles.executor));
    let checked = desk.run(&["check"]).expect(10).json();
    let told_of = told(&checked, "error");
    for part in
        ["visits.toml:7", "`url`, by which runs dispose", "may not DELETE in table `notes`", "store grants"]
    {
        assert!(told_of.contains(part), "{part:?} is missing in {told_of}");
    }
    assert!(!told_of.contains("Nothing was done"), "{told_of}");
    sql(
        &desk.database,
        &format!("GRANT DELETE ON notes TO {0}; REVOKE UPDATE (id) ON visits FROM {0}", roles.executor),
    );
    let told_of = told(&desk.run(&["check"]).expect(10).json(), "error");
    assert!(told_of.contains("may not lock rows of table `visits`"), "{told_of}");
    sql(&desk.database, &format!("REVOKE SELECT ON visits FROM {}", roles.executor));
    let told_of = told(&desk.run(&["check"]).expect(10).json(), "error");
    assert!(told_of.contains("may not read table `visits`"), "{told_of}");
    assert_eq!(desk.run(&["plan"]).expect(0).json()["policies"].as_array().unwrap().len(), 1);

    // What cannot be connected to is told where it is configured.
    let port = server::postgres().port;
    desk.write("url", &format!("postgres://{}@127.0.0.1:{port}/nowhere", roles.executor));
    let told_of = told(&desk.run(&["check"]).expect(10).json(), "error");
    assert!(
        told_of.contains("forfall.toml:4") && told_of.contains("\"nowhere\" does not exist"),
        "{told_of}"
    );
    fs_err::remove_file(desk.path("url")).unwrap();
    let told_of = told(&desk.run(&["check"]).expect(10).json(), "error");
    assert!(told_of.contains("forfall.toml:4") && told_of.contains("readable for the user"), "{told_of}");

    desk.write("url", "postgres://somebody@127.0.0.1/elsewhere");
    fs_err::set_permissions(desk.path("url"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let checked = said(minding_modes(desk.command(&["check"])).output().unwrap()).expect(0).json();
    let told_of = told(&checked, "warning");
    assert!(
        told_of.contains("was not tried") && told_of.contains("as the user that forfall runs as"),
        "{told_of}"
    );

    // Whoever checks may have another environment than the service: that is no mistake in the files.
    let config = fs_err::read_to_string(desk.path("forfall.toml")).unwrap();
    let config = config.replace("url = { file = \"url\" }\n", "url = { env = \"FORFALL_NOPE\" }\n");
    desk.write("forfall.toml", &config);
    let checked = desk.run(&["check"]).expect(0).json();
    let told_of = told(&checked, "warning");
    assert!(
        told_of.contains("forfall.toml:4") && told_of.contains("FORFALL_NOPE: it is not set"),
        "{told_of}"
    );
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    roles.drop(&desk);
}

/// Whether rows are locked before they go depends on what a policy asks; that the role may is granted in any case.
#[test]
fn check_asks_for_the_locks_of_records_and_of_what_decides_over_them() {
    let desk = Desk::new();
    sql(
        &desk.database,
        "CREATE TABLE rooms (id bigint PRIMARY KEY, open boolean); ALTER TABLE visits ADD room bigint",
    );
    let linked = "[[data.link]]\nname = \"room\"\ncollection = \"rooms\"\nby = \"room\"\n\n[[stage]]";
    desk.write("policies/visits.toml", &POLICY.replace("[[stage]]", linked));
    let roles = Roles::of(&desk);
    sql(&desk.database, &roles.script(&desk.run(&["store", "grants", "desk"]).expect(0).json()));
    roles.connect(&desk);
    desk.run(&["check"]).expect(0);
    for table in ["rooms", "visits"] {
        let executor = &roles.executor;
        sql(&desk.database, &format!("REVOKE UPDATE (id) ON {table} FROM {executor}"));
        let said = told(&desk.run(&["check"]).expect(10).json(), "error");
        assert!(said.contains(&format!("may not lock rows of table `{table}`")), "{said}");
        sql(&desk.database, &format!("GRANT UPDATE (id) ON {table} TO {executor}"));
    }
    roles.drop(&desk);
}

/// One table that may not be read hides nothing that is wrong with another, and a store is told of where it is named.
#[test]
fn a_table_that_may_not_be_read_hides_no_other_mistake() {
    let desk = Desk::new();
    let role = format!("{}_some", desk.database);
    sql(
        &desk.database,
        &format!(
            "CREATE ROLE {role} LOGIN; CREATE TABLE other (id int PRIMARY KEY, at date); GRANT SELECT ON other TO {role}"
        ),
    );
    desk.connect_as(&role, "");
    desk.write("policies/a.toml", POLICY);
    desk.write(
        "policies/visits.toml",
        &POLICY.replace("\"visits\"", "\"other\"").replace("\"at\"", "\"seen_at\""),
    );
    let said = told(&desk.run(&["check"]).expect(10).json(), "error");
    assert!(said.contains("may not read table `visits`") && said.contains("seen_at"), "{said}");
    desk.write("url", &format!("postgres://{role}@127.0.0.1:{}/nowhere", server::postgres().port));
    let said = told(&desk.run(&["check"]).expect(10).json(), "error");
    assert!(said.contains("forfall.toml:4") && !said.contains("visits.toml"), "{said}");
    sql(&desk.database, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
