//! Made-up rows and predicates: every type in every column, wrong ones and missing links included.

use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::types::Value as SqlValue;

use super::{World, at, start, target, world};
use crate::model::key::{Key, KeyPart};
use crate::model::method::{Granularity, Method};
use crate::model::predicate::{Comparison, Operand, Predicate, Reach, StartIs, TextTest};
use crate::model::start::{Format, LatestField, Start, StartSource};
use crate::model::target::{Link, Target};
use crate::model::value::{Field, Value};
use crate::time::{Instant, StartSet};

pub(super) const NOW: &str = "2026-11-01T12:00:00Z";

const TABLES: &str = "
    CREATE TABLE record (id INTEGER PRIMARY KEY, number INTEGER, text TEXT, real REAL, any, flag BOOLEAN,
                         loose TEXT COLLATE NOCASE, day DATETIME, place INTEGER, door TEXT);
    CREATE INDEX by_number ON record (number);
    CREATE INDEX by_text ON record (text);
    CREATE INDEX by_day ON record (day DESC);
    CREATE TABLE place (id INTEGER PRIMARY KEY, number INTEGER, text TEXT);
    CREATE TABLE door (name TEXT, number INTEGER);
    CREATE TABLE child (of INTEGER);";

pub(super) const COLUMNS: [&str; 9] =
    ["number", "text", "real", "any", "flag", "loose", "day", "place", "door"];

/// Rows of `record`, `place`, `door`, `child`.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    records: Vec<Vec<SqlValue>>,
    places: Vec<Vec<SqlValue>>,
    doors: Vec<Vec<SqlValue>>,
    children: Vec<SqlValue>,
}

fn instants() -> impl Strategy<Value = Instant> {
    let now = at(NOW);
    prop_oneof![
        (-3_i64..3).prop_map(move |days| now + chrono::TimeDelta::days(days)),
        (-90_000_i64..90_000).prop_map(move |seconds| now + chrono::TimeDelta::seconds(seconds)),
        Just(at("1989-12-31T23:59:59Z")),
        Just(at("1990-01-01T00:00:00Z")),
        Just(at("2030-01-01T00:00:00Z")),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "",
        "a",
        "A",
        "ab",
        "B",
        "æ",
        "Å",
        "a\0b",
        "%a_",
        "5",
        "-1",
        "0000-00-00",
        "2026-13-01",
        "14/11/2023",
        "2026-11-01",
        "1970-01-01",
        "+4722123456",
        "+47221xxxx",
        "xxx",
        "192.168.1.7",
        "192.168.1.0",
        "2026-10-31T12:00:00+14:00",
        "2026-11-02 12:00:00-11:00",
        "2026-11-01T12:00:00.5Z",
    ]);
    prop_oneof![
        3 => word.prop_map(str::to_owned),
        1 => instants().prop_map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()),
        1 => instants().prop_map(|at| at.to_rfc3339()),
        1 => instants().prop_map(|at| at.date_naive().to_string()),
    ]
}

fn reals() -> impl Strategy<Value = f64> {
    let millis = |at: Instant| at.timestamp_millis();
    #[expect(clippy::cast_precision_loss, reason = "made up anyway")]
    let instant =
        (instants(), -2_i32..3).prop_map(move |(at, off)| millis(at) as f64 / 1000.0 + f64::from(off) * 4e-7);
    prop_oneof![
        Just(0.5),
        Just(-0.0),
        Just(1.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(9.3e18),
        instant
    ]
}

fn ints() -> impl Strategy<Value = i64> {
    prop_oneof![
        -1_i64..6,
        instants().prop_map(|at| at.timestamp()),
        instants().prop_map(|at| at.timestamp_millis()),
        Just(i64::MAX),
        Just(i64::MIN),
    ]
}

fn stored() -> impl Strategy<Value = SqlValue> {
    prop_oneof![
        1 => Just(SqlValue::Null),
        3 => ints().prop_map(SqlValue::Integer),
        2 => reals().prop_map(SqlValue::Real),
        3 => texts().prop_map(SqlValue::Text),
        1 => texts().prop_map(|text| SqlValue::Blob(text.into_bytes())),
    ]
}

pub(super) fn rows() -> impl Strategy<Value = Rows> {
    let many =
        |width: usize, most: usize| prop::collection::vec(prop::collection::vec(stored(), width), 0..most);
    (many(COLUMNS.len(), 12), many(2, 4), many(2, 5), prop::collection::vec(stored(), 0..4))
        .prop_map(|(records, places, doors, children)| Rows { records, places, doors, children })
}

pub(super) fn filled(rows: &Rows) -> World {
    let world = world(TABLES);
    let insert = |sql: &str, values: &[SqlValue]| {
        world.other.execute(sql, rusqlite::params_from_iter(values)).unwrap();
    };
    world.other.execute_batch("BEGIN").unwrap();
    for row in &rows.records {
        let places = vec!["?"; row.len()].join(", ");
        insert(&format!("INSERT INTO record ({}) VALUES ({places})", COLUMNS.join(", ")), row);
    }
    for row in &rows.places {
        insert("INSERT INTO place (number, text) VALUES (?, ?)", row);
    }
    for row in &rows.doors {
        insert("INSERT INTO door (name, number) VALUES (?, ?)", row);
    }
    for child in &rows.children {
        insert("INSERT INTO child (of) VALUES (?)", std::slice::from_ref(child));
    }
    world.other.execute_batch("COMMIT").unwrap();
    world
}

/// With a link by a unique key, and one by a name that several rows may have.
pub(super) fn bound() -> Target {
    let link = |name: &str, key: Option<&str>| Link {
        name: name.to_owned(),
        collection: name.to_owned(),
        key: key.map(str::to_owned),
        by: name.to_owned(),
    };
    Target { links: vec![link("place", None), link("door", Some("name"))], ..target("record") }
}

fn fields() -> impl Strategy<Value = Field> {
    prop_oneof![
        4 => prop::sample::select(COLUMNS.to_vec()).prop_map(Field::own),
        1 => prop::sample::select(vec!["number", "text", "id"]).prop_map(|column| Field::linked("place", column)),
        1 => prop::sample::select(vec!["number", "name"]).prop_map(|column| Field::linked("door", column)),
    ]
}

fn literals() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        ints().prop_map(Value::Int),
        reals().prop_map(Value::Real),
        texts().prop_map(Value::Text),
        texts().prop_map(|text| Value::Bytes(text.into_bytes())),
        instants().prop_map(Value::Instant),
        Just(Value::Real(f64::NAN)),
    ]
}

