//! What people are told, and what they were told: alarms that are open, and letters on their way.
//!
//! Whoever decides that something has to be told changes the alarm and keeps the letters in one transaction
//! ([`Outbox::post`]): an alarm that was opened was also told, whatever happens afterwards. A letter has an identifier
//! made from what it tells and whom; the same identifier again is not kept a second time, and every delivery carries
//! it, so that a receiver can drop what it has already.

use serde::{Deserialize, Serialize};

use super::api::{Actor, Lease, StateError};
use crate::model::ids::PolicyId;
use crate::model::notice::Kind;
use crate::time::Instant;

/// A condition that holds and that people were told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What is the matter.
    pub kind: Kind,
    /// With what: a policy, a hold, a case, a recipient; empty for the whole.
    pub subject: String,
    /// How bad it is; what the numbers mean is the kind's matter.
    pub level: i64,
    /// Since when.
    pub since: Instant,
    /// When people were last told.
    pub told: Instant,
    /// What has to be entered to acknowledge it, where it has to be.
    pub code: Option<String>,
    /// When and by whom it was acknowledged.
    pub acknowledged: Option<(Instant, Actor)>,
}

/// The name of a place in time up to which something was dealt with, such as the newest digest's slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub String);

/// What is remembered between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// The open alarms, by kind and subject.
    pub alarms: Vec<Alarm>,
    /// The marks with their times.
    pub marks: Vec<(Mark, Instant)>,
}

impl Book {
    /// The open alarm of that kind for that subject.
    pub fn alarm(&self, kind: Kind, subject: &str) -> Option<&Alarm> {
        self.alarms.iter().find(|alarm| alarm.kind == kind && alarm.subject == subject)
    }

    /// A mark.
    pub fn mark(&self, mark: &Mark) -> Option<Instant> {
        self.marks.iter().find(|(name, _)| name == mark).map(|(_, at)| *at)
    }
}

/// A way to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// SMTP.
    Mail,
    /// HTTP with a signature.
    Webhook,
    /// A program.
    Command,
}

impl Channel {
    /// Every channel with its word.
    pub const WORDS: [(&'static str, Self); 3] =
        [("mail", Self::Mail), ("webhook", Self::Webhook), ("command", Self::Command)];

    /// The word in configuration and JSON.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, channel)| *channel == self).map_or("", |(word, _)| word)
    }
}

/// Whom a letter goes to: an address, or the name of a webhook or command in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient {
    /// The way.
    pub channel: Channel,
    /// The address or name.
    pub address: String,
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.channel.word(), self.address)
    }
}

/// A notice for one recipient, as it is or was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Made from what it tells and whom: 32 hexadecimal digits.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// The policy, if it is about one.
    pub policy: Option<PolicyId>,
    /// Whom it goes to.
    pub to: Recipient,
    /// When it was written.
    pub written: Instant,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// The same for programs: JSON.
    pub payload: String,
}

/// How far a letter has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The letter.
    pub letter: Letter,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was delivered.
    pub sent: Option<Instant>,
    /// When it will be tried next; `None` once it is delivered.
    pub next: Option<Instant>,
    /// What the last failure said.
    pub error: Option<String>,
}

/// What a decision changes, in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Post {
    /// Alarms that are open from now on, or changed.
    pub alarms: Vec<Alarm>,
    /// Alarms that are over.
    pub over: Vec<(Kind, String)>,
    /// Marks that move.
    pub marks: Vec<(Mark, Instant)>,
    /// What is told.
    pub letters: Vec<Letter>,
}

impl Post {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.alarms.is_empty() && self.over.is_empty() && self.marks.is_empty() && self.letters.is_empty()
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The other side has taken it.
    Delivered,
    /// It has not, or nobody knows; it is tried again.
    Failed {
        /// What was said.
        why: String,
        /// When.
        again: Instant,
    },
}

/// Which letters are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Those that wait for their next attempt, due now or later, oldest first.
    Waiting,
    /// Those whose attempt is due, oldest first.
    Due,
    /// All, newest first.
    All,
}

/// What remembers alarms and letters. Nothing of it stands in the audit log: it says what was told, not what was done.
pub trait Outbox: Send + Sync {
    /// The open alarms and the marks.
    fn book(&self) -> Result<Book, StateError>;

    /// Keeps what a decision changes, all of it or nothing. Letters whose identifier is known already are left out;
    /// how many were new.
    fn post(&self, now: Instant, post: &Post) -> Result<usize, StateError>;

    /// Letters, at most `limit`. An attempt that lies further ahead than [`PATIENCE`] was set while the clock was wrong,
    /// and is due.
    fn letters(&self, asked: Asked, now: Instant, limit: usize) -> Result<Vec<Posted>, StateError>;

    /// How many letters were tried and are not delivered.
    fn undelivered(&self) -> Result<u64, StateError>;

    /// Remembers how an attempt ended; of a letter that is delivered already only another delivery is taken note of.
    fn attempted(&self, now: Instant, id: &str, attempt: &Attempt) -> Result<(), StateError>;

    /// Makes the next attempt of these letters due, or of all that wait. How many.
    fn hurry(&self, now: Instant, ids: Option<&[String]>) -> Result<usize, StateError>;

    /// Acknowledges the open alarm with that code; `None` if there is none.
    fn acknowledge(&self, now: Instant, by: &Actor, code: &str) -> Result<Option<Alarm>, StateError>;

    /// Erases letters that were delivered before an instant. How many.
    fn forget(&self, before: Instant) -> Result<usize, StateError>;

    /// The right to deliver, or `None` while another process or thread has it. Never waits.
    fn delivering(&self) -> Result<Option<Box<dyn Lease>>, StateError>;
}

/// No attempt is put off for longer than this.
pub const PATIENCE: chrono::TimeDelta = chrono::TimeDelta::hours(6);
