//! From text to tokens.

use super::dated::{self, Shape};
use super::{ATTRIBUTES, Part, PatternError};

/// One element of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// These characters.
    Literal(String),
    /// A run of characters within a name, also none.
    Run,
    /// A run of at least one, as short as possible.
    Some,
    /// One character within a name.
    One,
    /// A piece of a date.
    Dated(Shape),
    /// Any number of directories.
    Deep,
    /// The boundary between two names.
    Slash,
    /// A named part begins.
    Begin,
    /// It ends.
    End,
}

#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) tokens: Vec<Token>,
    pub(super) parts: Vec<Part>,
    pub(super) narrows: bool,
}

const BRACES: &str = "braces name a part of the path: `cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4`";

pub(super) fn wrong(message: impl Into<String>, help: &'static str) -> PatternError {
    PatternError { message: message.into(), help }
}

pub(super) fn read(text: &str) -> Result<Read, PatternError> {
    if text.is_empty() {
        return Err(wrong("the pattern is empty", "for every file of the store write `**`"));
    }
    if text.starts_with('/') {
        return Err(wrong("a pattern stays inside its store", "write it relative to the store's root"));
    }
    if text.contains('\0') {
        return Err(wrong("a path holds no zero byte", "remove it"));
    }
    let mut read = Read::default();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = read.next(rest, letter)?;
    }
    check_names(&read.tokens)?;
    Ok(read)
}

impl Read {
    fn next<'t>(&mut self, rest: &'t str, letter: char) -> Result<&'t str, PatternError> {
        for (spelled, meant) in [("{{", '{'), ("}}", '}'), ("{*}", '*'), ("{?}", '?')] {
            if let Some(after) = rest.strip_prefix(spelled) {
                self.literal(meant);
                return Ok(after);
            }
        }
        let after = &rest[letter.len_utf8()..];
        match letter {
            '{' => {
                let end = after.find(['{', '}']).filter(|end| after[*end..].starts_with('}'));
                let end = end.ok_or_else(|| wrong("there is a `{` without its `}`", BRACES))?;
                self.part(&after[..end])?;
                return Ok(&after[end + 1..]);
            }
            '}' => return Err(wrong("there is a `}` without its `{`", BRACES)),
            '*' => {
                if let Some(after) = after.strip_prefix('*') {
                    self.tokens.push(Token::Deep);
                    return Ok(after);
                }
                self.tokens.push(Token::Run);
            }
            '?' => self.tokens.push(Token::One),
            '/' => self.tokens.push(Token::Slash),
            other => self.literal(other),
        }
        Ok(after)
    }

    fn literal(&mut self, letter: char) {
        self.narrows |= letter != '.';
        match self.tokens.last_mut() {
            Some(Token::Literal(text)) => text.push(letter),
            _ => self.tokens.push(Token::Literal(letter.to_string())),
        }
    }

    fn part(&mut self, text: &str) -> Result<(), PatternError> {
        let (name, format) = match text.split_once(':') {
            Some((name, format)) => (name, Some(format)),
            None => (text, None),
        };
        let plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !plain {
            return Err(wrong(format!("`{name}` is no name for a part"), "use letters, digits and `_`"));
        }
        if ATTRIBUTES.contains(&name) {
            return Err(wrong(format!("every file has `{name}` already"), "give the part another name"));
        }
        if self.parts.iter().any(|other| other.name == name) {
            return Err(wrong(format!("the part `{name}` is named twice"), "give each its own name"));
        }
        let follows = self.tokens.ends_with(&[Token::Some, Token::End]);
        self.tokens.push(Token::Begin);
        match format {
            Some(format) => {
                self.narrows = true;
                self.tokens.extend(dated::tokens(format)?);
            }
            None if follows => {
                return Err(wrong(
                    format!("nothing says where the part before `{name}` ends"),
                    "put a character between the two: `{a}-{b}`",
                ));
            }
            None => self.tokens.push(Token::Some),
        }
        self.tokens.push(Token::End);
        self.parts.push(Part { name: name.to_owned(), format: format.map(str::to_owned) });
        Ok(())
    }
}

/// Puts values in the place of parts.
pub(super) fn bind(
    tokens: &[Token],
    parts: &[Part],
    value: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Token>, PatternError> {
    const HELP: &str = "give the record a value that can be a file's name";
    let mut parts = parts.iter();
    let mut bound = Vec::with_capacity(tokens.len());
    let mut inside = false;
    for token in tokens {
        match token {
            Token::Begin => {
                let name = parts.next().map_or("", |part| part.name.as_str());
                let value = value(name).ok_or_else(|| wrong(format!("`{name}` has no value"), HELP))?;
                if value.is_empty() || value.contains(['/', '\0']) {
                    return Err(wrong(format!("the value of `{name}` can be no part of a name"), HELP));
                }
                bound.push(Token::Literal(value));
                inside = true;
            }
            Token::End => inside = false,
            other if !inside => bound.push(other.clone()),
            _ => {}
        }
    }
    bound.dedup_by(|later, earlier| match (earlier, later) {
        (Token::Literal(text), Token::Literal(more)) => {
            text.push_str(more);
            true
        }
        _ => false,
    });
    check_names(&bound)?;
    Ok(bound)
}

/// Whether each name between two slashes can be one.
fn check_names(tokens: &[Token]) -> Result<(), PatternError> {
    let names: Vec<_> = tokens.split(|token| *token == Token::Slash).collect();
    for (index, name) in names.iter().enumerate() {
        let held: Vec<_> = name.iter().filter(|token| !matches!(token, Token::Begin | Token::End)).collect();
        match held.as_slice() {
            [] if index + 1 == names.len() => {
                return Err(wrong(
                    "a pattern ends with a file's name",
                    "for every file below a directory write `DIRECTORY/**`",
                ));
            }
            [] => return Err(wrong("there is nothing between two slashes", "write one slash")),
            [Token::Literal(text)] if text == "." || text == ".." => {
                return Err(wrong(
                    "a pattern stays inside its store",
                    "write it relative to the store's root, without `.` and `..`",
                ));
            }
            [Token::Literal(text)] if index == 0 && text == ".forfall" => {
                return Err(wrong(
                    "`.forfall` belongs to forfall",
                    "its files are never disposed of by a policy",
                ));
            }
            [_, _, ..] if held.contains(&&Token::Deep) => {
                return Err(wrong(
                    "`**` stands alone between slashes",
                    "write `DIRECTORY/**/*.mp4`, or `*` within a name",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
