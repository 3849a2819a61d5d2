//! A hold that is confirmed keeps something, whatever is renamed afterwards; and nothing that was decided is lost in
//! silence.

use super::{edit_policy, forfall, write_policy};
use crate::fixture::Fixture;

fn hold(fixture: &Fixture, words: &[&str], code: i32) -> crate::fixture::Said {
    let mut all = vec!["hold", "add", "--reason", "case-7"];
    all.extend(words);
    forfall(fixture, &all).expect(code)
}

#[test]
fn a_key_that_no_record_has_is_refused() {
    let fixture = Fixture::new(3, 2);
    for key in ["4711", "abc", "[\"x\",1]", "hex:00"] {
        let said = hold(&fixture, &["--policy", "calls", "--key", key], 2);
        assert!(said.err.contains("not in force"), "{key}: {}", said.err);
    }
    for key in ["./cam0/clip-00000.mp4", "/cam0/clip-00000.mp4", "cam0"] {
        hold(&fixture, &["--store", "cameras", "--key", key], 2);
    }
    let listed = fixture.run(&["hold", "list"]).expect(0).json();
    assert_eq!(listed["holds"].as_array().unwrap().len(), 0);
}

#[test]
fn a_key_is_spelled_as_the_store_has_it() {
    let fixture = Fixture::new(3, 2);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    database
        .execute_batch(
            "create table note (id text primary key collate nocase, at text);
             insert into note values ('Abc', '2020-01-01T00:00:00Z'), ('x', '2020-01-01T00:00:00Z')",
        )
        .unwrap();
    write_policy(
        &fixture,
        "notes",
        "title = \"n\"\nowner = \"o\"\n[[data]]\nstore = \"calls\"\ncollection = \"note\"\nstart.field = \"at\"\n\
         start.format = \"rfc3339\"\n[[stage]]\nafter = \"30 days\"\naction = \"delete\"\n",
    );
    hold(&fixture, &["--policy", "notes", "--key", "aBC"], 2);
    hold(&fixture, &["--policy", "notes", "--key", "Abc"], 0);
    fixture.approve("notes", 1);
    forfall(&fixture, &["run", "notes"]).expect(0);
    let left: String = database.query_row("select group_concat(id) from note", [], |row| row.get(0)).unwrap();
    assert_eq!(left, "Abc");
}

#[test]
fn a_row_number_is_no_key_to_hold() {
    let fixture = Fixture::new(1, 0);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    database
        .execute_batch("create table bare (at text); insert into bare values ('2020-01-01T00:00:00Z')")
        .unwrap();
    write_policy(
        &fixture,
        "bare",
        "title = \"n\"\nowner = \"o\"\n[[data]]\nstore = \"calls\"\ncollection = \"bare\"\nstart.field = \"at\"\n\
         start.format = \"rfc3339\"\n[[stage]]\nafter = \"30 days\"\naction = \"delete\"\n",
    );
    let said = hold(&fixture, &["--policy", "bare", "--key", "1"], 2);
    assert!(said.err.contains("no primary key"), "{}", said.err);
    hold(&fixture, &["--policy", "bare"], 0);
}

#[test]
fn a_hold_on_a_record_outlives_its_policys_name() {
    let fixture = Fixture::new(3, 2);
    hold(&fixture, &["--policy", "calls", "--key", "1"], 0);
    fs_err::rename(fixture.path("policies/calls.toml"), fixture.path("policies/telephone.toml")).unwrap();
    fixture.approve("telephone", 2);
    forfall(&fixture, &["run", "telephone"]).expect(0);
    assert_eq!(fixture.calls(), 3, "the two young ones and the held one");
}

/// Where its data lies is held too, under whatever policy it is bound later.
#[test]
fn a_hold_on_a_policy_keeps_what_is_moved_to_another_one() {
    let fixture = Fixture::new(3, 2);
    let calls = fs_err::read_to_string(fixture.path("policies/calls.toml")).unwrap();
    let clips =
        "[[data]]\nstore = \"cameras\"\ncollection = \"cam{camera}/*.mp4\"\nstart.field = \"modified\"\n";
    fs_err::remove_file(fixture.path("policies/clips.toml")).unwrap();
    write_policy(&fixture, "calls", &calls.replace("[[stage]]", &format!("{clips}\n[[stage]]")));
    hold(&fixture, &["--policy", "calls"], 0);
    write_policy(&fixture, "calls", &calls);
    write_policy(
        &fixture,
        "clips",
        &format!("title = \"c\"\nowner = \"o\"\n{clips}[[stage]]\nafter = \"7 days\"\naction = \"delete\"\n"),
    );
    fixture.approve("clips", 0);
    forfall(&fixture, &["run", "clips"]).expect(0);
    assert_eq!(fixture.clips(), 5);
}

