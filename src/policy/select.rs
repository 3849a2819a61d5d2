//! Which records each stage would act on, as predicates that adapters carry out.
//!
//! Every record in scope falls into at most one of: a stage that acts, `undetermined`, `waiting`, `needed`. What is
//! left is preserved, done, or not due yet. `decide` gives the same verdict for one record, with its reasons, and a
//! property test holds the two together. Holds are not in here: `held` splits a selection by them.

use std::sync::Arc;

use crate::model::action::{Action, Change};
use crate::model::hold::Held;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::{Start, StartSource};
use crate::policy::rule::{Branch, Data, Policy, Stage};
use crate::policy::timing::due_set;
use crate::time::{Instant, StartSet};

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
    /// The starts that are due now.
    pub due: StartSet,
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
        needed: any(courses.iter().flat_map(|course| course.legs.iter().map(|leg| course.needed(leg)))),
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
    let keys = Predicate::KeyIn(Arc::new(held.keys.clone()));
    (acts.clone().and(keys.clone().negated()), acts.and(keys))
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
        _ => any(courses.iter().zip(starts).map(|(course, start)| course.chosen.clone().and(start))),
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

/// One branch with everything that its selections share.
struct Course<'a> {
    index: usize,
    branch: &'a Branch,
    /// Surely in scope, surely of this class and of no earlier one.
    chosen: Predicate,
    /// The stages that can act.
    legs: Vec<Leg<'a>>,
    /// Their starts, each once.
    starts: Vec<Arc<Start>>,
    /// Some row of the store refers to the record.
    reached: Predicate,
    now: Instant,
}

/// One stage that can act.
struct Leg<'a> {
    index: usize,
    stage: &'a Stage,
    start: Arc<Start>,
    due: StartSet,
    /// Its fields already have the form that it leaves behind.
    done: Predicate,
}

impl<'a> Course<'a> {
    fn new(
        policy: &Policy,
        data: &Data,
        index: usize,
        branch: &'a Branch,
        changes: &dyn Fn(&Stage) -> Vec<Change>,
        now: Instant,
    ) -> Self {
        let earlier = no_earlier(&data.branches[..index]);
        let legs: Vec<Leg<'a>> = running(policy, branch)
            .into_iter()
            .filter_map(|(index, stage)| {
                let start = stage.start.clone()?;
                Some(Leg {
                    index,
                    stage,
                    start,
                    due: due_set(policy, stage, now),
                    done: done(stage, changes),
                })
            })
            .collect();
        let mut starts: Vec<Arc<Start>> = Vec::new();
        for leg in &legs {
            if !starts.contains(&leg.start) {
                starts.push(Arc::clone(&leg.start));
            }
        }
        Self {
            index,
            branch,
            chosen: data.scope.clone().and(earlier).and(branch.when.clone()),
            legs,
            starts,
            reached: any(data.target.reached_by.iter().cloned().map(Predicate::Reached)),
            now,
        }
    }

    fn selections(&self) -> Vec<StageSelection> {
        let selection = |(index, stage): (usize, &Stage)| {
            let leg = self.legs.iter().find(|leg| leg.index == index);
            StageSelection {
                branch: self.index,
                stage: index,
                class: self.branch.class.clone(),
                start: stage.start.clone(),
                acts: leg.map_or(Predicate::Always(false), |leg| self.last_due(leg).and(self.base(leg))),
                base: leg.map_or(Predicate::Always(false), |leg| self.base(leg)),
                due: leg
                    .map_or(StartSet { instants: Vec::new(), dates_through: None }, |leg| leg.due.clone()),
            }
        };
        self.branch.stages.iter().enumerate().map(selection).collect()
    }

    /// Due for this stage and for no later one.
    fn last_due(&self, leg: &Leg<'_>) -> Predicate {
        let later = self.legs.iter().filter(|later| later.index > leg.index);
        later.fold(leg.is_due(), |all, later| {
            let same = later.start == leg.start && later.due == leg.due;
            if same { Predicate::Always(false) } else { all.and(later.is_due().negated()) }
        })
    }

    fn base(&self, leg: &Leg<'_>) -> Predicate {
        let unreached = match leg.stage.action {
            Action::Delete => self.reached.clone().negated(),
            _ => Predicate::Always(true),
        };
        self.chosen.clone().and(self.others_known(leg)).and(leg.done.clone().negated()).and(unreached)
    }

