//! What the server's planner is told for a question over a whole table, because it cannot know it: whether anybody waits
//! for the other processors, and whether the index leads to what is gone.

use super::schema::Bound;
use super::session::Session;
use super::value::Bind;
use crate::adapter::api::StoreError;

/// Where nobody waits for them, a question may take more processors as soon as that is quicker. By itself the server lets
/// it only where that is a lot quicker.
const ALONE: &str = "RESET max_parallel_workers_per_gather; SET parallel_setup_cost = 100";

const BESIDE: &str = "SET max_parallel_workers_per_gather = 0; RESET parallel_setup_cost";

/// Whether of five rows one or more are dead and not tidied up, as far as the server counts: of a table that was never
/// analysed it knows nothing.
const MANY_DEAD: &str = "SELECT sum(reltuples) > 0 AND 5 * sum(pg_stat_get_dead_tuples(oid)) >= sum(reltuples) FROM pg_class \
     WHERE relkind <> 'p' AND oid IN (SELECT $1::int8::oid UNION SELECT relid FROM pg_partition_tree($1::int8::oid))";

/// Lets the server take more than one processor for questions of ours only where nobody waits for the others.
pub(super) fn spare_processors(session: &Session) -> Result<(), StoreError> {
    session.run(if session.has_company()? { BESIDE } else { ALONE })
}

/// Keeps the server from asking the index alone where many rows are dead. It takes such a table for one whose index needs no
/// look at the rows, as it was before they went; then it looks at each of them, in the order of the index, which takes
/// several times as long as to read the table.
pub(super) fn avoid_dead_entries(session: &Session, bound: &Bound) -> Result<(), StoreError> {
    let many: Option<bool> = session.one(MANY_DEAD, &[Bind::Int(bound.entry.oid.into())])?.get(0);
    let is_many = many.unwrap_or(false);
    session.run(if is_many { "SET enable_indexonlyscan = off" } else { "RESET enable_indexonlyscan" })
}
