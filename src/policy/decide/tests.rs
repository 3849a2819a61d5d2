//! Random policies, records and instants: the verdict for one record and the predicates for many say the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::action::{Escalate, Fieldwork};
use crate::model::ids::StoreName;
use crate::model::key::Key;
use crate::model::method::Method;
use crate::model::predicate::{Comparison, EventBook, Operand, Reach, StartIs};
use crate::model::start::{Format, Start, StartSource};
use crate::model::target::Target;
use crate::model::value::{Field, Value};
use crate::policy::rule::Limit;
use crate::policy::select::{held, selections};
use crate::time::{After, Cutoff, Period, Zone};

#[derive(Clone, Debug)]
struct Record(BTreeMap<String, Value>);

impl Fields for Record {
    fn get(&self, field: &Field) -> Option<Value> {
        match &field.link {
            None => self.0.get(&field.column).cloned(),
            Some(link) => self.0.get(&format!("{link}.{}", field.column)).cloned(),
        }
    }

    fn key(&self) -> Key {
        Key::from_int(1)
    }

    fn event_key(&self) -> String {
        "1".into()
    }
}

fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

fn start(source: StartSource, empty: bool, future: bool, cutoff: Option<Cutoff>) -> Arc<Start> {
    Arc::new(Start {
        source,
        waiting_if_empty: empty,
        waiting_if_future: future,
        cutoff,
        format: Some(Format::Date),
        zone: Zone::UTC,
        earliest: "1990-01-01".parse().unwrap(),
    })
}

fn starts() -> impl Strategy<Value = Arc<Start>> {
    let source = prop_oneof![
        4 => Just(StartSource::Field(Field::own("s"))),
        2 => Just(StartSource::Field(Field::linked("l", "s"))),
        2 => Just(StartSource::Event { name: "e".into(), by: None }),
    ];
    let cutoff = prop_oneof![3 => Just(None), 1 => Just(Some(Cutoff::EndOfMonth))];
    (source, any::<bool>(), any::<bool>(), cutoff).prop_map(|(a, b, c, d)| start(a, b, c, d))
}

fn null(column: &str) -> Fieldwork {
    Fieldwork {
        fields: vec![Change { column: column.into(), method: Arc::new(Method::Null) }],
        ..Fieldwork::default()
    }
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Delete),
        3 => Just(Action::Anonymize(null("a"))),
        2 => Just(Action::Shield(null("b"))),
        1 => Just(Action::Escalate(Escalate::default())),
        1 => Just(Action::Preserve),
    ]
}

fn afters() -> impl Strategy<Value = After> {
    prop_oneof![
        1 => Just(After::AtOnce),
        4 => (0u32..3, 0u32..40).prop_map(|(months, days)| After::Period(Period { months, days, hours: 0 })),
    ]
}

fn stages(common: Arc<Start>) -> impl Strategy<Value = Vec<Stage>> {
    let own = prop_oneof![2 => Just(common), 1 => starts()];
    let stage =
        (afters(), actions(), own, proptest::bool::weighted(0.1)).prop_map(|(after, action, start, open)| {
            Stage {
                number: 0,
                after: (!open && action != Action::Preserve).then_some(after),
                at_latest: None,
                action,
                start: Some(start),
                unresolved: open.then(|| "who knows?".to_owned()),
            }
        });
    prop::collection::vec(stage, 0..4).prop_map(|mut stages| {
        for (index, stage) in stages.iter_mut().enumerate() {
            stage.number = index + 1;
        }
        stages
    })
}

fn condition(column: &str, value: &str) -> Predicate {
    let with = Operand::Value(Value::Text(value.into()));
    Predicate::Compare { field: Field::own(column), op: Comparison::Equal, with }
}

fn policies() -> impl Strategy<Value = Policy> {
    let branches = starts().prop_flat_map(|common| {
        prop::collection::vec(stages(common), 1..4).prop_map(|all| {
            let last = all.len() - 1;
            let branch = |(index, stages)| Branch {
                class: (index < last).then(|| format!("c{index}")),
                when: if index < last {
                    condition("c", &format!("c{index}"))
                } else {
                    Predicate::Always(true)
                },
                stages,
            };
            all.into_iter().enumerate().map(branch).collect::<Vec<_>>()
        })
    });
    let scope = prop_oneof![Just(Predicate::Always(true)), Just(condition("w", "yes"))];
    (branches, scope, any::<bool>(), proptest::option::weighted(0.3, 0u32..3)).prop_map(
        |(branches, scope, reached, keep)| {
            let mut target = Target::new(StoreName::new("s"), "t");
            if reached {
                target.reached_by.push(Reach { collection: "o".into(), by: "t".into(), key: "id".into() });
            }
            let data = Data { target: Arc::new(target), scope, branches, index: 0 };
            let keep_at_least = keep.map(|months| Period { months, days: 1, hours: 0 });
            Policy { keep_at_least, ..crate::policy::sample::policy(vec![data]) }
        },
    )
}

