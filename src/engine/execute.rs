//! The only place where records go: freeze a batch, check holds and write the intent, commit, write the outcome.
//!
//! The order is the promise (DESIGN 6): no intent, no deletion; no outcome, no further batch. Between the intent and
//! the outcome the process may die at any instruction: `recover` then asks the store.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::adapter::api::{Basis, Dispose, Job, Prepared, StoreError, StoreErrorKind};
use crate::audit::commitment;
use crate::audit::entry::{Companion, Intent, Outcome};
use crate::crash;
use crate::model::batch::{Applied, BatchLabel, Leftover};
use crate::model::ids::{BatchId, StoreName};
use crate::model::key::{Key, hex};
use crate::state::api::{EpochKey, IntentAnswer, PauseScope, StateError};

use super::Engine;
use super::progress::{Progress, Stop};

/// The time that a batch should take: long enough to be quick, short enough for the application beside it.
const BATCH_TARGET: Duration = Duration::from_millis(250);
/// The first batch is small: nothing is known yet about how quick the store is.
const FIRST_BATCH: usize = 2_000;
/// The bounds between which a batch's size adapts. The upper one bounds memory.
const BATCH_SIZES: std::ops::RangeInclusive<usize> = 50..=50_000;

/// How many records that were left an outcome names: 64 digits each.
const MOST_NAMED: usize = 800;

/// One stage's work on one collection.
pub struct Assignment<'a> {
    /// What every batch of it is called; the batch id is replaced for each.
    pub label: BatchLabel,
    /// SHA-256 of the policy's text.
    pub hash: &'a str,
    /// The stage's name in counters.
    pub of: &'a str,
    /// What to do.
    pub job: Job,
    /// The largest batch: smaller where each record brings work elsewhere.
    pub most: usize,
    /// Asked before each batch's intent.
    pub halt: &'a dyn Fn() -> Result<Option<Halt>, StateError>,
}

/// Why no further batch of this run may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The policy's window has closed.
    Closed(String),
    /// Something was recorded that the plan did not know: only a new plan can take it into account.
    Outdated(String),
}

/// What a stage's execution came to.
#[derive(Debug, Default)]
pub struct Executed {
    /// Records on which the action was carried out.
    pub done: u64,
    /// Records left alone: changed or held meanwhile.
    pub skipped: u64,
    /// Records that could not be dealt with.
    pub failed: u64,
    /// Why it did not get to the end: the run is incomplete.
    pub incomplete: Vec<String>,
    /// It was paused.
    pub paused: Option<PauseScope>,
    /// The policy's window has closed.
    pub closed: Option<String>,
    /// Links that lie where the collection reaches, and were left.
    pub links: u64,
    /// What went along, by store and collection.
    pub along: Gone,
}

/// How much went, by store and collection.
pub type Gone = BTreeMap<(StoreName, String), u64>;

