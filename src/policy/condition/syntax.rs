//! What the CEL parser could not read, in words of ours.

use std::ops::Range;

use cel::parser::ParseErrors;

use super::ConditionError;

const EXAMPLE: &str = "a condition is written like `outcome == 'hired' && closed_at != null`";

/// Words and signs of SQL and other languages, and what to write for them here.
const FOREIGN: [(&str, &str); 12] = [
    ("=", "to compare, write `==`"),
    ("<>", "write `!=`"),
    ("and", "write `&&`"),
    ("or", "write `||`"),
    ("not", "write `!`, as in `!(outcome in ['hired'])`"),
    ("is", "write `== null` or `!= null`"),
    ("like", "write `field.startsWith('...')`, `field.endsWith('...')` or `field.contains('...')`"),
    ("between", "write `field >= ... && field <= ...`"),
    ("&", "write `&&`"),
    ("|", "write `||`"),
    ("~", "regular expressions are no part of conditions"),
    ("null", "write `field == null`"),
];

/// The first thing that the parser stumbled over.
pub(super) fn explain(text: &str, errors: &ParseErrors) -> ConditionError {
    let Some(error) = errors.errors.first() else {
        return ConditionError::new(0..text.len(), "the condition could not be read").with_help(EXAMPLE);
    };
    if error.msg.contains("Recursion limit")
        || errors.errors.iter().any(|e| e.msg.contains("Recursion limit"))
    {
        return ConditionError::new(0..text.len(), "the condition is nested too deeply")
            .with_help("take brackets out, or split the class");
    }
    let at = byte_of(text, error.pos);
    let span = word_at(text, at);
    let word = &text[span.clone()];
    if error.msg.contains("int literal") {
        return ConditionError::new(span, "this number does not fit into 64 bits");
    }
    if word.is_empty() {
        return ConditionError::new(span, "the condition ends too early").with_help(EXAMPLE);
    }
    if let Some((_, instead)) = FOREIGN.iter().find(|(foreign, _)| foreign.eq_ignore_ascii_case(word)) {
        return ConditionError::new(span, format!("`{word}` is not understood here")).with_help(*instead);
    }
    if word.chars().any(|letter| !letter.is_ascii() && letter.is_alphanumeric()) {
        return ConditionError::new(
            span,
            format!("`{word}`: a condition's words have the letters a to z only"),
        )
        .with_help("give the column such a word in `[[data]]`: `names.word = \"COLUMN\"`");
    }
    if word.starts_with(['\'', '"']) {
        return ConditionError::new(span, "a text begins here and does not end")
            .with_help("close the quotation mark");
    }
    ConditionError::new(span, format!("`{word}` is not understood here")).with_help(EXAMPLE)
}

/// The byte of a line and column, both from 1, the column in characters.
fn byte_of(text: &str, (line, column): (isize, isize)) -> usize {
    let (Ok(line), Ok(column)) = (usize::try_from(line - 1), usize::try_from(column - 1)) else {
        return text.len();
    };
    let Some(start) = text.split_inclusive('\n').take(line).map(str::len).reduce(|a, b| a + b).or(Some(0))
    else {
        return text.len();
    };
    let rest = text.get(start..).unwrap_or_default();
    rest.char_indices().nth(column).map_or(text.len(), |(offset, _)| start + offset)
}

/// The word, the run of signs or the beginning text at a byte, whole also where the parser stumbled in its middle;
/// empty at the end.
fn word_at(text: &str, at: usize) -> Range<usize> {
    let rest = &text[at..];
    let Some(letter) = rest.chars().next() else {
        return at..at;
    };
    if letter == '\'' || letter == '"' {
        return at..at + rest.lines().next().unwrap_or_default().len();
    }
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let is_sign = |letter: char| "=<>&|!~".contains(letter);
    let alike: &dyn Fn(char) -> bool = if is_word(letter) {
        &is_word
    } else if is_sign(letter) {
        &is_sign
    } else {
        return at..at + letter.len_utf8();
    };
    let start = text[..at].char_indices().rev().take_while(|(_, letter)| alike(*letter)).last();
    let end = rest.find(|letter| !alike(letter)).map_or(text.len(), |length| at + length);
    start.map_or(at, |(byte, _)| byte)..end
}
