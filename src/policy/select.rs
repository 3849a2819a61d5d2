//! Which records each stage would act on, as predicates that adapters carry out.
//!
//! Every record in scope falls into at most one of: a stage that acts, `undetermined`, `waiting`, `needed`. What is
//! left is preserved, done, or not due yet. `decide` gives the same verdict for one record, with its reasons, and a
//! property test holds the two together. Holds are not in here: `held` splits a selection by them.

mod course;

use std::sync::Arc;

use crate::model::action::{Action, Change};
use crate::model::hold::Held;
use crate::model::predicate::Predicate;
use crate::model::review::Matter;
use crate::model::start::Start;
use crate::policy::rule::{Branch, Data, Policy, Stage};
use crate::time::{Instant, StartSet};
use course::Course;

/// What one stage of one branch selects. There is one for every stage, also for those that never act.
#[derive(Clone, Debug, PartialEq)]
pub struct StageSelection {
    /// The branch, as `Data::branches` counts.
    pub branch: usize,
    /// The stage, as `Branch::stages` counts.
    pub stage: usize,
    /// The class; `None` for the policy's own stages.
    pub class: Option<String>,
    /// The start of the stage.
    pub start: Option<Arc<Start>>,
    /// The records that the stage would act on now, holds aside: surely in scope and class, due for this stage and
    /// for no later one, not done, not needed. For `escalate`: the records that somebody must decide on.
    pub acts: Predicate,
    /// The same without the due date, for counting against sets of starts.
    pub base: Predicate,
    /// What `base` would be of the records that some row still reaches: they go as soon as nothing needs them.
    pub needed: Predicate,
    /// The starts that are due now.
    pub due: StartSet,
    /// The review case, or the part of one, whose decision these records are deleted for; `None` for what the policy says by itself.
    pub decided: Option<Matter>,
}

/// What a policy selects in one `[[data]]` at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Selections {
    /// In the order of branches, then stages.
    pub stages: Vec<StageSelection>,
    /// Scope, class or a start that a stage needs cannot be known: kept, reported.
    pub undetermined: Predicate,
    /// All that is still to come waits for a start that has not happened.
    pub waiting: Predicate,
    /// Would be deleted now, but a kept record still reaches it.
    pub needed: Predicate,
}

/// What the policy selects in `data` at `now`. `changes` gives the fields that a stage changes, with `keep-only`
/// expanded (see `expand`).
pub fn selections(
    policy: &Policy,
    data: &Data,
    changes: &dyn Fn(&Stage) -> Vec<Change>,
    now: Instant,
) -> Selections {
    let courses: Vec<Course<'_>> = data
        .branches
        .iter()
        .enumerate()
        .map(|(index, branch)| Course::new(policy, data, index, branch, changes, now))
        .collect();
    Selections {
        undetermined: undetermined(data, &courses),
        waiting: any(courses.iter().map(Course::waiting)),
        needed: any(courses.iter().map(Course::needed)),
        stages: courses.iter().flat_map(Course::selections).collect(),
    }
}

/// Splits a selection into the records that may go and those that are held.
pub fn held(acts: Predicate, held: &Held) -> (Predicate, Predicate) {
    if held.is_empty() {
        return (acts, Predicate::Always(false));
    }
    if held.everything {
        return (Predicate::Always(false), acts);
    }
    let mut free = acts.clone();
    let mut kept = Vec::new();
    // Where a condition is unknown, the record is held: only a sure "no" lets it go.
    for condition in &held.conditions {
        let surely_not = condition.clone().negated().surely();
        kept.push(surely_not.clone().negated());
        free = free.and(surely_not);
    }
    if !held.keys.is_empty() {
        let keys = Predicate::KeyIn(Arc::new(held.keys.clone()));
        free = free.and(keys.clone().negated());
        kept.push(keys);
    }
    (free, acts.and(any(kept)))
}

/// Whether the branch preserves: then nothing else in it ever acts.
pub fn preserves(branch: &Branch) -> bool {
    branch.stages.iter().any(|stage| stage.action == Action::Preserve)
}

/// The stages of a branch that can act at all, by their index. A policy that is unresolved has none.
pub fn running<'a>(policy: &Policy, branch: &'a Branch) -> Vec<(usize, &'a Stage)> {
    if policy.unresolved.is_some() || preserves(branch) {
        return Vec::new();
    }
    let runs = |(_, stage): &(usize, &Stage)| stage.runs() && stage.after.is_some() && stage.start.is_some();
    branch.stages.iter().enumerate().filter(runs).collect()
}

fn undetermined(data: &Data, courses: &[Course<'_>]) -> Predicate {
    let starts: Vec<Predicate> = courses.iter().map(Course::start_unknown).collect();
    let by_start = match starts.split_first() {
        // Where every branch asks the same of the start, the class does not matter.
        Some((first, rest)) if rest.iter().all(|other| other == first) => {
            data.scope.clone().and(first.clone())
        }
        _ => any(courses.iter().zip(starts).map(|(course, start)| course.in_class(start))),
    };
    any([data.scope.clone().unknown(), data.scope.clone().and(class_unknown(&data.branches)), by_start])
}

/// The first `when` that is not surely false is unknown.
fn class_unknown(branches: &[Branch]) -> Predicate {
    any(branches
        .iter()
        .enumerate()
        .map(|(index, branch)| branch.when.clone().unknown().and(no_earlier(&branches[..index]))))
}

fn no_earlier(branches: &[Branch]) -> Predicate {
    branches.iter().fold(Predicate::Always(true), |all, branch| all.and(branch.when.clone().negated()))
}

/// At least one of them; flat, and without what is always false.
pub(super) fn any(parts: impl IntoIterator<Item = Predicate>) -> Predicate {
    let mut left = Vec::new();
    for part in parts {
        match part {
            Predicate::Always(false) => {}
            Predicate::Always(true) => return Predicate::Always(true),
            Predicate::Any(more) => left.extend(more),
            one => left.push(one),
        }
    }
    match left.len() {
        0 => Predicate::Always(false),
        1 => left.remove(0),
        _ => Predicate::Any(left),
    }
}

#[cfg(test)]
mod tests;
