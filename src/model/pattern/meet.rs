//! Whether two patterns may match the same path. In doubt they may.

use super::Pattern;
use super::dated::Shape;
use super::read::Token;

/// The bytes that may stand at one place of a path, and how many of them.
#[derive(Clone, Copy, Debug)]
struct Place {
    bytes: Bytes,
    /// It may be left out.
    optional: bool,
    /// More of the same may follow.
    repeats: bool,
}

#[derive(Clone, Copy, Debug)]
enum Bytes {
    /// This one.
    Only(u8),
    Digit,
    Letter,
    /// Any of these.
    Among(&'static [u8]),
    /// Any within a name.
    Name,
    All,
}

impl Bytes {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Only(only) => byte == only,
            Self::Digit => byte.is_ascii_digit(),
            Self::Letter => byte.is_ascii_alphabetic(),
            Self::Among(bytes) => bytes.contains(&byte),
            Self::Name => byte != b'/',
            Self::All => true,
        }
    }

    fn meets(self, other: Self) -> bool {
        (0..=u8::MAX).any(|byte| self.has(byte) && other.has(byte))
    }
}

impl Pattern {
    /// Whether some path may match both. `false` is certain.
    pub fn may_meet(&self, other: &Self) -> bool {
        let (one, other) = (places(&self.tokens), places(&other.tokens));
        // meet[b] says whether the rest of `one` from a on and the rest of `other` from b on have a path in common.
        let mut below: Vec<bool> = Vec::new();
        for a in (0..=one.len()).rev() {
            let mut meet = vec![false; other.len() + 1];
            for b in (0..=other.len()).rev() {
                let (left, right) = (one.get(a), other.get(b));
                let skip_left = left.is_some_and(|place| place.optional) && below[b];
                let skip_right = right.is_some_and(|place| place.optional) && meet[b + 1];
                let step = match (left, right) {
                    (None, None) => true,
                    (Some(left), Some(right)) if left.bytes.meets(right.bytes) => {
                        // A place that took one byte may take more.
                        (left.repeats && meet[b + 1]) || (right.repeats && below[b]) || below[b + 1]
                    }
                    _ => false,
                };
                meet[b] = skip_left || skip_right || step;
            }
            below = meet;
        }
        below[0]
    }
}

fn places(tokens: &[Token]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Literal(text) => places.extend(text.bytes().map(|byte| once(Bytes::Only(byte)))),
            Token::Slash => places.push(once(Bytes::Only(b'/'))),
            Token::Run => places.push(run(Bytes::Name)),
            Token::Some => places.extend([once(Bytes::Name), run(Bytes::Name)]),
            // A character has up to four bytes.
            Token::One => between(1, 4, Bytes::Name, &mut places),
            Token::Deep => {
                places.push(run(Bytes::All));
                // `a/**/b` also matches `a/b`.
                tokens.next_if_eq(&&Token::Slash);
            }
            Token::Dated(shape) => dated(*shape, &mut places),
            Token::Begin | Token::End => {}
        }
    }
    places
}

fn dated(shape: Shape, places: &mut Vec<Place>) {
    match shape {
        Shape::Digits(least, most) => between(least, most, Bytes::Digit, places),
        Shape::Fraction => {
            between(0, 1, Bytes::Only(b'.'), places);
            between(0, 9, Bytes::Digit, places);
        }
        Shape::Word => between(2, 9, Bytes::Letter, places),
        Shape::Offset => between(1, 6, Bytes::Among(b"+-:Z0123456789"), places),
        Shape::Padded => between(2, 2, Bytes::Among(b" 0123456789"), places),
    }
}

fn between(least: u8, most: u8, bytes: Bytes, places: &mut Vec<Place>) {
    places.extend((0..most).map(|index| Place { optional: index >= least, ..once(bytes) }));
}

fn once(bytes: Bytes) -> Place {
    Place { bytes, optional: false, repeats: false }
}

