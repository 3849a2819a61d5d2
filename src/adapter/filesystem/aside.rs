//! The way of one file to its end: out of its place, looked at, and only then unlinked.
//!
//! A name can come to mean another file between any two system calls. What a rename has taken out of its directory
//! nobody else can exchange any more, so the look that decides comes after it. `.forfall/aside/BATCH/SHARD/PLACE` says
//! which file of which batch it is; the shards are there because threads that rename into one directory wait for each
//! other.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, AtFlags, Mode, RenameFlags};
use rustix::io::Errno;

use super::identity::{ASIDE, made};
use super::tree::{Meta, Moment, OURS, Tree, below};
use crate::crash;
use crate::model::ids::BatchId;
use crate::model::key::Key;

/// A file of a batch, as it was when it was found to be due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// From the root, with a slash at the end; empty for the root.
    pub(super) directory: Arc<[u8]>,
    pub(super) name: Box<CStr>,
    pub(super) stamp: Stamp,
    /// How many names it had.
    pub(super) links: u32,
    /// The place of the record that it goes with; `None` for a record.
    pub(super) owner: Option<usize>,
}

/// By what a planned file is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: Moment,
}

impl From<Meta> for Stamp {
    fn from(meta: Meta) -> Self {
        Self { inode: meta.inode, size: meta.size, modified: meta.modified }
    }
}

impl Item {
    pub(super) fn key(&self) -> Key {
        Key::from_path(&[&*self.directory, self.name.to_bytes()].concat())
    }

    /// Whether what was found is the planned file, unchanged.
    pub(super) fn is(&self, found: Meta) -> bool {
        found.is_file() && Stamp::from(found) == self.stamp
    }
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Gone,
    /// It was left alone, because it is not what was planned.
    Skipped(String),
    Failed(String),
}

pub(super) const GONE_ALREADY: &str = "it was gone already";
pub(super) const CHANGED: &str = "it changed after it had been read";

/// How many files go one after the other into one shard.
pub(super) const RUN: usize = 256;
const SHARDS: usize = 8;

/// The directory in which the files of a batch lie between their place and their end.
pub(super) struct Aside {
    batch: BatchId,
    directory: OwnedFd,
    shards: Vec<Option<OwnedFd>>,
}

impl Aside {
    /// Makes it, for so many files.
    pub(super) fn make(tree: &Tree, batch: BatchId, files: usize) -> Result<Self, Errno> {
        let aside = tree.directory(&[OURS, b"/", ASIDE.as_bytes()].concat())?;
        made(fs::mkdirat(&aside, batch.to_string(), Mode::RWXU))?;
        let mut made_aside = Self::open_below(&aside, batch)?;
        for shard in 0..files.div_ceil(RUN).min(SHARDS) {
            made(fs::mkdirat(&made_aside.directory, shard.to_string(), Mode::RWXU))?;
            made_aside.shards[shard] = Some(open(made_aside.directory.as_fd(), &shard.to_string())?);
        }
        Ok(made_aside)
    }

    /// Opens that of an earlier batch, as far as it is there; `None` if nothing of it is.
    pub(super) fn of(tree: &Tree, batch: BatchId) -> Result<Option<Self>, Errno> {
        let aside = match tree.directory(&[OURS, b"/", ASIDE.as_bytes()].concat()) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        let mut found = match Self::open_below(&aside, batch) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        for (number, shard) in found.shards.iter_mut().enumerate() {
            *shard = match open(found.directory.as_fd(), &number.to_string()) {
                Err(Errno::NOENT) => None,
                other => Some(other?),
            };
        }
        Ok(Some(found))
    }

    fn open_below(aside: &OwnedFd, batch: BatchId) -> Result<Self, Errno> {
        let directory = open(aside.as_fd(), &batch.to_string())?;
        Ok(Self { batch, directory, shards: (0..SHARDS).map(|_| None).collect() })
    }

