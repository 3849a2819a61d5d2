//! What is remembered of reviews. The rules stand here once, pure, so that the stores cannot differ.

mod cancelling;
mod deciding;

use crate::audit::entry::ReviewNote;
use crate::model::ids::CaseId;
use crate::model::key::Key;
use crate::model::review::{Case, CaseState, Decision, Matter, Part, Verdict, Waiting};
use crate::state::api::{Actor, StateError};
use crate::time::Instant;

pub use deciding::MOST_KEYS;

/// The review cases of a state.
pub trait ReviewBook: Send + Sync {
    /// The cases, oldest first. Without `ended` only those that wait for somebody or whose decision stands.
    fn cases(&self, ended: bool) -> Result<Vec<Case>, StateError>;

    /// Changes one case in one transaction with its entry; the case as it is then. `Refused` says why nothing was
    /// changed. Nobody (`None`) is the program itself.
    fn change_case(&self, now: Instant, by: Option<&Actor>, change: &Change) -> Result<Case, StateError>;
}

/// What happens to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A run saw records waiting: opens a case at that seat, or lets the open one grow. A case that is proposed
    /// stays as it was seen by the one who proposed.
    See(Waiting),
    /// Nothing waits any more.
    Lapse(CaseId),
    /// Somebody decides over everything in the case that is in no part. As many people as the quorum says have to say
    /// the same.
    Decide(CaseId, Decision, Quorum),
    /// Somebody decides over these records alone; the rest of the case waits. A record that was decided over before
    /// leaves that decision.
    DecideOnly(CaseId, Vec<Key>, Decision, Quorum),
    /// Somebody takes every decision in the case back before it is carried out: its records wait again.
    Cancel(CaseId, String),
    /// The same for these records alone.
    CancelOnly(CaseId, Vec<Key>, String),
    /// The archive has the records.
    Receive(Matter, String, Instant),
    /// The decision was carried out on that many records.
    Execute(Matter, u64),
}

/// Who has to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// How many different people.
    pub people: u32,
    /// Who wrote the policy, as a pseudonym. Where several people are asked, the author is none of them.
    pub author: Option<String>,
}

/// A case after a change, with what the log says of it; `None` where it says nothing.
pub(super) type Changed = (Case, Option<ReviewNote>);

/// What gives an order, and what its keys become in the log.
pub(super) struct Order<'a> {
    /// The moment.
    pub(super) now: Instant,
    /// The pseudonym of whoever gives it; `None` for the program itself.
    pub(super) by: Option<String>,
    /// The commitment to a record's key.
    pub(super) commit: &'a dyn Fn(&CaseId, &Key) -> String,
}

/// The case after the change.
pub(super) fn changed(cases: &[Case], order: &Order<'_>, change: &Change) -> Result<Changed, StateError> {
    let find = |id: &CaseId| {
        let found = cases.iter().find(|case| case.id == *id);
        found
            .cloned()
            .ok_or_else(|| refused(format!("there is no case {id}: `forfall review list` shows them")))
    };
    match change {
        Change::See(waiting) => Ok(seen(cases, order, waiting)),
        Change::Lapse(id) => lapsed(find(id)?, order),
        Change::Decide(id, decision, quorum) => deciding::whole(find(id)?, order, decision, quorum),
        Change::DecideOnly(id, keys, decision, quorum) => {
            deciding::only(find(id)?, order, keys, decision, quorum)
        }
        Change::Cancel(id, reason) => cancelling::whole(find(id)?, order, reason),
        Change::CancelOnly(id, keys, reason) => cancelling::only(find(id)?, order, keys, reason),
        Change::Receive(matter, receipt, effective) => {
            received(find(&matter.case)?, order, *matter, receipt, *effective)
        }
        Change::Execute(matter, done) => executed(find(&matter.case)?, order, *matter, *done),
    }
}

fn seen(cases: &[Case], order: &Order<'_>, waiting: &Waiting) -> Changed {
    let open = cases.iter().find(|case| case.is_open() && case.waiting.seat == waiting.seat);
    match open {
        Some(case) if case.state == CaseState::Proposed => (case.clone(), None),
        Some(case) => {
            // What was kept until a day that has passed is among what waits again.
            let kept = |part: &&Part| part.state != CaseState::Decided || part.standing(order.now).is_some();
            let parts = case.parts.iter().filter(kept).cloned().collect();
            (Case { waiting: waiting.clone(), parts, ..case.clone() }, None)
        }
        None => {
            let case = Case {
                id: CaseId::at(order.now),
                opened: order.now,
                reopened: None,
                state: CaseState::Open,
                waiting: waiting.clone(),
                decision: None,
                parts: Vec::new(),
                parts_made: 0,
            };
            told(case, "open", order, None)
        }
    }
}

