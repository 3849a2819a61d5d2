//! Review cases: one at each seat, decided by as many people as have to, told in the log.

use super::sample::*;
use crate::audit::entry::{Body, ReviewNote};
use crate::model::ids::{CaseId, StoreName};
use crate::model::key::Key;
use crate::model::review::{Case, CaseState, Decision, Matter, Seat, Verdict, Waiting};
use crate::state::api::{Actor, StateError, StateStore};
use crate::state::review::{Change, Quorum};
use crate::time::Instant;

pub(super) fn waiting(records: u64, seen: Instant) -> Waiting {
    Waiting {
        seat: Seat {
            policy: policy(),
            store: StoreName::new("cameras"),
            collection: "recordings".to_owned(),
            class: None,
            stage: 2,
        },
        seen,
        records,
        oldest: None,
        newest: None,
        oldest_due: None,
        deadline: None,
        to: vec!["archive".to_owned()],
        question: None,
        remind: Some("14 days".to_owned()),
        decisions: vec![Verdict::Delete],
        needs: None,
    }
}

pub(super) fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        reason: "case-17".to_owned(),
        reference: None,
        valid: (None, None),
        until: None,
        receipt: None,
        by: Vec::new(),
        at: later(5),
        effective: later(5),
    }
}

fn see(state: &dyn StateStore, records: u64, at: Instant) -> Case {
    state.change_case(at, None, &Change::See(waiting(records, at))).unwrap()
}

fn decide(
    state: &dyn StateStore,
    who: &str,
    case: CaseId,
    verdict: Verdict,
    approvers: u32,
) -> Result<Case, StateError> {
    let quorum = Quorum { people: approvers, author: None };
    let change = Change::Decide(case, decision(verdict), quorum);
    state.change_case(later(5), Some(&Actor(who.to_owned())), &change)
}

fn told(state: &dyn StateStore) -> Vec<ReviewNote> {
    let notes = bodies(state).into_iter();
    notes.filter_map(|body| if let Body::Review(note) = body { Some(note) } else { None }).collect()
}

pub(crate) fn a_case_grows_until_it_is_decided(state: &dyn StateStore) {
    let case = see(state, 3, noon());
    let grown = see(state, 5, later(1));
    assert_eq!((grown.id, grown.opened, grown.waiting.records), (case.id, noon(), 5));
    assert_eq!(state.cases(false).unwrap(), [grown]);
    assert_eq!(told(state).len(), 1, "growing is no news");
    let decided = decide(state, "kari", case.id, Verdict::Preserve, 1).unwrap();
    assert_eq!((decided.state, decided.waiting.records), (CaseState::Decided, 5));
    let next = see(state, 2, later(9));
    assert_ne!(next.id, case.id, "what falls due after the decision is another case");
    assert_eq!(state.cases(false).unwrap(), [decided, next.clone()]);
    let lapsed = state.change_case(later(10), None, &Change::Lapse(next.id)).unwrap();
    assert_eq!(lapsed.state, CaseState::Lapsed);
    assert_eq!((state.cases(false).unwrap().len(), state.cases(true).unwrap().len()), (1, 2));
    let changes: Vec<String> = told(state).into_iter().map(|note| note.change).collect();
    assert_eq!(changes, ["open", "decide", "open", "lapse"]);
}

pub(crate) fn two_people_have_to_say_the_same(state: &dyn StateStore) {
    let case = see(state, 3, noon()).id;
    assert_eq!(decide(state, "kari", case, Verdict::Delete, 2).unwrap().state, CaseState::Proposed);
    let before = size(state);
    assert!(matches!(decide(state, "kari", case, Verdict::Delete, 2), Err(StateError::Refused(_))));
    assert!(matches!(decide(state, "ola", case, Verdict::Preserve, 2), Err(StateError::Refused(_))));
    assert_eq!(size(state), before, "a refusal changes nothing");
    assert_eq!(see(state, 9, later(6)).waiting.records, 3, "both decide on the same records");
    let decided = decide(state, "ola", case, Verdict::Delete, 2).unwrap();
    assert_eq!(decided.state, CaseState::Decided);
    assert_eq!(decided.decision.unwrap().by.len(), 2);
    assert!(told(state).iter().all(|note| note.by.as_deref().is_none_or(|by| by.starts_with("op-"))));
}

pub(crate) fn the_author_is_none_of_several_people(state: &dyn StateStore) {
    let case = see(state, 3, noon()).id;
    let first = decide(state, "kari", case, Verdict::Delete, 2).unwrap();
    let author = first.decision.unwrap().by.pop();
    state.change_case(later(6), Some(&by()), &Change::Cancel(case, "again".to_owned())).unwrap();
    let decide = |who: &str, people: u32| {
        let quorum = Quorum { people, author: author.clone() };
        let change = Change::Decide(case, decision(Verdict::Delete), quorum);
        state.change_case(later(7), Some(&Actor(who.to_owned())), &change)
    };
    let before = size(state);
    assert!(matches!(decide("kari", 2), Err(StateError::Refused(_))));
    assert_eq!(size(state), before, "a refusal changes nothing");
    assert_eq!(decide("ola", 2).unwrap().state, CaseState::Proposed);
    assert!(matches!(decide("kari", 2), Err(StateError::Refused(_))));
    assert_eq!(decide("per", 2).unwrap().state, CaseState::Decided);
    state.change_case(later(8), Some(&by()), &Change::Cancel(case, "again".to_owned())).unwrap();
    assert_eq!(decide("kari", 1).unwrap().state, CaseState::Decided, "where one is asked, anybody may");
}

