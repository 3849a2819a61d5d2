//! What a user needs, as statements for whoever administers the server.

use std::collections::BTreeMap;

use super::catalogue::quoted;
use super::marks::{CREATE, MARKS};
use super::session::Session;
use super::{counts, receiving, schema};
use crate::adapter::api::{Grants, StoreError, StoreErrorKind, Use};
use crate::adapter::sql::counts::CELLS;

const PLANNER: &str = "'forfall_planner'@'%'";
const EXECUTOR: &str = "'forfall_executor'@'%'";

/// What the executor needs of one table, besides reading it.
#[derive(Clone, Default)]
struct Needed {
    delete: bool,
    /// Counts are written to it.
    counts: bool,
    /// The columns that change.
    update: Vec<String>,
    update_all: bool,
}

/// The statements for both users. Both may read the whole database and refer to it, because the server hides from others
/// what its foreign keys do; the executor may make triggers on MySQL, which hides them from everybody else.
pub(super) fn grants(session: &Session, uses: &[Use]) -> Result<Grants, StoreError> {
    let mut needed = BTreeMap::new();
    let mut unknown = Vec::new();
    for one in uses {
        // All that a use needs, or nothing: half of it would be a right that is of no use.
        let mut more = needed.clone();
        if let Err(error) = add(session, &mut more, one) {
            // Nothing more can be asked over a connection that is lost.
            if !session.is_open() {
                return Err(error);
            }
            unknown.push(if error.kind == StoreErrorKind::NotFound && !sees(session, one)? {
                // The server hides a table from whoever may do nothing with it.
                let help = error.help.clone().map(|help| format!("{help} ")).unwrap_or_default();
                error.with_help(format!(
                    "{help}If it is there, the present user may not see it: run the statements that are printed, which \
                     let {PLANNER} read the whole database, then `forfall store grants` again as that user"
                ))
            } else {
                error
            });
        } else {
            needed = more;
        }
    }
    Ok(Grants { statements: statements(session, uses, needed)?, unknown })
}

/// Whether the session's user sees every table of this use.
fn sees(session: &Session, one: &Use) -> Result<bool, StoreError> {
    let known = session.table_names()?;
    let target = &one.target;
    let with = target.with.iter().filter(|with| with.store.is_none()).map(|with| &with.collection);
    let mut all = std::iter::once(&target.collection)
        .chain(with)
        .chain(target.links.iter().map(|link| &link.collection))
        .chain(one.aggregates.iter().map(|aggregate| &aggregate.into));
    Ok(all.all(|name| known.iter().any(|other| other.eq_ignore_ascii_case(name))))
}

/// Adds what one use needs.
fn add(session: &Session, needed: &mut BTreeMap<String, Needed>, one: &Use) -> Result<(), StoreError> {
    let bound = schema::bind(session, &one.target)?;
    let record = needed.entry(bound.entry.name.clone()).or_default();
    record.delete |= one.deletes;
    match &one.changes {
        Some(columns) => {
            for column in columns {
                if !record.update.contains(column) {
                    record.update.push(column.clone());
                }
            }
        }
        None => record.update_all = true,
    }
    for aggregate in &one.aggregates {
        let (into, _) = receiving::receiver_of(session, &bound, aggregate)?;
        needed.entry(into.name).or_default().counts = true;
    }
    for with in one.target.with.iter().filter(|with| with.store.is_none()) {
        let there = session.table(&with.collection)?.name;
        needed.entry(there).or_default().delete |= one.deletes;
    }
    Ok(())
}

/// A whole database, as a grant names it: `_` and `%` would stand for other characters.
pub(super) fn whole(database: &str) -> String {
    quoted(&database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"))
}

fn statements(
    session: &Session,
    uses: &[Use],
    needed: BTreeMap<String, Needed>,
) -> Result<Vec<String>, StoreError> {
    let database: Vec<(String,)> = session.asked("SELECT DATABASE()", &[])?;
    let database = database.into_iter().next().map(|(name,)| name).unwrap_or_default();
    let pattern = whole(&database);
    let database = quoted(&database);
    let mut lines = Vec::new();
    let planner = "SELECT, REFERENCES";
    let executor = if session.is_mariadb { planner } else { "SELECT, REFERENCES, TRIGGER" };
    for (user, privileges) in [(PLANNER, planner), (EXECUTOR, executor)] {
        lines.push(format!(
            "CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '...';  -- a password of your own"
        ));
        lines.push(format!("GRANT {privileges} ON {pattern}.* TO {user};"));
    }
    lines.push(format!("{};  -- in {database}", CREATE.replace(MARKS, &format!("{database}.{MARKS}"))));
    lines.push(format!("GRANT INSERT, UPDATE, DELETE ON {database}.{MARKS} TO {EXECUTOR};"));
    if uses.iter().flat_map(|one| &one.aggregates).any(|aggregate| aggregate.hides()) {
        let cells = format!("{database}.{CELLS}");
        lines.push(format!("{};  -- in {database}", counts::CREATE.replace(CELLS, &cells)));
        lines.push(format!("GRANT INSERT, UPDATE ON {cells} TO {EXECUTOR};"));
    }
    for (table, needed) in needed {
        let mut privileges = Vec::new();
        if needed.delete {
            privileges.push("DELETE".to_owned());
        }
        if needed.counts {
            privileges.push("INSERT".to_owned());
        }
        if needed.update_all || needed.counts {
            privileges.push("UPDATE".to_owned());
        } else if !needed.update.is_empty() {
            let columns: Vec<String> = needed.update.iter().map(|column| quoted(column)).collect();
            privileges.push(format!("UPDATE ({})", columns.join(", ")));
        }
        if !privileges.is_empty() {
            lines.push(format!(
                "GRANT {} ON {database}.{} TO {EXECUTOR};",
                privileges.join(", "),
                quoted(&table)
            ));
        }
    }
    Ok(lines)
}
