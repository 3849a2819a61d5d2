//! What a policy decides for one record, and why: what `explain` and policy tests show.
//!
//! It follows the same rules as the predicates of `select`, by another way; a property test holds them together.

mod reason;

use chrono::TimeDelta;

use crate::model::action::{Action, Change};
use crate::model::evaluate::World;
use crate::model::predicate::Predicate;
use crate::model::start::{StartState, WhyUndetermined};
use crate::model::value::Fields;
use crate::policy::rule::{Branch, Data, Policy, Stage};
use crate::policy::select::{preserves, running};
use crate::policy::timing::{deadline, due_at};
use crate::time::Instant;

/// What is decided for one record at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The class; `None` for the policy's own stages, or where it is not known.
    pub class: Option<String>,
    /// The branch, as `Data::branches` counts; `None` out of scope or where the class is not known.
    pub branch: Option<usize>,
    /// The stage that the verdict speaks of, as `Branch::stages` counts.
    pub stage: Option<usize>,
    /// The start of that stage, or the one that cannot be known or is waited for.
    pub start: Option<StartState>,
    /// The answer.
    pub verdict: Verdict,
    /// Every stage of the branch, with its instants where the start is known.
    pub steps: Vec<Step>,
    /// Whole sentences that lead to the verdict.
    pub why: Vec<String>,
    /// Whole sentences: what would change the answer.
    pub would_change: Vec<String>,
}

/// The answer for one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The record is not of this data type.
    OutOfScope,
    /// It is kept and reported, because something cannot be known.
    Undetermined(Unknown),
    /// All that is still to come waits for a start that has not happened.
    Waiting,
    /// A stage would act, but a hold covers the record.
    Held(Due),
    /// Deletion is refused.
    Preserved,
    /// It would be deleted, but a kept record still reaches it.
    Needed(Due),
    /// Nothing is due.
    NotDue {
        /// The next due instant that is known; `None` where nothing is to come.
        next_due: Option<Instant>,
    },
    /// A stage acts on it at the next run.
    Due(Due),
    /// A person has to decide.
    Escalated(Due),
    /// Every stage that acts is done.
    Done,
}

/// What cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Whether it is of this data type.
    Scope,
    /// Which class it belongs to.
    Class,
    /// Its start.
    Start(WhyUndetermined),
}

/// A stage that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Since when.
    pub due: Instant,
    /// The deadline; `None` beyond the calendar's end.
    pub at_latest: Option<Instant>,
    /// How long it has been due.
    pub overdue: TimeDelta,
    /// The deadline has passed.
    pub breach: bool,
}

/// One stage of the record's branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its place, from 1.
    pub stage: usize,
    /// Its action's word.
    pub action: &'static str,
    /// When it is due, if the start is known.
    pub due: Option<Instant>,
    /// When it must be done.
    pub deadline: Option<Instant>,
}

/// What the policy decides for `record` at `now`. `changes` as for `select::selections`.
pub fn decide(
    policy: &Policy,
    data: &Data,
    record: &dyn Fields,
    world: &World<'_>,
    held: bool,
    changes: &dyn Fn(&Stage) -> Vec<Change>,
    now: Instant,
) -> Decision {
    let question = Question { policy, data, record, world, held, changes, now };
    let mut decision = question.answer();
    (decision.why, decision.would_change) = question.reasons(&decision);
    decision
}

struct Question<'a> {
    policy: &'a Policy,
    data: &'a Data,
    record: &'a dyn Fields,
    world: &'a World<'a>,
    held: bool,
    changes: &'a dyn Fn(&Stage) -> Vec<Change>,
    now: Instant,
}

/// One stage that can act, with what is known of its start.
struct Leg<'a> {
    index: usize,
    stage: &'a Stage,
    state: StartState,
    due: Option<Instant>,
}

impl<'a> Question<'a> {
    fn answer(&self) -> Decision {
        match self.data.scope.answer(self.record, self.world) {
            Some(true) => {}
            Some(false) => return Decision::of(Verdict::OutOfScope),
            None => return Decision::of(Verdict::Undetermined(Unknown::Scope)),
        }
        let Some(index) = self.branch() else {
            return Decision::of(Verdict::Undetermined(Unknown::Class));
        };
        let branch = &self.data.branches[index];
        let legs = self.legs(branch);
        let mut decision = self.in_branch(branch, &legs);
        decision.branch = Some(index);
        decision.class.clone_from(&branch.class);
        decision.steps = self.steps(branch);
        decision
    }

    /// The first branch whose condition is true, if all before it are false.
    fn branch(&self) -> Option<usize> {
        for (index, branch) in self.data.branches.iter().enumerate() {
            match branch.when.answer(self.record, self.world) {
                Some(true) => return Some(index),
                Some(false) => {}
                None => return None,
            }
        }
        None
    }

