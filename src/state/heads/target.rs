//! The places to which heads are copied, and what each of them can be asked.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::http::HeadUrl;
use crate::audit::note::Checkpoint;
use crate::time::Instant;

/// The newest head in a directory.
const NEWEST: &str = "checkpoint";
/// The newest head of each day.
const DAYS: &str = "heads";

/// Where heads go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A directory, best on a machine that the operator cannot change alone.
    Directory(PathBuf),
    /// A program and its arguments; it gets the head on its standard input. It cannot be asked what it has.
    Command(Vec<String>),
    /// A server: the newest head is put there.
    Url(HeadUrl),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(dir) => dir.join(NEWEST).display().fmt(f),
            Self::Command(words) => f.write_str(words.first().map_or("", String::as_str)),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl Target {
    /// Copies a head there, but never over one that ours does not reach. What went wrong, a sentence.
    pub(super) fn publish(&self, note: &str, head: &Checkpoint, now: Instant) -> Result<(), String> {
        match self {
            Self::Directory(dir) => keep(dir, note, head, now),
            Self::Command(command) => tell(command, note),
            Self::Url(url) => {
                // A server that cannot be read may still be one that takes heads.
                if let Ok(Some(there)) = url.get() {
                    refuse_over(&there, head, url)?;
                }
                url.put(note)
                    .map_err(|why| format!("a head of the audit log was not published: {url}: {why}"))
            }
        }
    }

    /// The newest head there. An error is a sentence that says why there is nothing to compare with; `None`: it
    /// cannot be asked at all.
    pub(super) fn read_back(&self) -> Option<Result<String, String>> {
        match self {
            Self::Directory(dir) => {
                Some(fs_err::read_to_string(dir.join(NEWEST)).map_err(|error| error.to_string()))
            }
            Self::Command(_) => None,
            Self::Url(url) => Some(match url.get() {
                Ok(Some(note)) => Ok(note),
                Ok(None) => Err(format!("{url} has no head yet")),
                Err(why) => Err(format!("{url} cannot be read: {why}")),
            }),
        }
    }
}

fn refuse_over(there: &str, head: &Checkpoint, place: &dyn fmt::Display) -> Result<(), String> {
    match Checkpoint::unverified(there) {
        Ok(other) if other.origin == head.origin && other.size > head.size => Err(format!(
            "{place} holds a head over {} entries, and this log has {}: it is left as it is",
            other.size, head.size
        )),
        _ => Ok(()),
    }
}

fn keep(dir: &Path, note: &str, head: &Checkpoint, now: Instant) -> Result<(), String> {
    let newest = dir.join(NEWEST);
    let failed = |error: std::io::Error| format!("a head of the audit log is not published: {error}");
    fs_err::create_dir_all(dir.join(DAYS)).map_err(failed)?;
    if let Ok(there) = fs_err::read_to_string(&newest) {
        refuse_over(&there, head, &newest.display())?;
        if Checkpoint::unverified(&there).is_ok_and(|other| other.origin != head.origin) {
            let kept = dir.join(DAYS).join(format!("before-{}", head.origin.replace('/', "_")));
            fs_err::write(kept, &there).map_err(failed)?;
        }
    }
    for path in [dir.join(DAYS).join(now.format("%Y-%m-%d").to_string()), newest] {
        let new = path.with_extension("new");
        let mut file = fs_err::File::create(&new).map_err(failed)?;
        file.write_all(note.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs_err::rename(&new, &path).map_err(failed)?;
    }
    Ok(())
}

fn tell(command: &[String], note: &str) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let failed =
        |error: std::io::Error| format!("{program} could not be given a head of the audit log: {error}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    // A head is far smaller than a pipe's buffer: writing it waits for nobody. A program that exits without reading
    // is judged by its exit code.
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(note.as_bytes());
    }
    let status = child.wait().map_err(failed)?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{program} refused a head of the audit log: {status}"))
    }
}
