//! What would happen now: counts for every stage, and what keeps the rest. Reads only.

use std::sync::Arc;

use super::{holding, review};
use crate::adapter::api::{Gap, Group, Inspect, Scope, StoreError, StoreErrorKind, Tally, Total};
use crate::model::action::{Action, Change, Fieldwork};
use crate::model::aggregate::Aggregate;
use crate::model::hold::{Held, Hold};
use crate::model::ids::StoreName;
use crate::model::key::Key;
use crate::model::predicate::EventBook;
use crate::model::review::Case;
use crate::model::schema::{Identity, Schema};
use crate::model::target::Target;
use crate::policy::rule::{Data, Policy, Stage};
use crate::policy::select::{self, Selections, StageSelection};
use crate::policy::{fieldwork, timing};
use crate::time::{Instant, StartSet, StartValue};

/// The plan for one `[[data]]` of a policy.
#[derive(Clone, Debug)]
pub struct DataPlan {
    /// Which `[[data]]`, from 0.
    pub index: usize,
    /// What is bound, with the references that the store itself declares.
    pub target: Arc<Target>,
    /// What makes the store that store.
    pub identity: Identity,
    /// The collection as it is now.
    pub schema: Schema,
    /// Each stage that acts, in the policy's order.
    pub stages: Vec<StagePlan>,
    /// All records of the collection.
    pub total: Total,
    /// Records whose start or class cannot be known.
    pub undetermined: u64,
    /// Records whose start has not happened.
    pub waiting: u64,
    /// Records that would go, but a kept record still reaches them.
    pub needed: u64,
    /// What could not be read: with one of these no run is complete.
    pub gaps: Vec<Gap>,
    /// Worth telling.
    pub remarks: Vec<String>,
    /// The predicates behind the counts.
    pub selections: Selections,
}

/// The plan for one stage.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Its place in `Selections::stages`.
    pub selection: usize,
    /// Its place in its branch, from 1.
    pub stage: usize,
    /// The class.
    pub class: Option<String>,
    /// The action.
    pub action: Action,
    /// What is done to each field, for actions that change fields.
    pub changes: Vec<Change>,
    /// How its records are counted before they go.
    pub aggregate: Option<Arc<Aggregate>>,
    /// The period as written.
    pub after: String,
    /// The last start that is due now, if it is one bound.
    pub cutoff: Option<Instant>,
    /// Records that this stage would act on now.
    pub due: u64,
    /// Among those of an `escalate`, the ones that an open review case counts already; no run looks.
    pub asked: u64,
    /// Records that it would act on if they were not held.
    pub held: u64,
    /// Among the due ones, those that were due already at `overdue_at`.
    pub overdue: u64,
    /// The earliest start among the due ones.
    pub oldest: Option<StartValue>,
    /// The latest.
    pub newest: Option<StartValue>,
    /// Some of their keys.
    pub samples: Vec<Key>,
    /// How a run would walk them, where the store has several ways and somebody is told.
    pub route: Option<String>,
    /// What goes with them, if they are deleted.
    pub along: Vec<Along>,
}

/// What goes with the records of a stage: one `[[data.with]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Along {
    /// Where.
    pub store: StoreName,
    /// The table, or the pattern of paths.
    pub collection: String,
    /// How much; `None` where it is counted only as it goes.
    pub count: Option<u64>,
}

/// What a plan is made from, the same for all of a policy's data.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The instant of asking.
    pub now: Instant,
    /// How long the log was when events were read.
    pub log: u64,
    /// Records due before this are overdue: a run should have taken them.
    pub overdue_at: Option<Instant>,
    /// The events known.
    pub events: Arc<EventBook>,
    /// The holds in force.
    pub holds: Arc<Vec<Hold>>,
    /// The review cases that wait or whose decision stands.
    pub cases: Arc<Vec<Case>>,
    /// How many example keys for each stage.
    pub samples: usize,
}

impl DataPlan {
    /// Everything due and unheld that a run would change.
    pub fn due(&self) -> u64 {
        self.stages.iter().filter(|stage| stage.action.changes_the_store()).map(|stage| stage.due).sum()
    }

    /// Everything due but held.
    pub fn held(&self) -> u64 {
        self.stages.iter().map(|stage| stage.held).sum()
    }
}

