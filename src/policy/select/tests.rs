use super::*;
use crate::model::action::Fieldwork;
use crate::model::method::Method;
use crate::model::predicate::{Reach, StartIs};
use crate::policy::condition::{Names, compile};
use crate::policy::rule::Policy;
use crate::policy::sample;

fn now() -> Instant {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

fn select(policy: &Policy) -> Selections {
    let changes =
        |stage: &Stage| stage.action.fieldwork().map(|work| work.fields.clone()).unwrap_or_default();
    selections(policy, &policy.data[0], &changes, now())
}

fn of(stages: Vec<Stage>) -> Policy {
    let mut data = sample::data(Vec::new());
    data.branches = vec![sample::branch(None, Predicate::Always(true), stages)];
    sample::policy(vec![data])
}

fn start(stage: &Stage, is: StartIs) -> Predicate {
    Predicate::Start { start: stage.start.clone().unwrap(), is }
}

#[test]
fn the_plain_case_is_one_question_about_the_start() {
    let stage = sample::stage("7 days", Action::Delete);
    let selected = select(&of(vec![stage.clone()]));
    let due = selected.stages[0].due.clone();
    assert_eq!(selected.stages[0].acts, start(&stage, StartIs::In(due)));
    assert_eq!(selected.stages[0].base, Predicate::Always(true));
    assert_eq!(selected.undetermined, start(&stage, StartIs::Undetermined { now: now() }));
    assert_eq!(selected.waiting, Predicate::Always(false));
    assert_eq!(selected.needed, Predicate::Always(false));
}

#[test]
fn classes_of_one_start_do_not_repeat_it_where_it_is_unknown() {
    let stage = sample::stage("7 days", Action::Delete);
    let mut policy = of(vec![stage.clone()]);
    let hired = compile("outcome == 'hired'", &Names::default()).unwrap();
    policy.data[0].branches.insert(0, sample::branch(Some("hired"), hired.clone(), vec![stage.clone()]));
    let selected = select(&policy);
    let start_unknown = start(&stage, StartIs::Undetermined { now: now() });
    assert_eq!(selected.undetermined, Predicate::Any(vec![hired.clone().unknown(), start_unknown]));
    let due = start(&stage, StartIs::In(selected.stages[0].due.clone()));
    assert_eq!(selected.stages[0].acts, Predicate::All(vec![due.clone(), hired.clone()]));
    assert_eq!(selected.stages[1].acts, Predicate::All(vec![due, hired.negated()]));
}

#[test]
fn what_cannot_act_selects_nothing_and_is_listed() {
    let preserve = Stage { after: None, ..sample::stage("1 day", Action::Preserve) };
    let kept = select(&of(vec![sample::stage("1 day", Action::Delete), preserve]));
    let open = Stage { after: None, unresolved: Some("?".into()), ..sample::stage("1 day", Action::Delete) };
    let undecided = select(&of(vec![open]));
    let whole =
        select(&Policy { unresolved: Some("?".into()), ..of(vec![sample::stage("1 day", Action::Delete)]) });
    for (selected, stages) in [(kept, 2), (undecided, 1), (whole, 1)] {
        assert_eq!(selected.stages.len(), stages);
        assert!(selected.stages.iter().all(|stage| stage.acts == Predicate::Always(false)));
        assert!(
            selected
                .stages
                .iter()
                .all(|stage| stage.base == Predicate::Always(false) && stage.due.is_empty())
        );
        let others = [selected.undetermined, selected.waiting, selected.needed];
        assert_eq!(others, [Predicate::Always(false), Predicate::Always(false), Predicate::Always(false)]);
    }
}

#[test]
fn a_processed_or_needed_record_is_left_alone() {
    let change = Change { column: "a".into(), method: Arc::new(Method::Null) };
    let work = Fieldwork { fields: vec![change.clone()], ..Fieldwork::default() };
    let stage = sample::stage("7 days", Action::Anonymize(work));
    let selected = select(&of(vec![stage.clone()]));
    let done = Predicate::Done { column: change.column, method: change.method };
    assert_eq!(selected.stages[0].base, done.clone().negated());
    let unknown = start(&stage, StartIs::Undetermined { now: now() });
    assert_eq!(selected.undetermined, Predicate::All(vec![unknown, done.negated()]));

    let mut policy = of(vec![sample::stage("7 days", Action::Delete)]);
    let reach = Reach { collection: "o".into(), by: "t".into(), key: "id".into() };
    Arc::make_mut(&mut policy.data[0].target).reached_by.push(reach.clone());
    let selected = select(&policy);
    let due = start(&policy.data[0].branches[0].stages[0], StartIs::In(selected.stages[0].due.clone()));
    assert_eq!(selected.needed, due.clone().and(Predicate::Reached(reach.clone())));
    assert_eq!(selected.stages[0].acts, due.and(Predicate::Reached(reach).negated()));
}
