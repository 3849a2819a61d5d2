//! What goes with a record in another store: it is recognised, held and shared as the record is.

use crate::fixture::Fixture;

const CALLS: &str = r#"
title = "Call log with recordings"
owner = "it-operations"

[[data]]
store        = "calls"
collection   = "call_log"
start.field  = "called_at"
start.format = "rfc3339"

[[data.with]]
store      = "recordings"
collection = "{caller}/*.wav"

[[data.with]]
collection = "note"
by         = "call"

[[stage]]
after  = "30 days"
action = "delete"
"#;

/// Six calls that are due and four that are not, each with a recording and a note.
fn fixture() -> Fixture {
    let fixture = Fixture::new(6, 4);
    fs_err::remove_file(fixture.path("policies/clips.toml")).unwrap();
    fs_err::write(fixture.path("policies/calls.toml"), CALLS).unwrap();
    let config = fs_err::read_to_string(fixture.path("forfall.toml")).unwrap();
    let recordings = "\n[store.recordings]\nadapter = \"filesystem\"\nroot = \"recordings\"\n";
    fs_err::write(fixture.path("forfall.toml"), config + recordings).unwrap();
    fs_err::create_dir(fixture.path("recordings")).unwrap();
    for row in 0..10 {
        let directory = fixture.path(&format!("recordings/+4799{row:06}"));
        fs_err::create_dir(&directory).unwrap();
        Fixture::clip(&directory.join("a.wav"), 1);
    }
    database(&fixture)
        .execute_batch(
            "create table note (id integer primary key, call integer); create index note_call on note (call);
             insert into note (call) select id from call_log",
        )
        .unwrap();
    fixture
}

fn database(fixture: &Fixture) -> rusqlite::Connection {
    rusqlite::Connection::open(fixture.path("calls.db")).unwrap()
}

fn notes(fixture: &Fixture) -> i64 {
    database(fixture).query_row("select count(*) from note", [], |row| row.get(0)).unwrap()
}

/// Which of the ten recordings are there.
fn recordings(fixture: &Fixture) -> Vec<usize> {
    (0..10).filter(|row| fixture.path(&format!("recordings/+4799{row:06}/a.wav")).exists()).collect()
}

