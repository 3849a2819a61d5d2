//! Rows that belong to a record which is not there.

use super::catalogue::{Entry, quoted};
use super::effects;
use super::schema;
use super::session::Session;
use super::value::{Bind, KeyType};
use crate::adapter::api::StoreError;
use crate::model::target::Target;

/// How many there are, for each of the target's `with` in its order; `None` for those in other stores.
pub(super) fn count(session: &Session, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
    let bound = schema::bind(session, target)?;
    let mut companions = effects::companions(session, &bound, target)?.into_iter();
    let mut counts = Vec::new();
    for with in &target.with {
        let companion = if with.store.is_none() { companions.next() } else { None };
        let Some(companion) = companion else {
            counts.push(None);
            continue;
        };
        let key = &bound.frame.own.key[0];
        if is_guaranteed(session, (&companion.entry, &companion.by), (&bound.entry, key))? {
            counts.push(Some(0));
            continue;
        }
        let (by, own) = (format!("there.{}", quoted(&companion.by)), format!("here.{}", quoted(key)));
        // As rows that go along are found.
        let cast = if bound.key[0] == KeyType::Text { "::text" } else { "" };
        let sql = format!(
            "SELECT count(*) FROM {} AS there WHERE {by} IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM {} AS here WHERE {own}{cast} = {by}{cast})",
            companion.entry.sql(),
            bound.entry.sql(),
        );
        counts.push(Some(session.one(&sql, &[])?.get::<_, i64>(0).unsigned_abs()));
    }
    Ok(counts)
}

/// Whether the server lets no row name a record that is not there: by a foreign key that all rows were held against.
fn is_guaranteed(
    session: &Session,
    (child, by): (&Entry, &str),
    (parent, key): (&Entry, &str),
) -> Result<bool, StoreError> {
    let column = "SELECT ARRAY[attnum] FROM pg_attribute WHERE NOT attisdropped AND attrelid";
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM pg_constraint WHERE contype = 'f' AND convalidated \
         AND conrelid = $1::int8::oid AND confrelid = $2::int8::oid \
         AND conkey = ({column} = $1::int8::oid AND attname = $3::text) \
         AND confkey = ({column} = $2::int8::oid AND attname = $4::text))"
    );
    let bound = [
        Bind::Int(child.oid.into()),
        Bind::Int(parent.oid.into()),
        Bind::Text(by.to_owned()),
        Bind::Text(key.to_owned()),
    ];
    Ok(session.one(&sql, &bound)?.get(0))
}