/// Where every record of a case was decided over by itself, the case is decided and nobody is asked any more.
fn lapsed(mut case: Case, order: &Order<'_>) -> Result<Changed, StateError> {
    must_be_open(&case)?;
    case.decision = None;
    case.state = match case.parts.iter().any(|part| part.decision.is_some()) {
        true => CaseState::Decided,
        false => CaseState::Lapsed,
    };
    settle(&mut case);
    Ok(told(case, "lapse", order, None))
}

fn received(
    mut case: Case,
    order: &Order<'_>,
    matter: Matter,
    receipt: &str,
    effective: Instant,
) -> Result<Changed, StateError> {
    let decided = match matter.part {
        None => case.decision.as_mut().filter(|_| case.state == CaseState::Decided),
        Some(number) => {
            let part =
                case.parts.iter_mut().find(|part| part.number == number && part.state == CaseState::Decided);
            part.and_then(|part| part.decision.as_mut())
        }
    };
    let Some(transfer) = decided.filter(|one| one.verdict == Verdict::Transfer) else {
        return Err(refused(format!("case {matter} waits for no receipt: no transfer is decided in it")));
    };
    if transfer.receipt.is_some() {
        return Err(refused(format!("case {matter} has its receipt already")));
    }
    transfer.receipt = Some(receipt.to_owned());
    transfer.effective = effective;
    Ok(told_of(case, matter.part, "receipt", order, Some(receipt.to_owned())))
}

fn executed(mut case: Case, order: &Order<'_>, matter: Matter, done: u64) -> Result<Changed, StateError> {
    let state = match matter.part {
        None => Some(&mut case.state),
        Some(number) => case.parts.iter_mut().find(|part| part.number == number).map(|part| {
            // Which records they were is in the log only, as commitments.
            if part.state == CaseState::Decided {
                part.keys.clear();
            }
            &mut part.state
        }),
    };
    let Some(state) = state.filter(|state| **state == CaseState::Decided) else {
        return Err(refused(format!("case {matter} is not decided")));
    };
    *state = CaseState::Executed;
    settle(&mut case);
    let (case, note) = told_of(case, matter.part, "execute", order, None);
    Ok((case, note.map(|note| ReviewNote { records: done, only: Vec::new(), ..note })))
}

/// A case that was decided part by part has come to its end with the last of them.
fn settle(case: &mut Case) {
    if case.state == CaseState::Decided
        && case.decision.is_none()
        && !case.parts.iter().any(Part::is_under_way)
    {
        case.state = CaseState::Executed;
    }
}

/// Counts anew what waits, after parts have changed: `apart` records were set apart before.
fn recount(case: &mut Case, apart: u64) {
    case.waiting.records = (case.waiting.records + apart).saturating_sub(case.set_apart());
}

fn must_be_open(case: &Case) -> Result<(), StateError> {
    if case.is_open() {
        return Ok(());
    }
    Err(refused(format!("case {} is {} already", case.id, case.state.word())))
}

fn told(case: Case, change: &str, order: &Order<'_>, reason: Option<String>) -> Changed {
    told_of(case, None, change, order, reason)
}

fn told_of(
    case: Case,
    part: Option<u32>,
    change: &str,
    order: &Order<'_>,
    reason: Option<String>,
) -> Changed {
    let seat = &case.waiting.seat;
    let found = part.and_then(|number| case.parts.iter().find(|part| part.number == number));
    let decision = match found {
        Some(part) => part.decision.as_ref(),
        None => case.decision.as_ref(),
    };
    let keys = found.map(|part| part.keys.iter()).into_iter().flatten();
    let note = ReviewNote {
        case: case.id,
        change: change.to_owned(),
        by: order.by.clone(),
        policy: seat.policy.clone(),
        store: seat.store.clone(),
        collection: seat.collection.clone(),
        class: seat.class.clone(),
        stage: seat.stage,
        part,
        only: sorted(keys.map(|key| (order.commit)(&case.id, key)).collect()),
        records: found.map_or(case.waiting.records, |part| part.records),
        up_to: found.map_or(case.waiting.seen, |part| part.seen),
        decision: decision.map(|decision| decision.verdict.word().to_owned()),
        reason,
        reference: decision.and_then(|decision| decision.reference.clone()),
        valid_from: decision.and_then(|decision| decision.valid.0),
        valid_until: decision.and_then(|decision| decision.valid.1),
    };
    (case, Some(note))
}

/// The order of the keys would tell something of them.
fn sorted(mut commitments: Vec<String>) -> Vec<String> {
    commitments.sort_unstable();
    commitments
}

fn refused(why: String) -> StateError {
    StateError::Refused(why)
}
