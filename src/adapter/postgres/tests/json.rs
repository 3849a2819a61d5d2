//! Fields inside JSON: SQL and memory give the same answer, and what is of another type is unknown.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::dialect::{self, Postgres};
use super::super::schema;
use super::{World, deletion, number, target, world};
use crate::adapter::api::{Dispose as _, Group, Inspect as _};
use crate::adapter::contract::inside::{
    ROWS,
    numbers::{self, numbers_and_truth_values_inside_json_are_fields},
    texts_inside_json_are_fields,
};
use crate::adapter::sql::{Need, lower};
use crate::model::evaluate::World as Known;
use crate::model::predicate::{Comparison, EventBook, Operand, Predicate, StartIs, TextTest};
use crate::model::start::{Format, Start, StartSource};
use crate::model::value::{Field, Value};

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("A"), Just("x%"), Just("å"), Just(""), Just("5"), Just("null")]
        .prop_map(str::to_owned)
}

/// JSON with the names that paths lead through.
fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value as Json;
    let leaf = prop_oneof![
        4 => word().prop_map(Json::String),
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::Bool),
        1 => (-3_i64..6).prop_map(Json::from),
        1 => prop_oneof![Just(0.5), Just(-1.0), Just(5.0), Just(1.5e300)].prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => prop::collection::btree_map(prop_oneof![Just("a"), Just("b"), Just("")], inner.clone(), 0..3)
                .prop_map(|map| Json::Object(map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
            1 => prop::collection::vec(inner, 0..3).prop_map(Json::Array),
        ]
    })
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        Just("data.a"),
        Just("data.b"),
        Just("data.a.b"),
        Just("data.a.a.b"),
        Just("data.a.0"),
        Just("data.-1"),
        Just("plain.a"),
        Just("word")
    ]
    .prop_map(Field::own)
}

fn comparison() -> impl Strategy<Value = Comparison> {
    prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::GreaterOrEqual)
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let value = prop_oneof![
        4 => word().prop_map(Value::Text),
        2 => (-1_i64..6).prop_map(Value::Int),
        1 => prop_oneof![Just(0.5), Just(5.0), Just(1.5e300)].prop_map(Value::Real),
        2 => any::<bool>().prop_map(Value::Bool),
    ];
    let test = prop_oneof![Just(TextTest::StartsWith), Just(TextTest::EndsWith), Just(TextTest::Contains)];
    let leaf = prop_oneof![
        2 => field().prop_map(Predicate::IsNull),
        3 => (field(), comparison(), value.clone())
            .prop_map(|(field, op, value)| Predicate::Compare { field, op, with: Operand::Value(value) }),
        1 => (field(), comparison(), field())
            .prop_map(|(field, op, other)| Predicate::Compare { field, op, with: Operand::Field(other) }),
        1 => (field(), prop::collection::vec(value, 0..3))
            .prop_map(|(field, values)| Predicate::OneOf { field, values }),
        1 => (field(), test, word()).prop_map(|(field, test, needle)| Predicate::Text { field, test, needle }),
        1 => field().prop_map(|of| Predicate::Event { name: "closed".to_owned(), of: Some(of) }),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Predicate::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Predicate::Any),
            inner.clone().prop_map(|inner| Predicate::Not(Box::new(inner))),
            inner.clone().prop_map(|inner| Predicate::Surely(Box::new(inner))),
            inner.prop_map(|inner| Predicate::Unknown(Box::new(inner))),
        ]
    })
}

fn events() -> EventBook {
    let mut events = EventBook::default();
    for key in ["a", "5", "hex:"] {
        events.record("closed", key, super::now());
    }
    events
}

const TABLE: &str = "CREATE TABLE records (id int PRIMARY KEY, at timestamptz, data jsonb, plain json, word text, parent int)";

