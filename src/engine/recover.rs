//! After a crash every open intent gets exactly one outcome: the store is asked, never guessed (DESIGN 6).

use crate::adapter::api::{Inspect, StoreError, StoreErrorKind};
use crate::audit::commitment;
use crate::audit::entry::{Outcome, Recovery};
use crate::model::batch::{Applied, BatchLabel, Fate};
use crate::model::ids::BatchId;
use crate::model::key::hex;
use crate::model::target::Target;
use crate::state::api::{OpenIntent, StateError};

use super::Engine;

/// What recovery came to.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Batches that now have an outcome.
    pub resolved: Vec<(BatchId, Fate)>,
    /// Batches whose store could not be asked, and why: they stay open.
    pub unresolved: Vec<(BatchId, String)>,
}

/// Asks the stores about open intents that `wanted` picks. Nobody else may be executing those batches: callers hold
/// the policy's lease.
pub fn recover_open(engine: &Engine, wanted: impl Fn(&OpenIntent) -> bool) -> Result<Recovered, StateError> {
    let mut recovered = Recovered::default();
    for open in engine.state.open_intents()?.iter().filter(|open| wanted(open)) {
        let label = &open.intent.label;
        let target = Target::new(label.store.clone(), label.collection.clone());
        let fate = match is_approved(engine, label)? {
            None => engine.dispose(&label.store).and_then(|store| store.resolve(label, &target, &open.spool)),
            Some(why) => Err(StoreError::new(StoreErrorKind::Foreign, format!("store {}", label.store), why)),
        };
        match fate {
            Ok(fate) => {
                match write_outcome(engine, open, &fate) {
                    // Another process was faster; its outcome stands.
                    Err(StateError::NoOpenIntent { .. }) => continue,
                    written => written?,
                }
                tracing::info!(batch = %label.batch, policy = %label.policy, fate = word(&fate), "recovered");
                recovered.resolved.push((label.batch, fate));
            }
            Err(error) => recovered.unresolved.push((label.batch, error.to_string())),
        }
    }
    Ok(recovered)
}

/// Why the store cannot be asked: it is another one than that which the policy's approval saw, so that what it says of
/// the batch would mean nothing. A store that the approval does not name was asked to stand for another already.
fn is_approved(engine: &Engine, label: &BatchLabel) -> Result<Option<String>, StateError> {
    let Some(approval) = engine.state.approval(&label.policy)? else { return Ok(None) };
    let Some((_, approved)) = approval.identities.iter().find(|(name, _)| *name == label.store) else {
        return Ok(None);
    };
    Ok(match engine.inspect(&label.store).and_then(Inspect::identity) {
        Ok(identity) => approved.difference(&identity).map(|difference| {
            format!(
                "it is not the one that was approved ({difference}), so it cannot tell what became of the batch. Bring \
                 the approved one back, or approve policy {} again if this is right",
                label.policy
            )
        }),
        Err(error) => Some(error.to_string()),
    })
}

fn write_outcome(engine: &Engine, open: &OpenIntent, fate: &Fate) -> Result<(), StateError> {
    let intent = &open.intent;
    let label = &intent.label;
    let nothing = Applied::default();
    let (done, applied) = match fate {
        Fate::Done => (intent.count, &nothing),
        Fate::NotDone => (0, &nothing),
        Fate::Each(applied) => (applied.done, applied),
    };
    // Where the key cannot be read nothing is named: no certificate, and still an outcome.
    let epoch = engine.state.epoch_key_of(intent.epoch).unwrap_or(None);
    let not_done = super::evidence::named(applied, |left| {
        let (key, epoch) = (left.key.as_ref()?, epoch.as_ref()?);
        let opening = commitment::opening(&epoch.key, &label.batch, &label.store, &label.collection, key);
        Some(hex(&commitment::commitment(&opening, &label.store, &label.collection, key)))
    });
    let outcome = Outcome {
        batch: label.batch,
        run: label.run,
        policy: label.policy.clone(),
        done,
        skipped: applied.skipped.len() as u64,
        failed: intent.count - done - applied.skipped.len() as u64,
        not_done,
        basis: if matches!(fate, Fate::Each(_)) { "observed" } else { "marked" }.to_owned(),
    };
    let recovery = Recovery { batch: label.batch, fate: word(fate).to_owned() };
    engine.state.record_outcome(engine.clock.now(), Some(&recovery), &outcome)
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Done => "done",
        Fate::NotDone => "not-done",
        Fate::Each(_) => "each",
    }
}
