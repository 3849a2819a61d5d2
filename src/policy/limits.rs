//! What a compiled policy cannot keep, or does not say as it may be meant. Needs no store.
//!
//! Contradictions between stages are refused when a policy is compiled; here stands what depends on the calendar and
//! on what becomes of records that pass several stages at once.

mod schedule;

use std::ops::Range;

use crate::model::action::Action;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::rule::{Branch, Policy, Stage};
use crate::policy::select::{preserves, running};
use crate::time::Instant;
use schedule::too_rare;

/// Everything worth saying about the policy; `now` is where the look at the schedule begins.
pub fn limits(policy: &Policy, now: Instant) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let Some(data) = policy.data.first() else { return found };
    for (index, branch) in data.branches.iter().enumerate() {
        for (stage, text) in unreached(branch) {
            let place = place(policy, index, branch, stage);
            found.push(
                Diagnostic::warning(&policy.file, place, text).with_help(
                    "a class that preserves keeps its records as they are: make two classes of it",
                ),
            );
        }
        for (stage, text, help) in passed_over(policy, branch) {
            let place = place(policy, index, branch, stage);
            found.push(Diagnostic::warning(&policy.file, place, text).with_help(help));
        }
        for (_, stage) in running(policy, branch) {
            found.extend(too_rare(policy, stage, now).map(|(text, help)| {
                let place = place(policy, index, branch, stage);
                Diagnostic::error(&policy.file, place, text).with_help(help)
            }));
        }
    }
    found
}

fn place(policy: &Policy, index: usize, branch: &Branch, stage: &Stage) -> Range<usize> {
    let table = if branch.class.is_some() { index + 1 } else { 0 };
    let stages = policy.places.stages.get(table);
    stages.and_then(|stages| stages.get(stage.number - 1)).cloned().unwrap_or(0..0)
}

/// Stages in a branch that preserves: `preserve` beats them.
fn unreached(branch: &Branch) -> impl Iterator<Item = (&Stage, String)> {
    let stages = branch.stages.iter().filter(|stage| preserves(branch) && stage.action != Action::Preserve);
    stages.map(|stage| {
        (stage, format!("`{}` never happens here: `preserve` wins over it", stage.action.word()))
    })
}