fn filled(rows: &[(Option<serde_json::Value>, Option<String>)]) -> World {
    use std::fmt::Write as _;
    let mut sql = format!("{TABLE};");
    for (id, (json, word)) in rows.iter().enumerate() {
        let text = |text: Option<String>| text.map_or("NULL".to_owned(), |text| format!("'{text}'"));
        let json = text(json.as_ref().map(ToString::to_string));
        writeln!(
            sql,
            "INSERT INTO records VALUES ({id}, '2026-01-01', {json}, {json}, {});",
            text(word.clone())
        )
        .unwrap();
    }
    world(&sql)
}

fn rows() -> impl Strategy<Value = Vec<(Option<serde_json::Value>, Option<String>)>> {
    prop::collection::vec((prop::option::weighted(0.9, json()), prop::option::weighted(0.8, word())), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn sql_answers_as_memory_does(rows in rows(), predicates in prop::collection::vec(predicate(), 1..12)) {
        let world = filled(&rows);
        let mut scope = deletion(target(), Predicate::Always(true)).scope;
        scope.events = Arc::new(events());
        let bound = schema::bind(&world.other, &scope.target).unwrap();
        let all = world.store.scan(&scope, &Predicate::Always(true), None, 100).unwrap().rows;
        for predicate in &predicates {
            let known = Known { events: &scope.events, reached: &|_| false };
            let wanted: Vec<Option<bool>> =
                all.iter().map(|row| predicate.answer(row.fields.as_ref(), &known)).collect();
            // Whatever SQL says exactly, it says as memory does.
            let mut exact = Postgres::new(&bound, &scope.events);
            let sql = lower(&mut exact, &bound.frame, predicate, Need::Exact).unwrap();
            if !exact.opaque {
                let asked = format!("SELECT {sql} FROM {} ORDER BY id", bound.from());
                let answers: Vec<Option<bool>> =
                    world.other.rows(&asked, &exact.bound).unwrap().iter().map(|row| row.get(0)).collect();
                prop_assert_eq!(&answers, &wanted, "{}", sql);
            }
            // And the two together count the same.
            let unknown = predicate.clone().unknown();
            let group = |predicate| Group { predicate, start: None, samples: 0 };
            let counted = world.store.count(&scope, &[group(predicate.clone()), group(unknown)]).unwrap();
            let count = |answer| wanted.iter().filter(|one| **one == answer).count() as u64;
            prop_assert_eq!(counted.tallies[0].count, count(Some(true)), "{:?}", predicate);
            prop_assert_eq!(counted.tallies[1].count, count(None), "{:?}", predicate);
        }
    }
}

/// By the text at `data.closed.at`.
fn by_path(world: &World, predicate: Predicate) -> crate::adapter::api::Job {
    let mut job = deletion(target(), predicate.clone());
    job.start = Arc::new(Start {
        source: StartSource::Field(Field::own("data.closed.at")),
        format: Some(Format::Rfc3339),
        ..(*job.start).clone()
    });
    job.predicate =
        Predicate::Start { start: Arc::clone(&job.start), is: StartIs::In(job.due.clone()) }.and(predicate);
    assert!(world.store.probe(&job.scope.target).unwrap().column("data").unwrap().json);
    job
}

#[test]
fn a_start_inside_json_decides_and_what_is_no_text_is_kept() {
    let world = world(&format!(
        "{TABLE}; INSERT INTO records (id, data) VALUES \
           (1, '{{\"closed\": {{\"at\": \"2026-01-01T00:00:00Z\"}}, \"kind\": \"x\"}}'), \
           (2, '{{\"closed\": {{\"at\": \"2026-10-31T00:00:00Z\"}}, \"kind\": \"x\"}}'), \
           (3, '{{\"closed\": {{\"at\": null}}, \"kind\": \"x\"}}'), (4, '{{\"kind\": \"x\"}}'), \
           (5, '{{\"closed\": {{\"at\": 1767225600}}, \"kind\": \"x\"}}'), (6, NULL), \
           (7, '{{\"closed\": {{\"at\": \"2026-01-01T00:00:00Z\"}}, \"kind\": 7}}'), \
           (8, '{{\"closed\": {{\"at\": \"2026-01-01T00:00:00Z\"}}, \"kind\": \"y\"}}'), \
           (9, '{{\"closed\": {{\"AT\": \"2026-01-01T00:00:00Z\"}}, \"kind\": \"x\"}}')"
    ));
    let kind = Predicate::Compare {
        field: Field::own("data.kind"),
        op: Comparison::Equal,
        with: Operand::Value(Value::Text("x".to_owned())),
    };
    let job = by_path(&world, kind.clone());
    let question = |is| Predicate::Start { start: Arc::clone(&job.start), is };
    let group = |predicate| Group { predicate, start: None, samples: 9 };
    let undetermined = question(StartIs::Undetermined { now: super::now() });
    let counted = world.store.count(&job.scope, &[group(undetermined), group(kind.unknown())]).unwrap();
    let keys = |at: usize| -> Vec<String> {
        let form = crate::model::key::KeyForm::Columns;
        let mut keys: Vec<String> = counted.tallies[at].samples.iter().map(|key| key.text(form)).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(0), ["3", "4", "5", "6", "9"], "empty, missing, no text");
    assert_eq!(keys(1), ["6", "7"], "its kind is no text, or nothing is known of it");
    let mut walk = world.store.walk(job).unwrap();
    let batch = walk.prepare(&super::label(), 10, &std::collections::HashSet::new()).unwrap().unwrap();
    assert_eq!(batch.records(), [crate::model::key::Key::from_int(1)]);
    batch.commit().unwrap();
    drop(walk);
    assert_eq!(number(&world, "SELECT count(*) FROM records WHERE id = 1"), 0);
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 8);
}

