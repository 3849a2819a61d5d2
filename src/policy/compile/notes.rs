//! Collects what is wrong in one file.

use std::ops::Range;
use std::path::Path;

use crate::policy::diagnostic::Diagnostic;
use crate::policy::strict::{Dropped, Fault, Spot, nearest};

/// The findings about one file, with its text.
pub(super) struct Notes<'a> {
    file: &'a Path,
    text: &'a str,
    dropped: Dropped,
    found: Vec<Diagnostic>,
}

/// A finding to which advice may be added.
pub(super) struct Note<'n>(&'n mut Diagnostic);

impl Note<'_> {
    pub(super) fn help(self, help: impl Into<String>) {
        self.0.help = Some(help.into());
    }
}

impl<'a> Notes<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str, dropped: Dropped, found: Vec<Diagnostic>) -> Self {
        Self { file, text, dropped, found }
    }

    pub(super) fn file(&self) -> &'a Path {
        self.file
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn error(&mut self, span: Range<usize>, message: impl Into<String>) -> Note<'_> {
        self.add(Diagnostic::error(self.file, span, message))
    }

    pub(super) fn warning(&mut self, span: Range<usize>, message: impl Into<String>) -> Note<'_> {
        self.add(Diagnostic::warning(self.file, span, message))
    }

    pub(super) fn fault(&mut self, span: Range<usize>, fault: Fault) {
        self.found.push(fault.at(self.file, span));
    }

    /// How many findings there are, to tell whether one came.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    fn add(&mut self, found: Diagnostic) -> Note<'_> {
        self.found.push(found);
        Note(self.found.last_mut().expect("one was pushed on the line above"))
    }

    /// An error unless the key is there, or was there and could not be read.
    pub(super) fn need<T>(
        &mut self,
        value: Option<&T>,
        key: &str,
        span: &Range<usize>,
        whose: &str,
        example: &str,
    ) {
        if value.is_none() && !self.may_hold(key) {
            self.error(span.clone(), format!("{whose} has no `{key}`"))
                .help(format!("add for example `{example}`"));
        }
    }

    /// An error about a name that nothing has.
    pub(super) fn unknown<'n>(
        &mut self,
        span: Range<usize>,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
        place: &str,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let all: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let note = self.error(span, format!("there is no {what} `{name}`"));
        match nearest(name, known) {
            Some(near) => note.help(format!("write `{near}`")),
            None if all.is_empty() => note.help(format!("none is declared: add it to {place}")),
            None => note.help(format!("write one of {}, or add it to {place}", all.join(", "))),
        }
    }

    /// Whether a key of that name was written and could not be read.
    pub(super) fn may_hold(&self, key: &str) -> bool {
        self.dropped.may_hold(key)
    }

    /// The place for what is wrong with the policy as a whole: its first line that is not a comment.
    pub(super) fn top(&self) -> Range<usize> {
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            let bare = line.trim();
            if !bare.is_empty() && !bare.starts_with('#') {
                let start = at + (line.len() - line.trim_start().len());
                return start..start + bare.len();
            }
            at += line.len();
        }
        0..0
    }

    /// Everything found, once each, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        // A class is compiled for each `[[data]]`, so one slip in it is found several times.
        let mut once: Vec<Diagnostic> = Vec::new();
        self.found.sort_by_key(|found| (found.span.start, found.severity, found.span.end));
        for found in self.found {
            if !once.contains(&found) {
                once.push(found);
            }
        }
        once
    }
}

/// The place of an optional value, else another one.
pub(super) fn place_of<T>(value: Option<&Spot<T>>, otherwise: &Range<usize>) -> Range<usize> {
    value.map_or_else(|| otherwise.clone(), Spot::span)
}
