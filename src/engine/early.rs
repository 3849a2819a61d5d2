//! A batch's commitments and their list, made while the store still works on it and on the batch before it.
//!
//! While a walk prepares one batch, it tells which records the next one will probably have. Another thread makes their
//! commitments and begins to write the list, so that a batch that lies ready does not wait for them. What was made early
//! counts only if the batch has exactly those records in that order; otherwise it is thrown away and made again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use super::Engine;
use super::evidence::forget;
use super::listing::Listing;
use crate::adapter::api::Walk;
use crate::audit::commitment;
use crate::audit::tree::Hash;
use crate::model::batch::BatchLabel;
use crate::model::key::{Key, KeyList};
use crate::state::api::EpochKey;

/// Below so many records the commitments take less time than a thread.
pub(super) const WORTHWHILE: usize = 500;

/// A thread that makes what can be made early for one batch. Dropping it waits for its end, and leaves nothing behind.
pub(super) struct Maker {
    engine: Engine,
    label: BatchLabel,
    making: Option<JoinHandle<Option<Early>>>,
}

/// What was made early for a batch.
pub(super) struct Early {
    /// The records that were told, part by part.
    records: Vec<KeyList>,
    /// Their commitments, in their order.
    pub(super) commitments: Vec<Hash>,
    /// The root of the tree over them.
    pub(super) root: Hash,
    /// Their list.
    pub(super) listing: Listing,
}

impl Maker {
    /// Begins for the batch after the one that `walk` is asked for next: about `want` records, to be called `label`.
    pub(super) fn begin(
        engine: &Engine,
        epoch: &EpochKey,
        label: BatchLabel,
        want: usize,
        walk: &mut dyn Walk,
    ) -> Self {
        let (told, maker) = Self::listen(engine, epoch, label, want);
        walk.foretell(told, want);
        maker
    }

    fn listen(engine: &Engine, epoch: &EpochKey, label: BatchLabel, want: usize) -> (Sender<KeyList>, Self) {
        let (told, parts) = channel();
        let (on, epoch, of) = (engine.clone(), epoch.clone(), label.clone());
        let making = thread::spawn(move || make(&on, &epoch, &of, want, parts));
        (told, Self { engine: engine.clone(), label, making: Some(making) })
    }

    /// What the batch is called.
    pub(super) fn label(&self) -> &BatchLabel {
        &self.label
    }

    /// Waits for what was made; `None` if nothing was told.
    pub(super) fn finish(mut self) -> Option<Early> {
        self.made()
    }

    fn made(&mut self) -> Option<Early> {
        self.making.take().and_then(|making| making.join().expect("making commitments does not panic"))
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        if let Some(early) = self.made() {
            drop(early);
            forget(&self.engine, &self.label);
        }
    }
}

impl Early {
    /// Whether it is about exactly these records in this order.
    pub(super) fn is_of(&self, records: &[Key]) -> bool {
        let told = self.records.iter().flat_map(KeyList::encoded);
        told.eq(records.iter().map(Key::as_bytes))
    }
}

/// One thread for all of it: the store has work to do as well.
fn make(
    engine: &Engine,
    epoch: &EpochKey,
    label: &BatchLabel,
    want: usize,
    parts: Receiver<KeyList>,
) -> Option<Early> {
    let (mut records, mut commitments) = (Vec::new(), Vec::with_capacity(want));
    for part in parts {
        let (store, collection) = (&label.store, &label.collection);
        commitment::commit_part(&epoch.key, &label.batch, store, collection, &part, &mut commitments);
        records.push(part);
    }
    if commitments.is_empty() {
        return None;
    }
    let mut sorted = commitments.clone();
    sorted.sort_unstable_by(commitment::order);
    let sorted = Arc::new(sorted);
    let listing = Listing::begin(engine, label.batch, Arc::clone(&sorted));
    let root = commitment::root_of(&sorted);
    Some(Early { records, commitments, root, listing })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
    use crate::state::memory::MemoryState;
    use crate::time::{Instant, ManualClock};

    fn engine() -> Engine {
        let now: Instant = "2026-11-01T12:00:00Z".parse().unwrap();
        Engine {
            clock: Arc::new(ManualClock::new(now)),
            state: Arc::new(MemoryState::new(now)),
            stores: Arc::default(),
            recompile: Arc::new(|_, _| None),
        }
    }

    fn label(engine: &Engine) -> BatchLabel {
        let now = engine.clock.now();
        BatchLabel {
            batch: BatchId::at(now),
            run: RunId::at(now),
            policy: PolicyId::new("calls"),
            store: StoreName::new("pbx"),
            collection: "call".to_owned(),
            class: None,
            stage: 1,
            action: "delete".to_owned(),
        }
    }

    /// Tells the keys in two parts.
    fn told(engine: &Engine, label: &BatchLabel, keys: &[Key]) -> Maker {
        let epoch = engine.state.epoch_key().unwrap();
        let (to, maker) = Maker::listen(engine, &epoch, label.clone(), keys.len());
        for part in keys.chunks(keys.len().div_ceil(2).max(1)) {
            let mut list = KeyList::default();
            for key in part {
                list.push(key);
            }
            to.send(list).unwrap();
        }
        maker
    }

    #[test]
    fn what_is_made_early_is_what_would_be_made_later() {
        let engine = engine();
        let label = label(&engine);
        let keys: Vec<Key> = (0..5_001).rev().map(Key::from_int).collect();
        let early = told(&engine, &label, &keys).finish().unwrap();
        let epoch = engine.state.epoch_key().unwrap();
        let mut later = commitment::commit_all(&epoch.key, &label.batch, &label.store, "call", &keys);
        assert_eq!(early.commitments, later);
        assert_eq!(early.root, commitment::records_root(&mut later));
        early.listing.durable().unwrap();
        assert_eq!(engine.state.manifest(&label.batch).unwrap(), Some(later));
    }

    #[test]
    fn it_counts_for_exactly_its_records() {
        let engine = engine();
        let label = label(&engine);
        let keys: Vec<Key> = (0..10).map(Key::from_int).collect();
        let early = told(&engine, &label, &keys).finish().unwrap();
        assert!(early.is_of(&keys));
        assert!(!early.is_of(&keys[1..]) && !early.is_of(&keys[..9]) && !early.is_of(&[]));
        let mut others = keys.clone();
        others.push(Key::from_int(10));
        assert!(!early.is_of(&others));
        others.pop();
        others.swap(3, 4);
        assert!(!early.is_of(&others));
        others.swap(3, 4);
        others[9] = Key::from_int(11);
        assert!(!early.is_of(&others));
    }

    #[test]
    fn a_batch_that_does_not_come_leaves_no_list() {
        let engine = engine();
        let label = label(&engine);
        let keys: Vec<Key> = (0..10).map(Key::from_int).collect();
        drop(told(&engine, &label, &keys));
        assert_eq!(engine.state.manifest(&label.batch).unwrap(), None);
        assert!(told(&engine, &label, &[]).finish().is_none(), "nothing was told");
    }
}
