//! Certificates: one text file that proves offline that one record was dealt with in one batch.
//!
//! The file has sections. The plain-language head is made from the others and never believed: a reader makes it again
//! and compares. The record's commitment leads to the root in the intent's entry, both entries lead to one signed
//! head, and a digest over everything closes the file, so that a changed byte shows even in a cosignature whose key
//! the reader does not have.

mod check;
mod prose;
mod text;

pub use check::{Cosigned, Report, check};
pub use text::CertificateError;

use super::entry::{Body, Companion, Entry, Intent, Outcome};
use super::proof::TlogProof;
use super::tree::Hash;
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyForm};
use crate::time::Instant;

/// The version of the format that this program writes.
pub const VERSION: u32 = 1;

/// What a certificate holds. Nothing of it is verified by being here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The record's store.
    pub store: StoreName,
    /// Its collection.
    pub collection: String,
    /// How its key is spelled.
    pub form: KeyForm,
    /// Its key.
    pub key: Key,
    /// What opens its commitment: `r`.
    pub opening: Hash,
    /// The commitment's place among those of its collection in the batch.
    pub place: u64,
    /// The path from the commitment to the root in the intent.
    pub path: Vec<Hash>,
    /// The entry that announced the batch.
    pub intent: Logged,
    /// The entry that tells how it ended.
    pub outcome: Logged,
    /// The text of the rule as it was then, where it is still known.
    pub policy: Option<String>,
}

/// An entry with the proof that it is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The bytes of the leaf.
    pub leaf: Vec<u8>,
    /// Its proof.
    pub proof: TlogProof,
}

/// What the two entries of a certificate say, read but not verified.
struct Told {
    intent: Intent,
    announced: Instant,
    outcome: Outcome,
    ended: Instant,
}

impl Told {
    fn of(certificate: &Certificate) -> Result<Self, &'static str> {
        let read = |logged: &Logged| Entry::parse(&logged.leaf);
        let intent = read(&certificate.intent).map_err(|_| "the entry of the intent cannot be read")?;
        let outcome = read(&certificate.outcome).map_err(|_| "the entry of the outcome cannot be read")?;
        let Body::Intent(announcement) = intent.body else { return Err("the first entry is no intent") };
        let Body::Outcome(result) = outcome.body else { return Err("the second entry is no outcome") };
        Ok(Self { intent: announcement, announced: intent.time, outcome: result, ended: outcome.time })
    }

    /// How many commitments the record's is among, and the root over them.
    fn tree(&self, certificate: &Certificate) -> Result<(u64, &str), &'static str> {
        let label = &self.intent.label;
        if label.store != certificate.store {
            return Err("the batch was in another store");
        }
        if label.collection == certificate.collection {
            return Ok((self.intent.count, &self.intent.root));
        }
        let companion = self.companion(&certificate.collection);
        companion.map(|with| (with.count, with.root.as_str())).ok_or("the batch was of another collection")
    }

    fn companion(&self, collection: &str) -> Option<&Companion> {
        self.intent.companions.iter().find(|with| with.collection == collection)
    }
}

/// Whether the outcome says that the action was carried out on a record of that collection with this commitment
/// (hexadecimal). What goes with a record is not told one by one: it went if all of its batch did.
pub fn carried_out(intent: &Intent, outcome: &Outcome, collection: &str, commitment: &str) -> Option<bool> {
    if intent.label.collection == collection {
        return outcome.includes(commitment);
    }
    match outcome.done {
        0 => Some(false),
        done if done == intent.count => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
