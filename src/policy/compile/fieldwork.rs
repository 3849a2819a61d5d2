//! `anonymize` and `shield`: which columns change, and how.

use std::ops::Range;
use std::sync::Arc;

use super::data::Place;
use super::notes::Notes;
use crate::model::action::{Change, Fieldwork};
use crate::model::method::{Granularity, Method};
use crate::policy::document::{Granule, MethodTable, MethodWord, StageTable};
use crate::policy::strict::{Section, Spot};

/// Compiles the keys of an `anonymize` stage.
pub(super) fn anonymize(table: &Section<StageTable>, place: &Place<'_>, notes: &mut Notes<'_>) -> Fieldwork {
    refuse_files(table, place, notes);
    let unread = notes.may_hold("fields") || notes.may_hold("keep-only");
    if table.fields.is_none() && table.keep_only.is_none() && !unread {
        notes
            .error(table.span(), "nothing says which fields are anonymized")
            .help("add for example `fields.caller = { method = \"null\" }`, or `keep-only = [..]`");
    }
    Fieldwork { fields: changes(table, place, notes), keep_only: keep_only(table, place, notes), flag: None }
}

/// Compiles the keys of a `shield` stage.
pub(super) fn shield(table: &Section<StageTable>, place: &Place<'_>, notes: &mut Notes<'_>) -> Fieldwork {
    refuse_files(table, place, notes);
    match (&table.flag, &table.fields) {
        (None, None) if !notes.may_hold("flag") && !notes.may_hold("fields") => {
            notes.error(table.span(), "nothing says how the record is shielded").help(
                "add `flag = \"shielded\"`, or in a published copy `fields.name = { method = \"hide\" }`",
            );
        }
        (Some(_), Some(fields)) => {
            notes.error(fields.span(), "the stage has `flag` and `fields`").help("keep one of them");
        }
        (None, Some(fields)) if place.store().is_some_and(|store| !store.published) => {
            let name = place.store().map_or("", |store| store.name.as_str());
            notes
                .error(fields.span(), format!("`{name}` is not declared as a published copy, so hiding fields would destroy them"))
                .help(format!("write `flag = \"shielded\"`; if it is a copy, write `published = true` in `[store.{name}]`"));
        }
        _ => {}
    }
    let flag = table.flag.as_ref().and_then(|flag| place.own_column(flag, notes));
    Fieldwork { fields: changes(table, place, notes), keep_only: None, flag }
}

fn refuse_files(table: &Section<StageTable>, place: &Place<'_>, notes: &mut Notes<'_>) {
    if place.holds_files() {
        let span = table.action.as_ref().map_or_else(|| table.span(), Spot::span);
        notes
            .error(span, "the fields of a file cannot be changed")
            .help("files can be deleted, escalated or preserved");
    }
}

fn changes(table: &StageTable, place: &Place<'_>, notes: &mut Notes<'_>) -> Vec<Change> {
    let Some(entries) = &table.fields else { return Vec::new() };
    if entries.0.is_empty() && !notes.may_hold("fields") {
        notes
            .error(entries.span(), "no field is named")
            .help("add for example `fields.caller = { method = \"null\" }`");
    }
    let mut changes: Vec<Change> = Vec::new();
    for (word, table) in &entries.0 {
        let method = method(table, notes);
        let Some(column) = place.own_column(word, notes) else { continue };
        if changes.iter().any(|other| other.column == column) {
            notes.error(word.span(), format!("`{column}` is listed twice")).help("keep one of them");
        }
        if let Some(method) = method {
            changes.push(Change { column, method: Arc::new(method) });
        }
    }
    changes
}

fn keep_only(table: &StageTable, place: &Place<'_>, notes: &mut Notes<'_>) -> Option<Vec<String>> {
    let kept = table.keep_only.as_ref()?;
    super::start::twice(kept.iter().map(|word| (word.span(), &***word)), notes);
    let changed =
        |word: &str| table.fields.iter().flat_map(|fields| &fields.0).any(|(other, _)| &***other == word);
    for word in kept.iter().filter(|word| changed(word)) {
        notes
            .error(word.span(), format!("`{word}` is to be kept and to be changed"))
            .help("list it once: in `keep-only` or in `fields`");
    }
    Some(kept.iter().filter_map(|word| place.own_column(word, notes)).collect())
}

