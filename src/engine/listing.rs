//! A batch's list of commitments on its way to the disk: written beside everything else that has to be done before
//! the commit, and waited for then.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::Engine;
use crate::audit::tree::Hash;
use crate::model::ids::BatchId;
use crate::state::api::StateError;

/// A list that is being written. Dropping it waits too, so that nothing is written after somebody removed the list.
#[derive(Debug)]
pub(super) struct Listing(Option<JoinHandle<Result<(), StateError>>>);

impl Listing {
    /// Begins to write the sorted commitments of a batch.
    pub(super) fn begin(engine: &Engine, batch: BatchId, sorted: Arc<Vec<Hash>>) -> Self {
        let state = Arc::clone(&engine.state);
        Self(Some(thread::spawn(move || state.keep_manifest(&batch, &sorted))))
    }

    /// Waits until the list is durable.
    pub(super) fn durable(mut self) -> Result<(), StateError> {
        self.0.take().map_or(Ok(()), |writing| writing.join().expect("writing a list does not panic"))
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        if let Some(writing) = self.0.take() {
            // Whoever drops it has another reason not to go on.
            let _ = writing.join();
        }
    }
}
