//! What makes a directory tree that store: a mark inside, the file system's own number, the root's inode.
//!
//! Never `st_dev`: it changes with the order in which disks are found.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, Mode, OFlags, RenameFlags, StatxFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::api::{StoreError, StoreErrorKind};
use super::tree::{OURS, Tree, below};
use crate::model::ids::StoreName;
use crate::model::schema::Identity;

/// The mark in `.forfall/store`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Mark {
    version: u32,
    store: StoreName,
    pub(super) id: Uuid,
    /// Of the root when it was marked: a copy of the tree has another.
    root_inode: u64,
}

const VERSION: u32 = 1;
const MARK: &str = "store";
/// Where a mark is written before it is put in its place.
const NEW_MARK: &str = "store.new";
/// Where files lie between their place and their end.
pub(super) const ASIDE: &str = "aside";
/// What stands for the mark of a store that nobody has approved yet.
pub(super) const UNMARKED: &str = "none";
/// A mark is a few lines; anything longer is none.
const LONGEST: usize = 4096;

/// The store's identity now. A store without a mark has `none` in its place, so that a plan can be made before the
/// first approval; where there was a mark, that is a difference.
pub(super) fn identity(tree: &Tree, store: &StoreName) -> Result<Identity, StoreError> {
    let mark = mark(tree, store)?.map_or_else(|| UNMARKED.to_owned(), |mark| mark.id.to_string());
    let parts = vec![
        ("marker".to_owned(), mark),
        ("file-system".to_owned(), file_system(tree)?),
        ("root-inode".to_owned(), root_inode(tree)?.to_string()),
    ];
    Ok(Identity { parts })
}

/// Reads the mark; `None` if there is none. A mark of another store is an error, and so is one that cannot be read.
pub(super) fn mark(tree: &Tree, store: &StoreName) -> Result<Option<Mark>, StoreError> {
    let path = [OURS, b"/", MARK.as_bytes()].concat();
    let file = match below(tree.fd(), &path, OFlags::RDONLY) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(tree.trouble("reading the store's mark `.forfall/store`", errno)),
    };
    let mut text = vec![0; LONGEST];
    let mut length = 0;
    loop {
        match rustix::io::read(&file, &mut text[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(tree.trouble("reading the store's mark `.forfall/store`", errno)),
        }
    }
    let what = || format!("the mark {}/.forfall/store", tree.root().display());
    let mark: Mark = serde_json::from_slice(&text[..length]).map_err(|_| {
        StoreError::new(StoreErrorKind::Damaged, what(), "it cannot be read as a mark of forfall's")
            .with_help(
                "Restore it from a backup; only if this really is the store, remove it and approve again",
            )
    })?;
    if mark.version != VERSION {
        let why = format!("it has version {}; this program knows {VERSION}", mark.version);
        return Err(StoreError::new(StoreErrorKind::Unsupported, what(), why)
            .with_help("Use the version of forfall that wrote it, or a newer one"));
    }
    if mark.store != *store {
        let why = format!("it says store `{}`, but forfall.toml calls this store `{store}`", mark.store);
        return Err(StoreError::new(StoreErrorKind::Foreign, what(), why).with_help(
            "Correct the name or the root in forfall.toml; two stores cannot have one directory",
        ));
    }
    Ok(Some(mark))
}

/// Marks the store. One that carries its own mark is left as it is, unless the tree was copied here: then it is
/// another store, and gets another mark.
pub(super) fn adopt(tree: &Tree, store: &StoreName) -> Result<Identity, StoreError> {
    let doing = "marking the store in `.forfall`";
    let trouble = |errno| tree.trouble(doing, errno);
    let inode = root_inode(tree)?;
    let known = mark(tree, store)?;
    let ours = ours(tree).map_err(trouble)?;
    made(fs::mkdirat(&ours, ASIDE, Mode::RWXU)).map_err(trouble)?;
    if known.as_ref().is_none_or(|mark| mark.root_inode != inode) {
        let id = Uuid::from_bytes(random(tree)?);
        let mark = Mark { version: VERSION, store: store.clone(), id, root_inode: inode };
        let text = serde_json::to_string_pretty(&mark).expect("a mark is three texts and two numbers");
        let replace = if known.is_some() { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        write(&ours, &text, replace).map_err(|errno| match errno {
            Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => {
                let why = "its file system cannot move a file without replacing another (network file systems cannot)";
                StoreError::new(StoreErrorKind::Unsupported, format!("directory {}", tree.root().display()), why)
                    .with_help("Run forfall where the disk is: on ext4, XFS, btrfs, ZFS or tmpfs")
            }
            errno => trouble(errno),
        })?;
    }
    fs::fsync(&ours).map_err(trouble)?;
    fs::fsync(tree.directory(b"").map_err(trouble)?).map_err(trouble)?;
    identity(tree, store)
}

/// Our own directory, made if need be. Everybody may read the mark, such as a planner with fewer rights; only we may see
/// what lies aside.
fn ours(tree: &Tree) -> Result<OwnedFd, Errno> {
    made(fs::mkdirat(tree.fd(), OURS, Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH))?;
    tree.directory(OURS)
}

/// A directory that is there already is as good as made.
pub(super) fn made(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

/// Written whole or not at all: beside its place first, synced, then renamed.
fn write(ours: &OwnedFd, text: &str, replace: RenameFlags) -> Result<(), Errno> {
    match fs::unlinkat(ours, NEW_MARK, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::openat(ours, NEW_MARK, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH)?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(&file, rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    fs::fsync(&file)?;
    fs::renameat_with(ours, NEW_MARK, ours, MARK, replace)
}

fn random(tree: &Tree) -> Result<[u8; 16], StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| tree.trouble("drawing a random mark", Errno::IO))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().into_bytes())
}

fn root_inode(tree: &Tree) -> Result<u64, StoreError> {
    let stat = fs::statx(tree.fd(), c"", AtFlags::EMPTY_PATH, StatxFlags::INO);
    stat.map(|stat| stat.stx_ino).map_err(|errno| tree.trouble("looking at the root", errno))
}

/// File systems whose number stays the same wherever and whenever they are mounted. The number of others, such as
/// XFS, is made of the device's and says nothing; there the mark and the root's inode have to do.
const NUMBERED: [(u64, &str); 5] = [
    (0xef53, "ext"),
    (0x9123_683e, "btrfs"),
    (0x2fc1_2fc1, "zfs"),
    (0x0102_1994, "tmpfs"),
    (0x794c_7630, "overlay"),
];

fn file_system(tree: &Tree) -> Result<String, StoreError> {
    let trouble = |errno| tree.trouble("looking at the file system", errno);
    let root = tree.fd();
    let kind = fs::fstatfs(root.as_fd()).map_err(trouble)?.f_type;
    let kind = u64::try_from(kind).unwrap_or_default();
    let number = fs::fstatvfs(root).map_err(trouble)?.f_fsid;
    Ok(match NUMBERED.iter().find(|(numbered, _)| *numbered == kind) {
        Some((_, name)) if number != 0 => format!("{name} {number:016x}"),
        _ => format!("type {kind:x}, known by its mark only"),
    })
}