/// Probes and counts one `[[data]]`.
pub fn plan(
    store: &dyn Inspect,
    policy: &Policy,
    data: &Data,
    circumstances: &Circumstances,
) -> Result<DataPlan, StoreError> {
    let identity = store.identity()?;
    let Selected { schema, data, changes: all_changes, selections } =
        selected(store, policy, data, circumstances.now)?;
    let data = &data;
    let changes = |stage: &Stage| all_changes.of(stage);
    let selections =
        review::with_decisions(policy, data, selections, &circumstances.cases, circumstances.now);
    let held = holding::held(policy, data, &schema, circumstances.holds.iter());
    let scope = scope(data, circumstances);

    let groups = groups(policy, data, &selections, &held, circumstances);
    let counted = store.count(&scope, &groups)?;
    let total = store.total(&data.target)?;
    let mut tallies = counted.tallies.into_iter();
    let mut next = || tallies.next().unwrap_or_default();
    let [undetermined, waiting, needed] = [next(), next(), next()].map(|tally| tally.count);
    let mut stages = Vec::new();
    for (place, selection) in selections.stages.iter().enumerate() {
        let stage = stage_of(data, selection);
        let due = next();
        let held_back = if held.is_empty() { Tally::default() } else { next() };
        let overdue = if circumstances.overdue_at.is_some() { next() } else { Tally::default() };
        stages.push(StagePlan {
            selection: place,
            stage: stage.number,
            class: selection.class.clone(),
            action: if selection.decided.is_some() { Action::Delete } else { stage.action.clone() },
            changes: changes(stage),
            // What somebody decided is no end of the stage that counts.
            aggregate: stage.aggregate.clone().filter(|_| selection.decided.is_none()),
            after: stage.after.map(|after| after.to_string()).unwrap_or_default(),
            cutoff: selection.due.bound(),
            due: due.count,
            asked: 0,
            held: held_back.count,
            overdue: overdue.count,
            oldest: due.oldest,
            newest: due.newest,
            samples: due.samples,
            route: None,
            along: along(store, &scope, stage, selection, &held, due.count)?,
        });
    }
    Ok(DataPlan {
        index: data.index,
        target: data.target.clone(),
        identity,
        schema,
        stages,
        total,
        undetermined,
        waiting,
        needed,
        gaps: counted.gaps,
        remarks: counted.remarks,
        selections,
    })
}

/// What a policy selects in one `[[data]]` as the store has it now.
pub(super) struct Selected {
    /// The collection as it is.
    pub(super) schema: Schema,
    /// The data with the references that the store itself keeps.
    pub(super) data: Data,
    /// What each stage changes.
    pub(super) changes: Changes,
    /// The selections, decisions of reviews aside.
    pub(super) selections: Selections,
}

/// Probes a collection and says what the policy selects in it.
pub(super) fn selected(
    store: &dyn Inspect,
    policy: &Policy,
    data: &Data,
    now: Instant,
) -> Result<Selected, StoreError> {
    let schema = store.probe(&data.target)?;
    let data = with_references(data, &schema);
    let changes = changes_of(&data, &schema)?;
    let selections = select::selections(policy, &data, &|stage| changes.of(stage), now);
    Ok(Selected { schema, data, changes, selections })
}

/// The questions, in the order in which [`plan`] reads the answers.
fn groups(
    policy: &Policy,
    data: &Data,
    selections: &Selections,
    held: &Held,
    circumstances: &Circumstances,
) -> Vec<Group> {
    let count = |predicate| Group { predicate, start: None, samples: 0 };
    let mut groups = vec![
        count(selections.undetermined.clone()),
        count(selections.waiting.clone()),
        count(selections.needed.clone()),
    ];
    for selection in &selections.stages {
        let (unheld, held_back) = select::held(selection.acts.clone(), held);
        groups.push(Group {
            predicate: unheld.clone(),
            start: selection.start.clone(),
            samples: circumstances.samples,
        });
        if !held.is_empty() {
            groups.push(count(held_back));
        }
        if let Some(at) = circumstances.overdue_at {
            groups.push(count(unheld.and(timing::due_by(policy, stage_of(data, selection), at))));
        }
    }
    groups
}

