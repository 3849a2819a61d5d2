//! From a policy as written to a policy as carried out: every default filled in, every contradiction refused.
//!
//! What only the stores can tell (columns, types, formats that are missing) is checked later, against their schemas.

mod action;
mod aggregate;
mod companions;
mod data;
mod defaults;
mod escalate;
mod fieldwork;
mod notes;
mod order;
mod protect;
mod start;
mod test;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::diagnostic::{Diagnostic, Severity};
use super::document::{self, ClassTable, Document, StageTable};
use super::rule::{Branch, Limit, Places, Policy, Stage};
use super::strict::{Section, Spot, Text};
use crate::model::ids::PolicyId;
use crate::model::predicate::Predicate;
use crate::time::Period;
use data::Place;
use notes::Notes;
use start::Nearest;

pub use defaults::{Basis, Defaults, KnownStore, StoreKind};

/// What became of a policy file.
#[derive(Debug)]
pub struct Compiled {
    /// The policy; `None` if anything in the diagnostics is an error.
    pub policy: Option<Policy>,
    /// Everything that is wrong or worth a look, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles the text of one policy file. A file is accepted or rejected whole, with all its errors at once.
pub fn compile(file: &Path, id: PolicyId, text: &str, defaults: &Defaults) -> Compiled {
    let reading = document::read(file, text);
    let mut notes = Notes::new(file, text, reading.dropped, reading.diagnostics);
    let policy = reading.value.map(|document| whole(&document, id, defaults, &mut notes));
    let diagnostics = notes.finish();
    let sound = diagnostics.iter().all(|found| found.severity != Severity::Error);
    Compiled { policy: policy.filter(|_| sound), diagnostics }
}

fn whole(document: &Document, id: PolicyId, defaults: &Defaults, notes: &mut Notes<'_>) -> Policy {
    let top = notes.top();
    notes.need(document.title.as_ref(), "title", &top, "the policy", "title = \"Switchboard call log\"");
    notes.need(document.owner.as_ref(), "owner", &top, "the policy", "owner = \"it-operations\"");
    let unresolved = document.unresolved.as_ref().map(ToString::to_string);
    if unresolved.is_none() && document.data.is_empty() && !notes.may_hold("data") {
        notes.error(top.clone(), "the policy does not say where the data lives").help(
            "add a `[[data]]` table with `store`, `collection` and `start`, or `unresolved = \"the open question\"`",
        );
    }
    check_stages_exist(document, unresolved.is_some(), &top, notes);
    let zone = document.timezone.as_ref().map_or(defaults.zone, |zone| zone.value);
    let places: Vec<Place<'_>> =
        document.data.iter().map(|table| data::place(table, zone, defaults, notes)).collect();
    let keep_at_least = minimum(document, defaults, notes);
    let mut data = Vec::new();
    for (index, place) in places.iter().enumerate() {
        let branches = compiled(document, place, keep_at_least, notes);
        data.push(place.finish(index, branches));
    }
    if places.is_empty() {
        // An unresolved policy may have stages and no data yet; their mistakes are reported all the same.
        compiled(document, &Place::nowhere(zone), keep_at_least, notes);
    }
    Policy {
        id,
        file: notes.file().to_owned(),
        text: Arc::from(notes.text()),
        hash: hash(notes.text()),
        title: text_of(document.title.as_ref()).unwrap_or_default(),
        owner: text_of(document.owner.as_ref()).unwrap_or_default(),
        purpose: text_of(document.purpose.as_ref()),
        basis: text_of(document.basis.as_ref()),
        source: text_of(document.source.as_ref()),
        note: text_of(document.note.as_ref()),
        law: text_of(document.law.as_ref()),
        rows: document.rows.iter().flatten().map(|row| row.0).collect(),
        zone,
        schedule: document
            .schedule
            .as_ref()
            .map_or_else(|| defaults.schedule.clone(), |own| own.value.clone()),
        window: document.window.as_ref().map(|own| own.value).or(defaults.window),
        wait: document.wait.as_ref().map(|own| own.value).or(defaults.wait),
        approvers: document.approvers.as_ref().map_or(defaults.approvers, |own| own.0),
        notify_before: document.notify_before.as_ref().map(|own| own.value).or(defaults.notify_before),
        stale_after: document.stale_after.as_ref().map(|own| own.value).or(defaults.stale_after),
        grace: defaults.grace,
        keep_at_least,
        unresolved,
        limit: limit(document),
        tests: test::tests(document, &places, &data, notes),
        places: Places {
            data: places.iter().map(Place::places).collect(),
            whens: document.class.iter().map(|class| class.when.as_ref().map_or(0..0, Spot::span)).collect(),
            stages: std::iter::once(headers(&document.stage))
                .chain(document.class.iter().map(|class| headers(&class.stage)))
                .collect(),
        },
        data,
    }
}

fn compiled(
    document: &Document,
    place: &Place<'_>,
    minimum: Option<Period>,
    notes: &mut Notes<'_>,
) -> Vec<Branch> {
    let branches = branches(document, place, notes);
    order::check(document, &branches, minimum, notes);
    protect::check(document, place, &branches, notes);
    aggregate::check(document, place, &branches, notes);
    branches
}

fn check_stages_exist(document: &Document, unresolved: bool, top: &Range<usize>, notes: &mut Notes<'_>) {
    let none = document.stage.is_empty() && !notes.may_hold("stage");
    if none && document.class.is_empty() && !unresolved {
        notes.error(top.clone(), "the policy does not say what happens to a record").help(
            "add a `[[stage]]` table with `after` and `action`, or `unresolved = \"the open question\"`",
        );
    } else if none && !document.class.is_empty() && !unresolved {
        notes.warning(top.clone(), "records that belong to no class are kept for ever").help(
            "if that is meant, say so: add `[[stage]]` with `action = \"preserve\"`; else add the stages they follow",
        );
    }
    for (index, class) in document.class.iter().enumerate() {
        check_class(document, index, class, notes);
    }
}

fn check_class(document: &Document, index: usize, class: &Section<ClassTable>, notes: &mut Notes<'_>) {
    let span = class.span();
    notes.need(class.name.as_ref(), "name", &span, "the class", "name = \"hired\"");
    notes.need(class.when.as_ref(), "when", &span, "the class", "when = \"outcome == 'hired'\"");
    if class.stage.is_empty() && !notes.may_hold("stage") {
        notes.error(span, "the class has no stages").help(
            "add `[[class.stage]]` below it; to keep its records for ever, with `action = \"preserve\"`",
        );
    }
    let Some(name) = &class.name else { return };
    if &***name == "none" {
        notes
            .error(name.span(), "`none` is no name for a class")
            .help("tests write `none` for records of no class");
    }
    let earlier = &document.class[..index];
    if earlier.iter().any(|other| other.name.as_ref().is_some_and(|other| **other == **name)) {
        notes.error(name.span(), format!("there are two classes `{name}`")).help("give each its own name");
    }
}

/// The classes in order, then the policy's own stages.
fn branches(document: &Document, place: &Place<'_>, notes: &mut Notes<'_>) -> Vec<Branch> {
    let mut branches = Vec::new();
    for class in &document.class {
        let start = Nearest::of(class.start.as_ref(), place, place.start(), notes);
        branches.push(Branch {
            class: text_of(class.name.as_ref()),
            when: match &class.when {
                Some(when) => place.condition(when, notes),
                None => Predicate::Always(false),
            },
            stages: stages(document, &class.stage, place, &start, notes),
        });
    }
    branches.push(Branch {
        class: None,
        when: Predicate::Always(true),
        stages: stages(document, &document.stage, place, place.start(), notes),
    });
    branches
}

fn stages(
    document: &Document,
    tables: &[Section<StageTable>],
    place: &Place<'_>,
    outer: &Nearest,
    notes: &mut Notes<'_>,
) -> Vec<Stage> {
    let owner = text_of(document.owner.as_ref()).unwrap_or_default();
    let mut stages = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let start = Nearest::of(table.start.as_ref(), place, outer, notes);
        stages.extend(action::stage(&owner, table, index + 1, &start, place, notes));
    }
    stages
}

