//! `escalate`: whom to ask, and what may be answered.

use super::notes::Notes;
use crate::model::action::Escalate;
use crate::policy::document::{Decision, StageTable};
use crate::policy::strict::Section;

/// Compiles the keys of an `escalate` stage. Without `to`, the policy's owner is told.
pub(super) fn escalate(owner: &str, table: &Section<StageTable>, notes: &mut Notes<'_>) -> Escalate {
    let extend = table.extend.as_ref().and_then(|extend| {
        notes.need(extend.each.as_ref(), "each", &extend.span(), "the extension", "each = \"3 years\"");
        notes.need(
            extend.at_most.as_ref(),
            "at-most",
            &extend.span(),
            "the extension",
            "at-most = \"9 years\"",
        );
        let (each, most) = (extend.each.as_ref()?, extend.at_most.as_ref()?);
        if !most.value.is_certainly_at_least(each.value) {
            notes
                .error(
                    most.span(),
                    format!(
                        "all extensions together ({}) may be shorter than one ({})",
                        most.value, each.value
                    ),
                )
                .help(format!("write `{}` or longer", each.value));
        }
        Some((each.value, most.value))
    });
    Escalate {
        to: match &table.to {
            Some(to) => to.0.iter().map(ToString::to_string).collect(),
            None => vec![owner.to_owned()],
        },
        question: table.question.as_ref().map(ToString::to_string),
        remind: table.remind.as_ref().map(|remind| remind.value),
        decisions: decisions(table, notes),
        extend,
        needs: table.needs.as_ref().map(ToString::to_string),
    }
}

fn decisions(table: &StageTable, notes: &mut Notes<'_>) -> Vec<String> {
    let Some(given) = &table.decisions else {
        let may = |decision: &Decision| *decision != Decision::Extend || table.extend.is_some();
        return Decision::WORDS
            .iter()
            .filter(|(_, decision)| may(decision))
            .map(|(word, _)| (*word).to_owned())
            .collect();
    };
    if given.is_empty() {
        notes
            .error(given.span(), "nothing may be decided")
            .help("name at least one decision, such as \"preserve\"");
    }
    super::start::twice(given.iter().map(|word| (word.span(), word.text.as_str())), notes);
    let extends = given.iter().find(|word| word.value == Decision::Extend);
    match (extends, &table.extend) {
        (Some(word), None) if !notes.may_hold("extend") => {
            notes
                .error(word.span(), "nothing says how long an extension lasts")
                .help("add `extend = { each = \"3 years\", at-most = \"9 years\" }`");
        }
        (None, Some(extend)) => {
            notes
                .error(extend.span(), "`extend` is not one of the decisions")
                .help("add \"extend\" to `decisions`");
        }
        _ => {}
    }
    given.iter().map(|word| word.text.clone()).collect()
}
