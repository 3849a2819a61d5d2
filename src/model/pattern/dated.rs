//! The shape of a date in a path: which characters a strftime pattern can have written.
//!
//! The shape decides whether a file is meant at all; whether the date exists is decided when the start is read, so
//! that `20261399` is a file with an undetermined start and `notes` is none of ours.

use super::PatternError;
use super::read::{Token, wrong};

/// What one strftime specifier can have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Between so many and so many digits.
    Digits(u8, u8),
    /// So many digits after a point, or nothing.
    Fraction,
    /// A name of a month or weekday.
    Word,
    /// `+hh:mm` or `+hhmm`, or `Z`.
    Offset,
    /// Digits or a blank and fewer digits.
    Padded,
}

impl Shape {
    /// It as a regular expression over bytes.
    pub(super) fn regex(self) -> String {
        match self {
            Self::Digits(least, most) => format!("[0-9]{{{least},{most}}}"),
            Self::Fraction => "(?:\\.[0-9]{1,9})?".to_owned(),
            Self::Word => "[A-Za-z]{2,9}".to_owned(),
            Self::Offset => "(?:[+-][0-9]{2}:?[0-9]{2}|Z)".to_owned(),
            Self::Padded => "(?:[0-9]{2}| [0-9])".to_owned(),
        }
    }
}

/// The tokens of a strftime pattern.
pub(super) fn tokens(format: &str) -> Result<Vec<Token>, PatternError> {
    const HELP: &str = "write for example `{recorded:%Y%m%d-%H%M%S}`";
    if !format.contains('%') {
        return Err(wrong(format!("`{format}` is not a strftime pattern"), HELP));
    }
    let mut tokens = Vec::new();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '/' => tokens.push(Token::Slash),
            '%' => {
                let mut specifier = String::new();
                while let Some(next) = letters.next() {
                    specifier.push(next);
                    if next.is_ascii_alphabetic() || next == '%' || next == '+' && specifier.len() == 1 {
                        break;
                    }
                    // `%:z`, `%.3f`, `%-d`: at most two characters before the letter.
                    if specifier.len() > 3 {
                        break;
                    }
                }
                tokens.extend(
                    meaning(&specifier).ok_or_else(|| {
                        wrong(format!("`%{specifier}` cannot be looked for in a path"), HELP)
                    })?,
                );
            }
            other => tokens.push(Token::Literal(other.to_string())),
        }
    }
    Ok(tokens)
}

fn meaning(specifier: &str) -> Option<Vec<Token>> {
    let digits = |least, most| vec![Token::Dated(Shape::Digits(least, most))];
    let literal = |text: &str| Token::Literal(text.to_owned());
    let several = |specifiers: [&str; 3], between: &str| {
        let mut tokens = Vec::new();
        for (index, specifier) in specifiers.into_iter().enumerate() {
            if index > 0 {
                tokens.push(literal(between));
            }
            tokens.extend(meaning(specifier)?);
        }
        Some(tokens)
    };
    Some(match specifier {
        "Y" | "G" => digits(4, 4),
        "m" | "d" | "H" | "M" | "S" | "y" | "g" | "I" | "C" | "U" | "W" | "V" => digits(2, 2),
        "-m" | "-d" | "-H" | "-M" | "-S" | "-I" => digits(1, 2),
        "j" => digits(3, 3),
        "-j" => digits(1, 3),
        "u" | "w" => digits(1, 1),
        "e" | "k" | "l" => vec![Token::Dated(Shape::Padded)],
        "s" => digits(1, 12),
        "f" => digits(1, 9),
        "3f" => digits(3, 3),
        "6f" => digits(6, 6),
        "9f" => digits(9, 9),
        ".f" | ".3f" | ".6f" | ".9f" => vec![Token::Dated(Shape::Fraction)],
        "b" | "B" | "h" | "a" | "A" | "p" | "P" => vec![Token::Dated(Shape::Word)],
        "z" | ":z" => vec![Token::Dated(Shape::Offset)],
        "F" => several(["Y", "m", "d"], "-")?,
        "T" => several(["H", "M", "S"], ":")?,
        "%" => vec![literal("%")],
        _ => return None,
    })
}
