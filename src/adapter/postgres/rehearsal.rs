//! Whether the role that disposes could do what policies want: asked of the catalogue, by that role itself.

use super::catalogue::{self, Entry, quoted};
use super::counts;
use super::effects;
use super::schema;
use super::session::Session;
use super::standing::{granting, privileges, require_writable};
use super::value::Bind;
use crate::adapter::api::{Act, StoreError, StoreErrorKind, Wanted};
use crate::adapter::sql::rehearsal;

/// For each: what stands in the way.
pub(super) fn rehearse(session: &Session, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
    require_writable(session)?;
    session.run("SET default_transaction_read_only = on")?;
    rehearsal::each(wanted, || session.is_open(), |one| of_one(session, one))
}

fn of_one(session: &Session, wanted: &Wanted) -> Result<Vec<Result<(), StoreError>>, StoreError> {
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
        found.extend(privileges(session, &bound, act, &companions)?);
    }
    // Where our own code has a say, or more than the record goes, rows are locked first, and those that decide with them.
    found.push(require_lock(session, &bound.entry));
    for linked in &bound.frame.links {
        found.push(require_lock(session, &catalogue::table(session, &linked.link.collection)?));
    }
    for aggregate in &wanted.aggregates {
        found.extend(counts::may_write(session, &bound, aggregate)?);
    }
    Ok(found)
}

/// The server lets only those lock a row who may change it.
fn require_lock(session: &Session, entry: &Entry) -> Result<(), StoreError> {
    let row = session
        .one("SELECT has_any_column_privilege($1::int8::oid, 'UPDATE')", &[Bind::Int(entry.oid.into())])?;
    if row.get(0) {
        return Ok(());
    }
    let why = format!(
        "the role may not lock rows of table `{}`, for which it needs UPDATE of one of its columns",
        entry.spelled
    );
    let column =
        entry.primary_key.first().map_or_else(String::new, |column| format!(" ({})", quoted(column)));
    Err(session.trouble(StoreErrorKind::Denied, why).with_help(granting(
        session,
        entry,
        &format!("UPDATE{column}"),
    )))
}
