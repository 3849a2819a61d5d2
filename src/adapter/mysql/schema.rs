//! Probing: the target as the server describes it now.

use super::catalogue::{Entry, Where, quoted};
use super::dialect::bytes;
use super::effects;
use super::marks::MARKS;
use super::session::Session;
use super::value::{self, Bind};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::effects::Effects;
use crate::adapter::sql::{Frame, LinkedTable, Table, fingerprint};
use crate::model::key::{KeyForm, KeyPart};
use crate::model::schema::{ColumnKind, Schema, SideEffect};
use crate::model::target::Target;

/// A target's tables, ready for SQL to be made about them.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    /// The record's table in the catalogue.
    pub(super) entry: Entry,
    /// What the lowering needs.
    pub(super) frame: Frame,
    /// What each key column is made of.
    pub(super) key: Vec<ColumnKind>,
}

impl Bound {
    /// The record's table as a `FROM` or a `DELETE` names it.
    pub(super) fn from(&self) -> String {
        quoted(&self.entry.name)
    }

    /// The same where its rows are looked for in the order of the primary key, if that is the key.
    pub(super) fn table_by_key(&self) -> String {
        let is_primary = self.frame.own.key == self.entry.key;
        format!("{}{}", self.from(), if is_primary { " FORCE INDEX (PRIMARY)" } else { "" })
    }

    /// Whether the key is a primary key of one column: the server finds a list of such keys by their index.
    pub(super) fn is_by_one_key(&self) -> bool {
        self.frame.own.key == self.entry.key && self.frame.own.key.len() == 1
    }

    /// A column of the record's table.
    pub(super) fn column(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.entry.name), quoted(name))
    }

    fn key_columns(&self) -> Vec<String> {
        self.frame.own.key.iter().map(|name| self.column(name)).collect()
    }

    /// The key's columns as they are selected and put in order.
    pub(super) fn key_list(&self) -> String {
        self.key_columns().join(", ")
    }

    /// A key as it is bound; `None` for one of other types, which names no record here.
    pub(super) fn binds(&self, parts: &[KeyPart]) -> Option<Vec<Bind>> {
        self.key.iter().zip(parts).map(|(kind, part)| value::bind_part(*kind, part)).collect()
    }

    /// The condition that the key lies beyond (`>`) or before (`<`) those at `places`, written so that the index
    /// answers it. An `=` behind the sign takes the key itself in.
    pub(super) fn beyond(&self, sign: &str, places: &[String]) -> String {
        let columns = self.key_columns();
        let strict = sign.trim_end_matches('=');
        let mut whole = String::new();
        for (at, (column, place)) in columns.iter().zip(places).enumerate().rev() {
            whole = if at + 1 == columns.len() {
                format!("{column} {sign} {place}")
            } else {
                // The first half is all that a range over an index needs.
                format!("({column} {strict}= {place} AND ({column} {strict} {place} OR ({whole})))")
            };
        }
        format!("({whole})")
    }

    /// The condition that the key is one of these, to the letter. Keys of other types are none.
    pub(super) fn key_is_one_of(&self, keys: &[Vec<KeyPart>]) -> String {
        let list = |literal: fn(&KeyPart) -> String| -> String {
            let fits = |parts: &&Vec<KeyPart>| {
                self.key.iter().zip(*parts).all(|(kind, part)| value::is_of(*kind, part))
            };
            let one = |parts: &Vec<KeyPart>| {
                let parts: Vec<String> = parts.iter().map(literal).collect();
                if let [one] = parts.as_slice() { one.clone() } else { format!("({})", parts.join(", ")) }
            };
            keys.iter().filter(fits).map(one).collect::<Vec<_>>().join(", ")
        };
        let exact = list(value::literal_part);
        if exact.is_empty() {
            return "FALSE".to_owned();
        }
        let columns = self.key_list();
        if !self.key.contains(&ColumnKind::Text) {
            return format!("(({columns}) IN ({exact}))");
        }
        // A text is found by its index, and compared by its bytes.
        let bytes: Vec<String> = self
            .key_columns()
            .into_iter()
            .zip(&self.key)
            .map(|(column, kind)| if *kind == ColumnKind::Text { bytes(&column) } else { column })
            .collect();
        let found = list(value::indexed_part);
        format!("(({columns}) IN ({found}) AND ({}) IN ({exact}))", bytes.join(", "))
    }
}

