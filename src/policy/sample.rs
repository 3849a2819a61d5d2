//! A policy for the tests of this layer, to be changed where a test needs it.

pub(super) mod random;

use std::sync::Arc;

use crate::model::action::Action;
use crate::model::ids::{PolicyId, StoreName};
use crate::model::predicate::Predicate;
use crate::model::start::{Format, Start, StartSource};
use crate::model::target::Target;
use crate::model::value::Field;
use crate::policy::rule::{Branch, Data, Limit, Places, Policy, Stage};
use crate::time::{After, Period, Zone};

pub(crate) fn policy(data: Vec<Data>) -> Policy {
    Policy {
        id: PolicyId::new("call-log"),
        file: "call-log.toml".into(),
        text: Arc::from(""),
        hash: String::new(),
        title: "Call log".into(),
        owner: "it-operations".into(),
        purpose: None,
        basis: None,
        source: None,
        note: None,
        law: None,
        rows: Vec::new(),
        zone: zone("Europe/Oslo"),
        schedule: "0 3 * * *".parse().unwrap(),
        window: None,
        wait: None,
        approvers: 1,
        notify_before: None,
        stale_after: None,
        grace: Period { months: 0, days: 0, hours: 24 },
        keep_at_least: None,
        unresolved: None,
        limit: Limit::default(),
        data,
        tests: Vec::new(),
        places: Places::default(),
    }
}

/// One `[[data]]` with the policy's own stages only.
pub(crate) fn data(stages: Vec<Stage>) -> Data {
    Data {
        target: Arc::new(Target::new(StoreName::new("switchboard"), "call_log")),
        scope: Predicate::Always(true),
        branches: vec![branch(None, Predicate::Always(true), stages)],
        index: 0,
    }
}

pub(crate) fn branch(class: Option<&str>, when: Predicate, mut stages: Vec<Stage>) -> Branch {
    for (index, stage) in stages.iter_mut().enumerate() {
        stage.number = index + 1;
    }
    Branch { class: class.map(Into::into), when, stages }
}

pub(crate) fn stage(after: &str, action: Action) -> Stage {
    Stage {
        number: 1,
        after: Some(after.parse().unwrap()),
        at_latest: None,
        action,
        aggregate: None,
        start: Some(Arc::new(start("called_at"))),
        unresolved: None,
    }
}

pub(crate) fn start(field: &str) -> Start {
    Start {
        source: StartSource::Field(Field::own(field)),
        waiting_if_empty: false,
        waiting_if_future: false,
        cutoff: None,
        format: Some(Format::Rfc3339),
        zone: zone("Europe/Oslo"),
        earliest: "1990-01-01".parse().unwrap(),
    }
}

pub(crate) fn period(text: &str) -> Period {
    match text.parse().unwrap() {
        After::Period(period) => period,
        After::AtOnce => Period::ZERO,
    }
}

pub(crate) fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}
