//! Patterns of paths: `cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4`.
//!
//! `*` is any run of characters within a name, also none and also one that begins with a dot; `?` is one character;
//! `**` between slashes is any number of directories, at the end every file below. `{part}` is a run of at least one
//! character within a name, as short as possible; `{part:FORMAT}` is a date or time as `FORMAT` writes it, and may
//! reach over slashes. `{{`, `}}`, `{*}` and `{?}` are the characters themselves. Paths are raw bytes, relative to
//! the store's root; a pattern always speaks of whole paths, and a file that it does not match is never touched.

mod compiled;
mod dated;
mod meet;
mod read;

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::Regex;
use thiserror::Error;

pub use self::compiled::Places;
use self::compiled::Segment;
use self::read::{Read, Token};

/// What every file has besides the parts that its pattern names.
pub const ATTRIBUTES: [&str; 6] = ["path", "name", "ext", "size", "modified", "created"];

/// A pattern that has been read.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    tokens: Vec<Token>,
    parts: Vec<Part>,
    narrows: bool,
    segments: Vec<Segment>,
    /// Made when it is needed first: a walk goes by the segments.
    whole: OnceLock<Option<Regex>>,
}

/// A part of a path that a pattern names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, with which policies speak of it as a field.
    pub name: String,
    /// The strftime pattern by which it is written.
    pub format: Option<String>,
}

/// What is wrong with a pattern, and what to write instead.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}. {}{}", help[..1].to_uppercase(), &help[1..])]
pub struct PatternError {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: &'static str,
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let read = read::read(text)?;
        let segments = compiled::segments(&read.tokens)?;
        let whole = OnceLock::from(Some(compiled::whole(&read.tokens)?));
        let Read { tokens, parts, narrows } = read;
        Ok(Self { text: text.to_owned(), tokens, parts, narrows, segments, whole })
    }

    /// The same with values in the place of the parts, which then stand for themselves. A value that can be no part of
    /// a name, because it is empty or holds a slash, is refused: it must not widen the pattern.
    pub fn bind(&self, value: impl Fn(&str) -> Option<String>) -> Result<Self, PatternError> {
        let tokens = read::bind(&self.tokens, &self.parts, value)?;
        let segments = compiled::segments(&tokens)?;
        let (text, whole) = (self.text.clone(), OnceLock::new());
        Ok(Self { text, tokens, parts: Vec::new(), narrows: true, segments, whole })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parts that it names, in their order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// A name in the pattern in which one part's value cannot be told from what stands beside it: two parts in one
    /// name, or a part next to a wildcard. `1-2-3.pdf` is both (`1`, `2-3`) and (`1-2`, `3`) to `{a}-{b}.pdf`.
    pub fn is_ambiguous(&self) -> bool {
        let wild = |token: &Token| matches!(token, Token::Run | Token::One);
        self.tokens.split(|token| matches!(token, Token::Slash)).any(|name| {
            let parts = name.iter().filter(|token| matches!(token, Token::Begin)).count();
            let beside = name.windows(2).any(|two| match two {
                [Token::End, next] => wild(next),
                [before, Token::Begin] => wild(before),
                _ => false,
            });
            parts > 1 || beside
        })
    }

    /// Whether it says anything about the files that it means: a letter that stands for itself, or a date.
    /// One that does not, such as `**`, matches every file, and a policy has to say `entire = true`.
    pub fn narrows(&self) -> bool {
        self.narrows
    }

    /// Whether the path matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.whole().is_some_and(|whole| whole.is_match(path))
    }

    /// Where the parts lie in a path, in their order; `None` if the path does not match.
    pub fn locate(&self, path: &[u8]) -> Option<Vec<Range<usize>>> {
        let found = self.whole()?.captures(path)?;
        found.iter().skip(1).map(|part| part.map(|part| part.range())).collect()
    }

    /// Values may make a pattern too large to be matched whole; then it matches nothing.
    fn whole(&self) -> Option<&Regex> {
        self.whole.get_or_init(|| compiled::whole(&self.tokens).ok()).as_ref()
    }

    /// The places in the pattern where a walk begins: in the store's root.
    pub fn top(&self) -> Places {
        Places::top(&self.segments)
    }

    /// The places after going down into a directory; `None` where nothing below it can match.
    pub fn enter(&self, at: Places, directory: &[u8]) -> Option<Places> {
        at.enter(&self.segments, directory)
    }

    /// The only names that a walk need look at in a directory with those places, if they can be told.
    pub fn names(&self, at: Places) -> Option<Vec<&[u8]>> {
        at.names(&self.segments)
    }

    /// Restricts walks to paths in which a part that is a whole name, or a whole directory's, has one of these values.
    /// What [`Pattern::matches`] says stays the same.
    pub fn restrict(&mut self, part: &str, values: &[&str]) {
        if let Some(index) = self.parts.iter().position(|one| one.name == part) {
            compiled::restrict(&mut self.segments, index, values);
        }
    }

    /// A directory's path with everything that only a wildcard or part matches hidden: fit for logs.
    pub fn veil(&self, directory: &[u8]) -> String {
        compiled::veil(&self.segments, directory)
    }

    /// Whether a file of that name, in a directory with those places, matches.
    pub fn takes(&self, at: Places, file: &[u8]) -> bool {
        at.takes(&self.segments, file)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

/// Whether a text can stand for a part of a pattern: as a name of a file or directory, or within one.
pub fn can_be_a_name(text: &str) -> bool {
    !text.contains(['/', '\0']) && !matches!(text, "." | ".." | ".forfall")
}

/// The names of the parts of a pattern, in their order; none if it cannot be read.
pub fn parts(pattern: &str) -> Vec<String> {
    Pattern::parse(pattern)
        .map_or_else(|_| Vec::new(), |read| read.parts.into_iter().map(|part| part.name).collect())
}

/// The dated parts of a pattern with the strftime pattern of each; none if it cannot be read.
pub fn formats(pattern: &str) -> Vec<(String, String)> {
    let parts = Pattern::parse(pattern).map_or_else(|_| Vec::new(), |read| read.parts);
    parts.into_iter().filter_map(|part| Some((part.name, part.format?))).collect()
}

#[cfg(test)]
mod tests;
