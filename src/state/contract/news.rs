//! What came after the plan of a batch: its intent is not written.

use super::review::{decision, waiting};
use super::sample::*;
use crate::model::hold::{HoldScope, Window};
use crate::model::ids::{CaseId, StoreName};
use crate::model::review::Verdict;
use crate::state::api::{EventRecord, IntentAnswer, News, Planned, StateStore};
use crate::state::review::{Change, Quorum};

fn answer(state: &dyn StateStore, planned: &Planned) -> IntentAnswer {
    let intent = intent(2);
    let before = size(state);
    let answer = state.record_intent(noon(), &intent, STAGE, &keys(0..2), b"", planned).unwrap();
    match answer {
        IntentAnswer::Written(_) => state.record_outcome(noon(), None, &outcome(&intent, 2, 0)).unwrap(),
        _ => {
            assert_eq!((size(state), state.open_intents().unwrap().len()), (before, 0), "nothing is written");
        }
    }
    answer
}

fn goes(state: &dyn StateStore, planned: &Planned) -> bool {
    matches!(answer(state, planned), IntentAnswer::Written(_))
}

pub(crate) fn an_event_after_the_plan_outdates_it(state: &dyn StateStore) {
    let record = |name: &str, seconds: i64| {
        let event = EventRecord { name: name.to_owned(), key: "2026-17".to_owned(), at: later(-seconds) };
        state.add_event(noon(), &by(), &event).unwrap();
    };
    let planned = |state: &dyn StateStore| Planned {
        log: size(state),
        events: ["closed".to_owned()].into(),
        ..Planned::default()
    };
    record("closed", 1);
    let known = planned(state);
    assert!(goes(state, &known), "it was known");
    record("opened", 1);
    assert!(goes(state, &known), "no clock and no condition asks for it");
    record("closed", 2);
    assert_eq!(answer(state, &known), IntentAnswer::Outdated(News::Event("closed".to_owned())));
    assert!(goes(state, &planned(state)), "a new plan knows it");
}

pub(crate) fn a_decision_taken_back_after_the_plan_outdates_it(state: &dyn StateStore) {
    let opened = |at| {
        let case = state.change_case(later(at), None, &Change::See(waiting(2, later(at)))).unwrap().id;
        let decision = decision(Verdict::Delete);
        let quorum = Quorum { people: 1, author: None };
        state.change_case(later(at), Some(&by()), &Change::Decide(case, decision, quorum)).unwrap();
        case
    };
    let case = opened(0);
    let decided = |case: CaseId| Planned { log: size(state), decided: Some(case), ..Planned::default() };
    let planned = decided(case);
    assert!(goes(state, &planned));
    state.change_case(later(1), Some(&other()), &Change::Cancel(case, "code".to_owned())).unwrap();
    assert_eq!(answer(state, &planned), IntentAnswer::Outdated(News::Decision(case)));
    // Of another case nothing is said, nor where no decision was needed.
    assert!(goes(state, &Planned { decided: Some(CaseId::at(later(7))), ..planned.clone() }));
    assert!(goes(state, &Planned { decided: None, ..planned }));
}

pub(crate) fn an_approval_cancelled_after_the_plan_outdates_it(state: &dyn StateStore) {
    state.approve(noon(), &by(), &approval(2, Vec::new())).unwrap();
    let given = state.approval(&policy()).unwrap().unwrap();
    let known = Planned { log: size(state), ..Planned::default() };
    assert!(goes(state, &known));
    assert!(state.cancel_approval(later(1), &other(), &given, "objection").unwrap());
    assert_eq!(answer(state, &known), IntentAnswer::Outdated(News::Cancelled));
    state.approve(later(2), &by(), &approval(2, Vec::new())).unwrap();
    assert!(goes(state, &Planned { log: size(state), ..Planned::default() }), "it was given anew");
}

pub(crate) fn a_hold_that_only_the_store_can_apply_outdates_the_plan(state: &dyn StateStore) {
    let cameras = HoldScope { store: Some(StoreName::new("cameras")), ..HoldScope::default() };
    let scopes = [
        HoldScope { when: Some("camera == 'north'".to_owned()), ..cameras.clone() },
        HoldScope { between: Some(Window { from: noon(), to: later(9) }), ..HoldScope::default() },
    ];
    for scope in scopes {
        let hold = hold(scope);
        let knowing = Planned { holds: [hold.id].into(), ..Planned::default() };
        assert!(goes(state, &Planned::default()), "before it");
        state.add_hold(&by(), &hold).unwrap();
        assert_eq!(answer(state, &Planned::default()), IntentAnswer::Outdated(News::Hold(hold.id)));
        assert!(goes(state, &knowing), "the predicate has asked the store");
        state.release_hold(noon(), &other(), &hold.id, false).unwrap();
        assert_eq!(answer(state, &Planned::default()), IntentAnswer::Outdated(News::Hold(hold.id)));
        state.end_holds(later(24 * 60 * 60)).unwrap();
    }
    let elsewhere =
        HoldScope { when: Some("true".to_owned()), store: Some(StoreName::new("other")), ..cameras };
    state.add_hold(&by(), &hold(elsewhere)).unwrap();
    assert!(goes(state, &Planned::default()), "it means another store");
}