/// What goes with the records of a stage that deletes.
fn along(
    store: &dyn Inspect,
    scope: &Scope,
    stage: &Stage,
    selection: &StageSelection,
    held: &Held,
    due: u64,
) -> Result<Vec<Along>, StoreError> {
    if stage.action != Action::Delete || scope.target.with.is_empty() {
        return Ok(Vec::new());
    }
    let counts = match due {
        0 => vec![Some(0); scope.target.with.len()],
        _ => store.going_along(scope, &select::held(selection.acts.clone(), held).0)?,
    };
    let places = scope.target.goes_along().zip(counts);
    let one = |((store, collection), count): ((&StoreName, &str), Option<u64>)| Along {
        store: store.clone(),
        collection: collection.to_owned(),
        count,
    };
    Ok(places.map(one).collect())
}

/// The question's frame for one `[[data]]`.
pub fn scope(data: &Data, circumstances: &Circumstances) -> Scope {
    Scope { target: data.target.clone(), events: circumstances.events.clone(), now: circumstances.now }
}

/// The data with the references that the store itself keeps: a row that a foreign key still names is needed.
pub fn with_references(data: &Data, schema: &Schema) -> Data {
    let mut data = data.clone();
    let mut target = (*data.target).clone();
    for reach in &schema.referenced_by {
        if !target.reached_by.contains(reach) {
            target.reached_by.push(reach.clone());
        }
    }
    data.target = Arc::new(target);
    data
}

/// What each stage does to each field, with `keep-only` spelled out for the collection as it is. An error when the
/// collection cannot take it: a protected column, or one that cannot hold what a method leaves behind.
pub fn changes_of(data: &Data, schema: &Schema) -> Result<Changes, StoreError> {
    let protected = fieldwork::protected(data, schema);
    let mut changes = Vec::new();
    for stage in data.branches.iter().flat_map(|branch| &branch.stages) {
        let Some(work) = stage.action.fieldwork() else { continue };
        match fieldwork::expand(work, schema, &protected) {
            Ok(expanded) => changes.push((work.clone(), expanded)),
            Err(findings) => {
                let why: Vec<_> = findings.into_iter().map(|finding| finding.message).collect();
                let what = format!("{} in store {}", data.target.collection, data.target.store);
                return Err(StoreError::new(StoreErrorKind::Unsupported, what, why.join("; "))
                    .with_help("`forfall check` shows where the policy says so"));
            }
        }
    }
    Ok(Changes(changes))
}

/// Whether the store lets every stage change what it is to change.
pub fn can_change(store: &dyn Inspect, data: &Data, schema: &Schema) -> Result<(), StoreError> {
    let changes = changes_of(data, schema)?;
    changes.0.iter().try_for_each(|(_, changes)| store.can_change(&data.target, changes))
}

/// Whether the store lets the records of every stage be counted as it says; the first stage of which it does not, with
/// the reason.
pub fn can_aggregate<'d>(store: &dyn Inspect, data: &'d Data) -> Result<(), (&'d Stage, StoreError)> {
    let counting = data.branches.iter().flat_map(|branch| &branch.stages);
    counting.filter_map(|stage| Some((stage, stage.aggregate.as_deref()?))).try_for_each(|(stage, counts)| {
        store.can_aggregate(&data.target, counts).map_err(|error| (stage, error))
    })
}

/// The changes of every stage that changes fields.
#[derive(Clone, Debug, Default)]
pub struct Changes(Vec<(Fieldwork, Vec<Change>)>);

impl Changes {
    /// Those of one stage.
    pub fn of(&self, stage: &Stage) -> Vec<Change> {
        let work = stage.action.fieldwork();
        let found = self.0.iter().find(|(known, _)| work == Some(known));
        found.map(|(_, changes)| changes.clone()).unwrap_or_default()
    }
}

/// The set of starts that are due for a selection at another instant.
pub fn set_at(policy: &Policy, data: &Data, selections: &Selections, place: usize, at: Instant) -> StartSet {
    timing::due_set(policy, stage_of(data, &selections.stages[place]), at)
}

/// The stage as the policy has it.
pub fn stage_of<'a>(data: &'a Data, selection: &StageSelection) -> &'a Stage {
    &data.branches[selection.branch].stages[selection.stage]
}
