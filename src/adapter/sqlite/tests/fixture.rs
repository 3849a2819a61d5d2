//! The shared suite, over tables of every shape that matters to us.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, Row, params};

use super::{World, world};
use crate::adapter::api::Dispose;
use crate::adapter::contract::{At, Can, Content, Fixture, Names, Record};
use crate::model::key::{Key, KeyPart};
use crate::model::predicate::Reach;
use crate::model::start::{Format, Start};
use crate::model::target::{Link, Target, With};
use crate::model::value::{Field, Value};

/// A table's shape.
#[derive(Clone, Copy)]
struct Shape {
    format: fn() -> Format,
    /// The start column's type, what follows the columns, and what comes after the table.
    at: &'static str,
    tail: &'static str,
    after: &'static str,
    /// The key is a text.
    text_key: bool,
}

const SECONDS: Shape = Shape {
    format: || Format::Unix,
    at: "INTEGER",
    tail: "",
    after: "CREATE INDEX by_at ON records (at)",
    text_key: false,
};
const MICROS_IN_WAL: Shape =
    Shape { format: || Format::UnixUs, after: "PRAGMA journal_mode = WAL", ..SECONDS };
const OFFSETS: Shape = Shape { format: || Format::Rfc3339, at: "TEXT", ..SECONDS };
const LOCAL: Shape = Shape { format: || Format::DateTime, at: "DATETIME", after: "", ..SECONDS };
const NO_ROW_NUMBERS: Shape = Shape { tail: "WITHOUT ROWID", text_key: true, ..SECONDS };
const TEXT_KEY: Shape = Shape { text_key: true, ..OFFSETS };

struct SqliteFixture {
    world: World,
    shape: Shape,
}

impl SqliteFixture {
    fn new(shape: Shape) -> Self {
        Self { world: world(""), shape }
    }

    fn id(&self, id: u32) -> SqlValue {
        if self.shape.text_key { SqlValue::Text(format!("r{id:04}")) } else { SqlValue::Integer(id.into()) }
    }

    fn spelled(&self, at: At) -> SqlValue {
        super::super::value::stored(&self.at(at))
    }

    fn other(&self) -> &Connection {
        &self.world.other
    }

    fn record(&self, row: &Row<'_>) -> rusqlite::Result<Record> {
        let stored: SqlValue = row.get(1)?;
        let start = self.start();
        let at = match &stored {
            SqlValue::Null => At::Empty,
            SqlValue::Integer(number) => known(&start, &Value::Int(*number)),
            SqlValue::Text(text) => known(&start, &Value::Text(text.clone())),
            _ => At::Garbage,
        };
        Ok(Record {
            id: id_of(&row.get(0)?),
            at,
            word: row.get(2)?,
            number: row.get(3)?,
            parent: row.get(4)?,
        })
    }
}

fn known(start: &Start, value: &Value) -> At {
    start.parse_value(value).map_or(At::Garbage, |value| At::Instant(start.instant_of(value)))
}

fn id_of(value: &SqlValue) -> u32 {
    match value {
        SqlValue::Integer(id) => u32::try_from(*id).unwrap(),
        SqlValue::Text(text) => text[1..].parse().unwrap(),
        _ => unreachable!("no other ids are stored"),
    }
}

impl Fixture for SqliteFixture {
    fn can(&self) -> Can {
        Can { empty_start: true, garbage_start: true, nulls: true, put_while_prepared: false }
    }

    fn fill(&mut self, content: &Content) {
        let Shape { at, tail, after, text_key, .. } = self.shape;
        let id = if text_key { "TEXT" } else { "INTEGER" };
        self.other()
            .execute_batch(&format!(
                "CREATE TABLE records (id {id} PRIMARY KEY, at {at}, word TEXT, number INTEGER, parent INTEGER) {tail};
                 CREATE TABLE parents (id INTEGER PRIMARY KEY, at {at}, word TEXT);
                 CREATE TABLE children (id INTEGER PRIMARY KEY, of {id});
                 {after};"
            ))
            .unwrap();
        self.other().execute_batch("BEGIN").unwrap();
        content.records.iter().for_each(|record| self.put(record));
        for parent in &content.parents {
            self.other()
                .execute(
                    "INSERT INTO parents VALUES (?, ?, ?)",
                    params![parent.id, self.spelled(parent.at), parent.word],
                )
                .unwrap();
        }
        for child in &content.children {
            self.other()
                .execute("INSERT INTO children VALUES (?, ?)", params![child.id, self.id(child.of)])
                .unwrap();
        }
        self.other().execute_batch("COMMIT").unwrap();
    }

