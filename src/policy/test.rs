//! Runs a policy's own `[[test]]`s: what would it decide for a record that is made up?

mod made_up;

use std::ops::Range;
use std::sync::Arc;

use crate::model::action::Change;
use crate::model::evaluate::World;
use crate::model::method::Method;
use crate::model::predicate::Reach;
use crate::policy::decide::{Decision, Verdict, decide};
use crate::policy::fieldwork::read_by_policy;
use crate::policy::rule::{Data, Expect, Policy, Stage, Test};
use crate::time::{Instant, Zone};
use made_up::MadeUp;

/// What came out of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The test's name.
    pub name: String,
    /// Where it stands in the policy's text.
    pub place: Range<usize>,
    /// Whether everything that it expects came out.
    pub passed: bool,
    /// What was expected, in words.
    pub expected: String,
    /// What came out, in words.
    pub got: String,
    /// The sentences that led there.
    pub why: Vec<String>,
}

/// Runs every test of the policy, in their order.
pub fn run(policy: &Policy) -> Vec<TestResult> {
    policy.tests.iter().map(|test| one(policy, test)).collect()
}

fn one(policy: &Policy, test: &Test) -> TestResult {
    let failed = |got: &str| TestResult {
        name: test.name.clone(),
        place: test.place.clone(),
        passed: false,
        expected: expected(&test.expect, policy.zone),
        got: got.to_owned(),
        why: Vec::new(),
    };
    let Some(data) = policy.data.get(test.data) else {
        return failed(&format!("the policy has no `[[data]]` {}", test.data + 1));
    };
    let record = match MadeUp::new(policy, data, test) {
        Ok(record) => record,
        Err(wrong) => return failed(&wrong),
    };
    let reached = |_: &Reach| false;
    let world = World { events: record.events(), reached: &reached };
    let changes = |stage: &Stage| changes(data, stage, test);
    let decision = decide(policy, data, &record, &world, test.held, &changes, test.at);
    TestResult {
        passed: agrees(&test.expect, &decision),
        got: got(&test.expect, &decision, policy.zone),
        why: decision.why,
        ..failed("")
    }
}

/// The changes as far as the test shows the fields: a field that it leaves out counts as not yet changed.
fn changes(data: &Data, stage: &Stage, test: &Test) -> Vec<Change> {
    let Some(work) = stage.action.fieldwork() else { return Vec::new() };
    let mut changes: Vec<Change> = work.fields.clone();
    if let Some(kept) = &work.keep_only {
        let read = read_by_policy(data);
        let others = test.record.keys().filter(|name| {
            !kept.contains(name)
                && !read.contains(*name)
                && !work.fields.iter().any(|one| one.column == **name)
        });
        changes.extend(others.map(|name| Change { column: name.clone(), method: Arc::new(Method::Null) }));
    }
    let flag = work.flag.iter().map(|flag| Change { column: flag.clone(), method: Arc::new(Method::Flag) });
    changes.extend(flag);
    changes.retain(|change| test.record.contains_key(&change.column));
    if changes.is_empty() {
        // `Flag` is the one method that an absent value has not been through.
        changes.push(Change { column: String::new(), method: Arc::new(Method::Flag) });
    }
    changes
}

fn agrees(expect: &Expect, decision: &Decision) -> bool {
    let word = decision.word();
    let action = expect.action.as_deref().is_none_or(|expected| {
        // Of a record that is held or preserved it is also true that nothing is done to it.
        expected == word || (expected == "none" && matches!(word, "held" | "preserve"))
    });
    let class = expect.class.as_deref().is_none_or(|expected| match &decision.class {
        Some(class) => expected == class,
        None => expected == "none" && decision.branch.is_some(),
    });
    action && class && expect.due.is_none_or(|expected| due(decision) == Some(expected))
}

/// The due instant that the verdict speaks of: of what acts, or of what comes next.
fn due(decision: &Decision) -> Option<Instant> {
    match decision.verdict {
        Verdict::Due(due) | Verdict::Held(due) | Verdict::Needed(due) | Verdict::Escalated(due) => {
            Some(due.due)
        }
        Verdict::NotDue { next_due } => next_due,
        Verdict::OutOfScope
        | Verdict::Undetermined(_)
        | Verdict::Waiting
        | Verdict::Preserved
        | Verdict::Done => None,
    }
}

fn expected(expect: &Expect, zone: Zone) -> String {
    let mut parts: Vec<String> = expect.action.iter().cloned().collect();
    parts.extend(expect.due.map(|due| format!("due {}", local(due, zone))));
    parts.extend(expect.class.as_ref().map(|class| in_class(Some(class.as_str()))));
    if parts.is_empty() { "nothing in particular".to_owned() } else { parts.join(", ") }
}

/// The answer in the same words; what was not asked for is told too where it explains the rest.
fn got(expect: &Expect, decision: &Decision, zone: Zone) -> String {
    let mut parts = vec![match decision.verdict {
        Verdict::OutOfScope => "none (the record is not of this data type)".to_owned(),
        Verdict::Done => "none (everything is done)".to_owned(),
        _ => decision.word().to_owned(),
    }];
    parts.extend(due(decision).map(|due| format!("due {}", local(due, zone))));
    if expect.class.is_some() || decision.class.is_some() {
        parts.push(match (&decision.class, decision.branch) {
            (Some(class), _) => in_class(Some(class)),
            (None, Some(_)) => in_class(None),
            (None, None) => "class unknown".to_owned(),
        });
    }
    parts.join(", ")
}

fn in_class(class: Option<&str>) -> String {
    match class {
        None | Some("none") => "no class".to_owned(),
        Some(class) => format!("class `{class}`"),
    }
}

fn local(at: Instant, zone: Zone) -> String {
    format!("{} ({zone})", zone.local(at).format("%Y-%m-%dT%H:%M:%S%.f"))
}

#[cfg(test)]
mod tests;
