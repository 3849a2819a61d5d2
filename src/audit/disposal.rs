//! What the log says of a batch: what is about to be done, and what was.

use serde::{Deserialize, Serialize};

use crate::model::batch::BatchLabel;
use crate::model::ids::{BatchId, PolicyId, RunId};

/// What is about to be done: durable before anything of it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Which batch, of what.
    pub label: BatchLabel,
    /// SHA-256 of the policy's text.
    pub hash: String,
    /// How many records.
    pub count: u64,
    /// Root of the RFC 6962 tree over the sorted commitments, in hexadecimal.
    pub root: String,
    /// The epoch of the commitment key.
    pub epoch: u32,
    /// What goes with the records in the same store.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub companions: Vec<Companion>,
}

/// Records that go with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// Their collection.
    pub collection: String,
    /// How many.
    pub count: u64,
    /// Root over their sorted commitments.
    pub root: String,
}

/// What was done: exactly one for each intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The batch.
    pub batch: BatchId,
    /// Its run.
    pub run: RunId,
    /// The policy.
    pub policy: PolicyId,
    /// Records on which the action was carried out.
    pub done: u64,
    /// Records that had changed meanwhile.
    pub skipped: u64,
    /// Records that could not be dealt with.
    pub failed: u64,
    /// The commitments of the records of the intent that are still there.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub not_done: Vec<String>,
    /// `marked`: the store keeps a mark of the batch. `observed`: each record was looked at.
    pub basis: String,
}

impl Outcome {
    /// Whether the action was carried out on the record with this commitment (hexadecimal); `None` if the entry
    /// does not say it record by record.
    pub fn includes(&self, commitment: &str) -> Option<bool> {
        let left = self.skipped.saturating_add(self.failed);
        if self.done == 0 || self.not_done.iter().any(|named| named == commitment) {
            Some(false)
        } else if self.not_done.len() as u64 == left {
            Some(true)
        } else {
            None
        }
    }
}

/// What was found out about an open intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The batch.
    pub batch: BatchId,
    /// `done`, `not-done` or `each`.
    pub fate: String,
}
