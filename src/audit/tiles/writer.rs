//! Writes tiles and bundles as a log grows.

use thiserror::Error;

use super::super::tree::{self, Hash, leaf_hash};
use super::{BadTiles, TileReader, WIDTH, entries, path};

/// A file of the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the export's directory.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// An entry that the layout cannot hold.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("entry {index} has {length} bytes, and a bundle takes at most 65535 for one entry")]
pub struct TooLong {
    /// Its index.
    pub index: u64,
    /// Its length.
    pub length: usize,
}

/// The right-hand edge of the tiles. It gives each full tile once, and the partial ones when asked.
#[derive(Clone, Debug, Default)]
pub struct TileWriter {
    size: u64,
    /// The digests of the unfinished tile of each level.
    levels: Vec<Vec<Hash>>,
    bundle: Vec<u8>,
}

impl TileWriter {
    /// A writer for a log without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that goes on behind `size` entries whose tiles were written before.
    pub fn resume(size: u64, tiles: &TileReader<'_>) -> Result<Self, BadTiles> {
        let mut writer = Self { size, ..Self::default() };
        let mut at_level = size;
        let mut level = 0;
        while at_level > 0 {
            let width = at_level % WIDTH;
            writer.levels.push(match width {
                0 => Vec::new(),
                _ => tiles.tile(level, at_level / WIDTH, width)?,
            });
            at_level /= WIDTH;
            level += 1;
        }
        if !size.is_multiple_of(WIDTH) {
            let name = path(None, size / WIDTH, size % WIDTH);
            let bundle = tiles.bytes(&name)?;
            let found = entries(&bundle).ok();
            let matches = found.is_some_and(|found| {
                found.len() as u64 == size % WIDTH
                    && found.iter().map(|entry| leaf_hash(entry)).eq(writer.levels[0].iter().copied())
            });
            if !matches {
                return Err(BadTiles::Contradicts(name));
            }
            writer.bundle = bundle;
        }
        Ok(writer)
    }

    /// How many entries it has seen.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next entry and gives the files that it fills.
    pub fn append(&mut self, leaf: &[u8]) -> Result<Vec<File>, TooLong> {
        let too_long = TooLong { index: self.size, length: leaf.len() };
        let length = u16::try_from(leaf.len()).map_err(|_| too_long)?;
        self.bundle.extend_from_slice(&length.to_be_bytes());
        self.bundle.extend_from_slice(leaf);
        let number = self.size / WIDTH;
        let mut full = self.digest(leaf_hash(leaf));
        if self.size.is_multiple_of(WIDTH) {
            full.push(File { path: path(None, number, WIDTH), bytes: std::mem::take(&mut self.bundle) });
        }
        Ok(full)
    }

    /// Takes the next entry where only its digest is left. Its bundle is never written.
    pub fn append_pruned(&mut self, leaf: Hash) -> Vec<File> {
        self.bundle.clear();
        self.digest(leaf)
    }

    fn digest(&mut self, leaf: Hash) -> Vec<File> {
        self.size += 1;
        let mut full = Vec::new();
        let (mut hash, mut level, mut number) = (leaf, 0_u8, (self.size - 1) / WIDTH);
        loop {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::new());
            }
            self.levels[place].push(hash);
            if (self.levels[place].len() as u64) < WIDTH {
                return full;
            }
            let tile = std::mem::take(&mut self.levels[place]);
            full.push(File { path: path(Some(level), number, WIDTH), bytes: tile.as_flattened().to_vec() });
            hash = tree::root(&tile);
            level += 1;
            number /= WIDTH;
        }
    }

    /// The partial tiles and the partial bundle that belong to this size.
    pub fn partial(&self) -> Vec<File> {
        let mut files = Vec::new();
        let mut at_level = self.size;
        for (level, tile) in (0_u8..).zip(&self.levels) {
            if !tile.is_empty() {
                let name = path(Some(level), at_level / WIDTH, tile.len() as u64);
                files.push(File { path: name, bytes: tile.as_flattened().to_vec() });
            }
            at_level /= WIDTH;
        }
        if !self.bundle.is_empty() {
            let name = path(None, self.size / WIDTH, self.size % WIDTH);
            files.push(File { path: name, bytes: self.bundle.clone() });
        }
        files
    }
}
