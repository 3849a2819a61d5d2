//! Tests against real database files.

mod changeable;
mod counting;
mod counts;
mod fixture;
mod following;
mod json;
mod lowering;
mod made_up;
mod plans;
mod probing;
mod safety;
mod telling;
mod traps;
mod walking;

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::SqliteStore;
use crate::adapter::api::{Act, Dispose, Inspect, Job, Scope, StoreError};
use crate::model::batch::BatchLabel;
use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
use crate::model::key::Key;
use crate::model::predicate::{EventBook, Predicate, StartIs};
use crate::model::start::{Format, Start, StartSource};
use crate::model::target::Target;
use crate::model::value::Field;
use crate::time::{Instant, StartSet, Zone};

/// A database file that another program filled.
pub(super) struct World {
    _directory: TempDir,
    pub(super) store: SqliteStore,
    pub(super) other: Connection,
    pub(super) path: std::path::PathBuf,
}

pub(super) fn world(sql: &str) -> World {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY").unwrap();
    other.execute_batch(sql).unwrap();
    let store = SqliteStore::open(StoreName::new("box"), path.clone())
        .with_lock_timeout(std::time::Duration::from_millis(50));
    World { _directory: directory, store, other, path }
}

pub(super) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

pub(super) fn target(collection: &str) -> Target {
    Target::new(StoreName::new("box"), collection)
}

pub(super) fn scope(target: Target, now: &str) -> Scope {
    Scope { target: Arc::new(target), events: Arc::new(EventBook::default()), now: at(now) }
}

pub(super) fn start(field: Field, format: Option<Format>) -> Start {
    Start {
        source: StartSource::Field(field),
        waiting_if_empty: false,
        waiting_if_future: false,
        cutoff: None,
        format,
        zone: Zone::UTC,
        earliest: "1990-01-01".parse().unwrap(),
    }
}

/// All instants up to this one, and all days up to its own.
pub(super) fn through(instant: &str) -> StartSet {
    let instant = at(instant);
    StartSet { instants: vec![(None, instant)], dates_through: Some(instant.date_naive()) }
}

pub(super) fn due(start: &Arc<Start>, set: StartSet) -> Predicate {
    Predicate::Start { start: Arc::clone(start), is: StartIs::In(set) }
}

/// The keys for which the predicate is true, as numbers.
pub(super) fn matching(store: &dyn Inspect, scope: &Scope, predicate: &Predicate) -> HashSet<Key> {
    let page = store.scan(scope, predicate, None, 10_000).unwrap();
    assert!(!page.more);
    page.rows.into_iter().map(|row| row.key).collect()
}

pub(super) fn label() -> BatchLabel {
    let now = at("2026-11-01T12:00:00Z");
    BatchLabel {
        batch: BatchId::at(now),
        run: RunId::at(now),
        policy: PolicyId::new("policy"),
        store: StoreName::new("box"),
        collection: "record".to_owned(),
        class: None,
        stage: 1,
        action: "delete".to_owned(),
    }
}

/// Seconds since 1970 in the column `at`, due up to one month before now; the whole job.
pub(super) fn job(target: Target, act: Act, expected: u64) -> Job {
    let start = Arc::new(start(Field::own("at"), Some(Format::Unix)));
    let set = through("2026-10-01T12:00:00Z");
    let scope = scope(target, "2026-11-01T12:00:00Z");
    Job { scope, predicate: due(&start, set.clone()), start, due: set, act, aggregate: None, expected }
}

/// Adopts the store and carries the job out in batches; gives the keys of each.
pub(super) fn carry_out(store: &SqliteStore, job: Job, want: usize) -> Result<Vec<Vec<Key>>, StoreError> {
    store.adopt(&job.scope.target)?;
    let mut walk = store.walk(job)?;
    let mut batches = Vec::new();
    while let Some(batch) = walk.prepare(&label(), want, &HashSet::new())? {
        batches.push(batch.records().to_vec());
        batch.commit()?;
        assert!(batches.len() < 1000, "the walk does not end");
    }
    Ok(batches)
}

/// One number from the other program's connection.
pub(super) fn number(world: &World, sql: &str) -> i64 {
    world.other.query_row(sql, [], |row| row.get(0)).unwrap()
}
