//! Texts inside JSON: what a field such as `data.closedAt` means.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::value::Value;

/// What stands at the path: a text; NULL where nothing or JSON's own null stands there; bytes, with which nothing
/// compares and which no format reads, for a number, a truth value, a list or an object.
pub fn at(json: &str, path: &[&str]) -> Value {
    let mut reader = serde_json::Deserializer::from_str(json);
    match Step(path).deserialize(&mut reader) {
        Ok(value) => value,
        Err(_) => other(),
    }
}

/// The same inside what a store gave for a column: where that is no text, nothing stands inside; inside bytes nobody
/// knows what does.
pub fn inside(value: &Value, path: &[&str]) -> Value {
    match value {
        Value::Text(text) => at(text, path),
        Value::Bytes(_) => other(),
        _ => Value::Null,
    }
}

fn other() -> Value {
    Value::Bytes(Vec::new())
}

/// The rest of the path. What lies beside it is passed over, whatever it is.
struct Step<'a>(&'a [&'a str]);

impl Step<'_> {
    /// No object and no null: at the end of the path it is no text, before it nothing can follow.
    fn scalar(&self) -> Value {
        if self.0.is_empty() { other() } else { Value::Null }
    }
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(if self.0.is_empty() { Value::Text(text.to_owned()) } else { Value::Null })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(self.scalar())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(self.scalar())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(self.scalar())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(self.scalar())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.scalar())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Some((first, rest)) = self.0.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(other());
        };
        let mut found = Value::Null;
        while let Some(name) = map.next_key::<String>()? {
            if name == *first {
                found = map.next_value_seed(Step(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_at_the_end_of_the_path_is_a_value() {
        let json =
            r#"{"a": {"b": "x", "n": 1e999, "o": null, "l": ["y"], "t": true}, "s": "z", "": "blank"}"#;
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(at(json, &["a", "b"]), text("x"));
        assert_eq!(at(json, &["s"]), text("z"));
        for missing in [&["a", "o"][..], &["a", "c"], &["c"], &["s", "b"], &["a", "b", "c"], &["a", "l", "0"]]
        {
            assert_eq!(at(json, missing), Value::Null, "{missing:?}");
        }
        for other in [&["a"][..], &["a", "n"], &["a", "l"], &["a", "t"]] {
            assert!(matches!(at(json, other), Value::Bytes(_)), "{other:?}");
        }
        for whole in ["null", "\"text\"", "[1]"] {
            assert_eq!(at(whole, &["a"]), Value::Null, "{whole}");
        }
        assert!(matches!(at("{\"a\"", &["a"]), Value::Bytes(_)), "no JSON");
    }
}
