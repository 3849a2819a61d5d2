//! `aggregate` from the policy to the receiving table, and killed between any two steps: what stands there is exactly
//! what went.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use serde_json::Value;

use crate::fixture::Fixture;

/// Enough for two batches.
const DUE: usize = 2_600;
const KEPT: usize = 40;

/// What a stage that counts says, for a table whose groups have six or seven records.
pub(crate) const STAGE: &str = "
[[stage]]
after     = \"30 days\"
action    = \"delete\"
aggregate = { into = \"stats\", by = [\"department\"], count = \"gone\", sum = \"seconds\", min-cell = 7 }
";
const LEAST: i64 = 7;

/// A policy with that stage in the place of its own.
pub(crate) fn policy(text: &str) -> String {
    let (data, _) = text.split_once("[[stage]]").expect("the policy has a stage");
    format!("{data}{STAGE}")
}

/// The statement that `check` says would make a table that serves.
pub(crate) fn statement(checked: &Value) -> String {
    let help = checked["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|one| one["help"].as_str().filter(|help| help.contains("CREATE TABLE")));
    let help = help.unwrap_or_else(|| panic!("no statement in {checked}"));
    help.split_once(": ").unwrap().1.to_owned()
}

/// The groups of rows that are spelled `department:records:seconds`.
pub(crate) fn groups(rows: &[String]) -> BTreeMap<String, (i64, i64)> {
    let one = |row: &String| {
        let parts: Vec<&str> = row.split(':').collect();
        (parts[0].to_owned(), (parts[1].parse().unwrap(), parts[2].parse().unwrap()))
    };
    rows.iter().map(one).collect()
}

/// What stands in the receiving table is what went: large cells by themselves, the small ones together.
#[track_caller]
pub(crate) fn assert_counted(gone: &BTreeMap<String, (i64, i64)>, received: &[String], place: &str) {
    let received = groups(received);
    let (large, small): (Vec<_>, Vec<_>) = gone.iter().partition(|(_, cell)| cell.0 >= LEAST);
    assert!(large.len() > 10 && small.len() > 10, "the groups are all alike");
    let small = small.iter().fold((0, 0), |sum, (_, cell)| (sum.0 + cell.0, sum.1 + cell.1));
    let mut expected: BTreeMap<String, (i64, i64)> =
        large.into_iter().map(|(name, cell)| (name.clone(), *cell)).collect();
    expected.insert("other".to_owned(), small);
    assert_eq!(received, expected, "at {place}");
}

fn texts(fixture: &Fixture, sql: &str) -> Vec<String> {
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn run_sql(fixture: &Fixture, sql: &str) {
    rusqlite::Connection::open(fixture.path("calls.db")).unwrap().execute_batch(sql).unwrap();
}

/// Calls in departments, a receiving table, and an approval; gives what is due by department.
fn counting() -> (Fixture, BTreeMap<String, (i64, i64)>) {
    let fixture = Fixture::new(DUE, KEPT);
    let path = fixture.path("policies/calls.toml");
    fs_err::write(&path, policy(&fs_err::read_to_string(&path).unwrap())).unwrap();
    run_sql(
        &fixture,
        "alter table call_log add column department text; alter table call_log add column seconds integer;
         update call_log set department = 'd' || (id % 400), seconds = id % 97",
    );
    let checked = fixture.run(&["check"]).expect(10).json();
    run_sql(&fixture, &statement(&checked));
    fixture.run(&["check"]).expect(0);
    fixture.approve("calls", DUE);
    let due = texts(
        &fixture,
        "select department || ':' || count(*) || ':' || sum(seconds) from call_log
         where called_at < strftime('%Y-%m-%d', 'now', '-30 days') group by department",
    );
    (fixture, groups(&due))
}

const RECEIVED: &str = "select department || ':' || gone || ':' || seconds from stats";

#[test]
fn counts_of_a_database_survive_a_kill_between_any_two_steps() {
    for place in ["prepared", "intent", "committed", "outcome", "prepared:2", "intent:2", "committed:2"] {
        let (fixture, gone) = counting();
        let output = fixture.command(&["run", "calls"]).env("FORFALL_CRASH_AT", place).output().unwrap();
        assert_eq!(output.status.signal(), Some(9), "at {place}");
        let run = fixture.run(&["run", "calls"]).expect(0).json();
        assert_eq!(run["runs"][0]["state"], "complete", "at {place}: {run}");
        assert_eq!(fixture.calls(), KEPT, "at {place}");
        assert_counted(&gone, &texts(&fixture, RECEIVED), place);
    }
}

/// A held call stays and is counted only when it goes.
#[test]
fn a_held_record_is_counted_when_it_goes() {
    let (fixture, gone) = counting();
    let hold = fixture.run(&["hold", "add", "--policy", "calls", "--key", "17", "--reason", "dispute"]);
    hold.expect(0);
    fixture.run(&["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), KEPT + 1);
    let sums = "select sum(gone) || ':' || sum(seconds) from stats";
    let all = gone.values().fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    assert_eq!(texts(&fixture, sums), [format!("{}:{}", all.0 - 1, all.1 - 17)]);
}

/// Reading the policy back, the plan and the approval say what is counted and where.
#[test]
fn people_are_told_that_records_are_counted() {
    let (fixture, _) = counting();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_forfall"));
    command.arg("--config").arg(fixture.path("forfall.toml")).arg("check");
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(
        said.split_whitespace().collect::<Vec<_>>().join(" ").contains("counted in `stats` by `department`"),
        "{said}"
    );
    let plan = fixture.run(&["plan", "calls"]).expect(0).json();
    let stage = &plan["policies"][0]["stages"][0];
    assert_eq!(stage["counted_in"], "stats", "{plan}");
    let cells = texts(&fixture, "select name from sqlite_schema where name = 'forfall_cell'");
    assert_eq!(cells, ["forfall_cell"], "the approval makes it");
    let shown = fixture.run(&["store", "show", "calls"]).expect(0);
    assert!(!shown.out.contains("forfall_cell"), "{}", shown.out);
}
