use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::action::Action;
use crate::model::ids::StoreName;
use crate::model::method::Method;
use crate::model::predicate::Predicate;
use crate::model::start::{Format, StartSource};
use crate::model::value::{Field, Value};
use crate::time::{Cutoff, Period};

fn defaults() -> Defaults {
    let store = |name: &str, kind, earliest: Option<&str>| KnownStore {
        name: StoreName::new(name),
        kind,
        published: false,
        earliest: earliest.map(|day| day.parse().unwrap()),
    };
    Defaults {
        window: Some("01:00-05:00".parse().unwrap()),
        approvers: 2,
        stores: vec![
            store("hr", StoreKind::Rows, Some("1995-06-01")),
            store("old-hr", StoreKind::Rows, None),
            store("cctv", StoreKind::Files, None),
            store("broken", StoreKind::Unknown, None),
        ],
        ..Defaults::new(
            "Europe/Oslo".parse().unwrap(),
            "0 3 * * *".parse().unwrap(),
            Period { hours: 24, ..Period::ZERO },
            "2026-11-20".parse().unwrap(),
        )
    }
}

fn compiled(text: &str) -> Compiled {
    compile(Path::new("test.toml"), PolicyId::new("test"), text, &defaults())
}

#[track_caller]
fn policy(text: &str) -> Policy {
    let compiled = compiled(text);
    compiled.policy.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

const APPLICANTS: &str = r#"
title = "Applicants"
owner = "hr"

[[data]]
store            = "hr"
collection       = "applicant"
where            = "kind == 'external'"
start.field      = "job.closed_at"
start.format     = "date"
start.waiting-if = ["empty"]
names.outcome    = "STS_KD"

[[data.link]]
name       = "job"
collection = "recruitment"
by         = "recruitment_id"

[[data]]
store          = "old-hr"
collection     = "SOKER"
names.outcome  = "UTFALL"
start.field    = "LUKKET"
start.format   = "%d.%m.%Y"
start.cutoff   = "end-of-year"
start.earliest = "2001-01-01"

[[class]]
name = "hired"
when = "outcome == 'hired'"
[[class.stage]]
action = "preserve"

[[class]]
name = "consented"
when = "consent_until != null"
start.field      = "consent_until"
start.format     = "date"
start.waiting-if = ["future"]
[[class.stage]]
after  = "1 day"
action = "delete"

[[stage]]
after  = "30 days"
action = "anonymize"
fields.outcome = { method = "fixed", value = "gone" }

[[stage]]
after  = "120 days"
action = "delete"
"#;

#[test]
fn a_class_is_spelled_for_each_place() {
    // What a class depends on is protected, so the stage that changes it is taken out.
    let text = APPLICANTS.replace(
        "fields.outcome = { method = \"fixed\", value = \"gone\" }",
        "fields.name = { method = \"null\" }",
    );
    let policy = policy(&text);
    let columns: Vec<Predicate> = policy.data.iter().map(|data| data.branches[0].when.clone()).collect();
    let equal = |column: &str| Predicate::Compare {
        field: Field::own(column),
        op: crate::model::predicate::Comparison::Equal,
        with: crate::model::predicate::Operand::Value(Value::Text("hired".to_owned())),
    };
    assert_eq!(columns, [equal("STS_KD"), equal("UTFALL")]);
    assert!(matches!(policy.data[0].branches[0].stages[0].action, Action::Preserve));
    assert_eq!(policy.data[0].branches.last().unwrap().class, None);
}

#[test]
fn what_a_class_depends_on_is_protected_under_every_name() {
    let found = compiled(APPLICANTS);
    assert!(found.policy.is_none());
    let all: Vec<&str> = found.diagnostics.iter().map(|found| found.message.as_str()).collect();
    assert!(all.iter().any(|message| message.contains("`STS_KD` cannot be changed")), "{all:?}");
    assert!(all.iter().any(|message| message.contains("`UTFALL` cannot be changed")), "{all:?}");
}

#[test]
fn the_nearest_start_counts_and_is_whole() {
    let text = APPLICANTS.replace("fields.outcome", "fields.name");
    let policy = policy(&text);
    let own = policy.data[0].branches[2].stages[0].start.clone().unwrap();
    assert_eq!(own.source, StartSource::Field(Field::linked("job", "closed_at")));
    assert!(own.waiting_if_empty && !own.waiting_if_future);
    assert_eq!(own.earliest, "1995-06-01".parse().unwrap());
    let consented = policy.data[0].branches[1].stages[0].start.clone().unwrap();
    assert_eq!(consented.source, StartSource::Field(Field::own("consent_until")));
    assert!(!consented.waiting_if_empty && consented.waiting_if_future);
    let old = policy.data[1].branches[2].stages[1].start.clone().unwrap();
    assert_eq!(old.format, Some(Format::Pattern("%d.%m.%Y".to_owned())));
    assert_eq!(old.cutoff, Some(Cutoff::EndOfYear));
    assert_eq!(old.earliest, "2001-01-01".parse().unwrap());
    let Action::Anonymize(work) = &policy.data[0].branches[2].stages[0].action else {
        panic!("another action")
    };
    assert_eq!(*work.fields[0].method, Method::Fixed(Value::Text("gone".to_owned())));
}

#[test]
fn defaults_fill_what_is_left_out() {
    let policy = policy(&APPLICANTS.replace("fields.outcome", "fields.name"));
    assert_eq!(policy.zone, "Europe/Oslo".parse().unwrap());
    assert_eq!(policy.window, Some("01:00-05:00".parse().unwrap()));
    assert_eq!((policy.approvers, policy.grace.hours), (2, 24));
    assert_eq!(policy.hash, hash(&policy.text));
    assert_eq!(policy.hash.len(), 64);
}

const CLIPS: &str = r#"
title = "Clips"
owner = "security"

[[data]]
store       = "cctv"
collection  = "cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4"
start.field = "recorded"

[[stage]]
after  = "7 days"
action = "delete"
"#;

#[test]
fn a_dated_part_of_a_path_brings_its_format() {
    let policy = policy(CLIPS);
    let start = policy.data[0].branches[0].stages[0].start.clone().unwrap();
    assert_eq!(start.format, Some(Format::Pattern("%Y%m%d-%H%M%S".to_owned())));
    assert_eq!(start.earliest, "1990-01-01".parse().unwrap());
}

#[test]
fn one_wrong_store_is_one_error() {
    let found = compiled(&CLIPS.replace("\"cctv\"", "\"cctw\""));
    assert_eq!(found.diagnostics.len(), 1, "{:?}", found.diagnostics);
    let found = compiled(&CLIPS.replace("\"cctv\"", "\"broken\""));
    assert!(
        found.diagnostics.is_empty(),
        "the broken store is reported where it is declared: {:?}",
        found.diagnostics
    );
}

#[test]
fn warnings_leave_the_policy_valid() {
    let law = CLIPS.replace("[[data]]", "keep-at-least = \"1 month\"\n[[data]]");
    let found = compiled(&law);
    assert!(found.policy.is_some());
    assert!(found.diagnostics[0].message.contains("waits for the statutory minimum"));
}

#[test]
fn what_comes_without_notice_needs_a_cap() {
    let at_once = CLIPS.replace("\"7 days\"", "\"at once\"");
    let found = compiled(&at_once);
    assert!(found.policy.is_none());
    assert_eq!(found.diagnostics.len(), 1);
    assert!(found.diagnostics[0].message.contains("no forecast"));
    let capped = compiled(&at_once.replace("[[data]]", "[limit]\nrecords = 50\n[[data]]"));
    assert_eq!(capped.diagnostics, []);
}

#[test]
fn escalation_has_defaults() {
    let policy = policy(&CLIPS.replace("\"delete\"", "\"escalate\""));
    let Action::Escalate(escalate) = &policy.data[0].branches[0].stages[0].action else {
        panic!("another action")
    };
    assert_eq!(escalate.to, ["security"]);
    assert_eq!(escalate.decisions, ["delete", "preserve", "transfer"]);
}

#[test]
fn places_point_into_the_text() {
    let policy = policy(&APPLICANTS.replace("fields.outcome", "fields.name"));
    let at = |range: &Range<usize>| &policy.text[range.clone()];
    assert_eq!(at(&policy.places.data[0].store), "\"hr\"");
    assert_eq!(at(&policy.places.data[1].collection), "\"SOKER\"");
    assert_eq!(at(policy.places.data[0].condition.as_ref().unwrap()), "\"kind == 'external'\"");
    assert_eq!(at(&policy.places.whens[0]), "\"outcome == 'hired'\"");
    assert_eq!(policy.places.stages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
    assert_eq!(at(&policy.places.stages[1][0]), "[[class.stage]]");
}

proptest! {
    /// Whatever is in a file, reading it ends, without a panic, in a policy or in an error inside the text.
    #[test]
    fn no_text_breaks_the_compiler(cut in 0usize..900, length in 0usize..40, junk in "[\\[\\]{}=\"'#.a-zå0-9\n -]{0,12}") {
        let text = APPLICANTS;
        let cut = cut.min(text.len());
        let end = (cut + length).min(text.len());
        let text = format!("{}{junk}{}", &text[..cut], &text[end..]);
        let found = compiled(&text);
        let errors = found.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        prop_assert_eq!(found.policy.is_some(), errors == 0);
        for diagnostic in &found.diagnostics {
            prop_assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= text.len());
            prop_assert!(text.is_char_boundary(diagnostic.span.start) && text.is_char_boundary(diagnostic.span.end));
        }
    }

    #[test]
    fn no_bytes_break_the_reader(text in "\\PC{0,80}") {
        let found = compiled(&text);
        prop_assert!(found.policy.is_none());
    }
}
