use super::*;
use crate::adapter::contract::{At, Can, Content, Fixture, Names, Record};
use crate::model::ids::StoreName;
use crate::model::start::StartSource;
use crate::model::target::{Link, With};

struct MemoryFixture(MemoryStore);

impl MemoryFixture {
    fn new(name: &str) -> Self {
        Self(MemoryStore::new(name))
    }
}

fn text(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| Value::Text(text.clone()))
}

fn number(number: Option<impl Into<i64>>) -> Value {
    number.map_or(Value::Null, |number| Value::Int(number.into()))
}

impl Fixture for MemoryFixture {
    fn can(&self) -> Can {
        Can { empty_start: true, garbage_start: true, nulls: true, put_while_prepared: true }
    }

    fn fill(&mut self, content: &Content) {
        let store = &self.0;
        let (int, text_kind) = (ColumnKind::Int, ColumnKind::Text);
        let at = ("at", ColumnKind::Instant);
        let columns = [("id", int), at, ("word", text_kind), ("number", int), ("parent", int)];
        store.create("records", &columns, &["id"]);
        store.create("parents", &[("id", int), at, ("word", text_kind)], &["id"]);
        store.create("children", &[("id", int), ("of", int)], &["id"]);
        content.records.iter().for_each(|record| self.put(record));
        for parent in &content.parents {
            store.put(
                "parents",
                vec![Value::Int(parent.id.into()), self.at(parent.at), text(parent.word.as_ref())],
            );
        }
        for child in &content.children {
            store.put("children", vec![Value::Int(child.id.into()), Value::Int(child.of.into())]);
        }
    }

    fn put(&self, record: &Record) {
        let Record { id, at, word, number: count, parent } = record;
        let row = vec![
            Value::Int((*id).into()),
            self.at(*at),
            text(word.as_ref()),
            number(*count),
            number(*parent),
        ];
        self.0.put("records", row);
    }

    fn remove(&self, record: &Record) {
        self.0.remove("records", &self.key(record));
    }

    fn left(&self) -> Vec<Record> {
        let whole = |value: &Value| match value {
            Value::Int(number) => Some(*number),
            _ => None,
        };
        let mut records: Vec<Record> = self
            .0
            .rows("records")
            .iter()
            .map(|row| Record {
                id: u32::try_from(whole(&row[0]).unwrap()).unwrap(),
                at: match &row[1] {
                    Value::Instant(instant) => At::Instant(*instant),
                    Value::Null => At::Empty,
                    _ => At::Garbage,
                },
                word: match &row[2] {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                },
                number: whole(&row[3]),
                parent: whole(&row[4]).map(|id| u32::try_from(id).unwrap()),
            })
            .collect();
        records.sort_by_key(|record| record.id);
        records
    }

    fn children_left(&self) -> Vec<u32> {
        let id = |row: &Vec<Value>| match row[0] {
            Value::Int(id) => u32::try_from(id).unwrap(),
            _ => unreachable!("children are keyed by whole numbers"),
        };
        self.0.rows("children").iter().map(id).collect()
    }

    fn store(&self) -> &dyn Dispose {
        &self.0
    }

    fn target(&self) -> Target {
        Target::new(StoreName::new("memory"), "records")
    }

    fn misspelt(&self) -> Option<Target> {
        Some(Target::new(StoreName::new("memory"), "record"))
    }

    fn another(&self) -> Box<dyn Fixture> {
        Box::new(Self::new("another"))
    }

    fn start(&self) -> Start {
        Start {
            source: StartSource::Field(Field::own("at")),
            waiting_if_empty: false,
            waiting_if_future: false,
            cutoff: None,
            format: None,
            zone: crate::time::Zone::UTC,
            earliest: "1990-01-01".parse().unwrap(),
        }
    }

    fn names(&self) -> Names {
        Names { word: "word".to_owned(), number: "number".to_owned() }
    }

    fn at(&self, at: At) -> Value {
        match at {
            At::Instant(instant) => Value::Instant(instant),
            At::Empty => Value::Null,
            At::Garbage => Value::Text("soon".to_owned()),
        }
    }

    fn key(&self, record: &Record) -> Key {
        Key::from_int(record.id.into())
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

crate::contract!(keeps_the_contract, || MemoryFixture::new("memory"));

#[test]
fn examples_come_oldest_first() {
    let mut fixture = MemoryFixture::new("memory");
    let at = ["2026-03-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"];
    let record = |(id, at): (u32, &&str)| crate::adapter::contract::suite::record(id, at, "alpha");
    let records = (1..).zip(&at).map(record).collect();
    fixture.fill(&Content { records, ..Content::default() });
    let now = "2026-11-01T12:00:00Z".parse().unwrap();
    let scope = Scope { target: Arc::new(fixture.target()), events: Arc::default(), now };
    let start = Some(Arc::new(fixture.start()));
    let group = Group { predicate: Predicate::Always(true), start, samples: 2 };
    let counted = fixture.store().count(&scope, &[group]).unwrap();
    assert_eq!(counted.tallies[0].samples, [Key::from_int(2), Key::from_int(3)]);
}

#[test]
fn a_column_that_is_missing_from_a_binding_is_named() {
    let mut fixture = MemoryFixture::new("memory");
    fixture.fill(&Content::default());
    let mut target = fixture.target();
    target.key = Some(vec!["number".to_owned(), "nr".to_owned()]);
    let error = fixture.store().probe(&target).unwrap_err();
    insta::assert_snapshot!(error,
        @"column `nr` of `records`: there is no such column. Its columns are id, at, word, number, parent");
}
