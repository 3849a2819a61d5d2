//! Which batches have their outcome, in bounded memory however long the log is.

use std::collections::{HashSet, VecDeque};

use crate::model::ids::BatchId;

/// How many of the newest are known one by one.
const KNOWN: usize = 1 << 17;

/// The newest ids one by one, and of all older ones the latest moment at which one was made. A batch's id carries
/// the time at which it was made (RFC 9562, version 7): one that is as old as batches that ended a hundred thousand
/// batches ago cannot be new.
#[derive(Clone, Debug, Default)]
pub(super) struct Closed {
    known: HashSet<BatchId>,
    order: VecDeque<BatchId>,
    count: u64,
    horizon: Option<[u8; 6]>,
    /// How many of the oldest that are known were made before the clock was set back: their times say nothing about
    /// what is new.
    before_set_back: usize,
    /// Whether any that was made before the clock was set back is known no more.
    forgot: bool,
}

impl Closed {
    pub(super) fn insert(&mut self, batch: BatchId) {
        self.count += 1;
        if !self.known.insert(batch) {
            return;
        }
        self.order.push_back(batch);
        if self.order.len() > KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            if self.before_set_back > 0 {
                self.before_set_back -= 1;
                self.forgot = true;
            } else {
                self.horizon = self.horizon.max(Some(made(oldest)));
            }
        }
    }

    /// The clock was set back: ids made from now on may be older than those of batches that ended long ago.
    pub(super) fn clock_was_set_back(&mut self) {
        self.forgot |= self.horizon.take().is_some();
        self.before_set_back = self.order.len();
    }

    /// Whether there are batches that would not be recognised if they came again.
    pub(super) fn has_forgotten(&self) -> bool {
        self.forgot
    }

    /// Whether it has ended, or claims to be older than what ended long ago.
    pub(super) fn contains(&self, batch: BatchId) -> bool {
        self.known.contains(&batch) || self.horizon.is_some_and(|horizon| made(batch) < horizon)
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

/// The milliseconds since 1970, big-endian.
fn made(batch: BatchId) -> [u8; 6] {
    *batch.as_bytes().first_chunk().expect("an id has 16 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeDelta, TimeZone as _};

    #[test]
    fn what_ended_long_ago_is_still_known_and_memory_is_not() {
        let start = chrono::Utc.with_ymd_and_hms(2026, 11, 1, 0, 0, 0).unwrap();
        let id = |number: usize| BatchId::at(start + TimeDelta::milliseconds(i64::try_from(number).unwrap()));
        let mut closed = Closed::default();
        let first = id(0);
        closed.insert(first);
        let mut last = first;
        for number in 1..KNOWN + 1000 {
            last = id(number);
            assert!(number % 1000 != 0 || !closed.contains(last), "{number} is new");
            closed.insert(last);
        }
        assert!(closed.contains(first), "it was forgotten one by one, and is recognised by its age");
        assert!(closed.contains(last));
        assert!(!closed.contains(id(KNOWN + 5000)));
        assert_eq!((closed.known.len(), closed.order.len()), (KNOWN, KNOWN));
        assert_eq!(closed.count(), KNOWN as u64 + 1000);
        assert!(!closed.has_forgotten());
        closed.clock_was_set_back();
        assert!(closed.has_forgotten(), "which is told");
        for number in 5..KNOWN {
            let late = BatchId::at(start - TimeDelta::milliseconds(i64::try_from(number).unwrap()));
            assert!(!closed.contains(late), "a clock that was ahead condemns nothing later");
            closed.insert(late);
        }
        assert!(closed.contains(last));
    }
}
