use std::sync::Arc;

use super::*;
use crate::model::action::{Change, Escalate, Fieldwork};
use crate::model::ids::StoreName;
use crate::model::method::{Granularity, Method};
use crate::model::predicate::Predicate;
use crate::model::start::LatestField;
use crate::model::target::With;
use crate::model::value::Field;
use crate::policy::rule::{DataPlaces, Places};
use crate::policy::sample::{branch, data, period, policy, stage, start};

fn fields(changes: &[(&str, Method)]) -> Fieldwork {
    let fields = changes
        .iter()
        .map(|(column, method)| Change { column: (*column).into(), method: Arc::new(method.clone()) })
        .collect();
    Fieldwork { fields, ..Fieldwork::default() }
}

fn latest(stage: Stage, text: &str) -> Stage {
    Stage { at_latest: Some(period(text)), ..stage }
}

fn from(stage: Stage, start: Start) -> Stage {
    Stage { start: Some(Arc::new(start)), ..stage }
}

fn of(stages: Vec<Stage>) -> Data {
    let mut bound = data(Vec::new());
    bound.branches = vec![branch(None, Predicate::Always(true), stages)];
    bound
}

fn read(stages: Vec<Stage>) -> String {
    sentence(&policy(vec![of(stages)]))
}

fn preserve() -> Stage {
    Stage { after: None, start: None, ..stage("1 day", Action::Preserve) }
}

#[test]
fn the_switchboard_log() {
    let digits = fields(&[("caller", Method::DropLastDigits { digits: 4 })]);
    let stages = vec![
        stage("14 days", Action::Anonymize(digits)),
        latest(stage("29 days", Action::Delete), "30 days"),
    ];
    assert_eq!(
        read(stages),
        "Call log: after 14 days the last four digits of `caller` are hidden; after 29 days, at latest 30, it is \
         deleted. Counted from `called_at`, a record is kept 29 to 30 days."
    );
}

#[test]
fn what_goes_with_a_record_is_named_once() {
    let with = |store: Option<&str>, collection: &str| With {
        store: store.map(StoreName::new),
        collection: collection.into(),
        by: None,
    };
    let bind = |action| {
        let mut bound = of(vec![stage("30 days", action)]);
        Arc::make_mut(&mut bound.target).with =
            vec![with(None, "voicemail"), with(None, "voicemail"), with(Some("recordings"), "{id}/**")];
        sentence(&policy(vec![bound]))
    };
    let text = bind(Action::Delete);
    assert!(
        text.ends_with(
            "When a record is deleted, what belongs to it in `voicemail` and `{id}/**` in recordings goes with it."
        ),
        "{text}"
    );
    let text = bind(Action::Anonymize(fields(&[("caller", Method::Null)])));
    assert!(!text.contains("voicemail"), "{text}");
}

#[test]
fn deadlines_and_calendar_periods_bound_the_life() {
    for (after, latest_text, cutoff, expected) in [
        (
            "7 days",
            None,
            None,
            "after 7 days it is deleted. Counted from `called_at`, a record is kept 7 days, and at most 24 hours longer.",
        ),
        (
            "at once",
            None,
            None,
            "at once it is deleted. Counted from `called_at`, a record is kept at most 24 hours.",
        ),
        (
            "at once",
            Some("2 days"),
            None,
            "at once, at latest after 2 days, it is deleted. Counted from `called_at`, a record is kept up to 2 days.",
        ),
        (
            "1 month",
            Some("5 weeks"),
            None,
            "after 1 month, at latest 35 days, it is deleted. Counted from `called_at`, a record is kept 1 month to 35 days.",
        ),
        (
            "1 year",
            None,
            Some("end-of-year"),
            "after 1 year it is deleted. Counted from the end of the calendar year of `called_at`, a record is kept 1 to 2 years, and at most 24 hours longer.",
        ),
        (
            "at once",
            None,
            Some("year-ending 31 December"),
            "at once it is deleted. Counted from the end of the year ending 31 December of `called_at`, a record is kept up to 1 year, and at most 24 hours longer.",
        ),
        (
            "5 years",
            Some("61 months"),
            Some("end-of-quarter"),
            "after 5 years, at latest 5 years 1 month, it is deleted. Counted from the end of the quarter of `called_at`, a record is kept 5 years to 5 years 4 months.",
        ),
    ] {
        let cutoff = cutoff.map(|text| text.parse().unwrap());
        let begin = Start { cutoff, ..start("called_at") };
        let one = from(stage(after, Action::Delete), begin);
        let one = Stage { at_latest: latest_text.map(period), ..one };
        assert_eq!(read(vec![one]), format!("Call log: {expected}"));
    }
}

