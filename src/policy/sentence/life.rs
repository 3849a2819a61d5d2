//! How long a record lives at least and at most.

use super::words::{range, sum};
use super::{main_start, place, starts};
use crate::model::action::Action;
use crate::policy::rule::{Branch, Policy, Stage};
use crate::policy::select::preserves;
use crate::time::{Cutoff, Period};

/// The sentences on the life of the branch's records, `record` being what they are called.
pub(super) fn of(policy: &Policy, branch: &Branch, record: &str) -> Vec<String> {
    let mut text = vec![lived(policy, branch, record)];
    if let Some(start) = main_start(branch).filter(|_| !preserves(branch)) {
        let state = match (start.waiting_if_empty, start.waiting_if_future) {
            (true, true) => Some("is empty or lies ahead"),
            (true, false) => Some("is empty"),
            (false, true) => Some("lies ahead"),
            (false, false) => None,
        };
        text.extend(state.map(|state| format!("While {} {state}, the clock does not run.", place(&start))));
    }
    text
}

fn lived(policy: &Policy, branch: &Branch, record: &str) -> String {
    let capital = capitalised(record);
    if preserves(branch) {
        return format!("{capital} is kept for good.");
    }
    let runs = |stage: &&Stage| stage.runs() && stage.after.is_some();
    let deleted = branch.stages.iter().filter(runs).find(|stage| stage.action == Action::Delete);
    let asked = branch.stages.iter().filter(runs).find(|stage| matches!(stage.action, Action::Escalate(_)));
    let from = starts(policy, branch).unwrap_or_else(|| "its start".to_owned());
    if let Some(stage) = deleted {
        return format!("Counted from {from}, {record} is kept {}.", length(policy, stage));
    }
    if let Some(stage) = asked {
        let least = shortest(policy, stage);
        if least == Period::ZERO {
            return format!("Counted from {from}, {record} is kept until that is decided.");
        }
        return format!("Counted from {from}, {record} is kept at least {least}, until that is decided.");
    }
    if branch.stages.iter().any(|stage| !stage.runs()) {
        return format!("{capital} is kept without limit as long as that is undecided.");
    }
    if branch.stages.is_empty() {
        return format!("{capital} is kept without limit.");
    }
    format!("The clock starts at {from}; {record} is kept without limit in that form.")
}

/// From the shortest life to the longest: a calendar period that must end first adds up to its own length.
fn length(policy: &Policy, stage: &Stage) -> String {
    let shortest = shortest(policy, stage);
    let wait = stage.start.as_ref().and_then(|start| start.cutoff).map_or(Period::ZERO, span);
    match stage.at_latest.filter(|latest| latest.is_certainly_at_least(shortest)) {
        Some(latest) => range(shortest, sum(latest, wait)),
        None if shortest == Period::ZERO && wait == Period::ZERO => format!("at most {}", policy.grace),
        None => format!("{}, and at most {} longer", range(shortest, sum(shortest, wait)), policy.grace),
    }
}

fn shortest(policy: &Policy, stage: &Stage) -> Period {
    let own = stage.after.map_or(Period::ZERO, crate::time::After::period);
    policy.keep_at_least.filter(|minimum| minimum.is_certainly_longer_than(own)).unwrap_or(own)
}

fn span(cutoff: Cutoff) -> Period {
    let (months, days) = match cutoff {
        Cutoff::EndOfDay => (0, 1),
        Cutoff::EndOfMonth => (1, 0),
        Cutoff::EndOfQuarter => (3, 0),
        Cutoff::EndOfYear | Cutoff::YearEnding { .. } => (12, 0),
    };
    Period { months, days, hours: 0 }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
