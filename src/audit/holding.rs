//! What the log says of holds.

use serde::{Deserialize, Serialize};

use crate::model::ids::{HoldId, PolicyId, StoreName};
use crate::time::Instant;

/// A hold's beginning or end. A held key and a condition appear as commitments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldNote {
    /// The hold.
    pub hold: HoldId,
    /// `add`, `review` where its next one was set, `release`, or `end` where it ended by itself.
    pub change: String,
    /// Who, as a pseudonym; absent for what the program itself does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// The policy.
    pub policy: Option<PolicyId>,
    /// The store.
    pub store: Option<StoreName>,
    /// The collection.
    pub collection: Option<String>,
    /// Commitment of the record's key.
    pub key: Option<String>,
    /// Commitment of the condition that the records meet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub condition: Option<String>,
    /// The window in which the starting points of the records lie.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub between: Option<HeldWindow>,
    /// It is a restriction of processing (GDPR article 18).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub restriction: bool,
    /// The reason code.
    pub reason: String,
    /// The matter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub matter: Option<String>,
    /// Who ordered it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authority: Option<String>,
    /// The day of its review.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub review: Option<String>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
}

/// A window of time, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldWindow {
    /// The first instant.
    #[serde(with = "super::canonical::stamp")]
    pub from: Instant,
    /// The last.
    #[serde(with = "super::canonical::stamp")]
    pub to: Instant,
}
