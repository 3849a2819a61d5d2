//! Review cases: what `escalate` asks a person, and what was answered.

mod part;

use std::collections::HashSet;
use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::ids::{CaseId, PolicyId, StoreName};
use super::key::Key;
use crate::time::Instant;

pub use part::Part;

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
    /// When the last decision over it was taken back, so that it waits anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened: Option<Instant>,
    /// How far it has come.
    pub state: CaseState,
    /// What waits. After a decision this stays as the people who decided have seen it.
    pub waiting: Waiting,
    /// What was decided over all of them but those of `parts`.
    pub decision: Option<Decision>,
    /// Records that were decided over by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// How many parts there have been.
    #[serde(default)]
    pub parts_made: u32,
}

/// A case, or a part of one: what a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matter {
    /// The case.
    pub case: CaseId,
    /// The number of the part; `None` for everything in the case that is in no part.
    pub part: Option<u32>,
}

/// A decision that stands, with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling<'a> {
    /// What it is about.
    pub matter: Matter,
    /// The decision.
    pub decision: &'a Decision,
    /// The records that were due by then are meant.
    pub seen: Instant,
    /// How many there were when it was decided.
    pub records: u64,
    /// The records of a part.
    pub only: Option<HashSet<Key>>,
    /// The records that the decision over the whole case leaves out, because parts are about them.
    pub but: HashSet<Key>,
}

impl fmt::Display for Matter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Some(part) => write!(f, "{} (part {part})", self.case),
            None => write!(f, "{}", self.case),
        }
    }
}

impl From<CaseId> for Matter {
    fn from(case: CaseId) -> Self {
        Self { case, part: None }
    }
}

impl Case {
    /// Whether it still waits for somebody.
    pub fn is_open(&self) -> bool {
        matches!(self.state, CaseState::Open | CaseState::Proposed)
    }

    /// Whether nothing is to come of it any more.
    pub fn has_ended(&self) -> bool {
        let whole = matches!(self.state, CaseState::Executed | CaseState::Lapsed);
        whole && !self.parts.iter().any(Part::is_under_way)
    }

    /// The decision over everything that is in no part, where it stands at `now`. An extension ends with its day.
    pub fn standing(&self, now: Instant) -> Option<&Decision> {
        standing(self.state, self.decision.as_ref(), now)
    }

    /// How many of its records do not count among those that wait, because a part is about them. What was only
    /// proposed still waits.
    pub fn set_apart(&self) -> u64 {
        let apart = |part: &&Part| matches!(part.state, CaseState::Decided | CaseState::Open);
        self.parts.iter().filter(apart).map(|part| part.records).sum()
    }

    fn proposed(&self) -> u64 {
        let proposed = |part: &&Part| part.state == CaseState::Proposed;
        self.parts.iter().filter(proposed).map(|part| part.records).sum()
    }

    /// The records of parts.
    pub fn picked(&self) -> HashSet<Key> {
        self.parts.iter().flat_map(|part| part.keys.iter().cloned()).collect()
    }

    /// Takes records out of their parts.
    pub fn leave(&mut self, keys: &[Key]) {
        for part in &mut self.parts {
            part.lose(keys);
        }
        self.parts.retain(|part| !part.keys.is_empty() || part.state == CaseState::Executed);
    }

    /// Every decision in it that stands at `now`. No record is in two of them.
    pub fn rulings(&self, now: Instant) -> Vec<Ruling<'_>> {
        let part = |part: &'_ Part| Matter { case: self.id, part: Some(part.number) };
        let parts = self.parts.iter().filter_map(|one| {
            Some(Ruling {
                matter: part(one),
                decision: one.standing(now)?,
                seen: one.seen,
                records: one.records,
                only: Some(one.keys.iter().cloned().collect()),
                but: HashSet::new(),
            })
        });
        let whole = self.standing(now).map(|decision| Ruling {
            matter: self.id.into(),
            decision,
            seen: self.waiting.seen,
            records: self.waiting.records.saturating_sub(self.proposed()),
            only: None,
            but: self.picked(),
        });
        parts.chain(whole).collect()
    }
}

fn standing(state: CaseState, decision: Option<&Decision>, now: Instant) -> Option<&Decision> {
    let decision = decision.filter(|_| state == CaseState::Decided)?;
    decision.until.is_none_or(|until| until > now).then_some(decision)
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
