//! `[[stage]]`: its action, and when that falls due.

use std::ops::Range;
use std::sync::Arc;

use super::data::Place;
use super::notes::Notes;
use super::start::Nearest;
use super::{aggregate, escalate, fieldwork};
use crate::model::action::Action;
use crate::policy::document::{ActionWord, StageTable};
use crate::policy::rule::Stage;
use crate::policy::strict::{Section, Spot};

/// Compiles one stage; `None` if it is too incomplete to be looked at further, which has been reported.
pub(super) fn stage(
    owner: &str,
    table: &Section<StageTable>,
    number: usize,
    start: &Nearest,
    place: &Place<'_>,
    notes: &mut Notes<'_>,
) -> Option<Stage> {
    notes.need(table.action.as_ref(), "action", &table.span(), "the stage", "action = \"delete\"");
    let word = table.action.as_ref()?.value;
    strays(table, word, notes);
    when(table, word, notes);
    if word != ActionWord::Preserve && table.after.is_some() && matches!(start, Nearest::Missing) {
        // Once for each place, however many stages it has.
        notes
            .error(place.span(), "nothing says when the clock starts")
            .help("add `start.field = \"..\"` with the field of the starting point");
    }
    let action = match word {
        ActionWord::Delete => Action::Delete,
        ActionWord::Anonymize => Action::Anonymize(fieldwork::anonymize(table, place, notes)),
        ActionWord::Shield => Action::Shield(fieldwork::shield(table, place, notes)),
        ActionWord::Escalate => Action::Escalate(escalate::escalate(owner, table, notes)),
        ActionWord::Preserve => Action::Preserve,
    };
    let aggregate = match (&table.aggregate, word) {
        (Some(counts), ActionWord::Delete) => aggregate::aggregate(counts, start, place, notes).map(Arc::new),
        _ => None,
    };
    Some(Stage {
        number,
        after: table.after.as_ref().map(|after| after.value),
        at_latest: table.at_latest.as_ref().map(|latest| latest.value),
        action,
        aggregate,
        start: start.known(),
        unresolved: table.unresolved.as_ref().map(ToString::to_string),
    })
}

/// `after`, `at-latest` and `unresolved` against each other.
fn when(table: &Section<StageTable>, word: ActionWord, notes: &mut Notes<'_>) {
    if word == ActionWord::Preserve {
        let keys = [
            ("after", table.after.as_ref().map(Spot::span)),
            ("at-latest", table.at_latest.as_ref().map(Spot::span)),
            ("start", table.start.as_ref().map(Section::span)),
            ("unresolved", table.unresolved.as_ref().map(Spot::span)),
        ];
        for (key, span) in keys.into_iter().filter_map(|(key, span)| Some((key, span?))) {
            notes
                .error(span, format!("`preserve` takes no `{key}`"))
                .help(format!("it holds from the beginning: remove `{key}`"));
        }
        return;
    }
    match (&table.after, &table.unresolved) {
        (Some(_), Some(unresolved)) => {
            notes
                .error(unresolved.span(), "the stage has `after` and `unresolved`")
                .help("remove `unresolved` if the question is answered, else remove `after`");
        }
        (None, None) if !notes.may_hold("after") => {
            notes.error(table.span(), "the stage does not say when it is due").help(
                "add `after = \"30 days\"` with the rule's period, or `unresolved = \"the open question\"`",
            );
        }
        _ => {}
    }
    if let (Some(latest), Some(_)) = (&table.at_latest, &table.unresolved) {
        notes.error(latest.span(), "an unresolved stage has no deadline").help("remove `at-latest`");
    }
    if let (Some(after), Some(latest)) = (&table.after, &table.at_latest)
        && !latest.value.is_certainly_at_least(after.value.period())
    {
        notes
            .error(
                latest.span(),
                format!("the deadline ({}) may come before the stage is due ({})", latest.value, after.value),
            )
            .help(format!("write `{}` or longer", after.value));
    }
}

/// A key, where it stands if it is there, and the actions that it is for.
type Stray<'k> = (&'k str, Option<Range<usize>>, &'k [ActionWord]);

/// Keys that belong to another action.
fn strays(table: &StageTable, word: ActionWord, notes: &mut Notes<'_>) {
    use ActionWord::{Anonymize, Delete, Escalate, Shield};
    let keys: [Stray<'_>; 10] = [
        ("fields", table.fields.as_ref().map(Spot::span), &[Anonymize, Shield]),
        ("keep-only", table.keep_only.as_ref().map(Spot::span), &[Anonymize]),
        ("flag", table.flag.as_ref().map(Spot::span), &[Shield]),
        ("aggregate", table.aggregate.as_ref().map(Section::span), &[Delete]),
        ("to", table.to.as_ref().map(Spot::span), &[Escalate]),
        ("question", table.question.as_ref().map(Spot::span), &[Escalate]),
        ("remind", table.remind.as_ref().map(Spot::span), &[Escalate]),
        ("decisions", table.decisions.as_ref().map(Spot::span), &[Escalate]),
        ("extend", table.extend.as_ref().map(Section::span), &[Escalate]),
        ("needs", table.needs.as_ref().map(Spot::span), &[Escalate]),
    ];
    for (key, span, belongs) in keys.into_iter().filter_map(|(key, span, to)| Some((key, span?, to))) {
        if !belongs.contains(&word) {
            let names: Vec<String> = belongs.iter().map(|action| format!("`{}`", action.word())).collect();
            notes
                .error(span, format!("`{}` takes no `{key}`", word.word()))
                .help(format!("`{key}` is for {}", names.join(" and ")));
        }
    }
}