pub(crate) fn a_decision_is_taken_back_or_carried_out_once(state: &dyn StateStore) {
    let case = see(state, 3, noon()).id;
    let cancel = Change::Cancel(case, "mistake".to_owned());
    assert!(state.change_case(later(1), Some(&by()), &cancel).is_err(), "nothing is decided");
    decide(state, "kari", case, Verdict::Delete, 1).unwrap();
    let open = state.change_case(later(6), Some(&by()), &cancel).unwrap();
    assert_eq!((open.state, open.decision), (CaseState::Open, None));
    assert!(state.change_case(later(7), None, &Change::Execute(case.into(), 3)).is_err());
    decide(state, "kari", case, Verdict::Delete, 1).unwrap();
    assert!(decide(state, "ola", case, Verdict::Delete, 1).is_err());
    let done = state.change_case(later(8), None, &Change::Execute(case.into(), 3)).unwrap();
    assert_eq!(done.state, CaseState::Executed);
    assert!(state.change_case(later(9), Some(&by()), &cancel).is_err());
    assert!(state.cases(false).unwrap().is_empty());
    assert!(decide(state, "kari", CaseId::at(noon()), Verdict::Delete, 1).is_err());
    assert_eq!(told(state).last().map(|note| (note.change.as_str(), note.records)), Some(("execute", 3)));
}

pub(crate) fn a_transfer_waits_for_its_receipt(state: &dyn StateStore) {
    let case = see(state, 3, noon()).id;
    let receive = Change::Receive(case.into(), "receipt-9".to_owned(), later(20));
    assert!(state.change_case(later(1), Some(&by()), &receive).is_err());
    decide(state, "kari", case, Verdict::Transfer, 1).unwrap();
    let today = noon().date_naive();
    let lets_go = |case: &Case, at| case.standing(at).unwrap().lets_go(at, today).is_ok();
    assert!(!lets_go(&state.cases(false).unwrap()[0], later(30)));
    let received = state.change_case(later(10), Some(&by()), &receive).unwrap();
    assert!(!lets_go(&received, later(19)) && lets_go(&received, later(20)));
    assert!(state.change_case(later(11), Some(&by()), &receive).is_err());
}

fn keys(numbers: &[i64]) -> Vec<Key> {
    numbers.iter().map(|number| Key::from_int(*number)).collect()
}

fn decide_only(
    state: &dyn StateStore,
    who: &str,
    case: CaseId,
    numbers: &[i64],
    verdict: Verdict,
) -> Result<Case, StateError> {
    let quorum = Quorum { people: if who == "alone" { 1 } else { 2 }, author: None };
    let change = Change::DecideOnly(case, keys(numbers), decision(verdict), quorum);
    state.change_case(later(5), Some(&Actor(who.to_owned())), &change)
}

/// The numbers of the parts, with how many records each has.
fn parts(case: &Case) -> Vec<(u32, CaseState, u64)> {
    case.parts.iter().map(|part| (part.number, part.state, part.records)).collect()
}

pub(crate) fn a_part_is_decided_by_itself(state: &dyn StateStore) {
    let case = see(state, 9, noon()).id;
    decide_only(state, "alone", case, &[1, 2, 2], Verdict::Delete).unwrap();
    let both = decide_only(state, "alone", case, &[2, 3], Verdict::Preserve).unwrap();
    assert_eq!(
        parts(&both),
        [(1, CaseState::Decided, 1), (2, CaseState::Decided, 2)],
        "the newer one has the second"
    );
    assert_eq!((both.state, both.waiting.records), (CaseState::Open, 6), "the rest waits");
    assert_eq!(state.cases(false).unwrap(), [both], "kept as it was said");
    let whole = decide(state, "alone", case, Verdict::Delete, 1).unwrap();
    let rulings: Vec<_> =
        whole.rulings(later(6)).into_iter().map(|one| (one.matter.part, one.records)).collect();
    assert_eq!(rulings, [(Some(1), 1), (Some(2), 2), (None, 6)]);
    let done = state.change_case(later(7), None, &Change::Execute(case.into(), 6)).unwrap();
    assert!(done.state == CaseState::Executed && !done.has_ended(), "what is kept is kept");
    let first = Matter { case, part: Some(1) };
    let done = state.change_case(later(7), None, &Change::Execute(first, 1)).unwrap();
    assert!(done.parts[0].keys.is_empty() && done.parts[0].records == 1, "its keys are forgotten");
    assert!(state.change_case(later(7), None, &Change::Execute(first, 1)).is_err(), "once");
    assert!(decide_only(state, "alone", case, &[7], Verdict::Delete).is_err());
    let notes: Vec<_> =
        told(state).into_iter().map(|note| (note.change, note.part, note.records, note.only.len())).collect();
    let expected = [
        ("open", None, 9, 0),
        ("decide", Some(1), 2, 2),
        ("decide", Some(2), 2, 2),
        ("decide", None, 6, 0),
        ("execute", None, 6, 0),
        ("execute", Some(1), 1, 0),
    ];
    assert_eq!(notes, expected.map(|(change, part, records, only)| (change.to_owned(), part, records, only)));
}

