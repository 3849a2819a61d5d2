//! Whether the stages after an edit can act on a record on which the stages before it would not, or more harshly.

use super::whose;
use crate::model::action::{Action, Escalate};
use crate::model::start::Start;
use crate::policy::rule::{Branch, Policy, Stage};
use crate::policy::select::running;
use crate::time::After;

/// Everything about the branches but where they are written.
pub(super) fn same_branches(old: &[Branch], new: &[Branch]) -> bool {
    let same_stage = |(one, other): (&Stage, &Stage)| {
        (one.after, one.at_latest) == (other.after, other.at_latest)
            && (&one.action, &one.start, &one.unresolved) == (&other.action, &other.start, &other.unresolved)
            && one.aggregate == other.aggregate
    };
    old.len() == new.len()
        && old.iter().zip(new).all(|(one, other)| {
            one.class == other.class
                && one.when == other.when
                && one.stages.len() == other.stages.len()
                && one.stages.iter().zip(&other.stages).all(same_stage)
        })
}

/// Adds what is dangerous about the new branches. A class that only keeps may come in anywhere: it takes records
/// away from the others. Every other one must stand where it stood, with the same condition.
///
/// `reached`: rows elsewhere may keep a record from being deleted.
pub(super) fn compare(
    old: (&Policy, &[Branch]),
    new: (&Policy, &[Branch]),
    reached: bool,
    found: &mut Vec<String>,
) {
    let mut before = old.1.iter();
    for branch in new.1 {
        let keeps = running(new.0, branch).is_empty();
        let mut rest = before.clone();
        match rest.next() {
            Some(twin) if twin.when == branch.when && twin.class.is_some() == branch.class.is_some() => {
                stages((old.0, twin), (new.0, branch), reached, found);
                before = rest;
            }
            _ if keeps => {}
            _ => {
                found.push(format!("other classes: {} is new, changed or in another place", whose(branch)));
                return;
            }
        }
    }
    if let Some(gone) = before.next() {
        found.push(format!("other classes: {} is gone or in another place", whose(gone)));
    }
}

/// Each stage must have a stage before the edit, in the same order, that does the same and not later.
///
/// Then a record that a new stage acts on was due for the old one too, and followed it or a later one. What the later
/// one did must be at least as harsh, unless it is unchanged: so an `escalate` cannot be put off or taken away from
/// behind a `delete`.
fn stages(old: (&Policy, &Branch), new: (&Policy, &Branch), reached: bool, found: &mut Vec<String>) {
    let olds = running(old.0, old.1);
    let news = running(new.0, new.1);
    // A raised minimum puts off each stage by its own start, so with several starts their order may change.
    let put_off = old.0.keep_at_least != new.0.keep_at_least && several_starts(&olds);
    let mut from = 0;
    let mut kept = vec![false; olds.len()];
    let mut acting: Vec<(usize, &Stage)> = Vec::new();
    for &(_, stage) in &news {
        let twin = (from..olds.len()).find(|place| does_the_same(olds[*place].1, stage));
        let same_start = twin.filter(|place| milder(olds[*place].1, stage));
        match (same_start, twin) {
            (Some(place), _) => {
                let same = olds[place].1.after == stage.after && olds[place].1.start == stage.start;
                kept[place] = same && !put_off;
                if olds[place].1.aggregate != stage.aggregate {
                    found.push(format!(
                        "other counts: stage {} of {} writes others before it deletes (`aggregate`)",
                        stage.number,
                        whose(new.1)
                    ));
                }
                acting.push((place, stage));
                from = place + 1;
            }
            // Asking a person harms nobody, whenever it is.
            (None, None) if matches!(stage.action, Action::Escalate(_)) => {}
            (None, Some(place)) => {
                found.push(danger(olds[place].1, stage, new.1));
                from = place + 1;
            }
            (None, None) => found.push(format!(
                "stage {} of {} ({}) is new or does something else",
                stage.number,
                whose(new.1),
                stage.action.word()
            )),
        }
    }
    if !acting.is_empty() && unblocked(&olds, &news) {
        found.push(format!("other start: {} has several, and one of them is gone or changed", whose(new.1)));
    }
    for (place, (_, gone)) in olds.iter().enumerate().filter(|(place, _)| !kept[*place]) {
        // A record that is needed is not deleted, nor is anything else done to it.
        let spared = reached && gone.action == Action::Delete;
        let harsher = |(earlier, stage): &&(usize, &Stage)| {
            *earlier < place && (spared || harsh(&stage.action) > harsh(&gone.action))
        };
        if let Some((_, stage)) = acting.iter().find(harsher) {
            found.push(format!(
                "`{}` of {} no longer comes before what `{}` does, or later",
                gone.action.word(),
                whose(new.1),
                stage.action.word()
            ));
        }
    }
}

/// Nothing is done to a record as long as one of several starts cannot be known: so none of them may go, nor may it
/// wait where it was undetermined.
fn unblocked(olds: &[(usize, &Stage)], news: &[(usize, &Stage)]) -> bool {
    let blocks = |old: &Start, new: &Start| {
        Start { earliest: old.earliest, ..new.clone() } == *old && new.earliest >= old.earliest
    };
    several_starts(olds) && !starts(olds).all(|old| starts(news).any(|new| blocks(old, new)))
}

fn several_starts(stages: &[(usize, &Stage)]) -> bool {
    let mut starts = starts(stages);
    starts.next().is_some_and(|first| starts.any(|start| start != first))
}

fn starts<'s>(stages: &'s [(usize, &Stage)]) -> impl Iterator<Item = &'s Start> {
    stages.iter().filter_map(|(_, stage)| stage.start.as_deref())
}

fn danger(old: &Stage, new: &Stage, branch: &Branch) -> String {
    let place = format!("stage {} of {} ({})", new.number, whose(branch), new.action.word());
    if let (Some(before), Some(after)) = (old.after, new.after)
        && !after.is_certainly_at_least(before)
    {
        return format!("shorter period: {place} {} instead of {}", spelled(after), spelled(before));
    }
    format!("other start: {place}")
}

fn spelled(after: After) -> String {
    match after {
        After::AtOnce => "at once".to_owned(),
        After::Period(period) => format!("after {period}"),
    }
}

/// The same start, or one that knows fewer values; and a period that is certainly not shorter.
fn milder(old: &Stage, new: &Stage) -> bool {
    let (Some(before), Some(after)) = (old.after, new.after) else { return false };
    let (Some(one), Some(other)) = (old.start.as_deref(), new.start.as_deref()) else { return false };
    let same = Start {
        earliest: one.earliest,
        // Whether a value that is empty or lies ahead waits or is undetermined: it is kept in either case.
        waiting_if_empty: one.waiting_if_empty,
        waiting_if_future: one.waiting_if_future,
        ..other.clone()
    } == *one;
    same && other.earliest >= one.earliest && after.is_certainly_at_least(before)
}

fn does_the_same(old: &Stage, new: &Stage) -> bool {
    match (&old.action, &new.action) {
        (Action::Escalate(old), Action::Escalate(new)) => no_freer(old, new),
        (old, new) => old == new,
    }
}

/// The same may be decided, or less; whom it is asked, and how, is no matter.
fn no_freer(old: &Escalate, new: &Escalate) -> bool {
    new.decisions.iter().all(|decision| old.decisions.contains(decision))
        && old.extend == new.extend
        && old.needs == new.needs
}

fn harsh(action: &Action) -> u8 {
    match action {
        Action::Preserve | Action::Escalate(_) => 0,
        Action::Anonymize(_) | Action::Shield(_) => 1,
        Action::Delete => 2,
    }
}
