//! The due curve: how many records will be due at each hour of the next two slots, then at each day for 60 days.
//!
//! Due dates are known in advance, so a run that finds far more, or none, is looking at something that nobody
//! approved: an import, a changed unit, a replaced table. The last step of a run makes the curve, and its first
//! point is the recount: one statement answers both, which may be the last one of a walk. What of a curve lasts for a
//! day, `lasting` says.

use std::sync::Arc;

use crate::adapter::api::{Gap, Inspect, LastLook, Scope, StoreError, Surveyed};
use crate::model::predicate::{Predicate, StartIs};
use crate::policy::rule::{Data, Policy};
use crate::policy::select;
use crate::state::api::{Curve, Whole};
use crate::time::Instant;

use super::execute::Looked;
use super::holding;
use super::lasting::{self, Lasting};
use super::plan::{self, Circumstances, DataPlan};

/// How far a curve looks ahead, in days.
const HORIZON_DAYS: i64 = 60;
/// The hourly part is never longer than this, however far apart the slots are.
const MOST_HOURS: i64 = 48;

/// A curve, and what was due and unheld at the moment of asking.
#[derive(Debug)]
pub struct Forecast {
    /// The curve.
    pub curve: Curve,
    /// Due and unheld at the cutoff asked for.
    pub left: u64,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

impl Forecast {
    /// A forecast that was made before the records that were due went, as it is now that `left` of them are there.
    #[must_use]
    pub fn after_all(mut self, left: u64) -> Self {
        let due = std::mem::replace(&mut self.left, left);
        for (_, count) in &mut self.curve.points {
            *count = count.saturating_sub(due) + left;
        }
        self
    }
}

/// The instants of a curve after `now`: hours until the second slot, and the days behind them.
fn instants(policy: &Policy, now: Instant) -> (Vec<Instant>, Vec<Instant>) {
    let second_slot = policy
        .schedule
        .next_after(now, policy.zone)
        .and_then(|first| policy.schedule.next_after(first, policy.zone));
    let hours = second_slot.map_or(MOST_HOURS, |slot| (slot - now).num_hours() + 1).clamp(1, MOST_HOURS);
    let first_day = hours / 24 + 1;
    let days = (first_day..=HORIZON_DAYS).map(|day| now + chrono::TimeDelta::days(day));
    ((1..=hours).map(|hour| now + chrono::TimeDelta::hours(hour)).collect(), days.collect())
}

/// One stage, as it is surveyed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survey<'a> {
    /// The policy.
    pub(super) policy: &'a Policy,
    /// The data.
    pub(super) data: &'a Data,
    /// Its plan.
    pub(super) plan: &'a DataPlan,
    /// The stage's place in the plan.
    pub(super) place: usize,
    /// When it begins, and what is known then: the recount is over what was due at that moment.
    pub(super) circumstances: &'a Circumstances,
}

