//! What a state store could not do.

use thiserror::Error;

use crate::model::ids::BatchId;

/// The list of a batch that should be there is not.
pub fn no_manifest(batch: &BatchId) -> StateError {
    StateError::Damaged {
        what: format!("the list of commitments of batch {batch}"),
        why: "it is not there".to_owned(),
    }
}

/// Something that the state store could not do.
#[derive(Debug, Error)]
pub enum StateError {
    /// The file is from a newer version of the program.
    #[error(
        "the state file {path} has version {found}, and this program knows versions up to {known}. \
         Install the newer forfall again, or restore the state file from before it ran"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: i64,
        /// The newest version that we know.
        known: i64,
    },
    /// The state file is gone or empty while the keys of its log are still there.
    #[error(
        "the state file {path} is missing or empty, but {key} belongs to an audit log that began before: approvals, \
         holds and the log are lost. Restore the state file from its backup. To begin a new log on purpose, move the \
         directories keys and manifests beside it elsewhere first; every policy has to be approved again then"
    )]
    Lost {
        /// Where the state file should be.
        path: String,
        /// The key that shows that there was one.
        key: String,
    },
    /// It cannot be opened, read or written.
    #[error("{what}: {why}. This process deletes nothing until it can write the state")]
    Broken {
        /// What failed, with the path.
        what: String,
        /// Why.
        why: String,
    },
    /// A lock file is another user's. Only what is done under that lock is left undone, and only by this process.
    #[error(
        "the lock file {path} belongs to user {owner}, and this process may not open it: it does nothing for which that \
         lock is needed, while what runs as that user goes on. Run every forfall as one and the same user \
         (`sudo -u '#{owner}' forfall ..`), or give the file to that user with `chown`"
    )]
    NotOurs {
        /// The lock file.
        path: String,
        /// The number of the user that it belongs to.
        owner: u32,
    },
    /// A stored text or blob does not have the form that it was written in.
    #[error(
        "{what} in the state store is damaged: {why}. Restore it from a backup, or ask `audit verify` what is left"
    )]
    Damaged {
        /// What.
        what: String,
        /// How.
        why: String,
    },
    /// Nothing is written, for a reason that only a person can deal with.
    #[error("{0}")]
    Refused(String),
    /// The intent has an outcome already, or never was.
    #[error("batch {batch} has no open intent")]
    NoOpenIntent {
        /// The batch.
        batch: String,
    },
}
