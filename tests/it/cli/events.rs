//! Events from a file and withdrawn: all or nothing, told in the log, and what no policy asks for is refused.

use forfall::time::{Clock as _, SystemClock};

use super::{forfall, write_policy};
use crate::fixture::{Fixture, Said};

/// A clip is deleted a week after it was released, by the event's key; one handed over is preserved.
const CLIPS: &str = r#"
title = "Cameras"
owner = "security"

[limit]
records = 100

[[data]]
store       = "cameras"
collection  = "cam{camera}/*.mp4"
start.event = "case-closed"
start.by    = "camera"

[[class]]
name = "evidence"
when = "event('handed-to-police')"
[[class.stage]]
action = "preserve"

[[stage]]
after  = "7 days"
action = "delete"
"#;

fn fixture() -> Fixture {
    let fixture = Fixture::new(5, 5);
    write_policy(&fixture, "clips", CLIPS);
    fixture
}

fn import(fixture: &Fixture, text: &str, words: &[&str]) -> Said {
    fs_err::write(fixture.path("events.csv"), text).unwrap();
    let file = fixture.path("events.csv");
    let mut all = vec!["event", "add"];
    all.extend(words);
    all.extend(["--file", file.to_str().unwrap()]);
    forfall(fixture, &all)
}

fn events(fixture: &Fixture, words: &[&str]) -> Vec<serde_json::Value> {
    let mut all = vec!["event", "list"];
    all.extend(words);
    fixture.run(&all).expect(0).json()["events"].as_array().unwrap().clone()
}

fn told(fixture: &Fixture) -> usize {
    fixture.entries().iter().filter(|entry| entry["kind"] == "event").count()
}

#[test]
fn a_file_is_recorded_whole_and_each_event_is_told() {
    let fixture = fixture();
    let said = import(&fixture, "\u{feff}key;at\r\n0;31.01.2026 14:00\r\n1;2026-02-01\r\n", &["case-closed"]);
    assert_eq!(said.expect(0).err, "Recorded: 2 events.\n");
    let recorded = events(&fixture, &[]);
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[0]["at"], "2026-01-31T13:00:00Z");
    assert_eq!(told(&fixture), 2);
    let again = "key,at\n0,2026-01-31T13:00:00Z\n1,2026-02-02\n2,2026-02-03\n";
    let said = import(&fixture, again, &["case-closed"]).expect(0);
    let sentence = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(sentence, "Recorded: 1 event; given another time: 1 event; recorded before just so: 1 event.");
    assert_eq!(told(&fixture), 4, "what stands already is not told again");
    let named = "event,key,at\ncase-closed,3,2026-02-03\nhanded-to-police,cam0/clip-00000.mp4,2026-02-03\n";
    import(&fixture, named, &[]).expect(0);
    assert_eq!(events(&fixture, &["handed-to-police"]).len(), 1);
    forfall(&fixture, &["audit", "verify"]).expect(0);
}

#[test]
fn a_file_with_bad_lines_changes_nothing_and_names_them() {
    let fixture = fixture();
    let bad = "key,at\n0,2026-01-31\n1,never\n2,2100-01-01\n0,2026-02-01\n";
    let said = import(&fixture, bad, &["case-closed"]).expect(2);
    for part in [
        "line 3: `never` is no time",
        "line 4: 2100-01-01 00:00:00 +01:00 is still to come",
        "line 5: line 2 gives the same key another time",
        "3 lines of the file cannot be recorded, so nothing of it was",
    ] {
        assert!(said.err.contains(part), "{part}\n{}", said.err);
    }
    let many: Vec<String> = (0..30).map(|key| format!("{key},never")).collect();
    let said = import(&fixture, &format!("key,at\n{}\n", many.join("\n")), &["case-closed"]).expect(2);
    assert_eq!(said.err.matches("is no time").count(), 20);
    assert!(said.err.contains("and 10 more"), "{}", said.err);
    let said = import(&fixture, "event,key,at\ncase-closd,1,2026-01-31\n", &[]).expect(2);
    assert!(
        said.err.contains("line 2: no policy asks for an event called case-closd: did you mean case-closed?")
    );
    import(&fixture, "key,at\n1,2026-01-31\n", &["sold"]).expect(2);
    forfall(&fixture, &["event", "add", "case-closed", "--file", "/nowhere.csv"]).expect(2);
    forfall(&fixture, &["event", "add"]).expect(2);
    forfall(&fixture, &["event", "add", "case-closed"]).expect(2);
    forfall(&fixture, &["event", "add", "case-closed", "--key", "1", "--file", "x"]).expect(2);
    assert!(events(&fixture, &[]).is_empty());
    assert_eq!(told(&fixture), 0);
    import(&fixture, "key,at\n1,2026-01-31\n", &["sold", "--unused"]).expect(0);
}

