//! The contract on real files, and what is particular to files.

use tempfile::TempDir;

use super::SqliteState;
use crate::state::contract::{sample::noon, state_contract};

fn fixture() -> (SqliteState, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let state = SqliteState::open(&dir.path().join("state.db"), noon()).unwrap();
    (state, dir)
}

state_contract!(fixture);
