//! Reads a whole log against a signed head and says what was found, what was checked, and what cannot be known from
//! the log alone. Needs no state and no configuration: leaves, a head and the log's public key.

mod chain;
mod closed;

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use serde::Serialize;

use super::entry::{Body, Entry, Intent, Outcome, Recovery};
use super::note::{Checkpoint, VerifierKey};
use super::tree::{Frontier, Hash, leaf_hash};
use chain::Chain;
use closed::Closed;

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
    head: Option<Head>,
    since: Option<Head>,
    frontier: Frontier,
    pruned: u64,
    /// The highest minimum index that a prune entry declares.
    minimum: u64,
    newest: Option<Instant>,
    open: HashMap<BatchId, Open>,
    closed: Closed,
    approved: HashSet<PolicyId>,
    problems: Vec<Problem>,
    unlisted: u64,
}

/// A head as it was given. Who signed it is settled at the end, when all keys of the log are known.
#[derive(Clone, Debug)]
struct Head {
    note: String,
    /// What it says; `None` if it cannot be read.
    says: Option<Checkpoint>,
    /// The log's root at its size, once it is reached.
    found: Option<Hash>,
}

impl Head {
    fn new(note: &str) -> Self {
        Self { note: note.to_owned(), says: Checkpoint::unverified(note).ok(), found: None }
    }

    fn size(&self) -> Option<u64> {
        self.says.as_ref().map(|says| says.size)
    }
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
    /// Takes the heads. What is wrong with them shows in the report.
    pub fn new(checkpoint: &str, vkey: &str, since: Option<&str>) -> Self {
        let key = VerifierKey::parse(vkey);
        let mut new = Self {
            chain: Chain::new(key.as_ref().ok().cloned()),
            head: Some(Head::new(checkpoint)),
            since: since.map(Head::new),
            frontier: Frontier::new(),
            pruned: 0,
            minimum: 0,
            newest: None,
            open: HashMap::new(),
            closed: Closed::default(),
            approved: HashSet::new(),
            problems: Vec::new(),
            unlisted: 0,
        };
        if let Err(error) = key {
            new.problem(None, error.to_string());
        }
        new.note_roots();
        new
    }

    /// How many entries the checkpoint is over; `None` if it cannot be read.
    pub fn signed_size(&self) -> Option<u64> {
        self.head.as_ref().and_then(Head::size)
    }

    /// Takes the next leaf.
    pub fn leaf(&mut self, leaf: &[u8]) {
        let index = self.frontier.size();
        self.frontier.append(leaf_hash(leaf));
        match Entry::parse(leaf) {
            Ok(entry) => self.entry(index, &entry),
            Err(error) => self.problem(Some(index), error.to_string()),
        }
        self.note_roots();
    }

    /// Takes the next leaf where only its digest is left: its entry was pruned.
    pub fn pruned(&mut self, digest: Hash) {
        let index = self.frontier.size();
        if self.pruned != index {
            self.problem(Some(index), "its text is missing, while older entries have theirs".to_owned());
        }
        self.pruned = index + 1;
        self.frontier.append(digest);
        self.note_roots();
    }

