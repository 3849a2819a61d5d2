//! Notices on their way: a real mail server, a webhook receiver and programs, each in good and in bad order.

mod command;
mod deadline;
mod mail;
mod receiver;
mod smtp;
mod webhook;

use crate::fixture::Fixture;

/// Adds `[notify]` tables to the configuration.
fn tell(fixture: &Fixture, tables: &str) {
    let file = fixture.path("forfall.toml");
    let text = fs_err::read_to_string(&file).unwrap();
    let before = text.split("\n[notify").next().unwrap();
    fs_err::write(file, format!("{before}\n{tables}")).unwrap();
}
