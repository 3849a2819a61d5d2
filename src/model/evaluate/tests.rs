use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::*;
use crate::model::key::Key;
use crate::model::method::Method;
use crate::model::start::StartSource;
use crate::time::{Instant, StartSet, Zone};

#[derive(Debug)]
struct Record(BTreeMap<String, Value>);

impl Fields for Record {
    fn get(&self, field: &Field) -> Option<Value> {
        self.0.get(&field.to_string()).cloned()
    }
    fn key(&self) -> Key {
        Key::from_int(7)
    }
    fn event_key(&self) -> String {
        "7".to_owned()
    }
}

fn record(fields: &[(&str, Value)]) -> Record {
    Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn asked(predicate: &Predicate, record: &Record) -> Option<bool> {
    let mut events = EventBook::default();
    events.record("closed", "7", Instant::UNIX_EPOCH);
    let reached = |reach: &Reach| reach.collection == "children";
    predicate.answer(record, &World { events: &events, reached: &reached })
}

fn compare(left: Value, op: Comparison, right: Value) -> Option<bool> {
    let field = Field::own("a");
    asked(&Predicate::Compare { field, op, with: Operand::Value(right) }, &record(&[("a", left)]))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

const YES: Predicate = Predicate::Always(true);
const NO: Predicate = Predicate::Always(false);

/// Unknown: the field is not there.
fn maybe() -> Predicate {
    Predicate::IsNull(Field::linked("link", "a"))
}

#[test]
fn connectives_follow_kleene() {
    let all = |parts: Vec<Predicate>| asked(&Predicate::All(parts), &record(&[]));
    let any = |parts: Vec<Predicate>| asked(&Predicate::Any(parts), &record(&[]));
    assert_eq!(all(vec![]), Some(true));
    assert_eq!(all(vec![YES, YES]), Some(true));
    assert_eq!(all(vec![maybe(), NO]), Some(false));
    assert_eq!(all(vec![YES, maybe()]), None);
    assert_eq!(any(vec![]), Some(false));
    assert_eq!(any(vec![NO, NO]), Some(false));
    assert_eq!(any(vec![maybe(), YES]), Some(true));
    assert_eq!(any(vec![NO, maybe()]), None);
    assert_eq!(asked(&Predicate::Not(Box::new(maybe())), &record(&[])), None);
    assert_eq!(asked(&Predicate::Not(Box::new(YES)), &record(&[])), Some(false));
    assert_eq!(asked(&maybe().surely(), &record(&[])), Some(false));
    assert_eq!(asked(&maybe().unknown(), &record(&[])), Some(true));
    assert_eq!(asked(&Predicate::Unknown(Box::new(NO)), &record(&[])), Some(false));
}

#[test]
fn null_and_another_type_are_unknown() {
    use Comparison::{Equal, Less, NotEqual};
    for op in [Equal, NotEqual, Less] {
        assert_eq!(compare(Value::Null, op, Value::Int(1)), None);
        assert_eq!(compare(text("1"), op, Value::Int(1)), None);
        assert_eq!(compare(Value::Bool(true), op, Value::Int(1)), None);
        assert_eq!(compare(Value::Bytes(b"a".to_vec()), op, text("a")), None);
        assert_eq!(compare(Value::Real(f64::NAN), op, Value::Real(1.0)), None);
    }
    assert_eq!(compare(Value::Bool(true), Equal, Value::Bool(true)), Some(true));
    assert_eq!(compare(Value::Bool(true), Less, Value::Bool(false)), None);
}

#[test]
fn whole_and_floating_numbers_compare_exactly() {
    use Comparison::{Equal, Greater, Less};
    let two_to_53 = 9_007_199_254_740_992_i64;
    let real = Value::Real(9_007_199_254_740_992.0);
    assert_eq!(compare(Value::Int(two_to_53), Equal, real.clone()), Some(true));
    assert_eq!(compare(Value::Int(two_to_53 + 1), Equal, real.clone()), Some(false));
    assert_eq!(compare(Value::Int(two_to_53 + 1), Greater, real.clone()), Some(true));
    assert_eq!(compare(real, Less, Value::Int(two_to_53 + 1)), Some(true));
    assert_eq!(compare(Value::Int(i64::MAX), Less, Value::Real(9_223_372_036_854_775_808.0)), Some(true));
    assert_eq!(compare(Value::Int(i64::MIN), Equal, Value::Real(-9_223_372_036_854_775_808.0)), Some(true));
    assert_eq!(compare(Value::Int(i64::MIN), Greater, Value::Real(f64::NEG_INFINITY)), Some(true));
    assert_eq!(compare(Value::Int(-5), Greater, Value::Real(-5.5)), Some(true));
    assert_eq!(compare(Value::Int(5), Less, Value::Real(5.5)), Some(true));
    assert_eq!(compare(Value::Int(6), Greater, Value::Real(5.5)), Some(true));
    assert_eq!(compare(Value::Int(-6), Less, Value::Real(-5.5)), Some(true));
}

#[test]
fn texts_go_by_code_point() {
    use Comparison::Less;
    assert_eq!(compare(text("Z"), Less, text("a")), Some(true));
    assert_eq!(compare(text("z"), Less, text("å")), Some(true));
    // UTF-16 would order these the other way.
    assert_eq!(compare(text("\u{ffff}"), Less, text("\u{10000}")), Some(true));
}

#[test]
fn a_list_is_unknown_only_for_null_and_strangers() {
    let one_of = |value: Value, values: &[Value]| {
        let predicate = Predicate::OneOf { field: Field::own("a"), values: values.to_vec() };
        asked(&predicate, &record(&[("a", value)]))
    };
    let words = [text("a"), text("b")];
    assert_eq!(one_of(text("b"), &words), Some(true));
    assert_eq!(one_of(text("c"), &words), Some(false));
    assert_eq!(one_of(Value::Null, &words), None);
    assert_eq!(one_of(Value::Int(1), &words), None);
    assert_eq!(one_of(Value::Real(1.0), &[Value::Int(1)]), Some(true));
    assert_eq!(one_of(Value::Int(1), &[]), Some(false));
    assert_eq!(one_of(Value::Null, &[]), None);
}

#[test]
fn fields_of_a_missing_row_are_unknown_even_to_null() {
    let gone = || Field::linked("link", "a");
    let equal = Comparison::Equal;
    let other = Predicate::Compare { field: Field::own("a"), op: equal, with: Operand::Field(gone()) };
    let needle = String::new();
    let unknown = [
        Predicate::IsNull(gone()),
        Predicate::Compare { field: gone(), op: equal, with: Operand::Value(Value::Int(1)) },
        other,
        Predicate::OneOf { field: gone(), values: vec![Value::Int(1)] },
        Predicate::Text { field: gone(), test: TextTest::Contains, needle },
    ];
    for predicate in unknown {
        assert_eq!(asked(&predicate, &record(&[("a", Value::Int(1))])), None, "{predicate:?}");
    }
    assert_eq!(asked(&Predicate::IsNull(Field::own("a")), &record(&[("a", Value::Null)])), Some(true));
    let event = Predicate::Event { name: "closed".to_owned(), of: Some(gone()) };
    assert_eq!(asked(&event, &record(&[])), Some(false));
}

#[test]
fn text_tests_count_case() {
    let test = |test, needle: &str, value: Value| {
        let needle = needle.to_owned();
        asked(&Predicate::Text { field: Field::own("a"), test, needle }, &record(&[("a", value)]))
    };
    assert_eq!(test(TextTest::StartsWith, "Kar", text("Kari")), Some(true));
    assert_eq!(test(TextTest::StartsWith, "kar", text("Kari")), Some(false));
    assert_eq!(test(TextTest::EndsWith, "ri", text("Kari")), Some(true));
    assert_eq!(test(TextTest::Contains, "%", text("Kari")), Some(false));
    assert_eq!(test(TextTest::Contains, "", text("")), Some(true));
    assert_eq!(test(TextTest::Contains, "1", Value::Int(1)), None);
}

#[test]
fn events_keys_reach_and_done_are_definite() {
    let event = |name: &str, of: Option<Field>| Predicate::Event { name: name.to_owned(), of };
    let case = record(&[("case", Value::Int(7)), ("none", Value::Null), ("name", text("xxx"))]);
    assert_eq!(asked(&event("closed", None), &case), Some(true));
    assert_eq!(asked(&event("opened", None), &case), Some(false));
    assert_eq!(asked(&event("closed", Some(Field::own("case"))), &case), Some(true));
    assert_eq!(asked(&event("closed", Some(Field::own("none"))), &case), Some(false));
    let keys = |key: i64| Predicate::KeyIn(Arc::new(HashSet::from([Key::from_int(key)])));
    assert_eq!(asked(&keys(7), &case), Some(true));
    assert_eq!(asked(&keys(8), &case), Some(false));
    let reached = |collection: &str| {
        let collection = collection.to_owned();
        Predicate::Reached(Reach { collection, by: "case".to_owned(), key: "id".to_owned() })
    };
    assert_eq!(asked(&reached("children"), &case), Some(true));
    assert_eq!(asked(&reached("others"), &case), Some(false));
    let done = |column: &str, method| Predicate::Done { column: column.to_owned(), method: Arc::new(method) };
    assert_eq!(asked(&done("name", Method::Hide), &case), Some(true));
    assert_eq!(asked(&done("name", Method::Null), &case), Some(false));
    assert_eq!(asked(&done("gone", Method::Null), &case), Some(false));
}

#[test]
fn a_start_is_in_exactly_one_state() {
    let now: Instant = "2026-11-01T12:00:00Z".parse().unwrap();
    let start = Arc::new(Start {
        source: StartSource::Field(Field::own("at")),
        waiting_if_empty: true,
        waiting_if_future: false,
        cutoff: None,
        format: None,
        zone: Zone::UTC,
        earliest: "1990-01-01".parse().unwrap(),
    });
    let set = StartSet { instants: vec![(None, now)], dates_through: None };
    let states = |value: Value| {
        let case = record(&[("at", value)]);
        let ask = |is| asked(&Predicate::Start { start: Arc::clone(&start), is }, &case).unwrap();
        [
            ask(StartIs::In(set.clone())),
            ask(StartIs::Known { now }),
            ask(StartIs::Waiting { now }),
            ask(StartIs::Undetermined { now }),
        ]
    };
    let instant = |text: &str| Value::Instant(text.parse().unwrap());
    assert_eq!(states(instant("2026-10-01T00:00:00Z")), [true, true, false, false]);
    assert_eq!(states(instant("2026-11-01T13:00:00Z")), [false, true, false, false]);
    assert_eq!(states(instant("1970-01-01T00:00:00Z")), [false, false, false, true]);
    assert_eq!(states(instant("2027-01-01T00:00:00Z")), [false, false, false, true]);
    assert_eq!(states(Value::Null), [false, false, true, false]);
    assert_eq!(states(text("2026")), [false, false, false, true]);
}