    fn shard(&self, place: usize) -> Option<BorrowedFd<'_>> {
        self.shards[place / RUN % SHARDS].as_ref().map(AsFd::as_fd)
    }

    /// Where a file lies, for messages.
    fn path(&self, place: usize) -> String {
        format!(".forfall/{ASIDE}/{}/{}/{place}", self.batch, place / RUN % SHARDS)
    }

    /// What lies aside for that place.
    pub(super) fn look(&self, place: usize) -> Result<Option<Meta>, Errno> {
        let Some(shard) = self.shard(place) else { return Ok(None) };
        match Meta::of(shard, &name_of(place)) {
            Ok(meta) => Ok(Some(meta)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Takes a file out of its directory and ends it.
    pub(super) fn dispose(&self, parent: BorrowedFd<'_>, item: &Item, place: usize) -> End {
        let Some(shard) = self.shard(place) else { return End::Failed("it has no place aside".to_owned()) };
        match fs::renameat_with(parent, &*item.name, shard, &*name_of(place), RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::NOENT) => return End::Skipped(GONE_ALREADY.to_owned()),
            Err(errno) => return End::Failed(why_not_moved(errno)),
        }
        crash::here("moved");
        match Meta::of(shard, &name_of(place)) {
            Ok(found) if item.is(found) => self.unlink(place).unwrap_or_else(|errno| {
                self.put_back(Ok(parent), item, place, End::Failed(format!("it cannot be unlinked: {errno}")))
            }),
            Ok(_) => self.put_back(Ok(parent), item, place, End::Skipped(CHANGED.to_owned())),
            Err(errno) => {
                let why = End::Failed(format!("it cannot be looked at: {errno}"));
                self.put_back(Ok(parent), item, place, why)
            }
        }
    }

    /// Ends a file that lies aside and was looked at.
    pub(super) fn unlink(&self, place: usize) -> Result<End, Errno> {
        let shard = self.shard(place).ok_or(Errno::NOENT)?;
        fs::unlinkat(shard, &*name_of(place), AtFlags::empty())?;
        crash::here("unlinked");
        Ok(End::Gone)
    }

    /// Moves what lies aside back to its place; if that is taken, it stays where it is and somebody has to look.
    pub(super) fn put_back(
        &self,
        parent: Result<BorrowedFd<'_>, Errno>,
        item: &Item,
        place: usize,
        end: End,
    ) -> End {
        let moved = parent.and_then(|parent| {
            let shard = self.shard(place).ok_or(Errno::NOENT)?;
            fs::renameat_with(shard, &*name_of(place), parent, &*item.name, RenameFlags::NOREPLACE)
        });
        match moved {
            Ok(()) => end,
            Err(errno) => {
                let why = match errno {
                    Errno::EXIST => "its place is taken by another file".to_owned(),
                    errno => format!("it cannot be moved back ({errno})"),
                };
                let (End::Skipped(first) | End::Failed(first)) = end else { return end };
                End::Failed(format!("{first}; kept in aside: {}, because {why}", self.path(place)))
            }
        }
    }

    /// Makes durable what was taken away here.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        self.shards.iter().flatten().try_for_each(fs::fsync)
    }

    /// Removes what is empty; what was kept in aside stays.
    pub(super) fn close(self, tree: &Tree) {
        for (number, _) in self.shards.iter().enumerate().filter(|(_, shard)| shard.is_some()) {
            let _ = fs::unlinkat(&self.directory, number.to_string(), AtFlags::REMOVEDIR);
        }
        if let Ok(aside) = tree.directory(&[OURS, b"/", ASIDE.as_bytes()].concat()) {
            let _ = fs::unlinkat(&aside, self.batch.to_string(), AtFlags::REMOVEDIR);
        }
    }
}

fn open(from: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    below(from, name.as_bytes(), fs::OFlags::RDONLY | fs::OFlags::DIRECTORY)
}

fn name_of(place: usize) -> CString {
    CString::new(place.to_string()).expect("digits hold no zero byte")
}

fn why_not_moved(errno: Errno) -> String {
    match errno {
        Errno::XDEV => {
            "it lies on another file system or subvolume: register that as a store of its own".to_owned()
        }
        Errno::INVAL => "this file system cannot move a file without replacing another".to_owned(),
        Errno::BUSY => "something is mounted on it".to_owned(),
        errno => format!("it cannot be moved: {errno}"),
    }
}
