//! Whether the role that disposes could do what policies want: asked of the catalogue, by that role itself.

use super::counts;
use super::effects;
use super::schema::{self, Bound};
use super::session::Session;
use super::standing::{require_privileges, require_writable};
use super::value::Bind;
use crate::adapter::api::{Act, StoreError, StoreErrorKind, Wanted};

/// For each: what stands in the way.
pub(super) fn rehearse(session: &Session, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
    require_writable(session)?;
    session.run("SET default_transaction_read_only = on")?;
    wanted
        .iter()
        .map(|one| match of_one(session, one) {
            Ok(missing) => Ok(missing),
            Err(error) if session.is_open() => Ok(vec![error]),
            Err(error) => Err(error),
        })
        .collect()
}

fn of_one(session: &Session, wanted: &Wanted) -> Result<Vec<StoreError>, StoreError> {
    let target = &wanted.target;
    // A walk begins with the same question, which looks at every table that a record touches.
    schema::probe(session, target)?;
    let bound = schema::bind(session, target)?;
    let mut found = Vec::new();
    for act in &wanted.acts {
        let companions = match act {
            Act::Delete => effects::companions(session, &bound, target)?,
            Act::Change(_) => Vec::new(),
        };
        found.push(require_privileges(session, &bound, act, &companions));
        if *act == Act::Delete && !(companions.is_empty() && wanted.aggregates.is_empty()) {
            found.push(require_lock(session, &bound));
        }
    }
    for aggregate in &wanted.aggregates {
        found.push(counts::require_written(session, &bound, aggregate));
    }
    let mut missing: Vec<StoreError> = Vec::new();
    for error in found.into_iter().filter_map(Result::err) {
        if !missing.iter().any(|known| known.why == error.why) {
            missing.push(error);
        }
    }
    Ok(missing)
}

/// Where more than the record goes, it is locked first, and the server lets only those lock a row who may change it.
fn require_lock(session: &Session, bound: &Bound) -> Result<(), StoreError> {
    let row = session.one(
        "SELECT has_any_column_privilege($1::int8::oid, 'UPDATE')",
        &[Bind::Int(bound.entry.oid.into())],
    )?;
    if row.get(0) {
        return Ok(());
    }
    let why = format!(
        "the role may not lock rows of table `{}`, for which it needs UPDATE of one of its columns",
        bound.entry.spelled
    );
    Err(session.trouble(StoreErrorKind::Denied, why))
}