#[test]
fn who_is_asked_at_once_keeps_a_record_until_the_answer() {
    let escalate = Escalate {
        to: vec!["archive".into()],
        question: None,
        remind: None,
        decisions: vec!["transfer".into()],
        extend: None,
        needs: None,
    };
    let stage = Stage { after: Some(After::AtOnce), ..stage("1 day", Action::Escalate(escalate)) };
    let text = read(vec![stage]);
    assert!(text.ends_with("Counted from `called_at`, a record is kept until that is decided."), "{text}");
}

#[test]
fn every_start_is_named() {
    let latest_of = |names: &[(&str, bool)]| {
        let part =
            |(name, optional): &(&str, bool)| LatestField { field: Field::own(*name), optional: *optional };
        StartSource::Latest(names.iter().map(part).collect())
    };
    for (source, empty, future, expected) in [
        (
            latest_of(&[("held_at", false), ("evaluated_at", true)]),
            false,
            false,
            "Counted from the later of `held_at` and `evaluated_at` (if any), a record is kept 1 day, and at most 24 hours longer.",
        ),
        (
            latest_of(&[("a", false), ("b", false), ("c", false)]),
            false,
            false,
            "Counted from the latest of `a`, `b` and `c`, a record is kept 1 day, and at most 24 hours longer.",
        ),
        (
            StartSource::Event { name: "closed".into(), by: Some(Field::own("case_id")) },
            false,
            false,
            "Counted from the event `closed` of its `case_id`, a record is kept 1 day, and at most 24 hours longer.",
        ),
        (
            StartSource::Event { name: "closed".into(), by: None },
            false,
            false,
            "Counted from the event `closed`, a record is kept 1 day, and at most 24 hours longer.",
        ),
        (
            StartSource::Field(Field::linked("job", "closed_at")),
            true,
            false,
            "Counted from `job.closed_at`, a record is kept 1 day, and at most 24 hours longer. While `job.closed_at` is empty, the clock does not run.",
        ),
        (
            StartSource::Field(Field::own("until")),
            true,
            true,
            "Counted from `until`, a record is kept 1 day, and at most 24 hours longer. While `until` is empty or lies ahead, the clock does not run.",
        ),
    ] {
        let begin = Start { source, waiting_if_empty: empty, waiting_if_future: future, ..start("x") };
        let text = read(vec![from(stage("1 day", Action::Delete), begin)]);
        assert_eq!(text, format!("Call log: after 1 day it is deleted. {expected}"));
    }
}

