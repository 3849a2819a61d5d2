//! Review cases: what `escalate` asks a person, and what was answered.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::ids::{CaseId, PolicyId, StoreName};
use crate::time::Instant;

/// Where in a policy the records of a case stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The policy.
    pub policy: PolicyId,
    /// The store.
    pub store: StoreName,
    /// The collection.
    pub collection: String,
    /// The class; `None` for the policy's own stages.
    pub class: Option<String>,
    /// The stage, from 1.
    pub stage: usize,
}

/// What a run saw waiting at one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Where.
    pub seat: Seat,
    /// When it was looked at: records due by then are the case's.
    pub seen: Instant,
    /// Records that wait, those that are held among them.
    pub records: u64,
    /// The earliest start among those that are not held.
    pub oldest: Option<String>,
    /// The latest.
    pub newest: Option<String>,
    /// Since when the oldest is due.
    pub oldest_due: Option<Instant>,
    /// Until when a decision is expected.
    pub deadline: Option<Instant>,
    /// Who is told: roles.
    pub to: Vec<String>,
    /// What is asked.
    pub question: Option<String>,
    /// How often somebody is reminded: a period as policies write it.
    pub remind: Option<String>,
    /// What may be decided.
    pub decisions: Vec<Verdict>,
    /// The outside authority whose decision is needed.
    pub needs: Option<String>,
}

/// What may be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The records go with a later run.
    Delete,
    /// They are kept until a day; then somebody is asked again.
    Extend,
    /// They are kept, and no run ever deletes them.
    Preserve,
    /// An archive takes them over; once it has given a receipt they go.
    Transfer,
}

impl Verdict {
    /// Every verdict with its word.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("delete", Self::Delete),
        ("extend", Self::Extend),
        ("preserve", Self::Preserve),
        ("transfer", Self::Transfer),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Extend => "extend",
            Self::Preserve => "preserve",
            Self::Transfer => "transfer",
        }
    }

    /// The verdict with that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, verdict)| verdict)
    }
}

/// How far a case has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseState {
    /// It waits for a decision, and grows with what falls due meanwhile.
    Open,
    /// One of several people has decided; the next has to agree.
    Proposed,
    /// It is decided.
    Decided,
    /// The decision was carried out.
    Executed,
    /// Nothing waits any more although nobody decided.
    Lapsed,
}

impl CaseState {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Proposed => "proposed",
            Self::Decided => "decided",
            Self::Executed => "executed",
            Self::Lapsed => "lapsed",
        }
    }
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What.
    pub verdict: Verdict,
    /// Why: a code, never anything of a record.
    pub reason: String,
    /// The outside authority's reference.
    pub reference: Option<String>,
    /// The days between which that reference is valid.
    pub valid: (Option<NaiveDate>, Option<NaiveDate>),
    /// For an extension: until when.
    pub until: Option<Instant>,
    /// The receipt of the archive that has taken the records over.
    pub receipt: Option<String>,
    /// Who decided, as pseudonyms.
    pub by: Vec<String>,
    /// When the last of them did.
    pub at: Instant,
    /// From when on it is carried out; until then it may be cancelled.
    pub effective: Instant,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its identifier.
    pub id: CaseId,
    /// When it was opened.
    pub opened: Instant,
    /// How far it has come.
    pub state: CaseState,
    /// What waits. After a decision this stays as the people who decided have seen it.
    pub waiting: Waiting,
    /// What was decided.
    pub decision: Option<Decision>,
}

impl Case {
    /// Whether it still waits for somebody.
    pub fn is_open(&self) -> bool {
        matches!(self.state, CaseState::Open | CaseState::Proposed)
    }

    /// The decision, where it stands over the records of the case at `now`. An extension ends with its day.
    pub fn standing(&self, now: Instant) -> Option<&Decision> {
        let decision = self.decision.as_ref().filter(|_| self.state == CaseState::Decided)?;
        decision.until.is_none_or(|until| until > now).then_some(decision)
    }
}

impl Decision {
    /// The last day of the consent that it rests on, where that day has passed at `today`: nothing can go under it any
    /// more, and only another decision helps.
    pub fn expired(&self, today: NaiveDate) -> Option<NaiveDate> {
        let goes = matches!(self.verdict, Verdict::Delete | Verdict::Transfer);
        self.valid.1.filter(|last| goes && today > *last)
    }

    /// Whether a run may delete for it at `now`, which is `today` in the policy's zone; else why not.
    pub fn lets_go(&self, now: Instant, today: NaiveDate) -> Result<(), String> {
        if let Some(last) = self.expired(today) {
            return Err(format!("the decision it refers to was valid until {last}"));
        }
        if self.verdict == Verdict::Transfer && self.receipt.is_none() {
            return Err("it waits for the archive's receipt".to_owned());
        }
        if !matches!(self.verdict, Verdict::Delete | Verdict::Transfer) {
            return Err("its records are kept".to_owned());
        }
        if now < self.effective {
            return Err("it may still be cancelled".to_owned());
        }
        match self.valid.0 {
            Some(from) if today < from => {
                Err(format!("the decision it refers to is not valid before {from}"))
            }
            _ => Ok(()),
        }
    }
}
