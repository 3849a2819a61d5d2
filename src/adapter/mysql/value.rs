//! Values and keys between the server and the model.
//!
//! The binary protocol gives dates by their parts, so that a zero date, a zero month or a day that no calendar has
//! arrives as it is stored, whatever `sql_mode` says. Such a date is no date: it is read as the text that it is, which
//! no start can be made of, so that the record is undetermined and kept.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use mysql_async::Value as SqlValue;

use crate::adapter::sql::starts::Edge;
use crate::model::key::{Key, KeyPart, hex};
use crate::model::schema::ColumnKind;
use crate::model::value::Value;
use crate::time::Instant;

/// What a column's values are, from `DATA_TYPE` and `COLUMN_TYPE` of the catalogue.
///
/// A DATETIME has no zone of its own: it is read as the text that it is spelled as, for which the policy declares
/// format and zone.
pub(super) fn kind(data_type: &str, column_type: &str) -> ColumnKind {
    match data_type.to_ascii_lowercase().as_str() {
        "tinyint" if column_type.to_ascii_lowercase().starts_with("tinyint(1)") => ColumnKind::Bool,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => ColumnKind::Int,
        "float" | "double" | "decimal" => ColumnKind::Real,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" | "json"
        | "uuid" => ColumnKind::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => ColumnKind::Bytes,
        "timestamp" => ColumnKind::Instant,
        "date" => ColumnKind::Date,
        _ => ColumnKind::Any,
    }
}

/// A value as its column's kind lets it be read. The session's zone is UTC: a TIMESTAMP arrives in it.
///
/// A whole number beyond i64 is read as a real one; text that is no UTF-8 is read with U+FFFD for what cannot be.
#[expect(clippy::cast_precision_loss, reason = "beyond i64 the model has only real numbers")]
pub(super) fn read(value: &SqlValue, kind: ColumnKind) -> Value {
    match value {
        SqlValue::NULL => Value::Null,
        SqlValue::Int(number @ (0 | 1)) if kind == ColumnKind::Bool => Value::Bool(*number == 1),
        SqlValue::Int(number) => Value::Int(*number),
        SqlValue::UInt(number @ (0 | 1)) if kind == ColumnKind::Bool => Value::Bool(*number == 1),
        SqlValue::UInt(number) => i64::try_from(*number).map_or(Value::Real(*number as f64), Value::Int),
        SqlValue::Float(number) => Value::Real(f64::from(*number)),
        SqlValue::Double(number) => Value::Real(*number),
        SqlValue::Bytes(bytes) if matches!(kind, ColumnKind::Bytes | ColumnKind::Any) => {
            Value::Bytes(bytes.clone())
        }
        SqlValue::Bytes(bytes) if kind == ColumnKind::Real => decimal(bytes),
        SqlValue::Bytes(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        SqlValue::Date(..) => moment(value, kind),
        SqlValue::Time(..) => Value::Text(value.as_sql(true).trim_matches('\'').to_owned()),
    }
}

/// DECIMAL is sent as digits.
fn decimal(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes).into_owned();
    text.parse().map_or(Value::Text(text), Value::Real)
}

fn moment(value: &SqlValue, kind: ColumnKind) -> Value {
    let &SqlValue::Date(year, month, day, hour, minute, second, micros) = value else { return Value::Null };
    // chrono has a year 0; MySQL has it only in dates that are none.
    let date =
        NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day)).filter(|_| year > 0);
    let whole: Option<NaiveDateTime> = date.and_then(|date| {
        date.and_hms_micro_opt(u32::from(hour), u32::from(minute), u32::from(second), micros)
    });
    match (kind, date, whole) {
        (ColumnKind::Date, Some(date), _) => Value::Date(date),
        (ColumnKind::Instant, _, Some(whole)) => Value::Instant(whole.and_utc()),
        (ColumnKind::Date, None, _) => Value::Text(format!("{year:04}-{month:02}-{day:02}")),
        _ => {
            let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
            Value::Text(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}"))
        }
    }
}

/// The key in these columns; `None` if one of them holds what no key can be made of: NULL, a number beyond i64, a
/// fraction, a date. Texts are taken by their bytes, whatever their collation finds equal.
pub(super) fn key<'a>(columns: impl Iterator<Item = (Option<&'a SqlValue>, ColumnKind)>) -> Option<Key> {
    let parts: Option<Vec<KeyPart>> = columns.map(|(value, kind)| part(value?, kind)).collect();
    match parts?.as_slice() {
        [KeyPart::Int(number)] => Some(Key::from_int(*number)),
        parts => Some(Key::from_parts(parts)),
    }
}

