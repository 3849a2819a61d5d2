//! Reading periods: one spelling is accepted, and every error shows it.

use std::fmt::Write;
use std::str::FromStr;

use super::{After, Period};

/// Why a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Nothing is written.
    #[error("a period is missing: write for example `30 days`, or `at once`")]
    Blank,
    /// No waiting at all.
    #[error("`{text}`: a period of zero is not allowed: write `at once` if nothing is to be waited for")]
    Zero {
        /// What was written.
        text: String,
    },
    /// A period before the start.
    #[error("`{text}`: a period cannot be negative: write for example `30 days`")]
    Negative {
        /// What was written.
        text: String,
    },
    /// A number without a unit.
    #[error("`{text}`: {number} of what? Write a unit, for example `{number} days`")]
    NoUnit {
        /// What was written.
        text: String,
        /// The number that stands alone.
        number: u64,
    },
    /// A word that is no unit.
    #[error("`{text}`: `{word}` is not a unit: write {}", units(*nearest))]
    UnknownUnit {
        /// What was written.
        text: String,
        /// The word.
        word: String,
        /// The unit that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The same unit twice.
    #[error("`{text}` says {unit} twice: write one number for each unit, the largest unit first")]
    Repeated {
        /// What was written.
        text: String,
        /// The unit.
        unit: &'static str,
    },
    /// Readable, but in another order or spelling.
    #[error("`{text}` is not how a period is written: write `{canonical}`")]
    Spelling {
        /// What was written.
        text: String,
        /// What to write.
        canonical: String,
    },
    /// More than a thousand years.
    #[error(
        "`{text}` is longer than 1000 years: write a shorter period, or `action = \"preserve\"` for ever"
    )]
    TooLong {
        /// What was written.
        text: String,
    },
    /// Not numbers and units.
    #[error(
        "`{text}` is not a period: write whole numbers with units, for example `1 year 6 months` or `36 hours`"
    )]
    Unreadable {
        /// What was written.
        text: String,
    },
}

fn units(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "years, months, weeks, days or hours".into(), |unit| format!("`{unit}s`"))
}

/// The units from the largest to the smallest, which is the order in which they are written.
const UNITS: [&str; 5] = ["year", "month", "week", "day", "hour"];

/// How many of each unit make a thousand years, above which a number is taken for a mistake.
const LIMITS: [u64; 5] = [1_000, 12_000, 52_178, 365_250, 8_766_000];

impl FromStr for After {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        if text == "at once" {
            return Ok(Self::AtOnce);
        }
        if text
            .split([' ', '-', '_'])
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .eq(["at", "once"])
        {
            return Err(PeriodError::Spelling { text: text.into(), canonical: "at once".into() });
        }
        text.parse().map(Self::Period)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        // Reading is generous so that the errors can be exact; only the canonical spelling gets through.
        let mut parts = read(text)?;
        if parts.iter().any(|(number, _)| *number == 0) {
            return Err(PeriodError::Zero { text: text.into() });
        }
        parts.sort_by_key(|(_, unit)| *unit);
        if let Some(pair) = parts.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            return Err(PeriodError::Repeated { text: text.into(), unit: UNITS[pair[0].1] });
        }
        let canonical = spell(&parts);
        if canonical != text {
            return Err(PeriodError::Spelling { text: text.into(), canonical });
        }
        total(&parts).ok_or_else(|| PeriodError::TooLong { text: text.into() })
    }
}

/// Numbers and indices into `UNITS`, in the order in which they are written.
fn read(text: &str) -> Result<Vec<(u64, usize)>, PeriodError> {
    let lower = text.trim().to_lowercase();
    if lower.is_empty() {
        return Err(PeriodError::Blank);
    }
    if lower.split_whitespace().any(|word| word.starts_with(['-', '\u{2212}'])) {
        return Err(PeriodError::Negative { text: text.into() });
    }
    let unreadable = || PeriodError::Unreadable { text: text.into() };
    let mut words = split(&lower).into_iter().peekable();
    let mut parts = Vec::new();
    while let Some(word) = words.next() {
        if !word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unreadable());
        }
        let number = word.parse().map_err(|_| PeriodError::TooLong { text: text.into() })?;
        match words.next_if(|word| !word.starts_with(|first: char| first.is_ascii_digit())) {
            None => return Err(PeriodError::NoUnit { text: text.into(), number }),
            Some(word) if !word.chars().all(char::is_alphabetic) => return Err(unreadable()),
            Some(word) => parts.push((number, unit(text, word)?)),
        }
    }
    if parts.is_empty() { Err(unreadable()) } else { Ok(parts) }
}

/// Words, with `7days` taken apart and what people put between the parts left out.
fn split(lower: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in lower.split_whitespace() {
        let word = word.trim_end_matches(',');
        let letters = word.find(|next: char| !next.is_ascii_digit()).unwrap_or(word.len());
        let (number, rest) = word.split_at(letters);
        words.extend([number, rest].into_iter().filter(|part| !part.is_empty() && *part != "and"));
    }
    words
}

