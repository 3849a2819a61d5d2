//! A batch that a worker has deleted, on its way to the engine and back.

use std::sync::Arc;
use std::time::Duration;

use super::worker::{Order, Struck};
use super::{Ahead, Places};
use crate::adapter::api::{Basis, HeadStart, Prepared, StoreError};
use crate::model::batch::Applied;
use crate::model::ids::BatchId;
use crate::model::key::Key;
use crate::time::{Clock as _, SystemClock};

/// What a worker has deleted.
pub(super) struct Found<Q> {
    pub(super) place: usize,
    pub(super) places: Places,
    pub(super) struck: Struck,
    /// How long that took.
    pub(super) took: Duration,
    /// Runs since that began.
    pub(super) since: SystemClock,
    /// How many records it should come to when it was begun, and the next one now.
    pub(super) begun: usize,
    pub(super) want: usize,
    pub(super) question: Arc<Q>,
}

/// A batch of one worker, deleted and not committed.
pub(super) struct Handed<'a, Q: Send + Sync + 'static> {
    pub(super) ahead: &'a mut Ahead<Q>,
    pub(super) batch: BatchId,
    pub(super) found: Found<Q>,
    pub(super) open: bool,
}

impl<Q: Send + Sync + 'static> Handed<'_, Q> {
    fn take_back(&mut self) -> Result<(), StoreError> {
        self.open = false;
        self.ahead.hush();
        self.ahead.left.push_front(self.found.places.clone());
        self.ahead.workers[self.found.place].end(Order::Abort)
    }
}

impl<Q: Send + Sync + 'static> Prepared for Handed<'_, Q> {
    fn records(&self) -> &[Key] {
        &self.found.struck.records
    }

    fn companions(&self) -> Vec<(String, Vec<Key>)> {
        Vec::new()
    }

    fn spool(&self) -> Vec<u8> {
        self.found.struck.spool.clone()
    }

    fn head_start(&self) -> Option<HeadStart> {
        let Found { begun, took, since, .. } = &self.found;
        Some(HeadStart { want: *begun, took: *took, open: since.monotonic() })
    }

    fn basis(&self) -> Basis {
        Basis::Marked
    }

    fn commit(mut self: Box<Self>) -> Result<Applied, StoreError> {
        self.open = false;
        let ended = self.ahead.workers[self.found.place].end(Order::Commit(self.batch));
        if ended.is_err() {
            self.ahead.hush();
        }
        ended?;
        // The worker goes on while the outcome is written.
        let (want, question) = (self.found.want, Arc::clone(&self.found.question));
        let done = self.found.struck.records.len() as u64;
        if let Err(error) = self.ahead.feed(want, &question) {
            // This batch is done all the same; the next one will say what is wrong.
            tracing::debug!(%error, "the next batch was not begun");
        }
        self.ahead.tell(0);
        self.ahead.listener = None;
        Ok(Applied { done, ..Applied::default() })
    }

    fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        self.take_back()
    }
}

impl<Q: Send + Sync + 'static> Drop for Handed<'_, Q> {
    fn drop(&mut self) {
        if self.open {
            drop(self.take_back());
        }
    }
}
