//! Counts survive a kill as the records do.

use std::os::unix::process::ExitStatusExt;

use super::{DUE, Desk, KEPT, POLICY, sql};
use crate::counting::{assert_counted, groups, policy, statement};

#[test]
fn counts_survive_a_kill_between_any_two_steps() {
    for place in ["prepared", "intent", "committed", "outcome", "intent:2", "committed:2"] {
        let desk = Desk::new();
        desk.write("policies/visits.toml", &policy(POLICY));
        sql(&desk.database, "ALTER TABLE visits ADD department VARCHAR(20), ADD seconds INT");
        sql(
            &desk.database,
            "UPDATE visits SET at = at, department = CONCAT('d', id % 400), seconds = id % 97",
        );
        let checked = desk.run(&["check"]).expect(10).json();
        sql(&desk.database, &statement(&checked));
        desk.approve();
        let due = "SELECT CONCAT(department, ':', COUNT(*), ':', SUM(seconds)) FROM visits \
                   WHERE at < NOW() - INTERVAL 30 DAY GROUP BY department";
        let gone = groups(&sql(&desk.database, due));
        let output = desk.command(&["run", "visits"]).env("FORFALL_CRASH_AT", place).output().unwrap();
        assert_eq!(output.status.signal(), Some(9), "at {place}");
        let run = desk.run(&["run", "visits"]).expect(0).json();
        assert_eq!(run["runs"][0]["state"], "complete", "at {place}: {run}");
        assert_eq!(desk.visits(), KEPT.to_string(), "at {place} of {DUE}");
        let received = "SELECT CONCAT(department, ':', gone, ':', seconds) FROM stats";
        assert_counted(&gone, &sql(&desk.database, received), place);
    }
}