fn unit(text: &str, word: &str) -> Result<usize, PeriodError> {
    let singular = word.strip_suffix('s').unwrap_or(word);
    let abbreviated = match singular {
        "y" | "yr" => Some(0),
        "mo" | "mth" => Some(1),
        "w" | "wk" => Some(2),
        "d" => Some(3),
        "h" | "hr" => Some(4),
        _ => UNITS.iter().position(|unit| *unit == singular),
    };
    abbreviated.ok_or_else(|| {
        let distance = |unit: &&str| strsim::damerau_levenshtein(unit, singular);
        let nearest = UNITS.into_iter().min_by_key(distance).filter(|unit| distance(unit) <= 2);
        // Minutes and seconds are close to no unit by meaning, whatever their letters are close to.
        let nearest =
            nearest.filter(|_| !["m", "min", "minute", "sec", "second", "decade"].contains(&singular));
        PeriodError::UnknownUnit {
            text: text.into(),
            word: word.into(),
            nearest: nearest.filter(|_| word.len() > 2),
        }
    })
}

fn spell(parts: &[(u64, usize)]) -> String {
    let mut spelling = String::new();
    for (number, unit) in parts {
        let separator = if spelling.is_empty() { "" } else { " " };
        let plural = if *number == 1 { "" } else { "s" };
        write!(spelling, "{separator}{number} {}{plural}", UNITS[*unit])
            .expect("writing to a String cannot fail");
    }
    spelling
}

/// The period, unless it is longer than a thousand years.
fn total(parts: &[(u64, usize)]) -> Option<Period> {
    let mut count = [0; UNITS.len()];
    for (number, unit) in parts {
        if *number > LIMITS[*unit] {
            return None;
        }
        count[*unit] = u32::try_from(*number).ok()?;
    }
    let [years, months, weeks, days, hours] = count;
    let period = Period { months: years * 12 + months, days: weeks * 7 + days, hours };
    let years =
        f64::from(period.months) / 12.0 + f64::from(period.days) / 365.25 + f64::from(hours) / 8_766.0;
    (years <= 1_000.01).then_some(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Period {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn reads_the_forms_of_the_policy_language() {
        let period = |months, days, hours| Period { months, days, hours };
        for (text, expected, normal) in [
            ("36 hours", period(0, 0, 36), "36 hours"),
            ("7 days", period(0, 7, 0), "7 days"),
            ("1 day", period(0, 1, 0), "1 day"),
            ("2 weeks", period(0, 14, 0), "14 days"),
            ("6 months", period(6, 0, 0), "6 months"),
            ("25 years", period(300, 0, 0), "25 years"),
            ("1 year 6 months", period(18, 0, 0), "1 year 6 months"),
            ("18 months", period(18, 0, 0), "1 year 6 months"),
            ("1 month 12 hours", period(1, 0, 12), "1 month 12 hours"),
            ("1000 years", period(12_000, 0, 0), "1000 years"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
            assert_eq!(parsed(text).to_string(), normal);
            assert_eq!(parsed(normal), expected, "the normal form of {text} means the same");
        }
        assert_eq!("at once".parse(), Ok(After::AtOnce));
        assert_eq!("14 days".parse::<After>().unwrap().to_string(), "14 days");
        assert_eq!(After::AtOnce.to_string(), "at once");
    }

    #[test]
    fn every_refusal_says_what_to_write() {
        for (text, hint) in [
            ("", "write for example `30 days`"),
            ("  \t", "write for example `30 days`"),
            ("0 days", "write `at once`"),
            ("1 year 0 months", "write `at once`"),
            ("-3 days", "cannot be negative"),
            ("1 year -3 days", "cannot be negative"),
            ("30", "for example `30 days`"),
            ("1 year 30", "for example `30 days`"),
            ("30 30 days", "for example `30 days`"),
            ("7 dyas", "write `days`"),
            ("6 moths", "write `months`"),
            ("90 minutes", "write years, months, weeks, days or hours"),
            ("5 m", "write years, months, weeks, days or hours"),
            ("3 fortnights", "write years, months, weeks, days or hours"),
            ("1 year 2 years", "says year twice"),
            ("6 months 1 year", "write `1 year 6 months`"),
            ("7d", "write `7 days`"),
            ("7days", "write `7 days`"),
            ("1 days", "write `1 day`"),
            ("7 day", "write `7 days`"),
            ("7 Days", "write `7 days`"),
            ("07 days", "write `7 days`"),
            (" 7 days", "write `7 days`"),
            ("7  days", "write `7 days`"),
            ("1 year, 6 months", "write `1 year 6 months`"),
            ("1 year and 6 months", "write `1 year 6 months`"),
            ("At once", "write `at once`"),
            ("at-once", "write `at once`"),
            ("1001 years", "longer than 1000 years"),
            ("999 years 400000 hours", "longer than 1000 years"),
            ("1000 years 12000 months", "longer than 1000 years"),
            ("99999999999999999999 days", "longer than 1000 years"),
            ("1.5 years", "write whole numbers"),
            ("seven days", "write whole numbers"),
            ("P7D", "write whole numbers"),
            ("NaN days", "write whole numbers"),
            ("+7 days", "write whole numbers"),
            ("never", "write whole numbers"),
            ("7/days", "write whole numbers"),
            ("\u{0667} days", "write whole numbers"),
        ] {
            let error = text.parse::<After>().expect_err(text).to_string();
            assert!(error.contains(hint), "{text}: {error}");
            assert!(text.trim().is_empty() || error.contains(text), "{text} is quoted: {error}");
        }
    }
}
