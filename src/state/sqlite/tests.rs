//! The contract on real files, and what is particular to files.

mod crash;
mod opening;
mod sharing;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::SqliteState;
use crate::state::contract::{sample::noon, state_contract};

fn path(dir: &TempDir) -> PathBuf {
    dir.path().join("state.db")
}

fn open(path: &Path) -> SqliteState {
    SqliteState::open(path, noon()).unwrap()
}

fn fixture() -> (SqliteState, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (open(&path(&dir)), dir)
}

state_contract!(fixture);
