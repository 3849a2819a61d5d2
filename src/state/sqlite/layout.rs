//! The files beside the state file: secret keys, lists of commitments, and locks.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use fs_err::{File, OpenOptions};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::no_place;
use crate::model::ids::{BatchId, PolicyId};
use crate::model::key::hex;
use crate::state::api::{StateError, no_manifest};

/// The first line of a list of commitments; 32 bytes for each follow.
const MANIFEST_HEAD: &[u8] = b"forfall-manifest 1\n";

/// A secret of 32 bytes, overwritten when it is dropped.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// Where everything stands.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    dir: PathBuf,
}

pub(super) fn broken(what: &str) -> impl FnOnce(io::Error) -> StateError + '_ {
    // `fs_err` has put the path into the error already.
    move |error| StateError::Broken { what: what.to_owned(), why: error.to_string() }
}

impl Layout {
    /// The directories beside this state file, made if they are not there, for our eyes only.
    pub(super) fn beside(state: &Path) -> Result<Self, StateError> {
        let dir = state.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let layout = Self { dir: dir.to_owned() };
        for name in ["", "keys", "manifests", "locks"] {
            let mut builder = std::fs::DirBuilder::new();
            let path = if name.is_empty() { layout.dir.clone() } else { layout.dir.join(name) };
            builder
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|error| no_place::refused(&path, &layout.dir, &error))?;
        }
        Ok(layout)
    }

    /// The log's secret key.
    pub(super) fn log_key(&self) -> PathBuf {
        self.dir.join("keys/log.key")
    }

    /// The same while the log has no entry yet.
    pub(super) fn new_log_key(&self) -> PathBuf {
        self.dir.join("keys/log.key.new")
    }

    /// The secret key with that number among those of the log.
    pub(super) fn log_key_of(&self, number: u64) -> PathBuf {
        match number {
            1 => self.log_key(),
            number => self.dir.join(format!("keys/log-{number}.key")),
        }
    }

    /// The commitment key of an epoch.
    pub(super) fn epoch_key(&self, epoch: u32) -> PathBuf {
        self.dir.join(format!("keys/epoch-{epoch}.key"))
    }

    /// The commitment key of an epoch as systemd offers it (`LoadCredentialEncrypted=forfall-epoch-N:..`), which is
    /// preferred: the state directory and its backups hold no key then.
    pub(super) fn offered_epoch_key(epoch: u32) -> Option<PathBuf> {
        let offered = std::env::var_os("CREDENTIALS_DIRECTORY")?;
        Some(PathBuf::from(offered).join(format!("forfall-epoch-{epoch}"))).filter(|path| path.is_file())
    }

    /// Reads the commitment key of an epoch, from where it is offered or beside the state.
    pub(super) fn read_epoch_key(&self, epoch: u32) -> Result<Secret, StateError> {
        read_secret(&Self::offered_epoch_key(epoch).unwrap_or_else(|| self.epoch_key(epoch)))
    }

    /// Overwrites a secret and removes its file. Where it is already gone nothing is left to do.
    pub(super) fn destroy(&self, path: &Path) -> Result<(), StateError> {
        let what = "a secret key cannot be destroyed";
        match fs_err::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(broken(what)(error)),
            Ok(_) => {}
        }
        let mut options = OpenOptions::new();
        let overwritten = options.write(true).open(path).and_then(|mut file| {
            file.write_all(&[0; 32])?;
            file.sync_all()
        });
        overwritten.and_then(|()| fs_err::remove_file(path)).map_err(broken(what))?;
        self.sync_dir("keys")
    }

    fn manifest(&self, batch: &BatchId) -> PathBuf {
        self.dir.join("manifests").join(batch.to_string())
    }

    /// Every list of commitments that is there, with the time at which it was written.
    pub(super) fn manifests(&self) -> Result<Vec<(BatchId, std::time::SystemTime)>, StateError> {
        let what = "the lists of commitments cannot be listed";
        let mut found = Vec::new();
        for entry in fs_err::read_dir(self.dir.join("manifests")).map_err(broken(what))? {
            let entry = entry.map_err(broken(what))?;
            let name = entry.file_name();
            let Some(batch) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            let written = entry.metadata().and_then(|file| file.modified()).map_err(broken(what))?;
            found.push((batch, written));
        }
        Ok(found)
    }

    /// Removes a list of commitments; none is no error.
    pub(super) fn remove_manifest(&self, batch: &BatchId) -> Result<(), StateError> {
        match fs_err::remove_file(self.manifest(batch)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(broken("a list of commitments cannot be removed")(error))
            }
            _ => Ok(()),
        }
    }

    /// Makes removals survive a loss of power.
    pub(super) fn sync_manifests(&self) -> Result<(), StateError> {
        self.sync_dir("manifests")
    }

    /// The place of a commitment in a part of a list, by a search in the file: nothing else of it is read.
    pub(super) fn place_of(
        &self,
        batch: &BatchId,
        range: std::ops::Range<u64>,
        wanted: &[u8; 32],
    ) -> Result<Option<u64>, StateError> {
        let path = self.manifest(batch);
        let what = "a list of commitments cannot be read";
        let damaged =
            |why: &str| StateError::Damaged { what: path.display().to_string(), why: why.to_owned() };
        let file = match File::open(&path) {
            Ok(file) => file.into_file(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_manifest(batch)),
            Err(error) => return Err(broken(what)(error)),
        };
        let head = MANIFEST_HEAD.len() as u64;
        let mut first = [0; MANIFEST_HEAD.len()];
        if file.read_exact_at(&mut first, 0).is_err() || first != *MANIFEST_HEAD {
            return Err(damaged("its first line is another"));
        }
        let length = file.metadata().map_err(broken(what))?.len();
        if !(length - head).is_multiple_of(32) || length < head + range.end * 32 {
            return Err(damaged("it is shorter than its batch, or cut off"));
        }
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut there = [0; 32];
            file.read_exact_at(&mut there, head + middle * 32).map_err(broken(what))?;
            match there.cmp(wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(Some(middle - range.start)),
            }
        }
        Ok(None)
    }

    /// Makes what was created in this directory and in `keys` survive a loss of power.
    pub(super) fn sync(&self) -> Result<(), StateError> {
        self.sync_dir("keys")?;
        self.sync_dir("")
    }

    fn sync_dir(&self, name: &str) -> Result<(), StateError> {
        let dir = File::open(self.dir.join(name)).and_then(|dir| dir.sync_all());
        dir.map_err(broken("a directory of the state cannot be synced"))
    }

    /// Waits until no other process opens this state.
    pub(super) fn lock_opening(&self) -> Result<File, StateError> {
        let file = self.lock_file(".opening")?;
        file.lock().map_err(broken("the state cannot be locked while it is opened"))?;
        Ok(file)
    }

    /// The lock of a policy, or `None` while somebody has it. The kernel gives it back when the file is closed, by us
    /// or by our death.
    pub(super) fn lock_policy(&self, policy: &PolicyId) -> Result<Option<File>, StateError> {
        self.try_lock(&format!("{}.lock", escaped(policy.as_str())))
    }

    /// The lock of whoever delivers letters, likewise. A policy's lock never begins with a dot.
    pub(super) fn lock_delivery(&self) -> Result<Option<File>, StateError> {
        self.try_lock(".delivery")
    }

    fn try_lock(&self, name: &str) -> Result<Option<File>, StateError> {
        let file = self.lock_file(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(broken("a lock cannot be taken")(error)),
        }
    }

    fn lock_file(&self, name: &str) -> Result<File, StateError> {
        // Lock files are never removed: another process could hold a lock on the removed one.
        let path = self.dir.join("locks").join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(&path).map_err(|error| match fs_err::metadata(&path) {
            Ok(file) if error.kind() == io::ErrorKind::PermissionDenied => {
                StateError::NotOurs { path: path.display().to_string(), owner: file.uid() }
            }
            _ => broken("a lock file cannot be opened")(error),
        })
    }

    /// Keeps the commitments of a batch; durable when it returns.
    pub(super) fn write_manifest(&self, batch: &BatchId, sorted: &[[u8; 32]]) -> Result<(), StateError> {
        let what = broken("the list of commitments of a batch cannot be kept");
        let path = self.dir.join("manifests").join(batch.to_string());
        // A batch that met a hold is prepared again under the same name, with fewer records.
        let new = path.with_extension("new");
        write_synced(&new, &[MANIFEST_HEAD, sorted.as_flattened()])
            .and_then(|()| fs_err::rename(&new, &path))
            .map_err(what)?;
        self.sync_dir("manifests")
    }

    /// The same for a list that `write` writes piece by piece; after an error nothing of it is left.
    pub(super) fn write_list(
        &self,
        batch: &BatchId,
        write: impl FnOnce(&mut File) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let what = "the list of commitments of a batch cannot be kept";
        let path = self.manifest(batch);
        let new = path.with_extension("new");
        let written = new_file(&new).map_err(broken(what)).and_then(|mut file| {
            file.write_all(MANIFEST_HEAD).map_err(broken(what))?;
            write(&mut file)?;
            file.sync_all().map_err(broken(what))
        });
        if let Err(error) = written.and_then(|()| fs_err::rename(&new, &path).map_err(broken(what))) {
            drop(fs_err::remove_file(&new));
            return Err(error);
        }
        self.sync_dir("manifests")
    }

    /// A file for what is not needed after this process: it has no name, so it goes with it.
    pub(super) fn nameless(&self, batch: &BatchId) -> Result<File, StateError> {
        let path = self.manifest(batch).with_extension("runs");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).and_then(|file| fs_err::remove_file(&path).map(|()| file));
        file.map_err(broken("the list of commitments of a batch cannot be sorted"))
    }

    /// What [`Layout::write_manifest`] kept.
    pub(super) fn read_manifest(&self, batch: &BatchId) -> Result<Option<Vec<[u8; 32]>>, StateError> {
        let path = self.dir.join("manifests").join(batch.to_string());
        let bytes = match fs_err::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(broken("a list of commitments cannot be read")(error)),
        };
        let damaged =
            |why: &str| StateError::Damaged { what: path.display().to_string(), why: why.to_owned() };
        let list = bytes.strip_prefix(MANIFEST_HEAD).ok_or_else(|| damaged("its first line is another"))?;
        let (list, rest) = list.as_chunks::<32>();
        if rest.is_empty() {
            Ok(Some(list.to_vec()))
        } else {
            Err(damaged("its length is no multiple of 32"))
        }
    }
}

