//! Somebody decides: over a whole case, or over some of its records.

use super::{Changed, Order, Quorum, must_be_open, recount, refused, told, told_of};
use crate::model::key::Key;
use crate::model::review::{Case, CaseState, Decision, Part};
use crate::state::api::StateError;

/// How many records can be named in one decision: its entry has to fit into the log's export.
pub const MOST_KEYS: usize = 500;

/// Decides over everything in the case that is in no part.
pub(super) fn whole(
    mut case: Case,
    order: &Order<'_>,
    decision: &Decision,
    quorum: &Quorum,
) -> Result<Changed, StateError> {
    must_be_open(&case)?;
    let by = person(&case, order, quorum)?;
    let people = joined(&case, case.decision.as_ref(), &by, decision, quorum)?;
    case.state = state(&people, quorum);
    if case.decision.is_none() {
        // An extension that has come to its end has given its records back to the rest. Once somebody has proposed
        // something over the rest, it stays what that person saw.
        let apart = case.set_apart();
        case.parts.retain(|part| part.state != CaseState::Decided || part.standing(order.now).is_some());
        recount(&mut case, apart);
    }
    case.decision = Some(Decision { by: people, ..decision.clone() });
    let change = word(case.state);
    Ok(told(case, change, order, Some(decision.reason.clone())))
}

/// Decides over these records of the case alone.
pub(super) fn only(
    mut case: Case,
    order: &Order<'_>,
    keys: &[Key],
    decision: &Decision,
    quorum: &Quorum,
) -> Result<Changed, StateError> {
    if matches!(case.state, CaseState::Executed | CaseState::Lapsed) {
        return Err(refused(format!("case {} is {} already", case.id, case.state.word())));
    }
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(refused(format!(
            "{} records are named: a decision names 1 to {MOST_KEYS}; decide over more in several goes",
            keys.len()
        )));
    }
    let by = person(&case, order, quorum)?;
    let proposed = |part: &&mut Part| part.state == CaseState::Proposed;
    let touched = case.parts.iter_mut().filter(proposed).find(|part| overlap(part, &keys));
    let number = match touched {
        Some(part) if part.keys == keys => part.number,
        Some(part) => {
            return Err(refused(format!(
                "some of these records are among {} that somebody has proposed to decide over together ({}): decide the \
                 same over the same records, or `forfall review cancel {} --only` them first",
                part.records,
                part.decision.as_ref().map_or("", |one| one.verdict.word()),
                case.id
            )));
        }
        None => {
            case.parts_made += 1;
            case.parts_made
        }
    };
    let known = case.parts.iter().find(|part| part.number == number);
    let people = joined(&case, known.and_then(|part| part.decision.as_ref()), &by, decision, quorum)?;
    let part = Part {
        number,
        records: keys.len() as u64,
        seen: known.map_or(case.waiting.seen, |part| part.seen),
        state: state(&people, quorum),
        decision: Some(Decision { by: people, ..decision.clone() }),
        keys,
    };
    // The newer decision over a record wins: it leaves the older one.
    let apart = case.set_apart();
    case.leave(&part.keys);
    let change = word(part.state);
    case.parts.push(part);
    recount(&mut case, apart);
    case.parts.sort_by_key(|part| part.number);
    Ok(told_of(case, Some(number), change, order, Some(decision.reason.clone())))
}

fn overlap(part: &Part, keys: &[Key]) -> bool {
    part.keys.iter().any(|key| keys.binary_search(key).is_ok())
}

/// Who decides; an error if they may not.
fn person(case: &Case, order: &Order<'_>, quorum: &Quorum) -> Result<String, StateError> {
    let by = order.by.clone().ok_or_else(|| refused("a decision needs somebody who takes it".to_owned()))?;
    if quorum.people > 1 && quorum.author.as_ref() == Some(&by) {
        return Err(refused(format!(
            "you are the author of policy {}, and so none of the {} people who have to decide case {}: somebody else \
             has to",
            case.waiting.seat.policy, quorum.people, case.id
        )));
    }
    Ok(by)
}

/// Everybody who has decided so, with the one who does now.
fn joined(
    case: &Case,
    first: Option<&Decision>,
    by: &str,
    decision: &Decision,
    quorum: &Quorum,
) -> Result<Vec<String>, StateError> {
    let mut people = Vec::new();
    if let Some(first) = first {
        if first.by.iter().any(|person| person == by) {
            return Err(refused(format!(
                "you have decided case {} already: {} different people have to",
                case.id, quorum.people
            )));
        }
        let same =
            Decision { by: first.by.clone(), at: first.at, effective: first.effective, ..decision.clone() };
        if same != *first {
            return Err(refused(format!(
                "case {} was proposed otherwise ({}): decide the same, or `forfall review cancel` it first",
                case.id,
                first.verdict.word()
            )));
        }
        people.clone_from(&first.by);
    }
    people.push(by.to_owned());
    Ok(people)
}

fn state(people: &[String], quorum: &Quorum) -> CaseState {
    let enough = people.len() >= usize::try_from(quorum.people).unwrap_or(usize::MAX);
    if enough { CaseState::Decided } else { CaseState::Proposed }
}

fn word(state: CaseState) -> &'static str {
    if state == CaseState::Decided { "decide" } else { "propose" }
}
