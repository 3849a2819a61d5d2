//! A directory tree that is entered only downward: no link followed, no mount crossed, nothing outside the root.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, StatxFlags, StatxTimestamp};
use rustix::io::{Errno, retry_on_intr};

use super::super::api::{Outline, StoreError, StoreErrorKind};
use crate::time::Instant;

/// The directory that is ours, in a root and wherever a store lies inside another.
pub(super) const OURS: &[u8] = b".forfall";

/// The root of a store, open.
pub(super) struct Tree {
    root: PathBuf,
    fd: OwnedFd,
}

impl Tree {
    /// Opens the root. Links in the root's own path are the operator's and are followed.
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = retry_on_intr(|| fs::open(root, flags, Mode::empty()));
        let tree = fd.map(|fd| Self { root: root.to_owned(), fd }).map_err(|errno| absent(root, errno))?;
        match tree.directory(b"") {
            Ok(_) => Ok(tree),
            Err(Errno::NOSYS) => Err(StoreError::new(
                StoreErrorKind::Unsupported,
                format!("directory {}", root.display()),
                "this system cannot open files without following links (openat2)",
            )
            .with_help("Linux 5.6 or newer is needed; a container's filter may have to allow the call")),
            Err(errno) => Err(absent(root, errno)),
        }
    }

    /// Opens a directory below the root for reading; the root itself for an empty path.
    pub(super) fn directory(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        below(self.fd.as_fd(), path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// The directories at the top, and whether there are files beside them. Links are neither.
    pub(super) fn outline(&self) -> Result<Outline, StoreError> {
        let doing = |errno| self.trouble("the directory cannot be listed", errno);
        let root = self.directory(b"").map_err(doing)?;
        let (mut directories, mut files) = (Vec::new(), false);
        for entry in Dir::read_from(&root).map_err(doing)? {
            let entry = entry.map_err(doing)?;
            let name = entry.file_name();
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                kind = Meta::of(root.as_fd(), name).map_err(doing)?.kind;
            }
            match kind {
                FileType::Directory if ![&b"."[..], b"..", OURS].contains(&name.to_bytes()) => {
                    directories.push(name.to_bytes().to_vec());
                }
                FileType::RegularFile => files = true,
                _ => {}
            }
        }
        directories.sort();
        Ok(Outline::Tree { directories, files })
    }

    /// The root, for what cannot be done through a path.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What could not be done here, and why.
    pub(super) fn trouble(&self, doing: &str, errno: Errno) -> StoreError {
        let kind = match errno {
            Errno::ACCESS | Errno::PERM => StoreErrorKind::Denied,
            Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::IO => StoreErrorKind::Damaged,
            Errno::NOSYS => StoreErrorKind::Unsupported,
            _ => StoreErrorKind::Unavailable,
        };
        let error = StoreError::new(kind, format!("{doing} in {}", self.root.display()), errno.to_string());
        match errno {
            Errno::ACCESS | Errno::PERM => {
                error.with_help("Allow the user that runs forfall to do this there")
            }
            Errno::ROFS => error.with_help("Mount the file system for writing"),
            Errno::NOSPC | Errno::DQUOT => error.with_help("Make room on the file system, then run again"),
            _ => error,
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

fn absent(root: &Path, errno: Errno) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!("directory {}", root.display()),
        format!("it cannot be read: {errno}"),
    )
    .with_help("An unmounted disk looks like this: mount it, or correct `root` in forfall.toml")
}

/// Opens what lies below a directory, whatever somebody puts in the way meanwhile.
pub(super) fn below(from: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    retry_on_intr(|| fs::openat2(from, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve))
}

/// A path from the root as its directory, with the slash, and its name. `None` for what no walk can have found: a path
/// that is not plain, or leads into what is ours.
pub(super) fn directory_of(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let plain = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && name != OURS && !name.contains(&0);
    if !path.split(|byte| *byte == b'/').all(plain) {
        return None;
    }
    let slash = path.iter().rposition(|byte| *byte == b'/');
    Some(path.split_at(slash.map_or(0, |slash| slash + 1)))
}

/// What makes a file that file, and what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: Moment,
    pub(super) created: Option<Moment>,
    pub(super) links: u32,
    pub(super) kind: FileType,
}

impl Meta {
    /// Of what has that name in the directory, without following a link.
    pub(super) fn of(directory: BorrowedFd<'_>, name: &CStr) -> Result<Self, Errno> {
        let want = StatxFlags::TYPE
            | StatxFlags::INO
            | StatxFlags::SIZE
            | StatxFlags::MTIME
            | StatxFlags::NLINK
            | StatxFlags::BTIME;
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let stat = retry_on_intr(|| fs::statx(directory, name, flags, want))?;
        let given = StatxFlags::from_bits_retain(stat.stx_mask);
        if !given.contains(StatxFlags::TYPE | StatxFlags::INO | StatxFlags::SIZE | StatxFlags::MTIME) {
            return Err(Errno::OPNOTSUPP);
        }
        Ok(Self {
            inode: stat.stx_ino,
            size: stat.stx_size,
            modified: stat.stx_mtime.into(),
            created: given.contains(StatxFlags::BTIME).then(|| stat.stx_btime.into()),
            links: stat.stx_nlink,
            kind: FileType::from_raw_mode(stat.stx_mode.into()),
        })
    }

    pub(super) fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }
}

/// A time as a file system keeps it: seconds since 1970, and nanoseconds after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) seconds: i64,
    pub(super) nanos: u32,
}

impl From<StatxTimestamp> for Moment {
    fn from(stamp: StatxTimestamp) -> Self {
        Self { seconds: stamp.tv_sec, nanos: stamp.tv_nsec }
    }
}

impl Moment {
    /// In whole microseconds, rounded up: that keeps a file longer. `None` beyond the calendar.
    pub(super) fn instant(self) -> Option<Instant> {
        let micros = self.nanos.div_ceil(1000);
        let (seconds, micros) = match micros {
            1_000_000.. => (self.seconds.checked_add(1)?, 0),
            within => (self.seconds, within),
        };
        Instant::from_timestamp(seconds, micros * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_lie_somewhere() {
        assert_eq!(directory_of(b"a/b/c"), Some((&b"a/b/"[..], &b"c"[..])));
        assert_eq!(directory_of(b"c"), Some((&b""[..], &b"c"[..])));
        for path in
            [&b""[..], b"/a", b"a/../b", b"a//b", b"./a", b".forfall/store", b"a/.forfall/x", b"a/", b"a\0"]
        {
            assert_eq!(directory_of(path), None, "{}", String::from_utf8_lossy(path));
        }
    }

    #[test]
    fn a_finer_time_is_rounded_up() {
        let of = |seconds, nanos| Moment { seconds, nanos }.instant().unwrap().to_rfc3339();
        assert_eq!(of(0, 0), "1970-01-01T00:00:00+00:00");
        assert_eq!(of(0, 1), "1970-01-01T00:00:00.000001+00:00");
        assert_eq!(of(0, 999_999_001), "1970-01-01T00:00:01+00:00");
        assert_eq!(of(-1, 500_000_000), "1969-12-31T23:59:59.500+00:00");
        assert_eq!(Moment { seconds: i64::MAX, nanos: 999_999_999 }.instant(), None);
    }
}
