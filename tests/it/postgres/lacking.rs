//! A role that lacks exactly one privilege: `check` tells which, before anything is due, and the statement that it prints is
//! enough.

use super::access::{NOTES, Roles};
use super::{DUE, Desk, KEPT, sql};
use crate::counting::statement;
use crate::roles::{EVERYTHING, remedy};

/// An installation with both roles, in order.
fn desk() -> (Desk, Roles) {
    let desk = Desk::new();
    sql(&desk.database, NOTES);
    sql(
        &desk.database,
        "ALTER TABLE visits ADD department text, ADD seconds int; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    );
    desk.write("policies/visits.toml", EVERYTHING);
    sql(&desk.database, &statement(&desk.run(&["check"]).expect(10).json()));
    let roles = Roles::of(&desk);
    sql(&desk.database, &roles.script(&desk.run(&["store", "grants", "desk"]).expect(0).json()));
    roles.connect(&desk);
    desk.run(&["check"]).expect(0);
    (desk, roles)
}

#[test]
fn check_names_the_one_privilege_that_is_missing_and_prints_what_gives_it() {
    let (desk, roles) = desk();
    for (lacking, given) in [
        ("SELECT ON visits", "SELECT ON S.\"visits\""),
        ("DELETE ON visits", "DELETE ON S.\"visits\""),
        ("UPDATE (who) ON visits", "UPDATE (\"who\") ON S.\"visits\""),
        ("DELETE ON notes", "DELETE ON S.\"notes\""),
        ("INSERT ON stats", "INSERT ON S.\"stats\""),
        ("UPDATE ON stats", "UPDATE ON S.\"stats\""),
        ("INSERT ON forfall_cell", "INSERT ON S.\"forfall_cell\""),
        ("SELECT ON forfall_cell", "SELECT ON S.\"forfall_cell\""),
    ] {
        sql(&desk.database, &format!("REVOKE {lacking} FROM {}", roles.executor));
        let remedy = remedy(&desk.run(&["check"]).expect(10).json());
        let given = given.replace("S.", "\"public\".");
        assert_eq!(remedy, [format!("GRANT {given} TO {}", roles.executor)], "{lacking}");
        sql(&desk.database, &remedy[0]);
        desk.run(&["check"]).expect(0);
    }
    assert_eq!(desk.visits(), (DUE + KEPT).to_string());
    roles.drop(&desk);
}

/// The first approval makes it, by the role that disposes.
#[test]
fn check_tells_of_a_table_of_ours_that_the_role_could_not_make() {
    let (desk, roles) = desk();
    sql(&desk.database, "DROP TABLE forfall_cell");
    let remedy = remedy(&desk.run(&["check"]).expect(10).json());
    assert!(remedy[0].starts_with("CREATE TABLE IF NOT EXISTS public.forfall_cell ("), "{remedy:?}");
    for statement in &remedy {
        sql(&desk.database, statement);
    }
    desk.run(&["check"]).expect(0);
    desk.run(&["approve", "visits", "--count", &DUE.to_string()]).expect(0);
    desk.run(&["run", "visits"]).expect(0);
    desk.verified();
    roles.drop(&desk);
}
