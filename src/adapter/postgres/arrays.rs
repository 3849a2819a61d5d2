//! Keys as arrays: one for each column of the key, in one row. The server sends them and we read them in half the time that
//! as many rows take.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use super::schema::Bound;
use super::value::KeyType;
use crate::model::key::{Key, KeyPart};

/// The question for the keys of all rows that a condition names, of `most` at most.
pub(super) fn question(bound: &Bound, condition: &str, most: usize) -> String {
    let columns = bound.frame.own.key.iter().zip(&bound.key).enumerate();
    let (inner, outer): (Vec<String>, Vec<String>) = columns
        .map(|(at, (name, kind))| {
            // Of a domain an array would be another type than one of what it is made of.
            let plain = match kind {
                KeyType::Int | KeyType::Text => "",
                KeyType::Bytes => "::bytea",
                KeyType::Uuid => "::uuid",
            };
            let column = kind.selected(&bound.column(name));
            (format!("{column}{plain} AS c{at}"), format!("array_agg(c{at})"))
        })
        .unzip();
    format!(
        "SELECT {} FROM (SELECT {} FROM {} WHERE {condition} LIMIT {most}) AS found",
        outer.join(", "),
        inner.join(", "),
        bound.from()
    )
}

/// The keys in the answer; `None` where one has a NULL in it.
pub(super) fn keys(row: &Row, types: &[KeyType]) -> Result<Option<Vec<Key>>, tokio_postgres::Error> {
    if let [KeyType::Int] = types {
        let numbers = array::<i64>(row, 0)?;
        return Ok(numbers.map(|numbers| numbers.into_iter().map(Key::from_int).collect()));
    }
    let mut keys: Vec<Vec<KeyPart>> = Vec::new();
    for (at, kind) in types.iter().enumerate() {
        let Some(parts) = parts(row, at, *kind)? else { return Ok(None) };
        if at == 0 {
            keys.resize_with(parts.len(), || Vec::with_capacity(types.len()));
        }
        keys.iter_mut().zip(parts).for_each(|(key, part)| key.push(part));
    }
    Ok(Some(keys.iter().map(|parts| Key::from_parts(parts)).collect()))
}

/// One column of all keys.
fn parts(row: &Row, at: usize, kind: KeyType) -> Result<Option<Vec<KeyPart>>, tokio_postgres::Error> {
    fn all<T>(values: Option<Vec<T>>, part: impl Fn(T) -> KeyPart) -> Option<Vec<KeyPart>> {
        values.map(|values| values.into_iter().map(part).collect())
    }
    Ok(match kind {
        KeyType::Int => all(array(row, at)?, KeyPart::Int),
        KeyType::Text => all(array(row, at)?, KeyPart::Text),
        KeyType::Bytes => all(array(row, at)?, KeyPart::Bytes),
        KeyType::Uuid => all(array(row, at)?, |uuid: Uuid| KeyPart::Uuid(uuid.into_bytes())),
    })
}

/// The values of an array, none of which may be NULL. An array of nothing is NULL itself.
fn array<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<Option<Vec<T>>, tokio_postgres::Error> {
    let values: Vec<Option<T>> = row.try_get::<_, Option<_>>(at)?.unwrap_or_default();
    Ok(values.into_iter().collect())
}
