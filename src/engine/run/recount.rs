//! The recount at the end of a run, and the next forecast.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::Begun;
use crate::adapter::api::{Group, Inspect, LastLook, Scope};
use crate::adapter::recall::Recall;
use crate::engine::execute::Looked;
use crate::engine::forecast::{self, Forecast};
use crate::engine::plan::{Circumstances, DataPlan};
use crate::engine::progress::Stop;
use crate::engine::{EngineError, run};
use crate::model::predicate::Predicate;
use crate::policy::rule::{Data, Policy};
use crate::state::api::{Curve, StateError};

/// Forecasts that are made beside the walk, by the place of their stage: what will be due later can be counted while
/// what is due goes. Dropping it takes the question back and waits until nobody asks it any more: a run that has ended
/// leaves its stores in peace.
#[derive(Default)]
pub(super) struct Beside {
    survey: Option<JoinHandle<Vec<(usize, Forecast)>>>,
    recall: Recall,
}

/// What was counted before the recount, for stages by their place.
pub(super) struct Counted {
    /// Beside the walk.
    pub(super) beside: Beside,
    /// By walks that were through; nothing was done since.
    pub(super) looked: Vec<(usize, Looked)>,
}

impl Begun<'_> {
    /// Begins to survey what will be due later, where the store may be read while a batch is open and nobody wants
    /// that nothing be done. Where parts may go as a whole there is no survey beside them: each would have to wait until
    /// nobody reads the collection any more, and there is less to survey when they are gone.
    pub(super) fn survey_beside(
        &self,
        data: &Data,
        plan: &DataPlan,
        circumstances: &Circumstances,
        stop: &Stop,
    ) -> Result<Beside, EngineError> {
        let mut beside = Beside::default();
        let unwanted = || run::closed(self.engine, self.policy, self.engine.clock.now());
        let in_the_way = plan.target.drop_partitions;
        if plan.due() < WORTHWHILE || in_the_way || stop.is_asked() || unwanted()?.is_some() {
            return Ok(beside);
        }
        let Ok(store) = self.engine.inspect(&data.target.store) else { return Ok(beside) };
        let acts = |place: usize| {
            let (stage, selection) = (&plan.stages[place], &plan.selections.stages[place]);
            // A record that others need may be free when the run is over.
            stage.action.changes_the_store()
                && selection.decided.is_none()
                && selection.needed == Predicate::Always(false)
        };
        let policy = self.policy;
        let curves = self.engine.state.curves(&policy.id)?;
        let far = |place: &usize| {
            let one = forecast::Survey { policy, data, plan, place: *place, circumstances };
            one.lasting(store, &curves).is_none()
        };
        let places: Vec<usize> = (0..plan.stages.len()).filter(|place| acts(*place)).filter(far).collect();
        if places.is_empty() {
            return Ok(beside);
        }
        let Some(store) = store.beside(&beside.recall) else { return Ok(beside) };
        let policy = policy.clone();
        let (data, plan, circumstances) = (data.clone(), plan.clone(), circumstances.clone());
        beside.survey =
            Some(std::thread::spawn(move || survey(&*store, &policy, &data, &plan, &places, &circumstances)));
        Ok(beside)
    }

    /// What the walk of a stage may count when it is through, in place of a survey behind it: where it is long, and the
    /// days of its forecast are known.
    pub(super) fn last_look(
        &self,
        data: &Data,
        plan: &DataPlan,
        place: usize,
        circumstances: &Circumstances,
    ) -> Result<Option<LastLook>, StateError> {
        if plan.stages[place].due < MANY || plan.selections.stages[place].decided.is_some() {
            return Ok(None);
        }
        let Ok(store) = self.engine.inspect(&data.target.store) else { return Ok(None) };
        let curves = self.engine.state.curves(&self.policy.id)?;
        let survey = forecast::Survey { policy: self.policy, data, plan, place, circumstances };
        Ok(survey.lasting(store, &curves).and_then(|lasting| survey.last_look(&lasting)))
    }

    /// Counts again what is due and unheld, and makes the next forecast.
    pub(super) fn recount(
        &self,
        data: &Data,
        plan: &DataPlan,
        circumstances: &Circumstances,
        Counted { beside, mut looked }: Counted,
        curves: &mut Vec<Curve>,
        incomplete: &mut Vec<String>,
    ) -> Result<(), EngineError> {
        let store = self.engine.inspect(&data.target.store)?;
        // Holds that came during the run keep their records: they are not left over.
        let news = run::circumstances(self.engine, self.policy, circumstances.now)?;
        let fresh = Circumstances { holds: Arc::clone(&news.holds), ..circumstances.clone() };
        let before = self.engine.state.curves(&self.policy.id)?;
        let mut surveyed = if same(&news, circumstances) { beside.finished() } else { Vec::new() };
        for (place, stage) in plan.stages.iter().enumerate() {
            if !stage.action.changes_the_store() {
                continue;
            }
            let question = || self.question(data, plan, place, &fresh);
            if plan.selections.stages[place].decided.is_some() {
                match exactly_left(store, &question()) {
                    Ok(0) => {}
                    Ok(left) => incomplete.push(format!("counted again, {left} records are still there")),
                    Err(why) => incomplete.push(why),
                }
                continue;
            }
            // The survey also counts what meanwhile belongs to a later stage: what it finds left is asked for exactly.
            let early = surveyed.iter().position(|(of, _)| *of == place).map(|at| surveyed.swap_remove(at).1);
            let is_early = early.is_some();
            let made = if let Some(early) = early {
                Ok(Some(early))
            } else {
                let policy = self.policy;
                let survey = forecast::Survey { policy, data, plan, place, circumstances: &fresh };
                let lasting = survey.lasting(store, &before);
                // Where something was recorded meanwhile that decides which records are due, nothing lasts.
                let looked =
                    looked.iter().position(|(of, _)| *of == place).map(|at| looked.swap_remove(at).1);
                let by_look =
                    looked.zip(lasting.as_ref()).and_then(|(looked, last)| survey.by_look(looked, last));
                if by_look.is_some() { Ok(by_look) } else { survey.forecast(store, lasting.as_ref()) }
            };
            match made {
                Ok(Some(forecast)) => {
                    incomplete
                        .extend(forecast.gaps.iter().map(|gap| format!("{}: {}", gap.place, gap.reason)));
                    let mut left = 0;
                    if is_early || forecast.left > 0 {
                        match exactly_left(store, &question()) {
                            Ok(counted) => left = counted,
                            Err(why) => incomplete.push(why),
                        }
                    }
                    if left > 0 {
                        incomplete.push(format!(
                            "counted again, {left} records are still due and not held{}",
                            why_left(store, &question())
                        ));
                    }
                    let forecast = if is_early { forecast.after_all(left) } else { forecast };
                    // What this run has done is in the counts already: only what comes after is added to them.
                    curves.push(Curve { made: self.engine.clock.now(), ..forecast.curve });
                }
                Ok(None) => {}
                Err(error) => incomplete.push(format!("could not be counted again: {error}")),
            }
        }
        Ok(())
    }
}

