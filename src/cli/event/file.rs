//! Events from a file of comma-separated values, as spreadsheets and case systems write it: all of it is understood, or
//! nothing is recorded and every bad line is named.

use std::collections::HashMap;
use std::path::Path;

use super::names::{self, Asked};
use super::time;
use crate::cli::exit::Failure;
use crate::cli::phrase;
use crate::state::api::EventRecord;
use crate::time::{Instant, Zone};

/// How many events one file may hold: while they are written down, no batch can begin.
pub(super) const MOST: usize = 10_000;
/// How many bad lines are shown.
const SHOWN: usize = 20;
/// No file of so many events is longer.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What the file is read with.
pub(super) struct Rules<'a> {
    /// The event, where no column names it.
    pub(super) name: Option<&'a str>,
    /// When all of it happened, where no column says it.
    pub(super) at: Option<Instant>,
    /// The events that policies ask for; `None`: any name is good.
    pub(super) asked: Option<&'a Asked>,
    /// The zone of local times.
    pub(super) zone: Zone,
    /// The time of reading.
    pub(super) now: Instant,
}

/// Reads the whole file. Each event is there once, in the order of the lines.
pub(super) fn read(path: &Path, rules: &Rules<'_>) -> Result<Vec<EventRecord>, Failure> {
    let shown = phrase::safe(&path.display().to_string());
    let about = |why: &str| Failure::usage(format!("{shown}: {why}. Nothing was recorded"));
    let size = fs_err::metadata(path).map_err(|error| about(&error.to_string()))?.len();
    if size > LONGEST {
        return Err(about(&too_many()));
    }
    let bytes = fs_err::read(path).map_err(|error| about(&error.to_string()))?;
    parse(&bytes, rules).map_err(|trouble| match trouble {
        Trouble::File(why) => about(&why),
        Trouble::Lines(lines) => {
            let count = phrase::counted(lines.len() as u64, "line", "lines");
            let mut told: Vec<String> =
                lines.iter().take(SHOWN).map(|(line, why)| format!("{shown}, line {line}: {why}")).collect();
            if lines.len() > SHOWN {
                told.push(format!("and {} more", phrase::number((lines.len() - SHOWN) as u64)));
            }
            let message = format!("{count} of the file cannot be recorded, so nothing of it was");
            Failure { shown: Some(phrase::plain(&told.join("\n"))), ..Failure::usage(message) }
        }
    })
}

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// As a whole.
    File(String),
    /// With these lines, by their numbers.
    Lines(Vec<(u64, String)>),
}

/// Where the columns stand.
struct Columns {
    key: usize,
    at: Option<usize>,
    event: Option<usize>,
    count: usize,
}

fn too_many() -> String {
    format!("it holds more than {} events: split it", phrase::number(MOST as u64))
}

fn parse(bytes: &[u8], rules: &Rules<'_>) -> Result<Vec<EventRecord>, Trouble> {
    // Of line ends in two bytes the reader counts one too few.
    let text = text(bytes)?.replace("\r\n", "\n");
    let head = text.lines().next().unwrap_or_default();
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator(head)).flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| Trouble::File(error.to_string()))?;
    let columns = Columns::of(headers, rules)?;
    let (mut events, mut bad) = (Vec::new(), Vec::new());
    let mut seen: HashMap<(String, String), (u64, Instant)> = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| Trouble::File(error.to_string()))?;
        // Spreadsheets write their empty rows too.
        if record.iter().all(str::is_empty) {
            continue;
        }
        if events.len() == MOST {
            return Err(Trouble::File(too_many()));
        }
        let line = record.position().map_or(0, csv::Position::line);
        let event = match columns.event(&record, rules) {
            Ok(event) => event,
            Err(why) => {
                bad.push((line, why));
                continue;
            }
        };
        match seen.get(&(event.name.clone(), event.key.clone())) {
            Some((_, at)) if *at == event.at => {}
            Some((first, _)) => bad.push((line, format!("line {first} gives the same key another time"))),
            None => {
                seen.insert((event.name.clone(), event.key.clone()), (line, event.at));
                events.push(event);
            }
        }
    }
    match bad.is_empty() {
        false => Err(Trouble::Lines(bad)),
        true if events.is_empty() => Err(Trouble::File("it holds no events".to_owned())),
        true => Ok(events),
    }
}

