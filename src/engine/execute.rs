//! The only place where records go: freeze a batch, check holds and write the intent, commit, write the outcome.
//!
//! The order is the promise (DESIGN 6): no intent, no deletion; no outcome, no further batch. Between the intent and
//! the outcome the process may die at any instruction: `recover` then asks the store.

mod executed;

use std::collections::HashSet;
use std::time::Duration;

use crate::adapter::api::{Dispose, Job, LastLook, Prepared, StoreError, StoreErrorKind};
use crate::audit::entry::Intent;
use crate::crash;
use crate::model::batch::{Applied, BatchLabel, Leftover};
use crate::model::ids::BatchId;
use crate::model::key::Key;
use crate::state::api::{EpochKey, IntentAnswer, Planned, StateError};

use self::executed::Ending;
pub use self::executed::{Executed, Gone, Looked};
use super::Engine;
use super::early::{self, Maker};
use super::evidence::{Evidence, evidence, forget, record};
use super::pace::{Sizing, Spent};
use super::progress::{Progress, Stop};
use super::strain::unstrained;
use super::whole;

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
    /// What is counted when it is done, if the store can do that on the way.
    pub look: Option<LastLook>,
    /// The largest batch: smaller where each record brings work elsewhere.
    pub most: usize,
    /// What was known when `job` was made.
    pub planned: &'a Planned,
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
    if !whole::carry_out(engine, store, assignment, &epoch, &mut *walk, progress, stop, &mut executed)? {
        return Ok(executed);
    }
    if let Some(look) = &assignment.look {
        walk.look_last(look.clone());
    }
    let mut without = HashSet::new();
    let mut busy = 0;
    let mut spent = Spent::default();
    let mut sizing = Sizing::new(assignment.most);
    // What is made early for the batch after this one.
    let mut coming: Option<Maker> = None;
    loop {
        if stop.is_asked() {
            executed.incomplete.push("stopped before its end; the next run goes on".to_owned());
            break;
        }
        match unstrained(engine, &mut *walk, assignment, stop)? {
            Ok(pacing) => sizing.follow(pacing),
            Err(why) => {
                executed.incomplete.push(why);
                break;
            }
        }
        let began = engine.clock.monotonic();
        let early = coming.take();
        let label = early.as_ref().map_or_else(|| called(engine, assignment), |early| early.label().clone());
        if sizing.size >= early::WORTHWHILE && !sizing.is_gentle() {
            let next = called(engine, assignment);
            coming = Some(Maker::begin(engine, &epoch, next, sizing.next(), &mut *walk));
        }
        let prepared = match walk.prepare(&label, sizing.size, &without) {
            Ok(Some(prepared)) => prepared,
            Ok(None) => break,
            // A store that is busy once is asked again with a smaller batch; its own time-out has passed already.
            Err(error) if error.may_retry() && busy < 2 => {
                busy += 1;
                sizing.shrink();
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
            executed.halted(halt);
            break;
        }
        let begun = prepared.head_start();
        let ready = Ready { label: &label, prepared, early };
        match one_batch(engine, store, assignment, &epoch, ready, before_commit)? {
            Batch::Applied { applied, along, evidence } => {
                spent.add(engine.clock.monotonic().saturating_sub(began), evidence);
                progress.advance(applied.done);
                executed.add(&applied, &label.store, along);
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
            Batch::Ended(ending) => {
                executed.ended(ending);
                break;
            }
        }
        let took = engine.clock.monotonic().saturating_sub(began);
        sizing.adapt(took, begun);
        sizing.rest(took, stop);
    }
    spent.tell(&assignment.label.policy);
    executed.links = walk.links();
    executed.looked = assignment.look.clone().zip(walk.looked());
    executed.incomplete.extend(walk.gaps().into_iter().map(|gap| format!("{}: {}", gap.place, gap.reason)));
    Ok(executed)
}

/// What the next batch is called.
pub(super) fn called(engine: &Engine, assignment: &Assignment<'_>) -> BatchLabel {
    BatchLabel { batch: BatchId::at(engine.clock.now()), ..assignment.label.clone() }
}

/// A batch that lies ready, with what was made early for it.
struct Ready<'a> {
    label: &'a BatchLabel,
    prepared: Box<dyn Prepared + 'a>,
    early: Option<Maker>,
}