/// A walk over fewer records than this has no look of its own at all of the others.
const MANY: u64 = 1_000;
/// So few records are walked before a thread could help.
const WORTHWHILE: u64 = 10_000;

impl Beside {
    /// What was surveyed; nothing where it was not begun or did not succeed.
    fn finished(mut self) -> Vec<(usize, Forecast)> {
        self.survey.take().and_then(|survey| survey.join().ok()).unwrap_or_default()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.recall.ask();
        if let Some(survey) = self.survey.take() {
            // What it found, or that it died, matters to nobody any more.
            let _ = survey.join();
        }
    }
}

/// The forecasts of these stages; none for a stage that cannot be surveyed now: it is surveyed again in the end.
fn survey(
    store: &dyn Inspect,
    policy: &Policy,
    data: &Data,
    plan: &DataPlan,
    places: &[usize],
    circumstances: &Circumstances,
) -> Vec<(usize, Forecast)> {
    let one = |place: &usize| {
        let one = forecast::Survey { policy, data, plan, place: *place, circumstances };
        let made = one.forecast(store, None).ok()??;
        made.gaps.is_empty().then_some((*place, made))
    };
    places.iter().filter_map(one).collect()
}

/// Nothing was recorded since that decides which records are due.
fn same(news: &Circumstances, then: &Circumstances) -> bool {
    (&news.events, &news.holds, &news.cases) == (&then.events, &then.holds, &then.cases)
}

/// The recount by the whole predicate, or why there is none: what could not be read may hold something that is due.
fn exactly_left(store: &dyn Inspect, (scope, predicate): &(Scope, Predicate)) -> Result<u64, String> {
    let group = Group { predicate: predicate.clone(), start: None, samples: 0 };
    let counted =
        store.count(scope, &[group]).map_err(|error| format!("could not be counted again: {error}"))?;
    match counted.gaps.first() {
        Some(gap) => Err(format!("could not be counted again: {}: {}", gap.place, gap.reason)),
        None => Ok(counted.tallies.first().map_or(0, |tally| tally.count)),
    }
}

/// Why records were left, as far as the store can tell: nothing could be proven of one without a key, so it stays.
fn why_left(store: &dyn Inspect, (scope, predicate): &(Scope, Predicate)) -> String {
    let page = store.scan(scope, predicate, None, 1).unwrap_or_default();
    page.gaps.first().map_or_else(String::new, |gap| format!(" ({}: {})", gap.place, gap.reason))
}
