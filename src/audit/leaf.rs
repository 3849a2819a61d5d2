//! A leaf of the log's tree, as it is kept.

use super::tree::{Hash, leaf_hash};

/// A leaf of the log's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// The bytes of an entry.
    Entry(Vec<u8>),
    /// The digest that stands for an entry whose text was pruned.
    Pruned(Hash),
}

impl Leaf {
    /// Its digest.
    pub fn digest(&self) -> Hash {
        match self {
            Self::Entry(bytes) => leaf_hash(bytes),
            Self::Pruned(digest) => *digest,
        }
    }
}
