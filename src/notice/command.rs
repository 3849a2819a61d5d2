//! A program of the operator's: it is given the message as JSON on its standard input.

use super::post::Trouble;
use crate::config::notify::CommandSettings;
use crate::program::{self, Failed};
use crate::state::outbox::Letter;

/// Runs the program; how it ended.
pub fn send(settings: &CommandSettings, letter: &Letter) -> Result<String, Trouble> {
    let program = settings.run.first().map_or("", String::as_str);
    let environment = [("FORFALL_ID", letter.id.as_str()), ("FORFALL_KIND", letter.kind.word())];
    match program::run(&settings.run, &environment, letter.payload.clone(), settings.timeout) {
        Ok(ended) if ended.status.success() => Ok(ended.status.to_string()),
        Ok(ended) => {
            let said = if ended.said.is_empty() { String::new() } else { format!(": {}", ended.said) };
            let why = format!("{program} ended with {}{said}", ended.status);
            Err(Trouble { why, way: false, lasting: false })
        }
        Err(Failed::Nameless) => {
            Err(Trouble::of_the_configuration(format!("the command {} has no program", settings.name)))
        }
        Err(failed) => Err(Trouble::of_the_way(format!("{program} {failed}"))),
    }
}
