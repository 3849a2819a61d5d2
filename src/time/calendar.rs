//! The calendar period that must end before a record's clock starts.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, Months, NaiveDate};

/// The clock starts when the calendar period that holds the starting point ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cutoff {
    /// The end of the day.
    EndOfDay,
    /// The end of the month.
    EndOfMonth,
    /// The end of the quarter: of March, June, September, December.
    EndOfQuarter,
    /// The end of the calendar year.
    EndOfYear,
    /// The end of a year whose last day is this one. 29 February means the last day of February.
    YearEnding {
        /// 1 to 12.
        month: u32,
        /// A day that this month has.
        day: u32,
    },
}

/// Why a text is no cutoff.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CutoffError {
    /// Nothing is written.
    #[error("a cutoff is missing: write {FORMS}")]
    Blank,
    /// Readable, but not in the one accepted spelling.
    #[error("there is no cutoff `{text}`: write `{canonical}`")]
    Spelling {
        /// What was written.
        text: String,
        /// What to write.
        canonical: String,
    },
    /// A day that the month does not have.
    #[error("`{text}`: {month} has no such day: write `year-ending {last} {month}` for the month's end")]
    NoSuchDay {
        /// What was written.
        text: String,
        /// The month's name.
        month: &'static str,
        /// Its last day.
        last: u32,
    },
    /// None of the known forms.
    #[error("there is no cutoff `{text}`: write {FORMS}")]
    Unknown {
        /// What was written.
        text: String,
    },
}

const FORMS: &str = "`end-of-day`, `end-of-month`, `end-of-quarter`, `end-of-year` or a book year as in `year-ending 30 June`";

const NAMED: [(&str, Cutoff); 4] = [
    ("end-of-day", Cutoff::EndOfDay),
    ("end-of-month", Cutoff::EndOfMonth),
    ("end-of-quarter", Cutoff::EndOfQuarter),
    ("end-of-year", Cutoff::EndOfYear),
];

/// Month names and lengths; February's is that of a leap year.
const MONTHS: [(&str, u32); 12] = [
    ("January", 31),
    ("February", 29),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
];

impl Cutoff {
    /// The day after the calendar period that holds `date`; `None` beyond the calendar's end.
    pub fn first_day_after(self, date: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::EndOfDay => date.succ_opt(),
            Self::EndOfMonth => date.with_day(1)?.checked_add_months(Months::new(1)),
            Self::EndOfQuarter => {
                let first_month = date.month0() / 3 * 3;
                date.with_day(1)?.with_month0(first_month)?.checked_add_months(Months::new(3))
            }
            Self::EndOfYear => NaiveDate::from_ymd_opt(date.year().checked_add(1)?, 1, 1),
            Self::YearEnding { month, day } => {
                let this_year = year_end(date.year(), month, day)?;
                let end = if date <= this_year {
                    this_year
                } else {
                    year_end(date.year().checked_add(1)?, month, day)?
                };
                end.succ_opt()
            }
        }
    }
}

fn year_end(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let last = first.checked_add_months(Months::new(1))?.checked_sub_days(Days::new(1))?;
    first.with_day(day.min(last.day()))
}

impl FromStr for Cutoff {
    type Err = CutoffError;

    fn from_str(text: &str) -> Result<Self, CutoffError> {
        let read = Self::read_leniently(text)?;
        let canonical = read.to_string();
        if canonical == text { Ok(read) } else { Err(CutoffError::Spelling { text: text.into(), canonical }) }
    }
}

impl Cutoff {
    /// Reads more than is accepted, so that the error can show the accepted spelling.
    fn read_leniently(text: &str) -> Result<Self, CutoffError> {
        let words: Vec<String> = text
            .split([' ', '\t', '-', '_', '.'])
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let unknown = || CutoffError::Unknown { text: text.into() };
        match words.as_slice() {
            [] => Err(CutoffError::Blank),
            ["year", "ending", rest @ ..] => Self::read_year_end(text, rest).ok_or_else(unknown)?,
            words => {
                let joined = words.join("-");
                let near = |name: &str| strsim::damerau_levenshtein(name, &joined);
                let (name, cutoff) =
                    NAMED.iter().min_by_key(|(name, _)| near(name)).expect("the list of names is not empty");
                if near(name) <= 2 { Ok(*cutoff) } else { Err(unknown()) }
            }
        }
    }

    fn read_year_end(text: &str, words: &[&str]) -> Option<Result<Self, CutoffError>> {
        let [one, other] = words else { return None };
        let (day, name) = match (one.parse::<u32>(), other.parse::<u32>()) {
            (Ok(day), Err(_)) => (day, other),
            (Err(_), Ok(day)) => (day, one),
            _ => return None,
        };
        let named = |known: &str| name.len() >= 3 && known.to_lowercase().starts_with(name);
        let (index, (month, last)) = MONTHS.iter().enumerate().find(|(_, (known, _))| named(known))?;
        if day == 0 || day > *last {
            return Some(Err(CutoffError::NoSuchDay { text: text.into(), month, last: *last }));
        }
        let month = u32::try_from(index).ok()? + 1;
        Some(Ok(Self::YearEnding { month, day }))
    }
}

impl fmt::Display for Cutoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::YearEnding { month, day } = self {
            let name = MONTHS.get(*month as usize - 1).map_or("?", |(name, _)| name);
            return write!(f, "year-ending {day} {name}");
        }
        let (name, _) =
            NAMED.iter().find(|(_, cutoff)| cutoff == self).expect("every other cutoff has a name");
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn each_calendar_period_ends_where_the_calendar_says() {
        for (cutoff, date, next) in [
            ("end-of-day", "2024-02-28", "2024-02-29"),
            ("end-of-month", "2024-02-29", "2024-03-01"),
            ("end-of-month", "2024-12-01", "2025-01-01"),
            ("end-of-quarter", "2024-05-31", "2024-07-01"),
            ("end-of-quarter", "2024-12-31", "2025-01-01"),
            ("end-of-year", "2024-01-01", "2025-01-01"),
            ("year-ending 30 June", "2024-06-30", "2024-07-01"),
            ("year-ending 30 June", "2024-07-01", "2025-07-01"),
            ("year-ending 31 December", "2024-12-31", "2025-01-01"),
            ("year-ending 29 February", "2023-02-28", "2023-03-01"),
            ("year-ending 29 February", "2024-02-29", "2024-03-01"),
            ("year-ending 28 February", "2024-02-29", "2025-03-01"),
        ] {
            let parsed: Cutoff = cutoff.parse().unwrap();
            assert_eq!(parsed.first_day_after(day(date)), Some(day(next)), "{cutoff} of {date}");
            assert_eq!(parsed.to_string(), cutoff);
        }
    }

    #[test]
    fn every_refusal_says_what_to_write() {
        for (text, hint) in [
            ("", "a cutoff is missing"),
            ("end of year", "write `end-of-year`"),
            ("End-Of-Month", "write `end-of-month`"),
            ("end-of-mouth", "write `end-of-month`"),
            ("year-ending June 30", "write `year-ending 30 June`"),
            ("year-ending 30 jun", "write `year-ending 30 June`"),
            ("year-ending 30. June", "write `year-ending 30 June`"),
            ("year-ending 31 June", "write `year-ending 30 June`"),
            ("year-ending 0 March", "write `year-ending 31 March`"),
            ("year-ending", "`year-ending 30 June`"),
            ("year-ending 30 Floreal", "`year-ending 30 June`"),
            ("next tuesday", "`end-of-day`"),
        ] {
            let error = text.parse::<Cutoff>().unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }
}
