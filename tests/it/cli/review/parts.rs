//! Decisions over some records of a case, while the rest waits.

use super::{CASES, cases, decide, run, show, waiting};
use crate::cli::forfall;
use crate::fixture::Fixture;

#[test]
fn one_record_goes_another_is_extended_and_the_rest_waits() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["delete", "--reason", "case-17", "--only", "1"], 0);
    decide(&fixture, &case, &["extend", "--reason", "research", "--only", "2"], 0);
    let told = show(&fixture, &case);
    assert_eq!((told["state"].as_str(), told["records"].as_u64()), (Some("open"), Some(1)));
    assert_eq!(told["samples"], serde_json::json!(["3"]));
    let parts: Vec<_> = told["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["decision"].clone(), part["keys"].clone()))
        .collect();
    assert_eq!(
        parts,
        [("delete".into(), serde_json::json!(["1"])), ("extend".into(), serde_json::json!(["2"]))]
    );
    run(&fixture);
    assert_eq!(ids(&fixture), [2, 3, 4, 5]);
    let told = show(&fixture, &case);
    assert_eq!((told["state"].as_str(), told["records"].as_u64()), (Some("open"), Some(1)));
    assert_eq!(
        (told["parts"][0]["state"].as_str(), told["parts"][1]["state"].as_str()),
        (Some("executed"), Some("decided"))
    );
    assert_eq!(told["parts"][0]["keys"], serde_json::json!([]), "what is gone is not named any more");
    run(&fixture);
    assert_eq!(ids(&fixture), [2, 3, 4, 5], "nothing else goes");
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    run(&fixture);
    assert_eq!(ids(&fixture), [2, 4, 5], "the rest of the case, and not what was extended");
    assert_eq!(fixture.run(&["review", "list"]).expect(0).json()["reviews"][0]["state"], "executed");
    run(&fixture);
    assert_eq!(ids(&fixture), [2, 4, 5]);
    assert_eq!(fixture.run(&["audit", "verify"]).expect(0).json()["ok"], true);
}

#[test]
fn the_log_has_commitments_where_the_state_has_keys() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["delete", "--reason", "case-17", "--only", "1", "2"], 0);
    let notes: Vec<serde_json::Value> = review_notes(&fixture);
    let only = notes.last().unwrap()["only"].as_array().unwrap();
    assert!(only.len() == 2 && only.iter().all(|one| one.as_str().unwrap().len() == 64), "{notes:?}");
    assert_eq!(
        (notes.last().unwrap()["part"].as_u64(), notes.last().unwrap()["records"].as_u64()),
        (Some(1), Some(2))
    );
    run(&fixture);
    let (last, state) = (review_notes(&fixture).pop().unwrap(), fixture.path("state/state.db"));
    assert_eq!(
        (last["change"].as_str(), last["records"].as_u64(), last["part"].as_u64()),
        (Some("execute"), Some(2), Some(1))
    );
    let database = rusqlite::Connection::open(state).unwrap();
    let body: String = database.query_row("select body from review", [], |row| row.get(0)).unwrap();
    assert!(body.contains("\"keys\":[]"), "{body}");
}

#[test]
fn keys_that_are_not_of_the_case_change_nothing() {
    let (fixture, case) = waiting(CASES);
    let size = fixture.entries().len();
    for strangers in [&["4"][..], &["77"], &["1", "4"]] {
        let words = [&["delete", "--reason", "case-17", "--only"], strangers].concat();
        let said = decide(&fixture, &case, &words, 2);
        assert!(said.contains(&format!("1 of the records named are not of case {case}")), "{said}");
    }
    fixture.more_calls(100, 1);
    let said = decide(&fixture, &case, &["delete", "--reason", "case-17", "--only", "100"], 0);
    assert!(said.is_empty(), "{said}");
    fixture.run(&["review", "cancel", &case, "--reason", "x"]).expect(0);
    let said = fixture.run(&["review", "cancel", &case, "--reason", "x", "--only", "1"]).expect(11).err;
    assert!(said.contains("in no decision of their own"), "{said}");
    assert_eq!(fixture.entries().len(), size + 2);
    run(&fixture);
    assert_eq!(fixture.calls(), 6);
}

#[test]
fn the_newer_decision_over_a_record_wins_and_is_told() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["delete", "--reason", "case-17", "--only", "1", "2"], 0);
    let words = ["review", "decide", &case, "preserve", "--reason", "history", "--only", "2"];
    let told = fixture.run(&words).expect(0).json();
    assert_eq!(
        (told["overridden"].as_u64(), told["parts"][0]["keys"].clone()),
        (Some(1), serde_json::json!(["1"]))
    );
    // Over the whole case, and then a record is taken out of that.
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    let words = ["review", "decide", &case, "preserve", "--reason", "history", "--only", "3"];
    assert_eq!(fixture.run(&words).expect(0).json()["overridden"], 1);
    run(&fixture);
    assert_eq!(ids(&fixture), [2, 3, 4, 5]);
}

