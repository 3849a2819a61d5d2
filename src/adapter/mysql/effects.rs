//! What deleting or changing a record would set off: triggers, and foreign keys of other tables.

use super::catalogue::{self, Entry};
use super::schema::{self, Bound};
use super::session::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::effects::{Does, Effects, Going, Reference};
use crate::model::schema::SideEffect;
use crate::model::target::Target;

/// A table that goes with its record, and the column there that names it.
#[derive(Clone, Debug)]
pub(super) struct Companion {
    pub(super) entry: Entry,
    pub(super) by: String,
    pub(super) collection: String,
}

/// Looks at the target's table and at the tables that are declared to go with it.
pub(super) fn find(
    session: &Session,
    bound: &Bound,
    target: &Target,
    from: catalogue::Where,
) -> Result<Effects, StoreError> {
    let mut effects = Effects::default();
    let companions = companions(session, bound, target)?;
    add_triggers(&mut effects, &bound.entry);
    for Companion { entry, by, .. } in &companions {
        add_triggers(&mut effects, entry);
        effects.add_look(&entry.name, by, is_indexed(entry, by));
    }
    let going: Vec<Going> = companions
        .iter()
        .map(|companion| Going { table: companion.entry.name.clone(), by: companion.by.clone() })
        .collect();
    let parents = std::iter::once(&bound.entry).chain(companions.iter().map(|companion| &companion.entry));
    for parent in parents {
        for found in session.references_to(&parent.name, from)? {
            if let Some(database) = &found.elsewhere {
                effects.refused.push(elsewhere(&found, database, &parent.name));
                continue;
            }
            let reference = reference(found, &parent.name);
            effects.add_reference(&bound.entry.name, &reference, &going, |child, by| {
                Ok(is_indexed(&session.table(child)?, by))
            })?;
        }
    }
    for reach in &target.reached_by {
        let entry = session.table(&reach.collection)?;
        if entry.column(&reach.by).is_none() {
            let why = format!("table `{}` has no column `{}`", entry.name, reach.by);
            return Err(session.trouble(StoreErrorKind::NotFound, why));
        }
        effects.add_look(&entry.name, &reach.by, is_indexed(&entry, &reach.by));
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
        let entry = session.table(&with.collection)?;
        let refuse =
            |why: String, help: &str| session.trouble(StoreErrorKind::Unsupported, why).with_help(help);
        let Some(by) = &with.by else {
            let why = format!("`with` names table `{}` without `by`", entry.name);
            return Err(refuse(why, "Write `by`: the column there that holds the record's key"));
        };
        let [key] = bound.frame.own.key.as_slice() else {
            let why = format!(
                "records of `{}` have a key of several columns, which `with` cannot follow",
                bound.entry.name
            );
            return Err(refuse(why, "Set `key` to one unique column"));
        };
        let Some(column) = entry.column(by) else {
            let why = format!("table `{}` has no column `{by}`", entry.name);
            return Err(session.trouble(StoreErrorKind::NotFound, why).with_help("Correct `by`"));
        };
        let by = column.name.clone();
        schema::require_same_kind(session, (&entry, &by), (&bound.entry, key))?;
        if entry.key.is_empty() {
            let why =
                format!("table `{}` has no primary key, so its rows could never be proven gone", entry.name);
            return Err(refuse(why, "Add a primary key to it"));
        }
        companions.push(Companion { by, collection: with.collection.clone(), entry });
    }
    Ok(companions)
}

fn add_triggers(effects: &mut Effects, entry: &Entry) {
    for (name, event) in entry.triggers.iter().filter(|(_, event)| event != "INSERT") {
        effects.add_trigger("trigger", name, event, &entry.name);
    }
}

fn reference(found: catalogue::Reference, parent: &str) -> Reference {
    let catalogue::Reference { name, child, columns, on_delete, .. } = found;
    Reference {
        text: format!("reference {name} {child} {parent} {columns:?} {on_delete}"),
        parent: parent.to_owned(),
        child,
        columns,
        does: Does::from_rule(&on_delete),
    }
}

fn elsewhere(found: &catalogue::Reference, database: &str, parent: &str) -> SideEffect {
    let child = &found.child;
    SideEffect {
        name: format!("{database}.{child}"),
        text: format!(
            "rows of table `{child}` in database `{database}` refer to rows of `{parent}`, and a policy cannot reach \
             into another database: drop that foreign key, or leave this table to whoever made it"
        ),
    }
}

fn is_indexed(entry: &Entry, column: &str) -> bool {
    entry.column(column).is_some_and(|column| column.indexed)
}
