//! `forfall explain`: why a record is kept, when it will go, or when it went.

mod prose;

use serde::Serialize;

use super::Context;
use super::exit::{Exit, Failure};
use super::phrase;
use super::session::Session;
use crate::audit::entry::Body;
use crate::engine::explain::{self as engine_explain, Explanation, Past};
use crate::engine::review::InCase;
use crate::model::start::StartState;
use crate::policy::decide::{Decision, Verdict};
use crate::policy::rule::Policy;
use crate::time::Instant;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy
    policy: String,
    /// The record's key: a plain value, a JSON array for a composite key, a path for a file
    #[arg(allow_hyphen_values = true)]
    key: String,
    /// The store, where the policy binds several
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
}

#[derive(Serialize)]
struct Explained<'a> {
    policy: &'a str,
    store: &'a str,
    collection: &'a str,
    key: &'a str,
    found: bool,
    answer: Option<&'static str>,
    class: Option<&'a str>,
    stage: Option<usize>,
    action: Option<&'static str>,
    start: Option<String>,
    due: Option<Instant>,
    at_latest: Option<Instant>,
    holds: Vec<String>,
    review: Option<Review>,
    hindrance: Option<&'a str>,
    why: &'a [String],
    would_change: &'a [String],
    history: Vec<History>,
}

/// The review case of the record.
#[derive(Serialize)]
struct Review {
    case: String,
    part: Option<u32>,
    state: &'static str,
    /// What was decided.
    decision: Option<&'static str>,
    /// By when a decision is wanted.
    deadline: Option<Instant>,
    /// From when on the decision is carried out.
    effective: Option<Instant>,
    /// Until when the record is kept.
    until: Option<Instant>,
}

#[derive(Serialize)]
struct History {
    index: u64,
    time: Instant,
    run: String,
    batch: String,
    class: Option<String>,
    stage: usize,
    action: String,
    policy_hash: String,
    done: Option<bool>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::look(context)?;
    let policy = session.policy(&args.policy)?;
    if policy.data.is_empty() {
        return Err(Failure::usage(format!("policy {} binds no data yet, so it has no records", policy.id)));
    }
    let explanations = explanations(&session, policy, args)?;
    // A record is where it is found, or else where it was.
    let told = explanations
        .iter()
        .find(|told| told.decision.is_some())
        .or_else(|| explanations.iter().find(|told| !told.history.is_empty()))
        .or_else(|| explanations.iter().find(|told| !told.elsewhere))
        .or_else(|| explanations.first())
        .ok_or_else(|| Failure::usage(format!("policy {} binds nothing in that store", policy.id)))?;
    let others = explanations
        .iter()
        .filter(|other| other.decision.is_some() && other.target.store != told.target.store);
    for other in others {
        let store = &other.target.store;
        context.output.say(format!(
            "The same key names a record in store {store} too: --store {store} explains that one."
        ));
    }
    if context.output.is_json() {
        context.output.json(&json(policy, &args.key, told))?;
    } else {
        for line in prose::lines(policy, &args.key, told, &context.output) {
            context.output.line(line)?;
        }
    }
    Ok(Exit::Done)
}

fn explanations(session: &Session, policy: &Policy, args: &Args) -> Result<Vec<Explanation>, Failure> {
    if let Some(store) = &args.store {
        session.known_store(store)?;
    }
    let wanted = |store: &str| args.store.as_ref().is_none_or(|named| named == store);
    let mut explanations = Vec::new();
    let mut trouble = None;
    for data in policy.data.iter().filter(|data| wanted(data.target.store.as_str())) {
        match engine_explain::explain(&session.engine, policy, data, &args.key) {
            Ok(explanation) => explanations.push(explanation),
            Err(error) => trouble = Some(error),
        }
    }
    let found = explanations.iter().any(|told| told.decision.is_some());
    match trouble {
        Some(error) if !found => Err(error.into()),
        _ => Ok(explanations),
    }
}

/// The answer for one record of a policy's first data, in one sentence.
pub(super) fn headline(session: &Session, policy: &Policy, key: &str) -> Result<String, Failure> {
    let told = engine_explain::explain(&session.engine, policy, &policy.data[0], key)?;
    Ok(prose::headline(policy, &told).1)
}

fn json<'a>(policy: &'a Policy, key: &'a str, told: &'a Explanation) -> Explained<'a> {
    let decision = told.decision.as_ref();
    let step = decision.and_then(|decision| decision.steps.get(decision.stage?));
    let start = match decision.and_then(|decision| decision.start) {
        Some(StartState::Known(value)) => Some(phrase::start_json(value)),
        _ => None,
    };
    Explained {
        policy: policy.id.as_str(),
        store: told.target.store.as_str(),
        collection: &told.target.collection,
        key,
        found: decision.is_some(),
        answer: decision.map(Decision::word),
        class: decision.and_then(|decision| decision.class.as_deref()),
        stage: step.map(|step| step.stage),
        action: step.map(|step| step.action),
        start,
        due: decision.and_then(due),
        at_latest: step.and_then(|step| step.deadline),
        holds: told.holds.iter().map(|hold| hold.id.to_string()).collect(),
        review: told.review.as_ref().map(review),
        hindrance: told.hindrance.as_deref(),
        why: decision.map_or(&[], |decision| &decision.why),
        would_change: decision.map_or(&[], |decision| &decision.would_change),
        history: told.history.iter().filter_map(history).collect(),
    }
}

fn review(review: &InCase) -> Review {
    let decided = review.decided();
    Review {
        case: review.case.id.to_string(),
        part: review.part.as_ref().map(|part| part.number),
        state: review.state().word(),
        decision: decided.map(|decided| decided.verdict.word()),
        deadline: review.case.waiting.deadline.filter(|_| decided.is_none()),
        effective: decided.map(|decided| decided.effective),
        until: decided.and_then(|decided| decided.until),
    }
}

/// When the stage that the verdict speaks of is due.
fn due(decision: &Decision) -> Option<Instant> {
    match decision.verdict {
        Verdict::Held(due) | Verdict::Needed(due) | Verdict::Due(due) | Verdict::Escalated(due) => {
            Some(due.due)
        }
        Verdict::NotDue { next_due } => next_due,
        _ => None,
    }
}

fn history(past: &Past) -> Option<History> {
    let Body::Intent(intent) = &past.intent.entry.body else { return None };
    let label = &intent.label;
    Some(History {
        index: past.intent.index,
        time: past.intent.entry.time,
        run: label.run.to_string(),
        batch: label.batch.to_string(),
        class: label.class.clone(),
        stage: label.stage,
        action: label.action.clone(),
        policy_hash: intent.hash.clone(),
        done: past.done,
    })
}
