//! Reads a policy back in words that a lawyer can sign, with the shortest and the longest life of a record.

mod effect;
mod life;
mod words;

use std::ops::Range;
use std::sync::Arc;

use crate::model::action::Action;
use crate::model::start::{Start, StartSource};
use crate::policy::rule::{Branch, Data, Policy, Stage};
use crate::policy::select::preserves;
use crate::time::{After, Cutoff, Period};
use words::{listed, same_unit};

/// What the policy does, for whom, from when and for how long.
pub fn sentence(policy: &Policy) -> String {
    if let Some(question) = &policy.unresolved {
        let question = question.trim_end_matches(['.', ' ']);
        return format!("{}: undecided ({question}). Until that is settled, nothing is done.", policy.title);
    }
    let Some(data) = policy.data.first() else {
        return format!("{}: no data is bound, so nothing is done.", policy.title);
    };
    let mut text = Vec::new();
    if let Some(own) = data.branches.iter().find(|branch| branch.class.is_none()) {
        let classes = data.branches.len() > 1;
        text.push(format!(
            "{}: {}.",
            policy.title,
            stages(policy, own, if classes { "what belongs to no class" } else { "it" })
        ));
        text.extend(life::of(policy, own, "a record"));
    } else {
        text.push(format!("{}:", policy.title));
    }
    let classes = data.branches.iter().filter(|branch| branch.class.is_some());
    for (index, branch) in classes.enumerate() {
        let when = policy.places.whens.get(index).and_then(|place| written(policy, place));
        let when = when.map_or_else(String::new, |when| format!(" (where `{when}`)"));
        let name = branch.class.as_deref().unwrap_or_default();
        text.push(format!("Class `{name}`{when}: {}.", stages(policy, branch, "it")));
        text.extend(life::of(policy, branch, "such a record"));
    }
    if let Some(minimum) = policy.keep_at_least {
        text.push(format!("Whatever the stages say, a record is kept at least {minimum}."));
    }
    text.extend(scope(policy));
    text.extend(companions(policy));
    text.join(" ")
}

fn stages(policy: &Policy, branch: &Branch, whose: &str) -> String {
    if branch.stages.is_empty() {
        return format!("{whose} is kept");
    }
    let main = main_start(branch);
    let shown = |stage: &&Stage| !preserves(branch) || stage.action == Action::Preserve;
    let clauses: Vec<String> =
        branch.stages.iter().filter(shown).map(|stage| clause(policy, stage, main.as_ref())).collect();
    clauses.join("; ")
}

fn clause(policy: &Policy, stage: &Stage, main: Option<&Arc<Start>>) -> String {
    if let Some(question) = &stage.unresolved {
        let question = question.trim_end_matches(['.', ' ']);
        return format!("{} is undecided ({question}) and does not happen", effect::noun(&stage.action));
    }
    let Some(after) = stage.after else {
        return effect::of(stage);
    };
    // The statutory minimum binds every stage.
    let minimum = policy.keep_at_least.filter(|minimum| minimum.is_certainly_longer_than(after.period()));
    let mut when = match (after, minimum) {
        (after, Some(minimum)) => {
            format!("after {minimum} (the least that it must be kept; the stage alone says {after})")
        }
        (After::AtOnce, None) => "at once".to_owned(),
        (After::Period(period), None) => format!("after {period}"),
    };
    let own = stage.start.as_ref().filter(|start| Some(*start) != main);
    if let Some(start) = own {
        when = format!("{when}, counted from {}", counted_from(start));
    }
    let in_time = |latest: &Period| minimum.is_none_or(|minimum| latest.is_certainly_at_least(minimum));
    let latest = stage.at_latest.filter(in_time).map(|latest| match after {
        After::Period(period) => same_unit(minimum.unwrap_or(period), latest)
            .map_or_else(|| latest.to_string(), |(_, count)| count),
        After::AtOnce => format!("after {latest}"),
    });
    match latest {
        Some(latest) => format!("{when}, at latest {latest}, {}", effect::of(stage)),
        None if own.is_some() => format!("{when}, {}", effect::of(stage)),
        None => format!("{when} {}", effect::of(stage)),
    }
}

