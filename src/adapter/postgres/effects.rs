//! What deleting or changing a record would set off: triggers, rules, and foreign keys of other tables.

use super::catalogue::{self, Entry};
use super::schema::Bound;
use super::session::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::effects::{Does, Effects, Going, Reference};
use crate::model::target::Target;

/// A table that goes with its record, and the column there that names it.
#[derive(Clone, Debug)]
pub(super) struct Companion {
    pub(super) entry: Entry,
    pub(super) by: String,
    pub(super) collection: String,
}

/// Looks at the target's table and at the tables that are declared to go with it.
pub(super) fn find(session: &Session, bound: &Bound, target: &Target) -> Result<Effects, StoreError> {
    let mut effects = Effects::default();
    let companions = companions(session, bound, target)?;
    add_triggers(&mut effects, &bound.entry);
    for companion in &companions {
        add_triggers(&mut effects, &companion.entry);
        let entry = &companion.entry;
        effects.add_look(&entry.spelled, &companion.by, is_indexed(entry, &companion.by));
    }
    let going: Vec<Going> = companions
        .iter()
        .map(|companion| Going { table: companion.entry.spelled.clone(), by: companion.by.clone() })
        .collect();
    let mut parents = vec![&bound.entry];
    parents.extend(companions.iter().map(|companion| &companion.entry));
    let oids: Vec<u32> = parents.iter().map(|parent| parent.oid).collect();
    for found in catalogue::references(session, &oids)? {
        let parent = parents.iter().find(|parent| parent.oid == found.parent_oid);
        let reference = reference(found, parent.map(|parent| parent.spelled.clone()));
        effects.add_reference(&bound.entry.spelled, &reference, &going, |child, by| {
            Ok(is_indexed(&catalogue::table(session, child)?, by))
        })?;
    }
    for reach in &target.reached_by {
        let entry = catalogue::table(session, &reach.collection)?;
        if entry.column(&reach.by).is_none() {
            let why = format!("table `{}` has no column `{}`", entry.spelled, reach.by);
            return Err(session.trouble(StoreErrorKind::NotFound, why));
        }
        effects.add_look(&entry.spelled, &reach.by, is_indexed(&entry, &reach.by));
    }
    Ok(effects)
}

/// The tables of the same database that go with a record, in the policy's order.
pub(super) fn companions(
    session: &Session,
    bound: &Bound,
    target: &Target,
) -> Result<Vec<Companion>, StoreError> {
    let mut companions = Vec::new();
    for with in target.with.iter().filter(|with| with.store.is_none()) {
        let entry = catalogue::table(session, &with.collection)?;
        let refuse =
            |why: String, help: &str| session.trouble(StoreErrorKind::Unsupported, why).with_help(help);
        let Some(by) = &with.by else {
            let why = format!("`with` names table `{}` without `by`", entry.spelled);
            return Err(refuse(why, "Write `by`: the column there that holds the record's key"));
        };
        if bound.frame.own.key.len() != 1 {
            let why = format!(
                "records of `{}` have a key of several columns, which `with` cannot follow",
                bound.entry.spelled
            );
            return Err(refuse(why, "Set `key` to one unique column"));
        }
        if entry.column(by).is_none() {
            let why = format!("table `{}` has no column `{by}`", entry.spelled);
            return Err(session.trouble(StoreErrorKind::NotFound, why).with_help("Correct `by`"));
        }
        if entry.primary_key.is_empty() {
            let why = format!(
                "table `{}` has no primary key, so its rows could never be proven gone",
                entry.spelled
            );
            return Err(refuse(why, "Add a primary key to it"));
        }
        companions.push(Companion { by: by.clone(), collection: with.collection.clone(), entry });
    }
    Ok(companions)
}

fn add_triggers(effects: &mut Effects, entry: &Entry) {
    for trigger in &entry.triggers {
        effects.add_trigger("trigger or rule", &trigger.name, &trigger.text, &entry.spelled);
    }
}

fn reference(found: catalogue::Reference, parent: Option<String>) -> Reference {
    let catalogue::Reference { name, child, columns, on_delete, .. } = found;
    Reference {
        text: format!("reference {name} {child} {} {columns:?} {on_delete}", found.parent),
        parent: parent.unwrap_or(found.parent),
        child,
        columns,
        does: match on_delete {
            'c' => Some(Does::Delete),
            'n' | 'd' => Some(Does::Change),
            _ => None,
        },
    }
}

fn is_indexed(entry: &Entry, column: &str) -> bool {
    entry.column(column).is_some_and(|column| column.indexed)
}
