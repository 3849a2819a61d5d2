//! Values and keys between SQLite and the model.

use rusqlite::types::{Value as SqlValue, ValueRef};

use crate::model::key::{Key, KeyPart};
use crate::model::schema::ColumnKind;
use crate::model::value::Value;

/// A stored value as its column's kind lets it be read: only a column declared as a truth value has truth values.
///
/// Text that is no UTF-8 is read with U+FFFD for what cannot be: no start has such a text, and no condition can
/// be made true by it that SQL finds false.
pub(super) fn read(value: ValueRef<'_>, kind: ColumnKind) -> Value {
    match value {
        ValueRef::Blob(bytes) if kind == ColumnKind::Inside => match bytes {
            [truth @ (0 | 1)] => Value::Bool(*truth == 1),
            _ => Value::Other,
        },
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number @ (0 | 1)) if kind == ColumnKind::Bool => Value::Bool(number == 1),
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

/// What stands inside JSON, between one function of ours and another: SQLite has no truth values, and no bytes stand in
/// JSON. [`read`] understands it.
pub(super) fn inside(value: &Value) -> SqlValue {
    match value {
        Value::Bool(truth) => SqlValue::Blob(vec![u8::from(*truth)]),
        Value::Other => SqlValue::Blob(Vec::new()),
        other => stored(other),
    }
}

/// A value as it is bound or stored. Instants and days never come from a SQLite column; they have no form here.
pub(super) fn stored(value: &Value) -> SqlValue {
    match value {
        Value::Null | Value::Instant(_) | Value::Date(_) | Value::Other => SqlValue::Null,
        Value::Bool(flag) => SqlValue::Integer(i64::from(*flag)),
        Value::Int(number) => SqlValue::Integer(*number),
        Value::Real(number) => SqlValue::Real(*number),
        Value::Text(text) => SqlValue::Text(text.clone()),
        Value::Bytes(bytes) => SqlValue::Blob(bytes.clone()),
    }
}

/// One column of a key, by the type it is stored in. NULL is no key and neither is a number with a fraction, which has
/// no one spelling; a text that is no UTF-8 is its bytes.
fn part(value: ValueRef<'_>) -> Option<KeyPart> {
    match value {
        ValueRef::Null | ValueRef::Real(_) => None,
        ValueRef::Integer(number) => Some(KeyPart::Int(number)),
        ValueRef::Text(text) => Some(match std::str::from_utf8(text) {
            Ok(text) => KeyPart::Text(text.to_owned()),
            Err(_) => KeyPart::Bytes(text.to_vec()),
        }),
        ValueRef::Blob(bytes) => Some(KeyPart::Bytes(bytes.to_vec())),
    }
}

/// The key in these columns; `None` if one of them holds what no key can be made of.
pub(super) fn key<'a>(columns: usize, get: impl Fn(usize) -> ValueRef<'a>) -> Option<Key> {
    if columns == 1
        && let ValueRef::Integer(number) = get(0)
    {
        return Some(Key::from_int(number));
    }
    let parts: Option<Vec<KeyPart>> = (0..columns).map(|at| part(get(at))).collect();
    parts.map(|parts| Key::from_parts(&parts))
}

/// A key column as it is bound. UUIDs have no type of their own in SQLite and are kept as bytes.
pub(super) fn bound(part: KeyPart) -> SqlValue {
    match part {
        KeyPart::Int(number) => SqlValue::Integer(number),
        KeyPart::Text(text) => SqlValue::Text(text),
        KeyPart::Bytes(bytes) => SqlValue::Blob(bytes),
        KeyPart::Uuid(bytes) => SqlValue::Blob(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_truth_column_has_truth_values() {
        assert_eq!(read(ValueRef::Integer(1), ColumnKind::Bool), Value::Bool(true));
        assert_eq!(read(ValueRef::Integer(2), ColumnKind::Bool), Value::Int(2));
        assert_eq!(read(ValueRef::Integer(1), ColumnKind::Int), Value::Int(1));
        assert_eq!(read(ValueRef::Text(b"h\xf8yt"), ColumnKind::Text), Value::Text("h\u{fffd}yt".to_owned()));
    }

    #[test]
    fn a_key_has_no_null() {
        let row = [ValueRef::Integer(2026), ValueRef::Text(b"17")];
        let expected = Key::from_parts(&[KeyPart::Int(2026), KeyPart::Text("17".to_owned())]);
        assert_eq!(key(2, |at| row[at]), Some(expected));
        assert_eq!(key(1, |_| ValueRef::Null), None);
        assert_eq!(key(1, |at| row[at]), Some(Key::from_int(2026)));
    }
}
