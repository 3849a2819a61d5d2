//! Whether a batch may start: the one question that every state store asks inside the transaction that writes the
//! intent. Pure, so that the stores cannot differ.

use super::api::{EpochKey, IntentAnswer, News, PauseScope, Planned, StateError};
use crate::audit::commitment;
use crate::audit::entry::{Body, Intent, Outcome, Recovery};
use crate::audit::tree::Hash;
use crate::model::batch::BatchLabel;
use crate::model::hold::{self, Held, Hold};
use crate::model::key::Key;
use crate::time::Instant;

/// How the stage of a batch of things that go with records of another store ends (`of` of an intent).
pub const ALONG: &str = "/with";

/// The kinds of entries that can outdate a plan.
pub(super) const NEWS: [&str; 3] = ["approval", "event", "review"];

/// A batch that asks to begin.
pub(super) struct Asking<'a> {
    pub(super) now: Instant,
    pub(super) intent: &'a Intent,
    pub(super) of: &'a str,
    pub(super) planned: &'a Planned,
}

/// What the state knows that could stand against it.
pub(super) struct Known<'a> {
    pub(super) pauses: &'a [PauseScope],
    pub(super) holds: Vec<&'a Hold>,
    /// The entries of the kinds [`NEWS`] that were appended after the batch was planned.
    pub(super) since: &'a [Body],
}

/// What stands against the batch of these records, if anything does.
pub(super) fn objection(asking: &Asking<'_>, keys: &[Key], known: &Known<'_>) -> Option<IntentAnswer> {
    let holds = match in_force(asking, known) {
        Ok(holds) => holds,
        Err(objection) => return Some(objection),
    };
    let label = &asking.intent.label;
    let of_records = !asking.of.ends_with(ALONG);
    let meant = holds.iter().copied().filter(|hold| of_records || hold.scope.reaches_along());
    let mut held = Held::of(meant, &label.policy, &label.store, &label.collection);
    held.everything |= asking
        .intent
        .companions
        .iter()
        .any(|along| hold::along(holds.iter().copied(), &label.policy, &label.store, &along.collection));
    if held.is_empty() {
        return None;
    }
    let covered = keys.iter().enumerate().filter(|(_, key)| held.covers(key));
    let places: Vec<usize> = covered.map(|(place, _)| place).collect();
    if places.is_empty() { None } else { Some(IntentAnswer::Held(places)) }
}

/// What stands against a batch that is known by its list alone. `names` says whether it has the record with this key.
pub(super) fn objection_to_whole(
    asking: &Asking<'_>,
    known: &Known<'_>,
    mut names: impl FnMut(&Key) -> Result<bool, StateError>,
) -> Result<Option<IntentAnswer>, StateError> {
    let holds = match in_force(asking, known) {
        Ok(holds) => holds,
        Err(objection) => return Ok(Some(objection)),
    };
    let label = &asking.intent.label;
    let held = Held::of(holds, &label.policy, &label.store, &label.collection);
    let mut any = held.everything;
    for key in &held.keys {
        any = any || names(key)?;
    }
    Ok(any.then(|| IntentAnswer::Held(Vec::new())))
}

/// The holds that keep anything now, where nothing else stands against the batch. A pause comes first: it stops the
/// whole run.
fn in_force<'a>(asking: &Asking<'_>, known: &Known<'a>) -> Result<Vec<&'a Hold>, IntentAnswer> {
    let label = &asking.intent.label;
    if let Some(pause) = known.pauses.iter().find(|pause| covers(pause, label)) {
        return Err(IntentAnswer::Paused(pause.clone()));
    }
    if let Some(news) = known.since.iter().find_map(|body| overtakes(asking, body)) {
        return Err(IntentAnswer::Outdated(news));
    }
    let holds: Vec<&Hold> = known.holds.iter().copied().filter(|hold| hold.keeps(asking.now)).collect();
    match holds.iter().find(|hold| is_news(hold, asking)) {
        Some(hold) => Err(IntentAnswer::Outdated(News::Hold(hold.id))),
        None => Ok(holds),
    }
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

/// Whether an entry says something that the batch was planned without.
fn overtakes(asking: &Asking<'_>, body: &Body) -> Option<News> {
    let planned = asking.planned;
    match body {
        Body::Approval(note) if note.policy == asking.intent.label.policy => {
            note.cancelled.is_some().then_some(News::Cancelled)
        }
        Body::Event(note) if planned.events.contains(&note.name) => Some(News::Event(note.name.clone())),
        Body::Review(note) if planned.decided == Some(note.case) => {
            // What a run itself writes of a case takes no decision back.
            let changes = matches!(note.change.as_str(), "propose" | "decide" | "cancel");
            changes.then_some(News::Decision(note.case))
        }
        _ => None,
    }
}

/// Whether only the store can tell which records the hold means, and the batch's predicate did not ask it.
fn is_news(hold: &Hold, asking: &Asking<'_>) -> bool {
    let label = &asking.intent.label;
    let touches = |collection: &str| hold.scope.touches(&label.policy, &label.store, collection);
    hold.scope.asks_the_store()
        && !asking.planned.holds.contains(&hold.id)
        && (touches(&label.collection)
            || asking.intent.companions.iter().any(|along| touches(&along.collection)))
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
