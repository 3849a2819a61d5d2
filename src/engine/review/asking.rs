//! The records of a case, asked for in their store: a case itself knows only until when they were due.

use std::collections::HashSet;
use std::sync::Arc;

use super::{seat, stage_of};
use crate::adapter::api::{Group, Inspect, Scope, StoreError};
use crate::engine::plan::{Circumstances, DataPlan, StagePlan};
use crate::engine::{Engine, EngineError, explain, holding, plan, run};
use crate::model::action::Action;
use crate::model::key::{Key, KeyForm};
use crate::model::predicate::{Predicate, StartIs};
use crate::model::review::{Case, CaseState, Decision as Decided, Part};
use crate::model::schema::Schema;
use crate::policy::rule::{Data, Policy};
use crate::policy::{select, timing};
use crate::time::StartValue;

/// What is asked of the store about a case.
pub struct Question<'a> {
    engine: &'a Engine,
    store: &'a dyn Inspect,
    data: &'a Data,
    scope: Scope,
    /// Its records, those of parts among them.
    records: Predicate,
    /// The collection as it is now.
    pub schema: Schema,
}

impl<'a> Question<'a> {
    /// Looks at the store; `None` if the policy does not have the stage any more.
    pub fn new(engine: &'a Engine, policy: &'a Policy, case: &Case) -> Result<Option<Self>, EngineError> {
        if stage_of(policy, &case.waiting.seat).is_none() {
            return Ok(None);
        }
        let circumstances = run::circumstances(engine, policy, engine.clock.now())?;
        let others: Vec<Case> = circumstances.cases.iter().filter(|one| one.id != case.id).cloned().collect();
        for data in &policy.data {
            if data.target.store != case.waiting.seat.store
                || data.target.collection != case.waiting.seat.collection
            {
                continue;
            }
            let store = engine.inspect(&data.target.store)?;
            let schema = store.probe(&data.target)?;
            let with_references = plan::with_references(data, &schema);
            let changes = plan::changes_of(&with_references, &schema)?;
            let now = circumstances.now;
            let all = select::selections(policy, &with_references, &|stage| changes.of(stage), now);
            let selections = super::with_decisions(policy, &with_references, all, &others, now);
            let scope = plan::scope(&with_references, &circumstances);
            let found = selections.stages.iter().filter(|one| one.decided.is_none()).find_map(|selection| {
                let stage = plan::stage_of(data, selection);
                let here = seat(policy, data, selection.class.as_deref(), stage.number) == case.waiting.seat;
                let start = selection.start.clone().filter(|_| here)?;
                let by_then = StartIs::In(timing::due_set(policy, stage, case.waiting.seen));
                Some(selection.acts.clone().and(Predicate::Start { start, is: by_then }))
            });
            if let Some(records) = found {
                return Ok(Some(Self { engine, store, data, scope, records, schema }));
            }
        }
        Ok(None)
    }

    /// How keys are spelled.
    pub fn form(&self) -> KeyForm {
        self.schema.key_form
    }

    /// Some records of the case that are in no part, in the order of their keys.
    pub fn samples(&self, case: &Case, most: usize) -> Result<Vec<Key>, EngineError> {
        let picked = case.picked();
        let rest = match picked.is_empty() {
            true => self.records.clone(),
            false => self.records.clone().and(Predicate::KeyIn(Arc::new(picked)).negated()),
        };
        let page = self.store.scan(&self.scope, &rest, None, most)?;
        Ok(page.rows.into_iter().map(|row| row.key).collect())
    }

    /// Reads keys as somebody typed them, and takes them as the store spells them, where it still has them.
    pub fn spelled(&self, typed: &[String]) -> Result<Vec<Key>, EngineError> {
        let spell = |text: &String| {
            let key = explain::read_key(self.engine, self.data, text)?;
            Ok(self.store.read(&self.scope, &key)?.map_or(key, |row| row.key))
        };
        typed.iter().map(spell).collect()
    }

