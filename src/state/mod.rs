//! What the program remembers: approvals, holds, events, runs, slots, open intents, and the audit log itself.
//!
//! `api` is the promise, `sqlite` and `memory` keep it, `contract` holds both to it.

pub mod api;
pub mod check;
pub mod export;
pub mod gate;
pub mod heads;
mod hold;
pub mod keeper;
pub mod memory;
mod notes;
pub mod outbox;
pub mod prove;
pub mod retention;
pub mod review;
pub mod sqlite;
pub mod unsettled;

pub use notes::bound_to;

#[cfg(test)]
pub(crate) mod contract;
