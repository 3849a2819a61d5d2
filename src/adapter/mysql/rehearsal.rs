//! Whether the user that disposes could do what policies want: statements are explained, never carried out, and the
//! server explains only what it would let the user do.

use super::counts;
use super::effects;
use super::schema;
use super::session::Session;
use super::walk::require_privileges;
use crate::adapter::api::{Act, StoreError, Wanted};
use crate::adapter::sql::Work;

/// For each: what stands in the way.
pub(super) fn rehearse(session: &Session, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
    session.require_primary()?;
    session.role()?.require_sight(session)?;
    session.may_mark()?;
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
    let bound = schema::bind(session, target)?;
    let mut found = Vec::new();
    for act in &wanted.acts {
        found.push(match act {
            Act::Delete => {
                let companions = effects::companions(session, &bound, target)?;
                require_privileges(session, &bound.entry, None, &companions)
            }
            Act::Change(changes) => {
                let work = Work::of(&session.place, &bound.frame.own, changes)?;
                require_privileges(session, &bound.entry, Some(&work), &[])
            }
        });
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