/// The start that the branch's life is counted from: that of its last stage that has one.
fn main_start(branch: &Branch) -> Option<Arc<Start>> {
    let of = |stages: &mut dyn DoubleEndedIterator<Item = &Stage>| {
        stages.rev().find_map(|stage| stage.start.clone())
    };
    of(&mut branch.stages.iter().filter(|stage| stage.runs() && stage.after.is_some()))
}

/// Where the clock starts.
fn counted_from(start: &Start) -> String {
    let place = place(start);
    let Some(cutoff) = start.cutoff else { return place };
    let period = match cutoff {
        Cutoff::EndOfDay => "the day".to_owned(),
        Cutoff::EndOfMonth => "the month".to_owned(),
        Cutoff::EndOfQuarter => "the quarter".to_owned(),
        Cutoff::EndOfYear => "the calendar year".to_owned(),
        Cutoff::YearEnding { .. } => {
            format!("the {}", cutoff.to_string().replacen("year-ending", "year ending", 1))
        }
    };
    format!("the end of {period} of {place}")
}

fn place(start: &Start) -> String {
    match &start.source {
        StartSource::Field(field) => format!("`{field}`"),
        StartSource::Latest(fields) => {
            let names: Vec<String> = fields
                .iter()
                .map(|latest| {
                    if latest.optional {
                        format!("`{}` (if any)", latest.field)
                    } else {
                        format!("`{}`", latest.field)
                    }
                })
                .collect();
            let degree = if names.len() == 2 { "later" } else { "latest" };
            format!("the {degree} of {}", listed(&names, "and"))
        }
        StartSource::Event { name, by: None } => format!("the event `{name}`"),
        StartSource::Event { name, by: Some(by) } => format!("the event `{name}` of its `{by}`"),
    }
}

/// Which records the policy is about, where `where` says so.
fn scope(policy: &Policy) -> Option<String> {
    let conditions: Vec<Option<&str>> = policy
        .places
        .data
        .iter()
        .map(|places| places.condition.as_ref().and_then(|place| written(policy, place)))
        .collect();
    let first = (*conditions.first()?)?;
    conditions
        .iter()
        .all(|other| *other == Some(first))
        .then(|| format!("It covers only records where `{first}`."))
}

/// What goes with a record, where anything is deleted at all.
fn companions(policy: &Policy) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for with in policy.data.iter().flat_map(|data| &data.target.with) {
        let place = with.store.as_ref().map_or_else(String::new, |store| format!(" in {store}"));
        let name = format!("`{}`{place}", with.collection);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let stages = || policy.data.iter().flat_map(|data| &data.branches).flat_map(|branch| &branch.stages);
    let deletes = stages().any(|stage| stage.action == Action::Delete && stage.runs());
    (deletes && !names.is_empty()).then(|| {
        format!("When a record is deleted, what belongs to it in {} goes with it.", listed(&names, "and"))
    })
}

/// The text of a TOML string at a place of the policy, without its quotation marks.
fn written<'a>(policy: &'a Policy, place: &Range<usize>) -> Option<&'a str> {
    let text = policy.text.get(place.clone())?.trim();
    ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find_map(|mark| text.strip_prefix(mark)?.strip_suffix(mark))
        .map(str::trim)
        .filter(|text| !text.is_empty() && !text.contains(['\n', '\\']))
}

/// The starts of one branch in all `[[data]]`, each once, with its store where they differ.
fn starts(policy: &Policy, branch: &Branch) -> Option<String> {
    let same = |data: &&Data| data.branches.iter().any(|other| other.class == branch.class);
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for data in policy.data.iter().filter(same) {
        let twin = data.branches.iter().find(|other| other.class == branch.class)?;
        let start = counted_from(main_start(twin)?.as_ref());
        let store = data.target.store.to_string();
        match found.iter_mut().find(|(known, _)| *known == start) {
            Some((_, stores)) if !stores.contains(&store) => stores.push(store),
            Some(_) => {}
            None => found.push((start, vec![store])),
        }
    }
    match found.as_slice() {
        [] => None,
        [(start, _)] => Some(start.clone()),
        several => {
            let each: Vec<String> = several
                .iter()
                .map(|(start, stores)| format!("{start} (in {})", listed(stores, "and")))
                .collect();
            Some(listed(&each, "or"))
        }
    }
}

#[cfg(test)]
mod tests;
