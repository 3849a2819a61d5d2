//! What deleting or changing a record would set off: triggers, and foreign keys of other tables.

use super::catalogue::{self, Entry};
use super::open::Session;
use super::schema::Bound;
use super::trigger::runs_on_change;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::effects::{Does, Effects, Going, Reference};
use crate::model::target::Target;

/// A table of this database that goes with its record, and the column there that names it.
struct Companion {
    entry: Entry,
    by: String,
}

/// Looks at the target's table and at the tables of the same database that are declared to go with it.
pub(super) fn find(session: &Session, bound: &Bound, target: &Target) -> Result<Effects, StoreError> {
    let mut effects = Effects::default();
    let companions = companions(session, bound, target)?;
    add_triggers(&mut effects, &bound.entry);
    for companion in &companions {
        add_triggers(&mut effects, &companion.entry);
        let entry = &companion.entry;
        effects.add_look(&entry.name, &companion.by, entry.is_indexed(&companion.by));
    }
    let going: Vec<Going> = companions
        .iter()
        .map(|companion| Going { table: companion.entry.name.clone(), by: companion.by.clone() })
        .collect();
    let mut tables = vec![&bound.entry];
    tables.extend(companions.iter().map(|companion| &companion.entry));
    for found in session.references()? {
        let reference = reference(found, &tables);
        effects.add_reference(&bound.entry.name, &reference, &going, |child, by| {
            Ok(session.table(child)?.is_indexed(by))
        })?;
    }
    for reach in &target.reached_by {
        let entry = session.table(&reach.collection)?;
        if !entry.columns.iter().any(|column| same(&column.name, &reach.by)) {
            let why = format!("table `{}` has no column `{}`", entry.name, reach.by);
            return Err(session.trouble(StoreErrorKind::NotFound, why));
        }
        effects.add_look(&entry.name, &reach.by, entry.is_indexed(&reach.by));
    }
    Ok(effects)
}

fn companions(session: &Session, bound: &Bound, target: &Target) -> Result<Vec<Companion>, StoreError> {
    let mut companions = Vec::new();
    for with in target.with.iter().filter(|with| with.store.is_none()) {
        let entry = session.table(&with.collection)?;
        let Some(by) = &with.by else {
            let why = format!("`with` names table `{}` without `by`", entry.name);
            return Err(session
                .trouble(StoreErrorKind::Unsupported, why)
                .with_help("Write `by`: the column there that holds the record's key"));
        };
        if bound.frame.own.key.len() != 1 {
            let why = format!(
                "records of `{}` have a key of several columns, which `with` cannot follow",
                bound.entry.name
            );
            return Err(session
                .trouble(StoreErrorKind::Unsupported, why)
                .with_help("Set `key` to one unique column"));
        }
        let Some(column) = entry.columns.iter().find(|column| same(&column.name, by)) else {
            let why = format!("table `{}` has no column `{by}`", entry.name);
            return Err(session.trouble(StoreErrorKind::NotFound, why));
        };
        companions.push(Companion { by: column.name.clone(), entry });
    }
    Ok(companions)
}

fn add_triggers(effects: &mut Effects, entry: &Entry) {
    for (name, text) in entry.triggers.iter().filter(|(_, text)| runs_on_change(text)) {
        effects.add_trigger("trigger", name, text, &entry.name);
    }
}

/// A foreign key spells its tables and columns as somebody once wrote them; the tables themselves spell them otherwise.
fn reference(found: catalogue::Reference, tables: &[&Entry]) -> Reference {
    let catalogue::Reference { child, parent, mut columns, on_delete } = found;
    let text = format!("reference {child} {parent} {columns:?} {on_delete}");
    let table = |name: &str| tables.iter().find(|entry| same(&entry.name, name));
    if let Some(entry) = table(&child) {
        for (from, _) in &mut columns {
            if let Some(column) = entry.columns.iter().find(|column| same(&column.name, from)) {
                from.clone_from(&column.name);
            }
        }
    }
    let spelled = |name: String| table(&name).map_or(name, |entry| entry.name.clone());
    Reference {
        child: spelled(child),
        parent: spelled(parent),
        columns,
        does: Does::from_rule(&on_delete),
        text,
    }
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
