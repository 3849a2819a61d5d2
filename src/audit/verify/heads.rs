//! The two heads that a log is held against: its newest, and an older one that was kept elsewhere.

use super::chain::Chain;
use crate::audit::note::Checkpoint;
use crate::audit::tree::{Frontier, Hash};

/// A head as it was given. Who signed it is settled at the end, when all keys of the log are known.
#[derive(Clone, Debug)]
pub(super) struct Head {
    note: String,
    /// What it says; `None` if it cannot be read, or turned out not to hold.
    pub(super) says: Option<Checkpoint>,
    /// The log's root at its size, once it is reached.
    found: Option<Hash>,
}

impl Head {
    pub(super) fn new(note: &str) -> Self {
        Self { note: note.to_owned(), says: Checkpoint::unverified(note).ok(), found: None }
    }

    pub(super) fn size(&self) -> Option<u64> {
        self.says.as_ref().map(|says| says.size)
    }

    /// Remembers the root if the log has just reached the size of the head.
    pub(super) fn reached(&mut self, frontier: &Frontier) {
        if self.size() == Some(frontier.size()) {
            self.found = Some(frontier.root());
        }
    }

    /// What is wrong with it as the newest head of a log of `size` entries.
    pub(super) fn wrong_as_newest(&self, chain: &Chain, size: u64) -> Option<String> {
        let says = match chain.open_newest(&self.note, self.size().unwrap_or(0)) {
            Err(error) => return Some(format!("the checkpoint of the log: {error}")),
            Ok(says) => says,
        };
        if says.size > size {
            Some(format!(
                "the checkpoint is over {} entries, and {size} are there: the rest is lost",
                says.size
            ))
        } else if self.found != Some(says.root) {
            Some(format!(
                "the root over the first {} entries is not the signed one: an entry was changed, removed, inserted \
                 or moved",
                says.size
            ))
        } else {
            None
        }
    }

    /// What is wrong with it as an older head, or with the log if it is right.
    pub(super) fn wrong_as_older(&self, chain: &Chain, size: u64) -> Option<String> {
        let says = match chain.open_older(&self.note) {
            Err(error) => return Some(format!("the older checkpoint: {error}")),
            Ok(says) => says,
        };
        if let Some(loss) = chain.declared_loss(&says) {
            return Some(format!(
                "the older checkpoint is over {} entries, and only the first {} of them are there: the log itself \
                 says that the others were lost and that it goes on under another name",
                says.size, loss.kept
            ));
        }
        if says.size > size {
            Some(format!(
                "the older checkpoint is over {} entries, and {size} are there: the end was cut off",
                says.size
            ))
        } else if self.found != Some(says.root) {
            Some(format!(
                "the first {} entries are not those of the older checkpoint: the log was written anew",
                says.size
            ))
        } else {
            None
        }
    }
}