fn comparisons() -> impl Strategy<Value = Comparison> {
    prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ])
}

pub(super) fn starts() -> impl Strategy<Value = Arc<Start>> {
    let format = prop::sample::select(vec![
        Format::Unix,
        Format::UnixMs,
        Format::UnixUs,
        Format::WebkitUs,
        Format::Rfc3339,
        Format::DateTime,
        Format::Date,
        Format::Pattern("%d/%m/%Y".to_owned()),
    ]);
    let source = prop_oneof![
        5 => fields().prop_map(StartSource::Field),
        1 => prop::collection::vec((fields(), any::<bool>()), 1..3).prop_map(|fields| {
            let latest = |(field, optional)| LatestField { field, optional };
            StartSource::Latest(fields.into_iter().map(latest).collect())
        }),
        1 => proptest::option::of(fields())
            .prop_map(|by| StartSource::Event { name: "closed".to_owned(), by }),
    ];
    (source, format, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(source, format, waiting_if_empty, waiting_if_future, oslo)| {
            let zone = if oslo { "Europe/Oslo" } else { "UTC" };
            Arc::new(Start {
                source,
                waiting_if_empty,
                waiting_if_future,
                zone: zone.parse().unwrap(),
                ..start(Field::own("number"), Some(format))
            })
        },
    )
}

pub(super) fn sets() -> impl Strategy<Value = StartSet> {
    (instants(), proptest::option::of(1_i64..5)).prop_map(|(last, gap)| {
        let mut instants = vec![(None, last)];
        if let Some(days) = gap {
            let from = last + chrono::TimeDelta::days(days);
            instants.push((Some(from), from + chrono::TimeDelta::hours(5)));
        }
        StartSet { instants, dates_through: Some(last.date_naive()) }
    })
}

fn states() -> impl Strategy<Value = StartIs> {
    let now = at(NOW);
    prop_oneof![
        3 => sets().prop_map(StartIs::In),
        1 => Just(StartIs::Known { now }),
        1 => Just(StartIs::Waiting { now }),
        1 => Just(StartIs::Undetermined { now }),
    ]
}

fn methods() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Null),
        literals().prop_map(Method::Fixed),
        Just(Method::DropLastDigits { digits: 4 }),
        Just(Method::Hide),
        Just(Method::TruncateIp),
        Just(Method::Flag),
        Just(Method::GeneralizeDate { to: Granularity::Month, format: Some(Format::Date) }),
    ]
}

fn keys() -> impl Strategy<Value = Key> {
    prop_oneof![
        4 => (0_i64..12).prop_map(Key::from_int),
        1 => Just(Key::from_parts(&[KeyPart::Text("1".to_owned())])),
        1 => Just(Key::from_parts(&[KeyPart::Int(1), KeyPart::Int(2)])),
    ]
}

fn leaves() -> impl Strategy<Value = Predicate> {
    prop_oneof![
        any::<bool>().prop_map(Predicate::Always),
        fields().prop_map(Predicate::IsNull),
        (fields(), comparisons(), literals()).prop_map(|(field, op, value)| Predicate::Compare {
            field,
            op,
            with: Operand::Value(value)
        }),
        (fields(), comparisons(), fields()).prop_map(|(field, op, other)| Predicate::Compare {
            field,
            op,
            with: Operand::Field(other)
        }),
        (fields(), prop::collection::vec(literals(), 0..4))
            .prop_map(|(field, values)| Predicate::OneOf { field, values }),
        (
            fields(),
            prop::sample::select(vec![TextTest::StartsWith, TextTest::EndsWith, TextTest::Contains]),
            texts()
        )
            .prop_map(|(field, test, needle)| Predicate::Text { field, test, needle }),
        proptest::option::of(fields()).prop_map(|of| Predicate::Event { name: "closed".to_owned(), of }),
        (starts(), states()).prop_map(|(start, is)| Predicate::Start { start, is }),
        (prop::sample::select(COLUMNS.to_vec()), methods()).prop_map(|(column, method)| Predicate::Done {
            column: column.to_owned(),
            method: Arc::new(method)
        }),
        prop::collection::hash_set(keys(), 0..4).prop_map(|keys| Predicate::KeyIn(Arc::new(keys))),
        prop::sample::select(vec!["id", "number", "text"]).prop_map(|key| Predicate::Reached(reach(key))),
    ]
}

pub(super) fn reach(key: &str) -> Reach {
    Reach { collection: "child".to_owned(), by: "of".to_owned(), key: key.to_owned() }
}

pub(super) fn predicates() -> impl Strategy<Value = Predicate> {
    leaves().prop_recursive(3, 10, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            many.clone().prop_map(Predicate::All),
            many.prop_map(Predicate::Any),
            inner.clone().prop_map(|one| Predicate::Not(Box::new(one))),
            inner.clone().prop_map(|one| Predicate::Surely(Box::new(one))),
            inner.prop_map(|one| Predicate::Unknown(Box::new(one))),
        ]
    })
}
