//! What people are told: counts, policy ids, dates and codes. There is no place here for a record's key or value, nor
//! for a sentence that somebody wrote, so that nothing of a person can get into a message. The one exception is the
//! question of an `escalate` stage, which was written for this into the policy.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::ids::{CaseId, HoldId, PolicyId, RunId, StoreName};
use super::review::Verdict;
use crate::time::Instant;

/// The kinds of notices: what a recipient may choose among.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Records will be disposed of (`notify-before`).
    Prior,
    /// A review case was opened, or still waits for a decision.
    Review,
    /// A run ended with something missing.
    RunIncomplete,
    /// A safety gate stopped a run before its first deletion.
    RunStopped,
    /// Records are overdue: some part of the time to their deadline has passed, or all of it.
    Overdue,
    /// More records than the limit have a start or class that cannot be known.
    Undetermined,
    /// Records have been without a start for longer than `stale-after`.
    Stale,
    /// The day has come on which a hold has to be looked at again.
    HoldReview,
    /// The clock is not trusted, so nothing is deleted.
    Clock,
    /// How things stand, once a week.
    Digest,
    /// The weekly alarm that tests whether alarms arrive.
    TestAlarm,
}

impl Kind {
    /// Every kind with its word.
    pub const WORDS: [(&'static str, Self); 11] = [
        ("prior", Self::Prior),
        ("review", Self::Review),
        ("run-incomplete", Self::RunIncomplete),
        ("run-stopped", Self::RunStopped),
        ("overdue", Self::Overdue),
        ("undetermined", Self::Undetermined),
        ("stale", Self::Stale),
        ("hold-review", Self::HoldReview),
        ("clock", Self::Clock),
        ("digest", Self::Digest),
        ("test-alarm", Self::TestAlarm),
    ];

    /// The word in configuration, JSON and subject lines.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The language of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Norwegian bokmål.
    Bokmaal,
}

impl Language {
    /// Every language with its tag (BCP 47).
    pub const WORDS: [(&'static str, Self); 2] = [("en", Self::English), ("nb", Self::Bokmaal)];
}

/// How far records are on their way from due to their deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It was overdue, and is no more.
    Cleared,
    /// Half of the time has passed.
    Warning,
    /// Four fifths of the time have passed.
    Urgent,
    /// The deadline has passed.
    Breach,
}

impl Level {
    /// The word in JSON and subject lines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::Warning => "warning",
            Self::Urgent => "urgent",
            Self::Breach => "breach",
        }
    }
}

/// The oldest record that is late: when it became due, and when it has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// When it became due.
    pub due: Instant,
    /// The deadline.
    pub deadline: Instant,
}

impl Lateness {
    /// The part of the time between due and deadline that has passed, in percent; above 100 behind the deadline.
    pub fn percent(&self, now: Instant) -> i64 {
        let whole = (self.deadline - self.due).num_seconds();
        let passed = (now - self.due).num_seconds();
        if whole <= 0 {
            return if now > self.deadline { 200 } else { 0 };
        }
        // Centuries in seconds times a hundred are far below the limits of the type.
        passed.saturating_mul(100) / whole
    }

    /// What that calls for: a warning from 50 %, urgent from 80 %, a breach from 100 %.
    pub fn level(&self, now: Instant) -> Option<Level> {
        if now >= self.deadline {
            return Some(Level::Breach);
        }
        match self.percent(now) {
            80.. => Some(Level::Urgent),
            50.. => Some(Level::Warning),
            _ => None,
        }
    }
}

/// What a notice says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "notice")]
pub enum Notice {
    /// Records will be disposed of.
    Prior {
        /// The policy.
        policy: PolicyId,
        /// The first slot at which that happens.
        from: Instant,
        /// The last slot that this notice speaks of.
        through: Instant,
        /// How many; `None` if nobody can say now.
        records: Option<u64>,
    },
    /// A review case waits for a decision.
    Review {
        /// The policy.
        policy: PolicyId,
        /// The case.
        case: CaseId,
        /// Records that wait.
        records: u64,
        /// Since when.
        opened: Instant,
        /// What is asked.
        question: Option<String>,
        /// What may be decided.
        decisions: Vec<Verdict>,
        /// Somebody has proposed a decision, and another person has to agree.
        proposed: bool,
        /// Until when a decision is expected.
        deadline: Option<Instant>,
        /// It was told before.
        reminder: bool,
    },
    /// A run ended with something missing.
    RunIncomplete {
        /// The policy.
        policy: PolicyId,
        /// The run.
        run: RunId,
        /// When it ended.
        ended: Instant,
        /// What it came to.
        counts: RunCounts,
    },
    /// A safety gate stopped a run.
    RunStopped {
        /// The policy.
        policy: PolicyId,
        /// The run.
        run: RunId,
        /// When it ended.
        ended: Instant,
        /// What it found due, where it came so far.
        counts: RunCounts,
    },
    /// Records are overdue.
    Overdue {
        /// The policy.
        policy: PolicyId,
        /// How far.
        level: Level,
        /// How many are overdue.
        records: u64,
        /// The oldest of them; none once it is cleared.
        lateness: Option<Lateness>,
        /// The store did not answer: the forecast says so.
        forecast: bool,
    },
    /// Many starts or classes cannot be known.
    Undetermined {
        /// The policy.
        policy: PolicyId,
        /// How many.
        records: u64,
        /// Of how many.
        total: u64,
        /// The limit that this passed.
        limit: u64,
    },
    /// Records have been without a start for too long.
    Stale {
        /// The policy.
        policy: PolicyId,
        /// How many wait for it.
        waiting: u64,
        /// How many are undetermined.
        undetermined: u64,
        /// When the first of them was first seen so.
        since: Instant,
    },
    /// A hold has to be looked at again.
    HoldReview {
        /// The hold.
        hold: HoldId,
        /// When it ends by itself.
        until: Option<Instant>,
        /// The day on which that was due.
        review: NaiveDate,
        /// The policy that it is restricted to.
        policy: Option<PolicyId>,
        /// The store that it is restricted to.
        store: Option<StoreName>,
    },
    /// The clock is not trusted.
    Clock {
        /// What it shows.
        shows: Instant,
    },
    /// How things stand.
    Digest(Digest),
    /// Whoever reads this enters the code.
    TestAlarm {
        /// When it was due.
        slot: Instant,
        /// What has to be entered.
        code: String,
    },
    /// Somebody tries whether messages arrive (`forfall notify test`).
    Trial,
}