    /// Reads keys as somebody typed them, and takes them as the store spells them. The second list are those that are
    /// not of the case.
    pub fn keys(&self, typed: &[String]) -> Result<(Vec<Key>, Vec<String>), EngineError> {
        let mut found = Vec::new();
        let mut strangers = Vec::new();
        for text in typed {
            let key = explain::read_key(self.engine, self.data, text)?;
            match self.store.read(&self.scope, &key)? {
                Some(row) => found.push((row.key, text)),
                None => strangers.push(text.clone()),
            }
        }
        let wanted: HashSet<Key> = found.iter().map(|(key, _)| key.clone()).collect();
        let asked = self.records.clone().and(Predicate::KeyIn(Arc::new(wanted.clone())));
        let page = self.store.scan(&self.scope, &asked, None, wanted.len() + 1)?;
        let of_the_case: HashSet<Key> = page.rows.into_iter().map(|row| row.key).collect();
        let (own, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(key, _)| of_the_case.contains(key));
        strangers.extend(others.into_iter().map(|(_, text)| text.clone()));
        Ok((own.into_iter().map(|(key, _)| key).collect(), strangers))
    }
}

/// How many of the due records of each stage an open case counts already.
pub(in crate::engine) fn already_asked(
    store: &dyn Inspect,
    policy: &Policy,
    data: &Data,
    plan: &DataPlan,
    circumstances: &Circumstances,
) -> Result<Vec<u64>, StoreError> {
    let data = plan::with_references(data, &plan.schema);
    let held = holding::held(policy, &data, &plan.schema, circumstances.holds.iter());
    let scope = plan::scope(&data, circumstances);
    let asked = |stage: &StagePlan| {
        let Some(selection) = plan.selections.stages.get(stage.selection) else { return Ok(0) };
        let seat = seat(policy, &data, stage.class.as_deref(), stage.stage);
        let open = circumstances.cases.iter().find(|case| case.is_open() && case.waiting.seat == seat);
        let (Action::Escalate(_), Some(case), Some(start), 1..) =
            (&stage.action, open, &selection.start, stage.due)
        else {
            return Ok(0);
        };
        let by_then = timing::due_set(policy, plan::stage_of(&data, selection), case.waiting.seen);
        let by_then = Predicate::Start { start: start.clone(), is: StartIs::In(by_then) };
        let (unheld, _) = select::held(selection.acts.clone(), &held);
        let group = Group { predicate: unheld.and(by_then), start: None, samples: 0 };
        let due = store.count(&scope, &[group])?.tallies.first().map_or(0, |tally| tally.count);
        // What came later with an older start is not in the case before a run has looked again.
        Ok(due.min(case.waiting.records).min(stage.due))
    };
    plan.stages.iter().map(asked).collect()
}

/// The case that a record at an `escalate` stage is in.
#[derive(Clone, Debug)]
pub struct InCase {
    /// The case.
    pub case: Case,
    /// The part, where the record was decided over by itself.
    pub part: Option<Part>,
    /// A run has counted the record among those of the case; else the next one will.
    pub counted: bool,
}

impl InCase {
    /// What has become of it: of the part, where the record was decided over by itself.
    pub fn state(&self) -> CaseState {
        self.part.as_ref().map_or(self.case.state, |part| part.state)
    }

    /// What was decided and is not carried out yet.
    pub fn decided(&self) -> Option<&Decided> {
        let decision = match &self.part {
            Some(part) => part.decision.as_ref(),
            None => self.case.decision.as_ref(),
        };
        decision.filter(|_| self.state() == CaseState::Decided)
    }
}

/// Finds the case of one record: the one whose decision stands over it, else the one that waits.
pub fn case_of(
    policy: &Policy,
    data: &Data,
    (class, number): (Option<&str>, usize),
    (key, start): (&Key, StartValue),
    cases: &[Case],
    now: crate::time::Instant,
) -> Option<InCase> {
    let seat = seat(policy, data, class, number);
    let (stage, _) = stage_of(policy, &seat)?;
    let here = || cases.iter().filter(|case| case.waiting.seat == seat);
    let due = |seen| timing::due_set(policy, stage, seen).contains(start);
    let decided = here().find_map(|case| {
        let ruling = case.rulings(now).into_iter().find(|ruling| {
            let named = ruling.only.as_ref().is_none_or(|only| only.contains(key));
            named && !ruling.but.contains(key) && due(ruling.seen)
        })?;
        let part = case.parts.iter().find(|part| Some(part.number) == ruling.matter.part).cloned();
        Some(InCase { case: case.clone(), part, counted: true })
    });
    decided.or_else(|| {
        let case = here().find(|case| case.is_open())?;
        let proposed = |part: &&Part| part.state == CaseState::Proposed && part.keys.contains(key);
        let part = case.parts.iter().find(proposed).cloned();
        Some(InCase { case: case.clone(), part, counted: due(case.waiting.seen) })
    })
}
