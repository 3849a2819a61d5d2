//! The files beside the state file: secret keys, lists of commitments, and locks.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use fs_err::{File, OpenOptions};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::model::ids::{BatchId, PolicyId};
use crate::model::key::hex;
use crate::state::api::StateError;

/// The first line of a list of commitments; 32 bytes for each follow.
const MANIFEST_HEAD: &[u8] = b"forfall-manifest 1\n";

/// A secret of 32 bytes, overwritten when it is dropped.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// Where everything stands.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    dir: PathBuf,
}

fn broken(what: &str) -> impl FnOnce(io::Error) -> StateError + '_ {
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
            let path = layout.dir.join(name);
            builder.recursive(true).mode(0o700).create(&path).map_err(|error| StateError::Broken {
                what: format!("the directory {} cannot be made", path.display()),
                why: error.to_string(),
            })?;
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

    /// The commitment key of an epoch.
    pub(super) fn epoch_key(&self, epoch: u32) -> PathBuf {
        self.dir.join(format!("keys/epoch-{epoch}.key"))
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
        let file = self.lock_file(&format!("{}.lock", escaped(policy.as_str())))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(broken("a policy cannot be locked")(error)),
        }
    }

    fn lock_file(&self, name: &str) -> Result<File, StateError> {
        // Lock files are never removed: another process could hold a lock on the removed one.
        let path = self.dir.join("locks").join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(path).map_err(broken("a lock file cannot be opened"))
    }

    /// Keeps the commitments of a batch; durable when it returns.
    pub(super) fn write_manifest(&self, batch: &BatchId, sorted: &[[u8; 32]]) -> Result<(), StateError> {
        let what = broken("the list of commitments of a batch cannot be kept");
        let path = self.dir.join("manifests").join(batch.to_string());
        let mut bytes = Vec::with_capacity(MANIFEST_HEAD.len() + sorted.len() * 32);
        bytes.extend_from_slice(MANIFEST_HEAD);
        bytes.extend_from_slice(sorted.as_flattened());
        // A batch that met a hold is prepared again under the same name, with fewer records.
        let new = path.with_extension("new");
        write_synced(&new, &bytes).and_then(|()| fs_err::rename(&new, &path)).map_err(what)?;
        self.sync_dir("manifests")
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
    write_synced(path, &**secret).map_err(broken("a secret key cannot be written"))
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

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
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