/// It stands all the same: the record may come later.
#[test]
fn an_event_for_a_key_that_no_record_has_is_told_of() {
    let fixture = fixture();
    let add = |name: &str, key: &str, more: &[&str]| {
        let words = [&["event", "add", name, "--key", key, "--at", "2026-01-31"][..], more].concat();
        let said = forfall(&fixture, &words).expect(0);
        let told = said.err.split_whitespace().collect::<Vec<_>>().join(" ").contains("no record has");
        assert!(!told || said.err.contains(&format!("no record has {key} now")), "{}", said.err);
        told
    };
    // By a field, and by the record's own key.
    assert!(!add("case-closed", "0", &[]) && !add("handed-to-police", "cam0/clip-00000.mp4", &[]));
    assert!(add("case-closed", "99", &[]) && add("handed-to-police", "cam0/clip-99999.mp4", &[]));
    assert!(!add("case-closed", "98", &["--no-count"]), "nobody looked");
    assert!(!add("sold", "99", &["--unused"]), "no policy asks for it");
    assert_eq!(events(&fixture, &[]).len(), 6);
    let words = ["event", "add", "case-closed", "--key", "97", "--at", "2026-01-31"];
    assert_eq!(fixture.run(&words).expect(0).json()["nowhere"], serde_json::json!(["97"]));
}

#[test]
fn a_withdrawn_event_counts_no_longer_and_may_come_again() {
    let fixture = fixture();
    let waiting = || fixture.run(&["plan", "clips"]).expect(0).json()["policies"][0]["waiting"].clone();
    assert_eq!(waiting(), 10);
    let add = ["event", "add", "case-closed", "--key", "0", "--at", "2026-01-31"];
    forfall(&fixture, &add).expect(0);
    assert_eq!(waiting(), 8);
    let withdraw = |key, reason| {
        forfall(&fixture, &["event", "withdraw", "case-closed", "--key", key, "--reason", reason])
    };
    assert!(withdraw("1", "mistake").expect(2).err.contains("nothing was withdrawn"));
    withdraw("0", " ").expect(2);
    assert!(withdraw("0", "told by 99887766").expect(2).err.contains("telephone"));
    assert_eq!(waiting(), 8);
    withdraw("0", "wrong-case").expect(0);
    assert_eq!(waiting(), 10);
    assert!(events(&fixture, &[]).is_empty());
    let all = events(&fixture, &["--all"]);
    assert_eq!((&all[0]["key"], &all[0]["reason"]), (&"0".into(), &"wrong-case".into()));
    let entry = fixture.entries().into_iter().rfind(|entry| entry["kind"] == "event").unwrap();
    assert_eq!(entry["action"], "withdraw");
    let shown = forfall(&fixture, &["audit", "show", &entry["index"].to_string()]).expect(0).out;
    assert!(shown.contains("withdrew the event case-closed") && shown.contains("wrong-case"), "{shown}");
    withdraw("0", "again").expect(2);
    forfall(&fixture, &add).expect(0);
    assert_eq!(waiting(), 8);
    assert_eq!(events(&fixture, &["--all"]).len(), 2);
    forfall(&fixture, &["audit", "verify"]).expect(0);
}

