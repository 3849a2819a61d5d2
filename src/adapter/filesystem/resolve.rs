//! What became of a batch whose outcome was never written (DESIGN 5.9).
//!
//! For each file: it lies aside, then it is looked at again and its way is finished, or it is put back; it is at its
//! path, then it was not reached; it is at neither, then it is gone. A root that is not the marked one says nothing.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs;
use rustix::io::Errno;

use super::super::api::{StoreError, StoreErrorKind};
use super::aside::{Aside, CHANGED, End, Item};
use super::spool::{self, Spooled};
use super::tree::{Meta, Tree};
use super::{FilesystemStore, identity};
use crate::model::batch::{Applied, BatchLabel, Fate, Leftover};

const NOT_REACHED: &str = "the batch ended before it";

pub(super) fn resolve(store: &FilesystemStore, label: &BatchLabel, bytes: &[u8]) -> Result<Fate, StoreError> {
    let what = || format!("batch {} of store `{}`", label.batch, store.name);
    let Some(spooled) = spool::decode(bytes) else {
        let why = "what it had planned cannot be read";
        return Err(StoreError::new(StoreErrorKind::Damaged, what(), why)
            .with_help("Compare `.forfall/aside` with the store by hand; the batch stays open"));
    };
    let tree = store.tree()?;
    match identity::mark(&tree, &store.name)? {
        Some(mark) if mark.id == spooled.mark => {}
        Some(_) => return Err(store.unmarked("it carries another mark than when the batch began")),
        None => {
            return Err(store.unmarked("it has no mark `.forfall/store`, but had one when the batch began"));
        }
    }
    let trouble = |errno| tree.trouble("finding out what became of a batch", errno);
    let aside = Aside::of(&tree, label.batch).map_err(trouble)?;
    let mut ends = Vec::with_capacity(spooled.items.len());
    let mut parent = Parent::default();
    for (place, item) in spooled.items.iter().enumerate() {
        ends.push(end_of(&tree, aside.as_ref(), &mut parent, item, place).map_err(trouble)?);
    }
    // What is said to be gone must stay gone, also through a power failure.
    fs::syncfs(tree.directory(b"").map_err(trouble)?).map_err(trouble)?;
    if let Some(aside) = aside {
        aside.close(&tree);
    }
    Ok(fate(&spooled, ends))
}

/// The directory of the item before, kept open.
#[derive(Default)]
struct Parent(Option<(Vec<u8>, Result<OwnedFd, Errno>)>);

impl Parent {
    fn of(&mut self, tree: &Tree, item: &Item) -> Result<&OwnedFd, Errno> {
        if self.0.as_ref().is_none_or(|(path, _)| **path != *item.directory) {
            let path = item.directory.strip_suffix(b"/").unwrap_or(&item.directory);
            self.0 = Some((item.directory.to_vec(), tree.directory(path)));
        }
        match &self.0 {
            Some((_, Ok(parent))) => Ok(parent),
            Some((_, Err(errno))) => Err(*errno),
            None => Err(Errno::NOENT),
        }
    }
}

fn end_of(
    tree: &Tree,
    aside: Option<&Aside>,
    parent: &mut Parent,
    item: &Item,
    place: usize,
) -> Result<End, Errno> {
    if let Some(aside) = aside
        && let Some(found) = aside.look(place)?
    {
        if item.is(found) {
            return aside.unlink(place);
        }
        let parent = parent.of(tree, item).map(AsFd::as_fd);
        return Ok(aside.put_back(parent, item, place, End::Skipped(CHANGED.to_owned())));
    }
    let parent = match parent.of(tree, item) {
        Ok(parent) => parent,
        Err(Errno::NOENT) => return Ok(End::Gone),
        // Something else stands where its directory was: there nothing can be learnt, now or later.
        Err(Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => {
            let why = "its directory was replaced; whether it is gone cannot be known";
            return Ok(End::Failed(why.to_owned()));
        }
        Err(errno) => return Err(errno),
    };
    match Meta::of(parent.as_fd(), &item.name) {
        Ok(found) if item.is(found) => Ok(End::Skipped(NOT_REACHED.to_owned())),
        Ok(found) if found.inode == item.stamp.inode => Ok(End::Skipped(CHANGED.to_owned())),
        // Another file has come in its place.
        Ok(_) | Err(Errno::NOENT) => Ok(End::Gone),
        Err(errno) => Err(errno),
    }
}

fn fate(spooled: &Spooled, ends: Vec<End>) -> Fate {
    let untouched = End::Skipped(NOT_REACHED.to_owned());
    if ends.iter().all(|end| *end == untouched) {
        return Fate::NotDone;
    }
    let mut applied = Applied::default();
    for (place, (end, item)) in ends.into_iter().zip(&spooled.items).enumerate().take(spooled.records) {
        let left = |reason| Leftover { place, reason, key: Some(item.key()) };
        match end {
            End::Gone => applied.done += 1,
            End::Skipped(reason) => applied.skipped.push(left(reason)),
            End::Failed(reason) => applied.failed.push(left(reason)),
        }
    }
    if applied.done == spooled.records as u64 { Fate::Done } else { Fate::Each(applied) }
}