fn records() -> impl Strategy<Value = Record> {
    let dates = || {
        prop_oneof![
            1 => Just(Value::Null),
            1 => Just(Value::Text("nonsense".into())),
            1 => Just(Value::Text("1970-01-01".into())),
            8 => (-4i64..160).prop_map(|days| {
                Value::Text((instant("2026-06-15T00:00:00Z").date_naive() - TimeDelta::days(days)).to_string())
            }),
        ]
    };
    let texts = |values: Vec<&'static str>| prop_oneof![1 => Just(Value::Null), 6 => prop::sample::select(values).prop_map(|text| Value::Text(text.into()))];
    let linked = proptest::option::weighted(0.8, dates());
    (dates(), linked, texts(vec!["yes", "yes", "no"]), texts(vec!["c0", "c1", "x"]), any::<(bool, bool)>())
        .prop_map(|(own, linked, scope, class, (a, b))| {
            let full = |full: bool| if full { Value::Text("x".into()) } else { Value::Null };
            let mut fields = BTreeMap::from([
                ("s".to_owned(), own),
                ("w".to_owned(), scope),
                ("c".to_owned(), class),
                ("a".to_owned(), full(a)),
                ("b".to_owned(), full(b)),
            ]);
            fields.extend(linked.map(|value| ("l.s".to_owned(), value)));
            Record(fields)
        })
}

fn changes(stage: &Stage) -> Vec<Change> {
    stage.action.fieldwork().map(|work| work.fields.clone()).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, ..ProptestConfig::default() })]
    #[test]
    fn one_record_and_many_are_judged_alike(
        policy in policies(),
        record in records(),
        happened in proptest::option::of(0i64..100),
        reached in any::<bool>(),
        is_held in any::<bool>(),
        hour in 0i64..48,
    ) {
        let now = instant("2026-06-15T00:00:00Z") + TimeDelta::hours(hour);
        let mut events = EventBook::default();
        if let Some(days) = happened {
            events.record("e", "1", now - TimeDelta::days(days));
        }
        let reaches = |_: &Reach| reached;
        let world = World { events: &events, reached: &reaches };
        let data = &policy.data[0];
        let decision = decide(&policy, data, &record, &world, is_held, &changes, now);
        let selections = selections(&policy, data, &changes, now);

        let acting: Vec<_> = selections.stages.iter().filter(|stage| stage.acts.holds(&record, &world)).collect();
        let [undetermined, waiting, needed] = [&selections.undetermined, &selections.waiting, &selections.needed]
            .map(|predicate| predicate.holds(&record, &world));
        let counted = acting.len() + usize::from(undetermined) + usize::from(waiting) + usize::from(needed);
        prop_assert!(counted <= 1, "counted {counted} times: {decision:?}");

        let verdict = decision.verdict;
        prop_assert_eq!(undetermined, matches!(verdict, Verdict::Undetermined(_)), "{:?}", decision);
        prop_assert_eq!(waiting, verdict == Verdict::Waiting, "{:?}", decision);
        prop_assert_eq!(needed, matches!(verdict, Verdict::Needed(_)), "{:?}", decision);
        let acts = matches!(verdict, Verdict::Due(_) | Verdict::Held(_) | Verdict::Escalated(_));
        prop_assert_eq!(acting.len(), usize::from(acts), "{:?}", decision);
        if let [acting] = acting.as_slice() {
            prop_assert_eq!((Some(acting.branch), Some(acting.stage)), (decision.branch, decision.stage));
            prop_assert_eq!(&acting.class, &decision.class);
            let covered = crate::model::hold::Held { everything: is_held, ..Default::default() };
            let (free, kept) = held(acting.acts.clone(), &covered);
            prop_assert_eq!(free.holds(&record, &world), !is_held);
            prop_assert_eq!(kept.holds(&record, &world), matches!(verdict, Verdict::Held(_)));
            // The base with the set given separately is what a survey counts.
            let start = acting.start.clone().unwrap();
            let due = Predicate::Start { start, is: StartIs::In(acting.due.clone()) };
            prop_assert!(acting.base.clone().and(due).holds(&record, &world));
        }
        prop_assert!(!decision.why.is_empty());
        prop_assert!(decision.verdict == Verdict::OutOfScope || !decision.would_change.is_empty());
        prop_assert!(policy.limit == Limit::default());
    }
}
