//! Stages against each other: their order, what may follow what, and what the statutory minimum says of them.

use std::ops::Range;

use super::notes::Notes;
use crate::model::action::Action;
use crate::policy::document::{Document, StageTable};
use crate::policy::rule::{Branch, Stage};
use crate::policy::strict::{Section, Spot};
use crate::policy::timing;
use crate::time::{After, Period};

/// Checks every branch of one `[[data]]`.
pub(super) fn check(
    document: &Document,
    branches: &[Branch],
    minimum: Option<Period>,
    notes: &mut Notes<'_>,
) {
    let classes = document.class.iter().map(|class| class.stage.as_slice());
    for (branch, tables) in branches.iter().zip(classes.chain([document.stage.as_slice()])) {
        let stages: Vec<Written<'_>> = branch
            .stages
            .iter()
            .filter_map(|stage| Some(Written { stage, table: tables.get(stage.number - 1)? }))
            .collect();
        last(&stages, notes);
        rising(&stages, notes);
        for stage in &stages {
            against_minimum(stage, minimum, notes);
            foreseeable(stage, document, notes);
        }
        alone(&stages, notes);
    }
}

/// A stage with its table.
struct Written<'a> {
    stage: &'a Stage,
    table: &'a Section<StageTable>,
}

impl Written<'_> {
    fn action(&self) -> Range<usize> {
        self.table.action.as_ref().map_or_else(|| self.table.span(), Spot::span)
    }

    fn after(&self) -> Range<usize> {
        self.table.after.as_ref().map_or_else(|| self.table.span(), Spot::span)
    }
}

/// `escalate` and `preserve` are last, and after a `delete` nothing is left.
fn last(stages: &[Written<'_>], notes: &mut Notes<'_>) {
    for (one, next) in stages.iter().zip(stages.iter().skip(1)) {
        let (why, help) = match one.stage.action {
            Action::Escalate(_) => {
                ("after `escalate` only a person's decision counts", "move the `escalate` stage to the end")
            }
            Action::Preserve => (
                "nothing follows `preserve`",
                "move the `preserve` stage to the end, or make it a class of its own",
            ),
            Action::Delete if one.stage.runs() => {
                ("after `delete` nothing is left of the record", "move the `delete` stage to the end")
            }
            _ => continue,
        };
        notes.error(next.table.span(), format!("this stage can never be reached: {why}")).help(help);
    }
}

/// Stages of one start stand in rising order, and certainly so.
fn rising(stages: &[Written<'_>], notes: &mut Notes<'_>) {
    for (index, later) in stages.iter().enumerate() {
        let Some(after) = later.stage.after else { continue };
        let before = stages[..index].iter().rev().find(|earlier| {
            earlier.stage.after.is_some() && earlier.stage.start.as_deref() == later.stage.start.as_deref()
        });
        let Some(earlier) = before.and_then(|earlier| earlier.stage.after) else { continue };
        if !after.is_certainly_longer_than(earlier) {
            let certain = earlier == after || earlier.is_certainly_longer_than(after);
            let verb = if certain { "is not later than" } else { "may come before" };
            let message = format!("{after} {verb} the stage before, which is due after {earlier}");
            notes.error(later.after(), message).help("write the stages in rising order");
        }
    }
}

/// `keep-at-least` wins over every stage; a deadline before it can never be met.
fn against_minimum(stage: &Written<'_>, minimum: Option<Period>, notes: &mut Notes<'_>) {
    let Some(minimum) = minimum.filter(|_| stage.stage.action.changes_the_store()) else { return };
    if let (Some(latest), Some(written)) = (stage.stage.at_latest, &stage.table.at_latest)
        && !latest.is_certainly_at_least(minimum)
    {
        notes
            .error(
                written.span(),
                format!("this deadline can never be met: records are kept for at least {minimum}"),
            )
            .help("raise `at-latest`, or correct `keep-at-least`");
    } else if let Some(after) = stage.stage.after
        && !after.period().is_certainly_at_least(minimum)
    {
        notes
            .warning(
                stage.after(),
                format!("this stage waits for the statutory minimum: {minimum} instead of {after}"),
            )
            .help(format!("write `after = \"{minimum}\"` if that is meant"));
    }
}

/// What no forecast can foresee needs a hard cap (DESIGN 5.5).
fn foreseeable(stage: &Written<'_>, document: &Document, notes: &mut Notes<'_>) {
    let capped =
        document.limit.as_ref().is_some_and(|limit| limit.records.is_some()) || notes.may_hold("records");
    if capped || !timing::unpredictable(stage.stage) {
        return;
    }
    let why = match stage.stage.after {
        Some(After::AtOnce) => "`at once` comes without notice",
        _ => "an event comes without notice",
    };
    notes
        .error(stage.after(), format!("no forecast can tell how many records this stage will act on: {why}"))
        .help("add `[limit]` with `records = N`: above it nothing is done, and somebody is asked");
}

/// What only hides part of a value is no end: a deletion has to follow.
fn alone(stages: &[Written<'_>], notes: &mut Notes<'_>) {
    for (index, stage) in stages.iter().enumerate() {
        let Action::Anonymize(work) = &stage.stage.action else { continue };
        if stages[index + 1..].iter().any(|later| later.stage.action == Action::Delete) {
            continue;
        }
        if let Some(change) = work.fields.iter().find(|change| !change.method.claim().may_stand_alone()) {
            notes
                .warning(
                    stage.action(),
                    format!(
                        "`{}` hides `{}` only in part, and no `delete` stage follows",
                        change.method.word(),
                        change.column
                    ),
                )
                .help("add a `delete` stage, or use a method that removes the value, such as `null`");
        }
    }
}
