//! The entries of which a long log consists, intents and outcomes in plain ASCII, read as one glance along the bytes of
//! their canonical form.
//!
//! Only what is certainly canonical is taken: everything else, right or wrong, is judged by `Entry::parse`, against which
//! a test holds this reading.

use super::batches::{Begun, Ended};
use super::reading::{Told, What};
use crate::model::ids::PolicyId;
use crate::time::Instant;

/// The bytes of `,"time":"2026-11-01T12:00:00.000000Z"`.
const TIME: usize = 37;
/// JSON's numbers are exact up to here (RFC 8785 section 3.2.2.3).
const EXACT: u64 = 1 << 53;

/// What counts of the entry; `None` if it is not certain that these bytes are its one spelling.
pub(super) fn told(bytes: &[u8]) -> Option<Told> {
    if !is_plain(bytes) {
        return None;
    }
    let inner = bytes.strip_prefix(b"{\"body\":")?.strip_suffix(b",\"v\":1}")?;
    let (body, time) = inner.split_at_checked(inner.len().checked_sub(TIME)?)?;
    let time = stamp(time.strip_prefix(b",\"time\":\"")?.strip_suffix(b"\"")?)?;
    let what = match body.strip_suffix(b",\"kind\":\"outcome\"") {
        Some(outcome) => What::Ended(ended(Scan(outcome))?),
        None => What::Begun(begun(Scan(body.strip_suffix(b",\"kind\":\"intent\"")?))?),
    };
    Some(Told { time, what })
}

fn begun(mut scan: Scan<'_>) -> Option<Begun> {
    scan.expect(b"{")?;
    if scan.expect(b"\"companions\":[").is_some() {
        loop {
            scan.expect(b"{\"collection\":")?.text()?;
            scan.expect(b",\"count\":")?.count()?;
            scan.expect(b",\"root\":")?.text()?;
            scan.expect(b"}")?;
            if scan.expect(b",").is_none() {
                break;
            }
        }
        scan.expect(b"],")?;
    }
    let count = scan.expect(b"\"count\":")?.count()?;
    u32::try_from(scan.expect(b",\"epoch\":")?.count()?).ok()?;
    scan.expect(b",\"hash\":")?.text()?;
    scan.expect(b",\"label\":{\"action\":")?.text()?;
    let batch = scan.expect(b",\"batch\":")?.id()?.parse().ok()?;
    if scan.expect(b",\"class\":null").is_none() {
        scan.expect(b",\"class\":")?.text()?;
    }
    scan.expect(b",\"collection\":")?.text()?;
    let policy = PolicyId::new(scan.expect(b",\"policy\":")?.text()?);
    let run = scan.expect(b",\"run\":")?.id()?.parse().ok()?;
    scan.expect(b",\"stage\":")?.count()?;
    scan.expect(b",\"store\":")?.text()?;
    scan.expect(b"},\"root\":")?.text()?;
    scan.expect(b"}")?.end()?;
    Some(Begun { batch, run, policy, count })
}

fn ended(mut scan: Scan<'_>) -> Option<Ended> {
    scan.expect(b"{\"basis\":")?.text()?;
    let batch = scan.expect(b",\"batch\":")?.id()?.parse().ok()?;
    let done = scan.expect(b",\"done\":")?.count()?;
    let failed = scan.expect(b",\"failed\":")?.count()?;
    let mut named = 0;
    if scan.expect(b",\"not_done\":[").is_some() {
        loop {
            scan.text()?;
            named += 1;
            if scan.expect(b",").is_none() {
                break;
            }
        }
        scan.expect(b"]")?;
    }
    let policy = PolicyId::new(scan.expect(b",\"policy\":")?.text()?);
    let run = scan.expect(b",\"run\":")?.id()?.parse().ok()?;
    let skipped = scan.expect(b",\"skipped\":")?.count()?;
    scan.expect(b"}")?.end()?;
    Some(Ended { batch, run, policy, done, left: skipped + failed, named })
}

/// Printable ASCII without an escape: nothing in it can be spelled in two ways, or steer a terminal.
fn is_plain(bytes: &[u8]) -> bool {
    let odd = |byte: &u8| u8::from(!(0x20..0x7f).contains(byte)) | u8::from(*byte == b'\\');
    // No early end within a part: so the compiler looks at many bytes at once.
    bytes.chunks(64).all(|part| part.iter().fold(0, |found, byte| found | odd(byte)) == 0)
}

