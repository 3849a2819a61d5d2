//! Heads kept elsewhere: where every new one goes, and whether ours follows from the newest that is there.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::api::{StateError, StateStore};
use crate::audit::note::{Checkpoint, VerifierKey};
use crate::audit::tree::Frontier;
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
    /// A program and its arguments; it gets the head on its standard input.
    Command(Vec<String>),
}

/// How our log stands to a published head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It leads to it.
    Follows,
    /// The head belongs to a former name of the log, and the log says what became of it.
    Recovered,
    /// The published head is beyond our entries, or over others: to sign now would be a fork.
    Forked(Box<Checkpoint>),
    /// No head that a key of this log signed: nothing can be said.
    Foreign(String),
}

/// Copies new heads to their targets.
#[derive(Debug)]
pub struct Publisher {
    targets: Vec<Target>,
    /// The size of the newest head that every target has.
    last: Mutex<u64>,
}

impl Publisher {
    /// A publisher that has published nothing yet.
    pub fn new(targets: Vec<Target>) -> Self {
        Self { targets, last: Mutex::new(0) }
    }

    /// Copies the newest head to each target, if it is newer than the last one copied. What went wrong, a sentence
    /// for each target; the next call tries again.
    pub fn publish(&self, state: &dyn StateStore, now: Instant) -> Result<Vec<String>, StateError> {
        let Some(note) = state.last_checkpoint()?.filter(|_| !self.targets.is_empty()) else {
            return Ok(Vec::new());
        };
        let Ok(head) = Checkpoint::unverified(&note) else { return Ok(Vec::new()) };
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if head.size <= *last {
            return Ok(Vec::new());
        }
        let failures: Vec<String> =
            self.targets.iter().filter_map(|target| target.publish(&note, &head, now).err()).collect();
        if failures.is_empty() {
            *last = head.size;
        }
        Ok(failures)
    }

    /// The newest heads that can be read back, with where they are, and which directories have none.
    pub fn published(&self) -> (Vec<(PathBuf, String)>, Vec<String>) {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for target in &self.targets {
            let Target::Directory(dir) = target else { continue };
            let path = dir.join(NEWEST);
            match fs_err::read_to_string(&path) {
                Ok(note) => found.push((path, note)),
                Err(error) => missing.push(error.to_string()),
            }
        }
        (found, missing)
    }
}

impl Target {
    fn publish(&self, note: &str, head: &Checkpoint, now: Instant) -> Result<(), String> {
        match self {
            Self::Directory(dir) => keep(dir, note, head, now),
            Self::Command(command) => tell(command, note),
        }
    }
}

/// Writes a head into a directory, but never over one that ours does not reach.
fn keep(dir: &Path, note: &str, head: &Checkpoint, now: Instant) -> Result<(), String> {
    let newest = dir.join(NEWEST);
    let failed = |error: std::io::Error| format!("a head of the audit log is not published: {error}");
    fs_err::create_dir_all(dir.join(DAYS)).map_err(failed)?;
    if let Ok(there) = fs_err::read_to_string(&newest)
        && let Ok(other) = Checkpoint::unverified(&there)
    {
        if other.origin == head.origin && other.size > head.size {
            return Err(format!(
                "{} holds a head over {} entries, and this log has {}: it is left as it is",
                newest.display(),
                other.size,
                head.size
            ));
        }
        if other.origin != head.origin {
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

/// How our log stands to a published head.
pub fn compare(state: &dyn StateStore, note: &str) -> Result<Standing, StateError> {
    let keys = match state.keeper() {
        Some(keeper) => keeper.log_keys()?.into_iter().map(|key| key.vkey).collect(),
        None => vec![state.verifier_key()?],
    };
    let opened = keys.iter().rev().find_map(|vkey| VerifierKey::parse(vkey).ok()?.open(note).ok());
    let Some(head) = opened else {
        let why = Checkpoint::unverified(note).map_or_else(
            |error| error.to_string(),
            |head| format!("it is a head of {}, not signed with a key of this log", head.origin),
        );
        return Ok(Standing::Foreign(why));
    };
    let own = state.last_checkpoint()?.and_then(|own| Checkpoint::unverified(&own).ok());
    if own.as_ref() == Some(&head) {
        return Ok(Standing::Follows);
    }
    if own.as_ref().is_some_and(|own| own.origin != head.origin) {
        return Ok(Standing::Recovered);
    }
    let (size, _) = state.log_head()?;
    if head.size <= size && root_at(state, head.size)? == head.root {
        return Ok(Standing::Follows);
    }
    Ok(Standing::Forked(Box::new(head)))
}

fn root_at(state: &dyn StateStore, size: u64) -> Result<crate::audit::tree::Hash, StateError> {
    let mut frontier = Frontier::new();
    while frontier.size() < size {
        let want = usize::try_from(size - frontier.size()).unwrap_or(usize::MAX).min(1000);
        let page = state.tree(frontier.size(), want)?;
        if page.is_empty() {
            break;
        }
        for leaf in &page {
            frontier.append(leaf.digest());
        }
    }
    Ok(frontier.root())
}

/// Compares the published heads with our log, and lets the state refuse every write if one of them lies beyond it.
/// What the operator should hear: unreadable heads, foreign heads.
pub fn guard(state: &dyn StateStore, publisher: &Publisher) -> Result<Vec<String>, StateError> {
    let (found, mut warnings) = publisher.published();
    for (path, note) in found {
        match compare(state, &note)? {
            Standing::Follows | Standing::Recovered => {}
            Standing::Foreign(why) => warnings.push(format!("{}: {why}", path.display())),
            Standing::Forked(head) => {
                let (size, _) = state.log_head()?;
                let why = format!(
                    "the published head {} is over {} entries that this audit log ({size} entries) does not lead to: \
                     the state was restored from an older backup, or the log was changed. Nothing is written and \
                     nothing is deleted. Restore the newest state; if it is lost, `forfall audit recover` goes on \
                     under another name and says in the log what was lost",
                    path.display(),
                    head.size
                );
                if let Some(keeper) = state.keeper() {
                    keeper.refuse_writes(&why);
                }
                warnings.push(why);
            }
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests;