    /// Remembers the root at the size of a head.
    fn note_roots(&mut self) {
        let size = self.frontier.size();
        for head in [&mut self.head, &mut self.since].into_iter().flatten() {
            if head.size() == Some(size) {
                head.found = Some(self.frontier.root());
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
        if index == 0 && !matches!(entry.body, Body::Genesis(_)) {
            self.problem(Some(index), "the first entry is not the genesis entry".to_owned());
        }
        match &entry.body {
            Body::Genesis(genesis) => {
                if let Some(wrong) = self.chain.genesis(index, genesis) {
                    self.problem(Some(index), wrong.to_owned());
                }
            }
            Body::KeyRotation(rotation) => {
                if let Some(wrong) = self.chain.rotation(index, rotation) {
                    self.problem(Some(index), wrong.to_owned());
                }
            }
            Body::Prune(prune) => self.minimum = self.minimum.max(prune.minimum.unwrap_or(0)),
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
        if !self.approved.contains(&label.policy) && self.pruned == 0 {
            let text = format!("the policy {} acted before anybody had approved it", label.policy);
            self.problem(Some(index), text);
        }
        let open =
            Open { count: intent.count, run: label.run, policy: label.policy.clone(), recovered_at: None };
        if self.closed.contains(label.batch) || self.open.insert(label.batch, open).is_some() {
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
            // The intent of a batch that crashed may be far older than its outcome.
            if self.pruned > 0 && !self.closed.contains(batch) {
                return self.closed.insert(batch);
            }
            let text = if self.closed.contains(batch) {
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
        } else if !self.chain.knows_given() {
            self.problem(Some(0), "it names another key or origin: another log".to_owned());
        }
        if self.pruned > self.minimum {
            let text =
                format!("{} entries lost their text, and no entry says that they were pruned", self.pruned);
            self.problem(None, text);
        }
        self.settle_head();
        self.settle_since();
        let (checked, not_checked) = (self.checked(), self.not_checked());
        if self.unlisted > 0 {
            let text = format!("{} further problems are not listed", self.unlisted);
            self.problems.push(Problem { index: None, text });
        }
        Report {
            ok: self.problems.is_empty(),
            size,
            root: hex(&self.frontier.root()),
            intents: self.closed.count() + self.open.len() as u64,
            outcomes: self.closed.count(),
            open: self.open.len() as u64,
            checked,
            not_checked,
            problems: self.problems,
            pruned: self.pruned,
        }
    }

    /// Who signed the newest head, and whether the entries lead to it.
    fn settle_head(&mut self) {
        let Some(head) = self.head.take() else { return };
        match self.chain.open_newest(&head.note, head.size().unwrap_or(0)) {
            Err(error) => self.problem(None, format!("the checkpoint of the log: {error}")),
            Ok(says) => {
                let size = self.frontier.size();
                if says.size > size {
                    let text = format!(
                        "the checkpoint is over {} entries, and {size} are there: the rest is lost",
                        says.size
                    );
                    self.problem(None, text);
                } else if head.found != Some(says.root) {
                    let text = format!(
                        "the root over the first {} entries is not the signed one: an entry was changed, removed, \
                         inserted or moved",
                        says.size
                    );
                    self.problem(None, text);
                }
                self.head = Some(head);
            }
        }
    }

    /// The same for the older head.
    fn settle_since(&mut self) {
        let Some(since) = &self.since else { return };
        let text = match self.chain.open_older(&since.note) {
            Err(error) => format!("the older checkpoint: {error}"),
            Ok(says) => match self.chain.declared_loss(&says) {
                Some(loss) => format!(
                    "the older checkpoint is over {} entries, and only the first {} of them are there: the log itself \
                     says that the others were lost and that it goes on under another name",
                    says.size, loss.kept
                ),
                None if says.size > self.frontier.size() => format!(
                    "the older checkpoint is over {} entries, and {} are there: the end was cut off",
                    says.size,
                    self.frontier.size()
                ),
                None if since.found != Some(says.root) => format!(
                    "the first {} entries are not those of the older checkpoint: the log was written anew",
                    says.size
                ),
                None => return,
            },
        };
        self.problem(None, text);
        self.since = self.since.take().map(|since| Head { says: None, ..since });
    }

    fn checked(&self) -> Vec<String> {
        let mut checked = Vec::new();
        if let Some(head) = self.head.as_ref().and_then(|head| head.says.as_ref()) {
            checked.push(format!("{} signed the checkpoint", head.origin));
            checked
                .push(format!("the entries are the {} of the checkpoint, unchanged and in order", head.size));
            checked.push(
                "the genesis entry is the first, and it or a signed handover names this key".to_owned(),
            );
        }
        if let Some(since) = self.since.as_ref().and_then(|since| since.says.as_ref()) {
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
        match &self.since {
            None => not_checked.push(
                "whether the end was cut off, or all of it written anew by the holder of the key: \
                 give a checkpoint that was kept elsewhere (--since)"
                    .to_owned(),
            ),
            Some(since) if since.says.is_none() => {
                not_checked.push("that the log goes on from the older checkpoint: it does not".to_owned());
            }
            Some(_) => {}
        }
        if self.pruned > 0 {
            not_checked.push(format!(
                "what the first {} entries said: they were pruned, and their digests stand for them",
                self.pruned
            ));
        }
        let signed = self.head.as_ref().and_then(Head::size).unwrap_or(0);
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
