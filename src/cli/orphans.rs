//! What somebody decided and what no longer means anything, because a name changed: holds that keep nothing, and
//! approved policies whose file is gone. Nobody wants to learn that from a deletion, or from one that never came.

use super::exit::Failure;
use super::hold::has_no_lasting_key;
use super::phrase;
use super::session::Session;
use crate::engine::{plan, run};
use crate::model::hold::Hold;
use crate::model::key::KeyForm;
use crate::policy::rule::Policy;
use crate::state::retention::LOG;

/// All of it, as sentences.
pub(super) fn warnings(session: &Session) -> Result<Vec<String>, Failure> {
    let mut warnings = orphans(session)?;
    for policy in session.vanished()? {
        let approval = session.state.approval(&policy)?;
        // Once somebody has cancelled the approval, it is known.
        if approval.is_some_and(|approval| approval.cancelled.is_none()) {
            warnings.push(format!(
                "policy {policy} was approved, and its file is gone: nothing is done under it any more. Is its data under \
                 another policy now? If that is meant, `forfall review cancel {policy} --reason CODE`"
            ));
        }
    }
    Ok(warnings)
}

/// Each hold that names a policy, store or collection which is not there, as a sentence.
fn orphans(session: &Session) -> Result<Vec<String>, Failure> {
    let bound = bound(session)?;
    let holds = session.state.holds()?;
    Ok(holds.iter().filter_map(|hold| lost(hold, &bound, session)).collect())
}

/// The policies under which anything may go: under one whose file is gone nothing is done any more.
pub(super) fn bound(session: &Session) -> Result<Vec<Policy>, Failure> {
    let mut bound = session.in_force()?;
    let vanished = session.vanished()?;
    bound.retain(|policy| !vanished.contains(&policy.id));
    Ok(bound)
}

/// Whether the hold reaches nothing that any policy binds.
pub(super) fn keeps_nothing(hold: &Hold, bound: &[Policy]) -> bool {
    let mut data = bound.iter().flat_map(|policy| policy.data.iter().map(move |data| (policy, &data.target)));
    hold.scope.store.as_ref().is_none_or(|store| store.as_str() != LOG)
        && !data.any(|(policy, target)| {
            let mut places =
                std::iter::once((&target.store, target.collection.as_str())).chain(target.goes_along());
            places.any(|(store, collection)| hold.scope.touches(&policy.id, store, collection))
        })
}

/// While a hold protects nothing, no policy gets an approval: under another name it may act on what was held.
pub(super) fn refuse(session: &Session) -> Result<(), Failure> {
    match orphans(session)?.into_iter().next() {
        None => Ok(()),
        Some(lost) => Err(Failure::stopped(format!(
            "{lost}. Put a hold on what it was to keep, release this one, then approve"
        ))),
    }
}

fn lost(hold: &Hold, bound: &[Policy], session: &Session) -> Option<String> {
    let scope = &hold.scope;
    let store = scope.store.as_ref().filter(|store| store.as_str() != LOG);
    let no_store = store.filter(|store| session.config.store(store).is_none());
    let no_policy = scope.policy.as_ref().filter(|id| !bound.iter().any(|policy| policy.id == **id));
    let no_collection = scope.collection.as_ref().filter(|collection| {
        let mut named = bound.iter().flat_map(|policy| &policy.data).flat_map(|data| {
            std::iter::once((&data.target.store, data.target.collection.as_str()))
                .chain(data.target.goes_along())
        });
        !named.any(|(there, name)| store.is_none_or(|store| store == there) && name == collection.as_str())
    });
    let what = match (no_store, no_policy, no_collection) {
        (Some(store), _, _) => format!("store {store}, which is not registered"),
        (_, Some(policy), _) => format!("policy {policy}, which is not there"),
        (_, _, Some(collection)) => format!("collection {}, which no policy binds", phrase::safe(collection)),
        (None, None, None) => return None,
    };
    let keeps = if keeps_nothing(hold, bound) {
        "keeps nothing"
    } else {
        "keeps only what lay there when it was put in force"
    };
    Some(format!("hold {} ({}) {keeps}: it names {what}", hold.id, phrase::safe(&hold.reason)))
}

/// Holds on single records of these policies that the stores do not have under that key, each as a sentence: the
/// record is gone, or its key was changed.
pub(super) fn unmatched<'a>(
    session: &Session,
    policies: impl Iterator<Item = &'a Policy>,
) -> Result<Vec<String>, Failure> {
    let engine = &session.engine;
    let mut found = Vec::new();
    for (policy, data) in policies.flat_map(|policy| policy.data.iter().map(move |data| (policy, data))) {
        let circumstances = run::circumstances(engine, policy, engine.clock.now())?;
        let target = &data.target;
        let touching = circumstances
            .holds
            .iter()
            .filter(|hold| hold.scope.touches(&policy.id, &target.store, &target.collection));
        for (hold, key) in touching.filter_map(|hold| Some((hold, hold.scope.key.as_ref()?))) {
            let store = engine.inspect(&target.store)?;
            let schema = store.probe(target)?;
            let there = store.read(&plan::scope(data, &circumstances), key)?.is_some();
            let elsewhere = schema.key_form == KeyForm::Path && hold.scope.collection.is_none();
            if has_no_lasting_key(&schema) || (!there && !elsewhere) {
                found.push(format!(
                    "hold {} ({}) names one record, and {} has none with that key",
                    hold.id,
                    phrase::safe(&hold.reason),
                    phrase::safe(&target.collection)
                ));
            }
        }
    }
    Ok(found)
}
