//! Reads a whole log against a signed head and says what was found, what was checked, and what cannot be known from
//! the log alone. Needs no state and no configuration: leaves, a head and the log's public key.

mod batches;
mod chain;
mod closed;
mod heads;
mod quick;
mod reading;
mod said;

use chrono::TimeDelta;
use serde::Serialize;

use super::entry::Body;
use super::note::VerifierKey;
use super::tree::{Frontier, Hash};
use batches::Batches;
use chain::Chain;
use heads::Head;
use reading::{Read, Told, What};
use said::{Check, Failed};

use crate::model::key::hex;
use crate::time::Instant;

/// How far an entry may be dated before the one in front of it: clocks are corrected, and processes wait for one
/// another while they append.
pub const BACKWARDS: TimeDelta = TimeDelta::minutes(5);

/// More problems than this are counted, not listed.
const LISTED: usize = 100;

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing is wrong with what could be checked.
    pub ok: bool,
    /// How many entries were read.
    pub size: u64,
    /// The root over them, in hexadecimal.
    pub root: String,
    /// How many batches began.
    pub intents: u64,
    /// How many of them have an outcome.
    pub outcomes: u64,
    /// How many have none: running now, or left open by a crash and not yet resolved.
    pub open: u64,
    /// What was checked and found right, each a sentence.
    pub checked: Vec<String>,
    /// What cannot be known from what was given, each a sentence.
    pub not_checked: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What a reader should know and what breaks no promise of the log: a clock that was wrong.
    pub remarks: Vec<Problem>,
    /// How many entries were pruned: of these only the digest is there.
    pub pruned: u64,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The entry where it shows; `None` if it concerns the whole log.
    pub index: Option<u64>,
    /// What is wrong with it, and what that means.
    pub text: String,
}

/// Verifies leaves against a signed head. `since` is an older head that was kept elsewhere: only against such a one
/// does it show when the end of the log was cut off or the log was written anew.
pub fn verify<L: AsRef<[u8]>>(
    leaves: impl IntoIterator<Item = L>,
    checkpoint: &str,
    vkey: &str,
    since: Option<&str>,
) -> Report {
    let mut verifier = Verifier::new(checkpoint, vkey, since);
    for leaf in leaves {
        verifier.leaf(leaf.as_ref());
    }
    verifier.finish()
}

/// A verification under way: give it every leaf in order, then ask for the report.
#[derive(Clone, Debug)]
pub struct Verifier {
    chain: Chain,
    head: Head,
    since: Option<Head>,
    frontier: Frontier,
    pruned: u64,
    /// The highest minimum index that a prune entry declares.
    minimum: u64,
    newest: Option<Instant>,
    batches: Batches,
    found: Found,
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
struct Found {
    problems: Vec<Problem>,
    /// How many problems are not listed.
    unlisted: u64,
    failed: Failed,
    remarks: Vec<Problem>,
    /// How often an entry is dated far before the one in front of it.
    backwards: u64,
}

impl Found {
    fn problem(&mut self, check: Check, index: Option<u64>, text: impl Into<String>) {
        self.failed.insert(check);
        if self.problems.len() < LISTED {
            self.problems.push(Problem { index, text: text.into() });
        } else {
            self.unlisted += 1;
        }
    }

    fn backwards(&mut self, index: u64, text: String) {
        self.backwards += 1;
        if self.remarks.len() < LISTED {
            self.remarks.push(Problem { index: Some(index), text });
        }
    }
}

impl Verifier {
    /// Takes the heads. What is wrong with them shows in the report.
    pub fn new(checkpoint: &str, vkey: &str, since: Option<&str>) -> Self {
        let key = VerifierKey::parse(vkey);
        let mut new = Self {
            chain: Chain::new(key.as_ref().ok().cloned()),
            head: Head::new(checkpoint),
            since: since.map(Head::new),
            frontier: Frontier::new(),
            pruned: 0,
            minimum: 0,
            newest: None,
            batches: Batches::default(),
            found: Found::default(),
        };
        if let Err(error) = key {
            new.found.problem(Check::Keys, None, error.to_string());
        }
        new.reached();
        new
    }

    /// How many entries the checkpoint is over; `None` if it cannot be read.
    pub fn signed_size(&self) -> Option<u64> {
        self.head.size()
    }

    /// Takes the next leaf.
    pub fn leaf(&mut self, leaf: &[u8]) {
        self.take(Read::entry(leaf));
    }

    /// Takes the next leaf where only its digest is left: its entry was pruned.
    pub fn pruned(&mut self, digest: Hash) {
        self.take(Read::Pruned(digest));
    }

