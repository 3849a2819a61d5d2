//! Records that another row kept when the forecast was made, and that are free now: their due dates were known, only
//! not when they would be free. They are no surprise, but only where the rows that kept them went by our own hand: rows
//! that are gone for any other reason may have been lost, and what they kept waits for a person.

use std::sync::Arc;

use super::Begun;
use crate::adapter::api::Group;
use crate::audit::entry::Body;
use crate::engine::plan::{Circumstances, DataPlan};
use crate::engine::{EngineError, forecast, plan};
use crate::model::action::Action;
use crate::model::predicate::{Predicate, StartIs};
use crate::policy::rule::Data;
use crate::state::api::{Curve, Filter};
use crate::time::Instant;

/// How many entries of the log are read at once.
const ENTRIES: usize = 1_000;

/// How many records of a stage are needed no longer since the curve was made, because we disposed of what needed them.
pub(super) fn since(
    begun: &Begun<'_>,
    data: &Data,
    plan: &DataPlan,
    place: usize,
    curve: &Curve,
    circumstances: &Circumstances,
) -> Result<u64, EngineError> {
    let Some((at, then)) = forecast::needed_by(curve, begun.now) else { return Ok(0) };
    let selection = &plan.selections.stages[place];
    let Some(start) = &selection.start else { return Ok(0) };
    // The same point of the curve for both counts, and held records only in the second: never too many.
    let due = plan::set_at(begun.policy, data, &plan.selections, place, at);
    let still = Predicate::Start { start: Arc::clone(start), is: StartIs::In(due) };
    let group = Group { predicate: still.and(selection.needed.clone()), start: None, samples: 0 };
    let mut scope = plan::scope(data, circumstances);
    scope.target = Arc::clone(&plan.target);
    let counted = begun.engine.inspect(&data.target.store)?.count(&scope, &[group])?;
    let now = counted.tallies.first().map_or(0, |tally| tally.count);
    match then.saturating_sub(now) {
        0 => Ok(0),
        // Each of them was kept by one row at least.
        fewer => Ok(fewer.min(disposed_of(begun, plan, curve.made)?)),
    }
}

/// How many rows that can keep a record of this target we announced to delete since then.
fn disposed_of(begun: &Begun<'_>, plan: &DataPlan, since: Instant) -> Result<u64, EngineError> {
    let keeps = |collection: &str| {
        plan.target.reached_by.iter().any(|reach| reach.collection.eq_ignore_ascii_case(collection))
    };
    let filter = Filter {
        kind: Some("intent".to_owned()),
        store: Some(plan.target.store.clone()),
        from: Some(since),
        ..Filter::default()
    };
    let (mut gone, mut after) = (0, None);
    loop {
        let page = begun.engine.state.find(&filter, after, ENTRIES)?;
        for placed in &page {
            let Body::Intent(intent) = &placed.entry.body else { continue };
            if intent.label.store != plan.target.store || intent.label.action != Action::Delete.word() {
                continue;
            }
            let own = std::iter::once((intent.label.collection.as_str(), intent.count));
            let along = intent.companions.iter().map(|along| (along.collection.as_str(), along.count));
            gone += own.chain(along).filter(|(of, _)| keeps(of)).map(|(_, count)| count).sum::<u64>();
        }
        match page.last() {
            Some(last) if page.len() == ENTRIES => after = Some(last.index),
            _ => return Ok(gone),
        }
    }
}