/// Reads a secret of 32 bytes.
pub(super) fn read_secret(path: &Path) -> Result<Secret, StateError> {
    let mut secret = Secret::default();
    let mut file = File::open(path).map_err(broken("a secret key cannot be read"))?;
    let exact = file.read_exact(&mut *secret).and_then(|()| file.read(&mut [0]));
    match exact {
        Ok(0) => Ok(secret),
        Ok(_) => Err(StateError::Damaged {
            what: path.display().to_string(),
            why: "a secret key has 32 bytes".to_owned(),
        }),
        Err(error) => Err(broken("a secret key cannot be read")(error)),
    }
}

/// Writes a secret, readable by its owner alone; durable when it returns, apart from its name.
pub(super) fn write_secret(path: &Path, secret: &Secret) -> Result<(), StateError> {
    write_synced(path, &[&**secret]).map_err(broken("a secret key cannot be written"))
}

/// A secret from the operating system's generator.
pub(super) fn new_secret() -> Result<Secret, StateError> {
    let mut secret = Secret::default();
    getrandom::fill(&mut *secret).map_err(|error| StateError::Broken {
        what: "the operating system gives no random bytes".to_owned(),
        why: error.to_string(),
    })?;
    Ok(secret)
}

fn write_synced(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = new_file(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

/// A policy's id as a file name: everything but letters, digits, `-` and `_` as `%` and two digits, so that no two ids
/// share a name and none begins with a dot. An id too long for a file name is named by its digest.
fn escaped(id: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            write!(name, "%{byte:02x}").expect("writing to a String does not fail");
        }
    }
    if name.len() > 200 { format!("%%{}", hex(&Sha256::digest(id))) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_policies_share_a_lock() {
        let long = "x".repeat(300);
        let ids = ["a/b", "a%2fb", "a.b", ".opening", "..", "", "a b", "å", long.as_str(), &long[1..]];
        let names: std::collections::HashSet<String> = ids.iter().map(|id| escaped(id)).collect();
        assert_eq!(names.len(), ids.len());
        assert!(names.iter().all(|name| !name.starts_with('.') && !name.contains('/') && name.len() < 240));
    }
}
