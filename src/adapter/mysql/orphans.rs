//! Rows that belong to a record which is not there.

use super::catalogue::{Where, quoted};
use super::dialect::bytes;
use super::effects;
use super::schema;
use super::session::Session;
use crate::adapter::api::StoreError;
use crate::model::schema::ColumnKind;
use crate::model::target::Target;

/// How many there are, for each of the target's `with` in its order; `None` for those in other stores.
pub(super) fn count(session: &Session, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
    let bound = schema::bind(session, target)?;
    let mut companions = effects::companions(session, &bound, target)?.into_iter();
    let references = session.references_to(&bound.entry.name, Where::Here)?;
    let mut counts = Vec::new();
    for with in &target.with {
        let companion = if with.store.is_none() { companions.next() } else { None };
        let Some(companion) = companion else {
            counts.push(None);
            continue;
        };
        let key = &bound.frame.own.key[0];
        let columns = [(companion.by.clone(), key.clone())];
        if references.iter().any(|one| one.child == companion.entry.name && one.columns == columns) {
            counts.push(Some(0));
            continue;
        }
        let table = quoted(&companion.entry.name);
        let (by, own) = (format!("{table}.{}", quoted(&companion.by)), bound.column(key));
        // To the letter, as rows that go along are found; and two collations could not be compared.
        let is_text = bound.key == [ColumnKind::Text];
        let (one, other) = if is_text { (bytes(&by), bytes(&own)) } else { (by.clone(), own) };
        let sql = format!(
            "SELECT COUNT(*) FROM {table} WHERE NOT ({by} <=> NULL) AND {one} NOT IN (SELECT {other} FROM {})",
            bound.from(),
        );
        let found: Vec<(u64,)> = session.asked(&sql, &[])?;
        counts.push(found.first().map(|(count,)| *count));
    }
    Ok(counts)
}