fn run(bytes: Bytes) -> Place {
    Place { bytes, optional: true, repeats: true }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert, proptest};

    use super::*;

    fn read(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn patterns_that_may_match_one_path_meet() {
        for (one, other, expected) in [
            ("cam1/*.mp4", "cam1/*.mp4", true),
            ("cam1/*.mp4", "cam2/*.mp4", false),
            ("cam1/*.mp4", "cam1/*.jpg", false),
            ("cam{n}/{t:%Y%m%d}.mp4", "cam1/*.mp4", true),
            ("cam{n}/{t:%Y%m%d}.mp4", "cam1/live.mp4", false),
            ("cam{n}/{t:%Y%m%d}.mp4", "cam1/2026110?.mp4", true),
            ("cam{n}/{t:%Y%m%d}.mp4", "door/*.mp4", false),
            ("cam{n}/*.mp4", "cam{n}/old/*.mp4", false),
            ("{n}-{t:%Y%m%d%H%M%S}-{frame}.jpg", "snapshot-{t:%Y%m%d%H%M%S}.jpg", false),
            ("{n}-{t:%Y%m%d%H%M%S}.jpg", "snapshot-{t:%Y%m%d%H%M%S}.jpg", true),
            ("{t:%Y-%m-%d}.log", "{t:%Y%m%d}.log", false),
            ("{t:%Y/%m/%d}.log", "*/*/*.log", true),
            ("{t:%Y/%m/%d}.log", "*.log", false),
            ("{t:%d %b %Y}", "1? ??? 2026", true),
            ("{t:%Y%m%dT%H%M%S%.3f%z}.log", "{t:%Y%m%dT%H%M%S}Z.log", true),
            ("cam{n}/**", "cam1/old/x.mp4", true),
            ("cam{n}/**", "cam/x.mp4", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/x/c", false),
            ("**/*.log", "x.log", true),
            ("**", "anything/at/all", true),
            ("*", "a/b", false),
            ("?.txt", "ab.txt", true),
            ("?.txt", "abcde.txt", false),
            ("?.txt", "å.txt", true),
            ("{*}.txt", "a.txt", false),
            ("a*b*c", "a-c", false),
            ("a*b*c", "*abc", true),
            ("*a", "b*", true),
            ("x*", "*/y", false),
        ] {
            assert_eq!(read(one).may_meet(&read(other)), expected, "{one} and {other}");
            assert_eq!(read(other).may_meet(&read(one)), expected, "{other} and {one}");
        }
    }

    /// A path, and two patterns made of pieces that each match theirs.
    fn matched() -> impl Strategy<Value = (String, [String; 2])> {
        let written = |text: &'static str| -> &'static [&'static str] {
            match text {
                "a" => &["a", "?", "*", "{X:%p}a", "{X}"],
                "1" => &["1", "?", "*", "{X:%-d}", "{X:%u}"],
                "11" => &["11", "??", "1*", "{X:%d}", "{X:%e}", "{X:%s}"],
                "å" => &["å", "?", "*"],
                "-" => &["-", "?"],
                "aaa" => &["aaa", "a*", "{X:%b}"],
                ".111" => &[".111", "{X:%.3f}", ".{X:%3f}"],
                "+01:00" => &["+01:00", "{X:%z}", "+*"],
                "a/1/" => &["**/", "a/1/", "*/*/", "**/1/", "a/**/"],
                "11/11" => &["{X:%m/%d}", "11/*", "1?/{X:%d}", "**/{X}"],
                "/" => &["/"],
                _ => &["*", ""],
            }
        };
        let texts = vec!["a", "1", "11", "å", "-", "aaa", ".111", "+01:00", "a/1/", "11/11", "/", ""];
        let piece = (proptest::sample::select(texts), any::<[proptest::sample::Index; 2]>());
        proptest::collection::vec(piece, 1..6).prop_map(move |pieces| {
            let path = pieces.iter().map(|(text, _)| *text).collect();
            let pattern = |which: usize| {
                let pick =
                    |(place, (text, picked)): (usize, &(&'static str, [proptest::sample::Index; 2]))| {
                        picked[which].get(written(text)).replace('X', &format!("p{place}"))
                    };
                pieces.iter().enumerate().map(pick).collect()
            };
            (path, [pattern(0), pattern(1)])
        })
    }

    proptest! {
        #[test]
        fn whatever_matches_both_is_never_called_apart((path, [one, other]) in matched()) {
            if let (Ok(one), Ok(other)) = (Pattern::parse(&one), Pattern::parse(&other))
                && one.matches(path.as_bytes())
                && other.matches(path.as_bytes())
            {
                prop_assert!(one.may_meet(&other), "{one:?} and {other:?} both match {path}");
            }
        }
    }
}
