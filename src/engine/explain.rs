//! Why a record is still there, when it will go, or when and under which stage it went.

use crate::adapter::api::StoreError;
use crate::model::action::Action;
use crate::model::evaluate::World;
use crate::model::hold::{Held, Hold};
use crate::model::key::{Key, KeyForm};
use crate::model::pattern::Pattern;
use crate::model::predicate::Predicate;
use crate::model::schema::{ColumnKind, Schema};
use crate::model::start::StartState;
use crate::model::target::Target;
use crate::policy::decide::{self, Decision, Verdict};
use crate::policy::rule::{Data, Policy};
use crate::state::api::Placed;

use super::review::{self, InCase};
use super::{Engine, EngineError, certify, hindrance, holding, plan};

/// What is known of a record.
#[derive(Debug)]
pub struct Explanation {
    /// The store.
    pub target: Target,
    /// The key as read.
    pub key: Key,
    /// It is a path that the collection's pattern does not match: whatever lies there is none of the policy's.
    pub elsewhere: bool,
    /// What the policy decides for it; `None` if it is not there.
    pub decision: Option<Decision>,
    /// The holds that cover it.
    pub holds: Vec<Hold>,
    /// The batches that acted on it, oldest first.
    pub history: Vec<Past>,
    /// It is due, and this may keep the next run from acting.
    pub hindrance: Option<String>,
    /// The review case that it is in; `None` if nobody has to decide over it, or no run has opened one yet.
    pub review: Option<InCase>,
}

/// A batch that acted on the record.
#[derive(Debug)]
pub struct Past {
    /// The intent.
    pub intent: Placed,
    /// Whether its outcome says that this record was dealt with; `None` while there is no outcome.
    pub done: Option<bool>,
}

/// Explains one record of one `[[data]]`.
pub fn explain(
    engine: &Engine,
    policy: &Policy,
    data: &Data,
    key_text: &str,
) -> Result<Explanation, EngineError> {
    let now = engine.clock.now();
    let circumstances = super::run::circumstances(engine, policy, now)?;
    let store = engine.inspect(&data.target.store)?;
    let schema = store.probe(&data.target)?;
    let key = key(&schema, key_text)?;
    let data = plan::with_references(data, &schema);
    let scope = plan::scope(&data, &circumstances);
    let row = store.read(&scope, &key)?;
    // Of a record that is not there only its key can be asked.
    let by_key = |hold: &&Hold| Held::of_data(&[*hold], &policy.id, &data.target).covers(&key);
    let mut holds: Vec<Hold> = circumstances.holds.iter().filter(by_key).cloned().collect();
    let decision = match &row {
        Some(row) => {
            let mut trouble: Option<StoreError> = None;
            let reached = data.target.reached_by.iter().map(|reach| {
                let asked = Predicate::Reached(reach.clone())
                    .and(Predicate::KeyIn(std::sync::Arc::new(std::iter::once(key.clone()).collect())));
                match store.any(&scope, &asked, None) {
                    Ok(reached) => (reach.clone(), reached),
                    Err(error) => {
                        trouble = Some(error);
                        (reach.clone(), true)
                    }
                }
            });
            let reached: Vec<_> = reached.collect();
            if let Some(error) = trouble {
                return Err(error.into());
            }
            let reached = |asked: &crate::model::predicate::Reach| {
                reached.iter().any(|(reach, answer)| reach == asked && *answer)
            };
            let world = World { events: &circumstances.events, reached: &reached };
            let all_changes = plan::changes_of(&data, &schema)?;
            let changes = |stage: &crate::policy::rule::Stage| all_changes.of(stage);
            let covers = |hold: &&Hold| {
                let only = holding::held(policy, &data, &schema, [*hold]);
                let met = |condition: &Predicate| condition.answer(&*row.fields, &world) != Some(false);
                only.covers(&key) || only.conditions.iter().any(met)
            };
            holds = circumstances.holds.iter().filter(covers).cloned().collect();
            let held = !holds.is_empty();
            Some(decide::decide(policy, &data, &*row.fields, &world, held, &changes, now))
        }
        None => None,
    };
    let history = history(engine, policy, &data.target, &key)?;
    let target = (*data.target).clone();
    let elsewhere = schema.key_form == KeyForm::Path
        && Pattern::parse(&target.collection).is_ok_and(|pattern| !pattern.matches(key_text.as_bytes()));
    let review = decision.as_ref().and_then(|told| in_case(policy, &data, told, &key, &circumstances));
    let is_due = decision.as_ref().is_some_and(|told| matches!(told.verdict, Verdict::Due(_)))
        || review.as_ref().is_some_and(|review| review.decided().is_some());
    let hindrance = if is_due {
        hindrance::hindrance(engine, policy, &data, (&store.identity()?, &schema.fingerprint), now)?
    } else {
        None
    };
    Ok(Explanation { target, key, elsewhere, decision, holds, history, hindrance, review })
}

/// The review case of a record that waits for a person, or is held and would wait.
fn in_case(
    policy: &Policy,
    data: &Data,
    told: &Decision,
    key: &Key,
    circumstances: &plan::Circumstances,
) -> Option<InCase> {
    let stage = data.branches.get(told.branch?)?.stages.get(told.stage?)?;
    let (Action::Escalate(_), Some(StartState::Known(start))) = (&stage.action, told.start) else {
        return None;
    };
    let due = matches!(told.verdict, Verdict::Escalated(_) | Verdict::Held(_));
    let place = (told.class.as_deref(), stage.number);
    due.then(|| review::case_of(policy, data, place, (key, start), &circumstances.cases, circumstances.now))?
}

/// Reads a key as the collection of one `[[data]]` spells its keys.
pub fn read_key(engine: &Engine, data: &Data, key_text: &str) -> Result<Key, EngineError> {
    key(&engine.inspect(&data.target.store)?.probe(&data.target)?, key_text)
}

fn key(schema: &Schema, key_text: &str) -> Result<Key, EngineError> {
    let texts: Vec<bool> = schema
        .key
        .iter()
        .map(|name| schema.column(name).is_some_and(|column| column.kind == ColumnKind::Text))
        .collect();
    Ok(Key::parse(key_text, schema.key_form, &texts)?)
}

/// Every batch of the policy on this collection that names the record.
fn history(engine: &Engine, policy: &Policy, target: &Target, key: &Key) -> Result<Vec<Past>, EngineError> {
    let record = certify::Record {
        store: target.store.clone(),
        collection: target.collection.clone(),
        form: crate::model::key::KeyForm::Columns,
        key: key.clone(),
    };
    let search = certify::search(&*engine.state, &record)?;
    let own = search
        .found
        .into_iter()
        .filter(|found| found.announced().is_some_and(|intent| intent.label.policy == policy.id));
    Ok(own.map(|found| Past { done: found.done, intent: found.intent }).collect())
}
