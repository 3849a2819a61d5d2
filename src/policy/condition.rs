//! Conditions: `where` and `when`, written in a checked subset of CEL (Common Expression Language).
//!
//! The `cel` crate reads them; `lower` turns what it read into a [`Predicate`] and refuses the rest of the language;
//! `check` holds the predicate against a store's schema.

mod check;
mod lower;
mod place;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use thiserror::Error;

pub(crate) use check::column;
pub use check::{Finding, check, untested_nullable};

use crate::model::predicate::Predicate;

/// The words that a condition of one `[[data]]` may use beside the store's own columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// `names`: the policy's word, then the store's column. `link.word` on the left speaks of a link's column.
    pub columns: BTreeMap<String, String>,
    /// The names of the `[[data.link]]` tables.
    pub links: BTreeSet<String>,
}

/// A condition that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ConditionError {
    /// The bytes of the condition that it is about.
    pub span: Range<usize>,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// The longest condition that is read, in bytes.
const LONGEST: usize = 10_000;
/// How deep brackets may be nested.
const DEEPEST: u16 = 32;
/// The most names of a path that leads into JSON, that of the column among them.
pub(crate) const DEEPEST_PATH: usize = 16;
/// The parser needs up to 100 KiB of stack for each bracket, more than a worker thread has to give.
const STACK: usize = 32 << 20;

/// Reads a condition. Column types are not looked at here: that is [`check()`], which needs the store.
pub fn compile(text: &str, names: &Names) -> Result<Predicate, ConditionError> {
    if text.trim().is_empty() {
        return Err(ConditionError::new(0..text.len(), "the condition is blank")
            .with_help("leave it out, or write for example `outcome == 'hired'`"));
    }
    if text.len() > LONGEST {
        return Err(ConditionError::new(0..text.len(), "the condition is longer than 10,000 bytes")
            .with_help("write `field in [...]`, or split the class"));
    }
    let reader = || {
        let parser = cel::parser::Parser::default().max_recursion_depth(DEEPEST);
        match parser.parse_with_source_info(text) {
            Ok((tree, places)) => lower::Lowering { text, names, places: &places }.predicate(&tree),
            Err(errors) => Err(syntax::explain(text, &errors)),
        }
    };
    let read = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("condition".to_owned()).stack_size(STACK);
        thread.spawn_scoped(scope, reader).ok().and_then(|reading| reading.join().ok())
    });
    read.unwrap_or_else(|| Err(ConditionError::new(0..text.len(), "the condition could not be read")))
}

impl ConditionError {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

#[cfg(test)]
mod tests;
