//! What a batch was planned upon, and the answer to its intent.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use super::PauseScope;
use crate::model::ids::{CaseId, HoldId};

/// What was known when the predicate of a batch was made. The state compares it with what is known when the intent is
/// written, in the same transaction: what came between is not in the predicate, and only a new plan can take it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// How long the log was when events and decisions were read.
    pub log: u64,
    /// The events on which the policy's starts and conditions depend.
    pub events: BTreeSet<String>,
    /// The review case whose decision lets the records go.
    pub decided: Option<CaseId>,
    /// The holds by condition or window that the predicate leaves out. Those by key or place are checked anew.
    pub holds: HashSet<HoldId>,
}

/// The answer to an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentAnswer {
    /// It is durable, at this index: the batch may be committed.
    Written(u64),
    /// These places of the batch are held: abort, leave them out, prepare again.
    Held(Vec<usize>),
    /// Somebody paused this work: abort and stop.
    Paused(PauseScope),
    /// Something came that the batch was planned without: abort, and plan again.
    Outdated(News),
}

/// What came after the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An event of this name was recorded or withdrawn.
    Event(String),
    /// The policy's approval was cancelled.
    Cancelled,
    /// The decision in this case was changed or taken back.
    Decision(CaseId),
    /// This hold was put in force, and only the store can tell which records it means.
    Hold(HoldId),
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(name) => write!(
                f,
                "an event ({name}) was recorded or withdrawn meanwhile, and what is due may be something else now; the \
                 next run goes on"
            ),
            Self::Cancelled => f.write_str("the policy's approval was cancelled meanwhile"),
            Self::Decision(case) => {
                write!(f, "the decision in review case {case} was changed or taken back meanwhile")
            }
            Self::Hold(hold) => write!(f, "hold {hold} was put in force meanwhile; the next run goes on"),
        }
    }
}
