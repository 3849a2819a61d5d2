//! Probing: the target as the database describes it now.

use super::affinity::{self, Affinity};
use super::catalogue::Entry;
use super::dialect::quoted;
use super::effects;
use super::marks::MARKS;
use super::open::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::{Frame, LinkedTable, Table, fingerprint};
use crate::model::key::KeyForm;
use crate::model::schema::{Column, ColumnKind, Schema, SideEffect};
use crate::model::target::Target;

/// A target's tables, ready for SQL to be made about them.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    /// The record's table in the catalogue.
    pub(super) entry: Entry,
    /// What the lowering needs.
    pub(super) frame: Frame,
}

impl Bound {
    /// The columns that order the rows physically and name one of them: the row number, else the primary key.
    pub(super) fn handle(&self) -> Vec<String> {
        match self.entry.row_number() {
            Some(name) => vec![name.to_owned()],
            None => self.entry.primary_key().iter().map(|column| column.name.clone()).collect(),
        }
    }

    /// Whether the handle is a whole number.
    pub(super) fn has_row_number(&self) -> bool {
        self.entry.row_number().is_some()
    }

    /// The key columns that may be NULL.
    fn nullable_key(&self) -> impl Iterator<Item = &Column> {
        self.frame
            .own
            .key
            .iter()
            .filter_map(|name| self.frame.own.column(name))
            .filter(|column| column.nullable)
    }

    /// A condition that only rows which have a key meet; `None` where all of them do.
    pub(super) fn has_key(&self) -> Option<String> {
        let row_number = self.entry.row_number();
        let mut guards = Vec::new();
        for name in self.frame.own.key.iter().filter(|name| row_number != Some(name)) {
            let Some(column) = self.frame.own.column(name) else { continue };
            if column.nullable || affinity::affinity(&column.declared) != Affinity::Text {
                let sql = format!("{}.{}", quoted(&self.frame.own.name), quoted(&column.name));
                guards.push(format!("typeof({sql}) IN ('integer', 'text', 'blob')"));
            }
        }
        (!guards.is_empty()).then(|| guards.join(" AND "))
    }
}

/// Finds the target's tables and columns.
pub(super) fn bind(session: &Session, target: &Target) -> Result<Bound, StoreError> {
    let entry = session.table(&target.collection)?;
    let key = key_of(session, &entry, target.key.as_deref())?;
    let mut links = Vec::new();
    for link in &target.links {
        require(session, &entry, &link.by)?;
        let there = session.table(&link.collection)?;
        let key = match &link.key {
            Some(key) => require(session, &there, key)?,
            None => only_key(session, &there, &link.name)?,
        };
        let unique = there.is_unique(&[&key]);
        links.push(LinkedTable {
            link: link.clone(),
            table: table_of(&there, vec![key.clone()]),
            key,
            unique,
        });
    }
    Ok(Bound { frame: Frame { own: table_of(&entry, key), links }, entry })
}

fn table_of(entry: &Entry, key: Vec<String>) -> Table {
    Table { name: entry.name.clone(), columns: columns_of(entry), key }
}

/// The columns as the model has them.
pub(super) fn columns_of(entry: &Entry) -> Vec<Column> {
    let row_number = entry.row_number_column().map(|column| column.name.clone());
    let columns = entry.columns.iter().map(|column| Column {
        name: column.name.clone(),
        kind: affinity::kind(&column.declared),
        declared: column.declared.clone(),
        nullable: !column.not_null
            && row_number.as_deref() != Some(&column.name)
            && !(entry.without_rowid && column.in_key > 0),
        indexed: entry.is_indexed(&column.name),
        unique: entry.is_unique(&[&column.name]),
        // SQLite has no type for it: JSON is a text like any other.
        json: affinity::kind(&column.declared) == ColumnKind::Text
            || column.declared.eq_ignore_ascii_case("JSON"),
    });
    columns.collect()
}

/// The key: what the policy names, else the primary key, else the row number.
pub(super) fn key_of(
    session: &Session,
    entry: &Entry,
    chosen: Option<&[String]>,
) -> Result<Vec<String>, StoreError> {
    if let Some(chosen) = chosen {
        let mut key = Vec::new();
        for name in chosen {
            key.push(require(session, entry, name)?);
        }
        let names: Vec<&str> = key.iter().map(String::as_str).collect();
        if names.is_empty() || !entry.is_unique(&names) {
            let why = format!(
                "the key ({}) of table `{}` is not unique, so one key may mean several records",
                names.join(", "),
                entry.name
            );
            return Err(session
                .trouble(StoreErrorKind::Unsupported, why)
                .with_help("Leave `key` out, or add a unique index over these columns"));
        }
        return Ok(key);
    }
    let key: Vec<String> = entry.primary_key().iter().map(|column| column.name.clone()).collect();
    if !key.is_empty() {
        return Ok(key);
    }
    if let Some(name) = entry.row_number() {
        return Ok(vec![name.to_owned()]);
    }
    let why = format!("table `{}` has no primary key, and columns hide its row numbers", entry.name);
    Err(session.trouble(StoreErrorKind::Unsupported, why).with_help("Name a unique column with `key`"))
}

