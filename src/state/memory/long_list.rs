//! A long list of commitments, gathered in memory.

use super::MemoryState;
use crate::audit::commitment::root_of;
use crate::audit::tree::Hash;
use crate::model::ids::BatchId;
use crate::state::api::{Kept, LongList, StateError, StateStore as _, named_twice};

/// A list that is being gathered.
pub(super) struct Gathering<'a> {
    state: &'a MemoryState,
    batch: BatchId,
    all: Vec<Hash>,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(state: &'a MemoryState, batch: BatchId) -> Self {
        Self { state, batch, all: Vec::new() }
    }
}

impl LongList for Gathering<'_> {
    fn add(&mut self, part: &[Hash]) -> Result<(), StateError> {
        self.all.extend_from_slice(part);
        Ok(())
    }

    fn keep(mut self: Box<Self>) -> Result<Kept, StateError> {
        self.all.sort_unstable();
        if self.all.windows(2).any(|two| two[0] == two[1]) {
            return Err(named_twice());
        }
        let (count, root) = (self.all.len() as u64, root_of(&self.all));
        self.state.keep_manifest(&self.batch, &self.all)?;
        Ok(Kept { count, root })
    }
}
