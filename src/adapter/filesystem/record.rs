//! A file as a record: what its path says, and what the file system says when it is asked.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use rustix::io::Errno;

use super::tree::{Meta, Moment};
use crate::model::key::{Key, KeyForm};
use crate::model::pattern::Pattern;
use crate::model::value::{Field, Fields, Value};

/// A file during a walk. The file system is asked only when a field needs it, and once.
pub(super) struct Seen<'a> {
    pattern: &'a Pattern,
    path: &'a [u8],
    ask: &'a dyn Fn() -> Result<Meta, Errno>,
    meta: OnceCell<Meta>,
    failed: Cell<Option<Errno>>,
    located: OnceCell<Option<Vec<Range<usize>>>>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(
        pattern: &'a Pattern,
        path: &'a [u8],
        known: Option<Meta>,
        ask: &'a dyn Fn() -> Result<Meta, Errno>,
    ) -> Self {
        let meta = known.map_or_else(OnceCell::new, OnceCell::from);
        Self { pattern, path, ask, meta, failed: Cell::new(None), located: OnceCell::new() }
    }

    /// From the root.
    pub(super) fn path(&self) -> &[u8] {
        self.path
    }

    /// What the file system says; an answer that was built without it while it failed is worth nothing.
    pub(super) fn meta(&self) -> Result<Meta, Errno> {
        if let Some(meta) = self.meta.get() {
            return Ok(*meta);
        }
        if let Some(errno) = self.failed.get() {
            return Err(errno);
        }
        match (self.ask)() {
            Ok(meta) => Ok(*self.meta.get_or_init(|| meta)),
            Err(errno) => {
                self.failed.set(Some(errno));
                Err(errno)
            }
        }
    }

    /// Why the file system could not be asked, if that was tried.
    pub(super) fn failure(&self) -> Option<Errno> {
        self.failed.get()
    }
}

impl Fields for Seen<'_> {
    fn get(&self, field: &Field) -> Option<Value> {
        let located = || self.located.get_or_init(|| self.pattern.locate(self.path)).as_deref();
        value(self.pattern, self.path, field, located, || self.meta().ok())
    }

    fn key(&self) -> Key {
        Key::from_path(self.path)
    }

    fn event_key(&self) -> String {
        self.key().text(KeyForm::Path)
    }
}

impl fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<file with a path of {} bytes>", self.path.len())
    }
}

/// A file that was read and is carried on.
#[derive(Clone)]
pub(super) struct FileRow {
    pub(super) pattern: Arc<Pattern>,
    pub(super) path: Box<[u8]>,
    pub(super) meta: Meta,
}

impl Fields for FileRow {
    fn get(&self, field: &Field) -> Option<Value> {
        let located = self.pattern.locate(&self.path);
        value(&self.pattern, &self.path, field, || located.as_deref(), || Some(self.meta))
    }

    fn key(&self) -> Key {
        Key::from_path(&self.path)
    }

    fn event_key(&self) -> String {
        self.key().text(KeyForm::Path)
    }
}

impl fmt::Debug for FileRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<file with a path of {} bytes>", self.path.len())
    }
}

/// A field's value, or `None` where files have no such field.
fn value<'l>(
    pattern: &Pattern,
    path: &[u8],
    field: &Field,
    located: impl FnOnce() -> Option<&'l [Range<usize>]>,
    meta: impl FnOnce() -> Option<Meta>,
) -> Option<Value> {
    if field.link.is_some() {
        return None;
    }
    let time = |moment: Option<Moment>| moment.and_then(Moment::instant).map_or(Value::Null, Value::Instant);
    Some(match field.column.as_str() {
        "path" => text(path),
        "name" => text(name(path)),
        "ext" => extension(name(path)).map_or(Value::Null, text),
        "size" => meta().map_or(Value::Null, |meta| Value::Int(i64::try_from(meta.size).unwrap_or(i64::MAX))),
        "modified" => time(meta().map(|meta| meta.modified)),
        "created" => time(meta().and_then(|meta| meta.created)),
        part => {
            let index = pattern.parts().iter().position(|one| one.name == part)?;
            located()
                .and_then(|parts| parts.get(index))
                .map_or(Value::Null, |range| text(&path[range.clone()]))
        }
    })
}

fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes)
        .map_or_else(|_| Value::Bytes(bytes.to_vec()), |text| Value::Text(text.to_owned()))
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// What follows the last dot, unless the name begins with it.
fn extension(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    (dot > 0).then(|| &name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use rustix::fs::FileType;

    use super::*;

    fn row(pattern: &str, path: &[u8]) -> FileRow {
        let meta = Meta {
            inode: 7,
            size: 42,
            modified: Moment { seconds: 1_700_000_000, nanos: 1 },
            created: None,
            links: 1,
            kind: FileType::RegularFile,
        };
        FileRow { pattern: Arc::new(Pattern::parse(pattern).unwrap()), path: path.into(), meta }
    }

    #[test]
    fn a_file_has_its_attributes_and_its_parts() {
        let row = row("cam{camera}/{at:%Y%m%d}.*", b"cam1/20261101.tar.gz");
        let get = |column: &str| row.get(&Field::own(column));
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        assert!(get("path") == text("cam1/20261101.tar.gz"));
        assert!(get("name") == text("20261101.tar.gz"));
        assert!(get("ext") == text("gz"));
        assert!(get("camera") == text("1"));
        assert!(get("at") == text("20261101"));
        assert!(get("size") == Some(Value::Int(42)));
        assert!(get("modified") == Some(Value::Instant("2023-11-14T22:13:20.000001Z".parse().unwrap())));
        assert!(get("created") == Some(Value::Null), "this file system does not say");
        assert!(get("colour").is_none());
        assert!(row.get(&Field::linked("a", "size")).is_none());
        assert_eq!(row.event_key(), "cam1/20261101.tar.gz");
    }

    #[test]
    fn names_without_an_extension_and_without_characters() {
        let get = |path: &[u8], column: &str| row("**", path).get(&Field::own(column)).unwrap();
        assert!(get(b"a/b", "ext") == Value::Null);
        assert!(get(b"a.b/c", "ext") == Value::Null);
        assert!(get(b".profile", "ext") == Value::Null);
        assert!(get(b"a\xff", "name") == Value::Bytes(b"a\xff".to_vec()));
    }
}
