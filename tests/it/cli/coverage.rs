//! What no policy covers is seen: in `coverage`, in `status`, and in the digest.

use serde_json::Value;

use super::{forfall, write_policy};
use crate::fixture::Fixture;

fn fixture() -> Fixture {
    let fixture = Fixture::new(3, 2);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    database
        .execute_batch(
            "create table schema_version (version integer); create virtual table notes using fts5(text);
             create view latest as select * from call_log",
        )
        .unwrap();
    fs_err::create_dir(fixture.path("cameras/log")).unwrap();
    fs_err::write(fixture.path("cameras/README"), "where the cameras are").unwrap();
    fixture
}

fn declare(fixture: &Fixture, tables: &str) {
    let file = fixture.path("forfall.toml");
    let text = fs_err::read_to_string(&file).unwrap();
    fs_err::write(file, format!("{text}\n{tables}")).unwrap();
}

fn parts(report: &Value, store: usize) -> Vec<(&str, &str)> {
    let all = report["stores"][store]["collections"].as_array().unwrap();
    all.iter().map(|one| (one["collection"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

const DECLARED: &str = r#"
[[store.calls.out-of-scope]]
collection = ["schema_version", "notes"]
reason     = "no personal data"

[[store.cameras.out-of-scope]]
collection = [".", "log"]
reason     = "the cameras' own"
"#;

#[test]
fn every_table_and_top_directory_is_covered_declared_or_a_gap() {
    let fixture = fixture();
    let report = fixture.run(&["coverage"]).expect(12).json();
    assert_eq!(report["ok"], false);
    assert_eq!(parts(&report, 0), [("call_log", "covered"), ("notes", "gap"), ("schema_version", "gap")]);
    let trees = parts(&report, 1);
    assert_eq!(trees[..2], [(".", "gap"), ("cam0/", "covered")]);
    assert_eq!(trees.last(), Some(&("log/", "gap")));
    assert_eq!(report["stores"][0]["gaps"], 2);
    assert_eq!(report["stores"][0]["collections"][0]["policies"][0], "calls");
    let said = forfall(&fixture, &["coverage", "calls"]).expect(12);
    assert!(said.out.starts_with("No policy covers 2 collections."), "{}", said.out);
    assert!(said.err.contains("[[store.NAME.out-of-scope]]"), "{}", said.err);
    let status = fixture.run(&["status"]).expect(0).json();
    assert_eq!(
        status["coverage"].to_string(),
        r#"[{"store":"calls","gaps":2},{"store":"cameras","gaps":2}]"#
    );
    let said = forfall(&fixture, &["status"]).expect(0).out;
    assert!(said.contains("No policy covers 2 collections of store calls"), "{said}");

    declare(&fixture, DECLARED);
    let report = fixture.run(&["coverage"]).expect(0).json();
    assert_eq!(report["ok"], true);
    assert_eq!(parts(&report, 0)[1..], [("notes", "out-of-scope"), ("schema_version", "out-of-scope")]);
    assert_eq!(report["stores"][0]["collections"][1]["reason"], "no personal data");
    let status = fixture.run(&["status"]).expect(0).json();
    assert_eq!(status["coverage"], Value::Array(Vec::new()));
}

#[test]
fn a_rule_that_nobody_has_decided_is_not_a_cover() {
    let fixture = fixture();
    declare(&fixture, DECLARED);
    let text = fs_err::read_to_string(fixture.path("policies/calls.toml")).unwrap();
    write_policy(&fixture, "calls", &format!("unresolved = \"how long?\"\n{text}"));
    let report = fixture.run(&["coverage"]).expect(0).json();
    assert_eq!(parts(&report, 0)[0], ("call_log", "unresolved"));
    assert_eq!(report["unresolved"][0], "calls");
    let said = forfall(&fixture, &["coverage"]).expect(0).out;
    assert!(said.contains("Not decided yet: calls."), "{said}");
}

#[test]
fn a_store_that_does_not_answer_is_not_called_covered() {
    let fixture = fixture();
    declare(&fixture, DECLARED);
    fs_err::rename(fixture.path("calls.db"), fixture.path("gone.db")).unwrap();
    let report = fixture.run(&["coverage"]).expect(12).json();
    assert_eq!((&report["ok"], &report["stores"][0]["reachable"]), (&false.into(), &false.into()));
    let said = forfall(&fixture, &["status"]).expect(0).out;
    assert!(said.contains("Whether policies cover store calls cannot be told"), "{said}");
}

#[test]
fn declarations_are_read_strictly() {
    for (from, to, message) in [
        ("reason     = \"no personal data\"\n", "", "has no `reason`"),
        ("collection = [\"schema_version\", \"notes\"]\n", "", "has no `collection`"),
        ("reason     = \"no personal", "reasons = \"no personal", "unknown key `reasons`"),
        ("\"no personal data\"", "\" \"", "this is blank"),
    ] {
        let fixture = fixture();
        assert!(DECLARED.contains(from));
        declare(&fixture, &DECLARED.replacen(from, to, 1));
        let report = fixture.run(&["check", "--offline"]).expect(10).json();
        let found = report["diagnostics"].as_array().unwrap();
        let found = found.iter().find(|one| one["message"].as_str().unwrap().contains(message));
        assert!(found.is_some_and(|one| one["line"].is_u64()), "{message}: {report}");
    }
    let fixture = fixture();
    declare(&fixture, &DECLARED.replace("\"schema_version\"", "\"schema_versions\""));
    let said = forfall(&fixture, &["coverage", "calls"]).expect(12);
    assert!(
        said.err.contains("schema_versions is declared out of scope in store calls, and is not there"),
        "{}",
        said.err
    );
    let said = forfall(&fixture, &["coverage", "call"]).expect(2);
    assert!(said.err.contains("did you mean calls?"), "{}", said.err);
}
