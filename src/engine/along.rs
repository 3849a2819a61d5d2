//! What a hold on something in another store means for the records that it goes with.
//!
//! A hold on one file or row that goes along keeps the record that it belongs to, and no other. Which record that is,
//! its store and the record's own are asked; where they do not answer, every record is held.

use std::collections::HashSet;
use std::sync::Arc;

use crate::adapter::api::Scope;
use crate::model::hold::{Held, Hold, HoldScope};
use crate::model::key::Key;
use crate::model::predicate::{EventBook, Predicate};
use crate::model::target::{Target, With};
use crate::model::value::{Field, Value};
use crate::policy::rule::{Data, Policy};

use super::{Engine, EngineError, companions, explain};

/// Records read at once.
const READ: usize = 200;

/// The holds in force, and for each that means something which goes along elsewhere the same hold on its records.
pub(super) fn holds(engine: &Engine, policy: &Policy) -> Result<Vec<Hold>, EngineError> {
    let now = engine.clock.now();
    let mut holds = engine.state.holds()?;
    holds.retain(|hold| hold.keeps(now));
    let mut narrowed = Vec::new();
    for data in &policy.data {
        for with in &data.target.with {
            let Some(store) = &with.store else { continue };
            for hold in &holds {
                let Some(key) = &hold.scope.key else { continue };
                if !hold.scope.reaches_along() || !hold.scope.touches(&policy.id, store, &with.collection) {
                    continue;
                }
                let on = |key| HoldScope {
                    policy: Some(policy.id.clone()),
                    store: Some(data.target.store.clone()),
                    collection: Some(data.target.collection.clone()),
                    key,
                    ..HoldScope::default()
                };
                let scopes = match records_of(engine, data, with, key) {
                    Ok(records) => records.into_iter().map(Some).map(on).collect(),
                    Err(error) => {
                        tracing::warn!(hold = %hold.id, %error, "which record a hold means cannot be told: all are held");
                        vec![on(None)]
                    }
                };
                narrowed.extend(scopes.into_iter().map(|scope| Hold { scope, ..hold.clone() }));
            }
        }
    }
    holds.extend(narrowed);
    Ok(holds)
}

/// What is held of one `[[data]]` at this moment.
pub(super) fn held(engine: &Engine, policy: &Policy, data: &Data) -> Result<Held, EngineError> {
    Ok(Held::of_data(&holds(engine, policy)?.iter(), &policy.id, &data.target))
}

/// The records to which the companion with that key belongs; none where there is no such companion.
fn records_of(
    engine: &Engine,
    data: &Data,
    with: &With,
    companion: &Key,
) -> Result<HashSet<Key>, EngineError> {
    let target = &data.target;
    let Some(store) = &with.store else { return Ok(HashSet::new()) };
    let scope = |target| Scope { target, events: Arc::new(EventBook::default()), now: engine.clock.now() };
    let there = scope(Arc::new(Target::new(store.clone(), with.collection.clone())));
    let Some(row) = engine.inspect(store)?.read(&there, companion)? else { return Ok(HashSet::new()) };
    let parts = companions::parts_of(with);
    let name = parts.iter().map(|part| row.fields.get(&Field::own(part.as_str()))?.as_event_key());
    let Some(name) = name.collect::<Option<companions::Name>>() else { return Ok(HashSet::new()) };

    let own = engine.inspect(&target.store)?;
    let scope = scope(Arc::clone(target));
    let predicate = if with.by.is_some() {
        Predicate::KeyIn(Arc::new(HashSet::from([explain::read_key(engine, data, &name[0])?])))
    } else {
        let all = parts.iter().zip(&name).map(|(part, text)| spelled(&Field::own(part.as_str()), text));
        Predicate::All(all.collect())
    };
    let mut records = HashSet::new();
    let mut after: Option<Key> = None;
    loop {
        let page = own.scan(&scope, &predicate, after.as_ref(), READ)?;
        after = page.rows.last().map(|row| row.key.clone());
        records.extend(page.rows.into_iter().map(|row| row.key));
        if !page.more || after.is_none() {
            return Ok(records);
        }
    }
}

/// Whether a record's field is spelled so: as a text, or as the number that it spells.
fn spelled(field: &Field, text: &str) -> Predicate {
    let is = |value| Predicate::OneOf { field: field.clone(), values: vec![value] };
    let number = text.parse().ok().filter(|number: &i64| number.to_string() == text).map(Value::Int);
    Predicate::Any(std::iter::once(Value::Text(text.to_owned())).chain(number).map(is).collect())
}
