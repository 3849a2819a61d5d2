//! Running a program of the operator's: without a shell in between, given its input, and ended with everything that
//! it started when it takes too long.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;

/// How much of what a program complains is kept, in characters.
const LONGEST: usize = 200;

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The beginning of what it wrote to its standard error, without control characters.
    pub said: String,
}

/// Why it is not known how a program would have ended.
#[derive(Debug, Error)]
pub enum Failed {
    /// There is none.
    #[error("no program is named")]
    Nameless,
    /// It cannot be started.
    #[error("cannot be started: {0}")]
    NotStarted(io::Error),
    /// It cannot be waited for.
    #[error("cannot be waited for: {0}")]
    Lost(io::Error),
    /// It was ended.
    #[error("was still running after {} s and was ended", .0.as_secs())]
    TooLong(Duration),
}

/// Runs `words`, the program and its arguments, with `input` on its standard input, for at most `patience`.
pub fn run(
    words: &[String],
    environment: &[(&str, &str)],
    input: String,
    patience: Duration,
) -> Result<Ended, Failed> {
    let (program, arguments) = words.split_first().ok_or(Failed::Nameless)?;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(Failed::NotStarted)?;
    let (to, pid) = (child.stdin.take(), Pid::from_child(&child));
    let (tell, hear) = mpsc::channel();
    std::thread::spawn(move || {
        // A program that does not read its input is judged by its exit status.
        if let Some(mut to) = to {
            let _ = to.write_all(input.as_bytes());
        }
        let _ = tell.send(child.wait_with_output());
    });
    let output = hear.recv_timeout(patience).map_err(|_| {
        // The thread still waits for it, so the number is still that program's.
        let _ = kill_process_group(pid, Signal::KILL);
        Failed::TooLong(patience)
    })?;
    let output = output.map_err(Failed::Lost)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    Ok(Ended { status: output.status, said })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use fs_err::os::unix::fs::OpenOptionsExt as _;
    use rustix::fs::OFlags;

    use super::*;

    fn shell(script: &str, input: &str, patience: Duration) -> Result<Ended, Failed> {
        let words: Vec<String> = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        run(&words, &[("GIVEN", "yes")], input.to_owned(), patience)
    }

    #[test]
    fn it_is_given_its_input_and_its_complaint_is_kept() {
        let ended = shell("cat >&2; echo $GIVEN >&2; exit 3", "head\n\u{1b}[2J", Duration::MAX).unwrap();
        assert_eq!((ended.status.code(), ended.said.as_str()), (Some(3), "head[2Jyes"));
    }

    #[test]
    fn one_that_does_not_read_is_judged_by_its_status() {
        assert!(shell("exit 0", &"x".repeat(1 << 20), Duration::MAX).unwrap().status.success());
    }

    #[test]
    fn one_that_never_ends_is_ended_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("alive");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
        let mut open = fs_err::OpenOptions::new();
        let reader = open.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&fifo).unwrap();
        // The grandchild holds the other end of the pipe as long as it lives.
        let ended = shell(&format!("sleep 1000 > {} & wait", fifo.display()), "", Duration::from_millis(300));
        assert!(matches!(ended, Err(Failed::TooLong(_))));
        rustix::fs::fcntl_setfl(&reader, OFlags::empty()).unwrap();
        // Reading waits until nobody holds it.
        assert_eq!((&reader).read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn one_that_is_not_there_is_told() {
        let there_is_none = ["/nonexistent/program".to_owned()];
        let run = |words: &[String]| run(words, &[], String::new(), Duration::MAX);
        assert!(matches!(run(&there_is_none), Err(Failed::NotStarted(_))));
        assert!(matches!(run(&[]), Err(Failed::Nameless)));
    }
}
