//! How the state is read and written: one snapshot, or one transaction with its entry, at a time.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::SqliteState;
use super::failure::Failure;
use super::layout::Layout;
use super::log::Ledger;
use super::ring::Ring;
use crate::state::api::StateError;
use crate::time::Instant;

impl SqliteState {
    pub(super) fn read<T>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        // A panic cannot leave a connection in between: a transaction rolls back when it is dropped.
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        // One snapshot for all that is asked: another process may write between two statements.
        let snapshot = connection.unchecked_transaction().map_err(Failure::from);
        snapshot.and_then(|snapshot| act(&snapshot)).map_err(|failure| failure.during("read", &self.path))
    }

    pub(super) fn write<T>(
        &self,
        now: Instant,
        patience: Duration,
        act: impl FnOnce(&Ledger<'_>) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        if let Some(why) = &*self.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(StateError::Refused(why.clone()));
        }
        self.write_beside(now, patience, act)
    }

    /// A write that adds nothing to the log: it is possible too while the log may not grow, so that alarms still go
    /// out.
    pub(super) fn write_beside<T>(
        &self,
        now: Instant,
        patience: Duration,
        act: impl FnOnce(&Ledger<'_>) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        let mut connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failed.load(Ordering::Acquire) {
            return Err(StateError::Broken {
                what: format!("the state file {} is closed for writing", self.path.display()),
                why: "an earlier write failed on the disk, and a later one that seems to succeed could still be lost; \
                      check the disk, then start forfall again"
                    .to_owned(),
            });
        }
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let result = transact(&mut connection, &self.layout, &mut ring, now, patience, act);
        result.map_err(|failure| {
            if failure.is_disk_failure() {
                self.failed.store(true, Ordering::Release);
            }
            failure.during("write", &self.path)
        })
    }
}

fn transact<T>(
    connection: &mut Connection,
    layout: &Layout,
    ring: &mut Ring,
    now: Instant,
    patience: Duration,
    act: impl FnOnce(&Ledger<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    connection.busy_timeout(patience)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    ring.refresh(&tx, layout)?;
    let result = act(&Ledger { tx: &tx, ring, now })?;
    tx.commit()?;
    Ok(result)
}
