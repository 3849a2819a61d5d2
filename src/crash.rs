//! Places at which a test can make the process die as by kill -9. In release builds they are nothing.
//!
//! `FORFALL_CRASH_AT=intent` dies at the first place of that name, `intent:3` at the third time it is reached.
//! The places, in the order of a batch: `prepared`, `manifest`, `intent`, in a directory tree `moved` and `unlinked`,
//! then `committed` and `outcome`.

/// Dies here if the environment says so.
#[cfg(debug_assertions)]
pub fn here(place: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static REACHED: AtomicU32 = AtomicU32::new(0);
    let Ok(wish) = std::env::var("FORFALL_CRASH_AT") else { return };
    let (name, time) = wish.split_once(':').unwrap_or((&wish, "1"));
    if name == place && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == time.parse().unwrap_or(1) {
        let own = rustix::process::getpid();
        // Nothing can be done about a refusal, and nothing depends on it outside tests.
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub fn here(_place: &str) {}
