//! What a stage does to a record.

use std::sync::Arc;

use super::method::Method;
use super::review::Verdict;
use crate::time::Period;

/// The action of a stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The record goes.
    Delete,
    /// The record stays, with less in it.
    Anonymize(Fieldwork),
    /// Readers no longer see it, or part of it.
    Shield(Fieldwork),
    /// A person decides; the record is kept until then.
    Escalate(Escalate),
    /// Deletion is refused, loudly.
    Preserve,
}

/// Which fields are changed, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fieldwork {
    /// Columns with the method for each.
    pub fields: Vec<Change>,
    /// Keep these columns and empty every other one.
    pub keep_only: Option<Vec<String>>,
    /// For `shield`: the column that is set to true.
    pub flag: Option<String>,
}

/// One column's change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The record's own column.
    pub column: String,
    /// What happens to its value.
    pub method: Arc<Method>,
}

/// Whom to ask, what, and what may be answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Escalate {
    /// Who is told.
    pub to: Vec<String>,
    /// The question.
    pub question: Option<String>,
    /// How often to remind.
    pub remind: Option<Period>,
    /// The decisions that may be taken.
    pub decisions: Vec<String>,
    /// Each extension, and their sum.
    pub extend: Option<(Period, Period)>,
    /// The outside authority whose decision is needed.
    pub needs: Option<String>,
}

impl Action {
    /// The word in TOML, JSON and messages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Anonymize(_) => "anonymize",
            Self::Shield(_) => "shield",
            Self::Escalate(_) => "escalate",
            Self::Preserve => "preserve",
        }
    }

    /// Whether a run does anything to the store for it.
    pub fn changes_the_store(&self) -> bool {
        matches!(self, Self::Delete | Self::Anonymize(_) | Self::Shield(_))
    }

    /// Whether records may go for it: by itself, or because somebody has decided so.
    pub fn may_delete(&self) -> bool {
        let lets_go =
            |word: &String| matches!(Verdict::of_word(word), Some(Verdict::Delete | Verdict::Transfer));
        match self {
            Self::Delete => true,
            Self::Escalate(asked) => asked.decisions.iter().any(lets_go),
            Self::Anonymize(_) | Self::Shield(_) | Self::Preserve => false,
        }
    }

    /// The fields that it changes, if it changes fields.
    pub fn fieldwork(&self) -> Option<&Fieldwork> {
        match self {
            Self::Anonymize(work) | Self::Shield(work) => Some(work),
            _ => None,
        }
    }
}
