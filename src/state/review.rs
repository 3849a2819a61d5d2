//! What is remembered of reviews. The rules stand here once, pure, so that the stores cannot differ.

use crate::audit::entry::ReviewNote;
use crate::model::ids::CaseId;
use crate::model::review::{Case, CaseState, Decision, Verdict, Waiting};
use crate::state::api::{Actor, StateError};
use crate::time::Instant;

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
    /// Somebody decides. So many people have to say the same.
    Decide(CaseId, Decision, Quorum),
    /// Somebody takes the decision back before it is carried out: the case waits again.
    Cancel(CaseId, String),
    /// The archive has the records.
    Receive(CaseId, String, Instant),
    /// The decision was carried out on that many records.
    Execute(CaseId, u64),
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

/// The case after the change. `by` is the pseudonym of whoever gives the order.
pub(super) fn changed(
    cases: &[Case],
    now: Instant,
    by: Option<String>,
    change: &Change,
) -> Result<Changed, StateError> {
    let find = |id: &CaseId| {
        let found = cases.iter().find(|case| case.id == *id);
        found
            .cloned()
            .ok_or_else(|| refused(format!("there is no case {id}: `forfall review list` shows them")))
    };
    match change {
        Change::See(waiting) => Ok(seen(cases, now, by, waiting)),
        Change::Lapse(id) => {
            let mut case = find(id)?;
            must_be_open(&case)?;
            case.state = CaseState::Lapsed;
            case.decision = None;
            Ok(told(case, "lapse", by, None))
        }
        Change::Decide(id, decision, quorum) => decided(find(id)?, by, decision, quorum),
        Change::Cancel(id, reason) => {
            let mut case = find(id)?;
            let stands = matches!(case.state, CaseState::Decided | CaseState::Proposed);
            if !stands {
                return Err(refused(format!(
                    "case {id} is {}, so there is nothing to cancel",
                    case.state.word()
                )));
            }
            case.state = CaseState::Open;
            case.decision = None;
            Ok(told(case, "cancel", by, Some(reason.clone())))
        }
        Change::Receive(id, receipt, effective) => {
            let mut case = find(id)?;
            let transfer = case
                .decision
                .as_mut()
                .filter(|one| case.state == CaseState::Decided && one.verdict == Verdict::Transfer);
            let Some(transfer) = transfer else {
                return Err(refused(format!("case {id} waits for no receipt: no transfer is decided in it")));
            };
            if transfer.receipt.is_some() {
                return Err(refused(format!("case {id} has its receipt already")));
            }
            transfer.receipt = Some(receipt.clone());
            transfer.effective = *effective;
            Ok(told(case, "receipt", by, Some(receipt.clone())))
        }
        Change::Execute(id, done) => {
            let mut case = find(id)?;
            if case.state != CaseState::Decided {
                return Err(refused(format!("case {id} is not decided")));
            }
            case.state = CaseState::Executed;
            let (case, note) = told(case, "execute", by, None);
            Ok((case, note.map(|note| ReviewNote { records: *done, ..note })))
        }
    }
}

fn seen(cases: &[Case], now: Instant, by: Option<String>, waiting: &Waiting) -> Changed {
    let open = cases.iter().find(|case| case.is_open() && case.waiting.seat == waiting.seat);
    match open {
        Some(case) if case.state == CaseState::Proposed => (case.clone(), None),
        Some(case) => (Case { waiting: waiting.clone(), ..case.clone() }, None),
        None => {
            let case = Case {
                id: CaseId::at(now),
                opened: now,
                state: CaseState::Open,
                waiting: waiting.clone(),
                decision: None,
            };
            told(case, "open", by, None)
        }
    }
}

fn decided(
    mut case: Case,
    by: Option<String>,
    decision: &Decision,
    quorum: &Quorum,
) -> Result<Changed, StateError> {
    must_be_open(&case)?;
    let by = by.ok_or_else(|| refused("a decision needs somebody who takes it".to_owned()))?;
    let asked = quorum.people;
    if asked > 1 && quorum.author.as_ref() == Some(&by) {
        return Err(refused(format!(
            "you are the author of policy {}, and so none of the {asked} people who have to decide case {}: somebody else \
             has to",
            case.waiting.seat.policy, case.id
        )));
    }
    let mut people = Vec::new();
    if let Some(first) = &case.decision {
        if first.by.contains(&by) {
            return Err(refused(format!(
                "you have decided case {} already: {asked} different people have to",
                case.id
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
    people.push(by.clone());
    let enough = people.len() >= usize::try_from(asked).unwrap_or(usize::MAX);
    case.state = if enough { CaseState::Decided } else { CaseState::Proposed };
    case.decision = Some(Decision { by: people, ..decision.clone() });
    let reason = Some(decision.reason.clone());
    Ok(told(case, if enough { "decide" } else { "propose" }, Some(by), reason))
}

fn must_be_open(case: &Case) -> Result<(), StateError> {
    if case.is_open() {
        return Ok(());
    }
    Err(refused(format!("case {} is {} already", case.id, case.state.word())))
}

fn told(case: Case, change: &str, by: Option<String>, reason: Option<String>) -> Changed {
    let seat = &case.waiting.seat;
    let decision = case.decision.as_ref();
    let note = ReviewNote {
        case: case.id,
        change: change.to_owned(),
        by,
        policy: seat.policy.clone(),
        store: seat.store.clone(),
        collection: seat.collection.clone(),
        class: seat.class.clone(),
        stage: seat.stage,
        records: case.waiting.records,
        up_to: case.waiting.seen,
        decision: decision.map(|decision| decision.verdict.word().to_owned()),
        reason,
        reference: decision.and_then(|decision| decision.reference.clone()),
    };
    (case, Some(note))
}

fn refused(why: String) -> StateError {
    StateError::Refused(why)
}
