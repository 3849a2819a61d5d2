//! What people see: each command's screen, with times and identifiers taken out.

use super::{forfall, write_policy};
use crate::fixture::Fixture;

const TWO_STAGES: &str = r#"
title = "Switchboard call log"
owner = "it-operations"

[[data]]
store        = "calls"
collection   = "call_log"
start.field  = "called_at"
start.format = "rfc3339"

[[stage]]
after  = "14 days"
action = "anonymize"
fields.caller = { method = "drop-last-digits", digits = 4 }

[[stage]]
after     = "29 days"
at-latest = "90 days"
action    = "delete"

[[test]]
name   = "a call from 31 days ago goes"
record = { called_at = "2026-10-01T12:00:00+02:00", caller = "+4722000000" }
at     = "2026-11-01T12:00:00+01:00"
expect = { action = "delete", due = "2026-10-30T12:00:00+01:00" }
"#;

fn fixture() -> Fixture {
    let fixture = Fixture::new(1_204, 20);
    write_policy(&fixture, "calls", TWO_STAGES);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    database.execute_batch("insert into call_log (id, called_at) values (9001, null)").unwrap();
    fixture
}

/// Takes a snapshot of both streams.
macro_rules! screen {
    ($name:literal, $fixture:expr, $words:expr, $code:literal) => {{
        let said = forfall(&$fixture, &$words).expect($code);
        let text = format!("$ forfall {}\n{}--- stderr\n{}", $words.join(" "), said.out, said.err);
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        let dir = regex::escape($fixture.path("").to_str().unwrap().trim_end_matches('/'));
        settings.add_filter(&dir, "[dir]");
        settings.add_filter(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?[+-]\d\d:\d\d|Z)?", "[time]");
        settings.add_filter(r"\d{4}-\d\d-\d\d", "[day]");
        settings.add_filter(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[id]");
        settings.add_filter(r"[0-9a-f]{64}", "[sha256]");
        settings.add_filter(r"\S+\+[0-9a-f]{8}\+\S+", "[vkey]");
        settings.add_filter(r"forfall/[0-9a-f]{8}", "[origin]");
        settings.bind(|| insta::assert_snapshot!($name, text));
        let wide = text
            .lines()
            .find(|line| line.chars().count() > 80 && !line.contains($fixture.path("").to_str().unwrap()));
        assert_eq!(wide, None, "wider than 80 columns");
    }};
}

#[test]
fn from_check_to_audit() {
    let fixture = fixture();
    screen!("store_list", fixture, ["store", "list"], 0);
    screen!("store_show", fixture, ["store", "show", "calls"], 0);
    screen!("policy_list", fixture, ["policy", "list"], 0);
    screen!("policy_show", fixture, ["policy", "show", "calls"], 0);
    screen!("policy_test", fixture, ["policy", "test"], 0);
    screen!("check", fixture, ["check"], 0);
    screen!("plan_before", fixture, ["plan", "--sample", "3"], 0);
    screen!("status_before", fixture, ["status"], 0);
    screen!("run_observed", fixture, ["run"], 0);
    screen!("approve", fixture, ["approve", "calls", "--count", "1204"], 0);
    screen!("hold_add", fixture, ["hold", "add", "--policy", "calls", "--key", "7", "--reason", "case-7"], 0);
    screen!("hold_list", fixture, ["hold", "list"], 0);
    screen!("event_add", fixture, ["event", "add", "case-closed", "--key", "17", "--unused"], 0);
    screen!("event_list", fixture, ["event", "list"], 0);
    screen!("plan_after", fixture, ["plan"], 0);
    screen!("explain_due", fixture, ["explain", "calls", "8"], 0);
    screen!("explain_held", fixture, ["explain", "calls", "7"], 0);
    screen!("explain_undetermined", fixture, ["explain", "calls", "9001"], 0);
    screen!("explain_kept", fixture, ["explain", "calls", "1210"], 0);
    screen!("run", fixture, ["run"], 0);
    screen!("explain_gone", fixture, ["explain", "calls", "8"], 0);
    screen!("pause", fixture, ["pause", "--policy", "calls"], 0);
    screen!("status_after", fixture, ["status"], 0);
    screen!("resume", fixture, ["resume", "--policy", "calls"], 0);
    screen!("audit_list", fixture, ["audit", "list", "--limit", "8"], 0);
    screen!("audit_show", fixture, ["audit", "show", "2"], 0);
    screen!("audit_verify", fixture, ["audit", "verify"], 0);
    screen!("audit_vkey", fixture, ["audit", "vkey"], 0);
}

#[test]
fn help_names_every_command() {
    let fixture = fixture();
    screen!("help", fixture, ["--help"], 0);
}

#[test]
fn explain_tells_a_file_of_no_pattern_from_one_that_is_gone() {
    let fixture = Fixture::new(3, 2);
    fs_err::write(fixture.path("cameras/cam1/README.txt"), "lens cleaned").unwrap();
    let asked = |key: &str| forfall(&fixture, &["explain", "clips", key]).expect(0).out;
    let said = asked("cam1/README.txt");
    assert!(said.contains("Not touched: no pattern of this policy matches"), "{said}");
    assert!(!said.contains("perhaps"), "{said}");
    let said = asked("cam1/missing.mp4");
    assert!(said.contains("There is no record with this key"), "{said}");
}
