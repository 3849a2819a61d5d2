//! Reading in the order of keys: of whole paths as bytes, so that `a.b` comes before `a/b`.
//!
//! The names of a directory are put in order with a slash after those that are directories; then everything below a
//! directory comes exactly where its paths belong. Kept in memory are the names of the directories on the way down.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use super::super::api::{Gap, Page, Row, Scope};
use super::count::world;
use super::found::Found;
use super::narrow::Range;
use super::record::{FileRow, Seen};
use super::tree::{Meta, OURS, Tree};
use crate::model::key::Key;
use crate::model::pattern::{Pattern, Places};
use crate::model::predicate::Predicate;

/// A directory on the way down, with what is still to be looked at.
struct Level {
    path: Vec<u8>,
    places: Places,
    fd: OwnedFd,
    /// In reverse order; a directory's name ends with a slash.
    names: Vec<Vec<u8>>,
}

struct Scan<'a> {
    tree: &'a Tree,
    /// Where a walk may go.
    narrow: &'a Pattern,
    after: &'a [u8],
    found: Found,
}

/// The next records after a key.
pub(super) fn scan(
    tree: &Tree,
    pattern: &Arc<Pattern>,
    range: &Range,
    scope: &Scope,
    predicate: &Predicate,
    after: Option<&Key>,
    limit: usize,
) -> Page {
    let after = after.map_or(&[][..], Key::as_bytes);
    let mut scan = Scan { tree, narrow: &range.pattern, after, found: Found::default() };
    let mut page = Page::default();
    let mut levels: Vec<Level> = scan.enter(Vec::new(), pattern.top()).into_iter().collect();
    while let Some(level) = levels.last_mut() {
        if page.rows.len() >= limit {
            page.more = true;
            break;
        }
        let Some(name) = level.names.pop() else {
            levels.pop();
            continue;
        };
        let path = [&*level.path, &*name].concat();
        if let Some(directory) = name.strip_suffix(b"/") {
            let places = scan.narrow.enter(level.places, directory);
            let next = places.and_then(|places| scan.enter(path, places));
            levels.extend(next);
        } else if let Some(meta) = scan.file(level, &name) {
            let unasked = || Err(Errno::NOENT);
            let seen = Seen::new(pattern, &path, Some(meta), &unasked);
            if predicate.holds(&seen, &world(scope)) {
                let row = FileRow { pattern: Arc::clone(pattern), path: path.into(), meta };
                page.rows.push(Row { key: Key::from_path(&row.path), fields: Box::new(row) });
            }
        }
    }
    page.gaps = scan.found.into_gaps();
    page
}

impl Scan<'_> {
    fn enter(&mut self, path: Vec<u8>, places: Places) -> Option<Level> {
        let fd = match self.tree.directory(path.strip_suffix(b"/").unwrap_or(&path)) {
            Ok(fd) => fd,
            Err(errno) => {
                self.missed(&path, errno);
                return None;
            }
        };
        let mut level = Level { path, places, fd, names: Vec::new() };
        match self.narrow.names(places) {
            Some(names) => {
                for name in names {
                    let name = CString::new(name).expect("a pattern has no zero byte");
                    let kind = Meta::of(level.fd.as_fd(), &name).map(|meta| meta.kind);
                    self.add(&mut level.names, &level.path, places, &name, kind.unwrap_or(FileType::Unknown));
                }
            }
            None => self.list(&mut level),
        }
        level.names.sort_unstable_by(|one, other| other.cmp(one));
        Some(level)
    }

    fn list(&mut self, level: &mut Level) {
        let mut buffer = Vec::with_capacity(64 * 1024);
        let mut listing = RawDir::new(&level.fd, buffer.spare_capacity_mut());
        while let Some(entry) = listing.next() {
            match entry {
                Ok(entry) => {
                    let kind = match entry.file_type() {
                        FileType::Unknown => Meta::of(level.fd.as_fd(), entry.file_name())
                            .map_or(FileType::Unknown, |meta| meta.kind),
                        kind => kind,
                    };
                    self.add(&mut level.names, &level.path, level.places, entry.file_name(), kind);
                }
                Err(Errno::INTR) => {}
                Err(errno) => return self.missed(&level.path, errno),
            }
        }
    }

    /// Keeps a name if it may lead to a record after the key.
    fn add(&self, names: &mut Vec<Vec<u8>>, path: &[u8], places: Places, name: &CStr, kind: FileType) {
        let name = name.to_bytes();
        let mut name = match kind {
            FileType::RegularFile if self.narrow.takes(places, name) => name.to_vec(),
            FileType::Directory if !matches!(name, b"." | b"..") && name != OURS => {
                if self.narrow.enter(places, name).is_none() {
                    return;
                }
                [name, b"/"].concat()
            }
            _ => return,
        };
        let whole = [path, &*name].concat();
        let over = whole.as_slice() <= self.after;
        if over && !(name.ends_with(b"/") && self.after.starts_with(&whole)) {
            return;
        }
        name.shrink_to_fit();
        names.push(name);
    }

    /// A file as it is now; `None` if it is gone or something else has come in its place.
    fn file(&mut self, level: &Level, name: &[u8]) -> Option<Meta> {
        let name = CString::new(name).expect("a listing's names have no zero byte");
        match Meta::of(level.fd.as_fd(), &name) {
            Ok(meta) => Some(meta).filter(Meta::is_file),
            Err(errno) => {
                self.missed(&level.path, errno);
                None
            }
        }
    }

    fn missed(&mut self, path: &[u8], errno: Errno) {
        if let Some(reason) = super::look::gap(errno) {
            let place = format!("directory {}/{}", self.tree.root().display(), self.narrow.veil(path));
            self.found.add(Gap { place, reason });
        }
    }
}
