//! Times and days spelled as the server spells them (`datestyle = ISO`, in UTC), from its own counts of them. Keys are
//! made of those texts, so they are the same to the letter.

use std::io::Write as _;

/// What is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelled {
    /// `timestamptz`.
    Instant,
    /// `timestamp`.
    Local,
    /// `date`.
    Date,
}

/// From the first of March of the year 0 to the server's first day, 2000-01-01.
const DAYS_FROM_MARCH_0: i64 = 730_425;
const DAY: i64 = 86_400_000_000;

impl Spelled {
    /// The type's name in SQL.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Instant => "timestamptz",
            Self::Local => "timestamp",
            Self::Date => "date",
        }
    }

    /// Spells what the server sends for a value; `None` if it is not of that length.
    pub(super) fn spell(self, sent: &[u8], text: &mut Vec<u8>) -> Option<()> {
        text.clear();
        let (days, micros, ends) = match self {
            Self::Date => {
                let days = i32::from_be_bytes(sent.try_into().ok()?);
                (days.into(), None, [days == i32::MIN, days == i32::MAX])
            }
            Self::Instant | Self::Local => {
                let micros = i64::from_be_bytes(sent.try_into().ok()?);
                let of_day = micros.rem_euclid(DAY);
                (micros.div_euclid(DAY), Some(of_day), [micros == i64::MIN, micros == i64::MAX])
            }
        };
        match ends {
            [true, _] => text.extend_from_slice(b"-infinity"),
            [_, true] => text.extend_from_slice(b"infinity"),
            _ => self.finite(days, micros, text),
        }
        Some(())
    }

    fn finite(self, days: i64, micros: Option<i64>, text: &mut Vec<u8>) {
        let (year, month, day) = civil(days);
        // There is no year 0: before the year 1 lies 1 BC.
        let named = if year > 0 { year } else { 1 - year };
        if named < 10_000 {
            digits::<4>(named, text);
        } else {
            write!(text, "{named}").expect("memory can be written to");
        }
        for part in [month, day] {
            text.push(b'-');
            digits::<2>(part, text);
        }
        if let Some(micros) = micros {
            let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
            for (before, part) in [(b' ', seconds / 3_600), (b':', seconds / 60 % 60), (b':', seconds % 60)] {
                text.push(before);
                digits::<2>(part, text);
            }
            if fraction > 0 {
                text.push(b'.');
                digits::<6>(fraction, text);
                while text.ends_with(b"0") {
                    text.pop();
                }
            }
        }
        if self == Self::Instant {
            text.extend_from_slice(b"+00");
        }
        if year <= 0 {
            text.extend_from_slice(b" BC");
        }
    }
}

/// Year, month and day, by whole turns of the calendar: 400 years have 146,097 days, and years begin in March, so that a
/// leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_FROM_MARCH_0;
    let (turn, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * turn + year + later, month, day)
}

/// A number in so many digits.
fn digits<const N: usize>(mut number: i64, text: &mut Vec<u8>) {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    text.extend_from_slice(&digits);
}
