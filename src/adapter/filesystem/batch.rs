//! A batch of files, and how it is carried out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs;
use rustix::io::Errno;

use super::super::api::{Basis, Prepared, StoreError};
use super::aside::{Aside, CHANGED, End, GONE_ALREADY, Item, RUN};
use super::crawl::threads;
use super::spool;
use super::tree::Tree;
use super::walk::FileWalk;
use super::{identity, look};
use crate::model::batch::{Applied, Leftover};
use crate::model::ids::BatchId;
use crate::model::key::Key;

/// A batch below this goes through one thread.
const ALONE: usize = 2 * RUN;
/// Directories that are kept open to be synced one by one; with more of them the whole file system is synced.
const MOST_DIRECTORIES: usize = 64;

pub(super) struct FileBatch<'a, 'store> {
    walk: &'a mut FileWalk<'store>,
    batch: BatchId,
    /// The records, then what goes with them.
    items: Vec<Item>,
    keys: Vec<Key>,
    /// For each `[[data.with]]`.
    companions: Vec<(String, Vec<Key>)>,
    /// Records whose companions cannot be known: they are kept.
    unknown: HashMap<usize, String>,
}

impl<'a, 'store> FileBatch<'a, 'store> {
    pub(super) fn new(walk: &'a mut FileWalk<'store>, batch: BatchId, records: Vec<Item>) -> Self {
        let keys = records.iter().map(Item::key).collect();
        let mut items = records;
        let mut companions = Vec::new();
        let mut unknown = HashMap::new();
        if let Some(with) = &walk.companions {
            companions.extend(with.collections().map(|name| (name.to_owned(), Vec::new())));
            let mut more = Vec::new();
            for (place, record) in items.iter().enumerate() {
                match with.find(&walk.tree, record, place) {
                    Ok(found) => {
                        for ((_, keys), found) in companions.iter_mut().zip(found) {
                            keys.extend(found.iter().map(Item::key));
                            more.extend(found);
                        }
                    }
                    Err(why) => {
                        unknown.insert(place, why);
                    }
                }
            }
            items.extend(more);
        }
        Self { walk, batch, items, keys, companions, unknown }
    }

    fn give_back(&mut self) {
        self.items.truncate(self.keys.len());
        for item in self.items.drain(..).rev() {
            self.walk.pending.push_front(item);
        }
    }
}

impl Prepared for FileBatch<'_, '_> {
    fn records(&self) -> &[Key] {
        &self.keys
    }

    fn companions(&self) -> Vec<(String, Vec<Key>)> {
        self.companions.clone()
    }

    fn spool(&self) -> Vec<u8> {
        spool::encode(self.walk.mark, self.keys.len(), &self.items)
    }

    fn basis(&self) -> Basis {
        Basis::Observed
    }

    fn commit(mut self: Box<Self>) -> Result<Applied, StoreError> {
        // Whatever happens now, these files do not come again in this walk.
        let items = std::mem::take(&mut self.items);
        let records = self.keys.len();
        let walk = &mut *self.walk;
        // The batch is done through the root that was opened when the walk began; it must still be what its path leads
        // to, or a disk mounted elsewhere by now would lose files.
        let now = identity::identity(&Tree::open(walk.tree.root())?, &walk.store.name)?;
        if let Some(difference) = walk.identity.difference(&now) {
            return Err(walk.store.unmarked(&format!("it became another during the run ({difference})")));
        }
        let trouble = |errno| walk.tree.trouble("carrying out a batch", errno);
        let aside = Aside::make(&walk.tree, self.batch, items.len()).map_err(trouble)?;
        let work = Work::new(&walk.tree, &aside, &items);
        for (place, why) in &self.unknown {
            work.end(*place, End::Failed(why.clone()));
        }
        work.carry_out(records..items.len());
        work.keep_owners();
        work.carry_out(0..records);
        work.sync().map_err(trouble)?;
        aside.sync().map_err(trouble)?;
        let ends = work.into_ends();
        let gone =
            || items.iter().enumerate().filter(|(place, _)| !ends.contains_key(place)).map(|(_, item)| item);
        let linked = gone().filter(|item| item.links > 1).count();
        if linked > 0 {
            tracing::warn!(batch = %self.batch, files = linked, "deleted here, but their content has other names elsewhere");
        }
        if walk.job.scope.target.prune_empty_dirs {
            let directories: BTreeSet<&[u8]> = gone().map(|item| &*item.directory).collect();
            walk.store.emptied().extend(directories.into_iter().map(<[u8]>::to_vec));
        }
        aside.close(&walk.tree);
        Ok(applied(records, ends))
    }

    fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        self.give_back();
        Ok(())
    }
}

