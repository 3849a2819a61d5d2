//! Whether two patterns of paths may match the same path. In doubt they may.

/// One place of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// This character.
    Literal(char),
    /// Any one character within a directory or file name.
    One,
    /// Any run of them, also none: `*`, and a part in braces.
    Run,
    /// Any path, also none: `**`.
    Deep,
}

/// Whether it has wildcards or directories, so that it cannot be a table's name.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '{', '/'])
}

/// Whether some path may match both.
pub(super) fn may_meet(one: &str, other: &str) -> bool {
    let (one, other) = (places(one), places(other));
    // meet[b] says whether the rest of `one` and the rest of `other` from b on have a path in common.
    let mut below: Vec<bool> = Vec::new();
    for a in (0..=one.len()).rev() {
        let mut meet = vec![false; other.len() + 1];
        for b in (0..=other.len()).rev() {
            let (left, right) = (one.get(a), other.get(b));
            let skip_left = left.is_some_and(|place| place.may_be_empty()) && below[b];
            let skip_right = right.is_some_and(|place| place.may_be_empty()) && meet[b + 1];
            let step = match (left, right) {
                (None, None) => true,
                (Some(left), Some(right)) if left.meets(*right) => {
                    // A run that took one character may take more.
                    (left.may_be_empty() && meet[b + 1]) || (right.may_be_empty() && below[b]) || below[b + 1]
                }
                _ => false,
            };
            meet[b] = skip_left || skip_right || step;
        }
        below = meet;
    }
    below[0]
}

impl Place {
    fn may_be_empty(self) -> bool {
        matches!(self, Self::Run | Self::Deep)
    }

    /// Whether one character may stand at both places.
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(other)) => one == other,
            (Self::Deep, _) | (_, Self::Deep) => true,
            (Self::Literal(letter), _) | (_, Self::Literal(letter)) => letter != '/',
            _ => true,
        }
    }
}

fn places(pattern: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        // What stands for itself although it has a meaning elsewhere.
        let itself = [("{{", '{'), ("}}", '}'), ("{*}", '*'), ("{?}", '?')];
        if let Some((spelled, letter)) = itself.into_iter().find(|(spelled, _)| rest.starts_with(spelled)) {
            places.push(Place::Literal(letter));
            rest = &rest[spelled.len()..];
            continue;
        }
        if let Some(after) = rest.strip_prefix("**") {
            places.push(Place::Deep);
            // `a/**/b` also matches `a/b`.
            rest = after.strip_prefix('/').unwrap_or(after);
            continue;
        }
        let after = &rest[letter.len_utf8()..];
        rest = match letter {
            '*' => {
                places.push(Place::Run);
                after
            }
            '{' => {
                let (part, after) = after.split_once('}').unwrap_or((after, ""));
                // A date such as `{day:%Y/%m/%d}` reaches over directories.
                places.push(if part.contains('/') { Place::Deep } else { Place::Run });
                after
            }
            '?' => {
                places.push(Place::One);
                after
            }
            literal => {
                places.push(Place::Literal(literal));
                after
            }
        };
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_that_may_match_one_path_meet() {
        for (one, other, expected) in [
            ("cam1/*.mp4", "cam1/*.mp4", true),
            ("cam1/*.mp4", "cam2/*.mp4", false),
            ("cam1/*.mp4", "cam1/*.jpg", false),
            ("cam{n}/{t:%Y%m%d}.mp4", "cam1/*.mp4", true),
            ("cam{n}/{t:%Y%m%d}.mp4", "door/*.mp4", false),
            ("cam{n}/*.mp4", "cam{n}/old/*.mp4", false),
            ("cam{n}/**", "cam1/old/x.mp4", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/x/c", false),
            ("**/*.log", "x.log", true),
            ("**", "anything/at/all", true),
            ("{day:%Y/%m/%d}/*.x", "2026/11/01/a.x", true),
            ("{day:%Y/%m/%d}/*.x", "2026/11/01/a.y", false),
            ("a{{b}}c", "a{*}c", false),
            ("a{{b}}c", "a{{*}}c", true),
            ("{*}.x", "*.x", true),
            ("{*}.x", "a.x", false),
            ("*", "a/b", false),
            ("?.txt", "ab.txt", false),
            ("?.txt", "a*.txt", true),
            ("a*b*c", "a-c", false),
            ("a*b*c", "*abc", true),
            ("*a", "b*", true),
            ("x*", "*/y", false),
            ("**a", "b/**", true),
        ] {
            assert_eq!(may_meet(one, other), expected, "{one} and {other}");
            assert_eq!(may_meet(other, one), expected, "{other} and {one}");
        }
    }

    proptest! {
        #[test]
        fn whatever_matches_both_is_never_called_apart(
            one in "[ab/]{0,2}(\\*|\\*\\*|\\?|\\*\\*/)?[ab]{0,2}(\\*|\\?)?[ab]{0,1}",
            other in "[ab/]{0,2}(\\*|\\*\\*|\\?|\\*\\*/)?[ab]{0,2}(\\*|\\?)?[ab]{0,1}",
            path in "[ab]{1,3}(/[ab]{1,2}){0,2}",
        ) {
            let matches = |pattern: &str| {
                globset::GlobBuilder::new(pattern)
                    .literal_separator(true)
                    .build()
                    .is_ok_and(|glob| glob.compile_matcher().is_match(&path))
            };
            if matches(&one) && matches(&other) {
                prop_assert!(may_meet(&one, &other), "{one} and {other} both match {path}");
            }
        }
    }
}
