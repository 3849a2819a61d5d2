//! A record's key: the bytes that commitments are made of, and its spelling on the command line.
//!
//! A row's key is its columns in key order, each a type tag, a big-endian u32 length and the value (i64 big-endian,
//! UTF-8, bytes, UUID). A file's key is its path relative to the store's root, as raw bytes.
//! `tests/vectors/key.jsonl` fixes the encoding: it may never change, because old commitments depend on it.

use std::fmt;

use thiserror::Error;

/// Whether a collection's keys are columns or paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// Tagged columns.
    Columns,
    /// One raw path.
    Path,
}

/// One column of a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPart {
    /// A whole number.
    Int(i64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID.
    Uuid([u8; 16]),
}

/// A column of a key where it lies in somebody else's memory.
#[derive(Clone, Copy)]
pub enum PartRef<'a> {
    /// A whole number.
    Int(i64),
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A UUID.
    Uuid(&'a [u8; 16]),
}

const TAG_INT: u8 = 1;
const TAG_TEXT: u8 = 2;
const TAG_BYTES: u8 = 3;
const TAG_UUID: u8 = 4;

/// A record's key in its one encoding. `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<[u8]>);

/// A key text that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// A JSON array was begun but is not one of strings and whole numbers.
    #[error("a composite key is a JSON array of strings and whole numbers, such as [2026, \"17\"]")]
    NotAnArray,
    /// `hex:` is followed by something else than pairs of hexadecimal digits.
    #[error("after `hex:` come pairs of hexadecimal digits")]
    NotHex,
    /// Stored bytes that are not a key's encoding.
    #[error("these bytes are not a record key")]
    NotAKey,
}

/// The encoding of a key whose only column is a whole number.
fn encoded_int(value: i64) -> [u8; 13] {
    let mut bytes = [0_u8; 13];
    bytes[0] = TAG_INT;
    bytes[4] = 8;
    bytes[5..].copy_from_slice(&value.to_be_bytes());
    bytes
}

/// Many keys in one piece of memory, for handing them on.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyList {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl fmt::Debug for KeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyList({} keys)", self.len())
    }
}

impl KeyList {
    /// Room for so many keys of the common kind.
    pub fn with_capacity(keys: usize) -> Self {
        Self { bytes: Vec::with_capacity(keys * 13), ends: Vec::with_capacity(keys) }
    }

    /// Adds a key.
    pub fn push(&mut self, key: &Key) {
        self.push_encoded(key.as_bytes());
    }

    /// Adds the key of a row whose only key column is a whole number.
    pub fn push_int(&mut self, value: i64) {
        self.push_encoded(&encoded_int(value));
    }

    /// Adds a column to the key that [`KeyList::end_key`] ends.
    pub fn push_part(&mut self, part: PartRef<'_>) {
        part.encode(&mut self.bytes);
    }

    /// Ends the key whose columns were added.
    pub fn end_key(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn push_encoded(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes all encodings have.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The encoding of each, in order.
    pub fn encoded(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(&0).chain(&self.ends);
        begins.zip(&self.ends).map(|(begin, end)| &self.bytes[*begin..*end])
    }
}

impl Key {
    /// The key of a row.
    pub fn from_parts(parts: &[KeyPart]) -> Self {
        let mut bytes = Vec::with_capacity(parts.len() * 13);
        for part in parts {
            part.encode(&mut bytes);
        }
        Self(bytes.into_boxed_slice())
    }

    /// The key of a row whose only key column is a whole number: the common case, in one allocation.
    pub fn from_int(value: i64) -> Self {
        Self(Box::new(encoded_int(value)))
    }

    /// The key of a file: its path relative to the store's root.
    pub fn from_path(path: &[u8]) -> Self {
        Self(path.into())
    }

    /// Bytes that [`Key::as_bytes`] gave before.
    pub fn from_encoded(bytes: Vec<u8>) -> Self {
        Self(bytes.into_boxed_slice())
    }

    /// The encoding: what commitments are made of.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The columns of a row's key.
    pub fn parts(&self) -> Result<Vec<KeyPart>, KeyError> {
        let mut rest: &[u8] = &self.0;
        let mut parts = Vec::new();
        while let Some((&tag, after)) = rest.split_first() {
            let (length, after) = after.split_first_chunk::<4>().ok_or(KeyError::NotAKey)?;
            let length = u32::from_be_bytes(*length) as usize;
            let (value, after) = after.split_at_checked(length).ok_or(KeyError::NotAKey)?;
            parts.push(KeyPart::decode(tag, value)?);
            rest = after;
        }
        Ok(parts)
    }

    /// Reads a key as an operator types it: a plain value, or a JSON array for a composite key; bytes as `hex:`.
    /// A plain value that is a whole number could be an integer column or a text column; `texts` says of each
    /// column whether it holds text.
    pub fn parse(text: &str, form: KeyForm, texts: &[bool]) -> Result<Self, KeyError> {
        if form == KeyForm::Path {
            return match text.strip_prefix("hex:") {
                Some(digits) => Ok(Self(unhex(digits)?.into_boxed_slice())),
                None => Ok(Self::from_path(text.as_bytes())),
            };
        }
        if texts.len() <= 1 {
            return Ok(Self::from_parts(&[KeyPart::read(text, texts.first() == Some(&true))?]));
        }
        let array: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| KeyError::NotAnArray)?;
        let mut parts = Vec::with_capacity(array.len());
        for (index, value) in array.iter().enumerate() {
            let is_text = texts.get(index) == Some(&true);
            parts.push(match value {
                serde_json::Value::String(text) => KeyPart::read(text, is_text)?,
                serde_json::Value::Number(number) => KeyPart::read(&number.to_string(), is_text)?,
                _ => return Err(KeyError::NotAnArray),
            });
        }
        Ok(Self::from_parts(&parts))
    }

    /// The key as an operator would type it.
    pub fn text(&self, form: KeyForm) -> String {
        if form == KeyForm::Path {
            return match std::str::from_utf8(&self.0) {
                Ok(path) if !path.starts_with("hex:") && !path.chars().any(char::is_control) => {
                    path.to_owned()
                }
                _ => hex_text(&self.0),
            };
        }
        match self.parts().as_deref() {
            Ok([part]) => part.text(),
            Ok(parts) => {
                let array = parts.iter().map(|part| match part {
                    KeyPart::Int(value) => serde_json::Value::from(*value),
                    other => serde_json::Value::from(other.text()),
                });
                serde_json::Value::Array(array.collect()).to_string()
            }
            Err(_) => hex_text(&self.0),
        }
    }
}

impl PartRef<'_> {
    fn encode(self, into: &mut Vec<u8>) {
        let integer;
        let (tag, value): (u8, &[u8]) = match self {
            Self::Int(value) => {
                integer = value.to_be_bytes();
                (TAG_INT, &integer)
            }
            Self::Text(value) => (TAG_TEXT, value.as_bytes()),
            Self::Bytes(value) => (TAG_BYTES, value),
            Self::Uuid(value) => (TAG_UUID, value),
        };
        into.push(tag);
        let length = u32::try_from(value.len()).expect("a key column is far shorter than 4 GiB");
        into.extend_from_slice(&length.to_be_bytes());
        into.extend_from_slice(value);
    }
}

