//! Holds: what they cover, and the question that decides whether a record may go.

use std::collections::HashSet;

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use super::ids::{HoldId, PolicyId, StoreName};
use super::key::Key;
use super::pattern::Pattern;
use super::predicate::Predicate;
use super::target::Target;
use crate::time::Instant;

/// How long what was held stays after the hold has ended: a release is no trigger.
pub const AFTER_THE_END: TimeDelta = TimeDelta::hours(24);

/// A hold in force: nothing that it covers is disposed of until it is released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its identifier.
    pub id: HoldId,
    /// What it is in law.
    #[serde(default, skip_serializing_if = "HoldKind::is_legal")]
    pub kind: HoldKind,
    /// What it covers.
    pub scope: HoldScope,
    /// A code, never a person's name: it stands in the audit log.
    pub reason: String,
    /// The matter that it belongs to; several holds may share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matter: Option<String>,
    /// Who ordered it.
    pub authority: Option<String>,
    /// When it took effect: it protects against every batch that starts after this.
    pub since: Instant,
    /// When somebody must look at it again.
    pub review: Option<NaiveDate>,
    /// When it ends by itself, if that was said when it was put in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// When it was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Instant>,
}

/// What a hold is in law.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldKind {
    /// Evidence, a claim, an inspection: a duty to keep that no policy foresaw.
    #[default]
    Legal,
    /// Restriction of processing under article 18 of the GDPR: the person concerned is told before it is lifted.
    Restriction,
}

impl HoldKind {
    /// How the log and the command line spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Legal => "legal",
            Self::Restriction => "restriction",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference to the field")]
    fn is_legal(&self) -> bool {
        *self == Self::Legal
    }
}

impl Hold {
    /// When it ended or will end, if that is known: by a release, or by itself.
    pub fn end(&self) -> Option<Instant> {
        [self.released, self.until].into_iter().flatten().min()
    }

    /// From when on a run may take again what was held.
    pub fn gives_back(&self) -> Option<Instant> {
        self.end().and_then(|end| end.checked_add_signed(AFTER_THE_END))
    }

    /// Whether it still keeps what it covers: it does for a day after its end.
    pub fn keeps(&self, now: Instant) -> bool {
        self.gives_back().is_none_or(|back| now < back)
    }

    /// Whether it has ended, although it may still keep something.
    pub fn has_ended(&self, now: Instant) -> bool {
        self.end().is_some_and(|end| end <= now)
    }
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
    /// Records for which this condition is true or unknown, as a policy's `when` is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Records whose starting point lies in this window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Window>,
    /// What lay under the policy when the hold was put in force: it is held too when another policy binds it later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// A collection of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The store.
    pub store: StoreName,
    /// The collection.
    pub collection: String,
}

/// A window of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first instant.
    pub from: Instant,
    /// The last.
    pub to: Instant,
}

impl HoldScope {
    /// Whether only the store can tell which records it covers: no list of keys does.
    pub fn asks_the_store(&self) -> bool {
        self.when.is_some() || self.between.is_some()
    }

    /// Whether it covers whatever lies in its place.
    pub fn is_whole(&self) -> bool {
        self.key.is_none() && !self.asks_the_store()
    }

    /// Whether it means records of this target, or what goes along with them: a window over a store that holds only
    /// what goes along means the records to which that belongs.
    pub fn means_records_of(&self, policy: &PolicyId, target: &Target) -> bool {
        let own = self.touches(policy, &target.store, &target.collection);
        own || self.when.is_none()
            && target.goes_along().any(|(store, collection)| self.touches(policy, store, collection))
    }

    /// Whether it reaches into this collection at all.
    pub fn touches(&self, policy: &PolicyId, store: &StoreName, collection: &str) -> bool {
        let place = |place: &Place| place.store == *store && place.collection == collection;
        self.policy.as_ref().is_none_or(|held| held == policy || self.places.iter().any(place))
            && self.store.as_ref().is_none_or(|held| held == store)
            && self.collection.as_ref().is_none_or(|held| held == collection)
    }

    /// Whether it can mean what goes with records in another store. A key without a place means a record.
    pub fn reaches_along(&self) -> bool {
        self.key.is_none() || self.store.is_some() || self.collection.is_some()
    }
}

/// The holds that reach into one collection under one policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// All of it.
    pub everything: bool,
    /// These records.
    pub keys: HashSet<Key>,
    /// Records for which one of these is true or unknown.
    pub conditions: Vec<Predicate>,
}

impl Held {
    /// The part of `holds` that matters here and that can be told by keys.
    pub fn of<'a>(
        holds: impl IntoIterator<Item = &'a Hold>,
        policy: &PolicyId,
        store: &StoreName,
        collection: &str,
    ) -> Self {
        let mut held = Self::default();
        let by_key = |hold: &&Hold| !hold.scope.asks_the_store();
        for hold in holds.into_iter().filter(by_key) {
            if !hold.scope.touches(policy, store, collection) {
                continue;
            }
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
                .any(|hold| hold.scope.is_whole() && hold.scope.touches(policy, store, &with.collection)),
        });
        held
    }

    /// Whether this record is held, as far as its key tells.
    pub fn covers(&self, key: &Key) -> bool {
        self.everything || self.keys.contains(key)
    }

    /// Whether nothing is held here.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.keys.is_empty() && self.conditions.is_empty()
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
    // A path says by itself that it is one of the files that go along, whatever policy it was held under.
    let pattern = Pattern::parse(collection).ok().filter(|_| collection.contains(['{', '*']));
    let is_one = |key: &Key| pattern.as_ref().is_some_and(|pattern| pattern.matches(key.as_bytes()));
    let named = |hold: &Hold| match &hold.scope.key {
        None => true,
        Some(key) => hold.scope.collection.is_some() || (hold.scope.store.is_some() && is_one(key)),
    };
    let by_key = |hold: &Hold| !hold.scope.asks_the_store();
    holds.into_iter().any(|hold| named(hold) && by_key(hold) && hold.scope.touches(policy, store, collection))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A file is held by its path alone, whatever binds it: also as something that goes with a record.
    #[test]
    fn a_held_path_is_found_among_what_goes_along() {
        let id = "019a3f6e-0000-7000-8000-000000000001".parse().unwrap();
        let store = StoreName::new("cctv");
        let scope = HoldScope {
            store: Some(store.clone()),
            key: Some(Key::from_path(b"thumbs/20260101.jpg")),
            ..HoldScope::default()
        };
        let hold = Hold {
            id,
            kind: HoldKind::Legal,
            scope,
            reason: String::new(),
            matter: None,
            authority: None,
            since: chrono::DateTime::UNIX_EPOCH,
            review: None,
            until: None,
            released: None,
        };
        let policy = PolicyId::new("cctv");
        let found = |store: &StoreName, collection: &str| along([&hold], &policy, store, collection);
        assert!(found(&store, "thumbs/{recorded}.jpg"));
        assert!(!found(&store, "clips/{recorded}.jpg"), "it is none of these");
        assert!(!found(&store, "comment"), "a table");
        assert!(!found(&StoreName::new("other"), "thumbs/{recorded}.jpg"));
    }
}
