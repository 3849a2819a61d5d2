//! Looks at every file that a pattern means, with several threads, one directory at a time.
//!
//! What is kept in memory is the directories still to be entered, never a list of the files. A directory is entered by
//! its path from the root, so that nothing swapped in meanwhile can lead elsewhere.

use std::collections::{BTreeMap, HashSet};
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fd::OwnedFd;

use super::found::Found;
use super::look::Hand;
use super::narrow::Range;
use super::record::Seen;
use super::tree::{Tree, directory_of};
use crate::model::key::Key;
use crate::model::pattern::{Pattern, Places};

/// What is done with each file. Every thread has its own.
pub(super) trait Visitor: Send {
    /// A file that the pattern means. `Break` ends the whole crawl.
    fn file(&mut self, entry: &Entry<'_>, seen: &Seen<'_>) -> ControlFlow<()>;

    /// This thread has nothing more.
    fn end(&mut self) {}
}

/// Where a file was found.
pub(super) struct Entry<'a> {
    pub(super) directory: &'a Arc<Directory>,
    pub(super) name: &'a CStr,
}

/// A directory that was entered or will be.
#[derive(Debug)]
pub(super) struct Directory {
    /// From the root, with a slash at the end; empty for the root.
    pub(super) path: Vec<u8>,
    pub(super) places: Places,
    /// As its parent names it; 0 if its parent was not listed.
    pub(super) inode: u64,
}

/// A crawl that several threads work on.
pub(super) struct Crawl {
    pub(super) tree: Arc<Tree>,
    range: Range,
    queue: Mutex<Queue>,
    more: Condvar,
    /// Threads that wait for work: only for them is a directory's listing split.
    pub(super) idle: AtomicUsize,
    stopped: AtomicBool,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Queue {
    /// The newest first: depth-first, which keeps it short.
    work: Vec<Work>,
    busy: usize,
}

/// Names are kept one after the other, each with its zero.
pub(super) enum Work {
    Enter(Directory),
    /// Regular files of a directory that is open already.
    Look(Arc<Open>, Vec<u8>),
    /// Files of a directory that are wanted by name.
    Named(Directory, Vec<u8>),
}

pub(super) struct Open {
    pub(super) directory: Arc<Directory>,
    pub(super) fd: OwnedFd,
}

/// How much of a directory is read at once.
const BUFFER: usize = 64 * 1024;

impl Crawl {
    pub(super) fn new(tree: Arc<Tree>, range: Range) -> Self {
        let mut queue = Queue::default();
        match &range.keys {
            None => queue.work.push(Work::Enter(Directory {
                path: Vec::new(),
                places: range.pattern.top(),
                inode: 0,
            })),
            Some(keys) => queue.work.extend(by_directory(&range.pattern, keys)),
        }
        Self {
            tree,
            range,
            queue: Mutex::new(queue),
            more: Condvar::new(),
            idle: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            found: Mutex::default(),
        }
    }

    /// Works to the end with one thread for each visitor.
    pub(super) fn with<V: Visitor>(&self, mut visitors: Vec<V>) -> Vec<V> {
        std::thread::scope(|scope| {
            let (own, others) = visitors.split_first_mut().expect("a crawl has at least one visitor");
            for visitor in others {
                scope.spawn(|| self.work(visitor));
            }
            self.work(own);
        });
        visitors
    }

    /// Works until nothing is left or the crawl is stopped.
    pub(super) fn work<V: Visitor>(&self, visitor: &mut V) {
        let buffer = Vec::with_capacity(BUFFER);
        let mut hand = Hand { pattern: self.range.pattern.clone(), buffer, path: Vec::new(), visitor };
        while let Some((turn, work)) = self.next() {
            let flow = self.turn(work, &mut hand);
            drop(turn);
            if flow.is_break() {
                self.stop();
            }
        }
        hand.visitor.end();
    }

    /// Makes every thread end soon.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.queue().work.clear();
        self.more.notify_all();
    }

    /// What was found so far, leaving nothing.
    pub(super) fn take_found(&self) -> Found {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<(Turn<'_>, Work)> {
        let mut queue = self.queue();
        loop {
            if let Some(work) = queue.work.pop() {
                queue.busy += 1;
                return Some((Turn(self), work));
            }
            if queue.busy == 0 || self.is_stopped() {
                return None;
            }
            self.idle.fetch_add(1, Ordering::Relaxed);
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(super) fn share(&self, work: impl IntoIterator<Item = Work>) {
        let mut queue = self.queue();
        if !self.is_stopped() {
            queue.work.extend(work);
            self.more.notify_all();
        }
    }
}

/// A thread's turn; given back also by a thread that dies, or the others would wait for it.
struct Turn<'a>(&'a Crawl);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.busy -= 1;
        if queue.busy == 0 && queue.work.is_empty() {
            self.0.more.notify_all();
        }
    }
}

/// How many threads look at once: more would wait for the same disk.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).clamp(1, 8)
}

/// Keys as the directories in which they lie; keys that lie nowhere in the pattern are left out.
fn by_directory(pattern: &Pattern, keys: &HashSet<Key>) -> Vec<Work> {
    let mut directories: BTreeMap<&[u8], (Places, Vec<u8>)> = BTreeMap::new();
    for key in keys {
        let Some((directory, name)) = directory_of(key.as_bytes()) else { continue };
        let Some(places) = places_of(pattern, directory) else { continue };
        let (_, names) = directories.entry(directory).or_insert_with(|| (places, Vec::new()));
        names.extend_from_slice(name);
        names.push(0);
    }
    let work = |(path, (places, names)): (&[u8], (Places, Vec<u8>))| {
        Work::Named(Directory { path: path.to_vec(), places, inode: 0 }, names)
    };
    directories.into_iter().map(work).collect()
}

/// The places in the pattern that a directory's path reaches.
pub(super) fn places_of(pattern: &Pattern, directory: &[u8]) -> Option<Places> {
    let mut names = directory.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    names.try_fold(pattern.top(), |at, name| pattern.enter(at, name))
}
