//! How a run tells a person or a log what it is doing, and how it is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};

/// Watches a run. Calls come from the thread that runs, and must return quickly.
pub trait Progress: Send + Sync {
    /// A stage begins to act on about that many records.
    fn begin(&self, what: &str, expected: u64);

    /// A batch is done.
    fn advance(&self, records: u64);

    /// The stage is over.
    fn end(&self);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn begin(&self, _what: &str, _expected: u64) {}
    fn advance(&self, _records: u64) {}
    fn end(&self) {}
}

/// Asks a run to stop after its present batch.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
