//! Columns that no stage may change, because the rule itself depends on them.

use super::data::Place;
use super::notes::Notes;
use crate::model::predicate::Predicate;
use crate::model::start::Start;
use crate::model::value::Field;
use crate::policy::document::Document;
use crate::policy::rule::Branch;

/// Refuses stages that change the key, a start, or what a condition, a link or a companion is found by.
pub(super) fn check(document: &Document, place: &Place<'_>, branches: &[Branch], notes: &mut Notes<'_>) {
    let protected = protected(place, branches);
    let tables = document.stage.iter().chain(document.class.iter().flat_map(|class| &class.stage));
    for table in tables {
        let words = table.fields.iter().flat_map(|fields| fields.0.iter().map(|(word, _)| word));
        for word in words.chain(table.flag.as_ref()) {
            let Some(column) = place.column_of(word) else { continue };
            if let Some((_, why)) = protected.iter().find(|(other, _)| *other == column) {
                notes
                    .error(word.span(), format!("`{column}` cannot be changed: {why}"))
                    .help("leave it out; when the record is deleted, it goes too");
            }
        }
    }
}

/// Each protected column of the record itself, with the reason.
pub(super) fn protected(place: &Place<'_>, branches: &[Branch]) -> Vec<(String, &'static str)> {
    let mut found: Vec<(String, &'static str)> = Vec::new();
    let mut add = |column: &str, why| found.push((column.to_owned(), why));
    place.key().iter().for_each(|column| add(column, "it is the record's key"));
    for link in place.links() {
        add(&link.by, "a link is followed by it");
    }
    for with in place.with() {
        for column in placeholders(&with.collection) {
            add(column, "what goes with the record is found by it");
        }
    }
    let starts = branches.iter().flat_map(|branch| &branch.stages).filter_map(|stage| stage.start.as_deref());
    for field in starts.flat_map(Start::fields).filter_map(own) {
        add(field, "a start is read from it");
    }
    let conditions = branches.iter().map(|branch| &branch.when).chain([place.scope()]);
    for field in conditions.flat_map(Predicate::fields).filter_map(own) {
        add(field, "a condition depends on it");
    }
    found
}

fn own(field: &Field) -> Option<&str> {
    field.link.is_none().then_some(field.read_from())
}

fn placeholders(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(column, _)| column)
}
