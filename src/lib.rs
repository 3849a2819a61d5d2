//! `forfall` enforces written retention rules over many data stores, unattended, and keeps an audit log
//! with which each disposal can be proven to a stranger.
//!
//! The layers import only downward; `tests/it/architecture.rs` reads the imports and fails on any other edge.
//! `docs/architecture.md` walks through a run, a crash and a dry run.

pub mod adapter;
pub mod audit;
pub mod cli;
pub mod config;
pub mod crash;
pub mod daemon;
pub mod engine;
pub mod model;
pub mod notice;
pub mod policy;
pub mod schedule;
pub mod state;
pub mod time;
