//! Why nothing was done, where nothing is wrong.

use std::fmt;

use super::Standing;
use crate::model::run::RunState;

/// Why a run that is complete did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// There are no records.
    NoRecords,
    /// So many are due, and held.
    Held(u64),
    /// So many are due, and kept records need them.
    Needed(u64),
    /// So many are due, and wait for a person's decision.
    Escalated(u64),
    /// Every record waits for its start.
    AllWait,
    /// Nothing is due.
    NothingDue,
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records =
            |count: u64| if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
        match self {
            Self::NoRecords => f.write_str("there are no records"),
            Self::Held(count) => write!(f, "what is due is held: {}", records(*count)),
            Self::Needed(count) => write!(f, "what is due is needed by kept records: {}", records(*count)),
            Self::Escalated(count) => {
                write!(f, "what is due waits for a person's decision: {}", records(*count))
            }
            Self::AllWait => f.write_str("every record waits for its start"),
            Self::NothingDue => f.write_str("nothing is due"),
        }
    }
}

impl Standing {
    /// Why the last run did nothing, where nothing is wrong.
    pub fn idle(&self) -> Option<Idle> {
        let run = self.last_run.as_ref().filter(|run| run.note.state == Some(RunState::Complete))?;
        if self.due > 0 || self.reason.is_some() || run.note.stages.iter().any(|stage| stage.done > 0) {
            return None;
        }
        Some(match self {
            Self { records: 0, .. } => Idle::NoRecords,
            Self { held: 1.., .. } => Idle::Held(self.held),
            Self { needed: 1.., .. } => Idle::Needed(self.needed),
            Self { escalated: 1.., .. } => Idle::Escalated(self.escalated),
            Self { records, waiting, .. } if records == waiting => Idle::AllWait,
            _ => Idle::NothingDue,
        })
    }
}