#[test]
fn every_action_is_said_in_words() {
    let escalate = Escalate {
        to: vec!["archive".into()],
        question: Some("Is it worth keeping?".into()),
        remind: None,
        decisions: ["delete", "extend", "preserve", "transfer"].map(String::from).to_vec(),
        extend: Some((period("3 years"), period("9 years"))),
        needs: Some("national-archive".into()),
    };
    for (action, expected) in [
        (
            Action::Anonymize(fields(&[("a", Method::Null), ("b", Method::Null), ("c", Method::Hide)])),
            "after 1 year `a` and `b` are emptied and `c` is hidden. The clock starts at `called_at`; a record is kept without limit in that form.",
        ),
        (
            Action::Anonymize(fields(&[
                ("a", Method::Mask { keep_first: 2, keep_last: 1 }),
                ("ip", Method::TruncateIp),
                ("born", Method::GeneralizeDate { to: Granularity::Year, format: None }),
            ])),
            "after 1 year `a` is hidden except the first two and the last one characters, the addresses in `ip` are shortened to their network and `born` is reduced to the year. The clock starts at `called_at`; a record is kept without limit in that form.",
        ),
        (
            Action::Anonymize(Fieldwork {
                keep_only: Some(vec!["seconds".into(), "month".into()]),
                ..Fieldwork::default()
            }),
            "after 1 year everything is emptied except `seconds`, `month` and what the rule itself needs. The clock starts at `called_at`; a record is kept without limit in that form.",
        ),
        (
            Action::Shield(Fieldwork { flag: Some("shielded".into()), ..Fieldwork::default() }),
            "after 1 year it is shielded from readers (`shielded` is set). The clock starts at `called_at`; a record is kept without limit in that form.",
        ),
        (
            Action::Escalate(escalate),
            "after 1 year archive decides whether it is deleted, kept longer (by 3 years, 9 years in all), preserved or transferred, which needs a decision of national-archive (Is it worth keeping?). Counted from `called_at`, a record is kept at least 1 year, until that is decided.",
        ),
    ] {
        assert_eq!(read(vec![stage("1 year", action)]), format!("Call log: {expected}"));
    }
    assert_eq!(
        read(vec![preserve()]),
        "Call log: it is preserved, and its deletion is refused. A record is kept for good."
    );
}

#[test]
fn what_is_undecided_is_said_to_be() {
    let open =
        Stage { after: None, unresolved: Some("IT: how long?".into()), ..stage("1 day", Action::Delete) };
    assert_eq!(
        read(vec![open]),
        "Call log: its deletion is undecided (IT: how long?) and does not happen. A record is kept without limit as \
         long as that is undecided."
    );
    let whole = Policy { unresolved: Some("Who may decide?".into()), ..policy(Vec::new()) };
    assert_eq!(
        sentence(&whole),
        "Call log: undecided (Who may decide?). Until that is settled, nothing is done."
    );
}

#[test]
fn classes_scope_and_minimum_are_read_back() {
    let text = "where = \"kind == 'call'\" when = \"outcome == 'hired'\"";
    let place = |part: &str| text.find(part).map(|at| at..at + part.len());
    let consent = Start { waiting_if_future: true, ..start("consent_until") };
    let mut bound = of(vec![stage("6 months", Action::Delete)]);
    bound.branches.insert(0, branch(Some("hired"), Predicate::Always(false), vec![preserve()]));
    let consented = vec![from(stage("at once", Action::Delete), consent)];
    bound.branches.insert(1, branch(Some("consented"), Predicate::Always(false), consented));
    let places = Places {
        data: vec![DataPlaces { condition: place("\"kind == 'call'\""), ..DataPlaces::default() }],
        whens: vec![place("\"outcome == 'hired'\"").unwrap(), 0..0],
        stages: Vec::new(),
    };
    let keep_at_least = Some(period("1 year"));
    let policy = Policy { text: text.into(), places, keep_at_least, ..policy(vec![bound]) };
    assert_eq!(
        sentence(&policy),
        "Call log: after 1 year (the least that it must be kept; the stage alone says 6 months) it is deleted. Counted from `called_at`, a record is kept 1 year, and at most 24 \
         hours longer. Class `hired` (where `outcome == 'hired'`): it is preserved, and its deletion is refused. Such \
         a record is kept for good. Class `consented`: after 1 year (the least that it must be kept; the stage alone says at once) it is deleted. Counted from `consent_until`, such a \
         record is kept 1 year, and at most 24 hours longer. While `consent_until` lies ahead, the clock does not \
         run. Whatever the stages say, a record is kept at least 1 year. It covers only records where `kind == \
         'call'`."
    );
}

#[test]
fn stores_with_different_starts_are_told_apart() {
    let mut other = of(vec![from(stage("1 day", Action::Delete), start("began"))]);
    other.index = 1;
    other.target =
        Arc::new(crate::model::target::Target::new(crate::model::ids::StoreName::new("pbx"), "calls"));
    let both = policy(vec![of(vec![stage("1 day", Action::Delete)]), other]);
    assert_eq!(
        sentence(&both),
        "Call log: after 1 day it is deleted. Counted from `called_at` (in switchboard) or `began` (in pbx), a record \
         is kept 1 day, and at most 24 hours longer."
    );
}
