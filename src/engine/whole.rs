//! Parts of a collection that go as a whole, such as partitions: one batch each, of any number of records.
//!
//! The order is that of every batch: lock and check, strike uncommitted, intent, commit, outcome. Only the keys are
//! never held: they come in lists, become commitments, and those are sorted on the disk. The part is struck after
//! that, because from then on the store may let nobody else near the collection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::Engine;
use super::evidence::{forget, record};
use super::execute::{Assignment, AuditLost, Executed, after_failed_commit, called};
use super::progress::{Progress, Stop};
use super::strain::unstrained;
use crate::adapter::api::{Basis, Dispose, Part, StoreError, Walk, Whole};
use crate::audit::commitment;
use crate::audit::entry::Intent;
use crate::crash;
use crate::model::batch::{Applied, BatchLabel};
use crate::model::key::{KeyList, hex};
use crate::state::api::{EpochKey, IntentAnswer, Kept, LongList, StateError};

/// So many lists of keys may wait for their commitments.
const WAITING: usize = 4;
/// So many threads make commitments: the store sends keys quicker than one of them could follow.
const MAKERS: usize = 2;

/// Lets every part go that may go as a whole; says whether the rest of the stage may go on.
#[expect(clippy::too_many_arguments, reason = "the stage's own, passed on by the one caller")]
pub(super) fn carry_out(
    engine: &Engine,
    store: &dyn Dispose,
    assignment: &Assignment<'_>,
    epoch: &EpochKey,
    walk: &mut dyn Walk,
    progress: &dyn Progress,
    stop: &Stop,
    executed: &mut Executed,
) -> Result<bool, AuditLost> {
    if !assignment.job.scope.target.drop_partitions {
        return Ok(true);
    }
    loop {
        if stop.is_asked() {
            executed.incomplete.push("stopped before its end; the next run goes on".to_owned());
            return Ok(false);
        }
        if let Err(why) = unstrained(engine, walk, assignment, stop)? {
            executed.incomplete.push(why);
            return Ok(false);
        }
        let part = match walk.whole() {
            Ok(None) => return Ok(true),
            Ok(Some(Whole::Ready(part))) => part,
            Ok(Some(Whole::Left { name, why })) => {
                executed.remarks.push(left(&name, &why));
                continue;
            }
            Err(error) => {
                executed.incomplete.push(error.to_string());
                return Ok(false);
            }
        };
        let name = part.name().to_owned();
        match one_part(engine, store, assignment, epoch, part)? {
            End::Empty => {}
            End::Gone(count) => {
                progress.advance(count);
                executed.done += count;
                executed.remarks.push(format!("{name} was dropped whole, with {count} records"));
            }
            End::Left(why) => executed.remarks.push(left(&name, &why)),
            End::Stopped(tell) => {
                tell(executed);
                return Ok(false);
            }
        }
    }
}

fn left(name: &str, why: &str) -> String {
    format!("{name} was not dropped whole: {why}; what is due in it goes in batches")
}

/// How it ended for one part.
enum End {
    /// It has no records: there is nothing to dispose of.
    Empty,
    /// So many records are gone.
    Gone(u64),
    /// It stays, and its records go in batches.
    Left(String),
    /// Nothing more may be done; the reason is told.
    Stopped(Box<dyn FnOnce(&mut Executed)>),
}

fn stopped(why: String) -> End {
    End::Stopped(Box::new(|executed| executed.incomplete.push(why)))
}

fn one_part(
    engine: &Engine,
    store: &dyn Dispose,
    assignment: &Assignment<'_>,
    epoch: &EpochKey,
    mut part: Box<dyn Part + '_>,
) -> Result<End, AuditLost> {
    let label = &called(engine, assignment);
    crash::here("prepared");
    let kept = match gather(engine, epoch, label, &mut *part) {
        Err(error) => {
            drop(part);
            forget(engine, label);
            return Err(error.into());
        }
        Ok(Err(error)) => return Ok(give_up(engine, label, part, error)),
        Ok(Ok(kept)) if kept.count == 0 => {
            forget(engine, label);
            return Ok(part.abort().map_or_else(|error| stopped(error.to_string()), |()| End::Empty));
        }
        Ok(Ok(kept)) => kept,
    };
    crash::here("manifest");
    let spool = match part.strike() {
        Ok(spool) => spool,
        Err(error) => return Ok(give_up(engine, label, part, error)),
    };
    let back = |part: Box<dyn Part + '_>, end: End| {
        forget(engine, label);
        part.abort().map_or_else(|error| stopped(error.to_string()), |()| end)
    };
    // As late as can be: only the intent is missing.
    if let Some(halt) = (assignment.halt)()? {
        return Ok(back(part, End::Stopped(Box::new(|executed| executed.halted(halt)))));
    }
    let intent = Intent {
        label: label.clone(),
        hash: assignment.hash.to_owned(),
        count: kept.count,
        root: hex(&kept.root),
        epoch: epoch.epoch,
        companions: Vec::new(),
    };
    let now = engine.clock.now();
    match engine.state.record_whole(now, &intent, assignment.of, &spool, assignment.planned) {
        Ok(IntentAnswer::Written(_)) => {}
        Ok(IntentAnswer::Held(_)) => return Ok(back(part, End::Left("a record of it is held".to_owned()))),
        Ok(IntentAnswer::Paused(scope)) => {
            return Ok(back(part, End::Stopped(Box::new(|executed| executed.paused = Some(scope)))));
        }
        Ok(IntentAnswer::Outdated(news)) => {
            return Ok(back(part, End::Stopped(Box::new(|executed| executed.outdated = Some(news)))));
        }
        Err(error) => {
            // Where the intent is written already, it stays open, and the store will be asked: nothing was done.
            drop(part.abort());
            return Err(error.into());
        }
    }
    crash::here("intent");
    match part.commit() {
        Ok(()) => {
            crash::here("committed");
            let applied = Applied { done: kept.count, ..Applied::default() };
            record(engine, label, &[], &applied, Basis::Marked)?;
            crash::here("outcome");
            Ok(End::Gone(kept.count))
        }
        Err(error) => Ok(stopped(after_failed_commit(engine, store, label, &error)?)),
    }
}

