//! Reads a whole log against a signed head and says what was found, what was checked, and what cannot be known from
//! the log alone. Needs no state and no configuration: leaves, a head and the log's public key.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use serde::Serialize;

use super::entry::{Body, Entry, Intent, Outcome, Recovery};
use super::note::{Checkpoint, VerifierKey};
use super::tree::{Frontier, Hash, leaf_hash};
use crate::model::ids::{BatchId, PolicyId, RunId};
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
    /// What was checked, each a sentence.
    pub checked: Vec<String>,
    /// What cannot be known from what was given, each a sentence.
    pub not_checked: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
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
    vkey: Option<VerifierKey>,
    head: Option<Checkpoint>,
    since: Option<Checkpoint>,
    wants_since: bool,
    frontier: Frontier,
    newest: Option<Instant>,
    open: HashMap<BatchId, Open>,
    closed: HashSet<BatchId>,
    approved: HashSet<PolicyId>,
    problems: Vec<Problem>,
    unlisted: u64,
}

/// An intent that has no outcome yet.
#[derive(Clone, Debug)]
struct Open {
    count: u64,
    run: RunId,
    policy: PolicyId,
    recovered_at: Option<u64>,
}

impl Verifier {
    /// Opens the heads. What is wrong with them shows in the report.
    pub fn new(checkpoint: &str, vkey: &str, since: Option<&str>) -> Self {
        let mut new = Self {
            vkey: None,
            head: None,
            since: None,
            wants_since: since.is_some(),
            frontier: Frontier::new(),
            newest: None,
            open: HashMap::new(),
            closed: HashSet::new(),
            approved: HashSet::new(),
            problems: Vec::new(),
            unlisted: 0,
        };
        match VerifierKey::parse(vkey) {
            Err(error) => new.problem(None, error.to_string()),
            Ok(key) => {
                new.head = new.open_head(&key, checkpoint, "the checkpoint of the log");
                new.since = since.and_then(|note| new.open_head(&key, note, "the older checkpoint"));
                new.vkey = Some(key);
            }
        }
        new.compare_roots();
        new
    }

    fn open_head(&mut self, key: &VerifierKey, note: &str, which: &str) -> Option<Checkpoint> {
        match key.open(note) {
            Ok(head) => Some(head),
            Err(error) => {
                self.problem(None, format!("{which}: {error}"));
                None
            }
        }
    }

    /// How many entries the checkpoint is over; `None` if it is not valid.
    pub fn signed_size(&self) -> Option<u64> {
        self.head.as_ref().map(|head| head.size)
    }

    /// Takes the next leaf.
    pub fn leaf(&mut self, leaf: &[u8]) {
        let index = self.frontier.size();
        self.frontier.append(leaf_hash(leaf));
        match Entry::parse(leaf) {
            Ok(entry) => self.entry(index, &entry),
            Err(error) => self.problem(Some(index), error.to_string()),
        }
        self.compare_roots();
    }

    /// At the size of a head the root must be the head's.
    fn compare_roots(&mut self) {
        let size = self.frontier.size();
        let differs = |head: &Option<Checkpoint>, root: Hash| {
            head.as_ref().is_some_and(|head| head.size == size && head.root != root)
        };
        if [&self.head, &self.since].iter().any(|head| head.as_ref().is_some_and(|head| head.size == size)) {
            let root = self.frontier.root();
            if differs(&self.head, root) {
                self.problem(
                    None,
                    format!("the root over the first {size} entries is not the signed one: an entry was changed, removed, inserted or moved"),
                );
            }
            if differs(&self.since, root) {
                self.problem(
                    None,
                    format!("the first {size} entries are not those of the older checkpoint: the log was written anew"),
                );
            }
        }
    }

    fn entry(&mut self, index: u64, entry: &Entry) {
        if let Some(newest) = self.newest.filter(|newest| entry.time < *newest - BACKWARDS) {
            let text = format!(
                "its time {} is more than {} minutes before {newest}, the time of the entry in front of it: \
                 the clock was wrong then",
                entry.time,
                BACKWARDS.num_minutes()
            );
            self.problem(Some(index), text);
        }
        self.newest = Some(entry.time);
        if (index == 0) != matches!(entry.body, Body::Genesis(_)) {
            self.problem(Some(index), "the first entry, and no other, is the genesis entry".to_owned());
        }
        match &entry.body {
            Body::Genesis(genesis) => {
                let named =
                    |key: &VerifierKey| genesis.vkey == key.to_string() && genesis.origin == key.name();
                if self.vkey.as_ref().is_some_and(|key| !named(key)) {
                    self.problem(Some(index), "it names another key or origin: another log".to_owned());
                }
            }
            Body::Approval(given) => {
                self.approved.insert(given.policy.clone());
            }
            Body::Intent(intent) => self.intent(index, intent),
            Body::Recovery(recovery) => self.recovery(index, recovery),
            Body::Outcome(outcome) => self.outcome(index, outcome),
            _ => {}
        }
    }

    fn intent(&mut self, index: u64, intent: &Intent) {
        let label = &intent.label;
        if !self.approved.contains(&label.policy) {
            let text = format!("the policy {} acted before anybody had approved it", label.policy);
            self.problem(Some(index), text);
        }
        let open =
            Open { count: intent.count, run: label.run, policy: label.policy.clone(), recovered_at: None };
        if self.closed.contains(&label.batch) || self.open.insert(label.batch, open).is_some() {
            self.problem(Some(index), format!("batch {} has a second intent", label.batch));
        }
    }

