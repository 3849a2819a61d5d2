//! What the session's user may do with tables, found out without doing it: a statement is explained, or prepared where it
//! cannot be explained, and the server does neither for whom it would not let carry it out.
//!
//! Not in a session that only reads: there the server refuses before it looks at the columns, so that a user who may not
//! change one would pass.

use super::catalogue::{Entry, quoted};
use super::effects::Companion;
use super::session::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::Work;

/// What is needed of one table besides reading it.
#[derive(Debug)]
pub(super) struct Needed {
    /// The table.
    pub(super) table: String,
    /// Each privilege as it is granted, with a statement that wants it.
    pub(super) to: Vec<(String, String)>,
}

impl Needed {
    /// What disposing of records needs: `work` for changing them, else deleting them and what goes along.
    pub(super) fn all(entry: &Entry, work: Option<&Work>, companions: &[Companion]) -> Vec<Self> {
        match work {
            Some(work) => vec![Self::changing(entry, work)],
            None => std::iter::once(entry)
                .chain(companions.iter().map(|companion| &companion.entry))
                .map(Self::deleting)
                .collect(),
        }
    }

    fn changing(entry: &Entry, work: &Work) -> Self {
        let columns: Vec<String> = work.parts().map(|(column, _)| quoted(&column.name)).collect();
        let set: Vec<String> = columns.iter().map(|name| format!("{name} = {name}")).collect();
        let statement = format!("UPDATE {} SET {} WHERE FALSE", quoted(&entry.name), set.join(", "));
        Self { table: entry.name.clone(), to: vec![(format!("UPDATE ({})", columns.join(", ")), statement)] }
    }

    fn deleting(entry: &Entry) -> Self {
        let statement = format!("DELETE FROM {} WHERE FALSE", quoted(&entry.name));
        Self { table: entry.name.clone(), to: vec![("DELETE".to_owned(), statement)] }
    }
}

/// Refuses a user that lacks one of them: a clear sentence before the first statement, instead of an error in the middle of
/// a batch.
pub(super) fn require(session: &Session, needed: &[Needed]) -> Result<(), StoreError> {
    needed.iter().try_for_each(|one| require_one(session, one))
}

/// Whether the user may do what is needed of one table; else all that it lacks there, and the statement that gives it.
pub(super) fn require_one(session: &Session, needed: &Needed) -> Result<(), StoreError> {
    let (lacking, said) = lacking(session, needed, true)?;
    granted(session, needed, &lacking, &said, "")
}

/// The same for a table of ours that is not there: it is made by the first approval, by this user.
pub(super) fn require_making(session: &Session, create: &str, needed: &Needed) -> Result<(), StoreError> {
    // What is granted on a single table needs the table to be there.
    let before = format!("{create}; ");
    // A definition of ours has no quotes in it.
    match session.run(&format!("PREPARE forfall_making FROM '{create}'")) {
        Ok(()) => {
            session.run("DEALLOCATE PREPARE forfall_making")?;
            let (lacking, said) = lacking(session, needed, false)?;
            granted(session, needed, &lacking, &said, &before)
        }
        Err(error) if error.kind == StoreErrorKind::Denied => {
            let all: Vec<&str> = needed.to.iter().map(|(privilege, _)| privilege.as_str()).collect();
            granted(session, needed, &all, &[error.why], &before)
        }
        Err(error) => Err(error),
    }
}

/// The privileges that the user lacks, and what the server says of each. It looks at them before it looks for the table.
fn lacking<'n>(
    session: &Session,
    needed: &'n Needed,
    is_there: bool,
) -> Result<(Vec<&'n str>, Vec<String>), StoreError> {
    let (mut lacking, mut said) = (Vec::new(), Vec::new());
    for (privilege, statement) in &needed.to {
        match session.run(&format!("EXPLAIN {statement}")) {
            Err(error) if error.kind == StoreErrorKind::Denied => {
                lacking.push(privilege.as_str());
                said.push(error.why);
            }
            Err(error) if is_there || !session.is_open() => return Err(error),
            _ => {}
        }
    }
    Ok((lacking, said))
}

/// An error that says how what is lacking is given.
fn granted(
    session: &Session,
    needed: &Needed,
    lacking: &[&str],
    said: &[String],
    before: &str,
) -> Result<(), StoreError> {
    let Some((first, others)) = lacking.split_first() else { return Ok(()) };
    let privileges =
        others.iter().filter(|other| other != &first).fold((*first).to_owned(), |all, one| all + ", " + one);
    let (database, user) = here(session)?;
    let table = format!("{}.{}", quoted(&database), quoted(&needed.table));
    Err(session.trouble(StoreErrorKind::Denied, said.join("; ")).with_help(format!(
        "Nothing was done. Let the database's administrator run: {before}GRANT {privileges} ON {table} TO {user}. `forfall \
         store grants` prints all that each role needs"
    )))
}

/// The database, and the user as a grant names it.
pub(super) fn here(session: &Session) -> Result<(String, String), StoreError> {
    let asked: Vec<(String, String)> = session.asked(
        "SELECT DATABASE(), CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', \
         QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))",
        &[],
    )?;
    Ok(asked.into_iter().next().unwrap_or_default())
}
