//! The entries of which a long log consists, intents and outcomes in plain ASCII, read without a tree of values.
//!
//! Only what is certainly canonical is taken: everything else, right or wrong, is judged by the slow reading. Both
//! types declare their members in the order of their names, so that writing them plainly gives the canonical form.

use std::io::{Error, ErrorKind, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::entry::{Body, Entry, Intent, Outcome, VERSION};
use crate::time::Instant;

/// The bytes of `,"time":"2026-11-01T12:00:00.000000Z"`.
const TIME: usize = 37;
/// JSON's numbers are exact up to here (RFC 8785 section 3.2.2.3).
const EXACT: u64 = 1 << 53;

/// The entry; `None` if it is not certain that these bytes are its one spelling.
pub(super) fn parse(bytes: &[u8]) -> Option<Entry> {
    if !is_plain(bytes) {
        return None;
    }
    let inner = bytes.strip_prefix(b"{\"body\":")?.strip_suffix(b",\"v\":1}")?;
    let (told, time) = inner.split_at_checked(inner.len().checked_sub(TIME)?)?;
    let time = stamp(time.strip_prefix(b",\"time\":\"")?.strip_suffix(b"\"")?)?;
    let body = if let Some(text) = told.strip_suffix(b",\"kind\":\"outcome\"") {
        let outcome: Outcome = same(text)?;
        exact([outcome.done, outcome.skipped, outcome.failed])?;
        Body::Outcome(outcome)
    } else {
        let intent: Intent = same(told.strip_suffix(b",\"kind\":\"intent\"")?)?;
        exact([intent.count, intent.label.stage as u64])?;
        exact(intent.companions.iter().map(|with| with.count))?;
        Body::Intent(intent)
    };
    Some(Entry { v: VERSION, time, body })
}

/// Printable ASCII without an escape: nothing in it can be spelled in two ways, or steer a terminal.
fn is_plain(bytes: &[u8]) -> bool {
    let odd = |byte: &u8| u8::from(!(0x20..0x7f).contains(byte)) | u8::from(*byte == b'\\');
    // No early end within a part: so the compiler looks at many bytes at once.
    bytes.chunks(64).all(|part| part.iter().fold(0, |found, byte| found | odd(byte)) == 0)
}

/// Reads a value and accepts it if writing it again gives the same bytes.
fn same<T: Serialize + DeserializeOwned>(text: &[u8]) -> Option<T> {
    let value = serde_json::from_slice(text).ok()?;
    let mut expected = Expected(text);
    serde_json::to_writer(&mut expected, &value).ok()?;
    expected.0.is_empty().then_some(value)
}

/// What must be written next.
struct Expected<'a>(&'a [u8]);

impl Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Error::from(ErrorKind::InvalidData))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn exact(counts: impl IntoIterator<Item = u64>) -> Option<()> {
    counts.into_iter().all(|count| count <= EXACT).then_some(())
}

/// `2026-11-01T12:00:00.000000Z`
fn stamp(text: &[u8]) -> Option<Instant> {
    let shape = |(at, byte): (usize, &u8)| match at {
        4 | 7 => *byte == b'-',
        10 => *byte == b'T',
        13 | 16 => *byte == b':',
        19 => *byte == b'.',
        26 => *byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 27 || !text.iter().enumerate().all(shape) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        text[range].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    let date =
        chrono::NaiveDate::from_ymd_opt(i32::try_from(number(0..4)).ok()?, number(5..7), number(8..10))?;
    Some(date.and_hms_micro_opt(number(11..13), number(14..16), number(17..19), number(20..26))?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::Companion;
    use crate::model::batch::BatchLabel;
    use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
    use proptest::prelude::*;

    fn id(number: u8) -> String {
        format!("019a3f6e-0000-7000-8000-0000000000{number:02x}")
    }

    fn intent(name: &str, count: u64, class: Option<String>) -> Body {
        let batch: BatchId = id(1).parse().unwrap();
        let run: RunId = id(2).parse().unwrap();
        Body::Intent(Intent {
            label: BatchLabel {
                batch,
                run,
                policy: PolicyId::new(name),
                store: StoreName::new("s"),
                collection: name.into(),
                class,
                stage: 1,
                action: "delete".into(),
            },
            hash: "00".into(),
            count,
            root: "ab".into(),
            epoch: 1,
            companions: vec![Companion { collection: "x".into(), count, root: "cd".into() }],
        })
    }

    fn outcome(name: &str, done: u64) -> Body {
        Body::Outcome(Outcome {
            batch: id(1).parse().unwrap(),
            run: id(2).parse().unwrap(),
            policy: PolicyId::new(name),
            done,
            skipped: 1,
            failed: 0,
            not_done: vec!["ab".into()],
            basis: "marked".into(),
        })
    }

    fn entry(micros: i64, body: Body) -> Vec<u8> {
        Entry::new(chrono::DateTime::from_timestamp_micros(micros).unwrap(), body).canonical()
    }

    #[test]
    fn intents_and_outcomes_are_read_quickly() {
        for body in [intent("calls", 3, None), intent("calls", 3, Some("hired".into())), outcome("calls", 2)]
        {
            let bytes = entry(1_800_000_000_000_001, body);
            assert!(parse(&bytes).is_some(), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn what_is_not_certain_is_left_to_the_slow_reading() {
        for body in [intent("caf\u{e9}", 3, None), intent("a\\b", 3, None), outcome("calls", EXACT + 2)] {
            assert_eq!(parse(&entry(0, body)), None);
        }
        let good = String::from_utf8(entry(0, outcome("calls", 2))).unwrap();
        for bad in [
            good.replace("\"done\":2", "\"done\":2.0"),
            good.replace("\"done\":2", "\"done\": 2"),
            good.replace("\"done\":2", "\"done\":2,\"done\":2"),
            good.replace("\"done\":2", "\"done\":2,\"more\":2"),
            good.replace("1970-01-01", "1970-02-30"),
            good.replace("T00:00:00", "T23:59:60"),
            good.replace("outcome", "intent"),
            good.replace("\"v\":1", "\"v\":2"),
        ] {
            assert_ne!(bad, good);
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        /// Whatever is read quickly is read in the same way slowly, whichever byte is another.
        #[test]
        fn both_readings_agree(
            name in "[ -~]{0,12}",
            count in prop_oneof![any::<u64>(), 0_u64..100],
            micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000,
            is_intent in any::<bool>(),
            place in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let body = if is_intent { intent(&name, count, Some(name.clone())) } else { outcome(&name, count) };
            let mut bytes = entry(micros, body);
            for _ in 0..2 {
                if let Some(quick) = parse(&bytes) {
                    prop_assert_eq!(Entry::parse_slowly(&bytes), Ok(quick));
                }
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
    }
}