/// A failure after which nothing more may be deleted anywhere by this process.
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot be written, so nothing more is deleted: {0}")]
pub struct AuditLost(#[from] pub StateError);

/// What happens for a batch between its intent and its commit: the companions in other stores go first.
/// An error keeps the records of the batch.
pub type BeforeCommit<'a> = &'a mut dyn FnMut(&BatchLabel, &[Key]) -> Result<Result<(), String>, AuditLost>;

/// Carries out one stage, batch after batch.
pub fn execute(
    engine: &Engine,
    store: &dyn Dispose,
    assignment: &Assignment<'_>,
    before_commit: BeforeCommit<'_>,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Executed, AuditLost> {
    let mut executed = Executed::default();
    let epoch = engine.state.epoch_key()?;
    let mut walk = match store.walk(assignment.job.clone()) {
        Ok(walk) => walk,
        Err(error) => {
            executed.incomplete.push(error.to_string());
            return Ok(executed);
        }
    };
    let mut size = FIRST_BATCH.min(assignment.most);
    let mut without = HashSet::new();
    let mut busy = 0;
    loop {
        if stop.is_asked() {
            executed.incomplete.push("stopped before its end; the next run goes on".to_owned());
            break;
        }
        let began = engine.clock.monotonic();
        let label = BatchLabel { batch: BatchId::at(engine.clock.now()), ..assignment.label.clone() };
        let prepared = match walk.prepare(&label, size, &without) {
            Ok(Some(prepared)) => prepared,
            Ok(None) => break,
            // A store that is busy once is asked again with a smaller batch; its own time-out has passed already.
            Err(error) if error.may_retry() && busy < 2 => {
                busy += 1;
                size = (size / 4).max(*BATCH_SIZES.start());
                continue;
            }
            Err(error) => {
                executed.incomplete.push(error.to_string());
                break;
            }
        };
        busy = 0;
        if prepared.records().is_empty() {
            if let Err(error) = prepared.abort() {
                executed.incomplete.push(error.to_string());
                break;
            }
            continue;
        }
        // As late as can be: the batch lies ready, and only its intent is missing.
        if let Some(halt) = (assignment.halt)()? {
            executed.incomplete.extend(prepared.abort().err().map(|error| error.to_string()));
            match halt {
                Halt::Closed(why) => executed.closed = Some(why),
                Halt::Outdated(why) => executed.incomplete.push(why),
            }
            break;
        }
        match one_batch(engine, store, assignment, &epoch, &label, prepared, before_commit)? {
            Batch::Applied(applied, along) => {
                for (collection, count) in along {
                    *executed.along.entry((label.store.clone(), collection)).or_default() += count;
                }
                progress.advance(applied.done);
                executed.add(&applied);
                if applied.done == 0 && !applied.failed.is_empty() {
                    executed
                        .incomplete
                        .push("a whole batch failed; the rest is left for the next run".to_owned());
                    break;
                }
            }
            Batch::Held(keys) => {
                executed.skipped += keys.len() as u64;
                without.extend(keys);
                continue;
            }
            Batch::Paused(scope) => {
                executed.paused = Some(scope);
                break;
            }
            Batch::GivenUp(reason) => {
                executed.incomplete.push(reason);
                break;
            }
        }
        size = adapted(size, engine.clock.monotonic().saturating_sub(began)).min(assignment.most);
    }
    executed.links = walk.links();
    executed.incomplete.extend(walk.gaps().into_iter().map(|gap| format!("{}: {}", gap.place, gap.reason)));
    Ok(executed)
}

/// How one batch ended.
enum Batch {
    /// With what went along in the same store.
    Applied(Applied, Vec<(String, u64)>),
    Held(Vec<Key>),
    Paused(PauseScope),
    GivenUp(String),
}

fn one_batch(
    engine: &Engine,
    store: &dyn Dispose,
    assignment: &Assignment<'_>,
    epoch: &EpochKey,
    label: &BatchLabel,
    prepared: Box<dyn Prepared + '_>,
    before_commit: BeforeCommit<'_>,
) -> Result<Batch, AuditLost> {
    crash::here("prepared");
    let evidence = evidence(epoch, label, assignment.hash, &*prepared);
    // The manifest is durable before the commit: afterwards nobody could make it again.
    let written = engine.state.keep_manifest(&label.batch, &evidence.sorted).and_then(|()| {
        crash::here("manifest");
        let spool = prepared.spool();
        engine.state.record_intent(
            engine.clock.now(),
            &evidence.intent,
            assignment.of,
            prepared.records(),
            &spool,
        )
    });
    match written {
        Ok(IntentAnswer::Written(_)) => {}
        Ok(IntentAnswer::Held(places)) => {
            forget(engine, label);
            let keys = places.iter().map(|&place| prepared.records()[place].clone()).collect();
            return Ok(abort(prepared).unwrap_or(Batch::Held(keys)));
        }
        Ok(IntentAnswer::Paused(scope)) => {
            forget(engine, label);
            return Ok(abort(prepared).unwrap_or(Batch::Paused(scope)));
        }
        Err(error) => {
            let _ = abort(prepared);
            return Err(error.into());
        }
    }
    crash::here("intent");
    let basis = prepared.basis();
    let records = prepared.records().len();
    let ready = before_commit(label, prepared.records())?;
    let applied = match ready {
        Ok(()) => prepared.commit(),
        Err(reason) => {
            let aborted = abort(prepared);
            let nothing = Applied { failed: all_failed(records, &reason), ..Applied::default() };
            record(engine, label, &evidence, &nothing, basis)?;
            return Ok(aborted.unwrap_or(Batch::GivenUp(reason)));
        }
    };
    match applied {
        Ok(applied) => {
            crash::here("committed");
            record(engine, label, &evidence, &applied, basis)?;
            crash::here("outcome");
            Ok(Batch::Applied(applied, went_along(&evidence.intent)))
        }
        // The commit may or may not have happened: the intent stays open, and the store is asked.
        Err(error) => {
            let known = super::recover::recover_open(engine, |open| open.intent.label.batch == label.batch)
                .map_err(AuditLost)?;
            let fate = known.unresolved.first().map_or_else(
                || "its fate was asked for and is recorded".to_owned(),
                |(_, why)| format!("its fate is not known yet ({why})"),
            );
            Ok(Batch::GivenUp(after_failed_commit(store, &error, &fate)))
        }
    }
}

fn went_along(intent: &Intent) -> Vec<(String, u64)> {
    intent.companions.iter().map(|one| (one.collection.clone(), one.count)).collect()
}

fn after_failed_commit(store: &dyn Dispose, error: &StoreError, fate: &str) -> String {
    let what =
        if store.capabilities().transactional { "the commit of a batch failed" } else { "a batch failed" };
    format!("{what}: {error}; {fate}")
}

fn abort(prepared: Box<dyn Prepared + '_>) -> Option<Batch> {
    prepared.abort().err().map(|error| Batch::GivenUp(error.to_string()))
}

fn all_failed(records: usize, reason: &str) -> Vec<Leftover> {
    (0..records).map(|place| Leftover { place, reason: reason.to_owned(), key: None }).collect()
}

/// What the log will say of a batch.
struct Evidence {
    intent: Intent,
    /// In the order of the batch, to name what was left.
    commitments: Vec<[u8; 32]>,
    /// Sorted: the manifest.
    sorted: Vec<[u8; 32]>,
}

fn evidence(epoch: &EpochKey, label: &BatchLabel, hash: &str, prepared: &dyn Prepared) -> Evidence {
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

fn record(
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
fn forget(engine: &Engine, label: &BatchLabel) {
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
pub(super) fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Marked => "marked",
        Basis::Observed => "observed",
    }
}

/// The next batch's size: towards the target time, at most four times as large at once.
fn adapted(size: usize, took: Duration) -> usize {
    let factor = BATCH_TARGET.as_secs_f64() / took.as_secs_f64().max(0.001);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive size times a factor between 0.1 and 4 fits"
    )]
    let next = (size as f64 * factor.clamp(0.1, 4.0)) as usize;
    next.clamp(*BATCH_SIZES.start(), *BATCH_SIZES.end())
}

impl Executed {
    fn add(&mut self, applied: &Applied) {
        self.done += applied.done;
        self.skipped += applied.skipped.len() as u64;
        self.failed += applied.failed.len() as u64;
        if let Some(first) = applied.failed.first() {
            self.incomplete.push(format!(
                "{} records of a batch failed: {}",
                applied.failed.len(),
                first.reason
            ));
        }
    }
}

/// The error of a store that cannot be walked because it is not registered.
pub fn unregistered(store: &crate::model::ids::StoreName) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, format!("store {store}"), "it is not registered")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_grows_slowly_and_shrinks_at_once() {
        assert_eq!(adapted(2_000, Duration::from_millis(10)), 8_000);
        assert_eq!(adapted(2_000, Duration::from_millis(250)), 2_000);
        assert_eq!(adapted(2_000, Duration::from_millis(500)), 1_000);
        assert_eq!(adapted(100, Duration::from_mins(1)), *BATCH_SIZES.start());
        assert_eq!(adapted(50_000, Duration::from_millis(1)), *BATCH_SIZES.end());
    }
}
