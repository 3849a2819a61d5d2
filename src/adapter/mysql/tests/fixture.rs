//! The shared suite, over tables of every shape that matters to us.

use std::fmt::Write as _;

use mysql_async::Row;

use super::super::session::Session;
use super::super::value;
use super::{World, run_all, world};
use crate::adapter::api::Dispose;
use crate::adapter::contract::{At, Can, Content, Fixture, Names, Record};
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyPart};
use crate::model::predicate::Reach;
use crate::model::schema::ColumnKind;
use crate::model::start::{Format, Start, StartSource};
use crate::model::target::{Link, Target, With};
use crate::model::value::{Field, Value};

/// A table's shape.
#[derive(Clone, Copy)]
struct Shape {
    /// The start column's type, and how its values are spelled.
    at: &'static str,
    kind: ColumnKind,
    format: fn() -> Option<Format>,
    key: Id,
    /// What follows the columns.
    tail: &'static str,
    /// Whether the server tells with a DELETE what went.
    returning: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Id {
    Number,
    /// Under a collation that takes capital letters for small ones.
    Text,
    Bytes,
    Two,
}

const INSTANTS: Shape = Shape {
    at: "TIMESTAMP(6) NULL",
    kind: ColumnKind::Instant,
    format: || None,
    key: Id::Number,
    tail: ", KEY (at)",
    returning: true,
};
const LOCAL: Shape = Shape {
    at: "DATETIME",
    kind: ColumnKind::Any,
    format: || Some(Format::DateTime),
    key: Id::Bytes,
    ..INSTANTS
};
const SECONDS: Shape = Shape {
    at: "BIGINT UNSIGNED",
    kind: ColumnKind::Int,
    format: || Some(Format::Unix),
    tail: "",
    returning: false,
    ..INSTANTS
};
const TEXTS: Shape = Shape {
    at: "VARCHAR(40)",
    kind: ColumnKind::Text,
    format: || Some(Format::Rfc3339),
    key: Id::Text,
    ..INSTANTS
};
const TWO: Shape = Shape { key: Id::Two, returning: false, ..INSTANTS };

struct MySqlFixture {
    world: World,
    shape: Shape,
}

impl MySqlFixture {
    fn new(shape: Shape) -> Self {
        let mut world = world("");
        world.store.returning = shape.returning;
        // As on servers where a zero date may be stored.
        world.other.run("SET sql_mode = 'NO_BACKSLASH_ESCAPES'").unwrap();
        Self { world, shape }
    }

    fn other(&self) -> &Session {
        &self.world.other
    }

    /// The key as SQL writes it.
    fn id(&self, id: u32) -> String {
        match self.shape.key {
            Id::Number | Id::Two => id.to_string(),
            Id::Text => format!("'r{id:04}'"),
            Id::Bytes => format!("X'{id:08x}'"),
        }
    }

    fn spelled(&self, at: At) -> String {
        match self.at(at) {
            Value::Null => "NULL".to_owned(),
            Value::Int(number) => number.to_string(),
            Value::Text(text) => format!("'{text}'"),
            Value::Instant(instant) => format!("'{}'", instant.format("%F %T")),
            _ => unreachable!("no other starts are stored"),
        }
    }

    fn record(&self, row: &Row) -> Record {
        let at = match read(row, 1, self.shape.kind) {
            Value::Null => At::Empty,
            value => {
                let start = self.start();
                start.parse_value(&value).map_or(At::Garbage, |value| At::Instant(start.instant_of(value)))
            }
        };
        let text = |at| match read(row, at, ColumnKind::Text) {
            Value::Text(text) => Some(text),
            _ => None,
        };
        let number = |at| match read(row, at, ColumnKind::Int) {
            Value::Int(number) => Some(number),
            _ => None,
        };
        let id = match read(row, 0, ColumnKind::Any) {
            Value::Int(number) => u32::try_from(number).unwrap(),
            Value::Bytes(bytes) if self.shape.key == Id::Bytes => {
                u32::from_be_bytes(bytes.try_into().unwrap())
            }
            Value::Bytes(bytes) => String::from_utf8(bytes).unwrap().trim_start_matches('r').parse().unwrap(),
            _ => unreachable!("no other keys are stored"),
        };
        let parent = number(4).map(|parent| u32::try_from(parent).unwrap());
        Record { id, at, word: text(2), number: number(3), parent }
    }
}

fn read(row: &Row, at: usize, kind: ColumnKind) -> Value {
    value::read(row.as_ref(at).unwrap(), kind)
}

fn text(value: Option<&String>) -> String {
    value.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

fn number<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or("NULL".to_owned(), |number| number.to_string())
}

impl Fixture for MySqlFixture {
    fn can(&self) -> Can {
        // Seconds have no value that is no time.
        let garbage_start = self.shape.kind != ColumnKind::Int;
        Can { empty_start: true, garbage_start, nulls: true, put_while_prepared: false }
    }

    fn fill(&mut self, content: &Content) {
        let Shape { at, tail, key, .. } = self.shape;
        let id = match key {
            Id::Number | Id::Two => "INT",
            Id::Text => "VARCHAR(20) COLLATE utf8mb4_general_ci",
            Id::Bytes => "VARBINARY(16)",
        };
        let primary = if key == Id::Two { "id, area" } else { "id" };
        let mut sql = format!(
            "DROP TABLE IF EXISTS records, parents, children\n\
             CREATE TABLE records (id {id} NOT NULL, at {at}, word TEXT, number INT, parent INT, \
               area VARCHAR(9) NOT NULL DEFAULT 'north', PRIMARY KEY ({primary}){tail}) DEFAULT CHARSET utf8mb4\n\
             CREATE TABLE parents (id INT PRIMARY KEY, at {at}, word VARCHAR(40)) DEFAULT CHARSET utf8mb4\n\
             CREATE TABLE children (id INT PRIMARY KEY, `of` {id}) DEFAULT CHARSET utf8mb4\n"
        );
        for record in &content.records {
            writeln!(sql, "{}", self.written(record)).unwrap();
        }
        for parent in &content.parents {
            let (at, word) = (self.spelled(parent.at), text(parent.word.as_ref()));
            writeln!(sql, "INSERT INTO parents VALUES ({}, {at}, {word})", parent.id).unwrap();
        }
        for child in &content.children {
            writeln!(sql, "INSERT INTO children VALUES ({}, {})", child.id, self.id(child.of)).unwrap();
        }
        run_all(self.other(), &sql);
    }

