//! The JSON that scripts depend on: every member, in its order.

use serde_json::Value;

use crate::fixture::Fixture;

/// The members of an object, in their order.
#[track_caller]
fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().map(String::as_str).collect()
}

#[test]
fn plan() {
    let fixture = Fixture::new(3, 2);
    let plan = fixture.run(&["plan", "calls", "--sample", "2"]).expect(0).json();
    assert_eq!(members(&plan), ["at", "policies"]);
    let policy = &plan["policies"][0];
    let expected = [
        "policy",
        "store",
        "collection",
        "stages",
        "total",
        "total_exact",
        "undetermined",
        "why_undetermined",
        "waiting",
        "needed",
        "orphans",
        "state",
        "verdict",
    ];
    assert_eq!(members(policy), expected);
    let stage = &policy["stages"][0];
    let expected = [
        "stage", "class", "action", "after", "cutoff", "due", "asked", "held", "oldest", "newest", "samples",
        "with",
    ];
    assert_eq!(members(stage), expected);
    assert_eq!(policy["policy"], "calls");
    assert_eq!(policy["store"], "calls");
    assert_eq!(policy["collection"], "call_log");
    assert_eq!(policy["total"], 5);
    assert_eq!(policy["total_exact"], true);
    assert_eq!(policy["state"], "not-approved");
    assert_eq!(stage["stage"], 1);
    assert_eq!(stage["class"], Value::Null);
    assert_eq!(stage["action"], "delete");
    assert_eq!(stage["after"], "30 days");
    assert_eq!(stage["due"], 3);
    assert_eq!(stage["held"], 0);
    assert_eq!(stage["samples"].as_array().unwrap().len(), 2);
    for time in [&plan["at"], &stage["cutoff"], &stage["oldest"], &stage["newest"]] {
        let text = time.as_str().unwrap();
        assert!(text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok(), "{text}");
    }
}

#[test]
fn a_plan_for_later_counts_what_is_due_then_and_goes_to_a_file_too() {
    let fixture = Fixture::new(3, 2);
    let file = fixture.path("plan.json");
    let out = file.to_str().unwrap();
    let plan = fixture.run(&["plan", "calls", "--at", "2100-01-01", "--out", out]).expect(0).json();
    assert_eq!(plan["at"], "2099-12-31T23:00:00Z");
    assert_eq!(plan["policies"][0]["stages"][0]["due"], 5);
    let written: Value = serde_json::from_str(&fs_err::read_to_string(file).unwrap()).unwrap();
    assert_eq!(written, plan);
}

#[test]
fn run() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    let runs = fixture.run(&["run", "calls"]).expect(0).json();
    assert_eq!(members(&runs), ["runs"]);
    let run = &runs["runs"][0];
    assert_eq!(
        members(run),
        ["run", "policy", "store", "collection", "state", "stages", "with", "reason", "remarks"]
    );
    assert_eq!(members(&run["stages"][0]), ["stage", "action", "done", "skipped", "failed"]);
    assert_eq!(run["state"], "complete");
    assert_eq!(run["stages"][0]["done"], 3);
    assert_eq!(run["reason"], Value::Null);
}

#[test]
fn status() {
    let fixture = Fixture::new(3, 2);
    let before = fixture.run(&["status"]).expect(0).json();
    let expected = [
        "policy",
        "state",
        "due",
        "overdue",
        "oldest_overdue_seconds",
        "undetermined",
        "waiting",
        "held",
        "last_run",
        "next_slot",
        "reason",
        "breach",
        "deadline",
        "needed",
        "escalated",
        "stale",
        "stale_since",
        "last_complete",
        "next_due",
    ];
    let beside = ["policies", "coverage", "unacknowledged_test_alarms", "undelivered_notices"];
    assert_eq!(members(&before), beside);
    assert_eq!(members(&before["policies"][0]), expected);
    assert_eq!(before["policies"][0]["due"], 3);
    assert_eq!(before["policies"][0]["last_run"], Value::Null);
    fixture.approve("calls", 3);
    fixture.run(&["run", "calls"]).expect(0);
    let after = fixture.run(&["status", "calls"]).expect(0).json();
    assert_eq!(after["policies"].as_array().unwrap().len(), 1);
    assert_eq!(after["policies"][0]["state"], "ok");
    assert_eq!(after["policies"][0]["due"], 0);
    assert!(after["policies"][0]["last_run"].is_string(), "{after}");
}

#[test]
fn audit() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    fixture.run(&["run", "calls"]).expect(0);
    let list = fixture.run(&["audit", "list"]).expect(0).json();
    assert_eq!(members(&list), ["entries"]);
    let entries = list["entries"].as_array().unwrap();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(
            members(entry)[..8],
            ["index", "time", "kind", "policy", "run", "batch", "action", "count"]
        );
        assert_eq!(entry["index"], index);
    }
    assert_eq!(entries[0]["kind"], "genesis");
    let intents = fixture.run(&["audit", "list", "--kind", "intent"]).expect(0).json();
    let [intent] = intents["entries"].as_array().unwrap().as_slice() else { panic!("{intents}") };
    assert_eq!((&intent["action"], &intent["count"]), (&"delete".into(), &3.into()));

    let report = fixture.run(&["audit", "verify"]).expect(0).json();
    let expected = ["ok", "size", "root", "intents", "outcomes", "open", "checked", "not_checked"];
    assert_eq!(members(&report)[..8], expected);
    assert_eq!(report["ok"], true);
    assert_eq!(report["size"], entries.len());
    assert_eq!((&report["intents"], &report["outcomes"], &report["open"]), (&1.into(), &1.into(), &0.into()));
}

