//! What a stage does to a record, in words.

use super::words::{count, listed};
use crate::model::action::{Action, Escalate, Fieldwork};
use crate::model::method::{Granularity, Method};
use crate::policy::aggregate;
use crate::policy::rule::Stage;

/// The action as what happens to the record.
pub(super) fn of(stage: &Stage) -> String {
    match &stage.action {
        Action::Delete => match &stage.aggregate {
            Some(counts) => format!("it is {} and deleted", aggregate::words(counts)),
            None => "it is deleted".to_owned(),
        },
        Action::Anonymize(work) => fields(work),
        Action::Shield(work) => shield(work),
        Action::Escalate(escalate) => decision(escalate),
        Action::Preserve => "it is preserved, and its deletion is refused".to_owned(),
    }
}

/// The action as a thing.
pub(super) fn noun(action: &Action) -> &'static str {
    match action {
        Action::Delete => "its deletion",
        Action::Anonymize(_) => "its anonymization",
        Action::Shield(_) => "its shielding",
        Action::Escalate(_) => "its review",
        Action::Preserve => "its preservation",
    }
}

fn shield(work: &Fieldwork) -> String {
    let mut parts = Vec::new();
    if let Some(flag) = &work.flag {
        parts.push(format!("it is shielded from readers (`{flag}` is set)"));
    }
    if !work.fields.is_empty() {
        parts.push(fields(work));
    }
    if parts.is_empty() { "it is shielded from readers".to_owned() } else { listed(&parts, "and") }
}

fn fields(work: &Fieldwork) -> String {
    let mut groups: Vec<(&Method, Vec<String>)> = Vec::new();
    for change in &work.fields {
        let name = format!("`{}`", change.column);
        match groups.iter_mut().find(|(method, _)| *method == change.method.as_ref()) {
            Some((_, names)) => names.push(name),
            None => groups.push((&change.method, vec![name])),
        }
    }
    let mut parts: Vec<String> = groups.iter().map(|(method, names)| change(method, names)).collect();
    if let Some(kept) = &work.keep_only {
        let names: Vec<String> = kept.iter().map(|name| format!("`{name}`")).collect();
        let besides = if parts.is_empty() { "everything" } else { "everything else" };
        parts.push(if names.is_empty() {
            format!("{besides} is emptied except what the rule itself needs")
        } else {
            format!("{besides} is emptied except {} and what the rule itself needs", names.join(", "))
        });
    }
    if parts.is_empty() { "nothing is changed".to_owned() } else { listed(&parts, "and") }
}

fn change(method: &Method, names: &[String]) -> String {
    let (fields, be) = (listed(names, "and"), if names.len() == 1 { "is" } else { "are" });
    match method {
        Method::Null => format!("{fields} {be} emptied"),
        Method::Neutral(_) => format!("{fields} {be} replaced by a value that says nothing"),
        Method::Fixed(_) => format!("{fields} {be} replaced by a fixed value"),
        Method::DropLastDigits { digits: 1 } => format!("the last digit of {fields} is hidden"),
        Method::DropLastDigits { digits } => {
            format!("the last {} digits of {fields} are hidden", count(*digits))
        }
        Method::Mask { keep_first: 0, keep_last: 0 } | Method::Hide => format!("{fields} {be} hidden"),
        Method::Mask { keep_first, keep_last } => {
            let ends: Vec<String> = [("first", keep_first), ("last", keep_last)]
                .into_iter()
                .filter(|(_, kept)| **kept > 0)
                .map(|(end, kept)| format!("the {end} {}", count(*kept)))
                .collect();
            format!("{fields} {be} hidden except {} characters", listed(&ends, "and"))
        }
        Method::TruncateIp => format!("the addresses in {fields} are shortened to their network"),
        Method::GeneralizeDate { to, .. } => {
            let to = match to {
                Granularity::Month => "month",
                Granularity::Year => "year",
            };
            format!("{fields} {be} reduced to the {to}")
        }
        Method::Flag => format!("{fields} {be} set"),
    }
}

fn decision(escalate: &Escalate) -> String {
    let who = if escalate.to.is_empty() { "somebody".to_owned() } else { listed(&escalate.to, "and") };
    let verb = if escalate.to.len() > 1 { "decide" } else { "decides" };
    let ways: Vec<String> = escalate.decisions.iter().map(|decision| way(decision, escalate)).collect();
    let mut text = if ways.is_empty() {
        format!("{who} {verb} what happens to it")
    } else {
        format!("{who} {verb} whether it is {}", listed(&ways, "or"))
    };
    if let Some(authority) = &escalate.needs {
        text.push_str(", which needs a decision of ");
        text.push_str(authority);
    }
    if let Some(question) = &escalate.question {
        text.push_str(" (");
        text.push_str(question.trim());
        text.push(')');
    }
    text
}

fn way(decision: &str, escalate: &Escalate) -> String {
    match (decision, &escalate.extend) {
        ("delete", _) => "deleted".to_owned(),
        ("preserve", _) => "preserved".to_owned(),
        ("transfer", _) => "transferred".to_owned(),
        ("extend", Some((each, most))) => format!("kept longer (by {each}, {most} in all)"),
        ("extend", None) => "kept longer".to_owned(),
        (other, _) => other.to_owned(),
    }
}
