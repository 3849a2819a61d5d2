//! The shared suite, over tables of every shape that matters to us.

use std::fmt::Write as _;

use tokio_postgres::Row;

use super::super::session::Session;
use super::super::value;
use super::{World, world};
use crate::adapter::api::Dispose;
use crate::adapter::contract::{At, Can, Content, Fixture, Names, Record};
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyPart};
use crate::model::predicate::Reach;
use crate::model::schema::ColumnKind;
use crate::model::start::{Format, Start, StartSource};
use crate::model::target::{Link, Target, With};
use crate::model::value::{Field, Value};
use crate::time::Instant;

/// A table's shape.
#[derive(Clone, Copy)]
struct Shape {
    /// The start column's type, and how its values are spelled.
    at: &'static str,
    kind: ColumnKind,
    format: fn() -> Option<Format>,
    /// The key column's type.
    key: Id,
    /// What follows the columns, and what comes after the table.
    tail: &'static str,
    after: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Id {
    Number,
    Text,
    Uuid,
    /// A partition's table has the key in two columns.
    Two,
}

const INSTANTS: Shape = Shape {
    at: "timestamptz",
    kind: ColumnKind::Instant,
    format: || None,
    key: Id::Number,
    tail: "",
    after: "CREATE INDEX ON records (at)",
};
const LOCAL: Shape = Shape {
    at: "timestamp",
    kind: ColumnKind::Any,
    format: || Some(Format::DateTime),
    key: Id::Uuid,
    ..INSTANTS
};
const SECONDS: Shape =
    Shape { at: "bigint", kind: ColumnKind::Int, format: || Some(Format::Unix), after: "", ..INSTANTS };
const TEXTS: Shape =
    Shape { at: "text", kind: ColumnKind::Text, format: || Some(Format::Rfc3339), key: Id::Text, ..INSTANTS };
const PARTITIONS: Shape = Shape {
    key: Id::Two,
    tail: "PARTITION BY HASH (id)",
    after: "CREATE TABLE one PARTITION OF records FOR VALUES WITH (MODULUS 2, REMAINDER 0); \
            CREATE TABLE two PARTITION OF records FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    ..INSTANTS
};

struct PostgresFixture {
    world: World,
    shape: Shape,
}

impl PostgresFixture {
    fn new(shape: Shape) -> Self {
        Self { world: world(""), shape }
    }

    fn other(&self) -> &Session {
        &self.world.other
    }

    /// The key as SQL writes it.
    fn id(&self, id: u32) -> String {
        match self.shape.key {
            Id::Number | Id::Two => id.to_string(),
            Id::Text => format!("'r{id:04}'"),
            Id::Uuid => format!("'{}'", uuid::Uuid::from_u128(id.into())),
        }
    }

    fn spelled(&self, at: At) -> String {
        match self.at(at) {
            Value::Null => "NULL".to_owned(),
            Value::Int(number) => number.to_string(),
            Value::Text(text) => format!("'{text}'"),
            Value::Instant(at) if at == Instant::MIN_UTC => "'-infinity'".to_owned(),
            Value::Instant(instant) => format!("'{}'", instant.to_rfc3339()),
            _ => unreachable!("no other starts are stored"),
        }
    }

    fn record(&self, row: &Row) -> Record {
        let at = match value::read(row, 1, self.shape.kind).unwrap() {
            Value::Null => At::Empty,
            Value::Instant(at) if at == Instant::MIN_UTC => At::Garbage,
            value => {
                let start = self.start();
                start.parse_value(&value).map_or(At::Garbage, |value| At::Instant(start.instant_of(value)))
            }
        };
        let parent: Option<i64> = row.get(4);
        Record {
            id: id_of(&row.get::<_, String>(0)),
            at,
            word: row.get(2),
            number: row.get(3),
            parent: parent.map(|parent| u32::try_from(parent).unwrap()),
        }
    }
}

fn id_of(text: &str) -> u32 {
    if let Ok(uuid) = text.parse::<uuid::Uuid>() {
        return u32::try_from(uuid.as_u128()).unwrap();
    }
    text.trim_start_matches('r').parse().unwrap()
}

fn text(value: Option<&String>) -> String {
    value.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

fn number<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or("NULL".to_owned(), |number| number.to_string())
}

impl Fixture for PostgresFixture {
    fn can(&self) -> Can {
        // Seconds have no value that is no time.
        let garbage_start = self.shape.kind != ColumnKind::Int;
        Can { empty_start: true, garbage_start, nulls: true, put_while_prepared: false }
    }

