//! The only place where records go: freeze a batch, check holds and write the intent, commit, write the outcome.
//!
//! The order is the promise (DESIGN 6): no intent, no deletion; no outcome, no further batch. Between the intent and
//! the outcome the process may die at any instruction: `recover` then asks the store.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::adapter::api::{Dispose, Job, Prepared, StoreError, StoreErrorKind, Walk};
use crate::crash;
use crate::model::batch::{Applied, BatchLabel, Leftover};
use crate::model::ids::BatchId;
use crate::model::key::Key;
use crate::state::api::{EpochKey, IntentAnswer, PauseScope, StateError};

use super::Engine;
use super::evidence::{evidence, forget, record};
use super::progress::{Progress, Stop};

/// A store that is under strain for longer than this is left to the next run.
const PATIENCE: Duration = Duration::from_mins(10);
/// How often a store under strain is asked whether that is over.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// The time that a batch should take: long enough to be quick, short enough for the application beside it.
const BATCH_TARGET: Duration = Duration::from_millis(250);
/// The first batch is small: nothing is known yet about how quick the store is.
const FIRST_BATCH: usize = 2_000;
/// The bounds between which a batch's size adapts. The upper one bounds memory.
const BATCH_SIZES: RangeInclusive<usize> = 50..=50_000;

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
    /// A batch was taken back because something that belongs to its records is held: nothing failed, and nothing of
    /// it is in the counts.
    pub held_along: Option<String>,
    /// Links that lie where the collection reaches, and were left.
    pub links: u64,
}

/// What the batches of a stage cost, and how much of that went into their commitments and the list of these.
#[derive(Debug, Default)]
struct Spent {
    batches: u32,
    whole: Duration,
    evidence: Duration,
}

/// A failure after which nothing more may be deleted anywhere by this process.
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot be written, so nothing more is deleted: {0}")]
pub struct AuditLost(#[from] pub StateError);

/// What happens for a batch between its intent and its commit: the companions in other stores go first.
pub type BeforeCommit<'a> = &'a mut dyn FnMut(&BatchLabel, &[Key]) -> Result<Result<(), Kept>, AuditLost>;

/// Why the records of a batch stay after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Something that belongs to one of them is held.
    Held(String),
    /// Something that belongs to them could not go.
    Failed(String),
}

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
    let mut spent = Spent::default();
    loop {
        if stop.is_asked() {
            executed.incomplete.push("stopped before its end; the next run goes on".to_owned());
            break;
        }
        if let Some(why) = left_in_peace(engine, &mut *walk, assignment, stop)? {
            executed.incomplete.push(why);
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
            Batch::Applied { applied, evidence } => {
                spent.add(engine.clock.monotonic().saturating_sub(began), evidence);
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
            Batch::HeldAlong(reason) => {
                executed.held_along = Some(reason);
                break;
            }
            Batch::GivenUp(reason) => {
                executed.incomplete.push(reason);
                break;
            }
        }
        let took = engine.clock.monotonic().saturating_sub(began);
        size = adapted(size, took, &BATCH_SIZES).min(assignment.most);
    }
    let Spent { batches, whole, evidence } = spent;
    let (whole, evidence) = (whole.as_micros(), evidence.as_micros());
    tracing::debug!(policy = %assignment.label.policy, batches, whole_us = whole, evidence_us = evidence, "a stage ended");
    executed.links = walk.links();
    executed.incomplete.extend(walk.gaps().into_iter().map(|gap| format!("{}: {}", gap.place, gap.reason)));
    Ok(executed)
}

/// Waits while the store is under strain; `Some` is why that was not worth waiting for.
fn left_in_peace(
    engine: &Engine,
    walk: &mut dyn Walk,
    assignment: &Assignment<'_>,
    stop: &Stop,
) -> Result<Option<String>, AuditLost> {
    let began = engine.clock.monotonic();
    loop {
        let why = match walk.strain() {
            Ok(None) => return Ok(None),
            Ok(Some(why)) => why,
            Err(error) => return Ok(Some(error.to_string())),
        };
        if stop.is_asked() {
            return Ok(Some("stopped before its end; the next run goes on".to_owned()));
        }
        if engine.clock.monotonic().saturating_sub(began) >= PATIENCE || (assignment.halt)()?.is_some() {
            return Ok(Some(format!("the store was left in peace: {why}; the next run goes on")));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// How one batch ended.
enum Batch {
    Applied { applied: Applied, evidence: Duration },
    Held(Vec<Key>),
    Paused(PauseScope),
    HeldAlong(String),
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
    let began = engine.clock.monotonic();
    let evidence = evidence(epoch, label, assignment.hash, &*prepared);
    // The manifest is durable before the commit: afterwards nobody could make it again.
    let kept = engine.state.keep_manifest(&label.batch, &evidence.sorted);
    let spent = engine.clock.monotonic().saturating_sub(began);
    let written = kept.and_then(|()| {
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
        Err(kept) => {
            let aborted = abort(prepared);
            let (nothing, end) = match kept {
                Kept::Held(reason) => {
                    let skipped = every_record(records, &reason);
                    (Applied { skipped, ..Applied::default() }, Batch::HeldAlong(reason))
                }
                Kept::Failed(reason) => {
                    let failed = every_record(records, &reason);
                    (Applied { failed, ..Applied::default() }, Batch::GivenUp(reason))
                }
            };
            record(engine, label, &evidence, &nothing, basis)?;
            return Ok(aborted.unwrap_or(end));
        }
    };
    match applied {
        Ok(applied) => {
            crash::here("committed");
            record(engine, label, &evidence, &applied, basis)?;
            crash::here("outcome");
            Ok(Batch::Applied { applied, evidence: spent })
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

fn after_failed_commit(store: &dyn Dispose, error: &StoreError, fate: &str) -> String {
    let what =
        if store.capabilities().transactional { "the commit of a batch failed" } else { "a batch failed" };
    format!("{what}: {error}; {fate}")
}

fn abort(prepared: Box<dyn Prepared + '_>) -> Option<Batch> {
    prepared.abort().err().map(|error| Batch::GivenUp(error.to_string()))
}

fn every_record(records: usize, reason: &str) -> Vec<Leftover> {
    (0..records).map(|place| Leftover { place, reason: reason.to_owned(), key: None }).collect()
}

/// The next batch's size: towards the target time, at most four times as large at once.
pub(super) fn adapted(size: usize, took: Duration, sizes: &RangeInclusive<usize>) -> usize {
    let factor = BATCH_TARGET.as_secs_f64() / took.as_secs_f64().max(0.001);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive size times a factor between 0.1 and 4 fits"
    )]
    let next = (size as f64 * factor.clamp(0.1, 4.0)) as usize;
    next.clamp(*sizes.start(), *sizes.end())
}

impl Spent {
    fn add(&mut self, whole: Duration, evidence: Duration) {
        self.batches += 1;
        self.whole += whole;
        self.evidence += evidence;
    }
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
        let next = |size, took| adapted(size, took, &BATCH_SIZES);
        assert_eq!(next(2_000, Duration::from_millis(10)), 8_000);
        assert_eq!(next(2_000, Duration::from_millis(250)), 2_000);
        assert_eq!(next(2_000, Duration::from_millis(500)), 1_000);
        assert_eq!(next(100, Duration::from_mins(1)), *BATCH_SIZES.start());
        assert_eq!(next(50_000, Duration::from_millis(1)), *BATCH_SIZES.end());
    }
}
