//! The command line as operators and scripts meet it: exit codes, JSON shapes, screens, and what bad input says.

mod access;
mod approving;
mod bad_input;
mod calc;
mod companions;
mod coverage;
mod demo;
mod events;
mod exit_codes;
mod holding;
mod holds;
mod inside;
mod review;
mod screens;
mod shapes;
mod standing;

use assert_cmd::Command;

use crate::fixture::{Fixture, Said, said};

/// Runs a command as a person would: tables, no terminal.
pub(crate) fn forfall(fixture: &Fixture, words: &[&str]) -> Said {
    said(command(fixture, words).output().unwrap())
}

fn command(fixture: &Fixture, words: &[&str]) -> Command {
    let mut command = Command::cargo_bin("forfall").unwrap();
    command.arg("--config").arg(fixture.path("forfall.toml")).args(words);
    command.env_remove("FORFALL_CONFIG").env_remove("RUST_LOG").env("NO_COLOR", "1");
    command
}

/// Replaces a policy of the fixture.
pub(crate) fn write_policy(fixture: &Fixture, name: &str, text: &str) {
    fs_err::write(fixture.path(&format!("policies/{name}.toml")), text).unwrap();
}

/// The policy of the fixture with one text in it replaced by another.
fn edit_policy(fixture: &Fixture, name: &str, from: &str, to: &str) {
    let file = fixture.path(&format!("policies/{name}.toml"));
    let text = fs_err::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs_err::write(file, text.replace(from, to)).unwrap();
}