#[test]
fn what_was_decided_over_some_records_can_be_taken_back_for_them() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["delete", "--reason", "case-17", "--only", "1", "2"], 0);
    fixture.run(&["review", "cancel", &case, "--reason", "objection", "--only", "2"]).expect(0);
    run(&fixture);
    assert_eq!(ids(&fixture), [2, 3, 4, 5]);
    // Out of a decision over the whole case: the record waits, in a case of its own.
    decide(&fixture, &case, &["extend", "--reason", "research", "--only", "2"], 0);
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    fixture.run(&["review", "cancel", &case, "--reason", "objection", "--only", "2"]).expect(0);
    run(&fixture);
    assert_eq!(ids(&fixture), [2, 4, 5]);
    let waiting = cases(&fixture);
    assert_eq!(
        (waiting.len(), waiting[0]["state"].as_str(), waiting[0]["records"].as_u64()),
        (1, Some("open"), Some(1))
    );
    assert_ne!(waiting[0]["case"], case.as_str());
}

#[test]
fn a_case_decided_record_by_record_is_decided_and_then_executed() {
    let (fixture, case) = waiting(CASES);
    decide(&fixture, &case, &["delete", "--reason", "a", "--only", "1"], 0);
    decide(&fixture, &case, &["transfer", "--reason", "b", "--decision-ref", "NA-1", "--only", "2", "3"], 0);
    run(&fixture);
    assert_eq!(
        (ids(&fixture), show(&fixture, &case)["state"].as_str().unwrap().to_owned()),
        (vec![2, 3, 4, 5], "decided".to_owned())
    );
    let said = fixture.run(&["review", "receipt", &case, "NA-R-1", "--only", "2"]).expect(2).err;
    assert!(said.contains("exactly these records"), "{said}");
    fixture.run(&["review", "receipt", &case, "NA-R-1"]).expect(0);
    run(&fixture);
    assert_eq!((ids(&fixture), cases(&fixture).len()), (vec![4, 5], 0));
    assert_eq!(show(&fixture, &case)["state"], "executed");
}

#[test]
fn show_says_what_each_decision_would_do_and_explain_names_the_case() {
    let (fixture, case) = waiting(CASES);
    let choices = show(&fixture, &case)["choices"].as_array().unwrap().clone();
    let effects: Vec<String> = choices
        .iter()
        .map(|one| format!("{}: {}", one["decision"].as_str().unwrap(), one["effect"].as_str().unwrap()))
        .collect();
    assert_eq!(effects[0], "delete: 3 records, but held ones, go with the next run");
    assert!(effects[1].starts_with("extend: they are kept until 20"), "{effects:?}");
    assert_eq!(effects[2], "preserve: they are kept, and no run ever deletes them");
    assert!(effects[3].contains("until the archive's receipt is entered"), "{effects:?}");

    let explain = |key: &str| fixture.run(&["explain", "calls", key]).expect(0).json()["review"].clone();
    let told = explain("1");
    assert_eq!((told["case"].as_str(), told["state"].as_str()), (Some(case.as_str()), Some("open")));
    assert!(told["deadline"].is_string(), "{told}");
    assert!(explain("4").is_null());
    decide(&fixture, &case, &["extend", "--reason", "research", "--only", "2"], 0);
    let told = explain("2");
    assert_eq!((told["state"].as_str(), told["decision"].as_str()), (Some("decided"), Some("extend")));
    assert!(told["until"].is_string() && told["deadline"].is_null(), "{told}");
    assert_eq!(explain("1")["state"], "open");
    decide(&fixture, &case, &["delete", "--reason", "case-17"], 0);
    assert_eq!(
        (explain("1")["decision"].as_str().map(str::to_owned), explain("2")["decision"].as_str()),
        (Some("delete".to_owned()), Some("extend"))
    );
    let said = forfall(&fixture, &["explain", "calls", "1"]).expect(0).out;
    assert!(said.contains("Decided: deletion") && said.contains(&case), "{said}");
    let said = forfall(&fixture, &["review", "show", &case]).expect(0).out;
    assert!(said.contains("part 1, 1 record (2): decided: extend until"), "{said}");
}

fn ids(fixture: &Fixture) -> Vec<i64> {
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    let mut query = database.prepare("select id from call_log order by id").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The bodies of the log's entries about reviews.
fn review_notes(fixture: &Fixture) -> Vec<serde_json::Value> {
    let state = rusqlite::Connection::open(fixture.path("state/state.db")).unwrap();
    let mut query =
        state.prepare("select cast(leaf as text) from log where kind = 'review' order by idx").unwrap();
    let leaves = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
    leaves
        .map(|leaf| serde_json::from_str::<serde_json::Value>(&leaf.unwrap()).unwrap()["body"].clone())
        .collect()
}
