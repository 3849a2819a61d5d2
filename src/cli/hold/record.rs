//! Which record a held key means. A hold on a key that no record has would be in force and keep nothing, so the store
//! is asked, and the hold takes the key as the store spells it.

use std::sync::Arc;

use super::gone::Gone;
use crate::adapter::api::StoreError;
use crate::audit::entry::Body;
use crate::cli::exit::Failure;
use crate::cli::phrase;
use crate::cli::session::Session;
use crate::engine::{EngineError, explain, plan, run};
use crate::model::hold::HoldScope;
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyForm};
use crate::model::schema::Schema;
use crate::model::target::{Target, With};
use crate::policy::rule::{Data, Policy};

/// A record that a hold is to keep.
pub(super) struct Meant {
    /// The record, and where it lies; no longer under which policy, whose name may change.
    pub(super) scope: HoldScope,
    /// Batches that acted on it before.
    pub(super) gone: Vec<Gone>,
    /// What could not be looked up.
    pub(super) warnings: Vec<String>,
}

/// What one binding says of the key.
struct Answer {
    place: (StoreName, String),
    key: Key,
    form: KeyForm,
    /// `None`: the store did not answer, and the key stands as it was typed.
    is_there: Result<bool, StoreError>,
    gone: Vec<Gone>,
}

/// Finds the record among everything that the scope covers.
pub(super) fn meant(text: &str, named: &HoldScope, session: &Session) -> Result<Meant, Failure> {
    let bound = session.in_force()?;
    let mut answers = Vec::new();
    for (policy, data) in bound.iter().flat_map(|policy| policy.data.iter().map(move |data| (policy, data))) {
        let covers = |target: &Target| named.touches(&policy.id, &target.store, &target.collection);
        if covers(&data.target) {
            answers.push(ask(text, policy, data, session)?);
        }
        // What goes along in another store can be held too: its record is kept with it.
        for there in data.target.elsewhere().filter(covers) {
            let along = Data { target: Arc::new(there), ..data.clone() };
            answers.push(ask(text, policy, &along, session)?);
        }
    }
    if answers.is_empty() {
        return Err(goes_along(named, &bound).unwrap_or_else(|| nothing_bound(session)));
    }
    answers.retain(|answer| !matches!(answer.is_there, Ok(false)) || !answer.gone.is_empty());
    let Some(first) = answers.first() else {
        return Err(Failure::usage(format!(
            "no record there has the key {}, so the hold would keep nothing and is not in force: `forfall explain` \
             shows how keys are spelled; without --key all of it is held",
            phrase::safe(text)
        )));
    };
    let (key, form) = (first.key.clone(), first.form);
    if answers.iter().any(|answer| answer.key != key) {
        return Err(Failure::usage(
            "the key means different records in different collections: add --store and --collection",
        ));
    }
    let one_place = answers.iter().all(|answer| answer.place == first.place);
    let scope = match (one_place, first.place.clone()) {
        // A path says by itself which file it is, whatever pattern a policy writes.
        (true, (store, _)) if form == KeyForm::Path => {
            HoldScope { store: Some(store), key: Some(key), ..HoldScope::default() }
        }
        (true, (store, collection)) => HoldScope {
            store: Some(store),
            collection: Some(collection),
            key: Some(key),
            ..HoldScope::default()
        },
        (false, _) => HoldScope { key: Some(key), ..named.clone() },
    };
    let unasked = answers.iter().filter_map(|answer| answer.is_there.as_ref().err());
    let warnings = unasked
        .map(|error| {
            format!("the hold is put on the key as typed, because it could not be looked up: {error}")
        })
        .collect();
    Ok(Meant { scope, warnings, gone: answers.into_iter().flat_map(|answer| answer.gone).collect() })
}

fn ask(text: &str, policy: &Policy, data: &Data, session: &Session) -> Result<Answer, Failure> {
    let engine = &session.engine;
    let store = engine.inspect(&data.target.store).map_err(EngineError::from).map_err(not_in_force)?;
    let schema = store.probe(&data.target).map_err(EngineError::from).map_err(not_in_force)?;
    if has_no_lasting_key(&schema) {
        return Err(Failure::usage(format!(
            "records of {} in store {} have no primary key, and the number of a row may come to mean another one: hold \
             the whole collection, without --key",
            phrase::safe(&data.target.collection),
            data.target.store
        )));
    }
    let typed = explain::read_key(engine, data, text).map_err(not_in_force)?;
    let data_now = plan::with_references(data, &schema);
    let scope = plan::scope(&data_now, &run::circumstances(engine, policy, engine.clock.now())?);
    let (key, is_there) = match store.read(&scope, &typed) {
        Ok(Some(row)) => (row.key, Ok(true)),
        Ok(None) => (typed, Ok(false)),
        Err(error) => (typed, Err(error)),
    };
    let told = explain::explain(engine, policy, data, &key.text(schema.key_form)).ok();
    let gone = told.into_iter().flat_map(|told| told.history).filter(|past| past.done != Some(false));
    let gone = gone.filter_map(|past| match past.intent.entry.body {
        Body::Intent(intent) => Some(Gone::of(&intent, past.intent.entry.time)),
        _ => None,
    });
    let place = (data.target.store.clone(), data.target.collection.clone());
    Ok(Answer { place, key, form: schema.key_form, is_there, gone: gone.collect() })
}

/// The key is a row number, which no column holds.
pub(in crate::cli) fn has_no_lasting_key(schema: &Schema) -> bool {
    schema.key_form == KeyForm::Columns && schema.key.iter().any(|name| schema.column(name).is_none())
}

fn not_in_force(error: EngineError) -> Failure {
    let failure = Failure::from(error);
    let message = format!(
        "{}. The hold is not in force: without --key the whole collection can be held at once",
        failure.message
    );
    Failure { message, ..failure }
}

/// What only goes along with records of the same store is kept by holding these.
fn goes_along(named: &HoldScope, bound: &[Policy]) -> Option<Failure> {
    bound.iter().find_map(|policy| {
        let here = |data: &Data, with: &With| {
            with.store.is_none() && named.touches(&policy.id, &data.target.store, &with.collection)
        };
        let (data, with) = policy.data.iter().find_map(|data| {
            let with = data.target.with.iter().find(|with| here(data, with))?;
            Some((data, with))
        })?;
        let (there, record) = (phrase::safe(&with.collection), phrase::safe(&data.target.collection));
        Some(Failure::usage(format!(
            "{there} goes along with the records of {record}, and is kept with them: hold the record of {record} that it \
             belongs to, with --collection {record} and its key; without --key all of {there} is held"
        )))
    })
}

fn nothing_bound(session: &Session) -> Failure {
    if session.is_valid() {
        return Failure::usage("no policy binds data there, so nothing there is ever disposed of");
    }
    Failure::invalid(
        "the hold is not in force: which record the key means cannot be told while policies are invalid (see \
         `forfall check`). Without --key, --policy or --store is held at once",
    )
}