/// A record that is due for several stages follows the last of them, so what an earlier stage would have changed
/// stays if the store was away in between. Only a later `delete` makes up for it.
fn passed_over<'a>(policy: &Policy, branch: &'a Branch) -> Vec<(&'a Stage, String, String)> {
    let stages = running(policy, branch);
    let mut found = Vec::new();
    for (place, (_, stage)) in stages.iter().enumerate() {
        let Action::Anonymize(later) = &stage.action else { continue };
        let earlier = stages[..place].iter().filter_map(|(_, earlier)| match &earlier.action {
            Action::Anonymize(work) => Some((earlier, work)),
            _ => None,
        });
        for (earlier, work) in earlier {
            let covered = |column: &str| match &later.keep_only {
                Some(kept) => !kept.iter().any(|kept| kept == column),
                None => later.fields.iter().any(|change| change.column == column),
            };
            let missing = work.fields.iter().find(|change| !covered(&change.column));
            if let Some(change) = missing {
                found.push((
                    *stage,
                    format!(
                        "a record that is already due for this stage skips stage {}, which changes `{}`",
                        earlier.number, change.column
                    ),
                    format!(
                        "name `{}` in this stage too: each stage says all that shall be gone by then",
                        change.column
                    ),
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::action::{Change, Fieldwork};
    use crate::model::method::Method;
    use crate::model::predicate::Predicate;
    use crate::model::start::Start;
    use crate::policy::diagnostic::Severity;
    use crate::policy::sample::{branch, data, period, policy, stage, start};

    fn of(schedule: &str, window: Option<&str>, stages: Vec<Stage>) -> Policy {
        let mut bound = data(Vec::new());
        bound.branches = vec![branch(None, Predicate::Always(true), stages)];
        let window = window.map(|window| window.parse().unwrap());
        Policy { schedule: schedule.parse().unwrap(), window, ..policy(vec![bound]) }
    }

    fn found(policy: &Policy) -> Vec<Diagnostic> {
        limits(policy, "2026-01-15T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_schedule_that_meets_the_deadline_is_quiet_and_one_that_cannot_is_refused() {
        for (schedule, window, after, latest, cutoff, expected) in [
            ("0 3 * * *", None, "29 days", Some("30 days"), None, None),
            ("0 3 * * *", None, "29 days", None, None, None),
            ("0 3 * * *", Some("01:00-05:00"), "29 days", Some("30 days"), None, None),
            ("0 * * * *", Some("01:00-05:00"), "29 days", Some("30 days"), None, None),
            ("0 0 * * *", Some("01:00-05:00"), "29 days", Some("30 days"), None, None),
            (
                "0 3 * * 1",
                None,
                "29 days",
                Some("30 days"),
                None,
                Some((Severity::Error, "7 days 1 hour may pass between two runs, but this stage has 1 day")),
            ),
            ("0 3 * * 1", None, "29 days", None, None, Some((Severity::Error, "7 days"))),
            ("0 3 * * 1", None, "1 month", Some("1 month 1 week"), None, None),
            (
                "*/5 * * * *",
                Some("01:00-05:00"),
                "24 hours",
                Some("30 hours"),
                None,
                Some((Severity::Error, "this stage has 6 hours")),
            ),
            ("*/5 * * * *", None, "24 hours", Some("30 hours"), None, None),
            ("0 3 1 * *", None, "1 month", Some("6 weeks"), None, Some((Severity::Error, "31 days"))),
            ("0 3 1 1 *", None, "at once", None, Some("end-of-year"), None),
            ("0 3 1 7 *", None, "at once", None, Some("year-ending 30 June"), None),
            (
                "0 3 2 1 *",
                None,
                "at once",
                None,
                Some("end-of-year"),
                Some((
                    Severity::Error,
                    "due on 2027-01-01 00:00 has its deadline on 2027-01-02 00:00, but the next run is on 2027-01-02 03:00",
                )),
            ),
            ("0 3 2 1 *", None, "1 year", Some("13 months"), Some("end-of-year"), None),
            (
                "0 3 1 * *",
                None,
                "1 day",
                Some("2 days"),
                Some("end-of-month"),
                Some((Severity::Error, "the next run is on")),
            ),
        ] {
            let cutoff = cutoff.map(|cutoff| cutoff.parse().unwrap());
            let one = Stage {
                at_latest: latest.map(period),
                start: Some(Arc::new(Start { cutoff, ..start("called_at") })),
                ..stage(after, Action::Delete)
            };
            let found = found(&of(schedule, window, vec![one]));
            match (found.as_slice(), expected) {
                ([], None) => {}
                ([one], Some((severity, text))) => {
                    assert_eq!(one.severity, severity, "{schedule} {after}");
                    assert!(one.message.contains(text), "{schedule} {after}: {}", one.message);
                }
                _ => panic!("{schedule} {window:?} {after} {latest:?}: {found:?}"),
            }
        }
    }

    fn empties(columns: &[&str]) -> Action {
        let change = |column: &&str| Change { column: (*column).into(), method: Arc::new(Method::Null) };
        Action::Anonymize(Fieldwork { fields: columns.iter().map(change).collect(), ..Fieldwork::default() })
    }

    #[test]
    fn what_a_later_stage_forgets_is_told() {
        let two = |later| vec![stage("14 days", empties(&["a"])), stage("29 days", later)];
        let forgets = found(&of("0 3 * * *", None, two(empties(&["b"]))));
        assert_eq!(forgets.len(), 1);
        assert!(forgets[0].message.contains("skips stage 1, which changes `a`"), "{forgets:?}");
        assert_eq!(found(&of("0 3 * * *", None, two(empties(&["b", "a"])))), []);
        assert_eq!(found(&of("0 3 * * *", None, two(Action::Delete))), []);
    }

    #[test]
    fn what_preserve_beats_is_told() {
        let preserve = Stage { after: None, ..stage("1 day", Action::Preserve) };
        let beaten = found(&of("0 3 * * *", None, vec![stage("1 day", empties(&["a"])), preserve]));
        assert_eq!(beaten.len(), 1);
        assert!(beaten[0].message.contains("`anonymize` never happens here"), "{beaten:?}");
    }
}
