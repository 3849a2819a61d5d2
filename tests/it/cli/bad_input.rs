//! Bad input gives one clear error that names the thing and the way out; nothing is changed, nothing lost.

use super::{edit_policy, forfall, write_policy};
use crate::fixture::Fixture;

#[track_caller]
fn refused(fixture: &Fixture, words: &[&str], code: i32, says: &[&str]) {
    let calls = fixture.calls();
    let said = forfall(fixture, words).expect(code);
    let told = format!("{}{}", said.err, said.out);
    for text in says {
        assert!(told.contains(text), "{text:?} is missing in:\n{told}");
    }
    assert_eq!(fixture.calls(), calls);
}

#[test]
fn a_configuration_that_is_not_there() {
    let fixture = Fixture::new(1, 1);
    fs_err::remove_file(fixture.path("forfall.toml")).unwrap();
    refused(&fixture, &["status"], 10, &["forfall.toml", "--config", "forfall init"]);
}

#[test]
fn broken_toml() {
    let fixture = Fixture::new(1, 1);
    write_policy(&fixture, "calls", "title = \"Calls\nowner = \"x\"\n");
    refused(&fixture, &["check"], 10, &["calls.toml:1"]);
}

#[test]
fn all_errors_of_all_files_at_once() {
    let fixture = Fixture::new(1, 1);
    edit_policy(&fixture, "calls", "30 days", "30");
    edit_policy(&fixture, "calls", "action", "acton");
    edit_policy(&fixture, "clips", "\"cameras\"", "\"camera\"");
    refused(&fixture, &["check"], 10, &["calls.toml:12", "calls.toml:13", "clips.toml:6", "cameras", "help"]);
}

#[test]
fn a_table_or_column_that_does_not_exist() {
    let fixture = Fixture::new(1, 1);
    edit_policy(&fixture, "calls", "\"call_log\"", "\"call_logs\"");
    refused(&fixture, &["check"], 10, &["calls.toml:7", "call_logs", "call_log"]);
    edit_policy(&fixture, "calls", "\"call_logs\"", "\"call_log\"");
    edit_policy(&fixture, "calls", "\"called_at\"", "\"call_at\"");
    refused(&fixture, &["check"], 10, &["calls.toml:8", "call_at", "did you mean `called_at`?"]);
}

/// What goes by another table's name is shown where that stands, and not at the records' own table.
#[test]
fn a_link_to_a_table_that_does_not_exist() {
    let fixture = Fixture::new(1, 1);
    let link = "\n[[data.link]]\nname = \"person\"\ncollection = \"people\"\nby = \"caller\"\n\n[[stage]]";
    edit_policy(&fixture, "calls", "\n[[stage]]", link);
    refused(&fixture, &["check"], 10, &["there is no table `people`", "calls.toml:13"]);
}

#[test]
fn a_column_without_a_declared_format() {
    let fixture = Fixture::new(1, 1);
    edit_policy(&fixture, "calls", "start.format = \"rfc3339\"\n", "");
    refused(&fixture, &["check"], 10, &["called_at", "text", "start.format", "rfc3339"]);
    let said = forfall(&fixture, &["check", "--offline"]).expect(0);
    assert!(said.out.contains("not asked"), "{}", said.out);
}

#[test]
fn two_policies_for_one_table() {
    let fixture = Fixture::new(1, 1);
    let text = fs_err::read_to_string(fixture.path("policies/calls.toml")).unwrap();
    write_policy(&fixture, "calls-too", &text);
    refused(&fixture, &["run"], 10, &["call_log", "calls"]);
}

#[test]
fn a_locked_database_is_a_missed_run() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    database.execute_batch("begin immediate").unwrap();
    let said = forfall(&fixture, &["run", "calls"]).expect(12);
    assert!(said.out.contains("lock") || said.out.contains("busy"), "{}", said.out);
    database.execute_batch("rollback").unwrap();
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 2);
}

#[test]
fn a_state_file_from_a_newer_version() {
    let fixture = Fixture::new(1, 1);
    forfall(&fixture, &["hold", "list"]).expect(0);
    let state = rusqlite::Connection::open(fixture.path("state/state.db")).unwrap();
    state.pragma_update(None, "user_version", 999).unwrap();
    drop(state);
    refused(&fixture, &["run"], 10, &["state.db", "999"]);
}

