//! Reads a long log with every core. Leaves are hashed and their entries parsed page by page on threads of their own,
//! a few pages ahead of the one thread on which their order counts: what is in memory does not grow with the log.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::batches::{Begun, Ended};
use super::{Verifier, quick};
use crate::audit::canonical::EntryError;
use crate::audit::entry::{Body, Entry};
use crate::audit::leaf::Leaf;
use crate::audit::tree::{Hash, leaf_hash};
use crate::time::Instant;

/// How many pages each thread may be ahead.
const AHEAD: usize = 2;

/// What can be known of a leaf without those before it.
#[derive(Debug)]
pub(super) enum Read {
    /// An entry, or why it is none.
    Entry(Hash, Result<Told, EntryError>),
    /// Only the digest is left.
    Pruned(Hash),
}

/// What counts of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) time: Instant,
    pub(super) what: What,
}

/// What an entry tells. Of intents and outcomes, of which a long log consists, only what is needed is handed on: the
/// rest is given back on the thread that made it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Begun(Begun),
    Ended(Ended),
    Other(Box<Body>),
}

impl From<Entry> for Told {
    fn from(entry: Entry) -> Self {
        let what = match entry.body {
            Body::Intent(intent) => What::Begun(intent.into()),
            Body::Outcome(outcome) => What::Ended(outcome.into()),
            other => What::Other(Box::new(other)),
        };
        Self { time: entry.time, what }
    }
}

impl Read {
    pub(super) fn entry(bytes: &[u8]) -> Self {
        let told = quick::told(bytes).map_or_else(|| Entry::parse(bytes).map(Told::from), Ok);
        Self::Entry(leaf_hash(bytes), told)
    }
}

impl From<Leaf> for Read {
    fn from(leaf: Leaf) -> Self {
        match leaf {
            Leaf::Entry(bytes) => Self::entry(&bytes),
            Leaf::Pruned(digest) => Self::Pruned(digest),
        }
    }
}

/// A thread that reads pages, and gives them back in the order in which it got them.
struct Reader {
    pages: SyncSender<Vec<Leaf>>,
    read: Receiver<Vec<Read>>,
}

impl Reader {
    fn start<'scope>(scope: &'scope thread::Scope<'scope, '_>) -> Self {
        let (pages, work) = sync_channel::<Vec<Leaf>>(AHEAD);
        let (done, read) = sync_channel(AHEAD);
        scope.spawn(move || {
            for page in work {
                let page: Vec<Read> = page.into_iter().map(Read::from).collect();
                // Nobody waits for it any more once a page could not be had.
                if done.send(page).is_err() {
                    break;
                }
            }
        });
        Self { pages, read }
    }
}

impl Verifier {
    /// Takes the leaves that `next` gives, page by page and in order, up to an empty page. If a page cannot be had,
    /// the error is returned, and the report so far is over the pages before it.
    pub fn read<E>(&mut self, mut next: impl FnMut() -> Result<Vec<Leaf>, E>) -> Result<(), E> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let readers: Vec<Reader> = (0..threads).map(|_| Reader::start(scope)).collect();
            let (mut given, mut taken) = (0, 0);
            let (mut ended, mut failed) = (false, None);
            loop {
                while !ended && given - taken < threads * AHEAD {
                    match next() {
                        Ok(page) if page.is_empty() => ended = true,
                        Ok(page) => {
                            let sent = readers[given % threads].pages.send(page);
                            sent.expect("a reader ends only after its channel was closed");
                            given += 1;
                        }
                        Err(error) => (ended, failed) = (true, Some(error)),
                    }
                }
                if taken == given {
                    return failed.map_or(Ok(()), Err);
                }
                let page = readers[taken % threads].read.recv();
                page.expect("a reader gives back every page").into_iter().for_each(|read| self.take(read));
                taken += 1;
            }
        })
    }
}
