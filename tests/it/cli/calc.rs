//! `calc` needs no configuration.

use assert_cmd::Command;
use serde_json::Value;

fn calc() -> Command {
    let mut command = Command::cargo_bin("forfall").unwrap();
    command.args(["--config", "/nonexistent", "calc"]).env("NO_COLOR", "1");
    command
}

#[test]
fn the_published_vectors_come_back_with_their_due_dates() {
    let vectors = include_str!("../../vectors/due.jsonl");
    let cases: Vec<Value> = vectors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut questions = String::new();
    for case in &cases {
        let mut question = case.clone();
        question.as_object_mut().unwrap().remove("due");
        questions.push_str(&format!("{question}\n"));
    }
    let output = calc().write_stdin(questions).assert().success().get_output().stdout.clone();
    let answers: Vec<Value> =
        String::from_utf8(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers, cases);
}

#[test]
fn one_date_by_flags() {
    let flags = ["--zone", "Europe/Oslo", "--start", "2026-11-01T14:00:00+01:00", "--after", "7 days"];
    let output = calc().args(flags).assert().success().get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    assert_eq!(text, "due 2026-11-08 14:00:00 +01:00 (Europe/Oslo) = 2026-11-08T13:00:00Z\n");
    let output = calc().args(flags).args(["--format", "json"]).assert().success().get_output().stdout.clone();
    let answer: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(answer["due"], "2026-11-08T13:00:00Z");
}

#[test]
fn a_bad_line_is_named() {
    let good = r#"{"zone":"UTC","start":"2026-01-01","after":"1 day"}"#;
    let output = calc().write_stdin(format!("{good}\nnonsense\n")).assert().code(2).get_output().clone();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("line 2"), "{message}");
    calc().args(["--start", "2026-01-01"]).assert().code(2);
    let zero = ["--zone", "UTC", "--start", "2026-01-01", "--after", "0 days"];
    calc().args(zero).assert().code(2);
}
