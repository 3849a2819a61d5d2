//! The texts of the language that have rules of their own.

use chrono::NaiveDate;
use chrono::format::{Fixed, Item, Numeric, StrftimeItems};
use schemars::{Schema, json_schema};

use crate::model::start::Format;
use crate::policy::strict::{Fault, Language, nearest};
use crate::time::{After, Cutoff, Instant, Period, Schedule, Window, Zone};

/// Types whose errors are sentences that say what to write.
macro_rules! sentences {
    ($($type:ty, $expected:literal, $schema:tt;)*) => {$(
        impl Language for $type {
            const EXPECTED: &'static str = $expected;

            fn schema() -> Schema {
                json_schema!($schema)
            }

            fn read(text: &str) -> Result<Self, Fault> {
                text.parse::<Self>().map_err(|error| Fault::from_sentence(&error.to_string()))
            }
        }
    )*};
}

sentences! {
    Period, "a period such as \"14 days\"", { "examples": ["14 days", "1 year 6 months"] };
    After, "a period such as \"14 days\"", { "examples": ["at once", "36 hours", "14 days", "1 year 6 months"] };
    Cutoff, "a cutoff such as \"end-of-year\"", {
        "examples": ["end-of-day", "end-of-month", "end-of-quarter", "end-of-year", "year-ending 30 June"]
    };
    Zone, "a time zone such as \"Europe/Oslo\"", { "examples": ["Europe/Oslo"] };
    Schedule, "a schedule such as \"0 3 * * *\"", { "examples": ["0 3 * * *"] };
    Window, "a window such as \"01:00-05:00\"", { "examples": ["01:00-05:00"], "pattern": "^\\d\\d:\\d\\d-\\d\\d:\\d\\d$" };
}

/// An instant with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Instant);

impl Language for Moment {
    const EXPECTED: &'static str = "an instant such as \"2026-11-01T12:00:00+01:00\"";

    fn schema() -> Schema {
        json_schema!({ "format": "date-time" })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        let advice = "write date, time and offset, such as `2026-11-01T12:00:00+01:00`";
        chrono::DateTime::parse_from_rfc3339(text)
            .map(|instant| Self(instant.to_utc()))
            .map_err(|_| Fault::new(format!("`{text}` is not an instant")).with_help(advice))
    }
}

/// A calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub NaiveDate);

impl Language for Day {
    const EXPECTED: &'static str = "a date such as \"1990-01-01\"";

    fn schema() -> Schema {
        json_schema!({ "format": "date" })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        // chrono also takes `2026-1-1`; one spelling is enough.
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| day.to_string() == text);
        day.map(Self).ok_or_else(|| {
            Fault::new(format!("`{text}` is not a date")).with_help("write it as `1990-01-01`")
        })
    }
}

/// How a column spells an instant or a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatText(pub Format);

const FORMATS: [(&str, Format); 7] = [
    ("rfc3339", Format::Rfc3339),
    ("datetime", Format::DateTime),
    ("date", Format::Date),
    ("unix", Format::Unix),
    ("unix-ms", Format::UnixMs),
    ("unix-us", Format::UnixUs),
    ("webkit-us", Format::WebkitUs),
];

impl Language for FormatText {
    const EXPECTED: &'static str = "a format such as \"rfc3339\"";

    fn schema() -> Schema {
        json_schema!({ "examples": ["rfc3339", "datetime", "date", "unix", "unix-ms", "unix-us", "webkit-us", "%d.%m.%Y %H:%M"] })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        if let Some((_, format)) = FORMATS.iter().find(|(word, _)| *word == text) {
            return Ok(Self(format.clone()));
        }
        if text.contains('%') {
            return pattern(text).map(|()| Self(Format::Pattern(text.to_owned())));
        }
        let fault = Fault::new(format!("there is no format `{text}`"));
        Err(match nearest(text, FORMATS.iter().map(|(word, _)| *word)) {
            Some(near) => fault.with_help(format!("write `{near}`")),
            None => fault.with_help(
                "write `rfc3339`, `datetime`, `date`, `unix`, `unix-ms`, `unix-us`, `webkit-us`, or a strftime pattern such as `%d.%m.%Y`",
            ),
        })
    }
}

/// Whether a text is a strftime pattern at all.
pub(crate) fn strftime(text: &str) -> Result<(), Fault> {
    if StrftimeItems::new(text).any(|item| matches!(item, Item::Error)) {
        return Err(Fault::new(format!("`{text}` is not a strftime pattern"))
            .with_help("write for example `%d.%m.%Y %H:%M`; a plain percent sign is `%%`"));
    }
    Ok(())
}

/// Whether a strftime pattern names a whole day, as a start must.
fn pattern(text: &str) -> Result<(), Fault> {
    strftime(text)?;
    let items: Vec<Item<'_>> = StrftimeItems::new(text).collect();
    let has = |wanted: &[Numeric]| {
        items.iter().any(|item| matches!(item, Item::Numeric(numeric, _) if wanted.contains(numeric)))
    };
    let named_month =
        items.iter().any(|item| matches!(item, Item::Fixed(Fixed::ShortMonthName | Fixed::LongMonthName)));
    let whole = items.iter().any(|item| matches!(item, Item::Fixed(Fixed::RFC2822 | Fixed::RFC3339)));
    let year = has(&[Numeric::Year, Numeric::YearMod100]);
    let day = has(&[Numeric::Ordinal]) || (has(&[Numeric::Day]) && (has(&[Numeric::Month]) || named_month));
    if whole || (year && day) || has(&[Numeric::Timestamp]) {
        return Ok(());
    }
    Err(Fault::new(format!("`{text}` does not name a day"))
        .with_help("a start needs year, month and day: `%Y-%m-%d`"))
}

/// A closed set of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expected:literal, { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            /// The words as they are written.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($text, Self::$word)),*];

            /// The word as it is written.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)*
                }
            }
        }

        impl $crate::policy::strict::Language for $name {
            const EXPECTED: &'static str = $expected;

            fn schema() -> schemars::Schema {
                schemars::json_schema!({ "enum": [$($text),*] })
            }

            fn read(text: &str) -> Result<Self, $crate::policy::strict::Fault> {
                $crate::policy::document::language::word(text, Self::WORDS)
            }
        }
    };
}

pub(crate) use words;

/// Looks a word up.
pub(crate) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let all = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>();
    let fault = Fault::new(if text.trim().is_empty() {
        "this is blank".to_owned()
    } else {
        format!("`{text}` is not known here")
    });
    Err(match nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(near) => fault.with_help(format!("write `{near}`")),
        None => fault.with_help(format!("write one of {}", all.join(", "))),
    })
}
