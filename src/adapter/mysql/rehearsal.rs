//! Whether the user that disposes could do what policies want: statements are explained, never carried out, and the
//! server explains only what it would let the user do.

use super::counts;
use super::effects;
use super::schema;
use super::session::Session;
use super::walk::{refuse_effects, require_privileges};
use crate::adapter::api::{Act, StoreError, Wanted};
use crate::adapter::sql::{Work, rehearsal};

/// For each: what stands in the way.
pub(super) fn rehearse(session: &Session, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
    session.require_primary()?;
    session.role()?.require_sight(session)?;
    session.may_mark()?;
    rehearsal::each(wanted, || session.is_open(), |one| of_one(session, one))
}

fn of_one(session: &Session, wanted: &Wanted) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let target = &wanted.target;
    let bound = schema::bind(session, target)?;
    // The planner may not see what this user does.
    let mut found = vec![refuse_effects(session, &schema::probe(session, target)?)];
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
    Ok(found)
}