fn answer(fixture: &Fixture, words: &[&str]) -> serde_json::Value {
    let mut all = vec!["event"];
    all.extend(words);
    fixture.run(&all).expect(0).json()
}

/// Before and after, of the counts of the first effect that have changed.
fn changed(answer: &serde_json::Value) -> Vec<(String, u64, u64)> {
    let counts = answer["effects"][0]["counts"].as_array().unwrap();
    let number = |count: &serde_json::Value, name: &str| count[name].as_u64().unwrap();
    let all = counts.iter().map(|count| {
        let stage = count["action"].as_str().map_or_else(String::new, |action| format!(" {action}"));
        let what = format!("{}{stage}", count["records"].as_str().unwrap());
        (what, number(count, "before"), number(count, "after"))
    });
    all.filter(|(_, before, after)| before != after).collect()
}

#[test]
fn the_answer_counts_what_becomes_of_the_records() {
    let fixture = fixture();
    let one = |what: &str, before, after| (what.to_owned(), before, after);
    let add = |at: &str| answer(&fixture, &["add", "case-closed", "--key", "0", "--at", at]);
    assert_eq!(changed(&add("2026-01-31")), [one("waiting", 10, 8), one("due delete", 0, 2)]);
    assert!(add("2026-01-31")["effects"].as_array().unwrap().is_empty(), "nothing has changed");
    let yesterday = (SystemClock::new().now() - chrono::TimeDelta::days(1)).to_rfc3339();
    assert_eq!(changed(&add(&yesterday)), [one("due delete", 2, 0)]);
    let withdrawn = answer(&fixture, &["withdraw", "case-closed", "--key", "0", "--reason", "mistake"]);
    assert_eq!(changed(&withdrawn), [one("waiting", 8, 10)]);
    let quick = answer(&fixture, &["add", "case-closed", "--key", "0", "--no-count"]);
    assert!(quick["effects"][0]["counts"].is_null(), "{quick}");
    let said =
        forfall(&fixture, &["event", "add", "case-closed", "--key", "0", "--at", "2026-01-31"]).expect(0);
    assert!(said.out.contains("due: 1 delete"), "{}", said.out);
    // One that no record has.
    let said = forfall(&fixture, &["event", "add", "case-closed", "--key", "none"]).expect(0);
    assert!(said.out.contains("As many records are due and waiting as before."), "{}", said.out);
    fs_err::remove_dir_all(fixture.path("cameras")).unwrap();
    let said = forfall(&fixture, &["event", "add", "case-closed", "--key", "1"]).expect(0);
    assert!(said.out.contains("was not counted"), "{}", said.out);
    assert_eq!(events(&fixture, &[]).len(), 3, "it stands although no store answers");
}