    fn put(&self, record: &Record) {
        self.other().run(&self.written(record)).unwrap();
    }

    fn remove(&self, record: &Record) {
        self.other().run(&format!("DELETE FROM records WHERE id = {}", self.id(record.id))).unwrap();
    }

    fn left(&self) -> Vec<Record> {
        let sql = "SELECT id, at, word, number, parent FROM records ORDER BY id";
        self.other().rows(sql, &[]).unwrap().iter().map(|row| self.record(row)).collect()
    }

    fn children_left(&self) -> Vec<u32> {
        let found: Vec<(u32,)> = self.other().asked("SELECT id FROM children", &[]).unwrap();
        found.into_iter().map(|(id,)| id).collect()
    }

    fn ask(&self, sql: &str) -> Option<Vec<Vec<String>>> {
        if !sql.starts_with("SELECT") {
            self.other().run(sql).unwrap();
            return Some(Vec::new());
        }
        let text = |value: mysql_async::Value| match value {
            mysql_async::Value::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
            other => other.as_sql(true),
        };
        let rows = self.other().rows(sql, &[]).unwrap();
        Some(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect())
    }

    fn store(&self) -> &dyn Dispose {
        &self.world.store
    }

    fn target(&self) -> Target {
        Target::new(StoreName::new("box"), "records")
    }

    fn misspelt(&self) -> Option<Target> {
        Some(Target::new(StoreName::new("box"), "recrods"))
    }

    fn another(&self) -> Box<dyn Fixture> {
        Box::new(Self::new(self.shape))
    }

    fn start(&self) -> Start {
        Start {
            source: StartSource::Field(Field::own("at")),
            waiting_if_empty: false,
            waiting_if_future: false,
            cutoff: None,
            format: (self.shape.format)(),
            zone: "Europe/Oslo".parse().unwrap(),
            earliest: "1990-01-01".parse().unwrap(),
        }
    }

    fn names(&self) -> Names {
        Names { word: "word".to_owned(), number: "number".to_owned() }
    }

    fn at(&self, at: At) -> Value {
        match (at, self.shape.kind) {
            (At::Empty, _) => Value::Null,
            (At::Garbage, ColumnKind::Instant | ColumnKind::Any) => {
                Value::Text("0000-00-00 00:00:00".to_owned())
            }
            (At::Garbage, _) => Value::Text("soon".to_owned()),
            (At::Instant(instant), ColumnKind::Instant) => Value::Instant(instant),
            (At::Instant(instant), ColumnKind::Int) => Value::Int(instant.timestamp()),
            (At::Instant(instant), ColumnKind::Any) => {
                Value::Text(self.start().zone.local(instant).format("%F %T").to_string())
            }
            (At::Instant(instant), _) => {
                // Every offset means the same instant.
                let hours = i32::try_from(instant.timestamp() % 12).unwrap();
                let offset = chrono::FixedOffset::east_opt(hours * 3600).unwrap();
                Value::Text(instant.with_timezone(&offset).to_rfc3339())
            }
        }
    }

    fn key(&self, record: &Record) -> Key {
        match self.shape.key {
            Id::Number => Key::from_int(record.id.into()),
            Id::Text => Key::from_parts(&[KeyPart::Text(format!("r{:04}", record.id))]),
            Id::Bytes => Key::from_parts(&[KeyPart::Bytes(record.id.to_be_bytes().to_vec())]),
            Id::Two => Key::from_parts(&[KeyPart::Int(record.id.into()), KeyPart::Text("north".to_owned())]),
        }
    }

    fn link(&self) -> Option<Link> {
        let (name, collection) = ("parent_row".to_owned(), "parents".to_owned());
        Some(Link { name, collection, key: None, by: "parent".to_owned() })
    }

    fn with(&self) -> Option<With> {
        let with = With { store: None, collection: "children".to_owned(), by: Some("of".to_owned()) };
        (self.shape.key != Id::Two).then_some(with)
    }

    fn reach(&self) -> Option<Reach> {
        Some(Reach { collection: "children".to_owned(), by: "of".to_owned(), key: "id".to_owned() })
    }
}

impl MySqlFixture {
    fn written(&self, record: &Record) -> String {
        let (id, at) = (self.id(record.id), self.spelled(record.at));
        let (word, number, parent) =
            (text(record.word.as_ref()), number(record.number), number(record.parent));
        format!("REPLACE INTO records VALUES ({id}, {at}, {word}, {number}, {parent}, 'north')")
    }
}

crate::contract!(timestamps_with_an_index, || MySqlFixture::new(INSTANTS));
crate::contract!(local_times_under_bytes, || MySqlFixture::new(LOCAL));
crate::contract!(whole_seconds_without_an_index, || MySqlFixture::new(SECONDS));
crate::contract!(texts_under_a_text, || MySqlFixture::new(TEXTS));
crate::contract!(a_key_of_two_columns, || MySqlFixture::new(TWO));