impl KeyPart {
    fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Self::Int(value) => PartRef::Int(*value),
            Self::Text(value) => PartRef::Text(value),
            Self::Bytes(value) => PartRef::Bytes(value),
            Self::Uuid(value) => PartRef::Uuid(value),
        }
        .encode(into);
    }

    fn decode(tag: u8, value: &[u8]) -> Result<Self, KeyError> {
        match tag {
            TAG_INT => value.try_into().map(|bytes| Self::Int(i64::from_be_bytes(bytes))).ok(),
            TAG_TEXT => String::from_utf8(value.to_vec()).map(Self::Text).ok(),
            TAG_BYTES => Some(Self::Bytes(value.to_vec())),
            TAG_UUID => value.try_into().map(Self::Uuid).ok(),
            _ => None,
        }
        .ok_or(KeyError::NotAKey)
    }

    fn read(text: &str, is_text: bool) -> Result<Self, KeyError> {
        if let Some(digits) = text.strip_prefix("hex:") {
            return Ok(Self::Bytes(unhex(digits)?));
        }
        match text.parse() {
            Ok(value) if !is_text => Ok(Self::Int(value)),
            _ => Ok(Self::Text(text.to_owned())),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Int(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::Bytes(value) => hex_text(value),
            Self::Uuid(value) => uuid::Uuid::from_bytes(*value).to_string(),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<key of {} bytes>", self.0.len())
    }
}

impl fmt::Debug for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<key column>")
    }
}

/// Bytes as `hex:` and lower-case digits.
pub fn hex_text(bytes: &[u8]) -> String {
    format!("hex:{}", hex(bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a String does not fail");
    }
    text
}

/// Reads pairs of hexadecimal digits.
pub fn unhex(digits: &str) -> Result<Vec<u8>, KeyError> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return Err(KeyError::NotHex);
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| KeyError::NotHex))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        let vectors = include_str!("../../tests/vectors/key.jsonl");
        let mut seen = 0;
        for line in vectors.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let form = if case["form"] == "path" { KeyForm::Path } else { KeyForm::Columns };
            let texts: Vec<bool> =
                case["texts"].as_array().unwrap().iter().map(|is_text| is_text.as_bool().unwrap()).collect();
            let key = Key::parse(case["key"].as_str().unwrap(), form, &texts).unwrap();
            assert_eq!(hex(key.as_bytes()), case["encoded"].as_str().unwrap(), "{line}");
            assert_eq!(key.text(form), case["key"].as_str().unwrap(), "{line}");
            seen += 1;
        }
        assert_eq!(seen, 9);
    }

    #[test]
    fn a_lone_integer_takes_the_short_way_to_the_same_bytes() {
        for value in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(Key::from_int(value), Key::from_parts(&[KeyPart::Int(value)]));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(Key::parse("{}", KeyForm::Columns, &[false, true]), Err(KeyError::NotAnArray));
        assert_eq!(Key::parse("hex:abc", KeyForm::Columns, &[false]), Err(KeyError::NotHex));
        assert_eq!(Key::from_encoded(vec![9, 0, 0, 0, 0]).parts(), Err(KeyError::NotAKey));
        assert_eq!(Key::from_encoded(vec![1, 0, 0, 0, 9, 1]).parts(), Err(KeyError::NotAKey));
    }
}