    fn needed(&self, leg: &Leg<'_>) -> Predicate {
        if leg.stage.action != Action::Delete {
            return Predicate::Always(false);
        }
        self.last_due(leg).and(self.chosen.clone()).and(self.others_known(leg)).and(self.reached.clone())
    }

    /// Nothing is done to a record as long as one start that its stages need cannot be known. That the stage's own
    /// is known follows from its being due.
    fn others_known(&self, leg: &Leg<'_>) -> Predicate {
        let others = self.starts.iter().filter(|start| **start != leg.start);
        others.fold(Predicate::Always(true), |all, start| all.and(self.undetermined(start).negated()))
    }

    /// A start cannot be known that still matters: a record on which the last stage is done needs none.
    fn start_unknown(&self) -> Predicate {
        any(self.starts.iter().map(|start| self.undetermined(start))).and(self.finished().negated())
    }

    fn finished(&self) -> Predicate {
        self.legs.last().map_or(Predicate::Always(false), |leg| leg.done.clone())
    }

    fn undetermined(&self, start: &Arc<Start>) -> Predicate {
        Predicate::Start { start: Arc::clone(start), is: StartIs::Undetermined { now: self.now } }
    }

    fn is_waiting(&self, start: &Arc<Start>) -> Predicate {
        if !can_wait(start) {
            return Predicate::Always(false);
        }
        Predicate::Start { start: Arc::clone(start), is: StartIs::Waiting { now: self.now } }
    }

    fn waiting(&self) -> Predicate {
        let waiting = match self.starts.as_slice() {
            [] => return Predicate::Always(false),
            [start] => self.is_waiting(start),
            _ => self.waiting_for_several(),
        };
        waiting.and(self.chosen.clone()).and(self.finished().negated())
    }

    /// With several starts: every stage waits or is passed, the last one waits, and no stage has anything to do.
    fn waiting_for_several(&self) -> Predicate {
        let mut all = Predicate::Always(true);
        for (place, leg) in self.legs.iter().enumerate() {
            let passed = if place + 1 == self.legs.len() { &[][..] } else { &self.legs[place..] };
            all =
                all.and(any([self.is_waiting(&leg.start)].into_iter().chain(passed.iter().map(Leg::is_due))));
            all = all.and(self.last_due(leg).and(leg.done.clone().negated()).negated());
        }
        self.starts.iter().fold(all, |all, start| all.and(self.undetermined(start).negated()))
    }
}

impl Leg<'_> {
    fn is_due(&self) -> Predicate {
        if self.due.instants.is_empty() && self.due.dates_through.is_none() {
            return Predicate::Always(false);
        }
        Predicate::Start { start: Arc::clone(&self.start), is: StartIs::In(self.due.clone()) }
    }
}

fn done(stage: &Stage, changes: &dyn Fn(&Stage) -> Vec<Change>) -> Predicate {
    if stage.action.fieldwork().is_none() {
        return Predicate::Always(false);
    }
    let parts = changes(stage)
        .into_iter()
        .map(|change| Predicate::Done { column: change.column, method: change.method });
    parts.fold(Predicate::Always(true), Predicate::and)
}

