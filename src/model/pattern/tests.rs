use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

/// Walks down the path as the adapter does.
fn walked(pattern: &Pattern, path: &[u8]) -> bool {
    let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let file = names.pop().unwrap();
    let places = names.into_iter().try_fold(pattern.top(), |at, name| pattern.enter(at, name));
    places.is_some_and(|at| pattern.takes(at, file))
}

fn matches(pattern: &str, path: &[u8]) -> bool {
    let pattern = read(pattern);
    let whole = pattern.matches(path);
    assert_eq!(walked(&pattern, path), whole, "{pattern:?} walks otherwise than it matches");
    whole
}

#[test]
fn paths_match_whole_and_to_the_letter() {
    for (pattern, path, expected) in [
        ("cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4", "cam1/20261101-120000.mp4", true),
        ("cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4", "cam/20261101-120000.mp4", false),
        ("cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4", "cam1/20261101-120000.mp4.part", false),
        ("cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4", "cam1/20261399-990000.mp4", true),
        ("cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4", "cam1/notes.mp4", false),
        ("cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4", "x/cam1/20261101-120000.mp4", false),
        ("*.log", "a.log", true),
        ("*.log", ".log", true),
        ("*.log", "a/b.log", false),
        ("*.log", "axlog", false),
        ("**/*.log", "a.log", true),
        ("**/*.log", "a/b/c.log", true),
        ("a/**", "a/b", true),
        ("a/**", "a/b/c/d", true),
        ("a/**", "a", false),
        ("a/**", "ab/c", false),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/**/b", "a/b", true),
        ("a/**/x/*.z", "a/x/x/q.z", true),
        ("a/**/x/*.z", "a/x/y/q.z", false),
        ("?.txt", "å.txt", true),
        ("?.txt", "ab.txt", false),
        ("{day:%Y/%m/%d}/*", "2026/11/01/x", true),
        ("{day:%Y/%m/%d}/*", "2026/11/x", false),
        ("{{a}}{*}{?}", "{a}*?", true),
        ("{{a}}{*}{?}", "{a}b?", false),
        ("a+b(c)[d].x", "a+b(c)[d].x", true),
        ("{a:%-d.%-m.%Y}.x", "1.12.2026.x", true),
        ("{a:%Y-%m-%dT%H%M%S%.f%z}", "2026-11-01T120000.5+0100", true),
        ("{a:%b}.x", "Nov.x", true),
    ] {
        assert_eq!(matches(pattern, path.as_bytes()), expected, "{pattern} on {path}");
    }
    assert!(matches("*", b"\xff\n"));
    assert!(matches("{name_}.x", b"\xff\n.x"));
    assert!(!matches("?", b"\xff"), "a byte that is no character");
}

