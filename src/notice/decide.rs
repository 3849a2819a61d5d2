//! What has to be told now. Pure: it is given the time, what is seen of the policies, and what was told before.
//!
//! A condition that holds opens an alarm, a worse one raises it, one that is over closes it; people are told when it
//! opens and when it gets worse, and are reminded while it lasts. What happens by the calendar (digests, test alarms,
//! prior notices) has a mark up to which it was dealt with, so that slots which passed while nothing ran collapse into
//! the newest.

mod calendar;
mod conditions;
mod people;
mod prior;

use crate::audit::lint;
use crate::engine::status::Standing;
use crate::model::hold::Hold;
use crate::model::ids::{CaseId, PolicyId, StoreName};
use crate::model::notice::{Kind, Notice};
use crate::model::review::{Case, CaseState, Verdict};
use crate::policy::rule::Policy;
use crate::state::api::PastRun;
use crate::state::outbox::{Alarm, Book, Mark, Recipient};
use crate::time::{Instant, Period, Schedule, Zone};

pub use calendar::unacknowledged;
pub use prior::{Ahead, ahead};

/// When and above what people are told.
#[derive(Clone, Debug)]
pub struct Rhythm {
    /// The slots of the digest; `None`: there is none.
    pub digest: Option<Schedule>,
    /// The slots of the test alarm; `None`: there is none.
    pub test_alarm: Option<Schedule>,
    /// More undetermined records than this under one policy are an alarm.
    pub undetermined_above: u64,
}

/// What is seen of one policy.
#[derive(Clone, Debug)]
pub struct Sight<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// How it stands; `None` while nobody has looked yet.
    pub standing: Option<Standing>,
    /// The newest run that has ended.
    pub last_run: Option<PastRun>,
    /// When it was last approved.
    pub approved: Option<Instant>,
    /// What the next prior notice would say.
    pub ahead: Option<Ahead>,
}

/// A review case that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The case.
    pub case: CaseId,
    /// The policy.
    pub policy: PolicyId,
    /// Records that wait.
    pub records: u64,
    /// Since when.
    pub opened: Instant,
    /// Until when a decision is expected.
    pub deadline: Option<Instant>,
    /// How often somebody is reminded.
    pub remind: Option<Period>,
    /// Who is told: roles.
    pub to: Vec<String>,
    /// What is asked.
    pub question: Option<String>,
    /// What may be decided.
    pub decisions: Vec<Verdict>,
    /// Somebody has proposed a decision, and another person has to agree.
    pub proposed: bool,
}

/// Everything that is seen at one moment.
pub struct View<'a> {
    /// The moment.
    pub now: Instant,
    /// The zone of slots that belong to no one policy.
    pub zone: Zone,
    /// When people are told.
    pub rhythm: &'a Rhythm,
    /// The policies.
    pub sights: &'a [Sight<'a>],
    /// The holds in force.
    pub holds: &'a [Hold],
    /// The open review cases.
    pub reviews: &'a [Review],
    /// The clock is not trusted.
    pub distrusted: bool,
    /// How much of each store no policy covers.
    pub gaps: &'a [(StoreName, u64)],
    /// How many letters could not be delivered.
    pub undelivered: u64,
    /// Everybody who can be told.
    pub recipients: &'a [Recipient],
    /// Makes up the code of a test alarm.
    pub code: &'a dyn Fn() -> String,
}

impl Review {
    /// What has to be told of a case; `None` for one that waits for nobody.
    pub fn of(case: &Case) -> Option<Self> {
        let (waiting, seat) = (&case.waiting, &case.waiting.seat);
        case.is_open().then(|| Self {
            case: case.id,
            policy: seat.policy.clone(),
            records: waiting.records,
            opened: case.reopened.unwrap_or(case.opened),
            deadline: waiting.deadline,
            remind: waiting.remind.as_ref().and_then(|text| text.parse().ok()),
            to: waiting.to.clone(),
            // Written into a policy, but not for everybody who reads a message: nothing of a person goes out.
            question: waiting.question.as_deref().filter(|text| lint::personal(text).is_none()).map(one_line),
            decisions: waiting.decisions.clone(),
            proposed: case.state == CaseState::Proposed,
        })
    }
}

/// A text without anything that could pass for a line of the message's own.
fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Who hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The policy's owner, and whoever hears of every policy.
    Owner(String),
    /// These roles, and whoever hears of every policy.
    Roles(Vec<String>),
    /// Whoever hears of every policy.
    Operators,
    /// Every role, each of its own policies.
    Everybody,
    /// This one.
    Recipient(Recipient),
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub notice: Notice,
    /// What tells it from the next of its kind about the same subject.
    pub period: String,
    /// Whom.
    pub audience: Audience,
}

/// What has to be told, and what is remembered of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Alarms that are open from now on, or changed.
    pub alarms: Vec<Alarm>,
    /// Alarms that are over.
    pub over: Vec<(Kind, String)>,
    /// Marks that move.
    pub marks: Vec<(Mark, Instant)>,
    /// What is told.
    pub told: Vec<Told>,
}

/// Decides.
pub fn decide(view: &View<'_>, book: &Book) -> Decision {
    let mut decision = Decision::default();
    for sight in view.sights {
        conditions::overdue(view, sight, book, &mut decision);
        conditions::run(view, sight, book, &mut decision);
        conditions::undetermined(view, sight, book, &mut decision);
        conditions::stale(view, sight, book, &mut decision);
        prior::prior(sight, &mut decision);
    }
    conditions::clock(view, book, &mut decision);
    people::reviews(view, book, &mut decision);
    people::holds(view, book, &mut decision);
    calendar::test_alarm(view, book, &mut decision);
    calendar::digest(view, book, &mut decision);
    decision.close_what_is_gone(view, book);
    decision
}

impl Decision {
    fn tell(&mut self, notice: Notice, period: impl Into<String>, audience: Audience) {
        self.told.push(Told { notice, period: period.into(), audience });
    }

    fn keep(&mut self, kind: Kind, subject: impl Into<String>, level: i64, since: Instant, told: Instant) {
        let (subject, code, acknowledged) = (subject.into(), None, None);
        self.alarms.push(Alarm { kind, subject, level, since, told, code, acknowledged });
    }

    fn end(&mut self, kind: Kind, subject: impl Into<String>) {
        self.over.push((kind, subject.into()));
    }

    /// Policies can be removed, and with them what is the matter with them.
    fn close_what_is_gone(&mut self, view: &View<'_>, book: &Book) {
        let about_policies =
            [Kind::Overdue, Kind::RunIncomplete, Kind::RunStopped, Kind::Undetermined, Kind::Stale];
        for alarm in book.alarms.iter().filter(|alarm| about_policies.contains(&alarm.kind)) {
            if !view.sights.iter().any(|sight| sight.policy.id.as_str() == alarm.subject) {
                self.end(alarm.kind, &alarm.subject);
            }
        }
    }
}

/// When an alarm was last told. A time ahead was written while the clock was wrong, and counts as long ago.
fn told_ago(alarm: &Alarm, now: Instant) -> chrono::TimeDelta {
    if alarm.told > now { chrono::TimeDelta::MAX } else { now - alarm.told }
}

#[cfg(test)]
mod tests;