/// Whether the start knows a state of not having happened.
fn can_wait(start: &Start) -> bool {
    start.waiting_if_empty || start.waiting_if_future || !matches!(start.source, StartSource::Field(_))
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
mod tests {
    use super::*;
    use crate::model::action::Fieldwork;
    use crate::model::method::Method;
    use crate::model::predicate::Reach;
    use crate::policy::condition::{Names, compile};
    use crate::policy::rule::Policy;
    use crate::policy::sample;

    fn now() -> Instant {
        "2026-06-15T12:00:00Z".parse().unwrap()
    }

    fn select(policy: &Policy) -> Selections {
        let changes =
            |stage: &Stage| stage.action.fieldwork().map(|work| work.fields.clone()).unwrap_or_default();
        selections(policy, &policy.data[0], &changes, now())
    }

    fn of(stages: Vec<Stage>) -> Policy {
        let mut data = sample::data(Vec::new());
        data.branches = vec![sample::branch(None, Predicate::Always(true), stages)];
        sample::policy(vec![data])
    }

    fn start(stage: &Stage, is: StartIs) -> Predicate {
        Predicate::Start { start: stage.start.clone().unwrap(), is }
    }

    #[test]
    fn the_plain_case_is_one_question_about_the_start() {
        let stage = sample::stage("7 days", Action::Delete);
        let selected = select(&of(vec![stage.clone()]));
        let due = selected.stages[0].due.clone();
        assert_eq!(selected.stages[0].acts, start(&stage, StartIs::In(due)));
        assert_eq!(selected.stages[0].base, Predicate::Always(true));
        assert_eq!(selected.undetermined, start(&stage, StartIs::Undetermined { now: now() }));
        assert_eq!(selected.waiting, Predicate::Always(false));
        assert_eq!(selected.needed, Predicate::Always(false));
    }

    #[test]
    fn classes_of_one_start_do_not_repeat_it_where_it_is_unknown() {
        let stage = sample::stage("7 days", Action::Delete);
        let mut policy = of(vec![stage.clone()]);
        let hired = compile("outcome == 'hired'", &Names::default()).unwrap();
        policy.data[0].branches.insert(0, sample::branch(Some("hired"), hired.clone(), vec![stage.clone()]));
        let selected = select(&policy);
        let start_unknown = start(&stage, StartIs::Undetermined { now: now() });
        assert_eq!(selected.undetermined, Predicate::Any(vec![hired.clone().unknown(), start_unknown]));
        let due = start(&stage, StartIs::In(selected.stages[0].due.clone()));
        assert_eq!(selected.stages[0].acts, Predicate::All(vec![due.clone(), hired.clone()]));
        assert_eq!(selected.stages[1].acts, Predicate::All(vec![due, hired.negated()]));
    }

    #[test]
    fn what_cannot_act_selects_nothing_and_is_listed() {
        let preserve = Stage { after: None, ..sample::stage("1 day", Action::Preserve) };
        let kept = select(&of(vec![sample::stage("1 day", Action::Delete), preserve]));
        let open =
            Stage { after: None, unresolved: Some("?".into()), ..sample::stage("1 day", Action::Delete) };
        let undecided = select(&of(vec![open]));
        let whole = select(&Policy {
            unresolved: Some("?".into()),
            ..of(vec![sample::stage("1 day", Action::Delete)])
        });
        for (selected, stages) in [(kept, 2), (undecided, 1), (whole, 1)] {
            assert_eq!(selected.stages.len(), stages);
            assert!(selected.stages.iter().all(|stage| stage.acts == Predicate::Always(false)));
            assert!(
                selected
                    .stages
                    .iter()
                    .all(|stage| stage.base == Predicate::Always(false) && stage.due.is_empty())
            );
            let others = [selected.undetermined, selected.waiting, selected.needed];
            assert_eq!(
                others,
                [Predicate::Always(false), Predicate::Always(false), Predicate::Always(false)]
            );
        }
    }

    #[test]
    fn a_processed_or_needed_record_is_left_alone() {
        let change = Change { column: "a".into(), method: Arc::new(Method::Null) };
        let work = Fieldwork { fields: vec![change.clone()], ..Fieldwork::default() };
        let stage = sample::stage("7 days", Action::Anonymize(work));
        let selected = select(&of(vec![stage.clone()]));
        let done = Predicate::Done { column: change.column, method: change.method };
        assert_eq!(selected.stages[0].base, done.clone().negated());
        let unknown = start(&stage, StartIs::Undetermined { now: now() });
        assert_eq!(selected.undetermined, Predicate::All(vec![unknown, done.negated()]));

        let mut policy = of(vec![sample::stage("7 days", Action::Delete)]);
        let reach = Reach { collection: "o".into(), by: "t".into(), key: "id".into() };
        Arc::make_mut(&mut policy.data[0].target).reached_by.push(reach.clone());
        let selected = select(&policy);
        let due = start(&policy.data[0].branches[0].stages[0], StartIs::In(selected.stages[0].due.clone()));
        assert_eq!(selected.needed, due.clone().and(Predicate::Reached(reach.clone())));
        assert_eq!(selected.stages[0].acts, due.and(Predicate::Reached(reach).negated()));
    }
}