#[test]
fn starts_that_cannot_be_known_are_counted_and_explained() {
    let fixture = Fixture::new(1, 1);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    database
        .execute_batch(
            "insert into call_log (id, called_at) values
               (101, null), (102, 'yesterday'), (103, '1970-01-01T00:00:00Z'), (104, '2999-01-01T00:00:00Z')",
        )
        .unwrap();
    let status = fixture.run(&["status", "calls"]).expect(0).json();
    assert_eq!(status["policies"][0]["undetermined"], 4);
    for key in ["101", "102", "103", "104"] {
        let said = forfall(&fixture, &["explain", "calls", key]).expect(0);
        assert!(said.out.contains("Kept, undetermined"), "{}", said.out);
    }
    fixture.approve("calls", 1);
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 5);
}

#[test]
fn keys_times_and_names_that_are_none() {
    let fixture = Fixture::new(1, 1);
    refused(&fixture, &["explain", "calls", "hex:zz"], 2, &["hexadecimal"]);
    refused(&fixture, &["explain", "cals", "1"], 2, &["did you mean calls?"]);
    refused(&fixture, &["hold", "add", "--reason", "x"], 2, &["--policy", "--store"]);
    refused(&fixture, &["hold", "add", "--store", "call", "--reason", "x"], 2, &["calls"]);
    refused(&fixture, &["hold", "release", "nonsense"], 2, &["hold list"]);
    refused(&fixture, &["event", "add", "Case Closed", "--key", "1"], 2, &["lower-case"]);
    refused(
        &fixture,
        &["event", "add", "case-closed", "--key", "1", "--at", "2100-01-01", "--unused"],
        2,
        &["still to come"],
    );
    refused(&fixture, &["event", "add", "case-closed", "--key", "1"], 2, &["no policy asks", "--unused"]);
    refused(&fixture, &["audit", "show", "99"], 2, &["there is no entry 99"]);
    refused(&fixture, &["store", "show", "calls", "calls"], 2, &["call_log"]);
    refused(&fixture, &["audit", "verify", "--since", "nowhere"], 2, &["nowhere"]);
}

#[test]
fn init_never_overwrites_and_its_configuration_is_valid() {
    let fixture = Fixture::new(1, 1);
    let here = fixture.path("fresh");
    let here = here.to_str().unwrap();
    forfall(&fixture, &["init", here]).expect(0);
    let config = format!("{here}/forfall.toml");
    forfall(&fixture, &["check", "--config", &config]).expect(0);
    let said = forfall(&fixture, &["plan", "--config", &config]).expect(0);
    assert!(said.out.contains("unresolved"), "{}", said.out);
    fs_err::remove_file(&config).unwrap();
    refused(&fixture, &["init", here], 2, &["is there already"]);
    assert!(!std::path::Path::new(&config).exists(), "nothing is half done");
}

#[test]
fn looking_and_checking_need_no_state() {
    let fixture = Fixture::new(1, 1);
    for words in [
        &["check"][..],
        &["store", "list"],
        &["store", "show", "calls"],
        &["policy", "list"],
        &["policy", "test"],
    ] {
        forfall(&fixture, words).expect(0);
    }
    assert!(!fixture.path("state").exists());
}

#[test]
fn an_unresolved_policy_is_listed_everywhere_and_never_runs() {
    let fixture = Fixture::new(3, 2);
    let text = "title = \"Visitors\"\nowner = \"reception\"\nunresolved = \"Who keeps the list?\"\n";
    write_policy(&fixture, "visitors", text);
    let plan = fixture.run(&["plan", "visitors"]).expect(0).json();
    assert_eq!(plan["policies"][0]["state"], "unresolved");
    let runs = fixture.run(&["run"]).expect(0).json();
    let run = runs["runs"].as_array().unwrap().iter().find(|run| run["policy"] == "visitors").unwrap();
    assert_eq!((&run["state"], &run["store"]), (&"observed".into(), &serde_json::Value::Null));
    assert!(run["reason"].as_str().unwrap().contains("Who keeps the list?"));
    let status = fixture.run(&["status", "visitors"]).expect(0).json();
    assert_eq!(status["policies"][0]["state"], "unresolved");
    refused(&fixture, &["approve", "visitors", "--count", "0"], 11, &["Who keeps the list?"]);
    refused(&fixture, &["explain", "visitors", "1"], 2, &["binds no data"]);
    refused(&fixture, &["run", "visitors"], 11, &["unresolved"]);
}