    fn fill(&mut self, content: &Content) {
        let Shape { at, tail, after, key, .. } = self.shape;
        let id = match key {
            Id::Number | Id::Two => "int",
            Id::Text => "text",
            Id::Uuid => "uuid",
        };
        let primary = if key == Id::Two { "id, area" } else { "id" };
        let mut sql = format!(
            "DROP TABLE IF EXISTS records, parents, children; \
             CREATE TABLE records (id {id} NOT NULL, at {at}, word text, number int, parent int, \
               area text NOT NULL DEFAULT 'north', PRIMARY KEY ({primary})) {tail}; \
             CREATE TABLE parents (id int PRIMARY KEY, at {at}, word varchar(40)); \
             CREATE TABLE children (id int PRIMARY KEY, of {id}); {after};"
        );
        for record in &content.records {
            sql.push_str(&self.written(record));
        }
        for parent in &content.parents {
            let (at, word) = (self.spelled(parent.at), text(parent.word.as_ref()));
            writeln!(sql, "INSERT INTO parents VALUES ({}, {at}, {word});", parent.id).unwrap();
        }
        for child in &content.children {
            writeln!(sql, "INSERT INTO children VALUES ({}, {});", child.id, self.id(child.of)).unwrap();
        }
        self.other().run(&sql).unwrap();
    }

    fn put(&self, record: &Record) {
        self.other().run(&self.written(record)).unwrap();
    }

    fn remove(&self, record: &Record) {
        self.other().run(&format!("DELETE FROM records WHERE id = {}", self.id(record.id))).unwrap();
    }

    fn left(&self) -> Vec<Record> {
        let at = value::selected("at", self.shape.kind);
        let sql = format!("SELECT id::text, {at}, word, number::int8, parent::int8 FROM records ORDER BY id");
        self.other().rows(&sql, &[]).unwrap().iter().map(|row| self.record(row)).collect()
    }

    fn children_left(&self) -> Vec<u32> {
        let rows = self.other().rows("SELECT id FROM children", &[]).unwrap();
        rows.iter().map(|row| u32::try_from(row.get::<_, i32>(0)).unwrap()).collect()
    }

    fn ask(&self, sql: &str) -> Option<Vec<Vec<String>>> {
        if !sql.starts_with("SELECT") {
            self.other().run(sql).unwrap();
            return Some(Vec::new());
        }
        let rows =
            self.other().rows(&format!("SELECT to_json(asked)::text FROM ({sql}) AS asked"), &[]).unwrap();
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let one = |row: &Row| {
            let values: serde_json::Value = serde_json::from_str(row.get(0)).unwrap();
            values.as_object().unwrap().values().cloned().map(text).collect()
        };
        Some(rows.iter().map(one).collect())
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
            (At::Garbage, ColumnKind::Instant) => Value::Instant(Instant::MIN_UTC),
            (At::Garbage, ColumnKind::Any) => Value::Text("infinity".to_owned()),
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
            Id::Uuid => {
                Key::from_parts(&[KeyPart::Uuid(uuid::Uuid::from_u128(record.id.into()).into_bytes())])
            }
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

impl PostgresFixture {
    fn written(&self, record: &Record) -> String {
        let (id, at) = (self.id(record.id), self.spelled(record.at));
        let (word, number, parent) =
            (text(record.word.as_ref()), number(record.number), number(record.parent));
        let key = if self.shape.key == Id::Two { "id, area" } else { "id" };
        format!(
            "INSERT INTO records VALUES ({id}, {at}, {word}, {number}, {parent}) ON CONFLICT ({key}) \
             DO UPDATE SET at = EXCLUDED.at, word = EXCLUDED.word, number = EXCLUDED.number, \
             parent = EXCLUDED.parent;"
        )
    }
}

crate::contract!(timestamps_with_an_index, || PostgresFixture::new(INSTANTS));
crate::contract!(local_timestamps_under_a_uuid, || PostgresFixture::new(LOCAL));
crate::contract!(whole_seconds_without_an_index, || PostgresFixture::new(SECONDS));
crate::contract!(texts_under_a_text, || PostgresFixture::new(TEXTS));
crate::contract!(partitions_with_a_key_of_two_columns, || PostgresFixture::new(PARTITIONS));
