//! The suite that every adapter has to pass: once with starts in the files' own times, once in their names.

use chrono::NaiveDateTime;

use super::{below, target};
use crate::adapter::api::Dispose;
use crate::adapter::contract::{At, Can, Content, Fixture, Names, Record};
use crate::adapter::filesystem::FilesystemStore;
use crate::model::ids::StoreName;
use crate::model::key::Key;
use crate::model::start::Start;
use crate::model::target::{Target, With};
use crate::model::value::Value;
use tempfile::TempDir;

const FORMAT: &str = "%Y%m%dT%H%M%S";

struct Files {
    directory: TempDir,
    store: FilesystemStore,
    /// The start stands in the name.
    named: bool,
}

impl Files {
    fn new(named: bool) -> Self {
        let directory = TempDir::new().unwrap();
        let store = FilesystemStore::open(StoreName::new("files"), directory.path().to_owned());
        Self { directory, store, named }
    }

    fn pattern(&self) -> String {
        match self.named {
            true => format!("records/{{word}}/{{at:{FORMAT}}}-{{id}}.dat"),
            false => "records/{word}/{id}.dat".to_owned(),
        }
    }

    fn path(&self, record: &Record) -> String {
        let word = record.word.as_deref().unwrap();
        match self.named {
            true => format!("records/{word}/{}-{}.dat", self.spelled(record.at), record.id),
            false => format!("records/{word}/{}.dat", record.id),
        }
    }

    fn spelled(&self, at: At) -> String {
        match at {
            At::Instant(instant) => instant.format(FORMAT).to_string(),
            At::Garbage => "20261399T256161".to_owned(),
            At::Empty => unreachable!("a path always has its parts"),
        }
    }

    fn id(path: &std::path::Path) -> u32 {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        stem.rsplit('-').next().unwrap().parse().unwrap()
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        let records = self.directory.path().join("records");
        if records.exists() { below(&records) } else { Vec::new() }
    }

    fn erase(&self, id: u32) {
        for path in self.files().into_iter().filter(|path| Self::id(path) == id) {
            fs_err::remove_file(path).unwrap();
        }
    }
}

impl Fixture for Files {
    fn can(&self) -> Can {
        Can { empty_start: false, garbage_start: self.named, nulls: false, put_while_prepared: true }
    }

    fn fill(&mut self, content: &Content) {
        content.records.iter().for_each(|record| self.put(record));
        for child in &content.children {
            let of = content.records.iter().find(|record| record.id == child.of);
            let at = of.map_or_else(|| "none".to_owned(), |record| self.spelled(record.at));
            let directory = self.directory.path().join("children").join(format!("{at}-{}", child.of));
            fs_err::create_dir_all(&directory).unwrap();
            fs_err::write(directory.join(child.id.to_string()), "child").unwrap();
        }
    }

    fn put(&self, record: &Record) {
        self.erase(record.id);
        let path = self.directory.path().join(self.path(record));
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        let size = usize::try_from(record.number.unwrap()).unwrap();
        fs_err::write(&path, vec![b'x'; size]).unwrap();
        if let (false, At::Instant(instant)) = (self.named, record.at) {
            super::touch(&path, &instant.to_rfc3339());
        }
    }

    fn remove(&self, record: &Record) {
        self.erase(record.id);
    }

    fn left(&self) -> Vec<Record> {
        let record = |path: &std::path::PathBuf| {
            let meta = fs_err::metadata(path).unwrap();
            let at = match self.named {
                true => {
                    let name = path.file_name().unwrap().to_str().unwrap();
                    let at = NaiveDateTime::parse_from_str(name.split('-').next().unwrap(), FORMAT);
                    at.map_or(At::Garbage, |at| At::Instant(at.and_utc()))
                }
                false => At::Instant(meta.modified().unwrap().into()),
            };
            let word = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            let number = Some(i64::try_from(meta.len()).unwrap());
            Record { id: Self::id(path), at, word: Some(word), number, parent: None }
        };
        let mut records: Vec<Record> = self.files().iter().map(record).collect();
        records.sort_by_key(|record| record.id);
        records
    }

    fn children_left(&self) -> Vec<u32> {
        let children = below(&self.directory.path().join("children"));
        children.iter().map(|path| path.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
    }

    fn store(&self) -> &dyn Dispose {
        &self.store
    }

    fn target(&self) -> Target {
        target(&self.pattern())
    }

    fn another(&self) -> Box<dyn Fixture> {
        Box::new(Self::new(self.named))
    }

    fn start(&self) -> Start {
        let start =
            if self.named { super::start("at", Some(FORMAT)) } else { super::start("modified", None) };
        (*start).clone()
    }

    fn names(&self) -> Names {
        Names { word: "word".to_owned(), number: "size".to_owned() }
    }

    fn at(&self, at: At) -> Value {
        match at {
            At::Instant(instant) if !self.named => Value::Instant(instant),
            at => Value::Text(self.spelled(at)),
        }
    }

    fn key(&self, record: &Record) -> Key {
        Key::from_path(self.path(record).as_bytes())
    }

    fn with(&self) -> Option<With> {
        let collection = "children/{at}-{id}/**".to_owned();
        self.named.then_some(With { store: None, collection, by: None })
    }
}

crate::contract!(by_their_own_time, || Files::new(false));
crate::contract!(by_their_names, || Files::new(true));
