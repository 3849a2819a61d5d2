//! One branch's part of the selections.

use std::sync::Arc;

use super::{StageSelection, any, no_earlier, running};
use crate::model::action::{Action, Change};
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::{Start, StartSource};
use crate::policy::rule::{Branch, Data, Policy, Stage};
use crate::policy::timing::due_set;
use crate::time::{Instant, StartSet};

/// One branch with everything that its selections share.
pub(super) struct Course<'a> {
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
    pub(super) fn new(
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

    pub(super) fn selections(&self) -> Vec<StageSelection> {
        let selection = |(index, stage): (usize, &Stage)| {
            let leg = self.legs.iter().find(|leg| leg.index == index);
            StageSelection {
                branch: self.index,
                stage: index,
                class: self.branch.class.clone(),
                start: stage.start.clone(),
                acts: leg.map_or(Predicate::Always(false), |leg| self.last_due(leg).and(self.base(leg))),
                base: leg.map_or(Predicate::Always(false), |leg| self.base(leg)),
                needed: leg.map_or(Predicate::Always(false), |leg| self.needed_base(leg)),
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

    /// Would be deleted by this stage, but some row refers to the record.
    pub(super) fn needed(&self) -> Predicate {
        any(self.legs.iter().map(|leg| self.last_due(leg).and(self.needed_base(leg))))
    }

    /// The same without the due date; nothing where the stage does not delete, or nothing can reach its records.
    fn needed_base(&self, leg: &Leg<'_>) -> Predicate {
        if leg.stage.action != Action::Delete || self.reached == Predicate::Always(false) {
            return Predicate::Always(false);
        }
        self.chosen.clone().and(self.others_known(leg)).and(self.reached.clone())
    }

    /// For the records of this branch only.
    pub(super) fn in_class(&self, predicate: Predicate) -> Predicate {
        self.chosen.clone().and(predicate)
    }

    /// Nothing is done to a record as long as one start that its stages need cannot be known. That the stage's own
    /// is known follows from its being due.
    fn others_known(&self, leg: &Leg<'_>) -> Predicate {
        let others = self.starts.iter().filter(|start| **start != leg.start);
        others.fold(Predicate::Always(true), |all, start| all.and(self.undetermined(start).negated()))
    }

    /// A start cannot be known that still matters: a record on which the last stage is done needs none.
    pub(super) fn start_unknown(&self) -> Predicate {
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

    pub(super) fn waiting(&self) -> Predicate {
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
