//! What an event that was recorded, changed or withdrawn does to the records whose clock it starts or whose class it
//! decides: the counts with it and without, and what was done already because of what was known before. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::{self, Circumstances, DataPlan};
use super::{Engine, EngineError, certify, explain, run};
use crate::adapter::api::StoreError;
use crate::audit::entry::Body;
use crate::model::ids::{BatchId, StoreName};
use crate::model::key::KeyForm;
use crate::model::predicate::Predicate;
use crate::model::start::StartSource;
use crate::policy::rule::{Branch, Data, Policy, Stage};
use crate::state::api::{Earlier, EventRecord, Filter};
use crate::time::Instant;

/// How many entries of the log are read at once.
const PAGE: usize = 1_000;
/// For how many keys the log is searched: each search reads every batch of the store.
pub const SEARCHED: usize = 20;

/// One event as it is now, and as it was.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// When it happened; `None` once it is withdrawn.
    pub now: Option<Instant>,
    /// What was known before.
    pub before: Option<Earlier>,
}

impl Change {
    /// The change that recording an event makes, if it makes one.
    pub fn recorded(event: &EventRecord, before: Option<Earlier>) -> Option<Self> {
        let same = before.is_some_and(|before| before.at == event.at);
        (!same).then(|| Self {
            name: event.name.clone(),
            key: event.key.clone(),
            now: Some(event.at),
            before,
        })
    }

    /// The change that withdrawing one makes.
    pub fn withdrawn(name: &str, key: &str, before: Earlier) -> Self {
        Self { name: name.to_owned(), key: key.to_owned(), now: None, before: Some(before) }
    }
}

/// What it does to one `[[data]]`.
#[derive(Debug)]
pub struct Redated {
    /// The store.
    pub store: StoreName,
    /// The collection.
    pub collection: String,
    /// How many records, before and after; or why that cannot be told.
    pub counts: Result<Vec<Count>, StoreError>,
    /// What was done already.
    pub done: Vec<Done>,
    /// The log was not searched for each record: the keys are too many.
    pub unsearched: bool,
}

/// Records in one state, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The state.
    pub of: State,
    /// Before the change.
    pub before: u64,
    /// After it.
    pub after: u64,
}

/// What records can be found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Their start has not happened.
    Waiting,
    /// Their start or class cannot be known.
    Undetermined,
    /// Due and not held, for this stage.
    Due {
        /// The class.
        class: Option<String>,
        /// The stage, from 1.
        stage: usize,
        /// The action's word.
        action: &'static str,
    },
}

/// What was done before the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The class.
    pub class: Option<String>,
    /// The stage, from 1.
    pub stage: usize,
    /// The action's word.
    pub action: String,
    /// Which records.
    pub what: Which,
}

/// Which records something was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Exactly the one with the event's key.
    Record {
        /// The key.
        key: String,
        /// In this batch.
        batch: BatchId,
        /// Announced then.
        at: Instant,
        /// Whether the log says that it was carried out on this record; `None` where it does not say.
        certain: Option<bool>,
    },
    /// Some that the stage acted on since the event was recorded; which of them followed it, the log does not say.
    Among {
        /// Since then.
        since: Instant,
        /// In so many batches.
        batches: u64,
        /// So many records.
        records: u64,
    },
}

/// What the changes do to each `[[data]]` of a policy that asks for the events.
pub fn redated(
    engine: &Engine,
    policy: &Policy,
    changes: &[Change],
    count: bool,
) -> Result<Vec<Redated>, EngineError> {
    let after = run::circumstances(engine, policy, engine.clock.now())?;
    let mut book = (*after.events).clone();
    for change in changes {
        match change.before {
            Some(before) => book.record(change.name.clone(), change.key.clone(), before.at),
            None => book.forget(&change.name, &change.key),
        }
    }
    let before = Circumstances { events: Arc::new(book), ..after.clone() };
    let mut all = Vec::new();
    for data in &policy.data {
        let asked: Vec<&Change> =
            changes.iter().filter(|change| Uses::of(data, &change.name).any()).collect();
        if asked.is_empty() {
            continue;
        }
        let (done, unsearched) = done(engine, policy, data, &asked)?;
        all.push(Redated {
            store: data.target.store.clone(),
            collection: data.target.collection.clone(),
            counts: if count { counts(engine, policy, data, &before, &after) } else { Ok(Vec::new()) },
            done,
            unsearched,
        });
    }
    Ok(all)
}

fn counts(
    engine: &Engine,
    policy: &Policy,
    data: &Data,
    before: &Circumstances,
    after: &Circumstances,
) -> Result<Vec<Count>, StoreError> {
    let store = engine.inspect(&data.target.store)?;
    let [before, after] = [before, after].map(|one| plan::plan(store, policy, data, one));
    let (before, after) = (before?, after?);
    let kept =
        |of, count: &dyn Fn(&DataPlan) -> u64| Count { of, before: count(&before), after: count(&after) };
    let mut all = vec![
        kept(State::Waiting, &|plan| plan.waiting),
        kept(State::Undetermined, &|plan| plan.undetermined),
    ];
    // Decisions of reviews are no stages of the policy; the same stages stand in both plans.
    let stages = |plan: &DataPlan| -> Vec<plan::StagePlan> {
        let own = |stage: &&plan::StagePlan| plan.selections.stages[stage.selection].decided.is_none();
        plan.stages.iter().filter(own).cloned().collect()
    };
    all.extend(stages(&before).into_iter().zip(stages(&after)).map(|(before, after)| Count {
        of: State::Due { class: after.class, stage: after.stage, action: after.action.word() },
        before: before.due,
        after: after.due,
    }));
    Ok(all)
}

