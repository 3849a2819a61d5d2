//! Whether a batch may start: the one question that every state store asks inside the transaction that writes the
//! intent. Pure, so that the stores cannot differ.

use super::api::{EpochKey, IntentAnswer, PauseScope, StateError};
use crate::audit::commitment;
use crate::audit::entry::{Intent, Outcome, Recovery};
use crate::audit::tree::Hash;
use crate::model::batch::BatchLabel;
use crate::model::hold::{self, Held, Hold};
use crate::model::key::Key;

/// How the stage of a batch of things that go with records of another store ends (`of` of an intent).
pub const ALONG: &str = "/with";

/// What stands against the batch, if anything does. A pause comes first: it stops the whole run.
pub(super) fn objection<'a>(
    intent: &Intent,
    of: &str,
    keys: &[Key],
    pauses: &[PauseScope],
    holds: &(impl IntoIterator<Item = &'a Hold> + Clone),
) -> Option<IntentAnswer> {
    let label = &intent.label;
    if let Some(pause) = pauses.iter().find(|pause| covers(pause, label)) {
        return Some(IntentAnswer::Paused(pause.clone()));
    }
    let of_records = !of.ends_with(ALONG);
    let meant = holds.clone().into_iter().filter(|hold| of_records || hold.scope.reaches_along());
    let mut held = Held::of(meant, &label.policy, &label.store, &label.collection);
    held.everything |= intent
        .companions
        .iter()
        .any(|along| hold::along(holds.clone(), &label.policy, &label.store, &along.collection));
    if held.is_empty() {
        return None;
    }
    let places: Vec<usize> =
        keys.iter().enumerate().filter(|(_, key)| held.covers(key)).map(|(place, _)| place).collect();
    if places.is_empty() { None } else { Some(IntentAnswer::Held(places)) }
}

/// What stands against a batch that is known by its list alone. `names` says whether it has the record with this key.
pub(super) fn objection_to_whole<'a>(
    intent: &Intent,
    pauses: &[PauseScope],
    holds: impl IntoIterator<Item = &'a Hold>,
    mut names: impl FnMut(&Key) -> Result<bool, StateError>,
) -> Result<Option<IntentAnswer>, StateError> {
    let label = &intent.label;
    if let Some(pause) = pauses.iter().find(|pause| covers(pause, label)) {
        return Ok(Some(IntentAnswer::Paused(pause.clone())));
    }
    let held = Held::of(holds, &label.policy, &label.store, &label.collection);
    let mut any = held.everything;
    for key in &held.keys {
        any = any || names(key)?;
    }
    Ok(any.then(|| IntentAnswer::Held(Vec::new())))
}

/// Whether the batch's list has a record: by the place of its commitment there. Without the epoch's key nobody can
/// tell, so nothing may go.
pub(super) fn names<'a>(
    intent: &'a Intent,
    epoch: Option<&'a EpochKey>,
    place_of: impl Fn(&Hash) -> Result<Option<u64>, StateError> + 'a,
) -> impl FnMut(&Key) -> Result<bool, StateError> + 'a {
    move |key| {
        let label = &intent.label;
        let Some(epoch) = epoch else {
            let what = format!("the intent of batch {} is refused", label.batch);
            return Err(StateError::Broken { what, why: "its commitment key is gone".to_owned() });
        };
        let opening = commitment::opening(&epoch.key, &label.batch, &label.store, &label.collection, key);
        let wanted = commitment::commitment(&opening, &label.store, &label.collection, key);
        Ok(place_of(&wanted)?.is_some())
    }
}

fn covers(pause: &PauseScope, label: &BatchLabel) -> bool {
    match pause {
        PauseScope::All => true,
        PauseScope::Policy(policy) => *policy == label.policy,
        PauseScope::Store(store) => *store == label.store,
    }
}

/// Refuses an intent that does not name as many records as it has keys.
pub(super) fn check_intent(intent: &Intent, keys: &[Key]) -> Result<(), StateError> {
    if intent.count == keys.len() as u64 {
        return Ok(());
    }
    let why = format!("it announces {} records and names {}", intent.count, keys.len());
    Err(StateError::Broken { what: format!("the intent of batch {} is refused", intent.label.batch), why })
}

/// Refuses an outcome that would make the log contradict itself for ever. The batch stays open, and recovery asks the
/// store what became of it.
pub(super) fn check_outcome(
    intent: &Intent,
    recovery: Option<&Recovery>,
    outcome: &Outcome,
) -> Result<(), StateError> {
    let told = outcome.done.saturating_add(outcome.skipped).saturating_add(outcome.failed);
    let why = if told != intent.count {
        format!("it accounts for {told} records, and {} were announced", intent.count)
    } else if outcome.run != intent.label.run || outcome.policy != intent.label.policy {
        "it names another run or policy than its intent".to_owned()
    } else if recovery.is_some_and(|recovery| recovery.batch != outcome.batch) {
        "its recovery speaks of another batch".to_owned()
    } else {
        return Ok(());
    };
    Err(StateError::Broken { what: format!("the outcome of batch {} is refused", outcome.batch), why })
}
