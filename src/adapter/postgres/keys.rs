//! The keys of all rows of a table, by the quickest way that the server has: `COPY` in its binary form.
//!
//! What it sends for a key's columns are the bytes that a key is made of, so they only change places. Times are the
//! exception: the server takes longer to spell them than we do.

use super::schema::Bound;
use super::session::Session;
use super::spelled::Spelled;
use super::value::KeyType;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::key::{KeyList, PartRef};
use crate::model::schema::ColumnKind;

/// So many keys are handed over at once.
const KEYS: usize = 8_192;

/// And no more once they have so many bytes: a text in a key may be a thousand times as long as a number, and several lists
/// are in memory.
const BYTES: usize = 1 << 20;

/// What everything begins with; flags and the length of an extension follow.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Hands over the keys of all rows, list after list; ends early when `take` says false.
pub(super) fn each(
    session: &Session,
    bound: &Bound,
    take: &mut dyn FnMut(KeyList) -> bool,
) -> Result<(), StoreError> {
    let columns: Vec<(Column, String)> = columns(bound).collect();
    let list = columns.iter().map(|(_, sql)| sql.as_str()).collect::<Vec<_>>().join(", ");
    let sql = format!("COPY (SELECT {list} FROM {}) TO STDOUT (FORMAT binary)", bound.from());
    let told = |odd: Odd| match odd {
        Odd::NoKey => {
            session.trouble(StoreErrorKind::Unsupported, "a row has no key by which it could be named")
        }
        Odd::Form => session.trouble(StoreErrorKind::Changed, "the server copies keys in another form"),
    };
    let mut reading = Reading {
        columns: columns.into_iter().map(|(column, _)| column).collect(),
        list: KeyList::with_capacity(KEYS),
        at: At::Beginning,
        spelled: Vec::new(),
    };
    session.copy(&sql, |message| {
        reading.add(message).map_err(told)?;
        let is_full = reading.list.len() >= KEYS || reading.list.bytes() >= BYTES;
        if !is_full || take(reading.take()) {
            Ok(())
        } else {
            Err(session.trouble(StoreErrorKind::Busy, "it was given up"))
        }
    })?;
    if reading.at != At::End {
        return Err(told(Odd::Form));
    }
    if !reading.list.is_empty() {
        take(reading.take());
    }
    Ok(())
}

/// How a column of a key is sent.
#[derive(Clone, Copy)]
enum Column {
    /// As the key has it.
    Plain(KeyType),
    /// As the server keeps it; the key has it spelled.
    Spelled(Spelled),
}

/// The key's columns, each with its SQL.
fn columns(bound: &Bound) -> impl Iterator<Item = (Column, String)> {
    bound.frame.own.key.iter().zip(&bound.key).map(|(name, kind)| {
        let (sql, column) = (bound.column(name), bound.entry.column(name));
        let spelled = match column.map(|column| (column.kind, column.declared.as_str())) {
            Some((ColumnKind::Instant, _)) => Some(Spelled::Instant),
            Some((ColumnKind::Date, _)) => Some(Spelled::Date),
            Some((ColumnKind::Any, declared)) if declared.starts_with("timestamp") => Some(Spelled::Local),
            _ => None,
        };
        match (kind, spelled) {
            (KeyType::Text, Some(spelled)) => (Column::Spelled(spelled), format!("{sql}::{}", spelled.sql())),
            _ => (Column::Plain(*kind), kind.selected(&sql)),
        }
    })
}

/// Why a message cannot be read.
enum Odd {
    /// A key's column is NULL.
    NoKey,
    /// It is not what the server's manual says.
    Form,
}

#[derive(PartialEq, Eq)]
enum At {
    Beginning,
    Rows,
    End,
}

struct Reading {
    columns: Vec<Column>,
    list: KeyList,
    at: At,
    /// Room for a text.
    spelled: Vec<u8>,
}

impl Reading {
    fn take(&mut self) -> KeyList {
        std::mem::replace(&mut self.list, KeyList::with_capacity(KEYS))
    }

    /// Reads one message: a row, or the end. Before the first lies the beginning.
    fn add(&mut self, mut message: &[u8]) -> Result<(), Odd> {
        if self.at == At::Beginning {
            message = message.strip_prefix(SIGNATURE).ok_or(Odd::Form)?;
            let flags = u32::from_be_bytes(*bytes(&mut message)?);
            let extension = u32::from_be_bytes(*bytes(&mut message)?);
            if flags != 0 || extension != 0 {
                return Err(Odd::Form);
            }
            self.at = At::Rows;
        }
        let columns = i16::from_be_bytes(*bytes(&mut message)?);
        if columns == -1 && self.at == At::Rows {
            self.at = At::End;
        } else if self.at == At::Rows && usize::try_from(columns) == Ok(self.columns.len()) {
            for column in &self.columns {
                let value = value(&mut message)?;
                self.list.push_part(part(*column, value, &mut self.spelled).ok_or(Odd::Form)?);
            }
            self.list.end_key();
        } else {
            return Err(Odd::Form);
        }
        if message.is_empty() { Ok(()) } else { Err(Odd::Form) }
    }
}

/// The next bytes of a message.
fn bytes<'a, const N: usize>(message: &mut &'a [u8]) -> Result<&'a [u8; N], Odd> {
    let (first, rest) = message.split_first_chunk().ok_or(Odd::Form)?;
    *message = rest;
    Ok(first)
}

/// The next value of a row.
fn value<'a>(message: &mut &'a [u8]) -> Result<&'a [u8], Odd> {
    let length = i32::from_be_bytes(*bytes(message)?);
    if length == -1 {
        return Err(Odd::NoKey);
    }
    let length = usize::try_from(length).map_err(|_| Odd::Form)?;
    let (value, rest) = message.split_at_checked(length).ok_or(Odd::Form)?;
    *message = rest;
    Ok(value)
}

/// What it is of the key.
fn part<'a>(column: Column, value: &'a [u8], spelled: &'a mut Vec<u8>) -> Option<PartRef<'a>> {
    let text = |text: &'a [u8]| std::str::from_utf8(text).ok().map(PartRef::Text);
    match column {
        Column::Plain(KeyType::Int) => Some(PartRef::Int(i64::from_be_bytes(value.try_into().ok()?))),
        Column::Plain(KeyType::Text) => text(value),
        Column::Plain(KeyType::Bytes) => Some(PartRef::Bytes(value)),
        Column::Plain(KeyType::Uuid) => Some(PartRef::Uuid(value.try_into().ok()?)),
        Column::Spelled(kind) => {
            kind.spell(value, spelled)?;
            text(spelled)
        }
    }
}
