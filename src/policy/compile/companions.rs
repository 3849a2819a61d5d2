//! `[[data.link]]` and `[[data.with]]`: what a record belongs to, and what goes with it.

use super::data::Place;
use super::defaults::{Defaults, KnownStore, StoreKind};
use super::notes::Notes;
use crate::model::ids::StoreName;
use crate::model::pattern::Pattern;
use crate::model::target::{Link, With};
use crate::policy::condition::Names;
use crate::policy::document::{DataTable, WithTable};
use crate::policy::strict::{Section, Spot, Text};

/// Reads the links, and makes their names known to conditions.
pub(super) fn read_links(
    table: &DataTable,
    names: &mut Names,
    links: &mut Vec<Link>,
    store: Option<&KnownStore>,
    notes: &mut Notes<'_>,
) {
    for link in &table.link {
        let span = link.span();
        if store.is_some_and(|store| store.kind == StoreKind::Files) {
            notes
                .error(span, "files have no links")
                .help("name the record's own files with `[[data.with]]` in the policy of the table");
            continue;
        }
        notes.need(link.name.as_ref(), "name", &span, "the link", "name = \"recruitment\"");
        notes.need(link.collection.as_ref(), "collection", &span, "the link", "collection = \"recruitment\"");
        notes.need(link.by.as_ref(), "by", &span, "the link", "by = \"recruitment_id\"");
        let Some(name) = &link.name else { continue };
        if name.contains('.') {
            notes
                .error(name.span(), "a link's name has no full stop")
                .help("its fields are written `name.field`");
        }
        // The name is made known even if the rest is wrong, so that its fields are not reported as well.
        if !names.links.insert(name.to_string()) {
            notes.error(name.span(), format!("there are two links `{name}`")).help("give each its own name");
        }
        if let (Some(collection), Some(by)) = (&link.collection, &link.by) {
            links.push(Link {
                name: name.to_string(),
                collection: collection.to_string(),
                key: link.key.as_ref().map(ToString::to_string),
                by: by.to_string(),
            });
        }
    }
}

/// Reads what goes with a record.
pub(super) fn with(
    table: &DataTable,
    place: &Place<'_>,
    defaults: &Defaults,
    notes: &mut Notes<'_>,
) -> Vec<With> {
    table.with.iter().filter_map(|with| one(with, place, defaults, notes)).collect()
}

fn one(
    with: &Section<WithTable>,
    place: &Place<'_>,
    defaults: &Defaults,
    notes: &mut Notes<'_>,
) -> Option<With> {
    let span = with.span();
    notes.need(
        with.collection.as_ref(),
        "collection",
        &span,
        "what goes along",
        "collection = \"attachment\"",
    );
    let store = match &with.store {
        None => place.store(),
        Some(name) => {
            let found = defaults.store(name);
            if found.is_none() {
                let known = defaults.stores.iter().map(|store| store.name.as_str());
                notes.unknown(name.span(), "store", name, known, "`forfall.toml` as `[store.NAME]`");
            }
            found
        }
    }?;
    let collection = with.collection.as_ref()?;
    let spelled = match store.kind {
        StoreKind::Rows => {
            if with.by.is_none() && !notes.may_hold("by") {
                notes
                    .error(span, format!("nothing says which rows of `{collection}` go with a record"))
                    .help("add `by = \"..\"`: the column there that names the record's key");
            }
            collection.to_string()
        }
        StoreKind::Files => {
            if let Some(by) = &with.by {
                notes
                    .error(by.span(), "`by` is for tables")
                    .help("a pattern says it itself: `{field}` stands for the record's value");
            }
            let own = place.store().is_some_and(|own| own.kind == StoreKind::Files);
            paths(collection, place, own, notes)?
        }
        StoreKind::Unknown => return None,
    };
    Some(With {
        // The record's own store by its name is no other store.
        store: with
            .store
            .as_ref()
            .map(|name| StoreName::new(&***name))
            .filter(|name| place.store().is_none_or(|own| own.name != *name)),
        collection: spelled,
        by: with.by.as_ref().map(ToString::to_string),
    })
}

/// A pattern in which the policy's words are replaced by the store's columns.
fn paths(
    collection: &Spot<Text>,
    place: &Place<'_>,
    of_files: bool,
    notes: &mut Notes<'_>,
) -> Option<String> {
    let pattern = match Pattern::parse(collection) {
        Ok(pattern) => pattern,
        Err(wrong) => {
            notes.error(collection.span(), wrong.message).help(wrong.help);
            return None;
        }
    };
    if pattern.parts().is_empty() {
        notes
            .error(collection.span(), "this pattern names the same files for every record")
            .help("let a field stand in it, such as `{applicant_id}/**`");
        return None;
    }
    // Of a file the parts are read from its own path, and lead back to one record only.
    if !of_files && pattern.is_ambiguous() {
        notes.error(collection.span(), "one file could belong to several records by this pattern").help(
            "let each name between slashes hold one field and no wildcard beside it, as `{a}/{b}.pdf` or \
                 `{id}/**`: to `{a}-{b}.pdf` the file `1-2-3.pdf` is both (`1`, `2-3`) and (`1-2`, `3`)",
        );
        return None;
    }
    let mut columns = Vec::new();
    for part in pattern.parts() {
        if part.format.is_some() {
            notes
                .error(collection.span(), format!("`{}` stands for the record's value as it is", part.name))
                .help(format!("write `{{{}}}` without a format", part.name));
            return None;
        }
        columns.push(place.own_column(&Spot::new(collection.span(), Text::new(&part.name)), notes)?);
    }
    Some(spelled(collection, &columns))
}

/// The pattern with these columns in the place of its parts; `{{` stays, for it is a brace itself.
fn spelled(pattern: &str, columns: &[String]) -> String {
    let mut spelled = String::new();
    let mut columns = columns.iter();
    let mut rest = pattern;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        spelled.push_str(before);
        let literal = ["{{", "{*}", "{?}"].into_iter().find(|literal| from.starts_with(literal));
        rest = match (literal, from.find('}')) {
            (Some(literal), _) => {
                spelled.push_str(literal);
                &from[literal.len()..]
            }
            (None, Some(close)) => {
                spelled.extend(columns.next().map(|column| format!("{{{column}}}")));
                &from[close + 1..]
            }
            (None, None) => break,
        };
    }
    spelled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policys_words_become_columns_and_braces_stay() {
        let columns = ["SOKER_ID".to_owned(), "YEAR".to_owned()];
        assert_eq!(spelled("cv/{year}/{{{id}}}/**", &columns), "cv/{SOKER_ID}/{{{YEAR}}}/**");
        assert_eq!(spelled("{*}{a}{?}", &columns), "{*}{SOKER_ID}{?}");
        assert_eq!(spelled("plain/**", &columns), "plain/**");
    }
}
