//! What of a forecast lasts for a day: its far end.
//!
//! Each run counts anew what is due, and what will be until the second slot after it. Everything that will be due within
//! 60 days can be most of a large table, and to count it may cost more than a run that finds little due: where a store
//! finds a few starts without a look at the others, that is done once a day. What falls due behind the hours that are
//! counted anew then stands in the forecast as it was counted last.
//!
//! It lasts only where nothing but the store decides which records are meant: no event, hold, decision, row that
//! refers to them or later stage, neither then nor now.

use chrono::TimeDelta;

use super::holding;
use super::plan::{Circumstances, DataPlan};
use crate::model::hold::Held;
use crate::model::predicate::Predicate;
use crate::policy::rule::{Data, Policy};
use crate::state::api::{Curve, Whole};
use crate::time::Instant;

/// For so long. A policy that runs once a day counts everything each time.
const LASTS: TimeDelta = TimeDelta::hours(20);

/// The far end of an earlier forecast.
#[derive(Debug)]
pub(super) struct Lasting<'c> {
    /// When all of it was counted.
    whole: &'c Whole,
    /// Its points, of which the first is the last that is counted anew.
    points: &'c [(Instant, u64)],
}

/// What a count of everything rests on, if it may last.
pub(super) fn basis(
    policy: &Policy,
    data: &Data,
    plan: &DataPlan,
    place: usize,
    circumstances: &Circumstances,
) -> Option<String> {
    let stages = &plan.selections.stages;
    let selection = &stages[place];
    let only_stage = stages.iter().filter(|other| other.branch == selection.branch).count() == 1;
    let unheld = holding::held(policy, data, &plan.schema, circumstances.holds.iter()) == Held::default();
    let undecided = circumstances.cases.iter().all(|case| case.waiting.seat.policy != policy.id);
    let lasts = only_stage
        && unheld
        && undecided
        && selection.needed == Predicate::Always(false)
        && policy.events().is_empty();
    lasts.then(|| format!("{}, {}, schema {}", policy.hash, policy.footing(), plan.schema.fingerprint))
}

impl<'c> Lasting<'c> {
    /// What lasts of this forecast behind that instant, for what rests on the same.
    pub(super) fn of(curve: &'c Curve, basis: &str, behind: Instant, now: Instant) -> Option<Self> {
        let whole = curve.whole.as_ref()?;
        let age = now - whole.at;
        if whole.basis != basis || age < TimeDelta::zero() || age >= LASTS {
            return None;
        }
        let first = curve.points.iter().position(|(at, _)| *at >= behind)?;
        Some(Self { whole, points: &curve.points[first..] })
    }

    /// Up to where it has to be counted anew.
    pub(super) fn begins(&self) -> Instant {
        self.points[0].0
    }

    /// Adds its points behind those that were counted anew, the last of which is where it begins.
    pub(super) fn follow(&self, points: &mut Vec<(Instant, u64)>) {
        let before = self.points[0].1;
        let anew = points.last().map_or(0, |(_, count)| *count);
        let later = self.points[1..].iter();
        points.extend(later.map(|&(at, count)| (at, anew + count.saturating_sub(before))));
    }

    /// When all of it was counted, and what that rests on.
    pub(super) fn whole(&self) -> Whole {
        Whole { behind: Some(self.begins()), ..self.whole.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Instant {
        chrono::DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn curve() -> Curve {
        Curve {
            of: "0/-/1".to_owned(),
            made: at(0),
            remaining: 100,
            points: vec![(at(0), 3), (at(1), 5), (at(48), 20), (at(72), 45), (at(96), 100)],
            needed: Vec::new(),
            whole: Some(Whole { at: at(0), behind: None, basis: "rule".to_owned() }),
        }
    }

    #[test]
    fn what_is_counted_anew_carries_the_days_behind_it() {
        let curve = curve();
        let lasting = Lasting::of(&curve, "rule", at(49), at(1)).unwrap();
        assert_eq!(lasting.begins(), at(72));
        let mut points = vec![(at(1), 0), (at(2), 1), (at(72), 7)];
        lasting.follow(&mut points);
        assert_eq!(points, [(at(1), 0), (at(2), 1), (at(72), 7), (at(96), 7 + 55)]);
        let whole = lasting.whole();
        assert_eq!((whole.at, whole.behind), (at(0), Some(at(72))), "it is as old as before");
    }

    #[test]
    fn it_lasts_for_a_while_and_for_the_same_rule() {
        let lasts =
            |curve: &Curve, basis: &str, now: i64| Lasting::of(curve, basis, at(now + 1), at(now)).is_some();
        assert!(lasts(&curve(), "rule", 19) && !lasts(&curve(), "rule", 20));
        assert!(!lasts(&curve(), "rule", -1), "a clock went back");
        assert!(!lasts(&curve(), "another rule", 1));
        assert!(!lasts(&Curve { whole: None, ..curve() }, "rule", 1));
        let short = Curve { points: vec![(at(0), 3), (at(1), 5)], ..curve() };
        assert!(!lasts(&short, "rule", 1), "nothing of it is left");
    }
}