/// The path is bound, whatever it looks like; the column is the catalogue's.
#[test]
fn a_path_is_never_part_of_the_statement() {
    let world =
        world(&format!("{TABLE}; INSERT INTO records (id, data) VALUES (1, '{{\"a''b\\\"]\": \"x\"}}')"));
    let path = Field::own("data.a'b\"]");
    let bound = schema::bind(&world.other, &target()).unwrap();
    let predicate = Predicate::Compare {
        field: path,
        op: Comparison::Equal,
        with: Operand::Value(Value::Text("x".to_owned())),
    };
    let question = dialect::question(&bound, &EventBook::default(), &predicate).unwrap();
    assert!(question.left.is_none() && !question.sql.contains("a'b"), "{}", question.sql);
    let scope = deletion(target(), Predicate::Always(true)).scope;
    assert_eq!(world.store.scan(&scope, &predicate, None, 10).unwrap().rows.len(), 1);
    for wrong in ["word.a", "nothing.a"] {
        let error = world.store.scan(&scope, &Predicate::IsNull(Field::own(wrong)), None, 10).unwrap_err();
        assert!(error.to_string().contains(wrong.split('.').next().unwrap()), "{error}");
    }
}

/// As in every other store, for both types.
#[test]
fn both_types_of_json_answer_as_other_stores_do() {
    for kind in ["json", "jsonb"] {
        let filled = |rows: &[Option<&str>]| {
            let world =
                world(&format!("CREATE TABLE records (id int PRIMARY KEY, at timestamptz, data {kind})"));
            for (row, id) in rows.iter().zip(1..) {
                let data = row.map_or("NULL".to_owned(), |row| format!("'{}'", row.replace('\'', "''")));
                world.other.run(&format!("INSERT INTO records VALUES ({id}, NULL, {data})")).unwrap();
            }
            world
        };
        texts_inside_json_are_fields(&filled(&ROWS).store, target());
        numbers_and_truth_values_inside_json_are_fields(&filled(&numbers::ROWS).store, target());
    }
}
