//! From tokens to what a walk asks: name by name, so that it never goes down where nothing can match.

use regex::bytes::{Regex, RegexBuilder};

use super::PatternError;
use super::read::{Token, wrong};

/// What stands between two slashes of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Segment {
    /// This name.
    Literal(Box<[u8]>),
    /// Any name.
    Any,
    /// The part with this index is the whole name.
    Part(usize),
    /// One of these names.
    OneOf(Box<[Box<[u8]>]>),
    /// Any number of directories; at the end, every file below.
    Deep,
    /// Names like this.
    Like(Regex),
}

impl Segment {
    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Literal(text) => **text == *name,
            Self::Any | Self::Part(_) | Self::Deep => true,
            Self::OneOf(names) => names.binary_search_by(|one| (**one).cmp(name)).is_ok(),
            Self::Like(regex) => regex.is_match(name),
        }
    }
}

/// The places between the names of a pattern that a directory's path may have reached: a set, because `**` may
/// stand for few or many directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places(u64);

/// One bit each in [`Places`].
const MOST_SEGMENTS: usize = 64;

impl Places {
    pub(super) fn top(segments: &[Segment]) -> Self {
        Self(with_none(segments, 0))
    }

    pub(super) fn enter(self, segments: &[Segment], directory: &[u8]) -> Option<Self> {
        let mut next = 0;
        for (at, segment) in self.of(segments) {
            if matches!(segment, Segment::Deep) {
                next |= with_none(segments, at);
            } else if at + 1 < segments.len() && segment.matches(directory) {
                next |= with_none(segments, at + 1);
            }
        }
        (next != 0).then_some(Self(next))
    }

    pub(super) fn takes(self, segments: &[Segment], file: &[u8]) -> bool {
        let last = segments.len() - 1;
        self.0 & (1 << last) != 0 && segments[last].matches(file)
    }

    pub(super) fn names(self, segments: &[Segment]) -> Option<Vec<&[u8]>> {
        let mut names = Vec::new();
        for (_, segment) in self.of(segments) {
            match segment {
                Segment::Literal(name) => names.push(&**name),
                Segment::OneOf(some) => names.extend(some.iter().map(|name| &**name)),
                _ => return None,
            }
        }
        names.sort_unstable();
        names.dedup();
        Some(names)
    }

    fn of(self, segments: &[Segment]) -> impl Iterator<Item = (usize, &Segment)> {
        segments.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0)
    }
}

/// The place, and those after it as far as `**` stands for no directory.
fn with_none(segments: &[Segment], mut at: usize) -> u64 {
    let mut places = 1 << at;
    while matches!(segments[at], Segment::Deep) && at + 1 < segments.len() {
        at += 1;
        places |= 1 << at;
    }
    places
}

pub(super) fn segments(tokens: &[Token]) -> Result<Vec<Segment>, PatternError> {
    let mut parts = 0;
    let segments: Vec<Segment> = tokens
        .split(|token| *token == Token::Slash)
        .map(|name| {
            let held: Vec<_> =
                name.iter().filter(|token| !matches!(token, Token::Begin | Token::End)).collect();
            let part = parts;
            parts += name.iter().filter(|token| **token == Token::Begin).count();
            Ok(match held.as_slice() {
                [Token::Deep] => Segment::Deep,
                [Token::Run] => Segment::Any,
                [Token::Some] => Segment::Part(part),
                [Token::Literal(text)] => Segment::Literal(text.as_bytes().into()),
                _ => Segment::Like(regex(&held.iter().map(|token| piece(token)).collect::<String>())?),
            })
        })
        .collect::<Result<_, _>>()?;
    if segments.len() > MOST_SEGMENTS {
        return Err(wrong(
            "a pattern has at most 64 names between slashes",
            "write `**` for many directories",
        ));
    }
    Ok(segments)
}

pub(super) fn restrict(segments: &mut [Segment], part: usize, values: &[&str]) {
    for segment in segments {
        if matches!(segment, Segment::Part(index) if *index == part) {
            let mut names: Vec<Box<[u8]>> = values.iter().map(|value| value.as_bytes().into()).collect();
            // What is no name is nowhere.
            names.retain(|name| {
                !matches!(&**name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
            });
            names.sort_unstable();
            names.dedup();
            *segment = Segment::OneOf(names.into());
        }
    }
}

pub(super) fn veil(segments: &[Segment], directory: &[u8]) -> String {
    let mut places = Some(Places::top(segments));
    let mut shown = String::new();
    for name in directory.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        let literal = places.and_then(|places| {
            let is = |segment: &Segment| matches!(segment, Segment::Literal(text) if **text == *name);
            places.of(segments).any(|(_, segment)| is(segment)).then(|| String::from_utf8_lossy(name))
        });
        shown.push_str(literal.as_deref().unwrap_or("*"));
        shown.push('/');
        places = places.and_then(|places| places.enter(segments, name));
    }
    shown
}

/// The whole path, with a group for each part.
pub(super) fn whole(tokens: &[Token]) -> Result<Regex, PatternError> {
    let mut text = String::new();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        match (token, after.first()) {
            // Directories bring their own slashes.
            (Token::Deep, Some(Token::Slash)) => {
                text.push_str("(?:[^/]+/)*");
                rest = &after[1..];
            }
            (Token::Deep, _) => text.push_str("(?:[^/]+/)*[^/]+"),
            (token, _) => text.push_str(&piece(token)),
        }
    }
    regex(&text)
}

fn piece(token: &Token) -> String {
    match token {
        Token::Literal(text) => regex::escape(text),
        Token::Run => "[^/]*".to_owned(),
        Token::Some => "[^/]+?".to_owned(),
        // A byte that is no UTF-8 is no character: such a file is not meant.
        Token::One => "(?u:[^/])".to_owned(),
        Token::Dated(shape) => shape.regex(),
        Token::Slash => "/".to_owned(),
        Token::Begin => "(".to_owned(),
        Token::End => ")".to_owned(),
        Token::Deep => unreachable!("directories are dealt with before"),
    }
}

fn regex(text: &str) -> Result<Regex, PatternError> {
    // Names are bytes; only `?` and literals know characters, and an escaped literal stands for its own bytes.
    RegexBuilder::new(&format!("\\A{text}\\z"))
        .unicode(false)
        .dot_matches_new_line(true)
        .build()
        .map_err(|_| wrong("the pattern is too large", "shorten it"))
}
