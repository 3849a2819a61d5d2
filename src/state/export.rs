//! The log as files that others read without us: C2SP `tlog-tiles`, with the texts of the policies beside it.
//!
//! Incremental: a second export into the same directory writes what is new. Files are immutable but for `checkpoint`,
//! which is written last, so that a reader never sees a head whose tiles are missing.

pub mod officer;
mod verify;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::api::{Leaf, StateError, StateStore};
use crate::audit::entry::{Body, Entry};
use crate::audit::note::{Checkpoint, NoteError};
use crate::audit::tiles::{BadTiles, File, TileReader, TileWriter, TooLong};

pub use self::verify::verify;

/// How many leaves are read at once.
const PAGE: usize = 1000;
/// The newest head.
const CHECKPOINT: &str = "checkpoint";
/// The log's verifier key: for convenience, never for trust.
const VKEY: &str = "vkey";
/// The texts of the policies, each named by its SHA-256.
const POLICIES: &str = "policies";

/// What an export did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// How many entries were there before.
    pub from: u64,
    /// How many are there now.
    pub size: u64,
    /// How many files were written.
    pub files: u64,
}

/// What keeps a log from being exported or an export from being read.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file cannot be read or written.
    #[error("the export: {0}")]
    File(#[from] std::io::Error),
    /// A head in the export cannot be read.
    #[error("{0}: {1}")]
    Head(PathBuf, NoteError),
    /// The tiles there are damaged.
    #[error("{0}. Export into an empty directory")]
    Tiles(#[from] BadTiles),
    /// An entry does not fit.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The export is of another log or of a longer one.
    #[error("{0}")]
    Other(String),
}

/// Writes what is new of the log into `dir`.
pub fn export(state: &dyn StateStore, dir: &Path) -> Result<Exported, ExportError> {
    let note = state.last_checkpoint()?.unwrap_or_default();
    let head = Checkpoint::unverified(&note).map_err(|error| ExportError::Head("the state".into(), error))?;
    let mut files = Files { dir, written: 0 };
    let mut writer = resume(dir, &head)?;
    let from = writer.size();
    while writer.size() < head.size {
        let want = usize::try_from(head.size - writer.size()).map_or(PAGE, |left| left.min(PAGE));
        let page = state.tree(writer.size(), want)?;
        if page.is_empty() {
            let why = format!("the log ends at entry {} and its head is over {}", writer.size(), head.size);
            return Err(ExportError::Other(why));
        }
        for leaf in page {
            match leaf {
                Leaf::Entry(bytes) => {
                    files.policy_of(state, &bytes)?;
                    files.write_all(&writer.append(&bytes)?)?;
                }
                Leaf::Pruned(digest) => files.write_all(&writer.append_pruned(digest))?,
            }
        }
    }
    if from < head.size || from == 0 {
        files.write_all(&writer.partial())?;
    }
    let fetch = fetch(dir);
    if TileReader::new(head.size, &fetch).root(head.size)? != head.root {
        let why = format!("{} holds tiles of another log: export into an empty directory", dir.display());
        return Err(ExportError::Other(why));
    }
    let vkey = format!("{}\n", state.verifier_key()?.trim_end());
    files.write(&File { path: VKEY.to_owned(), bytes: vkey.into_bytes() })?;
    files.write(&File { path: CHECKPOINT.to_owned(), bytes: note.into_bytes() })?;
    Ok(Exported { from, size: head.size, files: files.written })
}

/// Goes on where an earlier export ended.
fn resume(dir: &Path, head: &Checkpoint) -> Result<TileWriter, ExportError> {
    let path = dir.join(CHECKPOINT);
    let note = match fs_err::read_to_string(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(TileWriter::new()),
        Err(error) => return Err(error.into()),
    };
    let there = Checkpoint::unverified(&note).map_err(|error| ExportError::Head(path.clone(), error))?;
    if there.size > head.size {
        return Err(ExportError::Other(format!(
            "{} is over {} entries, and the log has {}: it is an export of another log, or the log lost entries",
            path.display(),
            there.size,
            head.size
        )));
    }
    let fetch = fetch(dir);
    Ok(TileWriter::resume(there.size, &TileReader::new(there.size, &fetch))?)
}

fn fetch(dir: &Path) -> impl Fn(&str) -> Result<Vec<u8>, String> + '_ {
    move |path| fs_err::read(dir.join(path)).map_err(|error| error.to_string())
}

struct Files<'a> {
    dir: &'a Path,
    written: u64,
}

impl Files<'_> {
    fn write_all(&mut self, files: &[File]) -> Result<(), ExportError> {
        files.iter().try_for_each(|file| self.write(file))
    }

    /// Writes a file into place, and removes the partial ones that a full one makes superfluous.
    fn write(&mut self, file: &File) -> Result<(), ExportError> {
        let path = self.dir.join(&file.path);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let mut name = path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let mut to = fs_err::File::create(&new)?;
        to.write_all(&file.bytes)?;
        to.sync_all()?;
        fs_err::rename(&new, &path)?;
        self.written += 1;
        let mut partial = path.into_os_string();
        partial.push(".p");
        let partial = PathBuf::from(partial);
        if partial.is_dir() {
            for old in fs_err::read_dir(&partial)? {
                fs_err::remove_file(old?.path())?;
            }
            fs_err::remove_dir(&partial)?;
        }
        Ok(())
    }

    /// The text of a policy goes beside the entry that tells of it.
    fn policy_of(&mut self, state: &dyn StateStore, leaf: &[u8]) -> Result<(), ExportError> {
        if let Ok(Entry { body: Body::Policy(seen), .. }) = Entry::parse(leaf)
            && let Some(text) = state.policy_text(&seen.hash)?
        {
            self.write(&File { path: policy_path(&seen.hash), bytes: text.into_bytes() })?;
        }
        Ok(())
    }
}

fn policy_path(hash: &str) -> String {
    // The hash is ours, but the name of a file should not depend on that.
    let plain: String = hash.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{POLICIES}/{plain}.toml")
}

#[cfg(test)]
mod tests;
