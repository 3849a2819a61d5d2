//! On real directories; where a test needs to be root or a mount of its own, it says so when it is left out.

mod attack;
mod contract;
mod disposing;
mod mounts;
mod reading;
mod recovery;

use std::collections::HashSet;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::FilesystemStore;
use crate::adapter::api::{Act, Dispose, Inspect, Job, Prepared, Scope, Walk};
use crate::model::batch::{Applied, BatchLabel};
use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::{Format, Start, StartSource};
use crate::model::target::Target;
use crate::model::value::Field;
use crate::time::{Instant, StartSet, Zone};

const ALL: Predicate = Predicate::Always(true);

fn now() -> Instant {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

/// Starts in a file's own time, or in a part of its path.
fn start(field: &str, format: Option<&str>) -> Arc<Start> {
    Arc::new(Start {
        source: StartSource::Field(Field::own(field)),
        waiting_if_empty: false,
        waiting_if_future: false,
        cutoff: None,
        format: format.map(|format| Format::Pattern(format.to_owned())),
        zone: Zone::UTC,
        earliest: "1990-01-01".parse().unwrap(),
    })
}

/// A store in a directory of its own.
struct Place {
    directory: TempDir,
    store: FilesystemStore,
}

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs_err::create_dir(directory.path().join("root")).unwrap();
        let store = FilesystemStore::open(StoreName::new("files"), directory.path().join("root"));
        Self { directory, store }
    }

    fn adopted(pattern: &str) -> Self {
        let place = Self::new();
        place.store.adopt(&target(pattern)).unwrap();
        place
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file whose last change lies in 2020.
    fn write(&self, path: &str) {
        write(&self.path(path), "2020-01-01T00:00:00Z");
    }

    fn write_all(&self, paths: &[&str]) {
        for path in paths {
            self.write(path);
        }
    }

    fn scope(pattern: &str) -> Scope {
        Scope { target: Arc::new(target(pattern)), events: Arc::default(), now: now() }
    }

    fn job(target: Target) -> Job {
        let start = start("modified", None);
        let last = "2026-01-01T00:00:00Z".parse().unwrap();
        let due = StartSet { instants: vec![(None, last)], dates_through: None };
        let predicate = Predicate::Start { start: Arc::clone(&start), is: StartIs::In(due.clone()) };
        let scope = Scope { target: Arc::new(target), ..Self::scope("*") };
        Job { scope, predicate, start, due, act: Act::Delete, aggregate: None, expected: 0 }
    }

    /// Disposes of everything from before 2026.
    fn dispose(&self, target: Target) -> Applied {
        let mut walk = self.store.walk(Self::job(target)).unwrap();
        let mut all = Applied::default();
        while let Some(batch) = walk.prepare(&label(), 1000, &HashSet::new()).unwrap() {
            let applied = batch.commit().unwrap();
            all.done += applied.done;
            all.skipped.extend(applied.skipped);
            all.failed.extend(applied.failed);
        }
        assert_eq!(walk.gaps(), []);
        all
    }

    fn count(&self, pattern: &str) -> u64 {
        let total = self.store.total(&target(pattern)).unwrap();
        assert!(total.exact);
        total.count
    }

    /// Everything that lies aside.
    fn aside(&self) -> Vec<PathBuf> {
        below(&self.path(".forfall/aside"))
    }
}

fn target(pattern: &str) -> Target {
    Target::new(StoreName::new("files"), pattern)
}

fn label() -> BatchLabel {
    BatchLabel {
        batch: BatchId::at(now()),
        run: RunId::at(now()),
        policy: PolicyId::new("test"),
        store: StoreName::new("files"),
        collection: "*".to_owned(),
        class: None,
        stage: 1,
        action: "delete".to_owned(),
    }
}

fn prepare<'w>(walk: &'w mut dyn Walk, label: &BatchLabel) -> Box<dyn Prepared + 'w> {
    walk.prepare(label, 1000, &HashSet::new()).unwrap().expect("files are due")
}

fn write(path: &Path, modified: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, path.to_string_lossy().as_bytes()).unwrap();
    touch(path, modified);
}

fn touch(path: &Path, modified: &str) {
    let modified: Instant = modified.parse().unwrap();
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.into_file().set_modified(modified.into()).unwrap();
}

/// All files below a directory, by path.
fn below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs_err::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => open.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}

fn inode(path: &Path) -> u64 {
    fs_err::symlink_metadata(path).unwrap().ino()
}

/// Tells what is left out. Past the harness, which keeps what a test that passes has printed to itself.
fn skip(why: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {why}").unwrap();
}