/// UTF-8, with or without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, Trouble> {
    let wrong = "save it as CSV in UTF-8 (in Excel: \"CSV UTF-8\")";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Trouble::File(format!("it is written in UTF-16: {wrong}")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).matches('\n').count() + 1;
        Trouble::File(format!("line {line} is not UTF-8: {wrong}"))
    })
}

/// The columns have fixed names, so their line shows what stands between them: a semicolon where the decimal sign is a
/// comma.
fn separator(head: &str) -> u8 {
    [b';', b'\t'].into_iter().find(|byte| head.as_bytes().contains(byte)).unwrap_or(b',')
}

impl Columns {
    fn of(headers: &csv::StringRecord, rules: &Rules<'_>) -> Result<Self, Trouble> {
        let wrong = |why: String| Err(Trouble::File(format!("line 1: {why}")));
        let names: Vec<&str> = headers.iter().collect();
        for (place, name) in names.iter().enumerate() {
            if !["key", "at", "event"].contains(name) {
                return wrong(format!(
                    "`{}` is no column: the first line names the columns `key`, `at` and, where the command names no \
                     event, `event`",
                    phrase::safe(name)
                ));
            }
            if names[..place].contains(name) {
                return wrong(format!("the column `{name}` is there twice"));
            }
        }
        let place = |wanted: &str| names.iter().position(|name| *name == wanted);
        let Some(key) = place("key") else { return wrong("the column `key` is missing".to_owned()) };
        match (place("event"), rules.name) {
            (None, None) => {
                return wrong("the column `event` is missing, and the command names no event".to_owned());
            }
            (Some(_), Some(_)) => {
                return wrong("the column `event` is there, and the command names an event too".to_owned());
            }
            _ => {}
        }
        match (place("at"), rules.at) {
            (None, None) => return wrong("the column `at` is missing, and --at is not given".to_owned()),
            (Some(_), Some(_)) => return wrong("the column `at` is there, and --at is given too".to_owned()),
            _ => {}
        }
        Ok(Self { key, at: place("at"), event: place("event"), count: names.len() })
    }

    /// The event of one line, or what is wrong with it.
    fn event(&self, record: &csv::StringRecord, rules: &Rules<'_>) -> Result<EventRecord, String> {
        if record.len() != self.count {
            let fields = phrase::counted(record.len() as u64, "field", "fields");
            return Err(format!("it has {fields}, and the first line names {}", self.count));
        }
        let name = match self.event {
            Some(place) => &record[place],
            None => rules.name.unwrap_or_default(),
        };
        if self.event.is_some()
            && let Some(why) =
                names::why_bad(name).or_else(|| rules.asked.and_then(|asked| asked.why_not(name)))
        {
            return Err(why);
        }
        let key = &record[self.key];
        if let Some(why) = bad_key(key) {
            return Err(why);
        }
        let at = match self.at {
            Some(place) => {
                time::read(&record[place], rules.zone).and_then(|at| time::past(at, rules.now, rules.zone))
            }
            None => Ok(rules.at.unwrap_or(rules.now)),
        }?;
        Ok(EventRecord { name: name.to_owned(), key: key.to_owned(), at })
    }
}

/// What a spreadsheet or a missing quotation mark can make of a key.
fn bad_key(key: &str) -> Option<String> {
    let shortened = |key: &str| {
        let (number, power) = key.split_once("E+")?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')) && digits(power))
            .then_some(())
    };
    if key.is_empty() {
        return Some("it has no key".to_owned());
    }
    if key.contains(['\n', '\r']) {
        return Some("its key goes over several lines: is a quotation mark missing?".to_owned());
    }
    if key.trim() != key {
        return Some("its key has a blank before or after it".to_owned());
    }
    shortened(key)?;
    Some("its key looks like a number that a spreadsheet has shortened: write that column as text".to_owned())
}

#[cfg(test)]
mod tests;
