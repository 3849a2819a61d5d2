//! Random policies and records, small enough that they meet often.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::model::action::{Action, Change, Escalate, Fieldwork};
use crate::model::ids::StoreName;
use crate::model::key::Key;
use crate::model::method::Method;
use crate::model::predicate::{Comparison, Operand, Predicate, Reach};
use crate::model::start::{Format, Start, StartSource};
use crate::model::target::Target;
use crate::model::value::{Field, Fields, Value};
use crate::policy::rule::{Branch, Data, Policy, Stage};
use crate::time::{After, Cutoff, Instant, Period, Zone};

#[derive(Clone, Debug)]
pub(in crate::policy) struct Record(pub(in crate::policy) BTreeMap<String, Value>);

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

pub(in crate::policy) fn instant(text: &str) -> Instant {
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
                aggregate: None,
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

pub(in crate::policy) fn policies() -> impl Strategy<Value = Policy> {
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
            Policy { keep_at_least, ..super::policy(vec![data]) }
        },
    )
}

pub(in crate::policy) fn records() -> impl Strategy<Value = Record> {
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

pub(in crate::policy) fn changes(stage: &Stage) -> Vec<Change> {
    stage.action.fieldwork().map(|work| work.fields.clone()).unwrap_or_default()
}
