use std::path::Path;

use super::*;
use crate::model::ids::{PolicyId, StoreName};
use crate::policy::compile::{Defaults, KnownStore, StoreKind, compile};
use crate::time::Period;

const CALLS: &str = r#"
title = "Call log"
owner = "it-operations"

[[data]]
store = "switchboard"
collection = "call_log"
START

[[stage]]
after = "14 days"
action = "anonymize"
fields.caller = { method = "drop-last-digits", digits = 4 }

[[stage]]
after = "29 days"
at-latest = "30 days"
action = "delete"
"#;

const APPLICANTS: &str = r#"
title = "Applicants"
owner = "hr"

[limit]
records = 100

[[data]]
store = "switchboard"
collection = "applicant"
where = "kind != null && kind == 'applicant'"
start.event = "recruitment-closed"
start.by = "recruitment_id"
[[data.link]]
name = "recruitment"
collection = "recruitment"
by = "recruitment_id"

[[class]]
name = "hired"
when = "outcome == 'hired'"
[[class.stage]]
action = "preserve"

[[class]]
name = "consented"
when = "consent_until != null"
start.field = "consent_until"
start.format = "date"
start.waiting-if = ["future"]
[[class.stage]]
after = "at once"
action = "delete"

[[class]]
name = "old"
when = "recruitment.opened == '2020'"
start.field = "recruitment.closed_at"
start.format = "unix"
[[class.stage]]
after = "1 day"
action = "escalate"

[[stage]]
after = "6 months"
action = "delete"
"#;

