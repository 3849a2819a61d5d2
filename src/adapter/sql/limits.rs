//! How gently a server is used.

use std::time::Duration;

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For a lock that somebody else holds.
    pub(crate) lock: Duration,
    /// For one statement of a batch.
    pub(crate) batch: Duration,
    /// For one statement that only reads: counting a large table takes its time.
    pub(crate) reading: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(2),
            batch: Duration::from_secs(30),
            reading: Duration::from_mins(30),
        }
    }
}