fn part(value: &SqlValue, kind: ColumnKind) -> Option<KeyPart> {
    match value {
        SqlValue::Int(number) => Some(KeyPart::Int(*number)),
        SqlValue::UInt(number) => i64::try_from(*number).ok().map(KeyPart::Int),
        SqlValue::Bytes(bytes) => match (kind, std::str::from_utf8(bytes)) {
            (ColumnKind::Real, _) => None,
            (ColumnKind::Text, Ok(text)) => Some(KeyPart::Text(text.to_owned())),
            _ => Some(KeyPart::Bytes(bytes.clone())),
        },
        _ => None,
    }
}

/// Whether a column of that kind can hold the part.
pub(super) fn is_of(kind: ColumnKind, part: &KeyPart) -> bool {
    matches!(
        (kind, part),
        (ColumnKind::Int, KeyPart::Int(_))
            | (ColumnKind::Text, KeyPart::Text(_))
            | (ColumnKind::Bytes, KeyPart::Bytes(_))
    )
}

/// A key's part as it is bound; `None` for one of another type than the column's.
pub(super) fn bind_part(kind: ColumnKind, part: &KeyPart) -> Option<Bind> {
    if !is_of(kind, part) {
        return None;
    }
    match part {
        KeyPart::Int(number) => Some(Bind(SqlValue::Int(*number))),
        KeyPart::Text(text) => Some(Bind::bytes(text.as_bytes())),
        KeyPart::Bytes(bytes) => Some(Bind::bytes(bytes)),
        KeyPart::Uuid(_) => None,
    }
}

/// Bytes as SQL writes them: digits only, so that nothing in them can be taken for SQL.
pub(super) fn literal(bytes: &[u8]) -> String {
    format!("X'{}'", hex(bytes))
}

/// A key's part as SQL writes it, texts by their bytes.
pub(super) fn literal_part(part: &KeyPart) -> String {
    match part {
        KeyPart::Int(number) => number.to_string(),
        KeyPart::Text(text) => literal(text.as_bytes()),
        KeyPart::Bytes(bytes) => literal(bytes),
        KeyPart::Uuid(bytes) => literal(bytes),
    }
}

/// The same for what an index of the column's own collation can find.
pub(super) fn indexed_part(part: &KeyPart) -> String {
    match part {
        KeyPart::Text(text) => format!("_utf8mb4 {}", literal(text.as_bytes())),
        other => literal_part(other),
    }
}

/// A value that is bound. `Debug` shows nothing of it.
#[derive(Clone, PartialEq)]
pub(super) struct Bind(pub(super) SqlValue);

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<bound>")
    }
}

impl Bind {
    /// A value of a record or a policy.
    pub(super) fn of(value: &Value) -> Self {
        Self(match value {
            Value::Null | Value::Other => SqlValue::NULL,
            Value::Bool(answer) => SqlValue::Int(i64::from(*answer)),
            Value::Int(number) => SqlValue::Int(*number),
            Value::Real(number) => SqlValue::Double(*number),
            Value::Text(text) => SqlValue::Bytes(text.as_bytes().to_vec()),
            Value::Bytes(bytes) => SqlValue::Bytes(bytes.clone()),
            Value::Instant(instant) => instant.naive_utc().into(),
            Value::Date(date) => (*date).into(),
        })
    }

    /// Bytes, or a text in UTF-8.
    pub(super) fn bytes(bytes: &[u8]) -> Self {
        Self(SqlValue::Bytes(bytes.to_vec()))
    }
}

/// An end of a range of whole-number keys: one of them, or the number behind the largest.
pub(super) fn end(number: i128) -> Bind {
    let signed = i64::try_from(number).map(SqlValue::Int);
    Bind(signed.unwrap_or_else(|_| SqlValue::UInt(u64::try_from(number).unwrap_or(u64::MAX))))
}

/// A whole-number key.
pub(super) fn whole(value: &SqlValue) -> Option<i128> {
    match value {
        SqlValue::Int(number) => Some((*number).into()),
        SqlValue::UInt(number) => Some((*number).into()),
        _ => None,
    }
}

