//! What the log says of runs.

use serde::{Deserialize, Serialize};

use crate::model::ids::{PolicyId, RunId, StoreName};
use crate::model::run::{RunState, Trigger};
use crate::time::Instant;

/// A run's beginning or end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNote {
    /// The run.
    pub run: RunId,
    /// The policy.
    pub policy: PolicyId,
    /// SHA-256 of its text.
    pub hash: String,
    /// `started` or `finished`.
    pub phase: Phase,
    /// Why it began.
    pub trigger: Trigger,
    /// The slots that it stands for: the first missed one to the newest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slots: Option<Slots>,
    /// The instant up to which records are due.
    #[serde(with = "super::canonical::stamp")]
    pub cutoff: Instant,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<RunState>,
    /// Why it ended so: a sentence without anything of a record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What each stage did.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stages: Vec<StageDone>,
}

/// Slots that one run stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// The first.
    #[serde(with = "super::canonical::stamp")]
    pub first: Instant,
    /// The newest.
    #[serde(with = "super::canonical::stamp")]
    pub last: Instant,
    /// How many.
    pub count: u64,
}

/// A run's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It began.
    Started,
    /// It ended.
    Finished,
}

/// What one stage of one data binding did in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageDone {
    /// The store.
    pub store: StoreName,
    /// The collection.
    pub collection: String,
    /// The class.
    pub class: Option<String>,
    /// The stage, from 1.
    pub stage: usize,
    /// The action's word.
    pub action: String,
    /// Records that were due and not held when the run began.
    #[serde(default)]
    pub due: u64,
    /// Records on which it was carried out.
    pub done: u64,
    /// Records left alone because they changed meanwhile or are held.
    pub skipped: u64,
    /// Records that could not be dealt with.
    pub failed: u64,
}
