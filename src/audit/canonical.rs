//! The one spelling of an entry: canonical JSON (RFC 8785), the bytes that are a leaf of the tree.
//!
//! Reading is the strict opposite of writing: bytes are accepted only if writing the entry again gives the same
//! bytes, so an unknown member, another order or another spelling of a time is an error and not a silent loss.

use chrono::SubsecRound as _;
use thiserror::Error;

use super::entry::{Body, Entry, VERSION};
use crate::time::Instant;

/// What stands in the place of a character that could steer a terminal or turn a line around.
const REPLACEMENT: char = '\u{FFFD}';

/// Leaf bytes that are not an entry of this log.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EntryError {
    /// Written by a newer program.
    #[error(
        "the entry has format version {found}, and this program knows versions up to {known}: use a newer forfall"
    )]
    Newer {
        /// Its version.
        found: u32,
        /// The newest version that we know.
        known: u32,
    },
    /// Not JSON, or not the members that its kind has.
    #[error("the entry cannot be read (line {line}, column {column})")]
    Unreadable {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The same meaning, another spelling.
    #[error("the entry is not in canonical form (RFC 8785), or has members that its kind does not have")]
    NotCanonical,
    /// This program never writes such characters.
    #[error("the entry contains control or text-direction characters")]
    Unclean,
}

impl Entry {
    /// An entry written now. Control characters and those that change the direction of text are replaced in every
    /// text, so that nothing read from a store or typed by somebody can steer the terminal of a reader.
    pub fn new(now: Instant, body: Body) -> Self {
        let entry = Self { v: VERSION, time: now.trunc_subsecs(6), body };
        let bytes = entry.canonical();
        // Canonical JSON escapes the C0 controls, and whatever is escaped is worth a closer look.
        if !bytes.contains(&b'\\') && is_clean(&bytes) {
            return entry;
        }
        let mut value = serde_json::to_value(&entry).expect("an entry has only members that JSON can hold");
        clean(&mut value);
        serde_json::from_value(value).expect("only texts were changed, and each is still a text")
    }

    /// The bytes that are hashed into the tree. Counts beyond 2^53 would lose digits, as JSON numbers do; there are
    /// no stores with so many records.
    pub fn canonical(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("an entry has only members that JSON can hold")
    }

    /// Reads leaf bytes. A newer version of the format is an error of its own, never a guess.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        #[derive(serde::Deserialize)]
        struct Versioned {
            v: u32,
        }
        let unreadable =
            |error: serde_json::Error| EntryError::Unreadable { line: error.line(), column: error.column() };
        let Versioned { v } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if v > VERSION {
            return Err(EntryError::Newer { found: v, known: VERSION });
        }
        let entry: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        if v != VERSION || entry.canonical() != bytes {
            return Err(EntryError::NotCanonical);
        }
        let clean = is_clean(bytes)
            && (!bytes.contains(&b'\\') || Self::new(entry.time, entry.body.clone()) == entry);
        if clean { Ok(entry) } else { Err(EntryError::Unclean) }
    }
}

/// Whether a text could do something to the terminal or the reading order of a line.
fn is_clean(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(is_unsafe))
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061C}' | '\u{200E}' | '\u{200F}' // direction marks
            | '\u{2028}' | '\u{2029}' // line and paragraph separators
            | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' // embeddings, overrides, isolates
            | '\u{FEFF}'
        )
}

/// The text with a replacement for each character that could steer a terminal or turn a line around.
pub(super) fn cleaned(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { REPLACEMENT } else { c }).collect()
}

fn clean(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) if text.chars().any(is_unsafe) => {
            *text = cleaned(text);
        }
        serde_json::Value::Array(parts) => parts.iter_mut().for_each(clean),
        serde_json::Value::Object(members) => members.values_mut().for_each(clean),
        _ => {}
    }
}

/// Instants as RFC 3339 in UTC with six digits of a second: one spelling for each.
pub(super) mod stamp {
    use chrono::DateTime;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::time::Instant;

