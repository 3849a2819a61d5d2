//! Removes the directories that disposed files have left empty, if the policy says so.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use rustix::fs::{self, AtFlags};
use rustix::io::Errno;

use super::super::api::StoreError;
use super::FilesystemStore;
use super::tree::directory_of;
use crate::model::target::Target;

impl FilesystemStore {
    pub(super) fn emptied(&self) -> MutexGuard<'_, BTreeSet<Vec<u8>>> {
        self.emptied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes directories of this target that lost files to us and hold nothing any more, and then those above them.
/// A directory that the pattern names to the letter stays: it is part of the store's shape, not of its data.
pub(super) fn settle(store: &FilesystemStore, target: &Target) -> Result<(), StoreError> {
    if !target.prune_empty_dirs {
        return Ok(());
    }
    let tree = store.tree()?;
    let pattern = FilesystemStore::pattern(target)?;
    // The last in order first: a path comes after those above it.
    let mut open = std::mem::take(&mut *store.emptied());
    let mut first_error = None;
    while let Some(path) = open.pop_last() {
        let Some((parent, name)) = path.strip_suffix(b"/").and_then(directory_of) else { continue };
        if !pattern.veil(&path).ends_with("*/") {
            continue;
        }
        let removed = tree
            .directory(parent.strip_suffix(b"/").unwrap_or(parent))
            .and_then(|parent| fs::unlinkat(parent, name, AtFlags::REMOVEDIR));
        match removed {
            Ok(()) => {
                open.insert(parent.to_vec());
            }
            // Not empty, or no longer there, or no directory of ours any more.
            Err(
                Errno::NOTEMPTY
                | Errno::EXIST
                | Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::XDEV
                | Errno::BUSY,
            ) => {}
            Err(errno) => {
                first_error.get_or_insert_with(|| tree.trouble("removing empty directories", errno));
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}
