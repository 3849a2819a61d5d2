//! Stores. `api` says what an adapter promises; each adapter is one file (or folder) and one line in [`ADAPTERS`].
//!
//! Adapters block: one thread, one connection. The engine decides where they run.

pub mod api;
mod sql;
pub mod sqlite;