pub(crate) fn a_part_is_taken_back_and_waits(state: &dyn StateStore) {
    let case = see(state, 9, noon()).id;
    let cancel = |numbers: &[i64]| {
        state.change_case(
            later(6),
            Some(&by()),
            &Change::CancelOnly(case, keys(numbers), "mistake".to_owned()),
        )
    };
    decide_only(state, "alone", case, &[1, 2, 3], Verdict::Delete).unwrap();
    let before = size(state);
    assert!(cancel(&[1, 4]).is_err(), "one of them is in no decision of its own");
    assert_eq!(size(state), before, "a refusal changes nothing");
    let back = cancel(&[1]).unwrap();
    assert_eq!((parts(&back), back.waiting.records), (vec![(1, CaseState::Decided, 2)], 7));
    decide(state, "alone", case, Verdict::Delete, 1).unwrap();
    let back = cancel(&[2]).unwrap();
    assert_eq!(parts(&back), [(1, CaseState::Decided, 1), (2, CaseState::Open, 1)]);
    assert!(
        back.rulings(later(7))
            .iter()
            .all(|one| one.only.is_none() || !one.only.as_ref().unwrap().contains(&Key::from_int(2)))
    );
    assert!(
        back.rulings(later(7))[1].but.contains(&Key::from_int(2)),
        "nobody who decided over the rest has meant it"
    );
    let all = state.change_case(later(8), Some(&by()), &Change::Cancel(case, "mistake".to_owned())).unwrap();
    assert_eq!((all.state, all.parts.len(), all.waiting.records), (CaseState::Open, 0, 9));
}

pub(crate) fn a_proposal_stays_over_what_its_proposer_saw(state: &dyn StateStore) {
    let case = see(state, 9, noon()).id;
    decide_only(state, "alone", case, &[1], Verdict::Preserve).unwrap();
    let quorum = Quorum { people: 1, author: None };
    let ending = Decision { until: Some(later(6)), ..decision(Verdict::Extend) };
    let extend = Change::DecideOnly(case, keys(&[2]), ending, quorum);
    state.change_case(later(5), Some(&Actor("alone".to_owned())), &extend).unwrap();
    let proposed = decide(state, "kari", case, Verdict::Delete, 2).unwrap();
    assert_eq!((proposed.state, proposed.waiting.records), (CaseState::Proposed, 7));
    // What is taken out of its own decision, or whose extension ends, waits: nobody meant it.
    let back = Change::CancelOnly(case, keys(&[1]), "oops".to_owned());
    state.change_case(later(6), Some(&Actor("ola".to_owned())), &back).unwrap();
    let change = Change::Decide(case, decision(Verdict::Delete), Quorum { people: 2, author: None });
    let decided = state.change_case(later(9), Some(&Actor("ola".to_owned())), &change).unwrap();
    assert_eq!((decided.state, decided.waiting.records), (CaseState::Decided, 7));
    let going: Vec<_> =
        decided.rulings(later(9)).into_iter().map(|one| (one.matter.part, one.records)).collect();
    assert_eq!(going, [(None, 7)]);
    assert_eq!(decided.parts.len(), 2, "both still keep their records out of it");
}

pub(crate) fn two_people_decide_over_the_same_part(state: &dyn StateStore) {
    let case = see(state, 9, noon()).id;
    let first = decide_only(state, "kari", case, &[1, 2], Verdict::Delete).unwrap();
    assert_eq!(
        (parts(&first), first.waiting.records),
        (vec![(1, CaseState::Proposed, 2)], 9),
        "they wait still"
    );
    assert!(first.rulings(later(6)).is_empty());
    for (who, numbers, verdict) in [
        ("kari", &[1, 2][..], Verdict::Delete),
        ("ola", &[1, 2], Verdict::Preserve),
        ("ola", &[2, 3], Verdict::Delete),
    ] {
        assert!(matches!(decide_only(state, who, case, numbers, verdict), Err(StateError::Refused(_))));
    }
    let second = decide_only(state, "ola", case, &[2, 1], Verdict::Delete).unwrap();
    assert_eq!((parts(&second), second.waiting.records), (vec![(1, CaseState::Decided, 2)], 7));
}