    fn recovery(&mut self, index: u64, recovery: &Recovery) {
        let batch = recovery.batch;
        match self.open.get_mut(&batch) {
            Some(open) if open.recovered_at.is_none() => open.recovered_at = Some(index),
            Some(_) => self.problem(Some(index), format!("batch {batch} was recovered before")),
            None => self.problem(Some(index), format!("batch {batch} was not open, and yet was recovered")),
        }
    }

    fn outcome(&mut self, index: u64, outcome: &Outcome) {
        let batch = outcome.batch;
        let Some(open) = self.open.remove(&batch) else {
            let text = if self.closed.contains(&batch) {
                format!("batch {batch} has a second outcome")
            } else {
                format!("batch {batch} has an outcome without an intent before it")
            };
            return self.problem(Some(index), text);
        };
        self.closed.insert(batch);
        let left = outcome.skipped.saturating_add(outcome.failed);
        if outcome.done.saturating_add(left) != open.count {
            let text = format!(
                "batch {batch} announced {} records and accounts for {} done and {left} left alone",
                open.count, outcome.done
            );
            self.problem(Some(index), text);
        }
        if outcome.not_done.len() as u64 > left {
            self.problem(Some(index), format!("batch {batch} names more records than it left alone"));
        }
        if outcome.run != open.run || outcome.policy != open.policy {
            self.problem(
                Some(index),
                format!("batch {batch} ends under another run or policy than it began"),
            );
        }
        if open.recovered_at.is_some_and(|at| at + 1 != index) {
            self.problem(
                Some(index),
                format!("other entries stand between the recovery of batch {batch} and this"),
            );
        }
    }

    fn problem(&mut self, index: Option<u64>, text: String) {
        if self.problems.len() < LISTED {
            self.problems.push(Problem { index, text });
        } else {
            self.unlisted += 1;
        }
    }

    /// The report over everything given so far.
    pub fn finish(mut self) -> Report {
        let size = self.frontier.size();
        if size == 0 {
            self.problem(None, "the log is empty: not even a genesis entry is there".to_owned());
        }
        if let Some(head) = self.head.as_ref().map(|head| head.size).filter(|head| *head > size) {
            self.problem(
                None,
                format!("the checkpoint is over {head} entries, and {size} are there: the rest is lost"),
            );
        }
        if let Some(since) = self.since.as_ref().map(|since| since.size).filter(|since| *since > size) {
            let text = format!(
                "the older checkpoint is over {since} entries, and {size} are there: the end was cut off"
            );
            self.problem(None, text);
        }
        let (checked, not_checked) = (self.checked(), self.not_checked());
        if self.unlisted > 0 {
            let text = format!("{} further problems are not listed", self.unlisted);
            self.problems.push(Problem { index: None, text });
        }
        Report {
            ok: self.problems.is_empty(),
            size,
            root: hex(&self.frontier.root()),
            intents: (self.closed.len() + self.open.len()) as u64,
            outcomes: self.closed.len() as u64,
            open: self.open.len() as u64,
            checked,
            not_checked,
            problems: self.problems,
        }
    }

    fn checked(&self) -> Vec<String> {
        let mut checked = Vec::new();
        if let (Some(key), Some(head)) = (&self.vkey, &self.head) {
            checked.push(format!("{} signed the checkpoint", key.name()));
            checked
                .push(format!("the entries are the {} of the checkpoint, unchanged and in order", head.size));
            checked.push("the genesis entry is the first and names this key".to_owned());
        }
        if let Some(since) = &self.since {
            checked.push(format!(
                "nothing of the older checkpoint over {} entries was changed or lost",
                since.size
            ));
        }
        checked.extend([
            "every entry can be read and has its one canonical form".to_owned(),
            format!("times do not run backwards by more than {} minutes", BACKWARDS.num_minutes()),
            "each policy was approved before its first batch".to_owned(),
            "each batch has one intent and at most one outcome, which accounts for every record announced"
                .to_owned(),
            "each recovery stands directly before the outcome that it explains".to_owned(),
        ]);
        checked
    }

    fn not_checked(&self) -> Vec<String> {
        let mut not_checked = Vec::new();
        if self.head.is_none() {
            not_checked.push(
                "who wrote the entries, and whether they are all there: no valid checkpoint".to_owned(),
            );
        }
        if self.since.is_none() {
            not_checked.push(if self.wants_since {
                "whether the end was cut off: the older checkpoint is not valid".to_owned()
            } else {
                "whether the end was cut off, or all of it written anew by the holder of the key: \
                 give a checkpoint that was kept elsewhere (--since)"
                    .to_owned()
            });
        }
        let signed = self.head.as_ref().map_or(0, |head| head.size);
        if self.head.is_some() && self.frontier.size() > signed {
            let beyond = self.frontier.size() - signed;
            not_checked.push(format!("the newest {beyond} entries: they are not under the checkpoint"));
        }
        if !self.open.is_empty() {
            not_checked.push(format!("what became of {} batches that have no outcome yet", self.open.len()));
        }
        not_checked
            .push("which records stand behind the roots of the intents: see their certificates".to_owned());
        not_checked
            .push("whether the stores did what the outcomes say, and whether other copies exist".to_owned());
        not_checked
    }
}

#[cfg(test)]
mod tests;
