//! Finds a place inside a TOML text value again in the file, although quotes and escapes stand between.

use std::ops::Range;

/// The bytes of `file` that `inner`, bytes of the value whose literal stands at `literal`, came from.
/// Where the literal cannot be followed, the whole of it.
pub fn inside(file: &str, literal: &Range<usize>, inner: &Range<usize>) -> Range<usize> {
    place(file, literal, inner).unwrap_or_else(|| literal.clone())
}

fn place(file: &str, literal: &Range<usize>, inner: &Range<usize>) -> Option<Range<usize>> {
    let raw = file.get(literal.clone())?;
    let quote = raw.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let mut at = 1;
    if raw.len() >= 6 && raw.starts_with(&triple) {
        at = 3;
        // A line break right after the opening quotes is not part of the value.
        let rest = &raw[at..];
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    let mut value = 0;
    let mut start = None;
    loop {
        if value >= inner.end {
            return Some(start.unwrap_or(literal.start + at)..literal.start + at);
        }
        let (read, gives) = unit(raw.get(at..)?, quote == '"')?;
        // A line break that is swallowed gives nothing: what is looked for begins behind it.
        if start.is_none() && value >= inner.start && gives > 0 {
            start = Some(literal.start + at);
        }
        at += read;
        value += gives;
    }
}

/// How many bytes the next character takes in the file, and how many in the value.
fn unit(rest: &str, escapes: bool) -> Option<(usize, usize)> {
    let first = rest.chars().next()?;
    if first != '\\' || !escapes {
        return Some((first.len_utf8(), first.len_utf8()));
    }
    let second = rest[1..].chars().next()?;
    let digits = match second {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        ' ' | '\t' | '\r' | '\n' => {
            // A backslash at a line's end swallows the break and the next line's indentation.
            let swallowed = rest[1..].len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len();
            return Some((1 + swallowed, 0));
        }
        _ => return Some((1 + second.len_utf8(), 1)),
    };
    let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
    Some((2 + digits, char::from_u32(code)?.len_utf8()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toml::Spanned;
    use toml::de::DeTable;

    use super::*;

    fn found(literal: &str, needle: &str) -> String {
        let file = format!("key = {literal}\n");
        let table = DeTable::parse(&file).unwrap();
        let value = table.get_ref().get("key").unwrap();
        let text = value.get_ref().as_str().unwrap();
        let at = text.find(needle).unwrap();
        file[inside(&file, &value.span(), &(at..at + needle.len()))].to_owned()
    }

    #[test]
    fn quotes_and_escapes_are_stepped_over() {
        assert_eq!(found(r#""outcome == 'hired'""#, "hired"), "hired");
        assert_eq!(found(r"'outcome == 1'", "=="), "==");
        assert_eq!(found(r#""a\tb \"c\" d""#, "d"), "d");
        assert_eq!(found(r#""\u00e5r == x""#, "=="), "==");
        assert_eq!(found("\"\"\"\nfirst\n  && second\"\"\"", "second"), "second");
        assert_eq!(found("\"\"\"one \\\n     two\"\"\"", "two"), "two");
        assert_eq!(found("'''\r\nx == 1'''", "x"), "x");
    }

    #[test]
    fn what_is_no_literal_is_meant_whole() {
        assert_eq!(inside("key = 5", &(6..7), &(0..1)), 6..7);
        assert_eq!(inside("key = \"ab\"", &(6..10), &(7..9)), 6..10);
        assert_eq!(Spanned::new(0..1, ()).span(), 0..1);
    }

    proptest! {
        #[test]
        fn every_character_is_found_again(text in "[a-zå\"\\\\\t ]{0,12}", mark in 0usize..12) {
            let literal = toml::Value::String(text.clone()).to_string();
            let file = format!("key = {literal}");
            let chars: Vec<(usize, char)> = text.char_indices().collect();
            prop_assume!(mark < chars.len());
            let (at, character) = chars[mark];
            let table = DeTable::parse(&file).unwrap();
            let span = table.get_ref().get("key").unwrap().span();
            let place = inside(&file, &span, &(at..at + character.len_utf8()));
            prop_assert!(file[place].contains(character) || character == '\t');
        }
    }
}
