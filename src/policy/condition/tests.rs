use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::key::KeyForm;
use crate::model::predicate::{Comparison, Operand, TextTest};
use crate::model::schema::{Column, ColumnKind, Schema};
use crate::model::value::{Field, Value};
use crate::policy::diagnostic::Severity;

fn names() -> Names {
    Names {
        columns: BTreeMap::from([
            ("outcome".into(), "STS_KD".into()),
            ("closed".into(), "recruitment.closed_at".into()),
        ]),
        links: BTreeSet::from(["recruitment".into()]),
    }
}

fn read(text: &str) -> Predicate {
    compile(text, &names()).unwrap_or_else(|error| panic!("{text}: {error} {:?}", error.help))
}

fn compared(field: Field, op: Comparison, value: Value) -> Predicate {
    Predicate::Compare { field, op, with: Operand::Value(value) }
}

fn a(op: Comparison, value: Value) -> Predicate {
    compared(Field::own("a"), op, value)
}

#[test]
fn the_subset_is_lowered_to_the_typed_tree() {
    let text = |text: &str| Value::Text(text.into());
    let instant = |text: &str| Value::Instant(text.parse().unwrap());
    for (source, expected) in [
        ("a == 'x'", a(Comparison::Equal, text("x"))),
        ("a != \"x\"", a(Comparison::NotEqual, text("x"))),
        ("5 < a", a(Comparison::Greater, Value::Int(5))),
        ("5 >= a", a(Comparison::LessOrEqual, Value::Int(5))),
        ("a > -5", a(Comparison::Greater, Value::Int(-5))),
        ("a <= 1.5", a(Comparison::LessOrEqual, Value::Real(1.5))),
        ("a", a(Comparison::Equal, Value::Bool(true))),
        ("a == false", a(Comparison::Equal, Value::Bool(false))),
        ("!a", a(Comparison::Equal, Value::Bool(true)).negated()),
        ("!!a", a(Comparison::Equal, Value::Bool(true))),
        ("a == null", Predicate::IsNull(Field::own("a"))),
        ("null != a", Predicate::IsNull(Field::own("a")).negated()),
        (
            "a == b",
            Predicate::Compare {
                field: Field::own("a"),
                op: Comparison::Equal,
                with: Operand::Field(Field::own("b")),
            },
        ),
        ("outcome == 'hired'", compared(Field::own("STS_KD"), Comparison::Equal, text("hired"))),
        (
            "recruitment.open",
            compared(Field::linked("recruitment", "open"), Comparison::Equal, Value::Bool(true)),
        ),
        ("closed == null", Predicate::IsNull(Field::linked("recruitment", "closed_at"))),
        ("a in ['x', 'y']", Predicate::OneOf { field: Field::own("a"), values: vec![text("x"), text("y")] }),
        ("!(a in [1])", Predicate::OneOf { field: Field::own("a"), values: vec![Value::Int(1)] }.negated()),
        (
            "a.startsWith('x')",
            Predicate::Text { field: Field::own("a"), test: TextTest::StartsWith, needle: "x".into() },
        ),
        (
            "recruitment.title.contains('æ')",
            Predicate::Text {
                field: Field::linked("recruitment", "title"),
                test: TextTest::Contains,
                needle: "æ".into(),
            },
        ),
        ("a < timestamp('2026-01-31T12:00:00+01:00')", a(Comparison::Less, instant("2026-01-31T11:00:00Z"))),
        ("a < timestamp('2026-01-31')", a(Comparison::Less, Value::Date("2026-01-31".parse().unwrap()))),
        ("event('handed-over')", Predicate::Event { name: "handed-over".into(), of: None }),
        (
            "event('closed', recruitment.id)",
            Predicate::Event { name: "closed".into(), of: Some(Field::linked("recruitment", "id")) },
        ),
        ("true", Predicate::Always(true)),
    ] {
        assert_eq!(read(source), expected, "{source}");
    }
}

