//! Values on their way to the server and back.

use std::error::Error;
use std::fmt;

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::model::key::{Key, KeyPart, hex};
use crate::model::schema::ColumnKind;
use crate::model::value::Value;
use crate::time::Instant;

/// A value that is bound. `Debug` shows nothing of it.
#[derive(Clone, PartialEq)]
pub(super) enum Bind {
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
    Instant(DateTime<Utc>),
    Local(NaiveDateTime),
    Date(NaiveDate),
    Nothing,
    Ints(Vec<i64>),
    Texts(Vec<String>),
    Maybes(Vec<Option<String>>),
    Byteses(Vec<Vec<u8>>),
    Uuids(Vec<Uuid>),
    Instants(Vec<DateTime<Utc>>),
    Dates(Vec<NaiveDate>),
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<bound>")
    }
}

impl Bind {
    /// The type that the SQL text casts its place to.
    pub(super) fn cast(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Int(_) => "int8",
            Self::Real(_) => "float8",
            Self::Text(_) | Self::Nothing => "text",
            Self::Bytes(_) => "bytea",
            Self::Uuid(_) => "uuid",
            Self::Instant(_) => "timestamptz",
            Self::Local(_) => "timestamp",
            Self::Date(_) => "date",
            Self::Ints(_) => "int8[]",
            Self::Texts(_) | Self::Maybes(_) => "text[]",
            Self::Byteses(_) => "bytea[]",
            Self::Uuids(_) => "uuid[]",
            Self::Instants(_) => "timestamptz[]",
            Self::Dates(_) => "date[]",
        }
    }

    /// A value of a record or a policy; `None` for what SQL cannot hold.
    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Nothing,
            Value::Other => return None,
            Value::Bool(answer) => Self::Bool(*answer),
            Value::Int(number) => Self::Int(*number),
            Value::Real(number) => Self::Real(*number),
            Value::Text(text) if text.contains('\0') => return None,
            Value::Text(text) => Self::Text(text.clone()),
            Value::Bytes(bytes) => Self::Bytes(bytes.clone()),
            Value::Instant(instant) => Self::Instant(*instant),
            Value::Date(date) => Self::Date(*date),
        })
    }
}

impl ToSql for Bind {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Bool(value) => value.to_sql(ty, out),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Real(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Bytes(value) => value.to_sql(ty, out),
            Self::Uuid(value) => value.to_sql(ty, out),
            Self::Instant(value) => value.to_sql(ty, out),
            Self::Local(value) => value.to_sql(ty, out),
            Self::Date(value) => value.to_sql(ty, out),
            Self::Nothing => Ok(IsNull::Yes),
            Self::Ints(value) => value.to_sql(ty, out),
            Self::Texts(value) => value.to_sql(ty, out),
            Self::Maybes(value) => value.to_sql(ty, out),
            Self::Byteses(value) => value.to_sql(ty, out),
            Self::Uuids(value) => value.to_sql(ty, out),
            Self::Instants(value) => value.to_sql(ty, out),
            Self::Dates(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The server's own count for times and days, which has infinities that no calendar has.
struct Raw(i64);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if *ty == Type::DATE {
            return Ok(Self(i32::from_be_bytes(raw.try_into()?).into()));
        }
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ || *ty == Type::DATE
    }
}

/// From 1970 to the server's first day, 2000-01-01.
const DAYS_TO_2000: i64 = 10_957;

fn instant(raw: i64) -> Instant {
    match raw {
        i64::MIN => Instant::MIN_UTC,
        i64::MAX => Instant::MAX_UTC,
        micros => Instant::from_timestamp_micros(micros.saturating_add(DAYS_TO_2000 * 86_400_000_000))
            .unwrap_or(if micros < 0 { Instant::MIN_UTC } else { Instant::MAX_UTC }),
    }
}

fn date(raw: i64) -> NaiveDate {
    let far = if raw < 0 { NaiveDate::MIN } else { NaiveDate::MAX };
    if raw == i64::from(i32::MIN) || raw == i64::from(i32::MAX) {
        return far;
    }
    let first = NaiveDate::from_ymd_opt(2000, 1, 1).expect("a day of the calendar");
    first.checked_add_signed(Duration::days(raw)).unwrap_or(far)
}

/// How a column is selected so that [`read`] understands it.
pub(super) fn selected(sql: &str, kind: ColumnKind) -> String {
    match kind {
        ColumnKind::Int => format!("{sql}::int8"),
        ColumnKind::Real => format!("{sql}::float8"),
        ColumnKind::Bool | ColumnKind::Bytes | ColumnKind::Instant | ColumnKind::Date => sql.to_owned(),
        ColumnKind::Text | ColumnKind::Any | ColumnKind::Inside => format!("{sql}::text"),
    }
}

/// The value in a place of a row that was selected as [`selected`] says.
pub(super) fn read(row: &Row, at: usize, kind: ColumnKind) -> Result<Value, tokio_postgres::Error> {
    Ok(match kind {
        ColumnKind::Int => row.try_get::<_, Option<i64>>(at)?.map_or(Value::Null, Value::Int),
        ColumnKind::Real => row.try_get::<_, Option<f64>>(at)?.map_or(Value::Null, Value::Real),
        ColumnKind::Bool => row.try_get::<_, Option<bool>>(at)?.map_or(Value::Null, Value::Bool),
        ColumnKind::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map_or(Value::Null, Value::Bytes),
        ColumnKind::Instant => {
            row.try_get::<_, Option<Raw>>(at)?.map_or(Value::Null, |raw| Value::Instant(instant(raw.0)))
        }
        ColumnKind::Date => {
            row.try_get::<_, Option<Raw>>(at)?.map_or(Value::Null, |raw| Value::Date(date(raw.0)))
        }
        ColumnKind::Text | ColumnKind::Any | ColumnKind::Inside => {
            row.try_get::<_, Option<String>>(at)?.map_or(Value::Null, Value::Text)
        }
    })
}

/// What a key column is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Int,
    Text,
    Bytes,
    Uuid,
}

