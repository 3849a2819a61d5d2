//! What the program remembers: approvals, holds, events, runs, slots, open intents, and the audit log itself.
//!
//! `api` is the promise, `sqlite` and `memory` keep it, `contract` holds both to it.

pub mod api;
pub mod check;
mod gate;
pub mod memory;
mod notes;
pub mod sqlite;

#[cfg(test)]
mod contract;