#[test]
fn the_answer_tells_what_is_gone_already() {
    let fixture = fixture();
    answer(&fixture, &["add", "case-closed", "--key", "0", "--at", "2026-01-31"]);
    answer(&fixture, &["add", "case-closed", "--key", "1", "--at", "2026-01-31"]);
    fixture.approve("clips", 4);
    forfall(&fixture, &["run", "clips"]).expect(0);
    assert_eq!(fixture.clips(), 6);
    // By a field: only in sum.
    let moved = answer(&fixture, &["add", "case-closed", "--key", "0", "--at", "2026-02-28"]);
    let done = &moved["effects"][0]["already_done"][0];
    assert_eq!((&done["records"], &done["action"]), (&4.into(), &"delete".into()), "{moved}");
    assert!(done["since"].is_string() && done["key"].is_null());
    // Told since it was first recorded; an event that was recorded after the run let nothing go.
    let withdrawn = answer(&fixture, &["withdraw", "case-closed", "--key", "0", "--reason", "mistake"]);
    assert_eq!(withdrawn["effects"][0]["already_done"][0]["records"], 4, "{withdrawn}");
    answer(&fixture, &["add", "case-closed", "--key", "3"]);
    let withdrawn = answer(&fixture, &["withdraw", "case-closed", "--key", "3", "--reason", "mistake"]);
    assert!(withdrawn["effects"][0]["already_done"].as_array().unwrap().is_empty(), "{withdrawn}");
    // By the record's own key: exactly.
    let late = answer(&fixture, &["add", "handed-to-police", "--key", "cam0/clip-00000.mp4"]);
    let done = &late["effects"][0]["already_done"][0];
    assert_eq!((&done["key"], &done["certain"]), (&"cam0/clip-00000.mp4".into(), &true.into()), "{late}");
    let other = answer(&fixture, &["add", "handed-to-police", "--key", "cam2/clip-00002.mp4"]);
    assert!(other["effects"][0]["already_done"].as_array().unwrap().is_empty(), "{other}");
    let said = forfall(
        &fixture,
        &["event", "withdraw", "handed-to-police", "--key", "cam0/clip-00000.mp4", "--reason", "mistake"],
    );
    let words = said.expect(0).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("1 delete was carried out already on cam0/clip-00000.mp4"), "{words}");
    let keys: Vec<String> = (0..21).map(|key| format!("cam9/clip-{key}.mp4,2026-01-31")).collect();
    let said = import(&fixture, &format!("key,at\n{}\n", keys.join("\n")), &["handed-to-police"]).expect(0);
    assert!(said.out.contains("was not looked up"), "{}", said.out);
}

#[test]
fn what_waits_is_listed_with_what_it_waits_for() {
    let fixture = fixture();
    let listed = |words: &[&str]| {
        let mut all = vec!["event", "waiting"];
        all.extend(words);
        fixture.run(&all).expect(0).json()["waiting"].as_array().unwrap().clone()
    };
    let all = listed(&[]);
    assert_eq!(all.len(), 1, "calls do not wait: {all:?}");
    let one = &all[0];
    assert_eq!((&one["policy"], &one["store"]), (&"clips".into(), &"cameras".into()));
    assert_eq!(one["waits_for"], serde_json::json!(["event case-closed by camera"]));
    assert_eq!((&one["records"], &one["state"]), (&10.into(), &"waiting".into()));
    assert_eq!(one["samples"].as_array().unwrap().len(), 3);
    assert!(one["first_seen"].is_null(), "nothing is followed without stale-after");
    let explained = fixture.run(&["explain", "clips", "cam0/clip-00000.mp4"]).expect(0).json();
    let change = "Its start: the event `case-closed`, recorded with `forfall event add`.";
    assert_eq!(explained["would_change"], serde_json::json!([change]));
    // The default of the configuration.
    let config = fs_err::read_to_string(fixture.path("forfall.toml")).unwrap();
    fs_err::write(fixture.path("forfall.toml"), format!("stale-after = \"2 years\"\n{config}")).unwrap();
    forfall(&fixture, &["check"]).expect(0);
    forfall(&fixture, &["run"]).expect(0);
    let one = &listed(&["clips", "--sample", "1"])[0];
    assert!(one["first_seen"].is_string(), "{one}");
    assert_eq!((&one["stale"], &one["not_followed"]), (&0.into(), &0.into()));
    let status = fixture.run(&["status", "clips"]).expect(0).json();
    assert_eq!((&status["policies"][0]["stale"], &status["policies"][0]["waiting"]), (&0.into(), &10.into()));
    let said = forfall(&fixture, &["event", "waiting"]).expect(0).out;
    assert!(said.contains("case-closed") && said.contains("cam0/clip-00000.mp4"), "{said}");
    forfall(&fixture, &["event", "waiting", "clip"]).expect(2);
    fs_err::remove_dir_all(fixture.path("cameras")).unwrap();
    let said = forfall(&fixture, &["event", "waiting"]).expect(12);
    assert!(said.err.contains("cameras"), "{}", said.err);
}
