//! Turns the parser's and serde's messages into what a records manager can act on.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Home;
use super::place::{self, Way};
use crate::policy::diagnostic::Diagnostic;

/// What is wrong and what to write instead, not yet at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Between message and help inside a serde error, which has room for one text only.
const SEPARATOR: char = '\u{1f}';

impl Fault {
    /// A fault without advice.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Splits a sentence such as ``"`7d` is no period: write `7 days`"`` before its advice.
    pub fn from_sentence(sentence: &str) -> Self {
        for mark in [": write ", "; write ", "? Write "] {
            if let Some((wrong, advice)) = sentence.split_once(mark) {
                let end = if mark.starts_with('?') { "?" } else { "" };
                return Self::new(format!("{wrong}{end}")).with_help(format!("write {advice}"));
            }
        }
        Self::new(sentence)
    }

    /// At a place in a file.
    pub fn at(self, file: &Path, span: Range<usize>) -> Diagnostic {
        let found = Diagnostic::error(file, span, self.message);
        match self.help {
            Some(help) => found.with_help(help),
            None => found,
        }
    }

    /// One text, from which [`explain`] gets both parts back.
    pub(super) fn packed(&self) -> String {
        match &self.help {
            Some(help) => format!("{}{SEPARATOR}{help}", self.message),
            None => format!("{}{SEPARATOR}", self.message),
        }
    }

    fn unpacked(text: &str) -> Option<Self> {
        let (message, help) = text.split_once(SEPARATOR)?;
        Some(Self { message: message.to_owned(), help: (!help.is_empty()).then(|| help.to_owned()) })
    }
}

/// What a serde error at the end of `way` means, in the table that is written as `name`. A key that was probably
/// meant is added to `meant`.
pub(super) fn explain(
    error: &toml::de::Error,
    root: &Spanned<DeTable<'_>>,
    way: &Way,
    name: &str,
    homes: &[Home],
    meant: &mut BTreeSet<String>,
) -> Fault {
    let key = way.last_key().map_or("", String::as_str);
    let message = error.message();
    if let Some(fault) = Fault::unpacked(message) {
        return fault;
    }
    let value = place::value(root, way).map(Spanned::get_ref);
    // serde sees a date as a table with a key of its own.
    if message.starts_with("unknown field") && !way.on_key && matches!(value, Some(DeValue::Datetime(_))) {
        return wrong_type(way, "a table", value, homes);
    }
    if message.starts_with("unknown field") {
        let table = table_name(way, name, homes);
        return unknown_key(key, &table, &names_after_expected(message), homes, meant);
    }
    match message.split_once(", expected ") {
        Some((_, expected)) => wrong_type(way, expected, value, homes),
        None => Fault::new(message),
    }
}

fn unknown_key(
    key: &str,
    table: &str,
    known: &[String],
    homes: &[Home],
    meant: &mut BTreeSet<String>,
) -> Fault {
    let fault = Fault::new(if table.is_empty() {
        format!("unknown key `{key}`")
    } else {
        format!("unknown key `{key}` in `{table}`")
    });
    let has = |home: &Home| home.keys.iter().any(|name| name == key);
    if !table.is_empty() && homes.first().is_some_and(has) {
        meant.insert(key.to_owned());
        let first = if homes.iter().any(|home| home.name.starts_with("[[")) { "[[" } else { "[" };
        return fault
            .with_help(format!("`{key}` is a key of the top level: move it above the first `{first}`"));
    }
    let near = nearest(key, known.iter().map(String::as_str));
    if let Some(near) = near.filter(|near| strsim::damerau_levenshtein(near, key) == 1) {
        meant.insert(near.to_owned());
        return fault.with_help(format!("write `{near}`"));
    }
    let elsewhere: Vec<String> =
        homes.iter().skip(1).filter(|home| has(home)).map(|home| format!("`{}`", home.name)).collect();
    if !elsewhere.is_empty() {
        return fault.with_help(format!("`{key}` belongs in {}", elsewhere.join(" or ")));
    }
    match near {
        Some(near) => {
            meant.insert(near.to_owned());
            fault.with_help(format!("write `{near}`"))
        }
        None => fault.with_help(format!("the keys here are {}", list(known))),
    }
}

