//! How a command ends: the exit codes of the stable interface, and failures with what to do about them.

use thiserror::Error;

use crate::adapter::api::StoreError;
use crate::engine::EngineError;
use crate::state::api::StateError;

/// The exit codes. Scripts depend on them: they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done,
    /// The command line cannot be understood, or names something that does not exist.
    Usage,
    /// The configuration or a policy is invalid.
    Invalid,
    /// A safety gate stopped it: approval, forecast, limit, pause.
    Stopped,
    /// Something is missing from what was asked for, and the message says what.
    Incomplete,
    /// The audit log does not verify.
    Unverified,
    /// The program or what it stands on failed: state file, terminal, disk.
    Internal,
}

impl Exit {
    /// The number that the process exits with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 2,
            Self::Invalid => 10,
            Self::Stopped => 11,
            Self::Incomplete => 12,
            Self::Unverified => 13,
            Self::Internal => 70,
        }
    }

    /// The one of two endings that an operator must hear of: a gate before a gap, a gap before success.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let weight = |exit| match exit {
            Self::Done => 0,
            Self::Incomplete => 1,
            Self::Stopped => 2,
            Self::Unverified => 3,
            Self::Usage => 4,
            Self::Invalid => 5,
            Self::Internal => 6,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

/// A command that could not do what it was asked. The message says what failed, where, and what to do now.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// The whole message, without the word "error".
    pub message: String,
    /// What is shown before it: diagnostics with their excerpts.
    pub shown: Option<String>,
}

impl Failure {
    /// The command line names something that does not exist or makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The configuration or a policy is invalid.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, message)
    }

    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), shown: None }
    }

    /// A safety gate refuses.
    pub(crate) fn stopped(message: impl Into<String>) -> Self {
        Self::new(Exit::Stopped, message)
    }

    /// What the program stands on failed.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let exit = match error {
            StateError::Refused(_) => Exit::Stopped,
            // Of another version, or lost: nothing helps but another installation or a backup.
            StateError::Newer { .. } | StateError::Lost { .. } => Exit::Invalid,
            StateError::Damaged { .. } => Exit::Unverified,
            StateError::Broken { .. } | StateError::NotOurs { .. } => Exit::Incomplete,
            StateError::NoOpenIntent { .. } => Exit::Internal,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::Incomplete, error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::State(error) => error.into(),
            EngineError::Store(error) => error.into(),
            EngineError::Key(error) => Self::usage(error.to_string()),
            EngineError::Refused(reason) => Self::stopped(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_codes_hold() {
        use Exit::{Done, Incomplete, Internal, Invalid, Stopped, Unverified, Usage};
        let codes = [Done, Usage, Invalid, Stopped, Incomplete, Unverified, Internal].map(Exit::code);
        assert_eq!(codes, [0, 2, 10, 11, 12, 13, 70]);
    }

    #[test]
    fn of_several_runs_the_worst_ending_counts() {
        assert_eq!(Exit::Done.worse(Exit::Incomplete), Exit::Incomplete);
        assert_eq!(Exit::Stopped.worse(Exit::Incomplete), Exit::Stopped);
        assert_eq!(Exit::Done.worse(Exit::Done), Exit::Done);
    }
}
