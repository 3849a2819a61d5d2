//! A user that lacks exactly one privilege: `check` tells which, before anything is due, and the statement that it prints is
//! enough.

use super::access::{Users, notes};
use super::{DUE, Desk, KEPT, sql};
use crate::counting::statement;
use crate::roles::{EVERYTHING, remedy};

/// An installation with both users, in order.
fn desk() -> (Desk, Users) {
    let desk = Desk::new();
    notes(&desk);
    sql(&desk.database, "ALTER TABLE visits ADD department VARCHAR(20), ADD seconds INT");
    desk.write("policies/visits.toml", EVERYTHING);
    sql(&desk.database, &statement(&desk.run(&["check"]).expect(10).json()));
    let users = Users::of(&desk);
    users.grant(&desk, &desk.run(&["store", "grants", "desk"]).expect(0).json());
    users.connect(&desk);
    desk.run(&["check"]).expect(0);
    (desk, users)
}

#[test]
fn check_names_the_one_privilege_that_is_missing_and_prints_what_gives_it() {
    let (desk, users) = desk();
    let database = &desk.database;
    let executor = format!("'{}'@'localhost'", users.executor);
    for (lacking, given) in [
        ("DELETE ON visits", "DELETE ON `D`.`visits`"),
        ("UPDATE (who) ON visits", "UPDATE (`who`) ON `D`.`visits`"),
        ("DELETE ON notes", "DELETE ON `D`.`notes`"),
        ("INSERT ON stats", "INSERT, UPDATE ON `D`.`stats`"),
        ("UPDATE ON stats", "INSERT, UPDATE ON `D`.`stats`"),
        ("INSERT ON forfall_cell", "INSERT, UPDATE ON `D`.`forfall_cell`"),
        ("INSERT ON forfall_batch", "INSERT ON `D`.`forfall_batch`"),
        ("DELETE ON forfall_batch", "DELETE ON `D`.`forfall_batch`"),
        ("REFERENCES ON `P`.*", "REFERENCES ON `P`.*"),
    ] {
        let pattern = database.replace('_', "\\_");
        let here = |text: &str| {
            text.replace("`D`", &format!("`{database}`")).replace("`P`", &format!("`{pattern}`"))
        };
        sql(database, &here(&format!("REVOKE {lacking} FROM {executor}")));
        let remedy = remedy(&desk.run(&["check"]).expect(10).json());
        assert_eq!(remedy, [here(&format!("GRANT {given} TO {executor}"))], "{lacking}");
        sql(database, &remedy[0]);
        desk.run(&["check"]).expect(0);
    }
    // Nothing of all that was carried out.
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    assert_eq!(sql(database, "SELECT COUNT(*) FROM forfall_batch"), ["0"]);
    users.drop(&desk);
}

/// The first approval makes them, by the user that disposes.
#[test]
fn check_tells_of_tables_of_ours_that_the_user_could_not_make() {
    let (desk, users) = desk();
    for table in ["forfall_batch", "forfall_cell"] {
        sql(&desk.database, &format!("DROP TABLE {table}"));
        let remedy = remedy(&desk.run(&["check"]).expect(10).json());
        assert!(remedy[0].starts_with(&format!("CREATE TABLE IF NOT EXISTS {table} (")), "{remedy:?}");
        let there = sql(&desk.database, &format!("SHOW TABLES LIKE '{table}'"));
        assert!(there.is_empty(), "looking made it");
        for statement in &remedy {
            sql(&desk.database, statement);
        }
        desk.run(&["check"]).expect(0);
    }
    desk.run(&["approve", "visits", "--count", &DUE.to_string()]).expect(0);
    desk.run(&["run", "visits"]).expect(0);
    desk.verified();
    users.drop(&desk);
}

/// Nor could it write them, once it has made them.
#[test]
fn check_tells_that_the_user_could_make_the_marks_and_not_write_them() {
    let (desk, users) = desk();
    let executor = format!("'{}'@'localhost'", users.executor);
    let database = &desk.database;
    sql(database, &format!("GRANT CREATE ON `{}`.* TO {executor}", database.replace('_', "\\_")));
    sql(database, &format!("REVOKE INSERT, DELETE ON forfall_batch FROM {executor}"));
    sql(database, "DROP TABLE forfall_batch");
    let remedy = remedy(&desk.run(&["check"]).expect(10).json());
    assert!(remedy[0].starts_with("CREATE TABLE IF NOT EXISTS forfall_batch ("), "{remedy:?}");
    assert!(sql(database, "SHOW TABLES LIKE 'forfall_batch'").is_empty(), "looking made it");
    assert_eq!(remedy[1..], [format!("GRANT INSERT, DELETE ON `{database}`.`forfall_batch` TO {executor}")]);
    for statement in &remedy {
        sql(database, statement);
    }
    desk.run(&["check"]).expect(0);
    users.drop(&desk);
}
