use super::*;

fn rules() -> Rules<'static> {
    Rules {
        name: Some("closed"),
        at: None,
        asked: None,
        zone: "Europe/Oslo".parse().unwrap(),
        now: "2026-11-01T12:00:00Z".parse().unwrap(),
    }
}

fn read_text(text: &str) -> Result<Vec<(String, String)>, Trouble> {
    read_by(text.as_bytes(), &rules())
}

fn read_by(bytes: &[u8], rules: &Rules<'_>) -> Result<Vec<(String, String)>, Trouble> {
    let events = parse(bytes, rules)?;
    Ok(events.into_iter().map(|event| (event.key, phrase::utc(event.at))).collect())
}

fn refused(text: &str) -> String {
    match read_text(text) {
        Err(Trouble::File(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn bad_lines(text: &str) -> Vec<(u64, String)> {
    match read_text(text) {
        Err(Trouble::Lines(lines)) => lines,
        other => panic!("{other:?}"),
    }
}

fn pair(key: &str, at: &str) -> (String, String) {
    (key.to_owned(), at.to_owned())
}

#[test]
fn a_plain_file_and_one_of_a_norwegian_spreadsheet_say_the_same() {
    let same = vec![pair("17", "2026-01-31T13:00:00Z"), pair("a, b", "2026-02-01T11:30:00Z")];
    let plain = "key,at\n17,2026-01-31 14:00:00\n\"a, b\",2026-02-01T11:30:00Z\n";
    assert_eq!(read_text(plain).unwrap(), same);
    let excel = "\u{feff}at;key\r\n31.01.2026 14:00;17\r\n01.02.2026 12:30;a, b\r\n;\r\n";
    assert_eq!(read_text(excel).unwrap(), same);
    assert_eq!(read_text("key\tat\n17\t31.01.2026 14:00\na, b\t01.02.2026 12:30").unwrap(), same);
}

#[test]
fn one_time_may_hold_for_all_and_each_line_may_name_its_event() {
    let at = Some("2026-01-31T13:00:00Z".parse().unwrap());
    let one = read_by(b"key\n17\n", &Rules { at, ..rules() }).unwrap();
    assert_eq!(one, [pair("17", "2026-01-31T13:00:00Z")]);
    let text = b"event,key,at\nclosed,1,2026-01-31\nsold,1,2026-02-01\n";
    let named = parse(text, &Rules { name: None, ..rules() }).unwrap();
    assert_eq!(named.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["closed", "sold"]);
}

#[test]
fn what_is_wrong_with_the_whole_file() {
    for (text, why) in [
        ("", "`key` is missing"),
        ("key,at\n", "holds no events"),
        ("17,2026-01-31\n", "`17` is no column"),
        ("key,at,who\n17,2026-01-31,x\n", "`who` is no column"),
        ("key,at,key\n17,2026-01-31,x\n", "`key` is there twice"),
        ("at\n2026-01-31\n", "`key` is missing"),
        ("key\n17\n", "`at` is missing, and --at is not given"),
        ("event,key,at\nclosed,1,2026-01-31\n", "names an event too"),
    ] {
        assert!(refused(text).contains(why), "{text}: {}", refused(text));
    }
    let whole = |bytes: &[u8]| match read_by(bytes, &rules()) {
        Err(Trouble::File(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(whole(b"\xff\xfek\0e\0y\0").contains("UTF-16"));
    assert!(whole(b"key,at\n1,2026-01-31\nbl\xe5,2026-01-31\n").contains("line 3 is not UTF-8"));
    let both = Rules { at: Some(rules().now), ..rules() };
    assert!(
        matches!(read_by(b"key,at\n1,2026-01-31\n", &both), Err(Trouble::File(why)) if why.contains("--at"))
    );
    let nameless = Rules { name: None, ..rules() };
    assert!(
        matches!(read_by(b"key,at\n1,2026-01-31\n", &nameless), Err(Trouble::File(why)) if why.contains("`event`"))
    );
    let many: Vec<String> = (0..=MOST).map(|key| format!("{key},2026-01-31")).collect();
    assert!(refused(&format!("key,at\n{}", many.join("\n"))).contains("split it"));
}

#[test]
fn every_bad_line_is_named() {
    let text = "key,at\n\
                1,2026-01-31\n\
                2,31/01/2026\n\
                3,2100-01-01\n\
                ,2026-01-31\n\
                5,2026-01-31,x\n\
                \" 6\",2026-01-31\n\
                1,2026-02-01\n\
                1,2026-01-31\n\
                1.2E+05,2026-01-31\n\
                9,\n\
                \"10,2026-01-31\n11,2026-01-31\n";
    let told = bad_lines(text);
    let lines: Vec<u64> = told.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 10, 11, 12]);
    for (place, why) in [
        "is no time",
        "still to come",
        "has no key",
        "it has 3 fields, and the first line names 2",
        "blank before or after",
        "line 2 gives the same key another time",
        "spreadsheet has shortened",
        "is no time",
        "it has 1 field",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(told[place].1.contains(why), "{:?}", told[place]);
    }
}

#[test]
fn names_in_a_column_are_held_against_the_policies() {
    let text = b"event,key,at\nclosed,1,2026-01-31\nclosd,1,2026-02-01\nNo Name,1,2026-02-01\n";
    let asked = Asked::those(&["closed"]);
    let rules = Rules { name: None, asked: Some(&asked), ..rules() };
    let Err(Trouble::Lines(lines)) = parse(text, &rules) else { panic!("it was read") };
    assert!(lines[0].1.contains("did you mean closed?"), "{lines:?}");
    assert!(lines[1].1.contains("is no event name"), "{lines:?}");
}

#[test]
fn lines_are_counted_as_a_spreadsheet_counts_them() {
    for end in ["\n", "\r\n"] {
        let text = ["key,at", "17,2026-01-31", "18,soon", "17,2026-02-01", ""].join(end);
        let lines: Vec<u64> = bad_lines(&text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 4], "{end:?}");
    }
}