/// The store would not let the part go, or lost it: what may pass is left to the batches.
fn give_up(engine: &Engine, label: &BatchLabel, part: Box<dyn Part + '_>, error: StoreError) -> End {
    forget(engine, label);
    match part.abort() {
        Ok(()) => End::Left(error.why),
        Err(_) => stopped(error.to_string()),
    }
}

/// Makes the list of the part's commitments while its keys are read, in a memory that does not grow with it. The outer
/// error is the list's, the inner one the store's.
fn gather(
    engine: &Engine,
    epoch: &EpochKey,
    label: &BatchLabel,
    part: &mut dyn Part,
) -> Result<Result<Kept, StoreError>, StateError> {
    let list = Mutex::new(engine.state.long_list(&label.batch)?);
    let read = committed(epoch, label, &list, |take| part.keys(take))?;
    Ok(match read {
        Ok(()) => Ok(list.into_inner().unwrap_or_else(PoisonError::into_inner).keep()?),
        Err(error) => Err(error),
    })
}

/// Adds the commitments of all keys that `read` tells to the list; the reading ends soon after the list takes no more.
fn committed(
    epoch: &EpochKey,
    label: &BatchLabel,
    list: &Mutex<Box<dyn LongList + '_>>,
    read: impl FnOnce(&mut dyn FnMut(KeyList) -> bool) -> Result<(), StoreError>,
) -> Result<Result<(), StoreError>, StateError> {
    let has_failed = &AtomicBool::new(false);
    thread::scope(|scope| {
        let (told, lists) = sync_channel(WAITING);
        // Its end is theirs alone: when none of them is left, nothing more can be told.
        let lists = Arc::new(Mutex::new(lists));
        let makers = [(); MAKERS].map(|()| {
            let lists = Arc::clone(&lists);
            scope.spawn(move || {
                // The other one would go on to the end of a list that is lost.
                commit(epoch, label, &lists, list).inspect_err(|_| has_failed.store(true, Ordering::Relaxed))
            })
        });
        drop(lists);
        let read = read(&mut |keys| !has_failed.load(Ordering::Relaxed) && told.send(keys).is_ok());
        drop(told);
        let made = makers.map(|maker| maker.join().expect("making commitments does not panic"));
        made.into_iter().collect::<Result<(), StateError>>().map(|()| read)
    })
}

/// Makes commitments of whatever list comes next: in the end they are sorted anyway.
fn commit(
    epoch: &EpochKey,
    label: &BatchLabel,
    lists: &Mutex<Receiver<KeyList>>,
    list: &Mutex<Box<dyn LongList + '_>>,
) -> Result<(), StateError> {
    let mut made = Vec::new();
    let next = || lists.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    while let Some(keys) = next() {
        commitment::commit_part(&epoch.key, &label.batch, &label.store, &label.collection, &keys, &mut made);
        // Sorting the whole is less work when its pieces are sorted, and the makers do that side by side.
        made.sort_unstable_by(commitment::order);
        list.lock().unwrap_or_else(PoisonError::into_inner).add(&made)?;
        made.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tree::Hash;
    use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
    use crate::time::Instant;

    /// A list whose first part cannot be written, as on a disk that was full for a moment.
    struct Failing {
        has_failed: bool,
    }

    impl LongList for Failing {
        fn add(&mut self, _part: &[Hash]) -> Result<(), StateError> {
            match std::mem::replace(&mut self.has_failed, true) {
                true => Ok(()),
                false => Err(StateError::Refused("no room".to_owned())),
            }
        }

        fn keep(self: Box<Self>) -> Result<Kept, StateError> {
            panic!("a list that lacks a part is not kept")
        }
    }

    #[test]
    fn no_more_is_read_than_the_list_takes() {
        const MANY: i64 = 1_000_000;
        let now = Instant::UNIX_EPOCH;
        let label = BatchLabel {
            batch: BatchId::at(now),
            run: RunId::at(now),
            policy: PolicyId::new("policy"),
            store: StoreName::new("store"),
            collection: "records".to_owned(),
            class: None,
            stage: 1,
            action: "delete".to_owned(),
        };
        let epoch = EpochKey { epoch: 1, key: zeroize::Zeroizing::new([7; 32]) };
        let list: Mutex<Box<dyn LongList + '_>> = Mutex::new(Box::new(Failing { has_failed: false }));
        let mut taken = 0;
        let made = committed(&epoch, &label, &list, |take| {
            for number in 0..MANY {
                let mut keys = KeyList::default();
                keys.push_int(number);
                if !take(keys) {
                    return Ok(());
                }
                taken += 1;
            }
            Ok(())
        });
        assert!(made.is_err_and(|error| error.to_string() == "no room"));
        assert!(taken < MANY, "the other maker went on to the end");
    }
}
