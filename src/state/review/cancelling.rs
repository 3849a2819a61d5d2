//! Somebody takes back what was decided, before it is carried out.

use super::{Changed, Order, recount, refused, sorted, told};
use crate::model::key::Key;
use crate::model::review::{Case, CaseState, Part};
use crate::state::api::StateError;

/// Takes every decision in the case back.
pub(super) fn whole(mut case: Case, order: &Order<'_>, reason: &str) -> Result<Changed, StateError> {
    let decided = case.decision.is_some() && matches!(case.state, CaseState::Decided | CaseState::Proposed);
    if !decided && !case.parts.iter().any(Part::is_under_way) {
        return Err(refused(format!(
            "case {} is {}, so there is nothing to cancel",
            case.id,
            case.state.word()
        )));
    }
    let apart = case.set_apart();
    case.parts.retain(|part| part.state == CaseState::Executed);
    recount(&mut case, apart);
    reopen(&mut case, order, true);
    Ok(told(case, "cancel", order, Some(reason.to_owned())))
}

/// Takes back what was decided over these records by themselves.
pub(super) fn only(
    mut case: Case,
    order: &Order<'_>,
    keys: &[Key],
    reason: &str,
) -> Result<Changed, StateError> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let decided =
        |key: &Key| case.parts.iter().any(|part| part.is_under_way() && part.keys.binary_search(key).is_ok());
    let undecided = keys.iter().filter(|key| !decided(key)).count();
    if undecided > 0 || keys.is_empty() {
        return Err(refused(format!(
            "{undecided} of these {} records are in no decision of their own in case {}: `forfall review show {1}` tells \
             which are",
            keys.len(),
            case.id
        )));
    }
    let apart = case.set_apart();
    case.leave(&keys);
    let commitments = sorted(keys.iter().map(|key| (order.commit)(&case.id, key)).collect());
    let count = keys.len() as u64;
    if case.decision.is_some() && matches!(case.state, CaseState::Decided | CaseState::Proposed) {
        // Nobody who decided over the rest, or proposed to, has meant these.
        case.parts_made += 1;
        case.parts.push(Part {
            number: case.parts_made,
            keys,
            records: count,
            seen: case.waiting.seen,
            state: CaseState::Open,
            decision: None,
        });
    } else {
        reopen(&mut case, order, false);
    }
    recount(&mut case, apart);
    let (case, note) = told(case, "cancel", order, Some(reason.to_owned()));
    let note = note.map(|note| crate::audit::entry::ReviewNote {
        only: commitments,
        records: count,
        decision: None,
        reference: None,
        valid_from: None,
        valid_until: None,
        ..note
    });
    Ok((case, note))
}

/// The rest of the case waits again, if there is anything that it could wait for.
fn reopen(case: &mut Case, order: &Order<'_>, with_the_rest: bool) {
    let decided_in_parts = case.state == CaseState::Decided && case.decision.is_none();
    let taken_back = with_the_rest && matches!(case.state, CaseState::Decided | CaseState::Proposed);
    if decided_in_parts || taken_back {
        case.state = CaseState::Open;
        case.decision = None;
        case.reopened = Some(order.now);
    }
}
