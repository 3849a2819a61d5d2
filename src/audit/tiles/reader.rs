//! Reads digests out of tiles, and proves with them.

use std::ops::Range;

use thiserror::Error;

use super::super::tree::{self, Frontier, Hash};
use super::{WIDTH, path};

/// Fetches the file at a path below the export; the error says why it cannot.
pub type Fetch<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// Tiles of a log of a certain size.
#[derive(Clone, Copy)]
pub struct TileReader<'a> {
    size: u64,
    fetch: Fetch<'a>,
}

/// Tiles from which nothing can be proven.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadTiles {
    /// A file is missing or cannot be read.
    #[error("{0}: {1}")]
    Missing(String, String),
    /// A file does not have the length that its name says.
    #[error("{0} has another length than its name says: it was cut off or changed")]
    Length(String),
    /// Two files say different things.
    #[error("{0} does not fit the other tiles: it was changed")]
    Contradicts(String),
}

impl<'a> TileReader<'a> {
    /// Tiles of a log of `size` entries.
    pub fn new(size: u64, fetch: Fetch<'a>) -> Self {
        Self { size, fetch }
    }

    /// The root over the first `size` entries; they may be fewer than the tiles hold.
    pub fn root(&self, size: u64) -> Result<Hash, BadTiles> {
        if size == 0 {
            return Ok(Frontier::new().root());
        }
        self.subtree(0..size)
    }

    /// Proves that entry `index` is in the log of this size.
    pub fn prove_inclusion(&self, index: u64) -> Result<Vec<Hash>, BadTiles> {
        tree::inclusion_ranges(index, self.size).into_iter().map(|range| self.subtree(range)).collect()
    }

    /// Proves that the first `old` entries are a beginning of the log of this size.
    pub fn prove_consistency(&self, old: u64) -> Result<Vec<Hash>, BadTiles> {
        tree::consistency_ranges(old, self.size).into_iter().map(|range| self.subtree(range)).collect()
    }

    /// The root over a range that is a node of some tree: its parts from the left are complete subtrees.
    fn subtree(&self, range: Range<u64>) -> Result<Hash, BadTiles> {
        let mut peaks = Vec::new();
        let mut from = range.start;
        while from < range.end {
            let length = 1_u64 << (range.end - from).ilog2();
            peaks.push(self.complete(from, length)?);
            from += length;
        }
        let last = peaks.pop().expect("a node of a tree has at least one leaf");
        Ok(peaks.iter().rev().fold(last, |right, left| tree::node_hash(left, &right)))
    }

    /// The root over `length` leaves from `from`, a power of two that divides `from`.
    fn complete(&self, from: u64, length: u64) -> Result<Hash, BadTiles> {
        let height = length.ilog2();
        let level = u8::try_from(height / 8).expect("a tree of 2^64 leaves has 9 levels of tiles");
        let each = WIDTH.pow(u32::from(level));
        let (first, count) = (from / each, length / each);
        let width = (self.size / each - first / WIDTH * WIDTH).min(WIDTH);
        let tile = self.tile(level, first / WIDTH, width)?;
        let start = usize::try_from(first % WIDTH).expect("a place in a tile is below 256");
        let count = usize::try_from(count).expect("a tile has at most 256 digests");
        Ok(tree::root(&tile[start..start + count]))
    }

    /// The digests of a tile.
    pub(super) fn tile(&self, level: u8, number: u64, width: u64) -> Result<Vec<Hash>, BadTiles> {
        let name = path(Some(level), number, width);
        let bytes = self.bytes(&name)?;
        let (tile, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() && tile.len() as u64 == width {
            Ok(tile.to_vec())
        } else {
            Err(BadTiles::Length(name))
        }
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, BadTiles> {
        (self.fetch)(name).map_err(|why| BadTiles::Missing(name.to_owned(), why))
    }
}
