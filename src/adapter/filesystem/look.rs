//! One directory of a crawl: which of its names are files that are meant, which lead further down.

use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fd::AsFd;
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use super::super::api::Gap;
use super::crawl::{Crawl, Directory, Entry, Open, Visitor, Work};
use super::record::Seen;
use super::tree::{Meta, OURS};
use crate::model::pattern::Pattern;

/// How many bytes of names are handed to another thread.
const SHARE: usize = 16 * 1024;

/// What one thread of a crawl works with.
pub(super) struct Hand<'a, V> {
    /// Each thread has its own: threads that share a regular expression wait for each other.
    pub(super) pattern: Pattern,
    pub(super) buffer: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) visitor: &'a mut V,
}

impl Crawl {
    /// Does one piece of work.
    pub(super) fn turn<V: Visitor>(&self, work: Work, hand: &mut Hand<'_, V>) -> ControlFlow<()> {
        match work {
            Work::Enter(directory) => match self.open(directory, &hand.pattern) {
                Some(open) => self.enter(&open, hand),
                None => ControlFlow::Continue(()),
            },
            Work::Named(directory, names) => match self.open(directory, &hand.pattern) {
                Some(open) => each(&names, |name| self.named(&open, name, hand)),
                None => ControlFlow::Continue(()),
            },
            Work::Look(open, names) => {
                each(&names, |name| self.look(&open, name, FileType::RegularFile, hand))
            }
        }
    }

    fn open(&self, directory: Directory, pattern: &Pattern) -> Option<Arc<Open>> {
        let path = directory.path.strip_suffix(b"/").unwrap_or(&directory.path);
        match self.tree.directory(path) {
            Ok(fd) => Some(Arc::new(Open { directory: Arc::new(directory), fd })),
            Err(errno) => {
                self.missed(pattern, &directory, errno);
                None
            }
        }
    }