    pub(in crate::audit) fn serialize<S: Serializer>(time: &Instant, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&time.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }

    pub(in crate::audit) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Instant, D::Error> {
        let text = String::deserialize(from)?;
        let time =
            DateTime::parse_from_rfc3339(&text).map_err(|_| D::Error::custom("not an RFC 3339 time"))?;
        Ok(time.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::{Genesis, PauseNote};
    use chrono::TimeZone as _;
    use proptest::prelude::*;

    fn noon() -> Instant {
        chrono::Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap()
    }

    fn pause(scope: &str) -> Body {
        Body::Pause(PauseNote { change: "pause".into(), scope: scope.into(), by: "op-00000000".into() })
    }

    #[test]
    fn members_are_sorted_and_times_have_six_digits() {
        let entry = Entry::new(
            noon() + chrono::TimeDelta::nanoseconds(1_999),
            Body::Genesis(Genesis { origin: "forfall/1".into(), vkey: "k".into(), continues: None }),
        );
        assert_eq!(
            String::from_utf8(entry.canonical()).unwrap(),
            r#"{"body":{"origin":"forfall/1","vkey":"k"},"kind":"genesis","time":"2026-11-01T12:00:00.000001Z","v":1}"#
        );
        assert_eq!(Entry::parse(&entry.canonical()), Ok(entry));
    }

    #[test]
    fn a_newer_format_is_named_as_such() {
        let text = br#"{"shape":"unheard of","v":2}"#;
        assert_eq!(Entry::parse(text), Err(EntryError::Newer { found: 2, known: 1 }));
    }

    #[test]
    fn another_spelling_is_refused() {
        let good = r#"{"body":{},"kind":"heartbeat","time":"2026-11-01T12:00:00.000000Z","v":1}"#;
        assert!(Entry::parse(good.as_bytes()).is_ok());
        for bad in [
            good.replace("\"v\":1", "\"v\": 1"),
            good.replace("000000Z", "000Z"),
            good.replace("000000Z", "000000+00:00"),
            good.replace("\"v\":1", "\"u\":1,\"v\":1"),
            good.replace("{}", "{\"x\":1}"),
            r#"{"kind":"heartbeat","body":{},"time":"2026-11-01T12:00:00.000000Z","v":1}"#.to_owned(),
        ] {
            assert_eq!(Entry::parse(bad.as_bytes()), Err(EntryError::NotCanonical), "{bad}");
        }
        assert!(matches!(Entry::parse(b"{\"v\":1}"), Err(EntryError::Unreadable { .. })));
        assert!(matches!(Entry::parse(b"[]"), Err(EntryError::Unreadable { .. })));
    }

    #[test]
    fn characters_that_steer_a_reader_never_get_in_or_out() {
        for bad in ["\u{1b}[2J", "a\u{202e}b", "\u{2066}x\u{2069}", "line\nline", "\u{7f}", "\u{85}", "\0"] {
            let entry = Entry::new(noon(), pause(bad));
            let text = String::from_utf8(entry.canonical()).unwrap();
            assert!(!text.chars().any(is_unsafe) && !text.contains("\\u"), "{text:?}");
            let raw = Entry { v: VERSION, time: noon(), body: pause(bad) };
            assert_eq!(Entry::parse(&raw.canonical()), Err(EntryError::Unclean), "{bad:?}");
        }
        let harmless = Entry::new(noon(), pause("policy a\\b \"Ægir\" 日本"));
        assert_eq!(harmless.body, pause("policy a\\b \"Ægir\" 日本"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(scope in any::<String>(), micros in -2_000_000_000_000_000_i64..4_000_000_000_000_000) {
            let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
            let entry = Entry::new(time, pause(&scope));
            prop_assert_eq!(Entry::parse(&entry.canonical()).unwrap(), entry);
        }

        #[test]
        fn any_bytes_are_an_entry_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Entry::parse(&bytes);
        }
    }
}