#[test]
fn chains_are_flat() {
    let Predicate::All(parts) = read("a && !b && (c == 1 && d)") else { panic!("not a conjunction") };
    assert_eq!(parts.len(), 4);
    let Predicate::Any(parts) = read("a || b || c || d && e") else { panic!("not a disjunction") };
    assert_eq!(parts.len(), 4);
}

#[test]
fn everything_else_is_refused_at_its_place_with_what_to_write() {
    for (source, place, message, help) in [
        ("  ", "  ", "blank", "leave it out"),
        ("a = 'x'", "=", "`=` is not understood", "write `==`"),
        ("a <> 'x'", "", "", "write `!=`"),
        ("a == 'x' and b", "and", "`and` is not understood", "write `&&`"),
        ("a not in ['x']", "not", "`not`", "write `!`"),
        ("a is null", "is", "`is`", "`== null`"),
        ("a ==", "", "ends too early", "written like"),
        ("lønn == 1", "lønn", "letters a to z", "names.word"),
        ("a == 'x", "'x", "does not end", "quotation mark"),
        ("a == 99999999999999999999", "99999999999999999999", "64 bits", ""),
        ("a + 1 == 2", "a + 1", "do not calculate", "`after`"),
        ("-a == 2", "-a", "do not calculate", ""),
        ("a ? b : c", "a ? b : c", "`? :`", "`&&`"),
        ("a[0] == 1", "a[0", "`[...]` after a field", "in [...]"),
        ("a.matches('x')", "a.matches('x')", "regular expressions", "startsWith"),
        ("has(recruitment.open)", "", "`has`", "open != null"),
        ("[1].exists(x, x == a)", "[1]", "`exists`", "in [...]"),
        ("a.startswith('x')", "a.startswith('x')", "no function `startswith`", "did you mean `startsWith`?"),
        ("b && evnt('x')", "evnt('x')", "no function `evnt`", "did you mean `event`?"),
        ("size(a) > 1", "size(a)", "no function `size`", "`startsWith`"),
        ("a.contains(b)", "b", "quotation marks", ""),
        ("event(a)", "a", "event's name", ""),
        ("event('')", "''", "blank", ""),
        ("event()", "event()", "takes the event's name", "event('handed-over')"),
        ("a == 'x' == b", "a == 'x'", "not compared again", "`&&`"),
        ("1 == 1", "1 == 1", "two values", "one side must be a field"),
        ("b && 'a' == 'x'", "'a' == 'x'", "two values", "quotation marks"),
        ("a < null", "a < null", "nothing is smaller", "== null"),
        ("a > true", "a > true", "no order", "!field"),
        ("a in ['x', null]", "null", "`null` is not one", "field == null ||"),
        ("a in ['x', 1]", "1", "one type", "||"),
        ("a in []", "[]", "empty", ""),
        ("a in b", "b", "a list", "in ['a', 'b']"),
        ("'x' in a", "a", "a list", ""),
        ("'x' in ['x']", "'x'", "before `in`", ""),
        ("a in [b]", "b", "not fields", "quotation marks"),
        ("a == 5u", "5u", "no `u`", "write `5`"),
        ("a == b'x'", "b'x'", "bytes", "without `b`"),
        ("'x'", "'x'", "a value alone", ""),
        ("timestamp('2026-01-31')", "timestamp('2026-01-31')", "a time alone", ""),
        ("a < timestamp('31.01.2026')", "'31.01.2026'", "offset", "timestamp('2026-01-31T12:00:00+01:00')"),
        ("a < timestamp('2026-01-31T12:00:00')", "'2026-01-31T12:00:00'", "offset", ""),
        ("recruitment == 'x'", "recruitment", "is a link", "recruitment.FIELD"),
        ("recruitmnt.open", "recruitmnt.open", "no link", "did you mean `recruitment.open`?"),
        ("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q == 'x'", "a.b", "at most 16 names", ""),
        ("{'a': 1} == b", "", "", ""),
    ] {
        let error = compile(source, &names()).expect_err(source);
        assert!(error.message.contains(message), "{source}: {}", error.message);
        assert!(error.help.clone().unwrap_or_default().contains(help), "{source}: {:?}", error.help);
        assert!(source.get(error.span.clone()).is_some(), "{source}: {:?} is no part of it", error.span);
        if !place.is_empty() {
            assert!(
                source[error.span.clone()].starts_with(place),
                "{source}: points at {:?}",
                &source[error.span]
            );
        }
    }
}

