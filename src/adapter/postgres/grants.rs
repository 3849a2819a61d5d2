//! What a role needs, as statements for whoever administers the server.

use std::collections::BTreeMap;

use super::catalogue::{self, Entry, Find, quoted};
use super::counts;
use super::receiving;
use super::schema;
use super::session::Session;
use crate::adapter::api::{Grants, StoreError, Use};
use crate::adapter::sql::counts::CELLS;

const PLANNER: &str = "forfall_planner";
const EXECUTOR: &str = "forfall_executor";

/// What is needed of one table.
#[derive(Clone, Default)]
struct Needed {
    schema: String,
    table: String,
    delete: bool,
    /// Counts are written to it.
    counts: bool,
    /// The columns that change; `None` for all of them.
    update: Option<Vec<String>>,
    update_all: bool,
}

/// The statements for both roles. The catalogue alone is asked, so that whoever may connect can print them: they are
/// needed where a role may not read its tables yet.
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
            unknown.push(error);
        } else {
            needed = more;
        }
    }
    Ok(Grants { statements: statements(session, uses, &needed)?, unknown })
}

/// Adds what one use needs.
fn add(session: &Session, needed: &mut BTreeMap<u32, Needed>, one: &Use) -> Result<(), StoreError> {
    let find: Find = catalogue::described;
    let bound = schema::bind_found(session, &one.target, find)?;
    let record = at(needed, &bound.entry);
    record.delete |= one.deletes;
    match &one.changes {
        Some(columns) => columns.iter().for_each(|column| record.add(column)),
        None => record.update_all = true,
    }
    // Rows are locked before our own code judges them, and so are the rows that decide.
    bound.frame.own.key.iter().take(1).for_each(|column| record.add(column));
    for linked in &bound.frame.links {
        let there = find(session, &linked.link.collection)?;
        at(needed, &there).add(&linked.key);
    }
    for with in one.target.with.iter().filter(|with| with.store.is_none()) {
        let there = find(session, &with.collection)?;
        at(needed, &there).delete |= one.deletes;
    }
    for aggregate in &one.aggregates {
        let (into, _) = receiving::receiver_of(session, &bound, aggregate, find)?;
        at(needed, &into).counts = true;
    }
    for reach in &one.target.reached_by {
        at(needed, &find(session, &reach.collection)?);
    }
    for reference in catalogue::references(session, &[bound.entry.oid])? {
        at(needed, &find(session, &reference.child)?);
    }
    Ok(())
}

fn statements(
    session: &Session,
    uses: &[Use],
    needed: &BTreeMap<u32, Needed>,
) -> Result<Vec<String>, StoreError> {
    let database: String = session.one("SELECT current_database()::text", &[])?.get(0);
    let mut lines = Vec::new();
    for one in uses.iter().filter(|one| one.deletes && one.target.drop_partitions) {
        lines.push(format!(
            "-- only the owner of a partition may drop it: ALTER TABLE ... OWNER TO {EXECUTOR}, for each of `{}`",
            one.target.collection
        ));
    }
    for (role, disposes) in [(PLANNER, false), (EXECUTOR, true)] {
        // There is no CREATE ROLE IF NOT EXISTS.
        lines.push(format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;  -- then \\password {role}"
        ));
        lines.push(format!("GRANT CONNECT ON DATABASE {} TO {role};", quoted(&database)));
        let mut schemas: Vec<&String> = needed.values().map(|needed| &needed.schema).collect();
        schemas.dedup();
        schemas.sort();
        schemas.dedup();
        lines.extend(
            schemas.iter().map(|schema| format!("GRANT USAGE ON SCHEMA {} TO {role};", quoted(schema))),
        );
        for needed in needed.values() {
            // Also for columns that are only changed: whether that has been done already is seen by them, on the server.
            let mut privileges = vec!["SELECT".to_owned()];
            if disposes && needed.delete {
                privileges.push("DELETE".to_owned());
            }
            if disposes && needed.counts {
                privileges.push("INSERT".to_owned());
            }
            if disposes && (needed.update_all || needed.counts) {
                privileges.push("UPDATE".to_owned());
            } else if let Some(columns) = needed.update.as_ref().filter(|_| disposes) {
                let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
                privileges.push(format!("UPDATE ({})", columns.join(", ")));
            }
            let table = format!("{}.{}", quoted(&needed.schema), quoted(&needed.table));
            lines.push(format!("GRANT {} ON {table} TO {role};", privileges.join(", ")));
        }
    }
    if uses.iter().flat_map(|one| &one.aggregates).any(|aggregate| aggregate.hides()) {
        // What waits there is too small to be seen: nobody but the executor needs to.
        let schema: Option<String> = session.one("SELECT current_schema()::text", &[])?.get(0);
        let cells = format!("{}.{CELLS}", quoted(schema.as_deref().unwrap_or("public")));
        lines.push(format!("{};", counts::CREATE.replace(CELLS, &cells)));
        lines.push(format!("GRANT SELECT, INSERT, UPDATE ON {cells} TO {EXECUTOR};"));
    }
    Ok(lines)
}

fn at<'a>(needed: &'a mut BTreeMap<u32, Needed>, entry: &Entry) -> &'a mut Needed {
    needed.entry(entry.oid).or_insert_with(|| Needed {
        schema: entry.schema.clone(),
        table: entry.name.clone(),
        ..Needed::default()
    })
}

impl Needed {
    fn add(&mut self, column: &str) {
        let columns = self.update.get_or_insert_default();
        if !columns.iter().any(|other| other == column) {
            columns.push(column.to_owned());
        }
    }
}