/// What a run came to, as the log has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Due when it began.
    pub due: u64,
    /// Done.
    pub done: u64,
    /// Left alone: changed meanwhile, or held.
    pub skipped: u64,
    /// Could not be dealt with.
    pub failed: u64,
}

/// How things stand, for one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The slot for which it is made.
    pub slot: Instant,
    /// The recipient's policies, the most overdue first.
    pub policies: Vec<DigestLine>,
    /// What of each store no policy covers; only for those who hear of everything.
    pub gaps: Vec<(StoreName, u64)>,
    /// Whom the last test alarm did not reach, as far as anybody knows; likewise.
    pub unacknowledged: Vec<String>,
    /// Messages that could not be delivered; likewise.
    pub undelivered: u64,
}

/// One policy in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestLine {
    /// The policy.
    pub policy: PolicyId,
    /// Its state, as `status` has it.
    pub state: String,
    /// Overdue records.
    pub overdue: u64,
    /// How long the oldest of them has been due, in seconds.
    pub oldest_overdue_seconds: Option<i64>,
    /// Due.
    pub due: u64,
    /// Undetermined.
    pub undetermined: u64,
    /// Waiting for their start.
    pub waiting: u64,
    /// Held.
    pub held: u64,
    /// Waiting for a person's decision.
    pub escalated: u64,
    /// When a run was last complete.
    pub last_complete: Option<Instant>,
}

impl Notice {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Prior { .. } => Kind::Prior,
            Self::Review { .. } => Kind::Review,
            Self::RunIncomplete { .. } => Kind::RunIncomplete,
            Self::RunStopped { .. } => Kind::RunStopped,
            Self::Overdue { .. } => Kind::Overdue,
            Self::Undetermined { .. } => Kind::Undetermined,
            Self::Stale { .. } => Kind::Stale,
            Self::HoldReview { .. } => Kind::HoldReview,
            Self::Clock { .. } => Kind::Clock,
            Self::Digest(_) => Kind::Digest,
            Self::TestAlarm { .. } | Self::Trial => Kind::TestAlarm,
        }
    }

    /// The policy that it speaks of, if it is about one.
    pub fn policy(&self) -> Option<&PolicyId> {
        match self {
            Self::Prior { policy, .. }
            | Self::Review { policy, .. }
            | Self::RunIncomplete { policy, .. }
            | Self::RunStopped { policy, .. }
            | Self::Overdue { policy, .. }
            | Self::Undetermined { policy, .. }
            | Self::Stale { policy, .. } => Some(policy),
            Self::HoldReview { policy, .. } => policy.as_ref(),
            Self::Clock { .. } | Self::Digest(_) | Self::TestAlarm { .. } | Self::Trial => None,
        }
    }

    /// The word that stands first in its subject line.
    pub fn heading(&self) -> &'static str {
        match self {
            Self::Overdue { level, .. } => level.word(),
            Self::Trial => "trial",
            other => other.kind().word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_begin_at_half_four_fifths_and_the_whole_of_the_time() {
        let at = |minutes| chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(minutes);
        let late = Lateness { due: at(0), deadline: at(1000) };
        let level = |minutes| late.level(at(minutes));
        assert_eq!([level(0), level(499)], [None, None]);
        assert_eq!([level(500), level(799)], [Some(Level::Warning); 2]);
        assert_eq!([level(800), level(999)], [Some(Level::Urgent); 2]);
        assert_eq!([level(1000), level(90_000)], [Some(Level::Breach); 2]);
        let at_once = Lateness { due: at(5), deadline: at(5) };
        assert_eq!((at_once.level(at(4)), at_once.level(at(5))), (None, Some(Level::Breach)));
    }

    #[test]
    fn each_kind_has_its_word() {
        for (word, kind) in Kind::WORDS {
            assert_eq!(kind.word(), word);
            assert_eq!(serde_json::to_value(kind).unwrap(), word);
        }
    }
}