#[test]
fn what_would_overflow_the_stack_is_an_error() {
    for source in [
        format!("{}a{}", "(".repeat(400), ")".repeat(400)),
        format!("{}c", "a ? b : ".repeat(400)),
        "[".repeat(2_000),
        "a == ".repeat(1_500) + "b",
        "a".to_owned() + &".a".repeat(2_000),
        "a && ".repeat(5_000) + "a",
    ] {
        compile(&source, &names()).expect_err(&source[..10]);
    }
    compile(&("a && ".repeat(1_500) + "a"), &names()).expect("a long chain is fine");
}

/// What is no link is a column of JSON with a path inside it.
#[test]
fn a_path_leads_into_json_of_the_record_or_of_a_link() {
    let field = |source: &str| match compile(source, &names()).unwrap() {
        Predicate::IsNull(field) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field("data.closedAt == null"), Field::own("data.closedAt"));
    assert_eq!(field("data.a.b == null"), Field::own("data.a.b"));
    assert_eq!(field("recruitment.data.a == null"), Field::linked("recruitment", "data.a"));
    let schema = schema();
    for (source, message) in
        [("nothing.a == 'x'", "has no field `nothing.a`"), ("note.a == 'x'", "and no JSON")]
    {
        let found = check(&compile(source, &names()).unwrap(), &schema);
        assert!(found.iter().any(|finding| finding.message.contains(message)), "{source}: {found:?}");
    }
}

/// What stands inside JSON may be a text, a number or a truth value, but never a time.
#[test]
fn a_path_is_compared_with_what_json_can_hold() {
    for text in [
        "data.a == 'x' || data.a == null",
        "data.a != null && data.a >= 5 && data.a < 7.5 && data.a in [1, 2]",
        "data.a != null && data.a && !data.a && data.a != true",
        "data.a.b == null || data.a.b.startsWith('x') || event('seen', data.a.b)",
        "data.a == null || data.a == id || data.a == note || data.a == flag || data.b == null || data.a < data.b",
    ] {
        assert_eq!(findings(text), [], "{text}");
    }
    let untested = findings("data.a == 5");
    assert!(untested[0].message.contains("`data.a` may be empty"), "{untested:?}");
    for (text, message) in [
        ("data.a < timestamp('2026-01-01T00:00:00Z')", "`data.a` is inside JSON: its type does not settle"),
        ("data.a == timestamp('2026-01-01')", "does not settle what time it means"),
        ("data.a == born", "`data.a` is inside JSON and `born` is date"),
        ("closed_at == data.a", "`closed_at` is timestamp and `data.a` is inside JSON"),
        ("data.a < flag", "`data.a` and `flag` are put in order, and truth values have none"),
        ("flag >= job.open", "truth values have none"),
        ("data == 5", "`data` is text and is compared with a value of type integer"),
    ] {
        let found = findings(text);
        let errors: Vec<_> = found.iter().filter(|one| one.severity == Severity::Error).collect();
        assert!(matches!(errors.as_slice(), [one] if one.message.contains(message)), "{text}: {found:?}");
    }
    let dates = findings("data.a == null || data.a < '2020-01-01'");
    assert!(dates.iter().any(|one| one.message.contains("letter by letter")), "{dates:?}");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused_within_itself(text in "[a-c().,!=<>&|'\" \\[\\]0-9æ\n-]{0,24}") {
        if let Err(error) = compile(&text, &names()) {
            proptest::prop_assert!(text.get(error.span).is_some());
        }
    }
}

