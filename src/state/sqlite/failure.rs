//! What can go wrong with the state file.

use crate::state::api::StateError;

/// Why a transaction ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// SQLite refused.
    Sql(rusqlite::Error),
    /// We did.
    State(StateError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl Failure {
    /// Whether the disk or the file system failed. What SQLite believes to have written may not be there then.
    pub(super) fn is_disk_failure(&self) -> bool {
        matches!(self, Self::Sql(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure))
    }

    /// The error with what was being done, and where.
    pub(super) fn during(self, what: &str, path: &std::path::Path) -> StateError {
        let disk = self.is_disk_failure();
        match self {
            // A full disk shows as an I/O error where SQLite wants to map a file beside the state file.
            Self::Sql(error) => StateError::Broken {
                what: format!("the state file {} does not let us {what}", path.display()),
                why: if disk {
                    format!("{error} (is its disk full, or failing?)")
                } else {
                    error.to_string()
                },
            },
            Self::State(error) => error,
        }
    }
}

/// A stored text or blob that cannot be read back.
pub(super) fn damaged(what: impl Into<String>, why: impl std::fmt::Display) -> StateError {
    StateError::Damaged { what: what.into(), why: why.to_string() }
}
