//! A program of the operator's: it is given the message as JSON on its standard input, without a shell in between.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};

use super::post::Trouble;
use crate::config::notify::CommandSettings;
use crate::state::outbox::Letter;

/// How much of what the program complains is kept, in characters.
const LONGEST: usize = 200;

/// Runs the program; how it ended.
pub fn send(settings: &CommandSettings, letter: &Letter) -> Result<String, Trouble> {
    let Some((program, arguments)) = settings.run.split_first() else {
        return Err(Trouble::of_the_configuration(format!("the command {} has no program", settings.name)));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env("FORFALL_ID", &letter.id)
        .env("FORFALL_KIND", letter.kind.word())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Trouble::of_the_way(format!("{program} cannot be started: {error}")))?;
    let (input, pid) = (child.stdin.take(), Pid::from_child(&child));
    let payload = letter.payload.clone();
    let (tell, hear) = mpsc::channel();
    std::thread::spawn(move || {
        // A program that does not read it is judged by its exit code.
        if let Some(mut input) = input {
            let _ = input.write_all(payload.as_bytes());
        }
        let _ = tell.send(child.wait_with_output());
    });
    match hear.recv_timeout(settings.timeout) {
        Ok(Ok(output)) if output.status.success() => Ok(output.status.to_string()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
            let said = if said.is_empty() { said } else { format!(": {said}") };
            let why = format!("{program} ended with {}{said}", output.status);
            Err(Trouble { why, way: false, lasting: false })
        }
        Ok(Err(error)) => Err(Trouble::of_the_way(format!("{program}: {error}"))),
        Err(_) => {
            // The thread still waits for it, so the number is still that program's.
            let _ = kill_process(pid, Signal::KILL);
            Err(Trouble::of_the_way(format!(
                "{program} was still running after {} s and was ended",
                settings.timeout.as_secs()
            )))
        }
    }
}
