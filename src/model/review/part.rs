//! Parts of a case: records that were decided over by themselves, while the rest waits.

use serde::{Deserialize, Serialize};

use super::{CaseState, Decision};
use crate::model::key::Key;
use crate::time::Instant;

/// Some records of a case, decided over by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number in the case, from 1. No number is used twice.
    pub number: u32,
    /// The records, sorted. They are forgotten when the decision is carried out.
    #[serde(with = "keys_hex")]
    pub keys: Vec<Key>,
    /// How many they are, or were.
    pub records: u64,
    /// The records that were due by then are meant: a key can come to stand for another record.
    pub seen: Instant,
    /// How far it has come. `Open`: its decision was taken back, and its records wait again whatever the rest of the
    /// case is decided to.
    pub state: CaseState,
    /// What was decided.
    pub decision: Option<Decision>,
}

impl Part {
    /// Whether something is still to come of it.
    pub fn is_under_way(&self) -> bool {
        matches!(self.state, CaseState::Proposed | CaseState::Decided)
    }

    /// The decision, where it stands at `now`. An extension ends with its day.
    pub fn standing(&self, now: Instant) -> Option<&Decision> {
        super::standing(self.state, self.decision.as_ref(), now)
    }

    /// Takes keys out, which are sorted.
    pub(super) fn lose(&mut self, keys: &[Key]) {
        if self.state != CaseState::Executed {
            self.keys.retain(|key| keys.binary_search(key).is_err());
            self.records = self.keys.len() as u64;
        }
    }
}

mod keys_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::model::key::{Key, hex, unhex};

    pub(super) fn serialize<S: Serializer>(keys: &[Key], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(keys.iter().map(|key| hex(key.as_bytes())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Key>, D::Error> {
        let all: Vec<String> = Vec::deserialize(from)?;
        let read = |digits: String| unhex(&digits).map(Key::from_encoded).map_err(D::Error::custom);
        all.into_iter().map(read).collect()
    }
}
