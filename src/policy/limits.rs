//! What a compiled policy cannot keep, or does not say as it may be meant. Needs no store.
//!
//! Contradictions between stages are refused when a policy is compiled; here stands what depends on the calendar and
//! on what becomes of records that pass several stages at once.

use std::ops::Range;

use chrono::{Days, TimeDelta};

use crate::model::action::Action;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::rule::{Branch, Policy, Stage};
use crate::policy::select::{preserves, running};
use crate::policy::timing::{deadline, due_at};
use crate::time::{After, Cutoff, Instant, Period, StartValue};

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
                // A promise that cannot be kept is refused; the configuration's grace is nobody's promise.
                let build = if stage.at_latest.is_some() { Diagnostic::error } else { Diagnostic::warning };
                build(policy.file.clone(), place, text).with_help(help)
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

/// Why the schedule and the window cannot meet the stage's deadline, and what to do.
fn too_rare(policy: &Policy, stage: &Stage, now: Instant) -> Option<(String, String)> {
    if !stage.action.changes_the_store() {
        return None;
    }
    let after = stage.after?;
    if let Some(cutoff) = stage.start.as_ref()?.cutoff {
        return too_late_after(policy, stage, cutoff, now);
    }
    let room = room(after, stage.at_latest, policy.grace);
    let wait = longest_wait(policy, now)?;
    // Clocks change by an hour or two between two slots as between due and deadline.
    (wait > room + TimeDelta::hours(2)).then(|| {
        let (wait, room) = (length(wait), length(room));
        (
            format!("{wait} may pass between two runs, but this stage has {room} from due to deadline"),
            "let the policy run more often, widen its window, or raise `at-latest`".to_owned(),
        )
    })
}

/// With a calendar period, records fall due on known days: each must have a slot before its deadline.
fn too_late_after(policy: &Policy, stage: &Stage, cutoff: Cutoff, now: Instant) -> Option<(String, String)> {
    const YEAR_AND_MORE: usize = 400;
    let today = policy.zone.local(now).date();
    let mut ends: Vec<_> =
        today.iter_days().take(YEAR_AND_MORE).filter_map(|day| cutoff.first_day_after(day)).collect();
    ends.dedup();
    ends.into_iter().find_map(|next| {
        let last = StartValue::Date(next.checked_sub_days(Days::new(1))?);
        let (due, deadline) = (due_at(policy, stage, last)?, deadline(policy, stage, last)?);
        let run = acts_from(policy, due)?;
        (run > deadline).then(|| {
            let local = |at: Instant| policy.zone.local(at).format("%Y-%m-%d %H:%M");
            (
                format!(
                    "what is due on {} has its deadline on {}, but the next run is on {}",
                    local(due),
                    local(deadline),
                    local(run)
                ),
                "let the policy run soon after the calendar period ends, or raise `at-latest`".to_owned(),
            )
        })
    })
}

/// The first instant, not before `at`, at which a slot has come and the window is open.
fn acts_from(policy: &Policy, at: Instant) -> Option<Instant> {
    let slot = policy.schedule.next_after(at - TimeDelta::microseconds(1), policy.zone)?;
    opened(policy, slot)
}

fn opened(policy: &Policy, slot: Instant) -> Option<Instant> {
    policy.window.as_ref().map_or(Some(slot), |window| window.next_opening(slot, policy.zone))
}

/// The longest time between two runs. A slot outside the window waits until it opens.
fn longest_wait(policy: &Policy, now: Instant) -> Option<TimeDelta> {
    const SLOTS: usize = 500;
    if policy.window.is_none() {
        return policy.schedule.longest_gap(policy.zone, now);
    }
    let mut runs: Vec<Instant> = Vec::new();
    let mut slot = now;
    for _ in 0..SLOTS {
        slot = policy.schedule.next_after(slot, policy.zone)?;
        let run = opened(policy, slot)?;
        if runs.last() != Some(&run) {
            runs.push(run);
        }
        // Until the window opens again every further slot runs when this one does.
        slot = slot.max(run - TimeDelta::microseconds(1));
    }
    runs.windows(2).map(|pair| pair[1] - pair[0]).max()
}

/// The least time from due to deadline, clock changes aside.
fn room(after: After, latest: Option<Period>, grace: Period) -> TimeDelta {
    let after = after.period();
    let least = match latest {
        None => nominal(grace),
        Some(latest) => {
            let parts = || {
                Some(Period {
                    months: latest.months.checked_sub(after.months)?,
                    days: latest.days.checked_sub(after.days)?,
                    hours: latest.hours.checked_sub(after.hours)?,
                })
            };
            parts().map_or_else(|| latest.min_hours() - after.max_hours(), nominal)
        }
    };
    TimeDelta::hours(least.max(0))
}

fn nominal(period: Period) -> i64 {
    let calendar = Period { hours: 0, ..period };
    let days = (calendar.min_hours() + 23) / 24;
    days.max(0) * 24 + i64::from(period.hours)
}

fn length(time: TimeDelta) -> String {
    let (days, hours, minutes) = (time.num_days(), time.num_hours() % 24, time.num_minutes() % 60);
    let parts = [(days, "day"), (hours, "hour"), (minutes, "minute")];
    let words: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() { "no time".to_owned() } else { words.join(" ") }
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
            ("0 3 * * 1", None, "29 days", None, None, Some((Severity::Warning, "7 days"))),
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
                    Severity::Warning,
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