fn wrong_type(way: &Way, expected: &str, found: Option<&DeValue<'_>>, homes: &[Home]) -> Fault {
    let key = way.written(homes);
    let double = format!("[[{}]]", way.keys().cloned().collect::<Vec<_>>().join("."));
    let many = homes.iter().any(|home| home.name == double) && !way.is_item();
    let expected = match expected {
        "a sequence" if many => "a list of tables",
        "a sequence" => "a list",
        "a map" => "a table",
        "a boolean" => "true or false",
        other => other,
    };
    let fault = Fault::new(format!("expected {expected}, found {}", kind(found)));
    let example = match (expected, found) {
        (_, Some(DeValue::Table(_))) if many => {
            return fault.with_help(format!("write `{double}`, with two brackets, above what belongs to it"));
        }
        (_, Some(DeValue::Array(items))) if expected.starts_with("a table") && of_tables(items) => {
            return fault.with_help(format!("write single brackets, once: `[{key}]`"));
        }
        (_, _) if expected.contains("such as ") => {
            expected.split_once("such as ").map_or("", |(_, example)| example)
        }
        ("true or false", _) => "true",
        ("a list", _) => "[\"..\"]",
        ("a table", _) => "{ .. }",
        _ => "\"..\"",
    };
    fault.with_help(if way.is_item() {
        format!("write for example `{example}`")
    } else {
        format!("write for example `{key} = {example}`")
    })
}

fn of_tables(items: &[Spanned<DeValue<'_>>]) -> bool {
    matches!(items.first().map(Spanned::get_ref), Some(DeValue::Table(_)))
}

fn kind(value: Option<&DeValue<'_>>) -> &'static str {
    match value {
        Some(DeValue::String(_)) => "a text",
        Some(DeValue::Integer(_)) => "a whole number",
        Some(DeValue::Float(_)) => "a number with a point",
        Some(DeValue::Boolean(_)) => "true or false",
        Some(DeValue::Datetime(_)) => "a date or time without quotes",
        Some(DeValue::Array(_)) => "a list",
        Some(DeValue::Table(_)) => "a table",
        None => "something else",
    }
}

/// How the table is written that holds the last key of the way.
fn table_name(way: &Way, outermost: &str, homes: &[Home]) -> String {
    let keys: Vec<&str> = way.keys().map(String::as_str).collect();
    let keys = &keys[..keys.len().saturating_sub(1)];
    if keys.is_empty() {
        return outermost.to_owned();
    }
    let name = keys.join(".");
    let last = keys.last().map_or_else(String::new, ToString::to_string);
    [format!("[[{name}]]"), format!("[{name}]"), last]
        .into_iter()
        .find(|written| homes.iter().any(|home| home.name == *written))
        .unwrap_or(name)
}

/// What the TOML parser complains about.
pub(super) fn syntax(message: &str, text: &str, span: &Range<usize>) -> Fault {
    let written = text.get(span.clone()).unwrap_or_default();
    if message == "duplicate key" {
        return Fault::new(format!("`{written}` is written twice")).with_help("keep one of them");
    }
    let (wrong, help) = if message.contains("must be quoted") || message.contains("string values") {
        ("this is no value".to_owned(), "texts stand in quotes: `after = \"30 days\"`")
    } else if message.contains("string") {
        (format!("this is not TOML: {message}"), "a text ends with the quotes that it began with")
    } else if message.contains("key with no value") {
        ("this is not TOML: a key without a value".to_owned(), "write `key = value`")
    } else {
        (
            format!("this is not TOML: {message}"),
            "write `key = value` on a line of its own, texts in quotes, and tables as `[name]` or `[[name]]`",
        )
    };
    Fault::new(wrong).with_help(help)
}

/// Where the parser stumbled. It does not always say; then it is the first line with which it stumbles so.
pub(super) fn place_of(error: &toml::de::Error, text: &str) -> Range<usize> {
    let at = match error.span() {
        Some(span) if !span.is_empty() => return span,
        Some(span) => span.start,
        None => {
            let stumbles = |end: &usize| {
                let (_, errors) = DeTable::parse_recoverable(&text[..*end]);
                errors.iter().any(|other| other.message() == error.message())
            };
            let ends = text.match_indices('\n').map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().find(stumbles).unwrap_or(text.len())
        }
    };
    // The line, without its indentation; where it is empty, the last one before it that is not.
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
    let end = text[..end].trim_end().len();
    let start = text[..end].rfind('\n').map_or(0, |before| before + 1);
    start + (text[start..end].len() - text[start..end].trim_start().len())..end
}

/// The nearest of `names`, if it is near enough to have been meant.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('_', "-");
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase().replace('_', "-")), name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(word.chars().count()).div_ceil(3))
        .min()
        .map(|(_, name)| name)
}

/// Names in a sentence: `` `a`, `b` ``.
pub(super) fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The names in backticks behind the word "expected".
pub(super) fn names_after_expected(message: &str) -> Vec<String> {
    let Some((_, names)) = message.split_once(", expected ") else { return Vec::new() };
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