/// What is left of the text.
struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    /// Takes these bytes; where others stand nothing is taken.
    fn expect(&mut self, bytes: &[u8]) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(bytes)?;
        Some(self)
    }

    /// A string. There are no escapes: the next quotation mark ends it.
    fn text(&mut self) -> Option<&'a str> {
        let inside = self.0.strip_prefix(b"\"")?;
        let end = inside.iter().position(|byte| *byte == b'"')?;
        self.0 = &inside[end + 1..];
        std::str::from_utf8(&inside[..end]).ok()
    }

    /// An identifier as it is written: lower case, with hyphens (RFC 9562 section 4).
    fn id(&mut self) -> Option<&'a str> {
        let shape = |(at, byte): (usize, &u8)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        };
        self.text().filter(|text| text.len() == 36 && text.as_bytes().iter().enumerate().all(shape))
    }

    /// A whole number without leading zeros that JSON holds exactly.
    fn count(&mut self) -> Option<u64> {
        let length = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at(length);
        if !(1..=16).contains(&length) || (length > 1 && digits[0] == b'0') {
            return None;
        }
        self.0 = rest;
        let count = digits.iter().fold(0, |count, digit| count * 10 + u64::from(digit - b'0'));
        (count <= EXACT).then_some(count)
    }

    /// Nothing may follow.
    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
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
    use crate::audit::entry::{Body, Companion, Entry, Intent, Outcome};
    use crate::model::batch::BatchLabel;
    use crate::model::ids::StoreName;
    use proptest::prelude::*;

    fn id(number: u8) -> String {
        format!("019a3f6e-0000-7000-8000-0000000000{number:02x}")
    }

    fn intent(name: &str, count: u64, class: Option<String>, companions: usize) -> Body {
        let with = Companion { collection: "x".into(), count, root: "cd".into() };
        Body::Intent(Intent {
            label: BatchLabel {
                batch: id(1).parse().unwrap(),
                run: id(2).parse().unwrap(),
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
            companions: vec![with; companions],
        })
    }

    fn outcome(name: &str, done: u64, named: usize) -> Body {
        Body::Outcome(Outcome {
            batch: id(1).parse().unwrap(),
            run: id(2).parse().unwrap(),
            policy: PolicyId::new(name),
            done,
            skipped: 3,
            failed: 0,
            not_done: vec!["ab".into(); named],
            basis: "marked".into(),
        })
    }

    fn entry(micros: i64, body: Body) -> Vec<u8> {
        Entry::new(chrono::DateTime::from_timestamp_micros(micros).unwrap(), body).canonical()
    }

    fn slowly(bytes: &[u8]) -> Option<Told> {
        Entry::parse(bytes).ok().map(Told::from)
    }

    #[test]
    fn intents_and_outcomes_are_read_at_a_glance() {
        for body in [
            intent("calls", 3, None, 0),
            intent("calls", 3, Some("hired".into()), 1),
            intent("a/b", EXACT, Some(String::new()), 2),
            outcome("calls", 0, 0),
            outcome("calls", 2, 1),
            outcome("calls", 2, 3),
        ] {
            let bytes = entry(1_800_000_000_000_001, body);
            let told = told(&bytes);
            assert!(told.is_some(), "{}", String::from_utf8_lossy(&bytes));
            assert_eq!(told, slowly(&bytes));
        }
    }

    #[test]
    fn what_is_not_certain_is_left_to_the_slow_reading() {
        for body in
            [intent("caf\u{e9}", 3, None, 0), intent("a\\b", 3, None, 0), outcome("calls", EXACT + 2, 0)]
        {
            assert_eq!(told(&entry(0, body)), None);
        }
        let good = String::from_utf8(entry(0, outcome("calls", 2, 1))).unwrap();
        // A second that is only sometimes there has one spelling too.
        let leap = good.replace("T00:00:00", "T23:59:60");
        assert!(told(leap.as_bytes()).is_none() && slowly(leap.as_bytes()).is_some());
        for (part, bad) in [
            ("\"done\":2", "\"done\":2.0"),
            ("\"done\":2", "\"done\":02"),
            ("\"done\":2", "\"done\": 2"),
            ("\"done\":2", "\"done\":-2"),
            ("\"done\":2", "\"done\":2,\"done\":2"),
            ("\"done\":2", "\"done\":2,\"more\":2"),
            ("[\"ab\"]", "[]"),
            ("1970-01-01", "1970-02-30"),
            ("outcome", "intent"),
            ("019a3f6e", "019A3F6E"),
            ("\"v\":1", "\"v\":2"),
        ] {
            let bad = good.replace(part, bad);
            assert_ne!(bad, good);
            assert_eq!(told(bad.as_bytes()), None, "{bad}");
            assert_eq!(slowly(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        /// Whatever is read at a glance is read in the same way slowly, whichever byte is another or missing.
        #[test]
        fn both_readings_agree(
            name in "[ -~]{0,12}",
            count in prop_oneof![any::<u64>(), 0_u64..100],
            several in 0_usize..3,
            micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000,
            is_intent in any::<bool>(),
            place in any::<prop::sample::Index>(),
            byte in prop_oneof![any::<u8>(), prop::sample::select(&b"\"{}[]:,0123456789-null"[..])],
        ) {
            let body = if is_intent {
                intent(&name, count, (several > 0).then(|| name.clone()), several)
            } else {
                outcome(&name, count, several)
            };
            let good = entry(micros, body);
            let place = place.index(good.len());
            let (mut changed, mut cut, mut grown) = (good.clone(), good.clone(), good.clone());
            changed[place] = byte;
            cut.remove(place);
            grown.insert(place, byte);
            for bytes in [good, changed, cut, grown] {
                if let Some(quick) = told(&bytes) {
                    prop_assert_eq!(Some(quick), slowly(&bytes));
                }
            }
        }
    }
}