#[test]
fn a_hold_on_a_name_that_is_gone_stops_approvals() {
    let fixture = Fixture::new(3, 2);
    // Its approval outlives the file, and makes no difference.
    fixture.approve("calls", 3);
    hold(&fixture, &["--policy", "calls"], 0);
    fs_err::rename(fixture.path("policies/calls.toml"), fixture.path("policies/telephone.toml")).unwrap();
    let said = forfall(&fixture, &["approve", "telephone", "--count", "3"]).expect(11);
    let keeps = |err: &str, what: &str| {
        let words = err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!("{what}: it names policy calls")), "{err}");
    };
    // Its place is bound under the new name, and is held there.
    keeps(&said.err, "keeps only what lay there when it was put in force");
    let said = forfall(&fixture, &["hold", "list"]).expect(0);
    assert!(said.out.contains("  keeps every record under policy calls"), "{}", said.out);
    fs_err::remove_file(fixture.path("policies/telephone.toml")).unwrap();
    keeps(&forfall(&fixture, &["status"]).expect(0).err, "keeps nothing");
    let said = forfall(&fixture, &["hold", "list"]).expect(0);
    keeps(&said.err, "keeps nothing");
    assert!(said.out.contains("  keeps nothing now; means every record under policy calls"), "{}", said.out);
}

#[test]
fn a_record_can_be_held_while_its_policys_file_is_broken() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    let good = fs_err::read_to_string(fixture.path("policies/calls.toml")).unwrap();
    edit_policy(&fixture, "calls", "title", "titel");
    hold(&fixture, &["--policy", "calls", "--key", "1"], 0);
    fs_err::write(fixture.path("policies/calls.toml"), good).unwrap();
    forfall(&fixture, &["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 3);
    // Nobody approved this one, so nothing says what its keys are like.
    edit_policy(&fixture, "clips", "title", "titel");
    let said = hold(&fixture, &["--policy", "clips", "--key", "cam0/clip-00000.mp4"], 10);
    assert!(said.err.contains("policies are invalid"), "{}", said.err);
}

#[test]
fn an_approved_policy_whose_file_is_gone_is_told_of() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    fs_err::remove_file(fixture.path("policies/calls.toml")).unwrap();
    for words in [&["status"][..], &["run"]] {
        let said = forfall(&fixture, words).expect(0);
        assert!(
            said.err.contains("policy calls was approved, and its file is gone"),
            "{words:?}: {}",
            said.err
        );
    }
}

#[test]
fn that_the_file_of_a_policy_is_gone_can_be_said_to_be_meant() {
    let fixture = Fixture::new(3, 2);
    let file = fixture.path("policies/calls.toml");
    let text = fs_err::read(&file).unwrap();
    fixture.approve("calls", 3);
    fs_err::remove_file(&file).unwrap();
    let said = forfall(&fixture, &["status"]).expect(0);
    assert!(said.err.contains("`forfall review cancel calls --reason CODE`"), "{}", said.err);
    let cancel = ["review", "cancel", "calls", "--reason", "moved-to-telephone"];
    forfall(&fixture, &[&cancel[..], &["--only", "1"]].concat()).expect(2);
    let said = forfall(&fixture, &cancel).expect(0);
    assert!(said.out.contains("has to be approved like a"), "{}", said.out);
    assert!(
        fixture.entries().last().unwrap().to_string().contains("moved-to-telephone"),
        "it stands in the log"
    );
    for words in [&["status"][..], &["run"]] {
        assert_eq!(forfall(&fixture, words).expect(0).err, "", "{words:?}");
    }
    forfall(&fixture, &cancel).expect(11);
    fs_err::write(&file, text).unwrap();
    let said = fixture.run(&["run", "calls"]).expect(11).out;
    assert!(said.contains("was cancelled (moved-to-telephone)"), "{said}");
    assert_eq!(fixture.calls(), 5);
}

#[test]
fn looking_makes_no_state() {
    let fixture = Fixture::new(3, 2);
    for words in [&["plan"][..], &["status"], &["explain", "calls", "1"], &["policy", "list"], &["check"]] {
        forfall(&fixture, words).expect(0);
        assert!(!fixture.path("state").exists(), "{words:?}");
    }
}
