//! Whether the user that disposes could do what policies want. Nothing is carried out.

use super::counts;
use super::effects;
use super::privileges::{Needed, require_one};
use super::schema;
use super::session::Session;
use super::walk::refuse_effects;
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
        let needed = match act {
            Act::Delete => Needed::all(&bound.entry, None, &effects::companions(session, &bound, target)?),
            Act::Change(changes) => {
                let work = Work::of(&session.place, &bound.frame.own, changes)?;
                Needed::all(&bound.entry, Some(&work), &[])
            }
        };
        found.extend(needed.iter().map(|one| require_one(session, one)));
    }
    for aggregate in &wanted.aggregates {
        found.extend(counts::may_write(session, &bound, aggregate)?);
    }
    Ok(found)
}