fn method(table: &Section<MethodTable>, notes: &mut Notes<'_>) -> Option<Method> {
    notes.need(table.method.as_ref(), "method", &table.span(), "the field", "method = \"null\"");
    let word = table.method.as_ref()?;
    strays(table, word.value, notes);
    let missing = |notes: &mut Notes<'_>, key: &str, example: &str| {
        if !notes.may_hold(key) {
            notes
                .error(table.span(), format!("`{}` needs `{key}`", word.text))
                .help(format!("write for example `{{ method = \"{}\", {example} }}`", word.text));
        }
    };
    let kept = |count: Option<&Spot<crate::policy::strict::Count>>| count.map_or(0, |count| count.0 as usize);
    match word.value {
        MethodWord::Null => Some(Method::Null),
        MethodWord::Hide => Some(Method::Hide),
        MethodWord::TruncateIp => Some(Method::TruncateIp),
        MethodWord::Fixed => {
            if table.value.is_none() {
                missing(notes, "value", "value = \"withdrawn\"");
            }
            table.value.as_ref().map(|value| Method::Fixed(value.0.clone()))
        }
        MethodWord::DropLastDigits => {
            if table.digits.is_none() {
                missing(notes, "digits", "digits = 4");
            }
            table.digits.as_ref().map(|digits| Method::DropLastDigits { digits: digits.0 as usize })
        }
        MethodWord::Mask => Some(Method::Mask {
            keep_first: kept(table.keep_first.as_ref()),
            keep_last: kept(table.keep_last.as_ref()),
        }),
        MethodWord::GeneralizeDate => {
            if table.to.is_none() {
                missing(notes, "to", "to = \"month\"");
            }
            let to = match table.to.as_ref()?.value {
                Granule::Month => Granularity::Month,
                Granule::Year => Granularity::Year,
            };
            Some(Method::GeneralizeDate {
                to,
                format: table.format.as_ref().map(|format| format.value.0.clone()),
            })
        }
        MethodWord::Round | MethodWord::KeyedHash | MethodWord::RedactPattern => {
            notes
                .error(word.span(), format!("`{}` is not available yet", word.text))
                .help("use another method, such as `null` or `hide`, or give the stage `unresolved` instead of `after`");
            None
        }
    }
}

/// Settings that belong to another method.
fn strays(table: &MethodTable, word: MethodWord, notes: &mut Notes<'_>) {
    let settings: [(&str, Option<Range<usize>>, MethodWord); 9] = [
        ("value", table.value.as_ref().map(Spot::span), MethodWord::Fixed),
        ("digits", table.digits.as_ref().map(Spot::span), MethodWord::DropLastDigits),
        ("keep-first", table.keep_first.as_ref().map(Spot::span), MethodWord::Mask),
        ("keep-last", table.keep_last.as_ref().map(Spot::span), MethodWord::Mask),
        ("to", table.to.as_ref().map(Spot::span), MethodWord::GeneralizeDate),
        ("format", table.format.as_ref().map(Spot::span), MethodWord::GeneralizeDate),
        ("step", table.step.as_ref().map(Spot::span), MethodWord::Round),
        ("key", table.key.as_ref().map(Spot::span), MethodWord::KeyedHash),
        ("pattern", table.pattern.as_ref().map(Spot::span), MethodWord::RedactPattern),
    ];
    for (key, span, belongs) in settings.into_iter().filter_map(|(key, span, to)| Some((key, span?, to))) {
        if belongs != word {
            notes
                .error(span, format!("`{}` takes no `{key}`", word.word()))
                .help(format!("`{key}` is for `{}`", belongs.word()));
        }
    }
}
