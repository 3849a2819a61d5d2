//! Events whose key no record has: recorded all the same, because the record may come later, but perhaps a mistake.

use std::sync::Arc;

use super::redate::{Change, SEARCHED};
use super::{Engine, EngineError, plan, run};
use crate::adapter::api::StoreError;
use crate::model::predicate::{EventBook, Predicate};
use crate::model::start::StartSource;
use crate::model::value::Field;
use crate::policy::rule::{Data, Policy};

/// The keys of the events that reach no record now, under whatever policy asks for them. A store that does not answer
/// may have the record, and so may one that nobody asked because the events are too many.
pub fn nowhere<'c>(
    engine: &Engine,
    policies: &[Policy],
    changes: &'c [Change],
) -> Result<Vec<&'c str>, EngineError> {
    let mut keys = Vec::new();
    if changes.len() > SEARCHED {
        return Ok(keys);
    }
    for change in changes.iter().filter(|change| change.now.is_some()) {
        let mut asked = false;
        let mut reached = false;
        for (policy, data) in
            policies.iter().flat_map(|policy| policy.data.iter().map(move |data| (policy, data)))
        {
            for of in uses(data, &change.name) {
                asked = true;
                reached = reached || reaches(engine, policy, data, change, of)?;
            }
        }
        if asked && !reached {
            keys.push(change.key.as_str());
        }
    }
    Ok(keys)
}

/// Whether there is a record for which the event alone, and no other, is recorded.
fn reaches(
    engine: &Engine,
    policy: &Policy,
    data: &Data,
    change: &Change,
    of: Option<Field>,
) -> Result<bool, EngineError> {
    let now = engine.clock.now();
    let mut book = EventBook::default();
    book.record(change.name.clone(), change.key.clone(), change.now.unwrap_or(now));
    let mut scope = plan::scope(data, &run::circumstances(engine, policy, now)?);
    scope.events = Arc::new(book);
    let event = Predicate::Event { name: change.name.clone(), of };
    let any: Result<bool, StoreError> =
        engine.inspect(&data.target.store).and_then(|store| store.any(&scope, &event, None));
    Ok(any.unwrap_or(true))
}

/// By what the binding asks for the event: a field, or the record's own key.
fn uses(data: &Data, name: &str) -> Vec<Option<Field>> {
    let mut found = Vec::new();
    let mut ask = |condition: &Predicate| {
        condition.visit(&mut |part| {
            if let Predicate::Event { name: asked, of } = part
                && asked == name
            {
                found.push(of.clone());
            }
        });
    };
    ask(&data.scope);
    data.branches.iter().for_each(|branch| ask(&branch.when));
    for (_, stage) in data.stages() {
        match stage.start.as_ref().map(|start| &start.source) {
            Some(StartSource::Event { name: asked, by }) if asked == name => found.push(by.clone()),
            _ => {}
        }
    }
    let mut once = Vec::new();
    for of in found {
        if !once.contains(&of) {
            once.push(of);
        }
    }
    once
}