fn schema() -> Schema {
    let column = |name: &str, kind, nullable| Column {
        name: name.into(),
        kind,
        declared: String::new(),
        nullable,
        indexed: false,
        unique: false,
        json: false,
    };
    Schema {
        collection: "applicants".into(),
        columns: vec![
            column("id", ColumnKind::Int, false),
            column("outcome", ColumnKind::Text, true),
            column("note", ColumnKind::Text, false),
            column("flag", ColumnKind::Bool, false),
            column("closed_at", ColumnKind::Instant, false),
            column("born", ColumnKind::Date, false),
            Column { json: true, ..column("data", ColumnKind::Text, false) },
        ],
        key: vec!["id".into()],
        key_form: KeyForm::Columns,
        linked: vec![("job".into(), vec![column("open", ColumnKind::Bool, false)])],
        referenced_by: vec![],
        side_effects: vec![],
        partitioned_by: None,
        warnings: vec![],
        marker: None,
        fingerprint: String::new(),
    }
}

fn findings(text: &str) -> Vec<Finding> {
    let names = Names { links: BTreeSet::from(["job".into()]), ..Names::default() };
    check(&compile(text, &names).unwrap(), &schema())
}

#[test]
fn what_the_schema_allows_is_not_complained_about() {
    for text in [
        "outcome != null && outcome == 'hired'",
        "outcome == null || !(outcome in ['hired'])",
        "id > 5 && id < 7.5 && flag && job.open",
        "closed_at < timestamp('2026-01-31T12:00:00Z') || born >= timestamp('2026-01-31')",
        "note.startsWith('x') && event('seen', outcome)",
    ] {
        assert_eq!(findings(text), [], "{text}");
    }
}

#[test]
fn the_schema_shows_what_cannot_be_right() {
    for (text, message, help) in [
        ("outcom == 'x'", "`applicants` has no field `outcom`", "did you mean `outcome`?"),
        ("zzz == 'x' || zzz == 'y'", "no field `zzz`", "it has `id`, `outcome`"),
        ("job.opn", "the link `job` has no field `opn`", "did you mean `open`?"),
        ("note == 5", "`note` is text and is compared with a value of type integer", "quotation marks"),
        ("id == 'x'", "`id` is integer", "as a number"),
        ("id", "`id` is integer", "write `id == 1`"),
        ("flag == 'yes'", "`flag` is boolean", "`!flag`"),
        ("closed_at < '2026-01-01'", "`closed_at` is timestamp", "timestamp('2026-01-31T12:00:00+01:00')"),
        ("closed_at < timestamp('2026-01-01')", "`closed_at` is timestamp", "time of day"),
        ("note < timestamp('2026-01-01T00:00:00Z')", "does not settle what time it means", "`start`"),
        ("id.contains('x')", "`id` is integer, not text", ""),
        ("id == note", "`id` is integer and `note` is text", ""),
        ("id in ['x']", "`id` is integer", ""),
    ] {
        let found = findings(text);
        let [finding] = found.as_slice() else { panic!("{text}: {found:?}") };
        assert_eq!(finding.severity, Severity::Error, "{text}");
        assert!(finding.message.contains(message), "{text}: {}", finding.message);
        assert!(finding.help.clone().unwrap_or_default().contains(help), "{text}: {:?}", finding.help);
    }
}

#[test]
fn a_nullable_field_without_a_test_is_a_warning() {
    let found = findings("outcome == 'hired' || outcome.startsWith('h')");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].severity, Severity::Warning);
    assert!(found[0].message.contains("`outcome` may be empty"));
    let dates = findings("note < '2020-01-01'");
    assert!(dates[0].message.contains("letter by letter"), "{dates:?}");
}