/// `keep-at-least`, the policy's own or its law's.
fn minimum(document: &Document, defaults: &Defaults, notes: &mut Notes<'_>) -> Option<Period> {
    let own = document.keep_at_least.as_ref().map(|period| period.value);
    let Some(law) = &document.law else { return own };
    let Some(basis) = defaults.bases.iter().find(|basis| basis.name == ***law) else {
        notes.unknown(
            law.span(),
            "legal basis",
            law,
            defaults.bases.iter().map(|basis| basis.name.as_str()),
            "`bases.toml`",
        );
        return own;
    };
    if let Some(ended) = basis.valid_until.filter(|until| *until < defaults.today) {
        notes
            .warning(law.span(), format!("the legal basis `{}` ended on {ended}", basis.name))
            .help("name the one that replaced it, and look whether the periods still fit");
    }
    if let Some(begins) = basis.valid_from.filter(|from| *from > defaults.today) {
        notes
            .warning(law.span(), format!("the legal basis `{}` begins on {begins}", basis.name))
            .help("name the one that is in force now");
    }
    match (own, basis.keep_at_least) {
        (Some(own), Some(theirs)) if !own.is_certainly_at_least(theirs) => {
            let span = document.keep_at_least.as_ref().map_or(0..0, Spot::span);
            notes
                .error(
                    span,
                    format!("`{}` prescribes at least {theirs}, and {own} may be shorter", basis.name),
                )
                .help(format!("write `keep-at-least = \"{theirs}\"` or more, or leave it to the law"));
            Some(theirs)
        }
        (own, theirs) => own.or(theirs),
    }
}

fn limit(document: &Document) -> Limit {
    let Some(table) = &document.limit else { return Limit::default() };
    Limit {
        records: table.records.as_ref().map(|records| u64::from(records.0)),
        share: table.share.as_ref().map(|share| share.0),
        may_empty: table.may_empty.as_ref().is_some_and(|may| **may),
    }
}

fn headers(tables: &[Section<StageTable>]) -> Vec<Range<usize>> {
    tables.iter().map(Section::span).collect()
}

fn text_of(text: Option<&Spot<Text>>) -> Option<String> {
    text.map(ToString::to_string)
}

fn hash(text: &str) -> String {
    crate::model::key::hex(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests;