/// Finds the target's tables and columns.
pub(super) fn bind(session: &Session, target: &Target) -> Result<Bound, StoreError> {
    let entry = session.table(&target.collection)?;
    let key = entry.keys(&session.place).key(target.key.as_deref())?;
    let mut links = Vec::new();
    for link in &target.links {
        let by = entry.keys(&session.place).require(&link.by)?;
        let there = session.table(&link.collection)?;
        let key = match &link.key {
            Some(key) => there.keys(&session.place).require(key)?,
            None => there.keys(&session.place).only(&link.name)?,
        };
        require_same_kind(session, (&entry, &by), (&there, &key))?;
        let unique = there.keys(&session.place).is_unique(&[&key]);
        links.push(LinkedTable {
            link: link.clone(),
            table: table_of(&there, vec![key.clone()]),
            key,
            unique,
        });
    }
    let kinds = key.iter().filter_map(|name| entry.column(name)).map(|column| column.kind).collect();
    Ok(Bound { key: kinds, frame: Frame { own: table_of(&entry, key), links }, entry })
}

fn table_of(entry: &Entry, key: Vec<String>) -> Table {
    Table { name: entry.name.clone(), columns: entry.columns.clone(), key }
}

/// Two columns that are compared: of different kinds the server would convert them, and find `1` in `'1e0'`.
pub(super) fn require_same_kind(
    session: &Session,
    (one, by): (&Entry, &str),
    (other, key): (&Entry, &str),
) -> Result<(), StoreError> {
    let kind = |entry: &Entry, name: &str| entry.column(name).map(|column| column.kind);
    if kind(one, by) == kind(other, key) {
        return Ok(());
    }
    let why = format!(
        "`{by}` of table `{}` and `{key}` of table `{}` are of different types, and the server would convert one of \
         them",
        one.name, other.name
    );
    Err(session.trouble(StoreErrorKind::Unsupported, why).with_help("Give both columns the same type"))
}

/// Describes the target.
pub(super) fn probe(session: &Session, target: &Target) -> Result<Schema, StoreError> {
    let bound = bind(session, target)?;
    let effects = effects::find(session, &bound, target, Where::Anywhere)?;
    let mut refused = effects.refused.clone();
    refused.extend(unnameable(session, &bound)?);
    let mut warnings = warnings_of(session, &bound)?;
    warnings.extend(effects.warnings.iter().cloned());
    let fingerprint = digest(&bound, &effects);
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

/// The digest of [`probe`] alone, as fast as each batch needs it.
pub(super) fn fingerprint_of(session: &Session, target: &Target) -> Result<String, StoreError> {
    let bound = bind(session, target)?;
    let effects = effects::find(session, &bound, target, Where::Here)?;
    Ok(digest(&bound, &effects))
}

fn digest(bound: &Bound, effects: &Effects) -> String {
    fingerprint([], &bound.frame, effects.fingerprint.iter().map(String::as_str))
}

/// Key columns by which no record could be named exactly.
fn unnameable(session: &Session, bound: &Bound) -> Result<Vec<SideEffect>, StoreError> {
    let mut refused = Vec::new();
    let table = &bound.entry.name;
    for column in bound.frame.own.key.iter().filter_map(|name| bound.entry.column(name)) {
        let declared = column.declared.to_ascii_lowercase();
        let text = if !matches!(column.kind, ColumnKind::Int | ColumnKind::Text | ColumnKind::Bytes) {
            format!(
                "key column `{}` of table `{table}` is {declared}, by which no record can be named exactly: name \
                 another unique column with `key`",
                column.name
            )
        } else if declared.contains("bigint") && declared.contains("unsigned") && {
            let name = bound.column(&column.name);
            let sql = format!("SELECT 1 FROM {} WHERE {name} > 9223372036854775807 LIMIT 1", bound.from());
            !session.rows(&sql, &[])?.is_empty()
        } {
            format!(
                "table `{table}` has keys in `{}` beyond 9223372036854775807, which no record can be named by: name \
                 another unique column with `key`",
                column.name
            )
        } else {
            continue;
        };
        refused.push(SideEffect { name: column.name.clone(), text });
    }
    Ok(refused)
}

fn warnings_of(session: &Session, bound: &Bound) -> Result<Vec<String>, StoreError> {
    let mut warnings = session.role()?.warnings(&bound.entry.name);
    for linked in bound.frame.links.iter().filter(|linked| !linked.unique) {
        warnings.push(format!(
            "link `{}`: `{}` of table `{}` is not unique; where two rows have the same value, the record is \
             undetermined",
            linked.link.name, linked.key, linked.table.name
        ));
    }
    Ok(warnings)
}
