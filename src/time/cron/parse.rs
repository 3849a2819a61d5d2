//! Reading a cron expression, field by field, so that an error can name the field.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::{HORIZON_DAYS, Schedule};

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing is written.
    #[error(
        "a schedule is missing: write five cron fields, for example `30 2 * * *` for every night at 02:30"
    )]
    Blank,
    /// `@daily` and its like.
    #[error("schedule `{text}`: nicknames are not read: write `{fields}`")]
    Nickname {
        /// What was written.
        text: String,
        /// The same in five fields.
        fields: &'static str,
    },
    /// Not five fields.
    #[error(
        "schedule `{text}` has {count} of five fields: write minute, hour, day of month, month and day of week, \
         for example `30 2 * * *` for every night at 02:30"
    )]
    Fields {
        /// What was written.
        text: String,
        /// How many fields it has.
        count: usize,
    },
    /// One field cannot be read.
    #[error("schedule `{text}`: `{value}` is no {field}: write {allowed}")]
    Field {
        /// What was written.
        text: String,
        /// The field's text.
        value: String,
        /// The field's name.
        field: &'static str,
        /// What it may hold.
        allowed: &'static str,
    },
    /// It would never run.
    #[error("schedule `{text}` never runs: no such date exists; write a day that its months have")]
    Never {
        /// What was written.
        text: String,
    },
}

struct Field {
    name: &'static str,
    allowed: &'static str,
    /// Names that stand for numbers here. `croner` replaces names in every field, so that it takes a Monday in
    /// the month's place for January.
    words: &'static [&'static str],
    /// Letters that may follow a number.
    marks: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        allowed: "`*` or numbers from 0 to 59 as in `5`, `0,30`, `10-20`, `*/15`",
        words: &[],
        marks: &[],
    },
    Field {
        name: "hour",
        allowed: "`*` or numbers from 0 to 23 as in `2`, `2,14`, `1-5`, `*/6`",
        words: &[],
        marks: &[],
    },
    Field {
        name: "day of month",
        allowed: "`*` or numbers from 1 to 31 as in `1`, `1,15`, or `L` for the last day",
        words: &["L", "LW"],
        marks: &["W"],
    },
    Field {
        name: "month",
        allowed: "`*`, numbers from 1 to 12 or names from JAN to DEC",
        words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        marks: &[],
    },
    Field {
        name: "day of week",
        allowed: "`*`, numbers from 0 (Sunday) to 7 (Sunday) or names from SUN to SAT as in `MON-FRI`",
        words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        marks: &["L"],
    },
];

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let values: Vec<&str> = text.split_whitespace().collect();
        if values.is_empty() {
            return Err(ScheduleError::Blank);
        }
        if let Some((_, fields)) = NICKNAMES.iter().find(|(name, _)| values[0].eq_ignore_ascii_case(name)) {
            return Err(ScheduleError::Nickname { text: text.into(), fields });
        }
        if values.len() != FIELDS.len() {
            return Err(ScheduleError::Fields { text: text.into(), count: values.len() });
        }
        for (index, (field, value)) in FIELDS.iter().zip(&values).enumerate() {
            let mut alone = ["*"; FIELDS.len()];
            alone[index] = value;
            if !field.has_only_known_words(value) || read(&alone.join(" ")).is_none() {
                let (value, field, allowed) = ((*value).to_owned(), field.name, field.allowed);
                return Err(ScheduleError::Field { text: text.into(), value, field, allowed });
            }
        }
        let never = || ScheduleError::Never { text: text.into() };
        let cron = read(&values.join(" ")).ok_or_else(never)?;
        Self::new(text, cron).ok_or_else(never)
    }
}

impl Schedule {
    /// `None` if no date matches.
    fn new(text: &str, cron: Cron) -> Option<Self> {
        let pattern = cron.pattern;
        let hours: Vec<u32> = (0..24).filter(|hour| pattern.hour_match(*hour).unwrap_or(false)).collect();
        let minutes: Vec<u32> =
            (0..60).filter(|minute| pattern.minute_match(*minute).unwrap_or(false)).collect();
        let times = hours.iter().flat_map(|hour| minutes.iter().map(|minute| (*hour, *minute)));
        let times: Vec<NaiveTime> =
            times.filter_map(|(hour, minute)| NaiveTime::from_hms_opt(hour, minute, 0)).collect();
        let schedule = Self { pattern, text: text.into(), times, every_hour: hours.len() == 24 };
        // Any stretch of this length from here on has every kind of year.
        let mut days =
            NaiveDate::from_ymd_opt(2000, 1, 1)?.iter_days().take(usize::try_from(HORIZON_DAYS).ok()?);
        (!schedule.times.is_empty() && days.any(|day| schedule.runs_on(day))).then_some(schedule)
    }
}

fn read(text: &str) -> Option<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).ok()
}

impl Field {
    fn has_only_known_words(&self, value: &str) -> bool {
        value.to_ascii_uppercase().split([',', '-', '/', '#']).all(|word| {
            let number = self.marks.iter().find_map(|mark| word.strip_suffix(mark)).unwrap_or(word);
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            word == "*" || is_number || self.words.contains(&word) || self.words.contains(&number)
        })
    }
}
