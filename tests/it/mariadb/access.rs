//! Users that may do little: what is printed for them, what is listed, and what `check` says of the user that disposes.

use super::{DUE, Desk, KEPT, POLICY, sql};
use crate::counting::{policy, statement};
use crate::roles::{ASKING, told};
use forfall::adapter::contract::server::up_to;
use serde_json::Value;

/// Both users under names of their own, because users belong to the whole server.
pub(super) struct Users {
    planner: String,
    pub(super) executor: String,
}

impl Users {
    pub(super) fn of(desk: &Desk) -> Self {
        Self { planner: format!("p_{}", desk.database), executor: format!("e_{}", desk.database) }
    }

    /// Runs what is printed, for these users.
    pub(super) fn grant(&self, desk: &Desk, granted: &Value) {
        for line in granted["statements"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()) {
            let line = line.split(";  --").next().unwrap().trim_end_matches(';');
            if line.starts_with("--") {
                continue;
            }
            let line = line.replace(" IDENTIFIED BY '...'", "").replace("'@'%'", "'@'localhost'");
            let line =
                line.replace("forfall_planner", &self.planner).replace("forfall_executor", &self.executor);
            sql(&desk.database, &line);
        }
    }

    pub(super) fn connect(&self, desk: &Desk) {
        desk.connect_as(&self.executor, &format!("planner-url = \"{}\"\n", desk.url(&self.planner)));
    }

    pub(super) fn drop(self, desk: &Desk) {
        for user in [self.planner, self.executor] {
            sql(&desk.database, &format!("DROP USER {user}@localhost"));
        }
    }
}

pub(super) fn notes(desk: &Desk) {
    sql(
        &desk.database,
        "CREATE TABLE notes (id BIGINT PRIMARY KEY, visit BIGINT, KEY (visit)) ENGINE = InnoDB",
    );
    sql(&desk.database, &format!("INSERT INTO notes SELECT seq, seq FROM {}", up_to(100)));
}

#[test]
fn the_printed_grants_suffice_for_what_a_person_decides_and_can_be_run_again() {
    let desk = Desk::new();
    notes(&desk);
    desk.write("policies/visits.toml", ASKING);
    let users = Users::of(&desk);
    let granted = desk.run(&["store", "grants", "desk"]).expect(0).json();
    users.grant(&desk, &granted);
    users.grant(&desk, &granted);
    users.connect(&desk);
    let checked = desk.run(&["check"]).expect(0).json();
    let said = told(&checked, "warning");
    let hidden: Vec<&str> = said.lines().filter(|one| one.contains("other databases")).collect();
    assert!(hidden.len() == 1 && hidden[0].contains("GRANT REFERENCES ON *.*"), "{said:#?}");
    desk.run(&["approve", "visits", "--count", "0"]).expect(0);
    desk.run(&["run", "visits"]).expect(0);
    let cases = desk.run(&["review", "list"]).expect(0).json();
    let case = cases["reviews"][0]["case"].as_str().unwrap();
    desk.run(&["review", "decide", case, "delete", "--reason", "case-17"]).expect(0);
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    assert_eq!(desk.visits(), KEPT.to_string());
    assert_eq!(sql(&desk.database, "SELECT COUNT(*) FROM notes"), ["0"]);
    desk.verified();
    users.drop(&desk);
}

/// The server hides a table from who may do nothing with it. What is printed lets it be seen; then it is printed for.
#[test]
fn grants_are_printed_as_far_as_tables_can_be_seen() {
    let desk = Desk::new();
    notes(&desk);
    desk.write(
        "policies/notes.toml",
        &POLICY.replace("\"visits\"", "\"notes\"").replace("\"at\"", "\"visit\""),
    );
    let some = desk.user("some", &[&format!("SELECT ON {}.notes", desk.database)]);
    desk.connect_as(&some, "");
    let said = desk.run(&["store", "grants", "desk"]).expect(12);
    assert!(said.err.contains("there is no table `visits`") && said.err.contains("again"), "{}", said.err);
    let granted = said.json();
    let statements = granted["statements"].to_string();
    assert!(statements.contains(".`notes` TO") && !statements.contains("`visits`"), "{statements}");
    let users = Users::of(&desk);
    users.grant(&desk, &granted);
    desk.connect_as(&users.planner, "");
    let statements = desk.run(&["store", "grants", "desk"]).expect(0).json()["statements"].to_string();
    assert!(statements.contains(".`notes` TO") && statements.contains(".`visits` TO"), "{statements}");
    sql(&desk.database, &format!("DROP USER {some}@localhost"));
    users.drop(&desk);
}