/// How one batch ended.
enum Batch {
    /// `along` went with the records in the same store.
    Applied {
        applied: Applied,
        along: Vec<(String, u64)>,
        evidence: Duration,
    },
    Held(Vec<Key>),
    Ended(Ending),
}

fn one_batch(
    engine: &Engine,
    store: &dyn Dispose,
    assignment: &Assignment<'_>,
    epoch: &EpochKey,
    ready: Ready<'_>,
    before_commit: BeforeCommit<'_>,
) -> Result<Batch, AuditLost> {
    crash::here("prepared");
    let Ready { label, prepared, early } = ready;
    let began = engine.clock.monotonic();
    let Evidence { intent, commitments, listing } =
        evidence(engine, epoch, label, assignment.hash, &*prepared, early);
    let mut spent = engine.clock.monotonic().saturating_sub(began);
    crash::here("manifest");
    let (records, spool) = (prepared.records(), prepared.spool());
    let now = engine.clock.now();
    let answer = engine.state.record_intent(now, &intent, assignment.of, records, &spool, assignment.planned);
    // Whatever the answer, the list is not written any more after this.
    let began = engine.clock.monotonic();
    let listed = listing.durable();
    spent += engine.clock.monotonic().saturating_sub(began);
    let answer = match answer.and_then(|answer| listed.map(|()| answer)) {
        Ok(answer) => answer,
        Err(error) => {
            // Where the intent is written already, it stays open, and the store will be asked: nothing was done.
            let _ = abort(prepared);
            return Err(error.into());
        }
    };
    match answer {
        IntentAnswer::Written(_) => {}
        IntentAnswer::Held(places) => {
            forget(engine, label);
            let keys = places.iter().map(|&place| prepared.records()[place].clone()).collect();
            return Ok(abort(prepared).unwrap_or(Batch::Held(keys)));
        }
        IntentAnswer::Paused(scope) => {
            forget(engine, label);
            return Ok(abort(prepared).unwrap_or(Batch::Ended(Ending::Paused(scope))));
        }
        IntentAnswer::Outdated(news) => {
            forget(engine, label);
            return Ok(abort(prepared).unwrap_or(Batch::Ended(Ending::Outdated(news))));
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
                    (Applied { skipped, ..Applied::default() }, Batch::Ended(Ending::HeldAlong(reason)))
                }
                Kept::Failed(reason) => {
                    let failed = every_record(records, &reason);
                    (Applied { failed, ..Applied::default() }, Batch::Ended(Ending::GivenUp(reason)))
                }
            };
            record(engine, label, &commitments, &nothing, basis)?;
            return Ok(aborted.unwrap_or(end));
        }
    };
    match applied {
        Ok(applied) => {
            crash::here("committed");
            record(engine, label, &commitments, &applied, basis)?;
            crash::here("outcome");
            Ok(Batch::Applied { applied, along: went_along(&intent), evidence: spent })
        }
        Err(error) => Ok(Batch::Ended(Ending::GivenUp(after_failed_commit(engine, store, label, &error)?))),
    }
}

fn went_along(intent: &Intent) -> Vec<(String, u64)> {
    intent.companions.iter().map(|one| (one.collection.clone(), one.count)).collect()
}

/// A commit that failed may or may not have happened: the intent stays open, and the store is asked. Gives the whole
/// story.
pub(super) fn after_failed_commit(
    engine: &Engine,
    store: &dyn Dispose,
    label: &BatchLabel,
    error: &StoreError,
) -> Result<String, AuditLost> {
    let known = super::recover::recover_open(engine, |open| open.intent.label.batch == label.batch)?;
    let fate = known.unresolved.first().map_or_else(
        || "its fate was asked for and is recorded".to_owned(),
        |(_, why)| format!("its fate is not known yet ({why})"),
    );
    let what =
        if store.capabilities().transactional { "the commit of a batch failed" } else { "a batch failed" };
    Ok(format!("{what}: {error}; {fate}"))
}

fn abort(prepared: Box<dyn Prepared + '_>) -> Option<Batch> {
    prepared.abort().err().map(|error| Batch::Ended(Ending::GivenUp(error.to_string())))
}

fn every_record(records: usize, reason: &str) -> Vec<Leftover> {
    (0..records).map(|place| Leftover { place, reason: reason.to_owned(), key: None }).collect()
}

/// The error of a store that cannot be walked because it is not registered.
pub fn unregistered(store: &crate::model::ids::StoreName) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, format!("store {store}"), "it is not registered")
}