impl KeyType {
    /// Of a column, by its type in the catalogue.
    pub(super) fn of(kind: ColumnKind, declared: &str) -> Self {
        match kind {
            ColumnKind::Int => Self::Int,
            ColumnKind::Bytes => Self::Bytes,
            _ if declared == "uuid" => Self::Uuid,
            _ => Self::Text,
        }
    }

    /// How it is selected and compared.
    pub(super) fn selected(self, sql: &str) -> String {
        match self {
            Self::Int => format!("{sql}::int8"),
            Self::Text => format!("{sql}::text"),
            Self::Bytes | Self::Uuid => sql.to_owned(),
        }
    }

    /// The part that a key has in this column; `None` where it has another type.
    pub(super) fn bind(self, part: &KeyPart) -> Option<Bind> {
        match (self, part) {
            (Self::Int, KeyPart::Int(number)) => Some(Bind::Int(*number)),
            (Self::Text, KeyPart::Text(text)) if !text.contains('\0') => Some(Bind::Text(text.clone())),
            (Self::Bytes, KeyPart::Bytes(bytes)) => Some(Bind::Bytes(bytes.clone())),
            (Self::Uuid, KeyPart::Uuid(bytes)) => Some(Bind::Uuid(Uuid::from_bytes(*bytes))),
            // On the command line a UUID is a text.
            (Self::Uuid, KeyPart::Text(text)) => text.parse().ok().map(Bind::Uuid),
            _ => None,
        }
    }

    /// Several such parts as one array.
    pub(super) fn array(self, parts: Vec<Bind>) -> Bind {
        match self {
            Self::Int => Bind::Ints(
                parts
                    .into_iter()
                    .filter_map(|one| if let Bind::Int(one) = one { Some(one) } else { None })
                    .collect(),
            ),
            Self::Text => Bind::Texts(
                parts
                    .into_iter()
                    .filter_map(|one| if let Bind::Text(one) = one { Some(one) } else { None })
                    .collect(),
            ),
            Self::Bytes => Bind::Byteses(
                parts
                    .into_iter()
                    .filter_map(|one| if let Bind::Bytes(one) = one { Some(one) } else { None })
                    .collect(),
            ),
            Self::Uuid => Bind::Uuids(
                parts
                    .into_iter()
                    .filter_map(|one| if let Bind::Uuid(one) = one { Some(one) } else { None })
                    .collect(),
            ),
        }
    }
}

/// The key in a row, whose columns begin at `first`; `None` where one of them is NULL.
pub(super) fn key(row: &Row, first: usize, types: &[KeyType]) -> Result<Option<Key>, tokio_postgres::Error> {
    if let [KeyType::Int] = types {
        return Ok(row.try_get::<_, Option<i64>>(first)?.map(Key::from_int));
    }
    let mut parts = Vec::with_capacity(types.len());
    for (at, kind) in types.iter().enumerate() {
        let at = first + at;
        let part = match kind {
            KeyType::Int => row.try_get::<_, Option<i64>>(at)?.map(KeyPart::Int),
            KeyType::Text => row.try_get::<_, Option<String>>(at)?.map(KeyPart::Text),
            KeyType::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map(KeyPart::Bytes),
            KeyType::Uuid => row.try_get::<_, Option<Uuid>>(at)?.map(|uuid| KeyPart::Uuid(uuid.into_bytes())),
        };
        let Some(part) = part else { return Ok(None) };
        parts.push(part);
    }
    Ok(Some(Key::from_parts(&parts)))
}

/// A value as the server reads it.
pub(super) fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null | Value::Other => return None,
        Value::Bool(answer) => answer.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => format!("\\x{}", hex(bytes)),
        Value::Instant(instant) => instant.to_rfc3339(),
        Value::Date(date) => date.to_string(),
    })
}

/// A value as SQL writes it: digits only, so that nothing in it can be taken for SQL.
pub(super) fn literal(value: &Value) -> String {
    let bytes = text(value).unwrap_or_default();
    format!("convert_from('\\x{}'::bytea, 'UTF8')", hex(bytes.as_bytes()))
}
