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
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::diagnostic::Diagnostic;

pub use fault::{Fault, nearest};
pub use inside::inside;
pub use shapes::{Count, Entries, OneOrMany, Share};
pub use written::{Language, Spot, Text, Written};

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
    let (mut root, syntax) = DeTable::parse_recoverable(text);
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let mut dropped = Dropped::default();
    for error in &syntax {
        let span = error.span().unwrap_or(0..0);
        // One slip often breaks the rest of its line in several ways; the first is what has to be mended.
        if diagnostics.iter().all(|earlier| line_of(text, earlier.span.start) != line_of(text, span.start)) {
            diagnostics.push(fault::syntax(error.message(), text, &span).at(file, span));
        }
        dropped.all |= !error.message().starts_with("duplicate key");
    }
    // What the parser made of a broken line is a guess: no second error about it.
    let guessed: BTreeSet<usize> = diagnostics.iter().map(|found| line_of(text, found.span.start)).collect();
    loop {
        let error = match T::deserialize(ValueDeserializer::from(whole(&root))) {
            Ok(value) => return Reading { value: Some(value), diagnostics: sorted(diagnostics), dropped },
            Err(error) => error,
        };
        let Some(way) = error.span().and_then(|span| place::locate(&root, &span)) else {
            diagnostics.push(Diagnostic::error(file, error.span().unwrap_or(0..0), error.message().to_owned()));
            return Reading { value: None, diagnostics: sorted(diagnostics), dropped };
        };
        let found = fault::explain(&error, &root, &way, homes, &mut dropped.keys);
        if !guessed.contains(&line_of(text, found.span.start)) && diagnostics.len() < MOST {
            diagnostics.push(found.fault.at(file, found.span));
        }
        dropped.keys.extend(way.last_key().cloned());
        place::remove(&mut root, &way);
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

fn sorted(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|found| (found.span.start, found.span.end));
    diagnostics
}

fn line_of(text: &str, byte: usize) -> usize {
    text.as_bytes()[..byte.min(text.len())].iter().filter(|&&byte| byte == b'\n').count()
}

/// An error out of a `Deserialize`, with advice.
pub(super) fn custom<E: serde::de::Error>(fault: &Fault) -> E {
    E::custom(fault.packed())
}

/// What a range of bytes is called when nothing better is known.
pub type Span = Range<usize>;
