//! When a stage is due, when it must be done, and which starts that makes due now.
//!
//! `keep-at-least` binds every stage: a record is due when the stage's own period *and* the statutory minimum,
//! both counted from the same effective start, have passed.

use std::sync::Arc;

use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::{Start, StartSource};
use crate::policy::rule::{Policy, Stage};
use crate::time::{self, After, Instant, StartSet, StartValue};

/// The starts for which the stage is due at `at`. Empty for a stage that has no period, or no start.
pub fn due_set(policy: &Policy, stage: &Stage, at: Instant) -> StartSet {
    let (Some(after), Some(start)) = (stage.after, stage.start.as_deref()) else {
        return nothing();
    };
    let due = time::cutoff(at, after, start.cutoff, policy.zone);
    match policy.keep_at_least {
        Some(minimum) => {
            intersection(&due, &time::cutoff(at, After::Period(minimum), start.cutoff, policy.zone))
        }
        None => due,
    }
}

/// A record whose stage is due at `at`, as far as its start says.
pub fn due_by(policy: &Policy, stage: &Stage, at: Instant) -> Predicate {
    match &stage.start {
        Some(start) => {
            Predicate::Start { start: Arc::clone(start), is: StartIs::In(due_set(policy, stage, at)) }
        }
        None => Predicate::Always(false),
    }
}

/// Whether nobody can know in advance how many records will be due: `at once` acts on what has just happened, and
/// events are recorded when they are recorded. `[limit] records` stands guard there instead of the forecast.
pub fn unpredictable(stage: &Stage) -> bool {
    let by_event = |start: &Start| matches!(start.source, StartSource::Event { .. });
    stage.action.changes_the_store()
        && (stage.after == Some(After::AtOnce) || stage.start.as_deref().is_some_and(by_event))
}

/// The instant from which on the stage is due for a record with this start; `None` means never.
pub fn due_at(policy: &Policy, stage: &Stage, value: StartValue) -> Option<Instant> {
    let start = stage.start.as_deref()?;
    let due = time::due(value, stage.after?, start.cutoff, policy.zone)?;
    match keep_until(policy, start, value) {
        Kept::Until(minimum) => Some(due.max(minimum)),
        Kept::Forever => None,
        Kept::NoMinimum => Some(due),
    }
}

/// What `keep-at-least` says of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The policy has no minimum.
    NoMinimum,
    /// Until then.
    Until(Instant),
    /// Beyond the calendar's end.
    Forever,
}

/// Until when the statutory minimum keeps a record with this start.
pub fn keep_until(policy: &Policy, start: &Start, value: StartValue) -> Kept {
    let Some(minimum) = policy.keep_at_least else {
        return Kept::NoMinimum;
    };
    time::due(value, After::Period(minimum), start.cutoff, policy.zone).map_or(Kept::Forever, Kept::Until)
}

/// The instant at which a stage that is not done becomes a breach: `at-latest` from the same start, else due plus
/// the configured grace. Never before the stage is due; `None` means never.
pub fn deadline(policy: &Policy, stage: &Stage, value: StartValue) -> Option<Instant> {
    let due = due_at(policy, stage, value)?;
    let start = stage.start.as_deref()?;
    let deadline = match stage.at_latest {
        Some(latest) => time::due(value, After::Period(latest), start.cutoff, policy.zone),
        None => time::due(StartValue::Instant(due), After::Period(policy.grace), None, policy.zone),
    }?;
    Some(deadline.max(due))
}

/// The starts that are in both sets.
pub fn intersection(one: &StartSet, other: &StartSet) -> StartSet {
    let mut instants = Vec::new();
    let (mut left, mut right) = (one.instants.iter().peekable(), other.instants.iter().peekable());
    while let (Some(&&(from_one, to_one)), Some(&&(from_other, to_other))) = (left.peek(), right.peek()) {
        // `None`, no lower end, sorts before every instant.
        let (from, to) = (from_one.max(from_other), to_one.min(to_other));
        if from.is_none_or(|from| from <= to) {
            instants.push((from, to));
        }
        // The range that ends first cannot meet anything further on.
        if to_one <= to_other {
            left.next();
        } else {
            right.next();
        }
    }
    StartSet { instants, dates_through: one.dates_through.min(other.dates_through) }
}

fn nothing() -> StartSet {
    StartSet { instants: Vec::new(), dates_through: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::action::Action;
    use crate::policy::sample;

    fn instant(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    /// Sets as the time layer makes them: ascending, apart, the first without a lower end.
    fn sets() -> impl Strategy<Value = StartSet> {
        (proptest::collection::btree_set(0i64..40, 0..8), proptest::option::of(0u64..40)).prop_map(
            |(ends, day)| {
                let ends: Vec<i64> = ends.into_iter().collect();
                let mut instants = Vec::new();
                let mut from = None;
                for pair in ends.chunks_exact(2) {
                    instants.push((from, instant(pair[0] * 2)));
                    from = Some(instant(pair[1] * 2));
                }
                let date = day.map(|day| chrono::NaiveDate::MIN + chrono::Days::new(day));
                StartSet { instants, dates_through: date }
            },
        )
    }

    proptest! {
        #[test]
        fn an_intersection_holds_what_both_hold(one in sets(), other in sets(), at in -2i64..90) {
            let both = intersection(&one, &other);
            for value in [
                StartValue::Instant(instant(at)),
                StartValue::Date(chrono::NaiveDate::MIN + chrono::Days::new(u64::try_from(at.max(0)).unwrap())),
            ] {
                prop_assert_eq!(both.contains(value), one.contains(value) && other.contains(value));
            }
            prop_assert!(both.instants.first().is_none_or(|(from, _)| from.is_none()));
            prop_assert!(both.instants.windows(2).all(|pair| Some(pair[0].1) < pair[1].0));
        }
    }

    #[test]
    fn the_statutory_minimum_puts_off_due_and_deadline() {
        let stage = sample::stage("1 month", Action::Delete);
        let mut policy = sample::policy(vec![]);
        let at = |text: &str| text.parse::<Instant>().unwrap();
        let value = StartValue::Instant(at("2026-01-31T12:00:00Z"));
        assert_eq!(due_at(&policy, &stage, value), Some(at("2026-02-28T12:00:00Z")));
        assert_eq!(deadline(&policy, &stage, value), Some(at("2026-03-01T12:00:00Z")));
        policy.keep_at_least = Some(sample::period("1 year"));
        assert_eq!(due_at(&policy, &stage, value), Some(at("2027-01-31T12:00:00Z")));
        assert_eq!(deadline(&policy, &stage, value), Some(at("2027-02-01T12:00:00Z")));
        for (now, due) in [("2027-01-31T11:59:59Z", false), ("2027-01-31T12:00:00Z", true)] {
            assert_eq!(due_set(&policy, &stage, at(now)).contains(value), due, "{now}");
        }
        let open = Stage { after: None, ..stage };
        assert!(due_set(&policy, &open, at("2027-01-31T12:00:00Z")).is_empty());
    }
}