/// An end of a range of starts. A TIMESTAMP begins with 1970.
pub(super) fn edge(end: Edge) -> Bind {
    Bind(match end {
        Edge::Instant(instant) => instant.max(FIRST_TIMESTAMP).naive_utc().into(),
        Edge::Date(date) => date.into(),
        Edge::Number(number) => SqlValue::Int(number),
        Edge::Local(local) => local.into(),
    })
}

/// The first instant that a TIMESTAMP can hold; what is compared with less is not compared as one.
const FIRST_TIMESTAMP: Instant = DateTime::from_timestamp(1, 0).expect("a moment of the calendar");

/// Where a bound value stands in the text. No name can have such a character, and so no name is taken for it.
pub(super) fn place(number: usize) -> String {
    format!("\0{number}\0")
}

/// The text as the server reads it, with what it binds in the order in which it stands there.
pub(super) fn rendered(sql: &str, bound: &[Bind]) -> (String, Vec<SqlValue>) {
    let (mut text, mut values) = (String::with_capacity(sql.len()), Vec::new());
    for (at, part) in sql.split('\0').enumerate() {
        if at % 2 == 0 {
            text.push_str(part);
        } else {
            let bind = part.parse::<usize>().ok().and_then(|number| bound.get(number.checked_sub(1)?));
            values.push(bind.expect("a place was given out for a bound value").0.clone());
            text.push('?');
        }
    }
    (text, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &SqlValue, kind: ColumnKind) -> Option<Key> {
        key(std::iter::once((Some(value), kind)))
    }

    #[test]
    fn what_is_bound_follows_the_text() {
        let bound = [1, 2].map(|number| Bind(SqlValue::Int(number)));
        let sql = format!("{} and `?` = {} or {}", place(2), place(1), place(2));
        let (text, values) = rendered(&sql, &bound);
        assert_eq!(text, "? and `?` = ? or ?");
        assert!(values == [2, 1, 2].map(SqlValue::Int));
    }

    #[test]
    fn a_date_that_is_none_stays_the_text_that_it_is() {
        for (stored, expected) in [
            (SqlValue::Date(0, 0, 0, 0, 0, 0, 0), "0000-00-00"),
            (SqlValue::Date(2020, 2, 0, 0, 0, 0, 0), "2020-02-00"),
            (SqlValue::Date(2019, 2, 31, 0, 0, 0, 0), "2019-02-31"),
            (SqlValue::Date(0, 1, 1, 0, 0, 0, 0), "0000-01-01"),
        ] {
            assert!(read(&stored, ColumnKind::Date) == Value::Text(expected.to_owned()), "{expected}");
            let text = Value::Text(format!("{expected} 00:00:00"));
            assert!(read(&stored, ColumnKind::Instant) == text, "{expected} as a timestamp");
        }
        let day = NaiveDate::from_ymd_opt(2020, 2, 29).unwrap();
        assert!(read(&SqlValue::Date(2020, 2, 29, 0, 0, 0, 0), ColumnKind::Date) == Value::Date(day));
    }

    #[test]
    fn keys_are_told_apart_by_their_bytes() {
        let text = |text: &str| one(&SqlValue::Bytes(text.as_bytes().to_vec()), ColumnKind::Text).unwrap();
        assert_ne!(text("a"), text("A"));
        assert_ne!(text("a"), text("a "));
        assert_ne!(text("a"), text("\u{e4}"));
    }

    #[test]
    fn no_key_is_made_of_what_has_no_one_spelling() {
        assert_eq!(one(&SqlValue::UInt(u64::MAX), ColumnKind::Int), None);
        assert_eq!(one(&SqlValue::NULL, ColumnKind::Int), None);
        assert_eq!(one(&SqlValue::Bytes(b"1.50".to_vec()), ColumnKind::Real), None);
        assert_eq!(one(&SqlValue::UInt(7), ColumnKind::Int), Some(Key::from_int(7)));
    }

    #[test]
    fn only_a_truth_column_has_truth_values() {
        assert!(read(&SqlValue::Int(1), kind("tinyint", "tinyint(1)")) == Value::Bool(true));
        assert!(read(&SqlValue::Int(2), kind("tinyint", "tinyint(1)")) == Value::Int(2));
        assert!(read(&SqlValue::Int(1), kind("tinyint", "tinyint(4)")) == Value::Int(1));
    }
}
