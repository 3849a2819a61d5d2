//! What the files of a pattern look like as a collection.

use sha2::{Digest, Sha256};

use super::super::api::{StoreError, StoreErrorKind};
use super::tree::Tree;
use crate::model::key::{KeyForm, hex};
use crate::model::pattern::{ATTRIBUTES, Pattern};
use crate::model::schema::{Column, ColumnKind, Schema};
use crate::model::target::Target;

pub(super) fn schema(tree: &Tree, target: &Target, pattern: &Pattern) -> Result<Schema, StoreError> {
    let refuse = |why: &str, help: &str| {
        let what = format!("pattern `{}` in store `{}`", target.collection, target.store);
        Err(StoreError::new(StoreErrorKind::Unsupported, what, why).with_help(help))
    };
    if !target.links.is_empty() {
        return refuse("files do not link to records", "Remove `[[data.link]]`");
    }
    if target.key.as_ref().is_some_and(|key| *key != ["path"]) {
        return refuse("a file's key is its path", "Remove `key`");
    }
    super::companions::check(target, pattern)?;
    let parts = pattern.parts().iter().map(|part| Column {
        declared: part.format.as_ref().map_or_else(|| "part".to_owned(), |format| format!("part {format}")),
        ..column(&part.name, ColumnKind::Text, false)
    });
    let attributes = ATTRIBUTES.iter().map(|name| match *name {
        "size" => column(name, ColumnKind::Int, false),
        "modified" => column(name, ColumnKind::Instant, false),
        "created" => column(name, ColumnKind::Instant, true),
        "ext" => column(name, ColumnKind::Text, true),
        "path" => Column { unique: true, ..column(name, ColumnKind::Text, false) },
        _ => column(name, ColumnKind::Text, false),
    });
    let columns: Vec<Column> = parts.chain(attributes).collect();
    let companions: Vec<_> = target.with.iter().map(|with| (&with.store, &with.collection)).collect();
    let described = format!("files 1 {} {columns:?} {companions:?}", pattern.text());
    Ok(Schema {
        collection: target.collection.clone(),
        columns,
        key: vec!["path".to_owned()],
        key_form: KeyForm::Path,
        linked: Vec::new(),
        side_effects: Vec::new(),
        referenced_by: Vec::new(),
        partitioned_by: None,
        warnings: missing(tree, pattern).into_iter().collect(),
        marker: None,
        fingerprint: hex(&Sha256::digest(described)),
    })
}

fn column(name: &str, kind: ColumnKind, nullable: bool) -> Column {
    let (name, declared) = (name.to_owned(), "attribute".to_owned());
    Column { name, kind, declared, nullable, indexed: false, unique: false, json: false }
}

/// A pattern that begins in a directory that is not there means nothing yet: a slip of the pen, or too early.
fn missing(tree: &Tree, pattern: &Pattern) -> Option<String> {
    let mut path = Vec::new();
    let mut places = pattern.top();
    loop {
        let names = pattern.names(places)?;
        let [name] = names.as_slice() else { return None };
        let next = pattern.enter(places, name)?;
        path.extend_from_slice(name);
        if tree.directory(&path).is_err() {
            let shown = String::from_utf8_lossy(&path);
            return Some(format!(
                "there is no directory `{shown}` that could be read; the pattern matches nothing"
            ));
        }
        path.push(b'/');
        places = next;
    }
}
