//! The execution of a policy, and how it may end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a run ended. Only `Complete` means that nothing due and unheld is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Everything that was due and unheld is gone, counted again afterwards.
    Complete,
    /// Something is missing, and the reason says what.
    Incomplete,
    /// A safety gate stopped it before its first deletion.
    Stopped,
    /// The policy is not approved: counted only.
    Observed,
    /// Paused by an operator, or outside its window.
    Paused,
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Stopped => "stopped",
            Self::Observed => "observed",
            Self::Paused => "paused",
        })
    }
}

/// Why a run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Its slot came.
    Slot,
    /// One or several slots had been missed.
    CatchUp,
    /// An operator said so.
    Operator,
    /// An event was recorded that it waits for.
    Event,
    /// The last run was incomplete.
    Retry,
}
