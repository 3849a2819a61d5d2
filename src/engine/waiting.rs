//! The records that wait for their start: where, for what, how many, since when they were first seen so.

use super::plan;
use super::unsettled::{self, Stale};
use super::{Engine, EngineError, run};
use crate::adapter::api::{Group, StoreError, Tally};
use crate::model::key::KeyForm;
use crate::model::predicate::Predicate;
use crate::model::start::{Start, StartSource};
use crate::policy::rule::{Data, Policy};
use crate::state::unsettled::{Followed, Unsettled};
use crate::time::Instant;

/// The records of one `[[data]]` that are without a start for one reason.
#[derive(Debug)]
pub struct Waiting {
    /// Which `[[data]]`, from 0.
    pub index: usize,
    /// Why.
    pub why: Unsettled,
    /// What they wait for: events and fields.
    pub until: Vec<String>,
    /// How many, with some of their keys; or why that cannot be told.
    pub found: Result<Found, StoreError>,
    /// Of those that are followed in this collection, when the first was first seen so.
    pub since: Option<Instant>,
    /// How many of them are stale.
    pub stale: u64,
    /// How many are not followed, because there are too many.
    pub beyond: u64,
}

/// What a store says.
#[derive(Debug)]
pub struct Found {
    /// How many.
    pub records: u64,
    /// Some of their keys.
    pub samples: Vec<String>,
}

/// Asks the stores. Undetermined records are among the answers where some of them are stale.
pub fn waiting(engine: &Engine, policy: &Policy, samples: usize) -> Result<Vec<Waiting>, EngineError> {
    let now = engine.clock.now();
    let followed = engine.state.followed(&policy.id)?;
    let mut all = Vec::new();
    for data in &policy.data {
        for why in Unsettled::ALL {
            let known = followed.iter().find(|known| is_of(known, data, why));
            let stale = known.map_or_else(Stale::default, |known| {
                unsettled::stale(policy, std::slice::from_ref(known), now)
            });
            if why == Unsettled::Undetermined && stale.records() == 0 {
                continue;
            }
            let until = if why == Unsettled::Waiting { until(data) } else { Vec::new() };
            all.push(Waiting {
                index: data.index,
                why,
                until,
                found: found(engine, policy, data, why, samples)?,
                since: known.and_then(|known| known.since.first()).map(|(since, _)| *since),
                stale: stale.records(),
                beyond: known.map_or(0, |known| known.beyond),
            });
        }
    }
    Ok(all)
}

fn is_of(known: &Followed, data: &Data, why: Unsettled) -> bool {
    let place = &known.place;
    place.store == data.target.store && place.collection == data.target.collection && place.why == why
}

fn found(
    engine: &Engine,
    policy: &Policy,
    data: &Data,
    why: Unsettled,
    samples: usize,
) -> Result<Result<Found, StoreError>, EngineError> {
    let circumstances = run::circumstances(engine, policy, engine.clock.now())?;
    let ask = || {
        let store = engine.inspect(&data.target.store)?;
        let plan::Selected { schema, data, selections, .. } =
            plan::selected(store, policy, data, circumstances.now)?;
        let predicate = match why {
            Unsettled::Waiting => selections.waiting,
            Unsettled::Undetermined => selections.undetermined,
        };
        if predicate == Predicate::Always(false) {
            return Ok(Found { records: 0, samples: Vec::new() });
        }
        let group = Group { predicate, start: None, samples };
        let counted = store.count(&plan::scope(&data, &circumstances), &[group])?;
        let Tally { count, samples, .. } = counted.tallies.into_iter().next().unwrap_or_default();
        Ok(Found { records: count, samples: texts(&samples, schema.key_form) })
    };
    Ok(ask())
}

fn texts(keys: &[crate::model::key::Key], form: KeyForm) -> Vec<String> {
    keys.iter().map(|key| key.text(form)).collect()
}

/// Everything that a start of this `[[data]]` can wait for, each once.
fn until(data: &Data) -> Vec<String> {
    let mut all = Vec::new();
    let starts =
        data.branches.iter().flat_map(|branch| &branch.stages).filter_map(|stage| stage.start.as_ref());
    for one in starts.flat_map(|start| of_start(start)) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

fn of_start(start: &Start) -> Vec<String> {
    let may_wait = start.waiting_if_empty || start.waiting_if_future;
    match &start.source {
        StartSource::Event { name, by: None } => vec![format!("event {name}")],
        StartSource::Event { name, by: Some(by) } => vec![format!("event {name} by {by}")],
        StartSource::Field(field) if may_wait => vec![field.to_string()],
        StartSource::Latest(fields) if may_wait => fields.iter().map(|one| one.field.to_string()).collect(),
        StartSource::Field(_) | StartSource::Latest(_) => Vec::new(),
    }
}
