//! The Merkle tree of RFC 6962 section 2.1 over SHA-256.
//!
//! Proofs are described by the ranges of leaves whose subtree roots they consist of, so that a log of any length can
//! make them while reading its leaves once, and nothing but the right-hand edge ([`Frontier`]) is ever stored.

use std::ops::Range;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256 over `0x00` and its bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into()
}

/// The hash of an inner node: SHA-256 over `0x01`, left and right.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1_u8; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The right-hand edge of a tree: the roots of its largest complete subtrees, left to right. It is all that
/// appending needs, and takes 32 bytes for each one bit in the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// A stored frontier that does not fit together.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the stored edge of the tree has the wrong length for its size")]
pub struct BadFrontier;

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree over these leaf hashes.
    pub fn over(leaves: &[Hash]) -> Self {
        let mut frontier = Self::new();
        for leaf in leaves {
            frontier.append(*leaf);
        }
        frontier
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("each trailing one bit of the size has its peak");
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root. Of the empty tree: SHA-256 over nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Sha256::digest([]).into(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }

    /// The size, big-endian, and the peaks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 32 * self.peaks.len());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend(self.peaks.iter().flatten());
        bytes
    }

    /// What [`Frontier::to_bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadFrontier> {
        let (size, peaks) = bytes.split_first_chunk::<8>().ok_or(BadFrontier)?;
        let size = u64::from_be_bytes(*size);
        let (peaks, rest) = peaks.as_chunks::<32>();
        if !rest.is_empty() || peaks.len() != size.count_ones() as usize {
            return Err(BadFrontier);
        }
        Ok(Self { size, peaks: peaks.to_vec() })
    }
}

/// The root over leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    Frontier::over(leaves).root()
}

/// The subtrees whose roots prove that leaf `index` is in a tree of `size`, nearest first (RFC 6962 2.1.1).
///
/// # Panics
/// If the tree has no such leaf.
pub fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    assert!(index < size, "a tree of {size} leaves has no leaf {index}");
    let mut ranges = Vec::new();
    let (mut from, mut to) = (0, size);
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            ranges.push(middle..to);
            to = middle;
        } else {
            ranges.push(from..middle);
            from = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The subtrees whose roots prove that the tree of `old` leaves is a beginning of the tree of `new` (RFC 6962 2.1.2).
///
/// # Panics
/// If `old` is greater than `new`.
pub fn consistency_ranges(old: u64, new: u64) -> Vec<Range<u64>> {
    assert!(old <= new, "a tree of {new} leaves cannot contain one of {old}");
    let mut ranges = Vec::new();
    if old == 0 || old == new {
        return ranges;
    }
    let (mut from, mut to) = (0, new);
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            ranges.push(middle..to);
            to = middle;
        } else {
            ranges.push(from..middle);
            from = middle;
        }
    }
    // The verifier has the old root already, which is this last subtree if it is all of the old tree.
    if from != 0 {
        ranges.push(from..to);
    }
    ranges.reverse();
    ranges
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Proves that leaf `index` is among `leaves`.
pub fn prove_inclusion(leaves: &[Hash], index: u64) -> Vec<Hash> {
    roots(leaves, inclusion_ranges(index, leaves.len() as u64))
}

/// Proves that the first `old` of `leaves` are a beginning of all of them.
pub fn prove_consistency(leaves: &[Hash], old: u64) -> Vec<Hash> {
    roots(leaves, consistency_ranges(old, leaves.len() as u64))
}

fn roots(leaves: &[Hash], ranges: Vec<Range<u64>>) -> Vec<Hash> {
    let at = |place: u64| usize::try_from(place).expect("a place in a slice fits the machine");
    ranges.into_iter().map(|range| root(&leaves[at(range.start)..at(range.end)])).collect()
}

/// Whether the proof shows that the leaf with this hash is at `index` in the tree of `size` with this root
/// (RFC 9162 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the proof shows that the tree of `old` leaves with `old_root` is a beginning of the tree of `new` leaves
/// with `new_root` (RFC 9162 2.1.4.2). The empty tree is a beginning of every tree.
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == Frontier::new().root();
    }
    let (first, rest) = match (old.is_power_of_two(), proof) {
        (true, rest) => (*old_root, rest),
        (false, [first, rest @ ..]) => (*first, rest),
        (false, []) => return false,
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests;
