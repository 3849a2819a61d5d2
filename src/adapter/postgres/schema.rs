//! Probing: the target as the server describes it now.

use std::collections::BTreeMap;

use super::catalogue::{self, Entry, Find};
use super::effects;
use super::session::Session;
use super::value::KeyType;
use crate::adapter::api::StoreError;
use crate::adapter::sql::{Frame, LinkedTable, Table, fingerprint};
use crate::model::key::KeyForm;
use crate::model::schema::Schema;
use crate::model::target::Target;

/// A target's tables, ready for SQL to be made about them.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    /// The record's table in the catalogue.
    pub(super) entry: Entry,
    /// What the lowering needs. A table's name there is the alias under which it stands.
    pub(super) frame: Frame,
    /// What each key column is made of.
    pub(super) key: Vec<KeyType>,
    /// The tables behind the links, as SQL writes them, by link name.
    pub(super) linked: BTreeMap<String, String>,
    /// The tables that refer to records, as SQL writes them, by the policy's name for them.
    pub(super) reaching: BTreeMap<String, String>,
}

impl Bound {
    /// The record's table as a `FROM` or a `DELETE` names it.
    pub(super) fn from(&self) -> String {
        format!("{} AS {}", self.entry.sql(), catalogue::quoted(&self.frame.own.name))
    }

    /// A column of the record's table.
    pub(super) fn column(&self, name: &str) -> String {
        format!("{}.{}", catalogue::quoted(&self.frame.own.name), catalogue::quoted(name))
    }

    /// The key's columns as they are selected.
    pub(super) fn key_list(&self) -> String {
        let columns = self.frame.own.key.iter().zip(&self.key);
        columns.map(|(name, kind)| kind.selected(&self.column(name))).collect::<Vec<_>>().join(", ")
    }
}

/// Finds the target's tables and columns.
pub(super) fn bind(session: &Session, target: &Target) -> Result<Bound, StoreError> {
    bind_found(session, target, catalogue::table)
}

/// The same among the tables that `find` gives.
pub(super) fn bind_found(session: &Session, target: &Target, find: Find) -> Result<Bound, StoreError> {
    let entry = find(session, &target.collection)?;
    let key = entry.keys(&session.place).key(target.key.as_deref())?;
    let mut links = Vec::new();
    let mut linked = BTreeMap::new();
    for link in &target.links {
        entry.keys(&session.place).require(&link.by)?;
        let there = find(session, &link.collection)?;
        let key = match &link.key {
            Some(key) => there.keys(&session.place).require(key)?,
            None => there.keys(&session.place).only(&link.name)?,
        };
        linked.insert(link.name.clone(), there.sql());
        let unique = there.keys(&session.place).is_unique(&[&key]);
        links.push(LinkedTable {
            link: link.clone(),
            table: table_of(&there, vec![key.clone()]),
            key,
            unique,
        });
    }
    let types = key
        .iter()
        .filter_map(|name| entry.column(name))
        .map(|column| KeyType::of(column.kind, &column.declared));
    let mut reaching = BTreeMap::new();
    let referring =
        catalogue::references(session, &[entry.oid])?.into_iter().map(|reference| reference.child);
    for name in target.reached_by.iter().map(|reach| reach.collection.clone()).chain(referring) {
        if let Ok(there) = find(session, &name) {
            reaching.insert(name, there.sql());
        }
    }
    Ok(Bound {
        key: types.collect(),
        frame: Frame { own: table_of(&entry, key), links },
        entry,
        linked,
        reaching,
    })
}

fn table_of(entry: &Entry, key: Vec<String>) -> Table {
    Table { name: entry.name.clone(), columns: entry.columns.clone(), key }
}

/// Describes the target.
pub(super) fn probe(session: &Session, target: &Target) -> Result<Schema, StoreError> {
    let bound = bind(session, target)?;
    let effects = effects::find(session, &bound, target)?;
    let mut warnings = warnings_of(session, &bound)?;
    warnings.extend(effects.warnings.iter().cloned());
    let oid = bound.entry.oid.to_string();
    let fingerprint = fingerprint(
        [oid.as_str(), bound.entry.schema.as_str()],
        &bound.frame,
        effects.fingerprint.iter().map(String::as_str),
    );
    let Bound { frame, entry, .. } = bound;
    Ok(Schema {
        collection: entry.spelled,
        columns: frame.own.columns,
        key: frame.own.key,
        key_form: KeyForm::Columns,
        linked: frame.links.into_iter().map(|linked| (linked.link.name, linked.table.columns)).collect(),
        side_effects: effects.refused,
        referenced_by: effects.referenced_by,
        partitioned_by: entry.partitioned_by,
        warnings,
        marker: None,
        fingerprint,
    })
}

fn warnings_of(session: &Session, bound: &Bound) -> Result<Vec<String>, StoreError> {
    let mut warnings = Vec::new();
    let row = session.one(
        "SELECT current_user::text, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), \
         current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on'",
        &[],
    )?;
    let role: String = row.get(0);
    if row.get::<_, Option<bool>>(1) == Some(true) {
        warnings.push(format!(
            "role `{role}` is a superuser: nothing but this program keeps it from deleting anything; \
             `forfall store grants` prints what a role of its own needs"
        ));
    } else if bound.entry.owned {
        warnings.push(format!(
            "role `{role}` owns table `{}` and could drop it; `forfall store grants` prints what a role of its own \
             needs",
            bound.entry.spelled
        ));
    }
    if !row.get::<_, bool>(2) || !row.get::<_, bool>(3) {
        warnings.push(
            "the server runs with fsync or full_page_writes off: after a power failure a deleted record may be \
             back, although its deletion was reported"
                .to_owned(),
        );
    }
    for linked in bound.frame.links.iter().filter(|linked| !linked.unique) {
        warnings.push(format!(
            "link `{}`: `{}` of table `{}` is not unique; where two rows have the same value, the record is \
             undetermined",
            linked.link.name, linked.key, linked.table.name
        ));
    }
    Ok(warnings)
}
