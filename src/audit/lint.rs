//! Text that people type and that the log keeps for years: it must not name a person. The check stands where text
//! comes in; an entry is never refused for it, because by then something has happened that the log must tell.

use thiserror::Error;

/// What a text seems to hold.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Personal {
    /// Something with an `@` and a domain.
    #[error("it seems to hold an e-mail address")]
    Email,
    /// Eight digits in a row: a telephone number in Norway.
    #[error("it holds 8 digits in a row, like a telephone number")]
    Telephone,
    /// Eleven digits in a row: a national identity number in Norway.
    #[error("it holds 11 digits in a row, like a national identity number")]
    Identity,
}

/// What in the text looks like a person. Blanks within a number do not hide it, nor does the prefix of the country.
pub fn personal(text: &str) -> Option<Personal> {
    if text.split_whitespace().any(is_address) {
        return Some(Personal::Email);
    }
    // As it stands too: what looks like the country's prefix may be the middle of a longer number.
    let without_prefix = text.replace("+47", "+ ").replace("0047", "+ ");
    let mut found = None;
    for run in runs(text).into_iter().chain(runs(&without_prefix)) {
        match run {
            11 => return Some(Personal::Identity),
            8 => found = Some(Personal::Telephone),
            _ => {}
        }
    }
    found
}

/// Something before an `@`, and a dot between two parts after it.
fn is_address(word: &str) -> bool {
    let part = |text: &str| text.chars().any(char::is_alphanumeric);
    word.match_indices('@').any(|(at, _)| {
        let (before, after) = (&word[..at], &word[at + 1..]);
        before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || "._%+-'".contains(c))
            && after.split_once('.').is_some_and(|(host, rest)| part(host) && part(rest))
    })
}

/// The lengths of the runs of digits: each as it stands, and joined over single blanks.
fn runs(text: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let (mut alone, mut joined, mut gap) = (0, 0, 0);
    let mut groups = 0;
    for c in text.chars().chain([';', ';']) {
        if c.is_ascii_digit() {
            if gap > 0 {
                groups += 1;
            }
            alone += 1;
            joined += 1;
            gap = 0;
            continue;
        }
        if alone > 0 {
            lengths.push(alone);
            alone = 0;
        }
        let blank = matches!(c, ' ' | '\u{a0}' | '\u{202f}');
        if blank && joined > 0 && gap == 0 {
            gap = 1;
        } else {
            if groups > 0 {
                lengths.push(joined);
            }
            (joined, gap, groups) = (0, 0, 0);
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn people_are_recognised() {
        for (text, what) in [
            ("asked by ola.nordmann@example.no today", Personal::Email),
            ("<kari+x@mail.example.org>", Personal::Email),
            ("call 99887766", Personal::Telephone),
            ("call +47 99 88 77 66", Personal::Telephone),
            ("ring 998 87 766.", Personal::Telephone),
            ("fnr 01019012345", Personal::Identity),
            ("fnr 010190 12345", Personal::Identity),
            ("x01019012345y", Personal::Identity),
            ("00000000047", Personal::Identity),
            ("0047 99887766", Personal::Telephone),
        ] {
            assert_eq!(personal(text), Some(what), "{text}");
        }
    }

    #[test]
    fn case_numbers_and_dates_pass() {
        for text in [
            "case 2026/17",
            "2026-11-21",
            "21.11.2026",
            "art. 17",
            "ref 123456789",
            "HR@2026",
            "a @ b.c",
            "",
            "1234567",
        ] {
            assert_eq!(personal(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in any::<String>()) {
            let _ = personal(&text);
        }

        #[test]
        fn eight_and_eleven_digits_are_always_found(before in "[a-z ,]{0,9}[a-z]", digits in "[0-9]{8}", more in "[0-9]{3}", after in "[a-z][a-z ,]{0,9}") {
            prop_assert_eq!(personal(&format!("{before}{digits}{after}")), Some(Personal::Telephone));
            prop_assert_eq!(personal(&format!("{before}{digits}{more}{after}")), Some(Personal::Identity));
        }
    }
}