    fn legs(&self, branch: &'a Branch) -> Vec<Leg<'a>> {
        let leg = |(index, stage): (usize, &'a Stage)| {
            let state = stage.start.as_deref()?.read(self.record, self.world.events, self.now);
            let due = match state {
                StartState::Known(value) => due_at(self.policy, stage, value),
                StartState::Waiting | StartState::Undetermined(_) => None,
            };
            Some(Leg { index, stage, state, due })
        };
        running(self.policy, branch).into_iter().filter_map(leg).collect()
    }

    fn in_branch(&self, branch: &Branch, legs: &[Leg<'_>]) -> Decision {
        if preserves(branch) {
            let stage = branch.stages.iter().position(|stage| stage.action == Action::Preserve);
            return Decision { stage, ..Decision::of(Verdict::Preserved) };
        }
        let finished = legs.last().is_some_and(|leg| self.is_done(leg.stage));
        let unknown = legs.iter().find_map(|leg| match leg.state {
            StartState::Undetermined(why) => Some((leg, why)),
            _ => None,
        });
        match unknown {
            Some(_) if finished => return Decision::of(Verdict::Done),
            Some((leg, why)) => return leg.verdict(Verdict::Undetermined(Unknown::Start(why))),
            None => {}
        }
        let last_due = legs.iter().rposition(|leg| leg.due.is_some_and(|due| due <= self.now));
        if let Some(leg) = last_due.map(|place| &legs[place])
            && !self.is_done(leg.stage)
            && let Some(due) = self.due(leg)
        {
            return leg.verdict(self.acting(leg, due));
        }
        if finished {
            return Decision::of(Verdict::Done);
        }
        to_come(&legs[last_due.map_or(0, |place| place + 1)..])
    }

    fn acting(&self, leg: &Leg<'_>, due: Due) -> Verdict {
        match leg.stage.action {
            Action::Delete if self.is_reached() => Verdict::Needed(due),
            _ if self.held => Verdict::Held(due),
            Action::Escalate(_) => Verdict::Escalated(due),
            _ => Verdict::Due(due),
        }
    }

    fn due(&self, leg: &Leg<'_>) -> Option<Due> {
        let (StartState::Known(value), Some(due)) = (leg.state, leg.due) else { return None };
        let at_latest = deadline(self.policy, leg.stage, value);
        let breach = at_latest.is_some_and(|deadline| deadline <= self.now);
        Some(Due { due, at_latest, overdue: self.now - due, breach })
    }

    fn is_done(&self, stage: &Stage) -> bool {
        stage.action.fieldwork().is_some()
            && (self.changes)(stage).into_iter().all(|change| {
                let done = Predicate::Done { column: change.column, method: change.method };
                done.holds(self.record, self.world)
            })
    }

    fn is_reached(&self) -> bool {
        self.data.target.reached_by.iter().any(|reach| (self.world.reached)(reach))
    }

    fn steps(&self, branch: &Branch) -> Vec<Step> {
        let step = |stage: &Stage| {
            let state =
                stage.start.as_deref().map(|start| start.read(self.record, self.world.events, self.now));
            let runs = stage.runs() && self.policy.unresolved.is_none();
            let (due, deadline) = match state {
                Some(StartState::Known(value)) if runs => {
                    (due_at(self.policy, stage, value), deadline(self.policy, stage, value))
                }
                _ => (None, None),
            };
            Step { stage: stage.number, action: stage.action.word(), due, deadline }
        };
        branch.stages.iter().map(step).collect()
    }
}

/// Nothing acts now: what is still to come?
fn to_come(legs: &[Leg<'_>]) -> Decision {
    if let Some(first) = legs.first()
        && legs.iter().all(|leg| leg.state == StartState::Waiting)
    {
        return first.verdict(Verdict::Waiting);
    }
    let next = legs.iter().filter_map(|leg| Some((leg.due?, leg))).min_by_key(|(due, _)| *due);
    match next {
        Some((due, leg)) => leg.verdict(Verdict::NotDue { next_due: Some(due) }),
        None => Decision::of(Verdict::NotDue { next_due: None }),
    }
}

impl Leg<'_> {
    fn verdict(&self, verdict: Verdict) -> Decision {
        Decision { stage: Some(self.index), start: Some(self.state), ..Decision::of(verdict) }
    }
}

impl Decision {
    fn of(verdict: Verdict) -> Self {
        Self {
            class: None,
            branch: None,
            stage: None,
            start: None,
            verdict,
            steps: Vec::new(),
            why: Vec::new(),
            would_change: Vec::new(),
        }
    }

    /// The answer in a word: the action of a stage that acts, `preserve`, `held`, `needed`, `waiting`,
    /// `undetermined`, or `none`.
    pub fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::OutOfScope | Verdict::NotDue { .. } | Verdict::Done => "none",
            Verdict::Undetermined(_) => "undetermined",
            Verdict::Waiting => "waiting",
            Verdict::Held(_) => "held",
            Verdict::Preserved => "preserve",
            Verdict::Needed(_) => "needed",
            Verdict::Escalated(_) => "escalate",
            Verdict::Due(_) => {
                self.stage.and_then(|stage| self.steps.get(stage)).map_or("none", |step| step.action)
            }
        }
    }
}

#[cfg(test)]
mod tests;