#[test]
fn approval_makes_the_other_store_recognisable_and_what_goes_along_goes() {
    let fixture = fixture();
    fixture.approve("calls", 6);
    let run = fixture.run(&["run", "calls"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    assert_eq!((fixture.calls(), notes(&fixture), recordings(&fixture)), (4, 4, vec![6, 7, 8, 9]));
}

#[test]
fn another_tree_in_the_place_of_the_approved_one_stops_the_run() {
    let fixture = fixture();
    fixture.approve("calls", 6);
    fs_err::rename(fixture.path("recordings"), fixture.path("former")).unwrap();
    fs_err::create_dir_all(fixture.path("recordings/+4799000000")).unwrap();
    Fixture::clip(&fixture.path("recordings/+4799000000/a.wav"), 1);
    // Approved by somebody for something else: it has a mark, but not that mark.
    fs_err::create_dir(fixture.path("recordings/.forfall")).unwrap();
    let mark = fs_err::read_to_string(fixture.path("former/.forfall/store")).unwrap();
    let other: String = mark.chars().map(|c| if c == '7' { '6' } else { c }).collect();
    fs_err::write(fixture.path("recordings/.forfall/store"), other).unwrap();
    fixture.run(&["run", "calls"]).expect(11);
    assert_eq!((fixture.calls(), notes(&fixture), recordings(&fixture)), (10, 10, vec![0]));
}

#[test]
fn what_a_kept_record_shares_stays() {
    let fixture = fixture();
    // The call of three days ago was made by the caller of a due one.
    database(&fixture).execute("update call_log set caller = '+4799000002' where id = 10", []).unwrap();
    fixture.approve("calls", 6);
    fixture.run(&["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 4);
    assert_eq!(recordings(&fixture), [2, 6, 7, 8, 9], "the third recording belongs to a kept call too");
}

#[test]
fn rows_in_another_database_go_with_their_record() {
    let fixture = fixture();
    let policy = CALLS.replace("collection = \"note\"", "store = \"archive\"\ncollection = \"copy\"");
    fs_err::write(fixture.path("policies/calls.toml"), policy).unwrap();
    let config = fs_err::read_to_string(fixture.path("forfall.toml")).unwrap();
    let archive = "\n[store.archive]\nadapter = \"sqlite\"\npath = \"archive.db\"\n";
    fs_err::write(fixture.path("forfall.toml"), config + archive).unwrap();
    let archive = rusqlite::Connection::open(fixture.path("archive.db")).unwrap();
    archive
        .execute_batch(
            "create table copy (id integer primary key, call integer); create index by_call on copy (call);
             with recursive n (id) as (select 1 union all select id + 1 from n where id < 10)
             insert into copy (call) select id from n",
        )
        .unwrap();
    fixture.approve("calls", 6);
    fixture.run(&["run", "calls"]).expect(0);
    let first: i64 = archive.query_row("select min(call) from copy", [], |row| row.get(0)).unwrap();
    assert_eq!((fixture.calls(), first), (4, 7));
    let verified = fixture.run(&["audit", "verify"]).expect(0).json();
    assert_eq!((&verified["intents"], &verified["outcomes"]), (&3.into(), &3.into()));
}

#[test]
fn files_go_by_all_the_parts_of_their_name() {
    let fixture = fixture();
    let policy = CALLS.replace("{caller}/*.wav", "{year}/{caller}.wav");
    fs_err::write(fixture.path("policies/calls.toml"), policy).unwrap();
    database(&fixture).execute_batch("alter table call_log add column year integer default 2026").unwrap();
    fs_err::create_dir(fixture.path("recordings/2026")).unwrap();
    for row in 0..10 {
        Fixture::clip(&fixture.path(&format!("recordings/2026/+4799{row:06}.wav")), 1);
    }
    fixture.approve("calls", 6);
    fixture.run(&["run", "calls"]).expect(0);
    assert_eq!(
        fs_err::read_dir(fixture.path("recordings/2026")).unwrap().count(),
        4,
        "those of the kept calls"
    );
}

#[test]
fn a_hold_on_what_goes_along_keeps_the_records() {
    for (store, collection) in [("calls", Some("note")), ("recordings", None)] {
        let fixture = fixture();
        fixture.approve("calls", 6);
        let mut words = vec!["hold", "add", "--store", store, "--reason", "case-1"];
        words.extend(collection.iter().flat_map(|collection| ["--collection", collection]));
        fixture.run(&words).expect(0);
        let run = fixture.run(&["run", "calls"]).expect(0).json();
        assert_eq!(run["runs"][0]["state"], "complete", "{store}: {run}");
        assert_eq!((fixture.calls(), notes(&fixture)), (10, 10), "{store}");
        assert_eq!(recordings(&fixture).len(), 10, "{store}");
        let plan = fixture.run(&["plan", "calls"]).expect(0).json();
        assert_eq!(plan["policies"][0]["stages"][0]["held"], 6, "{store}: {plan}");
    }
}

/// What goes along in the record's own store is found by its record: a hold there names the record.
#[test]
fn a_hold_on_the_key_of_what_goes_along_says_which_record_to_hold() {
    let fixture = fixture();
    let words =
        ["hold", "add", "--store", "calls", "--collection", "note", "--key", "3", "--reason", "case-1"];
    let said = fixture.run(&words).expect(2);
    assert!(said.err.contains("hold the record of call_log that it belongs to"), "{}", said.err);
}

#[test]
fn a_hold_on_a_collection_that_nothing_binds_is_refused_instead_of_protecting_nothing() {
    let fixture = fixture();
    for misspelt in ["Call_log", "calllog"] {
        let words = ["hold", "add", "--store", "calls", "--collection", misspelt, "--reason", "case-1"];
        let said = fixture.run(&words).expect(2);
        assert!(said.err.contains("call_log"), "{}", said.err);
    }
}

/// The policy's copies of calls lie in another database; the copy of call n has the key 100 + n.
fn with_archive(fixture: &Fixture) -> rusqlite::Connection {
    let policy = CALLS.replace("collection = \"note\"", "store = \"archive\"\ncollection = \"copy\"");
    fs_err::write(fixture.path("policies/calls.toml"), policy).unwrap();
    let config = fs_err::read_to_string(fixture.path("forfall.toml")).unwrap();
    let archive = "\n[store.archive]\nadapter = \"sqlite\"\npath = \"archive.db\"\n";
    fs_err::write(fixture.path("forfall.toml"), config + archive).unwrap();
    let archive = rusqlite::Connection::open(fixture.path("archive.db")).unwrap();
    archive
        .execute_batch(
            "create table copy (id integer primary key, call integer); create index by_call on copy (call);
             with recursive n (id) as (select 1 union all select id + 1 from n where id < 10)
             insert into copy (id, call) select 100 + id, id from n",
        )
        .unwrap();
    archive
}

#[test]
fn a_hold_on_one_thing_elsewhere_keeps_its_record_and_no_other() {
    let fixture = fixture();
    let archive = with_archive(&fixture);
    // A policy of its own for other rows there, so that a key in that store can be named.
    let other = "title = \"Other\"\nowner = \"it\"\n[[data]]\nstore = \"archive\"\ncollection = \"other\"\n\
                 start.field = \"at\"\nstart.format = \"rfc3339\"\n[[stage]]\nafter = \"1 day\"\naction = \"delete\"\n";
    fs_err::write(fixture.path("policies/other.toml"), other).unwrap();
    archive.execute_batch("create table other (id integer primary key, at text)").unwrap();
    fixture.approve("calls", 6);
    fixture.run(&["hold", "add", "--store", "archive", "--key", "103", "--reason", "case-1"]).expect(0);
    let plan = fixture.run(&["plan", "calls"]).expect(0).json();
    let stage = &plan["policies"][0]["stages"][0];
    assert_eq!((&stage["due"], &stage["held"]), (&5.into(), &1.into()), "{plan}");
    let run = fixture.run(&["run", "calls"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    let left = |table: &str, database: &rusqlite::Connection| -> Vec<i64> {
        let mut rows = database.prepare(&format!("select id from {table} order by id")).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(left("call_log", &database(&fixture)), [3, 7, 8, 9, 10]);
    assert_eq!(left("copy", &archive), [103, 107, 108, 109, 110]);
    let explained = fixture.run(&["explain", "calls", "3"]).expect(0).json();
    assert_eq!(explained["answer"], "held", "{explained}");
}

#[test]
fn a_hold_on_a_record_is_none_on_a_row_elsewhere_with_the_same_key() {
    let fixture = fixture();
    let archive = with_archive(&fixture);
    archive.execute("update copy set id = id - 100", []).unwrap();
    // The copy with the key 2 belongs to call 5.
    archive.execute("update copy set call = 11 - call where call > 4", []).unwrap();
    archive
        .execute("update copy set call = case call when 2 then 5 when 5 then 2 else call end", [])
        .unwrap();
    fixture.approve("calls", 6);
    fixture.run(&["hold", "add", "--policy", "calls", "--key", "2", "--reason", "case-2"]).expect(0);
    fixture.run(&["run", "calls"]).expect(0);
    let kept: i64 = database(&fixture)
        .query_row("select count(*) from call_log where id in (1, 3, 4, 5, 6)", [], |row| row.get(0))
        .unwrap();
    assert_eq!((kept, fixture.calls()), (0, 5));
}

#[test]
fn a_record_whose_files_cannot_be_found_by_name_stays() {
    let fixture = fixture();
    let policy = CALLS.replace("{caller}/*.wav", "{caller}/**");
    fs_err::write(fixture.path("policies/calls.toml"), policy).unwrap();
    database(&fixture).execute("update call_log set caller = 'a/b' where id = 2", []).unwrap();
    fs_err::create_dir_all(fixture.path("recordings/a/b")).unwrap();
    Fixture::clip(&fixture.path("recordings/a/b/c.wav"), 1);
    fixture.approve("calls", 6);
    let run = fixture.run(&["run", "calls"]).expect(12).json();
    let reason = run["runs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("no name of a file or directory") && reason.contains(": 1"), "{reason}");
    assert!(!reason.contains("a/b"), "{reason}");
    assert_eq!((fixture.calls(), notes(&fixture)), (5, 5), "the other five went");
    assert!(fixture.path("recordings/a/b/c.wav").exists());
}

#[test]
fn links_among_what_goes_along_are_told_of() {
    let fixture = fixture();
    let policy = CALLS.replace("{caller}/*.wav", "{caller}/**");
    fs_err::write(fixture.path("policies/calls.toml"), policy).unwrap();
    let link = fixture.path("recordings/+4799000001/link");
    std::os::unix::fs::symlink(fixture.path("calls.db"), &link).unwrap();
    fixture.approve("calls", 6);
    let run = fixture.run(&["run", "calls"]).expect(0).json();
    let remarks = &run["runs"][0]["remarks"];
    assert!(remarks[0].as_str().unwrap().contains("links"), "{run}");
    assert!(link.is_symlink() && fixture.path("calls.db").exists());
}

#[test]
fn a_reader_that_keeps_what_was_deleted_in_the_log_makes_the_run_incomplete_until_it_has_gone() {
    let fixture = fixture();
    let reader = database(&fixture);
    reader.execute_batch("pragma journal_mode = wal").unwrap();
    fixture.approve("calls", 6);
    reader.execute_batch("begin; select count(*) from call_log").unwrap();
    let run = fixture.run(&["run", "calls"]).expect(12).json();
    assert!(run["runs"][0]["reason"].as_str().unwrap().contains("write-ahead log"), "{run}");
    assert_eq!(fixture.calls(), 4);
    reader.execute_batch("commit").unwrap();
    fixture.run(&["run", "calls"]).expect(0);
    let log = fixture.path("calls.db-wal");
    assert!(!log.exists() || fs_err::metadata(log).unwrap().len() == 0);
}

#[test]
fn a_file_that_could_belong_to_two_records_is_refused() {
    for pattern in ["{id}-{caller}.wav", "{caller}*.wav"] {
        let fixture = fixture();
        let policy = CALLS.replace("{caller}/*.wav", pattern);
        fs_err::write(fixture.path("policies/calls.toml"), policy).unwrap();
        let said = fixture.run(&["check", "--offline"]).expect(10);
        assert!(said.out.contains("several records"), "{pattern}: {}", said.out);
    }
}

#[test]
fn what_goes_along_is_named_before_and_counted_after() {
    let fixture = fixture();
    database(&fixture).execute("insert into note (call) values (1)", []).unwrap();
    let plan = fixture.run(&["plan", "calls"]).expect(0).json();
    let with = &plan["policies"][0]["stages"][0]["with"];
    let there = serde_json::json!([
        { "store": "recordings", "collection": "{caller}/*.wav", "count": null },
        { "store": "calls", "collection": "note", "count": 7 },
    ]);
    assert_eq!(with, &there, "{plan}");
    let approved = fixture.run(&["approve", "calls", "--count", "6"]).expect(0).json();
    assert_eq!(approved["approvals"][0]["with"], there, "{approved}");
    let run = fixture.run(&["run", "calls"]).expect(0).json();
    let gone = serde_json::json!([
        { "store": "calls", "collection": "note", "done": 7 },
        { "store": "recordings", "collection": "{caller}/*.wav", "done": 6 },
    ]);
    assert_eq!(run["runs"][0]["with"], gone, "{run}");
    assert_eq!(run["runs"][0]["stages"][0]["done"], 6);
}
