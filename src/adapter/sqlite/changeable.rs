//! Whether the columns that a policy changes may be changed: found out before a run, not by it.

use super::catalogue::Index;
use super::dialect::quoted;
use super::open::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::action::Change;
use crate::model::method::Method;
use crate::model::target::Target;

/// Refuses columns that SQLite computes, and values that a unique index would not let several records have.
pub(super) fn check(session: &Session, target: &Target, changes: &[Change]) -> Result<(), StoreError> {
    let entry = session.table(&target.collection)?;
    for change in changes {
        let (table, column) = (quoted(&entry.name), quoted(&change.column));
        // Prepared and never run.
        if session.connection.prepare(&format!("UPDATE {table} SET {column} = NULL")).is_err() {
            let why = format!(
                "column `{}` of table `{}` cannot be changed: the database computes it",
                change.column, entry.name
            );
            return Err(session.trouble(StoreErrorKind::Unsupported, why).with_help(
                "Take it out of `fields`, or name it in `keep-only`: it follows the columns that it is computed from",
            ));
        }
        for index in entry.indexes.iter().filter(|index| index.unique) {
            if collides(session, index, change)? {
                let why = format!(
                    "column `{}` of table `{}` is read by the unique index `{}`: two changed records could not stand \
                     beside each other",
                    change.column, entry.name, index.name
                );
                return Err(session
                    .trouble(StoreErrorKind::Unsupported, why)
                    .with_help("Keep the column, or drop the index"));
            }
        }
    }
    Ok(())
}

/// An index over a plain column alone is for `Column::unique`; here stand expressions, and indexes that leave rows out.
fn collides(session: &Session, index: &Index, change: &Change) -> Result<bool, StoreError> {
    if index.columns.iter().any(Option::is_none) {
        let text: String = session
            .connection
            .query_row("SELECT coalesce(sql, '') FROM sqlite_schema WHERE name = ?1", [&index.name], |row| {
                row.get(0)
            })
            .map_err(|error| session.error(&error))?;
        let mut words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        return Ok(words.any(|word| word.eq_ignore_ascii_case(&change.column)));
    }
    let [Some(only)] = index.columns.as_slice() else { return Ok(false) };
    // NULLs are never the same to a unique index.
    Ok(index.partial && only.eq_ignore_ascii_case(&change.column) && *change.method != Method::Null)
}
