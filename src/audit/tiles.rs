//! The layout in which others read a log: C2SP `tlog-tiles`. Tiles of 256 digests per level, bundles of 256 entries.
//! Pure: a writer gives paths and bytes, a reader is given a function that fetches them.

mod reader;
mod writer;

pub use reader::{BadTiles, Fetch, TileReader};
pub use writer::{File, TileWriter, TooLong};

use thiserror::Error;

/// How many digests a full tile has.
pub const WIDTH: u64 = 256;

/// Where the tile of that level and place stands; `width` below 256 is a partial one. Level `None` is a bundle of
/// entries.
pub fn path(level: Option<u8>, number: u64, width: u64) -> String {
    let mut place = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        place = format!("x{:03}/{place}", rest % 1000);
        rest /= 1000;
    }
    let level = level.map_or_else(|| "entries".to_owned(), |level| level.to_string());
    let partial = if width < WIDTH { format!(".p/{width}") } else { String::new() };
    format!("tile/{level}/{place}{partial}")
}

/// The entries of a bundle.
pub fn entries(bundle: &[u8]) -> Result<Vec<&[u8]>, BadBundle> {
    let mut rest = bundle;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(BadBundle)?;
        let (entry, after) =
            after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(BadBundle)?;
        found.push(entry);
        rest = after;
    }
    Ok(found)
}

/// A bundle that ends in the middle of an entry.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the bundle ends in the middle of an entry")]
pub struct BadBundle;

#[cfg(test)]
mod tests;
