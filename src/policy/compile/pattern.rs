//! What a pattern of paths names: the parts in braces, and whether anything in it narrows the files down.

use crate::policy::document::language;
use crate::policy::strict::Fault;

/// What every file has besides the parts that its pattern names.
const ATTRIBUTES: [&str; 6] = ["path", "name", "ext", "size", "modified", "created"];

/// A part that a pattern names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    /// The strftime pattern by which it is written.
    pub(super) format: Option<String>,
}

/// A pattern taken apart, as far as the policy depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) parts: Vec<Part>,
    /// It has a literal character or a dated part, so it does not simply match every file.
    pub(super) narrows: bool,
}

impl Pattern {
    /// The strftime pattern by which a part is written.
    pub(super) fn format_of(&self, name: &str) -> Option<&str> {
        self.parts.iter().find(|part| part.name == name)?.format.as_deref()
    }

    /// Every field of a file: the parts, then what every file has.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> + Clone {
        self.parts.iter().map(|part| part.name.as_str()).chain(ATTRIBUTES)
    }

    /// Whether a file has that field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields().any(|field| field == name)
    }
}

/// Reads a pattern such as `cam{camera}/{recorded:%Y%m%d}.mp4`.
pub(super) fn read(text: &str) -> Result<Pattern, Fault> {
    if text.starts_with('/') || text.split('/').any(|step| step == ".." || step == ".") {
        return Err(Fault::new("a pattern stays inside its store")
            .with_help("write it relative to the store's root, without `..`"));
    }
    if text.contains("//") || text.ends_with('/') {
        return Err(Fault::new("a pattern ends with a file's name")
            .with_help("for every file below a directory write `DIRECTORY/**`"));
    }
    let mut pattern = Pattern::default();
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        pattern.narrows |= literal(&rest[..open]);
        if rest[open..].starts_with('}') {
            return Err(Fault::new("there is a `}` without its `{`").with_help(BRACES));
        }
        let inside = &rest[open + 1..];
        let close = inside.find(['{', '}']).filter(|close| inside[*close..].starts_with('}'));
        let Some(close) = close else {
            return Err(Fault::new("there is a `{` without its `}`").with_help(BRACES));
        };
        let part = part(&inside[..close])?;
        if pattern.parts.iter().any(|other| other.name == part.name) {
            return Err(Fault::new(format!("the part `{}` is named twice", part.name))
                .with_help("give each its own name"));
        }
        pattern.narrows |= part.format.is_some();
        pattern.parts.push(part);
        rest = &inside[close + 1..];
    }
    pattern.narrows |= literal(rest);
    Ok(pattern)
}

const BRACES: &str = "braces name a part of the path: `cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4`";

fn part(text: &str) -> Result<Part, Fault> {
    let (name, format) = match text.split_once(':') {
        Some((name, format)) => (name, Some(format)),
        None => (text, None),
    };
    let plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if !plain {
        return Err(
            Fault::new(format!("`{name}` is no name for a part")).with_help("use letters, digits and `_`")
        );
    }
    if ATTRIBUTES.contains(&name) {
        return Err(
            Fault::new(format!("every file has `{name}` already")).with_help("give the part another name")
        );
    }
    if let Some(format) = format {
        if !format.contains('%') {
            return Err(Fault::new(format!("`{format}` is not a strftime pattern")).with_help(BRACES));
        }
        language::strftime(format)?;
    }
    Ok(Part { name: name.to_owned(), format: format.map(str::to_owned) })
}

/// Whether a stretch between braces has a character that stands for itself and not for a boundary.
fn literal(text: &str) -> bool {
    text.chars().any(|letter| !matches!(letter, '*' | '?' | '/' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_with_their_formats() {
        let pattern = read("cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4").unwrap();
        assert_eq!(pattern.parts[0], Part { name: "camera".to_owned(), format: None });
        assert_eq!(pattern.parts[1].format.as_deref(), Some("%Y%m%d-%H%M%S"));
        assert!(pattern.narrows);
    }

    #[test]
    fn what_matches_everything_is_recognised() {
        for everything in ["**", "*", "**/*", "*.*", "{a}/{b}", "{a}/**", "?*"] {
            assert!(!read(everything).unwrap().narrows, "{everything}");
        }
        for narrow in ["*.mp4", "logs/**", "{day:%Y-%m-%d}", "cam{n}/*"] {
            assert!(read(narrow).unwrap().narrows, "{narrow}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, wrong) in [
            ("/srv/*.mp4", "inside its store"),
            ("../x.mp4", "inside its store"),
            ("logs/", "ends with a file's name"),
            ("{a", "without its `}`"),
            ("a}", "without its `{`"),
            ("{a{b}}", "without its `}`"),
            ("{a}/{a}", "named twice"),
            ("{size}.x", "every file has"),
            ("{1x}", "no name for a part"),
            ("{a:abc}", "not a strftime pattern"),
        ] {
            assert!(read(text).unwrap_err().message.contains(wrong), "{text}");
        }
    }
}