    fn put(&self, record: &Record) {
        let values =
            params![self.id(record.id), self.spelled(record.at), record.word, record.number, record.parent];
        self.other().execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", values).unwrap();
    }

    fn remove(&self, record: &Record) {
        self.other().execute("DELETE FROM records WHERE id = ?", [self.id(record.id)]).unwrap();
    }

    fn left(&self) -> Vec<Record> {
        let mut statement =
            self.other().prepare("SELECT id, at, word, number, parent FROM records ORDER BY id").unwrap();
        statement.query_map([], |row| self.record(row)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn children_left(&self) -> Vec<u32> {
        let mut statement = self.other().prepare("SELECT id FROM children").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn ask(&self, sql: &str) -> Option<Vec<Vec<String>>> {
        let mut statement = self.other().prepare(sql).unwrap();
        let columns = statement.column_count();
        let text = |value: SqlValue| match value {
            SqlValue::Integer(number) => number.to_string(),
            SqlValue::Text(text) => text,
            other => format!("{other:?}"),
        };
        let one = |row: &Row<'_>| (0..columns).map(|at| Ok(text(row.get(at)?))).collect();
        Some(statement.query_map([], one).unwrap().collect::<Result<_, _>>().unwrap())
    }

    fn store(&self) -> &dyn Dispose {
        &self.world.store
    }

    fn target(&self) -> Target {
        super::target("records")
    }

    fn misspelt(&self) -> Option<Target> {
        Some(super::target("recrods"))
    }

    fn another(&self) -> Box<dyn Fixture> {
        Box::new(Self::new(self.shape))
    }

    fn start(&self) -> Start {
        Start {
            zone: "Europe/Oslo".parse().unwrap(),
            ..super::start(Field::own("at"), Some((self.shape.format)()))
        }
    }

    fn names(&self) -> Names {
        Names { word: "word".to_owned(), number: "number".to_owned() }
    }

    fn at(&self, at: At) -> Value {
        let instant = match at {
            At::Empty => return Value::Null,
            At::Garbage => return Value::Text("soon".to_owned()),
            At::Instant(instant) => instant,
        };
        match (self.shape.format)() {
            Format::Unix => Value::Int(instant.timestamp()),
            Format::UnixUs => Value::Int(instant.timestamp_micros()),
            Format::DateTime => Value::Text(self.start().zone.local(instant).format("%F %T").to_string()),
            // Every offset means the same instant.
            _ => {
                let hours = i32::try_from(instant.timestamp() % 12).unwrap();
                let offset = chrono::FixedOffset::east_opt(hours * 3600).unwrap();
                Value::Text(instant.with_timezone(&offset).to_rfc3339())
            }
        }
    }

    fn key(&self, record: &Record) -> Key {
        match self.id(record.id) {
            SqlValue::Text(text) => Key::from_parts(&[KeyPart::Text(text)]),
            _ => Key::from_int(record.id.into()),
        }
    }

    fn link(&self) -> Option<Link> {
        let (name, collection) = ("parent_row".to_owned(), "parents".to_owned());
        Some(Link { name, collection, key: None, by: "parent".to_owned() })
    }

    fn with(&self) -> Option<With> {
        Some(With { store: None, collection: "children".to_owned(), by: Some("of".to_owned()) })
    }

    fn reach(&self) -> Option<Reach> {
        Some(Reach { collection: "children".to_owned(), by: "of".to_owned(), key: "id".to_owned() })
    }
}

crate::contract!(whole_seconds, || SqliteFixture::new(SECONDS));
crate::contract!(microseconds_in_a_write_ahead_log, || SqliteFixture::new(MICROS_IN_WAL));
crate::contract!(texts_with_mixed_offsets, || SqliteFixture::new(OFFSETS));
crate::contract!(local_texts_without_an_index, || SqliteFixture::new(LOCAL));
crate::contract!(a_table_without_row_numbers, || SqliteFixture::new(NO_ROW_NUMBERS));
crate::contract!(a_text_as_key, || SqliteFixture::new(TEXT_KEY));
