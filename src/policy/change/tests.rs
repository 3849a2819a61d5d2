use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::model::action::{Action, Change, Escalate};
use crate::model::evaluate::World;
use crate::model::method::Method;
use crate::model::predicate::{EventBook, Reach};
use crate::model::start::Start;
use crate::policy::condition::{Names, compile};
use crate::policy::rule::Stage;
use crate::policy::sample::random::{instant, policies, records};
use crate::policy::sample::{branch, data, period, policy, stage, start};
use crate::policy::select::selections;

fn of(stages: Vec<Stage>) -> Policy {
    let mut bound = data(Vec::new());
    bound.branches = vec![branch(None, Predicate::Always(true), stages)];
    Policy { text: Arc::from("old"), ..policy(vec![bound]) }
}

type Editing<'a> = &'a dyn Fn(&mut Policy);

fn deletes(after: &str) -> Policy {
    of(vec![stage(after, Action::Delete)])
}

/// The policy with another text, edited.
fn edited(old: &Policy, edit: impl FnOnce(&mut Policy)) -> Edit {
    let mut new = Policy { text: Arc::from("new"), ..old.clone() };
    edit(&mut new);
    compare(old, &new)
}

fn when(text: &str) -> Predicate {
    compile(text, &Names::default()).unwrap()
}

fn dangerous(edit: Edit, phrase: &str) {
    let Edit::Dangerous(phrases) = edit else { panic!("{phrase}: {edit:?}") };
    assert!(phrases.iter().any(|found| found.contains(phrase)), "{phrase}: {phrases:?}");
}

#[test]
fn what_cannot_reach_more_records_is_harmless() {
    let old = deletes("30 days");
    assert_eq!(compare(&old, &old.clone()), Edit::Same);
    assert_eq!(
        edited(&old, |new| new.title = "Another title".into()),
        Edit::Harmless("only what is written for people changed".into())
    );
    let edits: [Editing<'_>; 9] = [
        &|new| new.data[0].branches[0].stages[0].after = Some("31 days".parse().unwrap()),
        &|new| new.data[0].branches[0].stages[0].at_latest = Some(period("40 days")),
        &|new| new.data[0].branches[0].stages[0].unresolved = Some("how long?".into()),
        &|new| new.data[0].branches[0].stages.push(stage("60 days", Action::Escalate(Escalate::default()))),
        &|new| {
            new.data[0].branches[0].stages[0].start = Some(Arc::new(Start {
                earliest: "2000-01-01".parse().unwrap(),
                waiting_if_empty: true,
                ..start("called_at")
            }));
        },
        &|new| new.keep_at_least = Some(period("1 year")),
        &|new| new.data[0].scope = when("kind == 'a'"),
        &|new| {
            new.data[0]
                .branches
                .insert(0, branch(Some("kept"), when("x == 1"), vec![stage("1 day", Action::Preserve)]));
        },
        &|new| new.data.clear(),
    ];
    for (index, edit) in edits.iter().enumerate() {
        assert!(matches!(edited(&old, |new| edit(new)), Edit::Harmless(_)), "edit {index}");
    }
    let mut narrow = deletes("30 days");
    narrow.data[0].scope = when("kind in ['a', 'b'] && open");
    for scope in ["open && kind in ['b'] && x == 1", "kind in ['b', 'a'] && open"] {
        assert!(
            matches!(edited(&narrow, |new| new.data[0].scope = when(scope)), Edit::Harmless(_)),
            "{scope}"
        );
    }
}

