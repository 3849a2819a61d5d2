//! Records without a start, in memory.

use std::collections::BTreeMap;

use super::MemoryState;
use super::remembered::SECRET;
use crate::model::ids::PolicyId;
use crate::state::api::StateError;
use crate::state::unsettled::{Followed, Look, Mark, Place, Seen, UnsettledBook};
use crate::time::Instant;

/// What is known of one place.
#[derive(Debug)]
pub(super) struct Known {
    looked: Instant,
    beyond: u64,
    marks: BTreeMap<Mark, Instant>,
}

impl UnsettledBook for MemoryState {
    fn look_at(&self, place: &Place) -> Result<Look, StateError> {
        let inner = self.lock();
        let known = inner.unsettled.get(place).into_iter().flat_map(|known| known.marks.keys().copied());
        Ok(Look::new(place.clone(), SECRET, known.collect()))
    }

    fn keep_seen(&self, now: Instant, place: &Place, seen: &Seen) -> Result<(), StateError> {
        let mut inner = self.lock();
        let fresh = Known { looked: now, beyond: 0, marks: BTreeMap::new() };
        let known = inner.unsettled.entry(place.clone()).or_insert(fresh);
        (known.looked, known.beyond) = (now, seen.beyond);
        for mark in &seen.gone {
            known.marks.remove(mark);
        }
        for mark in &seen.new {
            known.marks.entry(*mark).or_insert(now);
        }
        Ok(())
    }

    fn followed(&self, policy: &PolicyId) -> Result<Vec<Followed>, StateError> {
        let inner = self.lock();
        let own = inner.unsettled.iter().filter(|(place, _)| place.policy == *policy);
        let followed = own.map(|(place, known)| {
            let mut since: BTreeMap<Instant, u64> = BTreeMap::new();
            for first in known.marks.values() {
                *since.entry(*first).or_default() += 1;
            }
            Followed {
                place: place.clone(),
                looked: known.looked,
                since: since.into_iter().collect(),
                beyond: known.beyond,
            }
        });
        Ok(followed.collect())
    }

    fn follow_only(&self, policy: &PolicyId, places: &[Place]) -> Result<(), StateError> {
        self.lock().unsettled.retain(|place, _| place.policy != *policy || places.contains(place));
        Ok(())
    }
}
