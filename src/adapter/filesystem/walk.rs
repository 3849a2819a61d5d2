//! Collects what is due ahead of the batches: threads read while a batch is written down and carried out.
//!
//! Reading ahead is safe because nothing is believed later: what a batch planned is compared with the file itself after
//! it was moved aside.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use uuid::Uuid;

use super::super::api::{Gap, Job, Prepared, StoreError, Walk};
use super::aside::{Item, RUN};
use super::batch::FileBatch;
use super::companions::Companions;
use super::count::world;
use super::crawl::{Crawl, Entry, Visitor, threads};
use super::record::Seen;
use super::tree::Tree;
use super::{FilesystemStore, identity, narrow};
use crate::model::batch::BatchLabel;
use crate::model::key::Key;
use crate::model::schema::Identity;

/// How many runs of files may wait to be taken into a batch: a few megabytes.
const AHEAD: usize = 128;

/// A walk over the due files of one job.
pub(super) struct FileWalk<'a> {
    pub(super) store: &'a FilesystemStore,
    pub(super) tree: Arc<Tree>,
    pub(super) mark: Uuid,
    pub(super) identity: Identity,
    pub(super) companions: Option<Companions>,
    pub(super) job: Arc<Job>,
    crawl: Arc<Crawl>,
    feed: Feed,
    /// Due and not in any batch that was committed.
    pub(super) pending: VecDeque<Item>,
    /// Left out of the last batch.
    left: Vec<Item>,
    gaps: Mutex<Vec<Gap>>,
    links: AtomicU64,
}

enum Feed {
    /// Nothing is read before the first batch is asked for.
    Waiting,
    Running(Receiver<Vec<Item>>, Vec<JoinHandle<()>>),
    Ended,
}

impl<'a> FileWalk<'a> {
    pub(super) fn begin(store: &'a FilesystemStore, job: Job) -> Result<Self, StoreError> {
        let tree = store.tree()?;
        let Some(mark) = identity::mark(&tree, &store.name)? else {
            return Err(store.unmarked("it is not approved yet: it has no mark `.forfall/store`"));
        };
        let identity = identity::identity(&tree, &store.name)?;
        let pattern = FilesystemStore::pattern(&job.scope.target)?;
        let companions = Companions::of(&job.scope.target, &pattern)?;
        let crawl = Crawl::new(Arc::clone(&tree), narrow::range(&pattern, &job.predicate));
        Ok(Self {
            store,
            tree,
            mark: mark.id,
            identity,
            companions,
            job: Arc::new(job),
            crawl: Arc::new(crawl),
            feed: Feed::Waiting,
            pending: VecDeque::new(),
            left: Vec::new(),
            gaps: Mutex::default(),
            links: AtomicU64::default(),
        })
    }

    fn start(&mut self) {
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = |_| {
            let (crawl, job, sender) = (Arc::clone(&self.crawl), Arc::clone(&self.job), sender.clone());
            std::thread::spawn(move || crawl.work(&mut Choosing { job, sender, run: Collecting::default() }))
        };
        let threads = (0..threads()).map(thread).collect();
        self.feed = Feed::Running(receiver, threads);
    }

    /// The next run of due files; `None` at the end.
    fn more(&mut self) -> Option<Vec<Item>> {
        if matches!(self.feed, Feed::Waiting) {
            self.start();
        }
        let Feed::Running(receiver, _) = &self.feed else { return None };
        let run = receiver.recv().ok();
        if run.is_none() {
            self.end();
        }
        run
    }

    fn end(&mut self) {
        self.crawl.stop();
        let Feed::Running(receiver, threads) = std::mem::replace(&mut self.feed, Feed::Ended) else { return };
        // A thread that waits to hand something over sees that nobody takes it.
        drop(receiver);
        let died = threads.into_iter().filter_map(|thread| thread.join().err()).count();
        let mut gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.crawl.take_found();
        self.links.fetch_add(found.links, Ordering::Relaxed);
        gaps.extend(found.into_gaps());
        if died > 0 {
            let place = format!("store `{}`", self.store.name);
            gaps.push(Gap { place, reason: "a thread that read it died".to_owned() });
        }
    }

    /// The next files for a batch, leaving out these keys.
    fn take(&mut self, want: usize, without: &HashSet<Key>) -> Vec<Item> {
        for item in std::mem::take(&mut self.left).into_iter().rev() {
            self.pending.push_front(item);
        }
        let mut taken = Vec::new();
        while taken.len() < want.max(1) {
            match self.pending.pop_front() {
                Some(item) if !without.is_empty() && without.contains(&item.key()) => self.left.push(item),
                Some(item) => taken.push(item),
                None => match self.more() {
                    Some(run) => self.pending.extend(run),
                    None => break,
                },
            }
        }
        taken
    }
}

impl Walk for FileWalk<'_> {
    fn prepare<'a>(
        &'a mut self,
        batch: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Option<Box<dyn Prepared + 'a>>, StoreError> {
        let records = self.take(want, without);
        if records.is_empty() {
            return Ok(None);
        }
        Ok(Some(Box::new(FileBatch::new(self, batch.batch, records))))
    }

    fn links(&self) -> u64 {
        self.links.load(Ordering::Relaxed)
    }

    fn gaps(&self) -> Vec<Gap> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FileWalk<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Files of one directory after another.
#[derive(Default)]
pub(super) struct Collecting {
    pub(super) items: Vec<Item>,
    directory: Option<Arc<[u8]>>,
}

impl Collecting {
    fn add(&mut self, entry: &Entry<'_>, seen: &Seen<'_>) {
        let Ok(meta) = seen.meta() else { return };
        let directory = match &self.directory {
            Some(directory) if **directory == *entry.directory.path => Arc::clone(directory),
            _ => Arc::clone(self.directory.insert(Arc::from(&*entry.directory.path))),
        };
        let name = entry.name.to_owned().into_boxed_c_str();
        self.items.push(Item { directory, name, stamp: meta.into(), links: meta.links, owner: None });
    }
}

impl Visitor for Collecting {
    fn file(&mut self, entry: &Entry<'_>, seen: &Seen<'_>) -> ControlFlow<()> {
        self.add(entry, seen);
        ControlFlow::Continue(())
    }
}

/// Hands over the files for which the job's whole predicate is true.
struct Choosing {
    job: Arc<Job>,
    sender: SyncSender<Vec<Item>>,
    run: Collecting,
}

impl Choosing {
    fn hand_over(&mut self) -> ControlFlow<()> {
        let run = std::mem::take(&mut self.run.items);
        if run.is_empty() || self.sender.send(run).is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

impl Visitor for Choosing {
    fn file(&mut self, entry: &Entry<'_>, seen: &Seen<'_>) -> ControlFlow<()> {
        if self.job.predicate.holds(seen, &world(&self.job.scope)) && seen.failure().is_none() {
            self.run.add(entry, seen);
            if self.run.items.len() >= RUN {
                return self.hand_over();
            }
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self) {
        let _ = self.hand_over();
    }
}
