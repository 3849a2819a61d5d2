//! Lists, numbers and periods in English.

use crate::time::Period;

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(items: &[String], joint: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {joint} {last}", first.join(", ")),
    }
}

/// Small numbers as words.
pub(super) fn count(number: usize) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    WORDS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

/// Both counts without their unit, if both periods have one unit and it is the same.
pub(super) fn same_unit(one: Period, other: Period) -> Option<(String, String)> {
    let (left, right) = (one.to_string(), other.to_string());
    let (count, unit) = left.split_once(' ')?;
    let (other_count, other_unit) = right.split_once(' ')?;
    let bare = |unit: &str| unit.trim_end_matches('s').to_owned();
    let alone = !unit.contains(' ') && !other_unit.contains(' ');
    (alone && bare(unit) == bare(other_unit)).then(|| (count.to_owned(), other_count.to_owned()))
}

/// `29 to 30 days`, `1 month`, `up to 24 hours`.
pub(super) fn range(shortest: Period, longest: Period) -> String {
    if shortest == longest {
        return shortest.to_string();
    }
    if shortest == Period::ZERO {
        return format!("up to {longest}");
    }
    match same_unit(shortest, longest) {
        Some((count, _)) => format!("{count} to {longest}"),
        None => format!("{shortest} to {longest}"),
    }
}

/// Both, one after the other.
pub(super) fn sum(one: Period, other: Period) -> Period {
    Period {
        months: one.months.saturating_add(other.months),
        days: one.days.saturating_add(other.days),
        hours: one.hours.saturating_add(other.hours),
    }
}