#[test]
fn whatever_may_reach_more_records_is_dangerous() {
    let mut old = deletes("30 days");
    old.keep_at_least = Some(period("10 days"));
    old.data[0].scope = when("kind == 'a'");
    old.limit = Limit { records: Some(10), share: Some(0.1), may_empty: false };
    old.wait = Some(period("1 day"));
    old.approvers = 2;
    let own = |new: &mut Policy, edit: &dyn Fn(&mut Stage)| edit(&mut new.data[0].branches[0].stages[0]);
    let edits: [(&str, Editing<'_>); 17] = [
        (
            "shorter period: stage 1 of the policy's own stages (delete) after 29 days instead of after 30 days",
            &|new| own(new, &|stage| stage.after = Some("29 days".parse().unwrap())),
        ),
        ("shorter period", &|new| own(new, &|stage| stage.after = Some("1 month".parse().unwrap()))),
        ("other start", &|new| own(new, &|stage| stage.start = Some(Arc::new(start("other"))))),
        ("other start", &|new| {
            own(new, &|stage| {
                stage.start =
                    Some(Arc::new(Start { earliest: "1980-01-01".parse().unwrap(), ..start("called_at") }));
            });
        }),
        ("other start", &|new| {
            own(new, &|stage| {
                stage.start = Some(Arc::new(Start {
                    cutoff: Some("end-of-day".parse().unwrap()),
                    ..start("called_at")
                }));
            });
        }),
        ("is new or does something else", &|new| {
            own(new, &|stage| stage.action = Action::Shield(crate::model::action::Fieldwork::default()));
        }),
        ("is new or does something else", &|new| {
            new.data[0].branches[0].stages.push(stage("60 days", Action::Delete));
        }),
        ("wider or other `where`", &|new| new.data[0].scope = when("kind == 'b'")),
        ("wider or other `where`", &|new| new.data[0].scope = Predicate::Always(true)),
        ("was not bound before", &|new| Arc::make_mut(&mut new.data[0].target).collection = "other".into()),
        ("class `x` is new", &|new| {
            new.data[0]
                .branches
                .insert(0, branch(Some("x"), when("x == 1"), vec![stage("90 days", Action::Delete)]));
        }),
        ("lower `keep-at-least`", &|new| new.keep_at_least = Some(period("9 days"))),
        ("`keep-at-least` is gone", &|new| new.keep_at_least = None),
        ("other time zone", &|new| new.zone = crate::time::Zone::UTC),
        ("limit.records", &|new| new.limit.records = None),
        ("limit.share", &|new| new.limit.share = Some(0.2)),
        ("fewer approvers", &|new| new.approvers = 1),
    ];
    for (phrase, edit) in edits {
        dangerous(edited(&old, |new| edit(new)), phrase);
    }
}

#[test]
fn what_stood_behind_a_stage_cannot_be_taken_away() {
    let escalate = || stage("60 days", Action::Escalate(Escalate::default()));
    let old = of(vec![stage("30 days", Action::Delete), escalate()]);
    dangerous(
        edited(&old, |new| {
            new.data[0].branches[0].stages.pop();
        }),
        "`escalate` of the policy's own stages no longer comes before what `delete` does",
    );
    dangerous(
        edited(&old, |new| {
            new.data[0].branches[0].stages[1].after = Some("90 days".parse().unwrap());
        }),
        "no longer comes before",
    );

    let mut classes = deletes("30 days");
    classes.data[0]
        .branches
        .insert(0, branch(Some("kept"), when("x == 1"), vec![stage("1 day", Action::Preserve)]));
    dangerous(
        edited(&classes, |new| {
            new.data[0].branches.remove(0);
        }),
        "other classes",
    );

    let other = |empty| Some(Arc::new(Start { waiting_if_empty: empty, ..start("closed_at") }));
    let second = Stage { start: other(false), ..stage("1 year", Action::Delete) };
    let two = of(vec![stage("30 days", Action::Delete), second]);
    dangerous(
        edited(&two, |new| {
            new.data[0].branches[0].stages.pop();
        }),
        "other start",
    );
    dangerous(edited(&two, |new| new.data[0].branches[0].stages[1].start = other(true)), "other start");
}

/// One random edit.
fn mutated(old: &Policy, other: &Policy, which: u8, amount: u32) -> Policy {
    let mut new = Policy { text: Arc::from("new"), ..old.clone() };
    let place = amount as usize;
    let branches = &mut new.data[0].branches;
    let chosen = place % branches.len();
    let stages = &mut branches[chosen].stages;
    match which {
        0 | 1 => {
            for stage in stages.iter_mut().skip(usize::from(which)) {
                let days =
                    |period: Period| Period { days: (period.days + amount).saturating_sub(2), ..period };
                stage.after = stage.after.map(|after| crate::time::After::Period(days(after.period())));
            }
        }
        2 => {
            stages.pop();
        }
        3 if !stages.is_empty() => {
            stages.remove(place % stages.len());
        }
        4 => stages.extend(other.data[0].branches[0].stages.first().cloned()),
        5 => branches.insert(chosen, other.data[0].branches[0].clone()),
        6 => {
            branches.remove(chosen);
        }
        7 => new.keep_at_least = other.keep_at_least,
        8 => new.data[0].scope = other.data[0].scope.clone(),
        9 => {
            if let Some(stage) = stages.first_mut() {
                stage.unresolved = Some("?".into());
            }
        }
        10 => {
            for stage in stages.iter_mut() {
                stage.start = stage.start.as_ref().map(|start| {
                    Arc::new(Start {
                        waiting_if_empty: true,
                        waiting_if_future: amount > 2,
                        ..start.as_ref().clone()
                    })
                });
            }
        }
        _ => new.data[0].branches.clone_from(&other.data[0].branches),
    }
    new
}

fn harsh(action: &Action) -> u8 {
    match action {
        Action::Preserve | Action::Escalate(_) => 0,
        Action::Anonymize(_) | Action::Shield(_) => 1,
        Action::Delete => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_global_rejects: 20_000, ..ProptestConfig::default() })]
    #[test]
    fn no_edit_that_lets_the_due_set_grow_is_called_harmless(
        old in policies(),
        other in policies(),
        which in 0u8..12,
        amount in 0u32..6,
        people in prop::collection::vec((records(), proptest::option::of(0i64..100), any::<bool>()), 8),
    ) {
        let old = Policy { text: Arc::from("old"), ..old };
        let new = mutated(&old, &other, which, amount);
        prop_assume!(!matches!(compare(&old, &new), Edit::Dangerous(_)));
        let now = instant("2026-06-15T09:00:00Z");
        // Nothing is ever done: what counts is what may be done.
        let never = |_: &Stage| vec![Change { column: "never".into(), method: Arc::new(Method::Flag) }];
        for (record, happened, reached) in &people {
            let mut events = EventBook::default();
            if let Some(days) = happened {
                events.record("e", "1", now - TimeDelta::days(*days));
            }
            let reaches = |_: &Reach| *reached;
            let world = World { events: &events, reached: &reaches };
            let worst = |policy: &Policy| {
                let selections = selections(policy, &policy.data[0], &never, now);
                let acting = selections.stages.iter().filter(|stage| stage.acts.holds(record, &world));
                acting.map(|one| harsh(&policy.data[0].branches[one.branch].stages[one.stage].action)).max().unwrap_or(0)
            };
            let shown = |policy: &Policy| format!("{:?} {:?}", policy.keep_at_least, policy.data[0].branches);
            prop_assert!(worst(&new) <= worst(&old), "was {}\nis {}", shown(&old), shown(&new));
        }
    }
}