/// Somebody begins: a user who may do nothing, no policy, and so nothing that could be looked at.
#[test]
fn a_user_who_may_do_nothing_yet_is_told_what_to_begin_with() {
    let desk = Desk::new();
    let new = desk.user("new", &[]);
    desk.connect_as(&new, "");
    let said = desk.run(&["store", "show", "desk"]).expect(12).err;
    assert!(
        said.contains("GRANT SELECT, REFERENCES ON database.*") && said.contains("`forfall store grants`"),
        "{said}"
    );
    sql(&desk.database, &format!("GRANT SELECT, REFERENCES ON {}.* TO {new}@localhost", desk.database));
    assert!(desk.run(&["store", "show", "desk"]).expect(0).out.contains("visits"));
    fs_err::remove_file(desk.path("policies/visits.toml")).unwrap();
    let said = desk.run(&["store", "grants", "desk"]).expect(0);
    assert!(said.err.contains("no valid policy names store desk: this lets its users in"), "{}", said.err);
    let statements = said.json()["statements"].to_string();
    assert!(
        statements.contains("GRANT SELECT, REFERENCES ON") && !statements.contains("visits"),
        "{statements}"
    );
    desk.write("policies/visits.toml", "titel = 1");
    let said = desk.run(&["store", "grants", "desk"]).expect(0).err;
    assert!(said.contains("(`forfall check` tells of others)"), "{said}");
    sql(&desk.database, &format!("DROP USER {new}@localhost"));
}

#[test]
fn what_receives_counts_is_covered_and_what_has_no_key_is_listed() {
    let desk = Desk::new();
    desk.write("policies/visits.toml", &policy(POLICY));
    sql(&desk.database, "ALTER TABLE visits ADD department VARCHAR(20), ADD seconds INT");
    sql(&desk.database, &statement(&desk.run(&["check"]).expect(10).json()));
    sql(&desk.database, "CREATE TABLE nopk (person TEXT, d DATE)");
    let report = desk.run(&["coverage"]).expect(12).json();
    let parts: Vec<(&str, &str)> = report["stores"][0]["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["collection"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert_eq!(parts, [("nopk", "gap"), ("stats", "covered"), ("visits", "covered")]);
    let shown = desk.run(&["store", "show", "desk", "nopk"]).expect(0).json();
    assert!(shown["collections"][0]["warnings"][0].as_str().unwrap().contains("no primary key"), "{shown}");
}

/// The server shows triggers to the user that disposes and hides them from the planner, who has no reason to call anything
/// wrong.
#[test]
fn check_tells_of_a_trigger_that_only_the_user_that_disposes_can_see() {
    let desk = Desk::new();
    desk.write("policies/visits.toml", POLICY);
    let users = Users::of(&desk);
    users.grant(&desk, &desk.run(&["store", "grants", "desk"]).expect(0).json());
    sql(&desk.database, "CREATE TRIGGER more BEFORE DELETE ON visits FOR EACH ROW SET @gone = 1");
    users.connect(&desk);
    let said = told(&desk.run(&["check"]).expect(10).json(), "error");
    assert!(said.contains("by which runs dispose") && said.contains("`more`"), "{said}");
    desk.run(&["approve", "visits", "--count", &DUE.to_string()]).expect(0);
    let run = desk.run(&["run", "visits"]).expect(12);
    assert!(run.out.contains("`more`"), "{}", run.out);
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    users.drop(&desk);
}

/// The planner's user is in order; that of the runs is not, and `check` says so before anything is due.
#[test]
fn check_tries_the_user_that_disposes() {
    let desk = Desk::new();
    notes(&desk);
    desk.write("policies/visits.toml", ASKING);
    let users = Users::of(&desk);
    users.grant(&desk, &desk.run(&["store", "grants", "desk"]).expect(0).json());
    users.connect(&desk);
    assert!(told(&desk.run(&["check"]).expect(0).json(), "error").is_empty());

    let executor = format!("{}@localhost", users.executor);
    let errors = || told(&desk.run(&["check"]).expect(10).json(), "error");
    sql(&desk.database, &format!("REVOKE DELETE ON {}.notes FROM {executor}", desk.database));
    let said = errors();
    for part in ["visits.toml:7", "`url`, by which runs dispose", "DELETE", "`notes`", "store grants"] {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
    sql(&desk.database, &format!("REVOKE INSERT ON {}.forfall_batch FROM {executor}", desk.database));
    let said = errors();
    assert!(said.contains("forfall.toml:4") && said.contains("forfall_batch"), "{said}");
    let pattern = desk.database.replace('_', "\\_");
    sql(&desk.database, &format!("REVOKE REFERENCES ON `{pattern}`.* FROM {executor}"));
    assert!(errors().contains("may not see what the foreign keys of this database do"), "{}", errors());
    desk.write("url", &desk.url("nobody:sesame"));
    let said = errors();
    assert!(
        said.contains("forfall.toml:4") && said.contains("Access denied") && !said.contains("sesame"),
        "{said}"
    );
    desk.run(&["plan"]).expect(0);

    let config = fs_err::read_to_string(desk.path("forfall.toml")).unwrap();
    let config = config.replace("url = { file = \"url\" }\n", "url = { env = \"FORFALL_NOPE\" }\n");
    desk.write("forfall.toml", &config);
    let said = told(&desk.run(&["check"]).expect(0).json(), "warning");
    assert!(said.contains("forfall.toml:4") && said.contains("FORFALL_NOPE: it is not set"), "{said}");
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    users.drop(&desk);
}