    fn enter<V: Visitor>(&self, open: &Arc<Open>, hand: &mut Hand<'_, V>) -> ControlFlow<()> {
        let places = open.directory.places;
        if let Some(names) = hand.pattern.names(places) {
            let names: Vec<_> = names.into_iter().filter_map(|name| CString::new(name).ok()).collect();
            return names.iter().try_for_each(|name| self.look(open, name, FileType::Unknown, hand));
        }
        let mut names = Vec::new();
        let mut buffer = std::mem::take(&mut hand.buffer);
        let mut listing = RawDir::new(&open.fd, buffer.spare_capacity_mut());
        while let Some(entry) = listing.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                Err(errno) => {
                    self.missed(&hand.pattern, &open.directory, errno);
                    break;
                }
            };
            let name = entry.file_name();
            match entry.file_type() {
                FileType::Directory => self.descend(open, name, entry.ino(), &hand.pattern),
                FileType::RegularFile if !hand.pattern.takes(places, name.to_bytes()) => {}
                FileType::RegularFile if self.idle.load(Ordering::Relaxed) > 0 => {
                    names.extend_from_slice(name.to_bytes_with_nul());
                    if names.len() > SHARE {
                        self.share([Work::Look(Arc::clone(open), std::mem::take(&mut names))]);
                    }
                }
                kind => self.look(open, name, kind, hand)?,
            }
            if self.is_stopped() {
                return ControlFlow::Break(());
            }
        }
        hand.buffer = buffer;
        each(&names, |name| self.look(open, name, FileType::RegularFile, hand))
    }

    fn descend(&self, open: &Open, name: &CStr, inode: u64, pattern: &Pattern) {
        let name = name.to_bytes();
        if matches!(name, b"." | b"..") || name == OURS {
            return;
        }
        if let Some(places) = pattern.enter(open.directory.places, name) {
            let path = [&*open.directory.path, name, b"/"].concat();
            self.share([Work::Enter(Directory { path, places, inode })]);
        }
    }

    /// One name: a file is visited, a directory put off, a link counted, anything else ignored.
    fn look<V: Visitor>(
        &self,
        open: &Open,
        name: &CStr,
        kind: FileType,
        hand: &mut Hand<'_, V>,
    ) -> ControlFlow<()> {
        let places = open.directory.places;
        match kind {
            FileType::RegularFile => return self.visit(open, name, None, hand),
            FileType::Symlink => {
                let name = name.to_bytes();
                let meant = hand.pattern.takes(places, name) || hand.pattern.enter(places, name).is_some();
                if meant && name != OURS {
                    self.found().links += 1;
                }
            }
            FileType::Unknown => match Meta::of(open.fd.as_fd(), name) {
                Ok(meta) if meta.is_file() => return self.visit(open, name, Some(meta), hand),
                Ok(meta) if meta.kind == FileType::Directory => {
                    self.descend(open, name, meta.inode, &hand.pattern);
                }
                Ok(meta) if meta.kind == FileType::Symlink => {
                    return self.look(open, name, FileType::Symlink, hand);
                }
                Ok(_) | Err(Errno::NOENT) => {}
                Err(errno) => self.missed(&hand.pattern, &open.directory, errno),
            },
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// A name of which only a file is wanted.
    fn named<V: Visitor>(&self, open: &Open, name: &CStr, hand: &mut Hand<'_, V>) -> ControlFlow<()> {
        match Meta::of(open.fd.as_fd(), name) {
            Ok(meta) if meta.is_file() => return self.visit(open, name, Some(meta), hand),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => self.missed(&hand.pattern, &open.directory, errno),
        }
        ControlFlow::Continue(())
    }

    fn visit<V: Visitor>(
        &self,
        open: &Open,
        name: &CStr,
        known: Option<Meta>,
        hand: &mut Hand<'_, V>,
    ) -> ControlFlow<()> {
        let Hand { pattern, path, visitor, .. } = hand;
        if !pattern.takes(open.directory.places, name.to_bytes()) {
            return ControlFlow::Continue(());
        }
        path.clear();
        path.extend_from_slice(&open.directory.path);
        path.extend_from_slice(name.to_bytes());
        let ask = || Meta::of(open.fd.as_fd(), name);
        let seen = Seen::new(pattern, path, known, &ask);
        let flow = visitor.file(&Entry { directory: &open.directory, name }, &seen);
        // A file that vanished meanwhile is no gap.
        if let Some(errno) = seen.failure().filter(|errno| *errno != Errno::NOENT) {
            self.missed(pattern, &open.directory, errno);
        }
        flow
    }

    /// A directory that could not be read is a gap, unless it is simply no longer there.
    fn missed(&self, pattern: &Pattern, directory: &Directory, errno: Errno) {
        match gap(errno) {
            Some(reason) => self.found().add(Gap { place: self.place(pattern, directory), reason }),
            None if errno == Errno::NOENT => {}
            None => self.found().links += 1,
        }
    }

    /// Where, without what only a wildcard matches: that may be about somebody.
    fn place(&self, pattern: &Pattern, directory: &Directory) -> String {
        let veiled = pattern.veil(&directory.path);
        let root = self.tree.root().display();
        match directory.inode {
            0 => format!("directory {root}/{veiled}"),
            inode => format!("directory {root}/{veiled} (inode {inode})"),
        }
    }
}

/// Why a directory is a gap; `None` if it is none: it has gone, or a link has come in its place.
pub(super) fn gap(errno: Errno) -> Option<String> {
    Some(match errno {
        Errno::NOENT | Errno::LOOP | Errno::NOTDIR => return None,
        Errno::XDEV => {
            "another file system is mounted there: register it as a store of its own, or unmount it"
                .to_owned()
        }
        Errno::NAMETOOLONG => "its path is longer than the system can open".to_owned(),
        errno => format!("it cannot be read: {errno}"),
    })
}

fn each(names: &[u8], mut look: impl FnMut(&CStr) -> ControlFlow<()>) -> ControlFlow<()> {
    names.split_inclusive(|byte| *byte == 0).try_for_each(|name| {
        look(CStr::from_bytes_with_nul(name).expect("names are kept with one zero each"))
    })
}
