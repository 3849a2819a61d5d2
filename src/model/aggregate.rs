//! Counts that are written before records go: into which table, grouped by what.

use std::fmt;

use chrono::{Datelike as _, NaiveDate};

use super::spelling;
use super::start::Format;
use super::value::Value;
use crate::time::{Instant, StartValue, Zone};

/// What every grouping says in the row that has all cells which are too small to be seen.
pub const OTHER: &str = "other";

/// The group of a value that is NULL or cannot be read.
pub const UNKNOWN: &str = "unknown";

/// `aggregate`: each record that a stage deletes is counted once, in the transaction that deletes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The table that receives the counts, in the same store.
    pub into: String,
    /// What the counts are grouped by.
    pub by: Vec<Grouping>,
    /// The column that receives the number of records.
    pub count: String,
    /// A column whose sum is kept.
    pub sum: Option<Summed>,
    /// Cells of fewer records are not seen by themselves; 1 shows every cell.
    pub min_cell: u32,
    /// The zone whose calendar tells days.
    pub zone: Zone,
}

/// One thing by which counts are grouped.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouping {
    /// The receiving table's column: the function's name, or the field's.
    pub name: String,
    /// The record's own column.
    pub column: String,
    /// The period of the calendar to which a time belongs; `None` for the value as it is.
    pub period: Option<Calendar>,
    /// How the column spells a time, where its type does not settle it.
    pub format: Option<Format>,
    /// The zone of local times in the column.
    pub local: Zone,
}

/// What is added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summed {
    /// The receiving table's column.
    pub name: String,
    /// The record's own column.
    pub column: String,
}

/// A period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// Such as `2026-10-14`.
    Day,
    /// Such as `2026-10`.
    Month,
    /// Such as `2026-Q4`.
    Quarter,
    /// Such as `2026`.
    Year,
}

impl Calendar {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Day, Self::Month, Self::Quarter, Self::Year];

    /// The function's name in a policy, which is also the column's in the receiving table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    fn of(self, date: NaiveDate) -> String {
        let year = date.year();
        match self {
            Self::Day => format!("{year:04}-{:02}-{:02}", date.month(), date.day()),
            Self::Month => format!("{year:04}-{:02}", date.month()),
            Self::Quarter => format!("{year:04}-Q{}", date.month0() / 3 + 1),
            Self::Year => format!("{year:04}"),
        }
    }
}

impl Aggregate {
    /// The record's own columns that are read.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let summed = self.sum.iter().map(|sum| sum.column.as_str());
        self.by.iter().map(|grouping| grouping.column.as_str()).chain(summed)
    }

    /// The group of a record, from the values of its groupings' columns in their order.
    pub fn group<'v>(&self, values: impl IntoIterator<Item = &'v Value>) -> Vec<String> {
        self.by.iter().zip(values).map(|(grouping, value)| grouping.group(value, self.zone)).collect()
    }

    /// The row that has all cells which are too small to be seen.
    pub fn other(&self) -> Vec<String> {
        self.by.iter().map(|_| OTHER.to_owned()).collect()
    }

    /// Whether small cells are kept apart.
    pub fn hides(&self) -> bool {
        self.min_cell > 1
    }
}

impl Grouping {
    /// What a value says in the receiving table.
    fn group(&self, value: &Value, zone: Zone) -> String {
        let text = match self.period {
            Some(period) => self.date(value, zone).map(|date| period.of(date)),
            None => value.as_event_key().map(|text| told_apart(&text)),
        };
        text.unwrap_or_else(|| UNKNOWN.to_owned())
    }

    /// The day in the policy's zone; `None` for what is no day of the years 1 to 9999.
    fn date(&self, value: &Value, zone: Zone) -> Option<NaiveDate> {
        let plausible = |date: &NaiveDate| (1..=9999).contains(&date.year());
        if let Value::Instant(instant) = value
            && (*instant == Instant::MIN_UTC || *instant == Instant::MAX_UTC)
        {
            return None;
        }
        let date = match spelling::read(value, self.format.as_ref(), self.local).ok()? {
            StartValue::Date(date) => date,
            StartValue::Instant(instant) => zone.local(instant).date(),
        };
        Some(date).filter(plausible)
    }
}

/// A value of a record as its group is named. Letters are told apart exactly; blanks at the end are not, because some
/// servers fill them up. A value that is spelled like one of our own names stands in quotes, and so on, so that no two
/// values have one name.
fn told_apart(value: &str) -> String {
    let text = value.trim_end_matches(' ');
    let mut bare = text;
    while let Some(inner) = bare.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        bare = inner;
    }
    if [OTHER, UNKNOWN].contains(&bare) { format!("\"{text}\"") } else { text.to_owned() }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.period {
            Some(period) => write!(f, "{}({})", period.word(), self.column),
            None => f.write_str(&self.column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouping(period: Option<Calendar>, format: Option<Format>) -> Grouping {
        let local = Zone::UTC;
        Grouping { name: "month".to_owned(), column: "called_at".to_owned(), period, format, local }
    }

    fn oslo() -> Zone {
        "Europe/Oslo".parse().unwrap()
    }

    #[test]
    fn a_time_belongs_to_a_period_of_the_policys_calendar() {
        let late: Instant = "2026-09-30T22:30:00Z".parse().unwrap();
        let spelled = |period| grouping(Some(period), None).group(&Value::Instant(late), oslo());
        let all: Vec<String> = Calendar::ALL.into_iter().map(spelled).collect();
        assert_eq!(all, ["2026-10-01", "2026-10", "2026-Q4", "2026"]);
        let date = Value::Date("2026-03-31".parse().unwrap());
        assert_eq!(grouping(Some(Calendar::Quarter), None).group(&date, oslo()), "2026-Q1");
        let seconds = Value::Int(late.timestamp());
        let counted = grouping(Some(Calendar::Month), Some(Format::Unix));
        assert_eq!(counted.group(&seconds, oslo()), "2026-10");
    }

    #[test]
    fn what_is_no_time_is_unknown() {
        let month = grouping(Some(Calendar::Month), None);
        for value in [
            Value::Null,
            Value::Text("soon".to_owned()),
            Value::Int(1),
            Value::Instant(Instant::MAX_UTC),
            Value::Instant(Instant::MIN_UTC),
            Value::Date(NaiveDate::MAX),
        ] {
            assert_eq!(month.group(&value, oslo()), UNKNOWN, "{value:?}");
        }
        let spelled = grouping(Some(Calendar::Month), Some(Format::Date));
        assert_eq!(spelled.group(&Value::Text("0000-00-00".to_owned()), oslo()), UNKNOWN);
    }

    #[test]
    fn a_plain_value_stands_for_itself() {
        let plain = grouping(None, None);
        let said = |value: Value| plain.group(&value, oslo());
        assert_eq!(said(Value::Text(" Sales ".to_owned())), " Sales");
        assert_eq!(said(Value::Int(-3)), "-3");
        assert_eq!(said(Value::Bool(true)), "true");
        assert_eq!(said(Value::Null), UNKNOWN);
    }

    #[test]
    fn a_value_that_is_spelled_like_a_name_of_ours_is_told_apart() {
        let plain = grouping(None, None);
        let said = |text: &str| plain.group(&Value::Text(text.to_owned()), oslo());
        for (value, name) in [
            ("other", "\"other\""),
            ("unknown ", "\"unknown\""),
            ("\"other\"", "\"\"other\"\""),
            ("Other", "Other"),
            ("\"", "\""),
            ("\"others\"", "\"others\""),
        ] {
            assert_eq!(said(value), name, "{value}");
        }
    }
}
