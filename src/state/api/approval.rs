//! What somebody approved, and the forecast that was made then.

use serde::{Deserialize, Serialize};

use super::Actor;
use crate::model::ids::{PolicyId, StoreName};
use crate::model::schema::Identity;
use crate::time::Instant;

/// What an approval is bound to, and what it lets happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The policy.
    pub policy: PolicyId,
    /// SHA-256 of its text.
    pub hash: String,
    /// The text that was approved: a later text is compared with it to tell a dangerous edit from a harmless one.
    pub text: String,
    /// What its due dates rest on beside the text (`Policy::footing`).
    #[serde(default)]
    pub footing: String,
    /// When.
    pub at: Instant,
    /// Who answers for the text as its author. It goes into the log as a pseudonym and is read from there.
    #[serde(skip)]
    pub author: Option<Actor>,
    /// So many people have to approve it: as many as its text asks for, or the text before it if that was more.
    #[serde(default)]
    pub asked: u32,
    /// How many records were due.
    pub count: u64,
    /// The identity of each store.
    pub identities: Vec<(StoreName, Identity)>,
    /// The fingerprint of each `[[data]]`'s schema, in order.
    pub fingerprints: Vec<String>,
    /// The forecast made at that moment.
    pub curves: Vec<Curve>,
    /// Somebody has taken it back before it let anything happen: it is in force no more, and none before it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Cancelled>,
}

/// When and why an approval was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// When.
    pub at: Instant,
    /// Why: a code.
    pub reason: String,
}

/// The forecast for one data binding, class and stage: how many unheld records will be due at each instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// `data/class/stage`, such as `0/-/2`.
    pub of: String,
    /// When it was made.
    pub made: Instant,
    /// All records of the collection that this stage could ever act on, as far as counted.
    pub remaining: u64,
    /// Cumulative counts at rising instants.
    pub points: Vec<(Instant, u64)>,
    /// The same for records that other rows still reached: they go as soon as nothing needs them. Empty where the
    /// stage has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<(Instant, u64)>,
    /// The count on which the far end of it rests, if that may serve the next forecast as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Whole>,
}

/// A count of everything that a forecast looks ahead to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// When it was made.
    pub at: Instant,
    /// The last point that was counted with the curve itself, where those behind it were taken over from that count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Instant>,
    /// What decided which records were counted: the policy's hash, its footing and the collection's schema.
    pub basis: String,
}
