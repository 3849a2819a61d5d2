//! Prior notices: the owner hears before records go (`notify-before`).
//!
//! One notice speaks of all slots of a stretch as long as `notify-before` itself, so that a policy that runs every
//! night sends one a week for `7 days`, and one that runs once a year sends one a year.

use chrono::TimeDelta;

use super::{Audience, Decision, Sight};
use crate::model::ids::PolicyId;
use crate::model::notice::Notice;
use crate::policy::rule::Policy;
use crate::state::outbox::{Book, Mark};
use crate::time::{After, Instant, Period, StartValue, due};

/// The slots of which somebody has to be told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// The newest slot before them; its records are gone by then.
    pub before: Instant,
    /// The first of them.
    pub from: Instant,
    /// The last of them.
    pub through: Instant,
    /// How many records go; `None` if nobody can say.
    pub records: Option<u64>,
    /// Whether somebody has counted, or has tried to.
    pub counted: bool,
}

fn mark(policy: &PolicyId) -> Mark {
    Mark(format!("prior {policy}"))
}

/// An instant so much later, on the wall clock of the policy.
fn later(policy: &Policy, at: Instant, by: Period) -> Option<Instant> {
    due(StartValue::Instant(at), After::Period(by), None, policy.zone)
}

/// The slots that the next notice has to speak of, if it is time for one; not counted yet. A slot is told of when its
/// distance from now is `notify-before`, at the latest.
pub fn ahead(policy: &Policy, book: &Book, now: Instant) -> Option<Ahead> {
    let before = policy.notify_before?;
    let horizon = later(policy, now, before)?;
    // The mark lies ahead on purpose: it is the newest slot told of. Further ahead than any notice reaches it was set
    // while the clock was wrong.
    let told = book
        .mark(&mark(&policy.id))
        .filter(|at| *at <= later(policy, horizon, before).unwrap_or(horizon) + TimeDelta::days(1));
    let from = policy.schedule.next_after(told.unwrap_or(now).max(now), policy.zone)?;
    if from > horizon {
        return None;
    }
    let end = later(policy, from, before)? - TimeDelta::microseconds(1);
    let through = policy.schedule.slots_between(from, end, policy.zone, 0).newest.unwrap_or(from);
    let before = crate::engine::status::previous_slot(policy, from - TimeDelta::microseconds(1));
    Some(Ahead { before: before.unwrap_or(now).max(now), from, through, records: None, counted: false })
}

/// Tells, once somebody has counted. Nothing goes at those slots: nobody is told, and the stretch is dealt with.
pub(super) fn prior(sight: &Sight<'_>, decision: &mut Decision) {
    let policy = sight.policy;
    // What is not approved deletes nothing.
    if sight.approved.is_none() || policy.unresolved.is_some() {
        return;
    }
    let Some(ahead) = sight.ahead.filter(|ahead| ahead.counted) else { return };
    decision.marks.push((mark(&policy.id), ahead.through));
    if ahead.records == Some(0) {
        return;
    }
    let notice = Notice::Prior {
        policy: policy.id.clone(),
        from: ahead.from,
        through: ahead.through,
        records: ahead.records,
    };
    decision.tell(notice, ahead.from.timestamp().to_string(), Audience::Owner(policy.owner.clone()));
}