#[test]
fn check() {
    let fixture = Fixture::new(1, 1);
    let report = fixture.run(&["check"]).expect(0).json();
    assert_eq!(members(&report), ["ok", "diagnostics"]);
    assert_eq!(report["ok"], true);
    super::edit_policy(&fixture, "calls", "30 days", "0 days");
    let report = fixture.run(&["check"]).expect(10).json();
    let found = &report["diagnostics"][0];
    assert_eq!(members(found), ["severity", "file", "line", "column", "message", "help"]);
    assert_eq!(report["ok"], false);
    assert_eq!(found["severity"], "error");
    assert!(found["file"].as_str().unwrap().ends_with("policies/calls.toml"), "{found}");
    assert_eq!(found["line"], 12);
    assert_eq!(found["column"], 10);
}

#[test]
fn explain_holds_and_events() {
    let fixture = Fixture::new(3, 2);
    let explained = fixture.run(&["explain", "calls", "1"]).expect(0).json();
    let expected = [
        "policy",
        "store",
        "collection",
        "key",
        "found",
        "answer",
        "class",
        "stage",
        "action",
        "start",
        "due",
        "at_latest",
        "holds",
        "review",
        "hindrance",
        "why",
        "would_change",
        "history",
    ];
    assert_eq!(members(&explained), expected);
    assert_eq!(explained["answer"], "delete");
    let added = fixture
        .run(&[
            "hold",
            "add",
            "--policy",
            "calls",
            "--key",
            "1",
            "--reason",
            "case-7",
            "--review",
            "2100-01-01",
        ])
        .expect(0)
        .json();
    let expected = [
        "hold",
        "already_gone",
        "in_running_batches",
        "batches",
        "records",
        "older_not_looked_at",
        "perhaps",
    ];
    assert_eq!(members(&added), expected);
    let id = added["hold"]["hold"].as_str().unwrap().to_owned();
    assert_eq!(added["hold"]["key"], "1");
    let explained = fixture.run(&["explain", "calls", "1"]).expect(0).json();
    assert_eq!(explained["answer"], "held");
    assert_eq!(explained["holds"][0], id.as_str());
    let holds = fixture.run(&["hold", "list"]).expect(0).json();
    let expected = [
        "hold",
        "kind",
        "policy",
        "store",
        "collection",
        "key",
        "when",
        "between",
        "reason",
        "matter",
        "authority",
        "since",
        "review",
        "until",
        "released",
        "keeps_until",
    ];
    assert_eq!(members(&holds["holds"][0]), expected);
    fixture.run(&["hold", "release", &id]).expect(11);
    fixture.end_of_hold(&id);
    fixture.run(&["hold", "release", &id]).expect(2);
    let event = ["event", "add", "case-closed", "--key", "17", "--at", "2026-01-31T12:00:00Z", "--unused"];
    fixture.run(&event).expect(0);
    let events = fixture.run(&["event", "list"]).expect(0).json();
    assert_eq!(members(&events["events"][0]), ["name", "key", "at", "withdrawn", "reason"]);
    assert_eq!(events["events"][0]["at"], "2026-01-31T12:00:00Z");
}

#[test]
fn stores_and_policies() {
    let fixture = Fixture::new(1, 1);
    let stores = fixture.run(&["store", "list"]).expect(0).json();
    assert_eq!(members(&stores["stores"][0]), ["store", "adapter", "reachable", "error", "collections"]);
    let store = fixture.run(&["store", "show", "calls"]).expect(0).json();
    let collection = &store["collections"][0];
    assert_eq!(
        members(collection),
        ["collection", "total", "total_exact", "readable", "key", "columns", "warnings"]
    );
    assert_eq!(collection["collection"], "call_log");
    let called = &collection["columns"][1];
    assert_eq!(called["column"], "called_at");
    assert_eq!(called["format_needed"], true);
    let policies = fixture.run(&["policy", "list"]).expect(0).json();
    let expected = ["policy", "title", "owner", "file", "hash", "stores", "unresolved", "sentence"];
    assert_eq!(members(&policies["policies"][0]), expected);
    let schema = fixture.run(&["policy", "schema"]).expect(0).json();
    assert!(schema["properties"]["title"].is_object(), "{schema}");
}

#[test]
fn a_key_that_is_gone_has_a_history() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    fixture.run(&["run", "calls"]).expect(0);
    let gone = fixture.run(&["explain", "calls", "1"]).expect(0).json();
    assert_eq!(gone["found"], false);
    let past = &gone["history"][0];
    let expected = ["index", "time", "run", "batch", "class", "stage", "action", "policy_hash", "done"];
    assert_eq!(members(past), expected);
    assert_eq!((&past["action"], &past["done"]), (&"delete".into(), &true.into()));
    let never = fixture.run(&["explain", "calls", "999"]).expect(0).json();
    assert_eq!((&never["found"], &never["history"]), (&false.into(), &Value::Array(Vec::new())));
    let late =
        fixture.run(&["hold", "add", "--policy", "calls", "--key", "1", "--reason", "late"]).expect(0).json();
    assert_eq!(late["already_gone"][0]["action"], "delete");
}