    /// Takes what was read of the next leaf.
    fn take(&mut self, read: Read) {
        let index = self.frontier.size();
        match read {
            Read::Entry(digest, entry) => {
                self.frontier.append(digest);
                match entry {
                    Ok(told) => self.told(index, told),
                    Err(error) => self.found.problem(Check::Form, Some(index), error.to_string()),
                }
            }
            Read::Pruned(digest) => {
                if self.pruned != index {
                    let text = "its text is missing, while older entries have theirs";
                    self.found.problem(Check::Form, Some(index), text);
                }
                self.pruned = index + 1;
                self.frontier.append(digest);
            }
        }
        self.reached();
    }

    /// Remembers the root at the size of a head.
    fn reached(&mut self) {
        self.head.reached(&self.frontier);
        if let Some(since) = &mut self.since {
            since.reached(&self.frontier);
        }
    }

    fn told(&mut self, index: u64, told: Told) {
        self.time(index, told.time);
        let (found, at) = (&mut self.found, Some(index));
        let is_genesis = matches!(&told.what, What::Other(body) if matches!(**body, Body::Genesis(_)));
        if index == 0 && !is_genesis {
            found.problem(Check::Keys, at, "the first entry is not the genesis entry");
        }
        let is_pruned = self.pruned > 0;
        let wrong = |check: Check, text: String| found.problem(check, at, text);
        match told.what {
            What::Begun(begun) => self.batches.intent(begun, is_pruned, wrong),
            What::Ended(ended) => self.batches.outcome(index, &ended, is_pruned, wrong),
            What::Other(body) => self.other(index, *body),
        }
    }

    fn other(&mut self, index: u64, body: Body) {
        let (found, at) = (&mut self.found, Some(index));
        match body {
            Body::Genesis(genesis) => {
                if let Some(wrong) = self.chain.genesis(index, &genesis) {
                    found.problem(Check::Keys, at, wrong);
                }
            }
            Body::KeyRotation(rotation) => {
                if let Some(wrong) = self.chain.rotation(index, &rotation) {
                    found.problem(Check::Keys, at, wrong);
                }
            }
            Body::Prune(prune) => self.minimum = self.minimum.max(prune.minimum.unwrap_or(0)),
            Body::Approval(given) if given.cancelled.is_none() => self.batches.approved(given.policy),
            Body::Recovery(recovery) => {
                if let Some(wrong) = self.batches.recovery(index, &recovery) {
                    found.problem(Check::Recoveries, at, wrong);
                }
            }
            _ => {}
        }
    }

    /// The order of entries is certain, whatever the clock said: one that was wrong is told, and is no damage.
    fn time(&mut self, index: u64, time: Instant) {
        if let Some(newest) = self.newest.filter(|newest| time < *newest - BACKWARDS) {
            let text = format!(
                "its time {time} is more than {} minutes before {newest}, the time of the entry in front of it: the \
                 clock was wrong at one of them",
                BACKWARDS.num_minutes()
            );
            self.found.backwards(index, text);
            self.batches.clock_was_set_back();
        }
        self.newest = Some(time);
    }

    /// The report over everything given so far.
    pub fn finish(mut self) -> Report {
        let size = self.frontier.size();
        let found = &mut self.found;
        if size == 0 {
            found.problem(Check::Form, None, "the log is empty: not even a genesis entry is there");
        } else if !self.chain.knows_given() {
            found.problem(Check::Keys, Some(0), "it names another key or origin: another log");
        }
        if self.pruned > self.minimum {
            let text =
                format!("{} entries lost their text, and no entry says that they were pruned", self.pruned);
            found.problem(Check::Form, None, text);
        }
        // A head that does not hold says nothing: the report claims nothing of what it is over.
        if let Some(wrong) = self.head.wrong_as_newest(&self.chain, size) {
            found.problem(Check::Head, None, wrong);
            self.head.says = None;
        }
        if let Some(since) = &mut self.since
            && let Some(wrong) = since.wrong_as_older(&self.chain, size)
        {
            found.problem(Check::Head, None, wrong);
            since.says = None;
        }
        let (checked, not_checked) = (self.checked(), self.not_checked());
        let Found { mut problems, unlisted, remarks, .. } = self.found;
        if unlisted > 0 {
            let text = format!("{unlisted} further problems are not listed");
            problems.push(Problem { index: None, text });
        }
        Report {
            ok: problems.is_empty(),
            size,
            root: hex(&self.frontier.root()),
            intents: self.batches.closed() + self.batches.open(),
            outcomes: self.batches.closed(),
            open: self.batches.open(),
            checked,
            not_checked,
            problems,
            remarks,
            pruned: self.pruned,
        }
    }
}

#[cfg(test)]
mod tests;
