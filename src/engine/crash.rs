//! Places at which a test can make the process die. In release builds they are nothing.

/// The steps of a batch between which a crash is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The batch is frozen; nothing is written.
    Prepared,
    /// The manifest is durable; the intent is not.
    Manifest,
    /// The intent is durable; nothing is done.
    Intent,
    /// It is done; the outcome is not written.
    Committed,
    /// The outcome is durable.
    Outcome,
}

/// Dies here, as by kill -9, if the environment says so: `FORFALL_CRASH_AT=intent` or, for the third time that the
/// step is reached, `intent:3`.
#[cfg(debug_assertions)]
pub fn here(step: Step) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static REACHED: AtomicU32 = AtomicU32::new(0);
    let Ok(wish) = std::env::var("FORFALL_CRASH_AT") else { return };
    let (name, time) = wish.split_once(':').unwrap_or((&wish, "1"));
    if !format!("{step:?}").eq_ignore_ascii_case(name) {
        return;
    }
    if REACHED.fetch_add(1, Ordering::SeqCst) + 1 == time.parse().unwrap_or(1) {
        let own = rustix::process::getpid();
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub fn here(_step: Step) {}
