//! The demo is what a newcomer runs first: it must work, fit, and leave something to play with.

use assert_cmd::Command;
use serde_json::Value;

fn forfall(words: &[&str]) -> Command {
    let mut command = Command::cargo_bin("forfall").unwrap();
    command.args(words).env("NO_COLOR", "1").env_remove("FORFALL_CONFIG");
    command
}

#[test]
fn it_runs_for_real_on_one_screen_and_can_be_played_with() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("demo");
    let home = home.to_str().unwrap();
    let output = forfall(&["demo", home]).assert().code(0).get_output().stdout.clone();
    let screen = String::from_utf8(output).unwrap();
    assert!(screen.lines().count() <= 54, "{} lines:\n{screen}", screen.lines().count());
    for line in screen.lines().filter(|line| !line.contains(home)) {
        assert!(line.chars().count() <= 80, "too wide: {line}");
    }
    for word in ["undetermined", "waiting", "held", "verifies", "It is gone: deleted", "Kept, held"] {
        assert!(screen.contains(word), "{word} is missing:\n{screen}");
    }

    let config = format!("{home}/forfall.toml");
    let status = forfall(&["--config", &config, "--format", "json", "status"])
        .assert()
        .code(0)
        .get_output()
        .stdout
        .clone();
    let status: Value = serde_json::from_slice(&status).unwrap();
    for policy in status["policies"].as_array().unwrap() {
        assert_eq!((&policy["state"], &policy["overdue"]), (&"ok".into(), &0.into()), "{policy}");
    }
    forfall(&["--config", &config, "audit", "verify"]).assert().code(0);
    forfall(&["--config", &config, "check"]).assert().code(0);
    forfall(&["--config", &config, "policy", "test"]).assert().code(0);
    assert!(dir.path().join("demo/stores/cctv/cam1/README.txt").exists());
}

#[test]
fn it_touches_nothing_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let assert = forfall(&["demo", dir.path().to_str().unwrap()]).assert().code(2);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(message.contains("is there already"), "{message}");
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
}