#[test]
fn a_full_disk_under_the_result_is_told() {
    let fixture = Fixture::new(1, 1);
    let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap().into_file();
    let mut command = fixture.command(&["policy", "list"]);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}

#[test]
fn whoever_reads_may_stop_reading() {
    let fixture = Fixture::new(1, 1);
    let mut command = fixture.command(&["audit", "list"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_store_that_is_down_still_has_what_the_forecast_says() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    fs_err::rename(fixture.path("calls.db"), fixture.path("gone.db")).unwrap();
    let status = fixture.run(&["status", "calls"]).expect(0).json();
    assert_eq!(
        (&status["policies"][0]["state"], &status["policies"][0]["due"]),
        (&"unreachable".into(), &3.into())
    );
}

#[test]
fn store_show_finds_the_times_between_odd_values() {
    let fixture = Fixture::new(1, 1);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    database
        .execute_batch(
            "insert into call_log (called_at) values (''), ('n/a'), (null), ('2019-05-17T10:00:00Z');
             create table visit (id integer primary key, day date);
             insert into visit (day) values ('unknown'), ('2018-02-03'), (0)",
        )
        .unwrap();
    let said = forfall(&fixture, &["store", "show", "calls"]).expect(0);
    assert!(said.out.contains("2019-05-17T10:00:00Z"), "{}", said.out);
    assert!(said.out.contains("day needs `start.format`; its values look like \"date\""), "{}", said.out);
    assert!(
        said.out.contains("called_at needs `start.format`; its values look like \"rfc3339\""),
        "{}",
        said.out
    );
}

#[test]
fn what_check_refuses_is_not_approved() {
    let fixture = Fixture::new(3, 2);
    let class = "action = \"delete\"\n\n[[class]]\nname = \"old\"\nwhen = \"called_at < timestamp('2020-01-01T00:00:00Z')\
                 \"\n[[class.stage]]\naction = \"preserve\"";
    edit_policy(&fixture, "calls", "action = \"delete\"", class);
    refused(&fixture, &["check"], 10, &["`called_at` is text"]);
    refused(&fixture, &["approve", "calls", "--count", "0"], 11, &["`called_at` is text", "forfall check"]);
}

#[test]
fn a_directory_of_policies_that_is_not_there() {
    let fixture = Fixture::new(1, 1);
    fs_err::rename(fixture.path("policies"), fixture.path("elsewhere")).unwrap();
    refused(&fixture, &["check"], 10, &["/policies", "correct `policies`"]);
}

#[test]
fn a_plan_that_cannot_be_written() {
    let fixture = Fixture::new(1, 1);
    refused(&fixture, &["plan", "--out", "/nowhere/plan.json"], 2, &["/nowhere/plan.json", "--out"]);
}

#[test]
fn a_key_that_names_records_in_two_stores() {
    let fixture = Fixture::new(1, 1);
    fs_err::copy(fixture.path("calls.db"), fixture.path("second.db")).unwrap();
    let config = fixture.path("forfall.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(config, format!("{text}\n[store.second]\nadapter = \"sqlite\"\npath = \"second.db\"\n"))
        .unwrap();
    let data = "[[data]]\nstore = \"second\"\ncollection = \"call_log\"\nstart.field = \"called_at\"\nstart.format = \
                \"rfc3339\"\n\n[[stage]]";
    edit_policy(&fixture, "calls", "[[stage]]", data);
    let said = forfall(&fixture, &["explain", "calls", "1"]).expect(0);
    assert!(
        said.out.contains("in store calls") && said.err.contains("--store second"),
        "{}{}",
        said.out,
        said.err
    );
    let said = forfall(&fixture, &["explain", "calls", "1", "--store", "second"]).expect(0);
    assert!(said.out.contains("in store second") && said.err.is_empty(), "{}{}", said.out, said.err);
}
