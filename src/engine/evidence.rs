//! What the log says of a batch: commitments for its records, its intent, its outcome.

use crate::adapter::api::{Basis, Prepared};
use crate::audit::commitment;
use crate::audit::entry::{Companion, Intent, Outcome};
use crate::model::batch::{Applied, BatchLabel, Leftover};
use crate::model::key::{Key, hex};
use crate::state::api::EpochKey;

use super::Engine;
use super::execute::AuditLost;

/// How many records that were left an outcome names: 64 digits each.
const MOST_NAMED: usize = 800;

/// What the log will say of a batch.
pub(super) struct Evidence {
    pub(super) intent: Intent,
    /// In the order of the batch, to name what was left.
    commitments: Vec<[u8; 32]>,
    /// Sorted: the manifest.
    pub(super) sorted: Vec<[u8; 32]>,
}

/// Makes it for a batch that lies ready.
pub(super) fn evidence(
    epoch: &EpochKey,
    label: &BatchLabel,
    hash: &str,
    prepared: &dyn Prepared,
) -> Evidence {
    let commit = |collection: &str, keys: &[Key]| {
        commitment::commit_all(&epoch.key, &label.batch, &label.store, collection, keys)
    };
    let commitments = commit(&label.collection, prepared.records());
    let mut sorted = commitments.clone();
    let root = commitment::records_root(&mut sorted);
    let mut companions = Vec::new();
    for (collection, keys) in prepared.companions() {
        let mut theirs = commit(&collection, &keys);
        let root = commitment::records_root(&mut theirs);
        companions.push(Companion { collection, count: keys.len() as u64, root: hex(&root) });
        sorted.extend(theirs);
    }
    let intent = Intent {
        label: label.clone(),
        hash: hash.to_owned(),
        count: commitments.len() as u64,
        root: hex(&root),
        epoch: epoch.epoch,
        companions,
    };
    Evidence { intent, commitments, sorted }
}

/// Writes a batch's outcome.
pub(super) fn record(
    engine: &Engine,
    label: &BatchLabel,
    evidence: &Evidence,
    applied: &Applied,
    basis: Basis,
) -> Result<(), AuditLost> {
    let outcome = Outcome {
        batch: label.batch,
        run: label.run,
        policy: label.policy.clone(),
        done: applied.done,
        skipped: applied.skipped.len() as u64,
        failed: applied.failed.len() as u64,
        not_done: named(applied, |left| Some(hex(&evidence.commitments[left.place]))),
        basis: basis_word(basis).to_owned(),
    };
    Ok(engine.state.record_outcome(engine.clock.now(), None, &outcome)?)
}

/// The list of a batch that did not begin stands for nothing. Where it stays, the daily upkeep removes it.
pub(super) fn forget(engine: &Engine, label: &BatchLabel) {
    if let Err(error) = engine.state.drop_manifest(&label.batch) {
        tracing::warn!(%error, "the list of a batch that did not begin was not removed");
    }
}

/// The commitments of the records that were left. An entry must fit into the log's export (64 KiB), so where there
/// are too many of them none is named: then no record of the batch gets a certificate, which the counts tell.
pub(super) fn named(applied: &Applied, commitment: impl Fn(&Leftover) -> Option<String>) -> Vec<String> {
    let left = applied.skipped.len() + applied.failed.len();
    if applied.done == 0 || left > MOST_NAMED {
        return Vec::new();
    }
    applied.skipped.iter().chain(&applied.failed).filter_map(commitment).collect()
}

/// The word for it in an outcome.
fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Marked => "marked",
        Basis::Observed => "observed",
    }
}