/// The one column that is the primary key of a table that a link leads to.
fn only_key(session: &Session, there: &Entry, link: &str) -> Result<String, StoreError> {
    let mut key = key_of(session, there, None)?;
    if let (Some(one), true) = (key.pop(), key.is_empty()) {
        return Ok(one);
    }
    let why = format!(
        "table `{}` has a primary key of several columns, which link `{link}` cannot name",
        there.name
    );
    Err(session.trouble(StoreErrorKind::Unsupported, why).with_help("Set the link's `key`"))
}

/// The column in its own spelling.
fn require(session: &Session, entry: &Entry, name: &str) -> Result<String, StoreError> {
    let is_row_number = |found: &&str| found.eq_ignore_ascii_case(name);
    entry
        .columns
        .iter()
        .find(|column| column.name.eq_ignore_ascii_case(name))
        .map(|column| column.name.clone())
        .or_else(|| entry.row_number().filter(is_row_number).map(str::to_owned))
        .ok_or_else(|| {
            let why = format!("table `{}` has no column `{name}`", entry.name);
            session.trouble(StoreErrorKind::NotFound, why).with_help("Correct the policy, or the database")
        })
}

/// Describes the target.
pub(super) fn probe(session: &Session, target: &Target) -> Result<Schema, StoreError> {
    let bound = bind(session, target)?;
    // Somebody else's table of that name would keep every approval from being given.
    session.has_marks()?;
    let effects = effects::find(session, &bound, target)?;
    let mut refused = effects.refused.clone();
    refused.extend(floating_keys(&bound));
    let mut warnings = warnings_of(&bound);
    warnings.extend(effects.warnings.iter().cloned());
    let triggers = bound.entry.triggers.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    let behind = triggers.chain(effects.fingerprint.iter().map(String::as_str));
    let fingerprint = fingerprint([], &bound.frame, behind);
    let Bound { frame, .. } = bound;
    Ok(Schema {
        collection: frame.own.name,
        columns: frame.own.columns,
        key: frame.own.key,
        key_form: KeyForm::Columns,
        linked: frame.links.into_iter().map(|linked| (linked.link.name, linked.table.columns)).collect(),
        side_effects: refused,
        referenced_by: effects.referenced_by,
        partitioned_by: None,
        warnings,
        marker: Some(MARKS.to_owned()),
        fingerprint,
    })
}

/// Key columns in which no record has a key that can be named and proven: a fraction has no one spelling.
fn floating_keys(bound: &Bound) -> impl Iterator<Item = SideEffect> {
    let columns = bound.frame.own.key.iter().filter_map(|name| bound.frame.own.column(name));
    columns.filter(|column| affinity::is_floating(&column.declared)).map(|column| SideEffect {
        name: column.name.clone(),
        text: format!(
            "key column `{}` of table `{}` holds floating-point numbers, by which no record can be named exactly: \
             name another unique column with `key`",
            column.name, bound.entry.name
        ),
    })
}

fn warnings_of(bound: &Bound) -> Vec<String> {
    let entry = &bound.entry;
    let mut warnings = Vec::new();
    if entry.primary_key().is_empty() && bound.frame.own.key.len() == 1 && bound.has_row_number() {
        let key = &bound.frame.own.key[0];
        if entry.row_number() == Some(key) {
            warnings.push(format!(
                "table `{}` has no primary key: its records are named by row numbers, which VACUUM may change; \
                 a hold on one record may then mean another",
                entry.name
            ));
        }
    }
    for column in bound.nullable_key() {
        warnings.push(format!(
            "key column `{}` of table `{}` may be NULL: a record without a key is never disposed of",
            column.name, entry.name
        ));
    }
    let key = || bound.frame.own.key.iter().filter_map(|name| bound.frame.own.column(name));
    for column in key().filter(|column| matches!(column.kind, ColumnKind::Real | ColumnKind::Any)) {
        warnings.push(format!(
            "key column `{}` of table `{}` is {}: a record whose key is a number with a fraction is never disposed of",
            column.name,
            bound.entry.name,
            if column.declared.is_empty() { "untyped" } else { &column.declared }
        ));
    }
    for linked in bound.frame.links.iter().filter(|linked| !linked.unique) {
        warnings.push(format!(
            "link `{}`: `{}` of table `{}` is not unique; where two rows have the same value, the record is \
             undetermined",
            linked.link.name, linked.key, linked.table.name
        ));
    }
    warnings
}