#[test]
fn parts_are_found_where_they_lie() {
    let part = |pattern: &str, path: &str| {
        let found = read(pattern).locate(path.as_bytes()).unwrap();
        found.into_iter().map(|range| path[range].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(part("cam{camera}/{at:%Y%m%d}.mp4", "cam12/20261101.mp4"), ["12", "20261101"]);
    assert_eq!(part("{a}-{b}.x", "1-2-3.x"), ["1", "2-3"], "the first is as short as possible");
    assert_eq!(part("{d:%Y/%m/%d}/{n}", "2026/11/01/x"), ["2026/11/01", "x"]);
    assert_eq!(part("**/{n}.x", "a/b/c.x"), ["c"]);
    assert_eq!(read("{a}.x").locate(b"b/c.x"), None);
    assert_eq!(parts("{a}/{b:%Y}"), ["a", "b"]);
    assert_eq!(formats("{a}/{b:%Y}"), [("b".to_owned(), "%Y".to_owned())]);
    assert_eq!(formats("{a"), []);
}

#[test]
fn a_walk_goes_down_only_where_something_can_match() {
    let pattern = read("cam*/2026/**/x/*.mp4");
    let enter =
        |path: &str| path.split('/').try_fold(pattern.top(), |at, name| pattern.enter(at, name.as_bytes()));
    assert!(enter("cam1").is_some() && enter("cam1/2026").is_some() && enter("cam1/2026/a/b").is_some());
    assert!(enter("door").is_none() && enter("cam1/2025").is_none());
    let flat = read("*.mp4");
    assert!(flat.enter(flat.top(), b"a").is_none());
}

#[test]
fn names_that_can_be_told_need_no_listing() {
    let mut pattern = read("cv/{applicant}/**");
    let names = |pattern: &Pattern, path: &[&str]| -> Option<Vec<String>> {
        let at = path.iter().try_fold(pattern.top(), |at, name| pattern.enter(at, name.as_bytes()))?;
        let names = pattern.names(at)?.into_iter().map(|name| String::from_utf8_lossy(name).into_owned());
        Some(names.collect())
    };
    assert_eq!(names(&pattern, &[]), Some(vec!["cv".to_owned()]));
    assert_eq!(names(&pattern, &["cv"]), None);
    pattern.restrict("applicant", &["7", "3", "7", "..", "a/b", ""]);
    pattern.restrict("nobody", &[]);
    assert_eq!(names(&pattern, &["cv"]), Some(vec!["3".to_owned(), "7".to_owned()]));
    assert!(walked(&pattern, b"cv/7/x") && !walked(&pattern, b"cv/8/x"));
    assert!(pattern.matches(b"cv/8/x"), "only walks are restricted");
    assert_eq!(names(&pattern, &["cv", "7"]), None);
}

#[test]
fn only_letters_of_the_pattern_are_shown() {
    assert_eq!(read("cv/{applicant}/x/**").veil(b"cv/17/x/secret"), "cv/*/x/*/");
    assert_eq!(read("cv/{applicant}/x/**").veil(b""), "");
}

#[test]
fn what_matches_everything_is_recognised() {
    for everything in ["**", "*", "**/*", "*.*", "{a}/{b}", "{a}/**", "?*"] {
        assert!(!read(everything).narrows(), "{everything}");
    }
    for narrow in ["*.mp4", "logs/**", "{day:%Y-%m-%d}", "cam{n}/*", "{*}"] {
        assert!(read(narrow).narrows(), "{narrow}");
    }
}

#[test]
fn mistakes_are_named() {
    for (text, wrong) in [
        ("", "empty"),
        ("/srv/*.mp4", "inside its store"),
        ("../x.mp4", "inside its store"),
        ("a/./x.mp4", "inside its store"),
        ("logs/", "ends with a file's name"),
        ("a//b", "between two slashes"),
        ("{a", "without its `}`"),
        ("a}", "without its `{`"),
        ("{a{b}}", "without its `}`"),
        ("{a}/{a}", "named twice"),
        ("{size}.x", "every file has"),
        ("{1x}", "no name for a part"),
        ("{}/**", "no name for a part"),
        ("{a:abc}", "not a strftime pattern"),
        ("{a:%Q}", "cannot be looked for"),
        ("{a:%Y}{b}{c}", "nothing says where"),
        ("a**", "stands alone"),
        ("x/**.mp4", "stands alone"),
        (".forfall/store", "belongs to forfall"),
        ("a\0b", "zero byte"),
    ] {
        let error = Pattern::parse(text).unwrap_err();
        assert!(error.message.contains(wrong), "{text}: {error}");
    }
    assert_eq!(
        Pattern::parse("a**").unwrap_err().to_string(),
        "`**` stands alone between slashes. Write `DIRECTORY/**/*.mp4`, or `*` within a name"
    );
}

#[test]
fn a_value_that_is_no_name_widens_nothing() {
    let bind = |pattern: &str, value: &str| read(pattern).bind(|_| Some(value.to_owned()));
    for value in ["", "a/b", "..", ".", "a\0"] {
        assert!(bind("{id}/**", value).is_err(), "{value:?}");
    }
    assert!(bind("{id}*", "").is_err());
    assert!(read("{id}.x").bind(|_| None).is_err());
    let bound = read("{id}-{at:%Y}/*.x").bind(|part| Some(format!("{{{part}}}*"))).unwrap();
    assert_eq!(bound.names(bound.top()), Some(vec![&b"{id}*-{at}*"[..]]));
    assert!(bound.matches(b"{id}*-{at}*/a.x") && !bound.matches(b"{id}b-{at}c/a.x"));
}

proptest! {
    #[test]
    fn a_bound_value_matches_itself_and_nothing_else(value in "[^/\0]{1,12}", other in "[^/\0]{1,12}") {
        let pattern = read("x{part}").bind(|_| Some(value.clone())).unwrap();
        let (same, different) = (format!("x{value}"), format!("x{other}"));
        prop_assert!(pattern.matches(same.as_bytes()) && walked(&pattern, same.as_bytes()));
        prop_assert_eq!(pattern.matches(different.as_bytes()), value == other);
    }

    #[test]
    fn walking_down_finds_what_matches(
        pattern in "([ab?]|\\*|\\{n\\}|\\{d:%m\\}){1,3}(/(\\*\\*|[ab0]|\\*|\\?){1,2}){0,3}",
        path in "[ab01]{1,2}(/[ab01]{1,2}){0,3}",
    ) {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            prop_assert_eq!(walked(&pattern, path.as_bytes()), pattern.matches(path.as_bytes()), "{:?}", pattern);
            let located = pattern.locate(path.as_bytes());
            prop_assert_eq!(located.is_some(), pattern.matches(path.as_bytes()));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        let _ = Pattern::parse(&text);
    }

    #[test]
    fn plain_patterns_match_what_globset_matches(
        pattern in "[ab]{0,1}(\\*|\\?)?[ab]{0,1}(/(\\*\\*|[ab]\\*?|\\?)){0,2}/[ab]{0,1}(\\*|\\?)?[ab]",
        path in "[ab]{1,3}(/[ab]{1,2}){0,3}",
    ) {
        if let Ok(read) = Pattern::parse(&pattern) {
            let glob = globset::GlobBuilder::new(&pattern).literal_separator(true).build().unwrap();
            prop_assert_eq!(read.matches(path.as_bytes()), glob.compile_matcher().is_match(&path), "{}", pattern);
        }
    }
}
