//! Values and keys between the server and the model.
//!
//! The binary protocol gives dates by their parts, so that a zero date, a zero month or a day that no calendar has
//! arrives as it is stored, whatever `sql_mode` says. Such a date is no date: it is read as the text that it is, which
//! no start can be made of, so that the record is undetermined and kept.

use chrono::{NaiveDate, NaiveDateTime};
use mysql_async::Value as SqlValue;

use crate::model::key::{Key, KeyPart};
use crate::model::schema::ColumnKind;
use crate::model::value::Value;

/// What a column's values are, from `DATA_TYPE` and `COLUMN_TYPE` of the catalogue.
///
/// A DATETIME has no zone of its own and is read as text, for which the policy declares format and zone.
pub(super) fn kind(data_type: &str, column_type: &str) -> ColumnKind {
    match data_type.to_ascii_lowercase().as_str() {
        "tinyint" if column_type.to_ascii_lowercase().starts_with("tinyint(1)") => ColumnKind::Bool,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => ColumnKind::Int,
        "float" | "double" | "decimal" => ColumnKind::Real,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" | "json"
        | "datetime" | "uuid" => ColumnKind::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "bit" => ColumnKind::Bytes,
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
pub(super) fn key(columns: &[(SqlValue, ColumnKind)]) -> Option<Key> {
    if let [(SqlValue::Int(number), _)] = columns {
        return Some(Key::from_int(*number));
    }
    let parts: Option<Vec<KeyPart>> = columns.iter().map(|(value, kind)| part(value, *kind)).collect();
    parts.map(|parts| Key::from_parts(&parts))
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let text =
            |text: &str| key(&[(SqlValue::Bytes(text.as_bytes().to_vec()), ColumnKind::Text)]).unwrap();
        assert_ne!(text("a"), text("A"));
        assert_ne!(text("a"), text("a "));
        assert_ne!(text("a"), text("\u{e4}"));
    }

    #[test]
    fn no_key_is_made_of_what_has_no_one_spelling() {
        assert_eq!(key(&[(SqlValue::UInt(u64::MAX), ColumnKind::Int)]), None);
        assert_eq!(key(&[(SqlValue::NULL, ColumnKind::Int)]), None);
        assert_eq!(key(&[(SqlValue::Bytes(b"1.50".to_vec()), ColumnKind::Real)]), None);
        assert_eq!(key(&[(SqlValue::UInt(7), ColumnKind::Int)]), Some(Key::from_int(7)));
    }

    #[test]
    fn only_a_truth_column_has_truth_values() {
        assert!(read(&SqlValue::Int(1), kind("tinyint", "tinyint(1)")) == Value::Bool(true));
        assert!(read(&SqlValue::Int(2), kind("tinyint", "tinyint(1)")) == Value::Int(2));
        assert!(read(&SqlValue::Int(1), kind("tinyint", "tinyint(4)")) == Value::Int(1));
    }
}
