//! Heads kept elsewhere: where every new one goes, and whether ours follows from the newest that is there.

mod http;
mod target;

use std::sync::{Mutex, PoisonError};

use super::api::{StateError, StateStore};
use crate::audit::note::{Checkpoint, VerifierKey};
use crate::audit::tree::Frontier;
use crate::audit::verify::{Problem, Report};
use crate::time::Instant;

pub use http::HeadUrl;
pub use target::Target;

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
    /// The size of the newest head that each target has.
    last: Mutex<Vec<u64>>,
}

/// What was found where heads were copied to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The newest heads, each with its place.
    pub heads: Vec<(String, String)>,
    /// Places where there is none to compare with, each a sentence that says why.
    pub missing: Vec<String>,
}

impl Publisher {
    /// A publisher that has published nothing yet.
    pub fn new(targets: Vec<Target>) -> Self {
        let last = Mutex::new(vec![0; targets.len()]);
        Self { targets, last }
    }

    /// Copies the newest head to each target that does not have it yet. What went wrong, a sentence for each target;
    /// the next call tries again.
    pub fn publish(&self, state: &dyn StateStore, now: Instant) -> Result<Vec<String>, StateError> {
        let Some(note) = state.last_checkpoint()?.filter(|_| !self.targets.is_empty()) else {
            return Ok(Vec::new());
        };
        let Ok(head) = Checkpoint::unverified(&note) else { return Ok(Vec::new()) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failures = Vec::new();
        for (target, last) in self.targets.iter().zip(last.iter_mut()).filter(|(_, last)| **last < head.size)
        {
            match target.publish(&note, &head, now) {
                Ok(()) => *last = head.size,
                Err(why) => failures.push(why),
            }
        }
        Ok(failures)
    }

    /// Reads the newest heads back from where that can be done. May wait for servers, seconds for each.
    pub fn published(&self) -> Published {
        let mut published = Published::default();
        for target in &self.targets {
            match target.read_back() {
                Some(Ok(note)) => published.heads.push((target.to_string(), note)),
                Some(Err(why)) => published.missing.push(why),
                None => {}
            }
        }
        published
    }

    /// The places that can never be asked what they have.
    pub fn unreadable(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| matches!(target, Target::Command(_)))
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
pub fn guard(state: &dyn StateStore, published: &Published) -> Result<Vec<String>, StateError> {
    let not_compared = |why: &String| format!("not compared with the audit log: {why}");
    let mut warnings: Vec<String> = published.missing.iter().map(not_compared).collect();
    for (place, note) in &published.heads {
        match compare(state, note)? {
            Standing::Follows | Standing::Recovered => {}
            Standing::Foreign(why) => warnings.push(format!("{place}: {why}")),
            Standing::Forked(head) => {
                let (size, _) = state.log_head()?;
                let why = format!(
                    "the published head {place} is over {} entries that this audit log ({size} entries) does not lead to: \
                     the state was restored from an older backup, or the log was changed. Nothing is written and \
                     nothing is deleted. Restore the newest state; if it is lost, `forfall audit recover` goes on \
                     under another name and says in the log what was lost",
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

/// Puts into a report on this state's log what the published heads say of it, and which of them could not be asked.
pub fn tell(
    state: &dyn StateStore,
    publisher: &Publisher,
    published: &Published,
    report: &mut Report,
) -> Result<(), StateError> {
    for (place, note) in &published.heads {
        match compare(state, note)? {
            Standing::Follows => {
                report.checked.push(format!("the log leads to the head published at {place}"));
            }
            Standing::Recovered => report
                .not_checked
                .push(format!("the head published at {place}: it is under a former name of the log")),
            Standing::Foreign(why) => {
                report.not_checked.push(format!("the head published at {place}: {why}"));
            }
            Standing::Forked(head) => {
                let text = format!(
                    "the head published at {place} is over {} entries that this log does not lead to",
                    head.size
                );
                report.problems.push(Problem { index: None, text });
                report.ok = false;
            }
        }
    }
    report.not_checked.extend(published.missing.iter().map(|why| format!("a published head: {why}")));
    let silent =
        publisher.unreadable().map(|target| format!("what {target} did with the heads that it was given"));
    report.not_checked.extend(silent);
    Ok(())
}

#[cfg(test)]
mod tests;
