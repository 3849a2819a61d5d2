//! The log as files that others read without us: C2SP `tlog-tiles`, with the texts of the policies beside it.
//!
//! Incremental: a second export into the same directory writes what is new. Files are immutable but for `checkpoint`,
//! which is written last, so that a reader never sees a head whose tiles are missing.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::api::{Leaf, StateError, StateStore};
use crate::audit::entry::{Body, Entry};
use crate::audit::note::{Checkpoint, NoteError};
use crate::audit::tiles::{self, BadTiles, File, TileReader, TileWriter, TooLong, WIDTH};
use crate::audit::verify::{Problem, Report, Verifier};
use crate::model::key::hex;

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

/// Verifies an export with the log's public key alone.
pub fn verify(dir: &Path, vkey: &str, since: Option<&str>) -> Result<Report, ExportError> {
    let note = fs_err::read_to_string(dir.join(CHECKPOINT))?;
    let mut verifier = Verifier::new(&note, vkey.trim(), since);
    let size = verifier.signed_size().unwrap_or(0);
    let mut problems = Vec::new();
    let fetch = fetch(dir);
    for number in 0..size.div_ceil(WIDTH) {
        let width = (size - number * WIDTH).min(WIDTH);
        let tile = fetch(&tiles::path(Some(0), number, width));
        let digests = tile.as_ref().ok().map(|bytes| bytes.as_chunks::<32>().0.to_vec());
        let place = number * WIDTH;
        match fetch(&tiles::path(None, number, width)) {
            Ok(bundle) => {
                let Ok(entries) = tiles::entries(&bundle) else {
                    problems.push((
                        place,
                        "its bundle ends in the middle of an entry: it was cut off".to_owned(),
                    ));
                    break;
                };
                if entries.len() as u64 != width {
                    problems.push((
                        place,
                        format!("its bundle holds {} entries instead of {width}", entries.len()),
                    ));
                }
                for entry in &entries {
                    verifier.leaf(entry);
                }
                let own = entries.iter().map(|entry| crate::audit::tree::leaf_hash(entry));
                if digests.is_none_or(|digests| !own.eq(digests)) {
                    problems.push((place, "its tile is missing or does not fit the entries".to_owned()));
                }
            }
            // Without its bundle an entry is pruned, if the log says so, and its digest stands in the tile.
            Err(why) => {
                let Some(digests) = digests else {
                    problems.push((place, why));
                    break;
                };
                for digest in digests {
                    verifier.pruned(digest);
                }
            }
        }
    }
    let mut report = verifier.finish();
    report.problems.extend(problems.into_iter().map(|(index, text)| Problem { index: Some(index), text }));
    check_upper_tiles(size, &fetch, &mut report);
    check_policies(dir, &mut report)?;
    report.ok = report.problems.is_empty();
    Ok(report)
}

/// The tiles of every level must lead to the same root: proofs for others are made from them.
fn check_upper_tiles(size: u64, fetch: tiles::Fetch<'_>, report: &mut Report) {
    match TileReader::new(size, fetch).root(size) {
        Ok(root) if hex(&root) == report.root => {
            report.checked.push("the tiles lead to the same root".to_owned());
        }
        Ok(_) => report.problems.push(whole("the tiles of the upper levels lead to another root")),
        Err(error) => report.problems.push(whole(&error.to_string())),
    }
}

fn check_policies(dir: &Path, report: &mut Report) -> Result<(), ExportError> {
    let Ok(listing) = fs_err::read_dir(dir.join(POLICIES)) else {
        report.not_checked.push("the texts of the policies: none is in the export".to_owned());
        return Ok(());
    };
    let mut count = 0;
    for entry in listing {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if hex(&Sha256::digest(fs_err::read(&path)?)) == name {
            count += 1;
        } else {
            report.problems.push(whole(&format!("{} is not the text that its name says", path.display())));
        }
    }
    report.checked.push(format!("the texts of {count} versions of policies have the digests that name them"));
    Ok(())
}

fn whole(text: &str) -> Problem {
    Problem { index: None, text: text.to_owned() }
}

/// A head and what proves it, at whoever cosigns: nothing of the state is needed.
pub mod officer {
    use super::{CHECKPOINT, ExportError, Path, TileReader, fetch};
    use crate::audit::cosignature::CosignerKey;
    use crate::audit::note::{Checkpoint, VerifierKey};
    use crate::audit::tree::verify_consistency;
    use crate::time::Instant;

    /// What a cosigner found and signed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Cosigned {
        /// The head with the cosignature.
        pub note: String,
        /// The size of the head.
        pub size: u64,
        /// The size of the last head that was cosigned; `None` for the first.
        pub last: Option<u64>,
    }

    /// Cosigns a head, if it follows from the last one cosigned here. `head` is an export's directory or its
    /// `checkpoint`; without tiles beside it only the same head can be cosigned again.
    pub fn cosign(
        head: &Path,
        last: Option<&str>,
        log: Option<&VerifierKey>,
        key: &CosignerKey,
        now: Instant,
    ) -> Result<Cosigned, ExportError> {
        let file = if head.is_dir() { head.join(CHECKPOINT) } else { head.to_owned() };
        let dir = file.parent().unwrap_or(Path::new("."));
        let note = fs_err::read_to_string(&file)?;
        let wrong = |error| ExportError::Head(file.clone(), error);
        let new = match log {
            Some(log) => log.open(&note).map_err(wrong)?,
            None => Checkpoint::unverified(&note).map_err(wrong)?,
        };
        let mut size = None;
        if let Some(last) = last {
            let old = Checkpoint::unverified(last)
                .map_err(|error| ExportError::Head("the last head seen here".into(), error))?;
            follows(&old, &new, dir)?;
            size = Some(old.size);
        }
        let note = key.cosign(&note, now).map_err(wrong)?;
        Ok(Cosigned { note, size: new.size, last: size })
    }

    fn follows(old: &Checkpoint, new: &Checkpoint, dir: &Path) -> Result<(), ExportError> {
        let refused = |why: String| Err(ExportError::Other(format!("not cosigned: {why}")));
        if old.origin != new.origin {
            return refused(format!(
                "the last head seen here is of the log {}, and this one of {}. If the log goes on under another \
                 name after a loss, its entries say so: verify them, then begin with another --last file",
                old.origin, new.origin
            ));
        }
        if new.size < old.size {
            return refused(format!(
                "the last head seen here is over {} entries, and this one over {}: the end of the log was cut off",
                old.size, new.size
            ));
        }
        let fetch = fetch(dir);
        let proof = TileReader::new(new.size, &fetch).prove_consistency(old.size)?;
        if verify_consistency(old.size, &old.root, new.size, &new.root, &proof) {
            Ok(())
        } else {
            refused(format!("the head over {} entries does not follow from the last one: a fork", new.size))
        }
    }
}

#[cfg(test)]
mod tests;