impl Survey<'_> {
    /// What of these curves lasts, so that the store is asked for the hours alone.
    pub(super) fn lasting<'c>(&self, store: &dyn Inspect, before: &'c [Curve]) -> Option<Lasting<'c>> {
        let Self { policy, data, plan, place, circumstances } = *self;
        let selection = &plan.selections.stages[place];
        let of = self.of();
        let curve = before.iter().find(|curve| curve.of == of)?;
        let basis = lasting::basis(policy, data, plan, place, circumstances)?;
        let hours = instants(policy, circumstances.now).0;
        let lasting = Lasting::of(curve, &basis, *hours.last()?, circumstances.now)?;
        let start = selection.start.as_ref()?;
        // Where it cannot be told, everything is counted.
        store
            .finds_by_start(&self.scope(), &selection.base, start)
            .is_ok_and(|finds| finds)
            .then_some(lasting)
    }

    /// What counts of the records for which `of` is true: those that are not held and not due for a later stage.
    fn counting(&self, of: &Predicate) -> Predicate {
        let Self { policy, data, plan, place, circumstances } = *self;
        let selection = &plan.selections.stages[place];
        let held = holding::held(policy, data, &plan.schema, circumstances.holds.iter());
        // What is due for a later stage already is that stage's: this one will never act on it.
        let later = plan.selections.stages.iter().filter(|later| {
            later.branch == selection.branch && later.stage > selection.stage && !later.due.is_empty()
        });
        let not_later = later
            .filter_map(|later| Some((later.start.clone()?, later.due.clone())))
            .fold(Predicate::Always(true), |all, (start, due)| {
                all.and(Predicate::Start { start, is: StartIs::In(due) }.negated())
            });
        let (unheld, _) = select::held(of.clone(), &held);
        unheld.and(not_later)
    }

    /// What the store is asked, with the instant of each set. Behind the hours it is asked for what does not last of an
    /// earlier curve.
    fn asked(&self, lasting: Option<&Lasting<'_>>) -> (LastLook, Vec<Instant>) {
        let Self { policy, data, plan, place, circumstances } = *self;
        let selection = &plan.selections.stages[place];
        let now = circumstances.now;
        let (mut instants, days) = instants(policy, now);
        match lasting {
            Some(lasting) => instants.push(lasting.begins()),
            None => instants.extend(days),
        }
        instants.dedup();
        let mut sets = vec![selection.due.clone()];
        sets.extend(instants.iter().map(|&at| plan::set_at(policy, data, &plan.selections, place, at)));
        instants.insert(0, now);
        (LastLook { predicate: self.counting(&selection.base), sets }, instants)
    }

    /// What a walk can count when it is through, in place of a survey behind it.
    pub(super) fn last_look(&self, lasting: &Lasting<'_>) -> Option<LastLook> {
        let selection = &self.plan.selections.stages[self.place];
        // What became free of what needed it is counted by itself.
        let is_all = selection.start.is_some() && selection.needed == Predicate::Always(false);
        is_all.then(|| self.asked(Some(lasting)).0)
    }

    /// The forecast that such a look comes to; `None` where it was another one.
    pub(super) fn by_look(&self, (look, counts): Looked, lasting: &Lasting<'_>) -> Option<Forecast> {
        let (asked, instants) = self.asked(Some(lasting));
        let surveyed = Surveyed { counts, gaps: Vec::new() };
        (look == asked).then(|| self.answered(&instants, surveyed, Vec::new(), Some(lasting)))
    }

    /// Makes the curve and the recount. Behind the hours it takes what lasts of an earlier one, or else counts all.
    pub(super) fn forecast(
        &self,
        store: &dyn Inspect,
        lasting: Option<&Lasting<'_>>,
    ) -> Result<Option<Forecast>, StoreError> {
        let selection = &self.plan.selections.stages[self.place];
        let Some(start) = &selection.start else { return Ok(None) };
        let (LastLook { predicate, sets }, instants) = self.asked(lasting);
        let scope = self.scope();
        let surveyed = store.survey(&scope, &predicate, start, &sets)?;
        let needed = match &selection.needed {
            Predicate::Always(false) => Vec::new(),
            needed => store.survey(&scope, &self.counting(needed), start, &sets)?.counts,
        };
        Ok(Some(self.answered(&instants, surveyed, needed, lasting)))
    }

    fn answered(
        &self,
        instants: &[Instant],
        surveyed: Surveyed,
        needed: Vec<u64>,
        lasting: Option<&Lasting<'_>>,
    ) -> Forecast {
        let Self { policy, data, plan, place, circumstances } = *self;
        let now = circumstances.now;
        let points = |counts: Vec<u64>| instants.iter().copied().zip(counts).collect::<Vec<_>>();
        let left = surveyed.counts.first().copied().unwrap_or(0);
        let mut curve = Curve {
            of: self.of(),
            made: now,
            remaining: plan.total.count,
            points: points(surveyed.counts),
            needed: if needed.last() > Some(&0) { points(needed) } else { Vec::new() },
            whole: lasting::basis(policy, data, plan, place, circumstances).map(|basis| Whole {
                at: now,
                behind: None,
                basis,
            }),
        };
        if let Some(lasting) = lasting {
            lasting.follow(&mut curve.points);
            curve.whole = Some(lasting.whole());
        }
        Forecast { curve, left, gaps: surveyed.gaps }
    }

    fn of(&self) -> String {
        let selection = &self.plan.selections.stages[self.place];
        of(self.data.index, selection.class.as_deref(), selection.stage + 1)
    }

    fn scope(&self) -> Scope {
        let mut scope = plan::scope(self.data, self.circumstances);
        scope.target = Arc::clone(&self.plan.target);
        scope
    }
}

/// The name of a stage in curves and counters.
pub fn of(data: usize, class: Option<&str>, stage: usize) -> String {
    format!("{data}/{}/{stage}", class.unwrap_or("-"))
}

/// What the curve says for an instant: its value at the newest point that is not later, so never too much.
/// Behind its end, the last value.
pub fn expected(curve: &Curve, at: Instant) -> u64 {
    curve.points.iter().take_while(|(point, _)| *point <= at).last().map_or(0, |(_, count)| *count)
}

/// The same, but of what was counted when the curve was made: nothing that was taken over from an earlier one.
pub fn expected_anew(curve: &Curve, at: Instant) -> u64 {
    let behind = curve.whole.as_ref().and_then(|whole| whole.behind);
    expected(curve, behind.map_or(at, |behind| at.min(behind)))
}

/// What the curve says for the first point at or after an instant: never too little.
pub fn expected_by(curve: &Curve, at: Instant) -> u64 {
    curve.points.iter().find(|(point, _)| *point >= at).or(curve.points.last()).map_or(0, |(_, count)| *count)
}

/// When the oldest record that is still there became due, if `done` records are gone since the curve was made: it was
/// after this instant, which is the point before the one that counts it. The first point counts what was due already.
pub fn oldest(curve: &Curve, done: u64) -> Option<Instant> {
    let place = curve.points.iter().position(|(_, count)| *count > done)?;
    curve.points.get(place.saturating_sub(1)).map(|(at, _)| *at)
}

/// The first point at or after an instant, with the records due by then that other rows still reached.
pub fn needed_by(curve: &Curve, at: Instant) -> Option<(Instant, u64)> {
    curve.needed.iter().find(|(point, _)| *point >= at).or(curve.needed.last()).copied()
}

/// Whether the curve reaches as far as that instant.
pub fn reaches(curve: &Curve, at: Instant) -> bool {
    curve.points.last().is_some_and(|(point, _)| *point >= at)
}