fn policy(text: &str) -> Policy {
    let store = KnownStore {
        name: StoreName::new("switchboard"),
        kind: StoreKind::Rows,
        published: false,
        earliest: None,
    };
    let defaults = Defaults {
        zone: "Europe/Oslo".parse().unwrap(),
        schedule: "0 3 * * *".parse().unwrap(),
        grace: Period { months: 0, days: 0, hours: 24 },
        window: None,
        wait: None,
        approvers: 1,
        notify_before: None,
        stale_after: None,
        stores: vec![store],
        bases: Vec::new(),
        today: "2026-01-01".parse().unwrap(),
    };
    let compiled = compile(Path::new("p.toml"), PolicyId::new("p"), text, &defaults);
    compiled.policy.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

/// What comes out for one test, written without its name.
fn came_out(policy_text: &str, test: &str) -> TestResult {
    let text = format!("{policy_text}\n[[test]]\nname = \"t\"\n{test}");
    let mut results = run(&policy(&text));
    assert_eq!(results.len(), 1);
    results.remove(0)
}

fn calls(start: &str, test: &str) -> TestResult {
    came_out(&CALLS.replace("START", start), test)
}

const TEXT_START: &str = "start.field = \"called_at\"\nstart.format = \"rfc3339\"";

#[test]
fn the_example_of_the_handbook_passes() {
    let result = calls(
        "start.field = \"called_at\"",
        r#"record = { called_at = "2026-10-01T12:00:00+02:00", caller = "+4722000000" }
           at = "2026-11-01T12:00:00+01:00"
           expect = { action = "delete", due = "2026-10-30T12:00:00+01:00" }"#,
    );
    assert!(result.passed, "{result:?}");
    assert_eq!(result.expected, "delete, due 2026-10-30T12:00:00 (Europe/Oslo)");
    assert_eq!(result.got, result.expected);
}

#[test]
fn a_failing_test_says_what_came_out_and_why() {
    let result = calls(
        TEXT_START,
        r#"record = { called_at = "2026-10-01T12:00:00+02:00", caller = "+472200xxxx" }
           at = "2026-10-20T12:00:00+01:00"
           expect = { action = "delete" }"#,
    );
    assert!(!result.passed);
    assert_eq!(result.expected, "delete");
    assert_eq!(result.got, "none, due 2026-10-30T12:00:00 (Europe/Oslo)");
    assert!(result.why.iter().any(|why| why.contains("not due before 2026-10-30 12:00:00")), "{result:?}");
}

#[test]
fn the_store_may_spell_a_start_otherwise_than_the_test() {
    let at = "at = \"2026-10-16T12:00:00Z\"\nexpect = { action = \"anonymize\", due = \"DUE\" }";
    for (format, written, due) in [
        ("rfc3339", "\"2026-10-01T12:00:00+02:00\"", "2026-10-15T12:00:00+02:00"),
        ("rfc3339", "2026-10-01T12:00:00+02:00", "2026-10-15T12:00:00+02:00"),
        ("unix", "\"2026-10-01T12:00:00+02:00\"", "2026-10-15T12:00:00+02:00"),
        ("unix", "1790848800", "2026-10-15T12:00:00+02:00"),
        ("datetime", "\"2026-10-01 12:00:00\"", "2026-10-15T12:00:00+02:00"),
        ("datetime", "2026-10-01T12:00:00", "2026-10-15T12:00:00+02:00"),
        ("date", "\"2026-10-01\"", "2026-10-16T00:00:00+02:00"),
        ("date", "2026-10-01", "2026-10-16T00:00:00+02:00"),
        ("date", "\"2026-10-01T12:00:00+02:00\"", "2026-10-16T00:00:00+02:00"),
        ("%Y%m%d", "\"2026-10-01T23:30:00Z\"", "2026-10-17T00:00:00+02:00"),
        ("%d.%m.%Y %H:%M", "\"01.10.2026 12:00\"", "2026-10-15T12:00:00+02:00"),
        ("%d.%m.%Y %H:%M", "\"2026-10-01T12:00:00+02:00\"", "2026-10-15T12:00:00+02:00"),
    ] {
        let start = format!("start.field = \"called_at\"\nstart.format = \"{format}\"");
        let at = at.replace("DUE", due);
        let at = if due.starts_with("2026-10-17") { at.replace("10-16T12", "10-17T12") } else { at };
        let result = calls(&start, &format!("record = {{ called_at = {written} }}\n{at}"));
        assert!(result.passed, "{format} {written}: {result:?}");
    }
}

#[test]
fn what_has_been_done_is_recognised_and_what_is_left_out_has_not() {
    for (record, expected) in [
        ("caller = \"+4722000000\"", "anonymize"),
        ("caller = \"+472200xxxx\"", "none"),
        ("seconds = 5", "anonymize"),
    ] {
        let test = format!(
            "record = {{ called_at = \"2026-10-01T12:00:00+02:00\", {record} }}\n\
             at = \"2026-10-16T12:00:00Z\"\nexpect = {{ action = \"{expected}\", class = \"none\" }}"
        );
        let result = calls(TEXT_START, &test);
        assert!(result.passed, "{record}: {result:?}");
    }
}

#[test]
fn holds_unreadable_starts_and_links_are_told_apart() {
    for (test, got) in [
        (
            "record = { called_at = \"2026-10-01T12:00:00+02:00\" }\nholds = true\nexpect = { action = \"held\" }",
            "held",
        ),
        (
            "record = { called_at = \"2026-10-01T12:00:00+02:00\" }\nholds = true\nexpect = { action = \"none\" }",
            "held",
        ),
        ("record = { called_at = \"yesterday\" }\nexpect = { action = \"undetermined\" }", "undetermined"),
        ("record = { caller = \"x\" }\nexpect = { action = \"undetermined\" }", "undetermined"),
    ] {
        let result = calls(TEXT_START, &format!("at = \"2026-12-01T12:00:00Z\"\n{test}"));
        assert!(result.passed && result.got.starts_with(got), "{test}: {result:?}");
    }
    let wrong = calls(
        TEXT_START,
        "at = \"2026-12-01T12:00:00Z\"\nrecord = { called_at = [1] }\nexpect = { action = \"none\" }",
    );
    assert!(!wrong.passed && wrong.got.contains("is a list or a table"), "{wrong:?}");
}

#[test]
fn classes_events_and_links_decide_as_in_a_store() {
    for (test, got) in [
        (
            "record = { kind = \"applicant\", outcome = \"hired\" }\nexpect = { action = \"preserve\", class = \"hired\" }",
            "preserve, class `hired`",
        ),
        (
            "record = { kind = \"other\" }\nexpect = { action = \"none\" }",
            "none (the record is not of this data type)",
        ),
        ("record = { kind = \"applicant\" }\nexpect = { action = \"undetermined\" }", "undetermined"),
        (
            "record = { kind = \"applicant\", outcome = \"no\", consent_until = \"2027-01-01\" }\nexpect = { action = \"waiting\", class = \"consented\" }",
            "waiting, class `consented`",
        ),
        (
            "record = { kind = \"applicant\", outcome = \"no\", consent_until = 2026-05-01 }\nexpect = { action = \"delete\", due = \"2026-05-02T00:00:00+02:00\" }",
            "delete, due 2026-05-02T00:00:00 (Europe/Oslo), class `consented`",
        ),
        (
            "record = { kind = \"applicant\", outcome = \"no\", recruitment_id = 5 }\nlinks.recruitment = { opened = \"2026\" }\nexpect = { action = \"waiting\", class = \"none\" }",
            "waiting, no class",
        ),
        (
            "record = { kind = \"applicant\", outcome = \"no\", recruitment_id = 5 }\nlinks.recruitment = { opened = \"2026\" }\nevents.recruitment-closed = \"2026-01-10T12:00:00+01:00\"\nexpect = { action = \"none\", due = \"2026-07-10T12:00:00+02:00\" }",
            "none, due 2026-07-10T12:00:00",
        ),
        (
            "record = { kind = \"applicant\", outcome = \"no\", recruitment_id = 5 }\nlinks.recruitment = { opened = \"2026\" }\nevents.recruitment-closed = { 5 = \"2025-01-10T12:00:00+01:00\" }\nexpect = { action = \"delete\" }",
            "delete",
        ),
        (
            "record = { kind = \"applicant\", outcome = \"no\", recruitment_id = 5 }\nlinks.recruitment = { opened = \"2026\" }\nevents.recruitment-closed = { 6 = \"2025-01-10T12:00:00+01:00\" }\nexpect = { action = \"waiting\" }",
            "waiting",
        ),
        (
            "record = { kind = \"applicant\", outcome = \"no\" }\nlinks.recruitment = { opened = \"2020\", closed_at = \"2026-05-01T12:00:00Z\" }\nexpect = { action = \"escalate\", class = \"old\" }",
            "escalate, due 2026-05-02T14:00:00 (Europe/Oslo), class `old`",
        ),
    ] {
        let result = came_out(APPLICANTS, &format!("at = \"2026-06-01T12:00:00Z\"\n{test}"));
        assert!(result.passed, "{test}: {result:?}");
        assert!(result.got.starts_with(got), "{test}: {}", result.got);
    }
}

#[test]
fn a_test_may_use_the_policy_s_words() {
    let start = "start.field = \"began\"\nstart.format = \"rfc3339\"\nnames.began = \"CALL_TS\"";
    for word in ["began", "CALL_TS"] {
        let test = format!(
            "record = {{ {word} = \"2026-10-01T12:00:00+02:00\" }}\nat = \"2026-12-01T12:00:00Z\"\n\
             expect = {{ action = \"delete\" }}"
        );
        let result = calls(start, &test);
        assert!(result.passed, "{word}: {result:?}");
    }
}
