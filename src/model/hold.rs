//! Holds: what they cover, and the question that decides whether a record may go.

use std::collections::HashSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::ids::{HoldId, PolicyId, StoreName};
use super::key::Key;
use super::target::Target;
use crate::time::Instant;

/// A hold in force: nothing that it covers is disposed of until it is released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its identifier.
    pub id: HoldId,
    /// What it covers.
    pub scope: HoldScope,
    /// A code, never a person's name: it stands in the audit log.
    pub reason: String,
    /// Who ordered it.
    pub authority: Option<String>,
    /// When it took effect: it protects against every batch that starts after this.
    pub since: Instant,
    /// When somebody must look at it again.
    pub review: Option<NaiveDate>,
}

/// What a hold covers: everything that matches all the parts that are given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldScope {
    /// Records under this policy.
    pub policy: Option<PolicyId>,
    /// Records in this store.
    pub store: Option<StoreName>,
    /// Records in this collection of the store.
    pub collection: Option<String>,
    /// The record with this key (hexadecimal of its encoding).
    #[serde(with = "key_hex", default)]
    pub key: Option<Key>,
}

impl HoldScope {
    /// Whether it reaches into this collection at all.
    pub fn touches(&self, policy: &PolicyId, store: &StoreName, collection: &str) -> bool {
        self.policy.as_ref().is_none_or(|held| held == policy)
            && self.store.as_ref().is_none_or(|held| held == store)
            && self.collection.as_ref().is_none_or(|held| held == collection)
    }

    /// Whether it can mean what goes with records in another store. A key without a place means a record.
    pub fn reaches_along(&self) -> bool {
        self.key.is_none() || self.store.is_some() || self.collection.is_some()
    }
}

/// The holds that reach into one collection under one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// All of it.
    pub everything: bool,
    /// These records.
    pub keys: HashSet<Key>,
}

impl Held {
    /// The part of `holds` that matters here.
    pub fn of<'a>(
        holds: impl IntoIterator<Item = &'a Hold>,
        policy: &PolicyId,
        store: &StoreName,
        collection: &str,
    ) -> Self {
        let mut held = Self::default();
        for hold in holds.into_iter().filter(|hold| hold.scope.touches(policy, store, collection)) {
            match &hold.scope.key {
                Some(key) => {
                    held.keys.insert(key.clone());
                }
                None => held.everything = true,
            }
        }
        held
    }

    /// The part of `holds` that matters for the records of a target. What goes with a record is held with it. A hold
    /// on a collection that goes along in the same store holds every record, because which of them it means is not
    /// known before they go; for another store `engine/along.rs` has found the records of each held key.
    pub fn of_data<'a>(
        holds: &(impl IntoIterator<Item = &'a Hold> + Clone),
        policy: &PolicyId,
        target: &Target,
    ) -> Self {
        let mut held = Self::of(holds.clone(), policy, &target.store, &target.collection);
        held.everything |= target.with.iter().any(|with| match &with.store {
            None => along(holds.clone(), policy, &target.store, &with.collection),
            Some(store) => holds
                .clone()
                .into_iter()
                .any(|hold| hold.scope.key.is_none() && hold.scope.touches(policy, store, &with.collection)),
        });
        held
    }

    /// Whether this record is held.
    pub fn covers(&self, key: &Key) -> bool {
        self.everything || self.keys.contains(key)
    }

    /// Whether nothing is held here.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.keys.is_empty()
    }
}

/// Whether a hold covers a collection whose rows or files go with records. A key alone means a record, not what goes
/// with one.
pub fn along<'a>(
    holds: impl IntoIterator<Item = &'a Hold>,
    policy: &PolicyId,
    store: &StoreName,
    collection: &str,
) -> bool {
    let named = |hold: &Hold| hold.scope.key.is_none() || hold.scope.collection.is_some();
    holds.into_iter().any(|hold| named(hold) && hold.scope.touches(policy, store, collection))
}

mod key_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::model::key::{Key, hex, unhex};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(super) fn serialize<S: Serializer>(key: &Option<Key>, to: S) -> Result<S::Ok, S::Error> {
        match key {
            Some(key) => to.serialize_some(&hex(key.as_bytes())),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Key>, D::Error> {
        let digits: Option<String> = Option::deserialize(from)?;
        digits.map(|digits| unhex(&digits).map(Key::from_encoded).map_err(D::Error::custom)).transpose()
    }
}
