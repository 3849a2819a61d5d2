//! Stores. `api` says what an adapter promises; each adapter is one file (or folder) and one line in [`registry::ADAPTERS`].
//!
//! Adapters block: one thread, one connection. The engine decides where they run.

pub mod api;
#[cfg(any(test, debug_assertions))]
pub mod contract;
#[cfg(any(test, debug_assertions))]
pub mod faulty;
pub mod filesystem;
#[cfg(any(test, debug_assertions))]
mod forward;
#[cfg(any(test, debug_assertions))]
pub mod memory;
pub mod mysql;
pub mod place;
pub mod postgres;
pub mod recall;
pub mod registry;
pub mod secret;
mod sql;
pub mod sqlite;
