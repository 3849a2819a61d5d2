//! What the audit log says. Closed code lists, counts, digests and identifiers; never a record's key or value.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use super::disposal::{Companion, Intent, Outcome, Recovery};
pub use super::holding::{HeldWindow, HoldNote};
pub use super::running::{Phase, RunNote, Slots, StageDone};
use super::upkeep::{Continues, KeyRotation, Prune};
use crate::model::ids::{BatchId, CaseId, PolicyId, RunId, StoreName};
use crate::time::Instant;

/// One entry: a leaf of the tree is its canonical JSON (RFC 8785).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of this format.
    pub v: u32,
    /// When it was written, UTC, in whole microseconds.
    #[serde(with = "super::canonical::stamp")]
    pub time: Instant,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// The version of the entry format that this program writes.
pub const VERSION: u32 = 1;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "kebab-case")]
pub enum Body {
    /// The log begins.
    Genesis(Genesis),
    /// A policy's text was seen for the first time; the text is kept by its hash.
    Policy(PolicySeen),
    /// Somebody approved a policy.
    Approval(ApprovalGiven),
    /// A run began or ended, or a slot passed without one.
    Run(RunNote),
    /// What is about to be done.
    Intent(Intent),
    /// What was done.
    Outcome(Outcome),
    /// What the store said of a batch that a crash had left open; its outcome follows.
    Recovery(Recovery),
    /// A hold began or ended.
    Hold(HoldNote),
    /// A review case was opened, decided, or came to its end.
    Review(ReviewNote),
    /// An event was recorded or withdrawn.
    Event(EventNote),
    /// Work was paused or resumed.
    Pause(PauseNote),
    /// A key takes over from another.
    KeyRotation(KeyRotation),
    /// Something of the log itself was disposed of.
    Prune(Prune),
    /// Nothing happened, and the log is alive.
    Heartbeat {},
}

/// The word of every kind, in the order of [`Body`].
pub const KINDS: [&str; 14] = [
    "genesis",
    "policy",
    "approval",
    "run",
    "intent",
    "outcome",
    "recovery",
    "hold",
    "review",
    "event",
    "pause",
    "key-rotation",
    "prune",
    "heartbeat",
];

impl Body {
    /// The word under `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Genesis(_) => "genesis",
            Self::Policy(_) => "policy",
            Self::Approval(_) => "approval",
            Self::Run(_) => "run",
            Self::Intent(_) => "intent",
            Self::Outcome(_) => "outcome",
            Self::Recovery(_) => "recovery",
            Self::Hold(_) => "hold",
            Self::Review(_) => "review",
            Self::Event(_) => "event",
            Self::Pause(_) => "pause",
            Self::KeyRotation(_) => "key-rotation",
            Self::Prune(_) => "prune",
            Self::Heartbeat {} => "heartbeat",
        }
    }

    /// The pseudonyms of the people that it speaks of.
    pub fn people(&self) -> Vec<&str> {
        let (by, author) = match self {
            Self::Approval(given) => {
                (Some(&given.by), given.author.as_ref().filter(|author| **author != given.by))
            }
            Self::Hold(note) => (note.by.as_ref(), None),
            Self::Review(note) => (note.by.as_ref(), None),
            Self::Event(note) => (Some(&note.by), None),
            Self::Pause(note) => (Some(&note.by), None),
            _ => (None, None),
        };
        by.into_iter().chain(author).map(String::as_str).collect()
    }

    /// The policy that it speaks of, if it names one.
    pub fn policy(&self) -> Option<&PolicyId> {
        match self {
            Self::Policy(seen) => Some(&seen.policy),
            Self::Approval(given) => Some(&given.policy),
            Self::Run(note) => Some(&note.policy),
            Self::Intent(intent) => Some(&intent.label.policy),
            Self::Outcome(outcome) => Some(&outcome.policy),
            Self::Hold(note) => note.policy.as_ref(),
            Self::Review(note) => Some(&note.policy),
            _ => None,
        }
    }

    /// The run that it belongs to.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Run(note) => Some(note.run),
            Self::Intent(intent) => Some(intent.label.run),
            Self::Outcome(outcome) => Some(outcome.run),
            _ => None,
        }
    }

    /// The batch that it speaks of.
    pub fn batch(&self) -> Option<BatchId> {
        match self {
            Self::Intent(intent) => Some(intent.label.batch),
            Self::Outcome(outcome) => Some(outcome.batch),
            Self::Recovery(recovery) => Some(recovery.batch),
            _ => None,
        }
    }

    /// The store that it names itself. An outcome does not: its intent does.
    pub fn store(&self) -> Option<&StoreName> {
        match self {
            Self::Intent(intent) => Some(&intent.label.store),
            Self::Hold(note) => note.store.as_ref(),
            Self::Review(note) => Some(&note.store),
            _ => None,
        }
    }
}

/// The first entry, and the first under each further name of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The log's origin line.
    pub origin: String,
    /// Its C2SP verifier key.
    pub vkey: String,
    /// What was lost before; absent at the very beginning.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub continues: Option<Continues>,
}

/// A policy's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySeen {
    /// The policy.
    pub policy: PolicyId,
    /// SHA-256 of its text.
    pub hash: String,
}

/// An approval, which binds to exactly this, or that it was cancelled before it let anything happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalGiven {
    /// The policy.
    pub policy: PolicyId,
    /// SHA-256 of its text.
    pub hash: String,
    /// Who, as a pseudonym.
    pub by: String,
    /// How many records were due at that moment.
    pub count: u64,
    /// Digest over the stores' identities and the collections' schemas.
    pub bound_to: String,
    /// Who answers for the text as its author, as a pseudonym: where several people are asked, the author is none of
    /// them. Absent in entries that were written before anybody was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub author: Option<String>,
    /// Why the approval was cancelled: a code. Absent where it is given. `by` is then whoever cancelled it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cancelled: Option<String>,
}

/// What happened to a review case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewNote {
    /// The case.
    pub case: CaseId,
    /// `open`, `propose`, `decide`, `cancel`, `receipt`, `execute` or `lapse`.
    pub change: String,
    /// Who, as a pseudonym; absent for what the program itself does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// The policy.
    pub policy: PolicyId,
    /// The store.
    pub store: StoreName,
    /// The collection.
    pub collection: String,
    /// The class.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class: Option<String>,
    /// The stage, from 1.
    pub stage: usize,
    /// The number of a part of the case: some of its records, decided over by themselves.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<u32>,
    /// The commitments of the records' keys, where single ones were named.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub only: Vec<String>,
    /// How many records wait, or were dealt with.
    pub records: u64,
    /// The records that were due by then are meant.
    #[serde(with = "super::canonical::stamp")]
    pub up_to: Instant,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decision: Option<String>,
    /// Why: a code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The outside authority's reference.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    /// The first day on which that reference is valid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub valid_from: Option<NaiveDate>,
    /// The last day.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub valid_until: Option<NaiveDate>,
}

/// An event recorded or withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventNote {
    /// `add` or `withdraw`.
    pub change: String,
    /// The event's name.
    pub name: String,
    /// Commitment of its key.
    pub key: String,
    /// When it happened.
    #[serde(with = "super::canonical::stamp")]
    pub at: Instant,
    /// Who, as a pseudonym.
    pub by: String,
    /// Why it was withdrawn: a code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Work paused or resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseNote {
    /// `pause` or `resume`.
    pub change: String,
    /// `all`, `policy NAME` or `store NAME`.
    pub scope: String,
    /// Who, as a pseudonym.
    pub by: String,
}
