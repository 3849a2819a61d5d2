use proptest::prelude::*;

use super::*;
use crate::model::predicate::Comparison;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_text_a_number_or_a_truth_value_at_the_end_of_the_path_is_a_value() {
    let json =
        r#"{"a": {"b": "x", "n": 7, "o": null, "l": ["y"], "t": true, "f": 0.5}, "s": "z", "": "blank"}"#;
    for (path, expected) in [
        (&["a", "b"][..], text("x")),
        (&["s"], text("z")),
        (&[""], text("blank")),
        (&["a", "n"], Value::Int(7)),
        (&["a", "f"], Value::Real(0.5)),
        (&["a", "t"], Value::Bool(true)),
    ] {
        assert!(at(json, path) == expected, "{path:?}");
    }
    for missing in [
        &["a", "o"][..],
        &["a", "c"],
        &["c"],
        &["s", "b"],
        &["a", "b", "c"],
        &["a", "l", "0"],
        &["a", "n", "x"],
        &["a", "t", "x"],
    ] {
        assert!(at(json, missing).is_null(), "{missing:?}");
    }
    for other in [&["a"][..], &["a", "l"]] {
        assert!(at(json, other) == Value::Other, "{other:?}");
    }
    for whole in ["null", "\"text\"", "[1]", " 5", "1e999", "true"] {
        assert!(at(whole, &["a"]).is_null(), "{whole}");
    }
}

#[test]
fn a_number_is_what_its_digits_say_or_it_is_not_known() {
    for (written, expected) in [
        ("0", Value::Int(0)),
        ("-0", Value::Int(0)),
        ("-0.0", Value::Int(0)),
        ("0e99999999999999999999", Value::Int(0)),
        ("1.0", Value::Int(1)),
        ("1e3", Value::Int(1000)),
        ("1E+3", Value::Int(1000)),
        ("-1.50e1", Value::Int(-15)),
        ("1200e-2", Value::Int(12)),
        ("9223372036854775807", Value::Int(i64::MAX)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("9223372036854775807.000", Value::Int(i64::MAX)),
        ("9007199254740993", Value::Int(9_007_199_254_740_993)),
        ("9223372036854775808", Value::Other),
        ("-9223372036854775809", Value::Other),
        ("1e19", Value::Other),
        ("1e999", Value::Other),
        ("1e99999999999999999999", Value::Other),
        ("0.5", Value::Real(0.5)),
        ("-0.50", Value::Real(-0.5)),
        ("5e-1", Value::Real(0.5)),
        ("0.1", Value::Real(0.1)),
        ("0.30000000000000004", Value::Real(0.1 + 0.2)),
        ("1767225600.123456", Value::Real(1_767_225_600.123_456)),
        ("5e-324", Value::Real(5e-324)),
        ("0.1000000000000000001", Value::Other),
        ("1767225600.123456789", Value::Other),
        ("9007199254740993.5", Value::Other),
        ("1e-400", Value::Other),
        ("1e-99999999999999999999", Value::Other),
    ] {
        assert!(at(&format!("{{\"a\": {written}}}"), &["a"]) == expected, "{written}");
    }
}

#[test]
fn a_text_of_digits_is_a_text() {
    assert!(at(r#"{"a": "1"}"#, &["a"]) == text("1"));
    assert!(at(r#"{"a": "true"}"#, &["a"]) == text("true"));
}

#[test]
fn of_members_with_one_name_the_last_counts() {
    for (json, expected) in [
        (r#"{"a": 1, "a": "x"}"#, text("x")),
        (r#"{"a": "x", "\u0061": 1}"#, Value::Int(1)),
        (r#"{"a": 1, "a": null}"#, Value::Null),
        (r#"{"a": 1e999, "a": true}"#, Value::Bool(true)),
        (r#"{"a": true, "a": {}}"#, Value::Other),
    ] {
        assert!(at(json, &["a"]) == expected, "{json}");
    }
    assert!(at(r#"{"a": {"b": 1}, "a": {"c": 2}}"#, &["a", "b"]).is_null());
}

#[test]
fn what_is_no_json_is_not_known_wherever_it_breaks() {
    for broken in [
        "{\"a\"",
        "{\"a\": 01}",
        "{\"a\": 1.}",
        "{\"a\": .5}",
        "{\"a\": +1}",
        "{\"a\": NaN}",
        "{\"a\": truth}",
        "{\"a\": 1} x",
        "{\"a\": 1}{}",
        "{\"a\": 1, \"b\": }",
        "{\"b\": [1}",
        "x",
        "",
    ] {
        assert!(at(broken, &["a"]) == Value::Other, "{broken}");
        assert!(at(broken, &["b", "c"]) == Value::Other, "{broken}");
    }
}

proptest! {
    #[test]
    fn numbers_come_back_as_they_were_written(whole in any::<i64>(), real in any::<f64>()) {
        let read = at(&format!("{{\"a\": {whole}}}"), &["a"]);
        prop_assert!(read == Value::Int(whole), "{}", whole);
        if real.is_finite() {
            let read = at(&format!("{{\"a\": {real:e}}}"), &["a"]);
            let same = Comparison::Equal.answer(&read, &Value::Real(real)) == Some(true);
            // Further out the digits that name a floating-point number are those of another whole number.
            prop_assert!(same || real.abs() > 9_007_199_254_740_992.0, "{:e}", real);
        }
    }
}
