//! Numbers, times and counts as a person reads them.

use chrono::NaiveDateTime;

use crate::policy::decide::Unknown;
use crate::time::{Instant, StartValue, Zone};

/// A number with a comma between thousands.
pub(crate) fn number(value: u64) -> String {
    crate::notice::letter::grouped(value, ',')
}

/// `1 record`, `1,204 records`.
pub(crate) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// `1 record`, `1,204 records`.
pub(crate) fn records(value: u64) -> String {
    counted(value, "record", "records")
}

/// An instant on the wall clock of a zone, with its offset from UTC: `2026-11-08 14:00:00 +01:00`.
pub(crate) fn local(at: Instant, zone: Zone) -> String {
    let wall = zone.local(at);
    joined(&format!("{} {}", wall.format("%Y-%m-%d %H:%M:%S"), offset(at, wall)))
}

/// A slot, which is always a whole minute: `2026-11-08 03:00 +01:00`.
pub(crate) fn slot(at: Instant, zone: Zone) -> String {
    let wall = zone.local(at);
    joined(&format!("{} {}", wall.format("%Y-%m-%d %H:%M"), offset(at, wall)))
}

/// An instant as `local` gives it, with the zone's name.
pub(crate) fn local_named(at: Instant, zone: Zone) -> String {
    joined(&format!("{} ({zone})", local(at, zone)))
}

/// The day of an instant in a zone.
pub(crate) fn day(at: Instant, zone: Zone) -> String {
    zone.local(at).format("%Y-%m-%d").to_string()
}

/// A starting point's day, for narrow tables.
pub(crate) fn start_day(value: StartValue, zone: Zone) -> String {
    match value {
        StartValue::Date(day) => day.to_string(),
        StartValue::Instant(at) => day(at, zone),
    }
}

/// A starting point in JSON: a day, or an instant in UTC (RFC 3339).
pub(crate) fn start_json(value: StartValue) -> String {
    match value {
        StartValue::Date(day) => day.to_string(),
        StartValue::Instant(at) => utc(at),
    }
}

/// An instant in JSON: UTC, RFC 3339, with no more digits than it needs.
pub(crate) fn utc(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A length of time in its largest whole unit: `3 days`, `1 hour`, `40 seconds`.
pub(crate) fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    for (unit, length) in [("day", 86_400), ("hour", 3_600), ("minute", 60)] {
        if seconds >= length {
            return counted(seconds / length, unit, &format!("{unit}s"));
        }
    }
    counted(seconds, "second", "seconds")
}

/// The text broken into lines of at most `width` columns, each line but the first after `indent` blanks. Blanks in
/// front of the text stay, and what stands between backquotes is not torn apart: somebody may want to copy it.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let text = &whole_commands(text);
    let lead = text.len() - text.trim_start_matches(' ').len();
    let mut lines = " ".repeat(lead);
    let mut used = lead;
    let mut begun = false;
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let wide = unicode_width::UnicodeWidthStr::width(word);
        if begun && used + 1 + wide > width {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            used = indent;
        } else if begun {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += wide;
        begun = true;
    }
    lines
}

/// Something from outside, such as a key or a path, on one line: control and direction characters are escaped, so that
/// no record's name can rewrite the terminal.
pub(crate) fn safe(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        let turns =
            matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if letter.is_control() || turns {
            clean.extend(letter.escape_unicode());
        } else {
            clean.push(letter);
        }
    }
    clean
}

fn whole_commands(text: &str) -> String {
    const LONGEST: usize = 50;
    let parts = text.split('`').enumerate().map(|(place, part)| {
        if place % 2 == 1 && part.len() <= LONGEST { joined(part) } else { part.to_owned() }
    });
    parts.collect::<Vec<_>>().join("`")
}

/// What must not be torn apart at the end of a line. It is written with blanks all the same: see `plain`.
fn joined(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// The text as it is written.
pub(crate) fn plain(text: &str) -> String {
    text.replace('\u{a0}', " ")
}

fn offset(at: Instant, wall: NaiveDateTime) -> String {
    let minutes = (wall - at.naive_utc()).num_minutes();
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Why nothing can be known of a record, in the middle of a sentence.
pub(super) fn unknown(unknown: Unknown) -> &'static str {
    match unknown {
        Unknown::Scope => "whether the policy is about it cannot be known",
        Unknown::Class => "its class cannot be known",
        Unknown::Start(why) => why.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(records(1), "1 record");
        assert_eq!(records(1_204), "1,204 records");
    }

    #[test]
    fn times_are_local_with_their_offset() {
        let oslo: Zone = "Europe/Oslo".parse().unwrap();
        assert_eq!(
            plain(&local("2026-11-08T13:00:00Z".parse().unwrap(), oslo)),
            "2026-11-08 14:00:00 +01:00"
        );
        assert_eq!(
            plain(&local("2026-07-08T12:00:07Z".parse().unwrap(), oslo)),
            "2026-07-08 14:00:07 +02:00"
        );
        let st_johns: Zone = "America/St_Johns".parse().unwrap();
        assert_eq!(
            plain(&local("2026-11-08T13:00:00Z".parse().unwrap(), st_johns)),
            "2026-11-08 09:30:00 -03:30"
        );
        assert_eq!(plain(&slot("2026-11-08T02:00:00Z".parse().unwrap(), oslo)), "2026-11-08 03:00 +01:00");
        assert_eq!(utc("2026-11-08T13:00:00Z".parse().unwrap()), "2026-11-08T13:00:00Z");
    }

    #[test]
    fn spans_use_their_largest_unit() {
        assert_eq!([40, 3_600, 90_000, 200_000].map(span), ["40 seconds", "1 hour", "1 day", "2 days"]);
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrap("one two three four", 9, 2), "one two\n  three\n  four");
        assert_eq!(wrap("a-word-that-is-too-long x", 5, 0), "a-word-that-is-too-long\nx");
        assert_eq!(plain(&wrap("try `a b c` now", 8, 0)), "try\n`a b c`\nnow");
        assert_eq!(wrap("", 5, 0), "");
        assert_eq!(wrap("  one two", 7, 4), "  one\n    two");
    }

    #[test]
    fn what_could_rewrite_a_terminal_is_escaped() {
        assert_eq!(safe("a\u{1b}[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\\u{a}d");
        assert_eq!(safe("blåbær/1.mp4"), "blåbær/1.mp4");
    }
}