/// How one `[[data]]` uses an event.
#[derive(Debug, Default)]
struct Uses {
    /// The stages whose records it decides: class, stage.
    stages: BTreeSet<(Option<String>, usize)>,
    /// The event's key can be the key of a record.
    by_record: bool,
    /// The event's key can be the value of a field.
    by_field: bool,
}

impl Uses {
    fn of(data: &Data, name: &str) -> Self {
        let mut uses = Self::default();
        // A class takes records from every branch behind it.
        let mut decides = uses.asks(&data.scope, name);
        for branch in &data.branches {
            decides |= uses.asks(&branch.when, name);
            for stage in &branch.stages {
                let starts = uses.starts(stage, name);
                if decides || starts {
                    uses.stages.insert(place(branch, stage));
                }
            }
        }
        uses
    }

    fn any(&self) -> bool {
        self.by_record || self.by_field
    }

    fn asks(&mut self, condition: &Predicate, name: &str) -> bool {
        let mut found = false;
        condition.visit(&mut |part| {
            if let Predicate::Event { name: asked, of } = part
                && asked == name
            {
                found = true;
                self.by_record |= of.is_none();
                self.by_field |= of.is_some();
            }
        });
        found
    }

    fn starts(&mut self, stage: &Stage, name: &str) -> bool {
        match stage.start.as_ref().map(|start| &start.source) {
            Some(StartSource::Event { name: asked, by }) if asked == name => {
                self.by_record |= by.is_none();
                self.by_field |= by.is_some();
                true
            }
            _ => false,
        }
    }
}

fn place(branch: &Branch, stage: &Stage) -> (Option<String>, usize) {
    (branch.class.clone(), stage.number)
}

/// What was done already: exactly for records whose key is the event's, in sum for those that name it in a field.
fn done(
    engine: &Engine,
    policy: &Policy,
    data: &Data,
    changes: &[&Change],
) -> Result<(Vec<Done>, bool), EngineError> {
    let mut all = Vec::new();
    let by_record: Vec<&&Change> =
        changes.iter().filter(|change| Uses::of(data, &change.name).by_record).collect();
    let unsearched = by_record.len() > SEARCHED;
    if !unsearched {
        for change in by_record {
            all.extend(of_record(engine, policy, data, &change.key)?);
        }
    }
    // What was recorded for the first time had let nothing go.
    let mut since: BTreeMap<(Option<String>, usize), Instant> = BTreeMap::new();
    for change in changes {
        let (uses, Some(before)) = (Uses::of(data, &change.name), change.before) else { continue };
        for stage in uses.stages.into_iter().filter(|_| uses.by_field) {
            let first = since.entry(stage).or_insert_with(|| before.since());
            *first = (*first).min(before.since());
        }
    }
    all.extend(since_then(engine, policy, data, &since)?);
    Ok((all, unsearched))
}

/// The batches of this policy that name the record.
fn of_record(engine: &Engine, policy: &Policy, data: &Data, key: &str) -> Result<Vec<Done>, EngineError> {
    // A store that does not answer, or a text that is no key there, leaves nothing to search for.
    let Ok(read) = explain::read_key(engine, data, key) else { return Ok(Vec::new()) };
    let target = &data.target;
    let record = certify::Record {
        store: target.store.clone(),
        collection: target.collection.clone(),
        form: KeyForm::Columns,
        key: read,
    };
    let search = certify::search(&*engine.state, &record)?;
    let found = search.found.into_iter().filter(|found| found.done != Some(false)).filter_map(|found| {
        let label = found.announced().filter(|intent| intent.label.policy == policy.id)?.label.clone();
        let (at, certain) = (found.intent.entry.time, found.done);
        let what = Which::Record { key: key.to_owned(), batch: label.batch, at, certain };
        Some(Done { class: label.class, stage: label.stage, action: label.action, what })
    });
    Ok(found.collect())
}

/// What those stages have done, each since its instant.
fn since_then(
    engine: &Engine,
    policy: &Policy,
    data: &Data,
    since: &BTreeMap<(Option<String>, usize), Instant>,
) -> Result<Vec<Done>, EngineError> {
    let Some(first) = since.values().min() else { return Ok(Vec::new()) };
    let mut sums: BTreeMap<(Option<String>, usize), Done> = BTreeMap::new();
    let mut batches: BTreeMap<BatchId, (Option<String>, usize)> = BTreeMap::new();
    let filter = Filter { policy: Some(policy.id.clone()), from: Some(*first), ..Filter::default() };
    let mut after = None;
    loop {
        let page = engine.state.find(&filter, after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.index);
        for placed in page {
            match placed.entry.body {
                Body::Intent(intent) => {
                    let label = intent.label;
                    let stage = (label.class.clone(), label.stage);
                    let asked = since.get(&stage).is_some_and(|since| placed.entry.time >= *since);
                    if !asked
                        || label.store != data.target.store
                        || label.collection != data.target.collection
                    {
                        continue;
                    }
                    sums.entry(stage.clone()).or_insert_with(|| Done {
                        class: label.class,
                        stage: label.stage,
                        action: label.action,
                        what: Which::Among { since: since[&stage], batches: 0, records: 0 },
                    });
                    batches.insert(label.batch, stage);
                }
                Body::Outcome(outcome) => {
                    let stage = batches.remove(&outcome.batch);
                    if let Some(Done { what: Which::Among { batches, records, .. }, .. }) =
                        stage.and_then(|stage| sums.get_mut(&stage))
                    {
                        *batches += u64::from(outcome.done > 0);
                        *records += outcome.done;
                    }
                }
                _ => {}
            }
        }
    }
    let acted = |done: &Done| !matches!(done.what, Which::Among { records: 0, .. });
    Ok(sums.into_values().filter(acted).collect())
}
