//! Events in memory.

use super::remembered::{Remembered, SECRET};
use crate::audit::commitment::event_commitment;
use crate::model::key::hex;
use crate::state::api::{Actor, Earlier, EventRecord, Withdrawn};
use crate::state::notes;
use crate::time::Instant;

impl Remembered {
    pub(super) fn add_events(
        &mut self,
        now: Instant,
        by: &Actor,
        events: &[EventRecord],
    ) -> Vec<Option<Earlier>> {
        let by = self.pseudonym(by);
        let mut before = Vec::new();
        for event in events {
            let place = (event.name.clone(), event.key.clone());
            let earlier = self.events.get(&place).copied();
            before.push(earlier);
            if earlier.is_none_or(|earlier| earlier.at != event.at) {
                self.append(now, notes::event(event, by.clone(), commitment(&event.name, &event.key), None));
                let recorded = earlier.map_or(Some(now), |earlier| earlier.recorded);
                self.events.insert(place, Earlier { at: event.at, recorded });
            }
        }
        before
    }

    pub(super) fn withdraw_event(
        &mut self,
        now: Instant,
        by: &Actor,
        name: &str,
        key: &str,
        reason: &str,
    ) -> Option<Earlier> {
        let earlier = self.events.remove(&(name.to_owned(), key.to_owned()))?;
        let event = EventRecord { name: name.to_owned(), key: key.to_owned(), at: earlier.at };
        let by = self.pseudonym(by);
        self.append(now, notes::event(&event, by, commitment(name, key), Some(reason)));
        self.withdrawn.push(Withdrawn { event, at: now, reason: reason.to_owned() });
        Some(earlier)
    }

    pub(super) fn withdrawn_events(&self, name: Option<&str>) -> Vec<Withdrawn> {
        let wanted = |one: &&Withdrawn| name.is_none_or(|name| name == one.event.name);
        let mut all: Vec<Withdrawn> = self.withdrawn.iter().filter(wanted).cloned().collect();
        all.sort_by(|one, two| {
            let place = |one: &Withdrawn| (one.event.name.clone(), one.event.key.clone(), one.at);
            place(one).cmp(&place(two))
        });
        all
    }
}

fn commitment(name: &str, key: &str) -> String {
    hex(&event_commitment(&SECRET, name, key))
}
