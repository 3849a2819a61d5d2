//! Reads a TOML text into strict types and reports everything that is wrong with it, not only the first thing.
//!
//! serde stops at its first error. So the offending key is taken out of the parsed table, the error kept, and the
//! rest read again, until nothing is wrong with what is left. Every field of the types read here is optional;
//! whoever looks at the result afterwards asks for what must be there, except for keys that were taken out.

mod fault;
mod inside;
mod place;
mod shapes;
mod written;

use std::collections::BTreeSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::diagnostic::Diagnostic;

pub use fault::{Fault, nearest};
pub use inside::inside;
pub use shapes::{Count, Entries, OneOrMany, Share};
pub use written::{Language, Section, Spot, Text, Written};

/// A table of the language, for saying where a misplaced key belongs.
#[derive(Clone, Debug)]
pub struct Home {
    /// How the table is written, such as `[[data]]`; empty for the top level.
    pub name: &'static str,
    /// Its keys.
    pub keys: Vec<String>,
}

impl Home {
    /// The keys of a table, as its type knows them.
    pub fn of<T: DeserializeOwned>(name: &'static str) -> Self {
        Self { name, keys: known_keys::<T>() }
    }
}

/// What became of a text.
#[derive(Debug)]
pub struct Reading<T> {
    /// What could be read of it; `None` where not even the outermost table could be.
    pub value: Option<T>,
    /// Everything that is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// What was left out of `value` because of that.
    pub dropped: Dropped,
}

/// Keys that were written but could not be read: nobody should report them as missing.
#[derive(Clone, Debug, Default)]
pub struct Dropped {
    keys: BTreeSet<String>,
    all: bool,
}

impl Dropped {
    /// Whether a key of that name may have been written, rightly or wrongly spelled, somewhere in the text.
    pub fn may_hold(&self, key: &str) -> bool {
        self.all || self.keys.contains(key)
    }
}

/// How many errors are collected before giving up: nobody reads more, and each costs another pass.
const MOST: usize = 200;

/// Reads `text`, which stands in `file`. `homes` are all tables of the language, the top level first.
pub fn read<T: DeserializeOwned>(file: &Path, text: &str, homes: &[Home]) -> Reading<T> {
    let (mut reader, root) = Reader::parse(file, text, homes);
    let value = reader.read(root, "");
    let (diagnostics, dropped) = reader.finish();
    Reading { value, diagnostics, dropped }
}

/// Reads a text table by table, for languages in which one table says how another is to be read.
#[derive(Debug)]
pub struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    homes: &'a [Home],
    diagnostics: Vec<Diagnostic>,
    dropped: Dropped,
    /// Lines that are no TOML: what the parser made of them is a guess, and no second error is given about it.
    guessed: BTreeSet<usize>,
}

impl<'a> Reader<'a> {
    /// Parses the text; the outermost table holds as much as could be understood.
    pub fn parse(file: &'a Path, text: &'a str, homes: &'a [Home]) -> (Self, Spanned<DeTable<'a>>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut reader = Self {
            file,
            text,
            homes,
            diagnostics: Vec::new(),
            dropped: Dropped::default(),
            guessed: BTreeSet::new(),
        };
        for error in &errors {
            let span = fault::place_of(error, text);
            // One slip often breaks the rest of its line in several ways; the first is what has to be mended.
            if reader.guessed.insert(line_of(text, span.start)) {
                reader.diagnostics.push(fault::syntax(error.message(), text, &span).at(file, span));
            }
            reader.dropped.all |= error.message() != "duplicate key";
        }
        (reader, root)
    }

    /// Reads one table, which is written as `name`; empty for the top level.
    pub fn read<T: DeserializeOwned>(&mut self, mut table: Spanned<DeTable<'_>>, name: &str) -> Option<T> {
        loop {
            let error = match T::deserialize(ValueDeserializer::from(whole(&table))) {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            let span = error.span().unwrap_or(0..0);
            let Some(way) = place::locate(&table, &span) else {
                self.report(Diagnostic::error(self.file, span, error.message()));
                return None;
            };
            let fault = fault::explain(&error, &table, &way, name, self.homes, &mut self.dropped.keys);
            self.report(fault.at(self.file, span));
            self.dropped.keys.extend(way.keys().cloned());
            place::remove(&mut table, &way);
        }
    }

    /// Adds a finding, unless it is about a line that is known to be no TOML.
    pub fn report(&mut self, found: Diagnostic) {
        if !self.guessed.contains(&line_of(self.text, found.span.start)) && self.diagnostics.len() < MOST {
            self.diagnostics.push(found);
        }
    }

    /// Everything that is wrong, in the order of the file, and what was left out for it.
    pub fn finish(mut self) -> (Vec<Diagnostic>, Dropped) {
        self.diagnostics.sort_by_key(|found| (found.span.start, found.span.end));
        (self.diagnostics, self.dropped)
    }
}

/// The keys that a table type knows, asked of the type itself.
pub fn known_keys<T: DeserializeOwned>() -> Vec<String> {
    let (table, _) = DeTable::parse_recoverable("'?' = 0");
    match T::deserialize(ValueDeserializer::from(whole(&table))) {
        Ok(_) => Vec::new(),
        Err(error) => fault::names_after_expected(error.message()),
    }
}

fn whole<'i>(root: &Spanned<DeTable<'i>>) -> Spanned<DeValue<'i>> {
    Spanned::new(root.span(), DeValue::Table(root.get_ref().clone()))
}

fn line_of(text: &str, byte: usize) -> usize {
    crate::policy::diagnostic::position(text, byte).0
}

/// An error out of a `Deserialize`, with advice.
pub(super) fn custom<E: serde::de::Error>(fault: &Fault) -> E {
    E::custom(fault.packed())
}
