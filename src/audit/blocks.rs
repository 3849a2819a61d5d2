//! The root over sorted commitments that come block by block, because there are too many of them to be held at once.

use super::commitment::root_of;
use super::tree::{Frontier, Hash};

/// So many commitments are one block. A power of two: then each full block is a complete subtree, and the tree over
/// the roots of the blocks has the root of the tree over all of them (RFC 6962 cuts at the largest power of two).
pub const BLOCK: usize = 8_192;

/// More threads would take the machine away from the store.
const THREADS: usize = 2;

/// The blocks that have come so far.
#[derive(Debug, Default)]
pub struct Blocks {
    over: Frontier,
    /// The last block was shorter than a block: none can follow.
    ended: bool,
}

impl Blocks {
    /// Adds the next commitments: a multiple of [`BLOCK`], but for the last ones.
    ///
    /// # Panics
    /// If more come after the last ones.
    pub fn add(&mut self, sorted: &[Hash]) {
        assert!(!self.ended || sorted.is_empty(), "only the last block is shorter than a block");
        let half = (sorted.len() / BLOCK).div_ceil(THREADS).max(1) * BLOCK;
        let roots = std::thread::scope(|scope| {
            let parts: Vec<_> = sorted.chunks(half).map(|part| scope.spawn(|| roots(part))).collect();
            parts.into_iter().map(|part| part.join().expect("hashing does not panic")).collect::<Vec<_>>()
        });
        roots.into_iter().flatten().for_each(|root| self.over.append(root));
        self.ended = !sorted.len().is_multiple_of(BLOCK);
    }

    /// The root over all of them.
    pub fn root(&self) -> Hash {
        self.over.root()
    }
}

fn roots(part: &[Hash]) -> Vec<Hash> {
    part.chunks(BLOCK).map(root_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_over_blocks_is_the_root_over_all() {
        let all: Vec<Hash> = (0..BLOCK * 5 + 3)
            .map(|number| {
                let mut hash = [7; 32];
                hash[..8].copy_from_slice(&number.to_be_bytes());
                hash
            })
            .collect();
        for many in [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK * 3, BLOCK * 4, BLOCK * 5 + 3] {
            let mut blocks = Blocks::default();
            for part in all[..many].chunks(BLOCK * 2) {
                blocks.add(part);
            }
            assert_eq!(blocks.root(), root_of(&all[..many]), "{many}");
        }
    }
}
