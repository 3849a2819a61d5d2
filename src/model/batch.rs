//! The unit of work: what goes into an intent, and what comes out of it.

use serde::{Deserialize, Serialize};

use super::ids::{BatchId, PolicyId, RunId, StoreName};

/// What a batch does, told before it does it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchLabel {
    /// The batch.
    pub batch: BatchId,
    /// Its run.
    pub run: RunId,
    /// The policy that it carries out.
    pub policy: PolicyId,
    /// The store.
    pub store: StoreName,
    /// The collection.
    pub collection: String,
    /// The class whose stage it is; `None` for the policy's own stages.
    pub class: Option<String>,
    /// The stage's place, counted from 1.
    pub stage: usize,
    /// The action's word.
    pub action: String,
}

/// What became of the records of one intent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Records that the action was carried out on.
    pub done: u64,
    /// Records that had changed meanwhile and were left alone: their places in the batch.
    pub skipped: Vec<Leftover>,
    /// Records that could not be dealt with: their places in the batch.
    pub failed: Vec<Leftover>,
}

/// A record of a batch on which the action was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// Its place in the batch, from 0.
    pub place: usize,
    /// Why, without any value of the record.
    pub reason: String,
    /// Its key, where the batch is no longer at hand: after a crash. Never written down.
    #[serde(skip)]
    pub key: Option<super::key::Key>,
}

/// What the store says of an intent whose outcome was never written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All of it happened.
    Done,
    /// None of it happened.
    NotDone,
    /// Record by record, with what had to be put back or finished.
    Each(Applied),
}