impl Drop for FileBatch<'_, '_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What the records came to; everything that has no other end is gone.
fn applied(records: usize, mut ends: HashMap<usize, End>) -> Applied {
    let mut applied = Applied::default();
    for place in 0..records {
        match ends.remove(&place) {
            None | Some(End::Gone) => applied.done += 1,
            Some(End::Skipped(reason)) => applied.skipped.push(Leftover { place, reason, key: None }),
            Some(End::Failed(reason)) => applied.failed.push(Leftover { place, reason, key: None }),
        }
    }
    applied
}

/// The files of a batch on their way, by several threads.
struct Work<'a> {
    tree: &'a Tree,
    aside: &'a Aside,
    items: &'a [Item],
    /// The ends that are not simply gone.
    ends: Mutex<HashMap<usize, End>>,
    parents: Mutex<HashMap<Arc<[u8]>, Arc<OwnedFd>>>,
    /// There were too many directories to keep them all open.
    many: AtomicBool,
}

impl<'a> Work<'a> {
    fn new(tree: &'a Tree, aside: &'a Aside, items: &'a [Item]) -> Self {
        let (ends, parents) = (Mutex::default(), Mutex::default());
        Self { tree, aside, items, ends, parents, many: AtomicBool::new(false) }
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<usize, End>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, place: usize, end: End) {
        if end != End::Gone {
            self.ends().insert(place, end);
        }
    }

    fn into_ends(self) -> HashMap<usize, End> {
        self.ends.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each run of files is one thread's; the threads wait for the disk more than for each other.
    fn carry_out(&self, places: std::ops::Range<usize>) {
        let next = AtomicUsize::new(places.start / RUN);
        let work = || loop {
            let run = next.fetch_add(1, Ordering::Relaxed) * RUN;
            if run >= places.end {
                break;
            }
            self.run(run.max(places.start)..(run + RUN).min(places.end));
        };
        if places.len() <= ALONE {
            return work();
        }
        std::thread::scope(|scope| {
            for _ in 1..(threads() * 2).min(8) {
                scope.spawn(work);
            }
            work();
        });
    }

    fn run(&self, places: std::ops::Range<usize>) {
        let mut directory: Option<&Arc<[u8]>> = None;
        let mut parent: Result<Arc<OwnedFd>, Errno> = Err(Errno::NOENT);
        // What already has an end is a record whose companions stay.
        let kept: HashSet<usize> =
            self.ends().keys().copied().filter(|place| places.contains(place)).collect();
        for place in places.filter(|place| !kept.contains(place)) {
            let item = &self.items[place];
            if directory.is_none_or(|directory| *directory != item.directory) {
                directory = Some(&item.directory);
                parent = self.parent(&item.directory);
            }
            let end = match &parent {
                Ok(parent) => self.aside.dispose(parent.as_fd(), item, place),
                Err(errno) => unreachable_file(*errno),
            };
            self.end(place, end);
        }
    }

    /// A directory by its path as it is now, kept open to be synced at the end.
    fn parent(&self, directory: &Arc<[u8]>) -> Result<Arc<OwnedFd>, Errno> {
        let mut parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parent) = parents.get(directory) {
            return Ok(Arc::clone(parent));
        }
        let parent = Arc::new(self.tree.directory(directory.strip_suffix(b"/").unwrap_or(directory))?);
        if parents.len() < MOST_DIRECTORIES {
            parents.insert(Arc::clone(directory), Arc::clone(&parent));
        } else {
            self.many.store(true, Ordering::Relaxed);
        }
        Ok(parent)
    }

    /// A record stays if something that goes with it could not go.
    fn keep_owners(&self) {
        let mut ends = self.ends();
        let mut kept = Vec::new();
        for (place, end) in ends.iter() {
            let Some(owner) = self.items[*place].owner else { continue };
            let with = |reason: &str| format!("what goes with it: {reason}");
            match end {
                End::Gone => {}
                End::Skipped(reason) if reason == GONE_ALREADY => {}
                End::Skipped(reason) => kept.push((owner, End::Skipped(with(reason)))),
                End::Failed(reason) => kept.push((owner, End::Failed(with(reason)))),
            }
        }
        ends.extend(kept);
    }

    /// Makes durable that the files have left their directories.
    fn sync(&self) -> Result<(), Errno> {
        if self.many.load(Ordering::Relaxed) {
            return fs::syncfs(self.tree.directory(b"")?);
        }
        let parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
        parents.values().try_for_each(fs::fsync)
    }
}

/// The end of a file whose directory cannot be entered.
fn unreachable_file(errno: Errno) -> End {
    match errno {
        Errno::NOENT => End::Skipped(GONE_ALREADY.to_owned()),
        Errno::LOOP | Errno::NOTDIR => End::Skipped(CHANGED.to_owned()),
        errno => End::Failed(look::gap(errno).unwrap_or_else(|| errno.to_string())),
    }
}
