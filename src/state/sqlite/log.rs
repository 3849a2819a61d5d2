//! The audit log in the state file. Every append reads the edge of the tree inside its own transaction, so that
//! several processes can write to one log.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params, params_from_iter};

use super::failure::{Failure, damaged};
use super::ring::Ring;
use super::values::{instant, micros, micros_up, signed, unsigned};
use crate::audit::entry::{Body, Entry};
use crate::audit::tree::{Frontier, leaf_hash};
use crate::model::batch::BatchLabel;
use crate::state::api::{Filter, Leaf, Placed, StateError};
use crate::time::Instant;

/// A transaction that may append.
pub(super) struct Ledger<'a> {
    /// The transaction that the entry belongs to.
    pub(super) tx: &'a Transaction<'a>,
    /// What signs the head.
    pub(super) ring: &'a Ring,
    /// When.
    pub(super) now: Instant,
}

impl Ledger<'_> {
    /// Appends an entry and signs the new head.
    pub(super) fn append(&self, body: Body) -> Result<u64, Failure> {
        self.append_for(None, body)
    }

    /// The same for an entry about a batch: it is found under the batch's policy, run and store even where it does
    /// not name them itself.
    pub(super) fn append_for(&self, batch: Option<&BatchLabel>, body: Body) -> Result<u64, Failure> {
        let mut frontier = frontier(self.tx)?;
        let index = frontier.size();
        let entry = Entry::new(self.now, body);
        let leaf = entry.canonical();
        frontier.append(leaf_hash(&leaf));
        let body = &entry.body;
        let policy = body.policy().or(batch.map(|label| &label.policy)).map(ToString::to_string);
        let run = body.run().or(batch.map(|label| label.run)).map(|run| run.to_string());
        let store = body.store().or(batch.map(|label| &label.store)).map(ToString::to_string);
        self.tx
            .prepare_cached(
                "INSERT INTO log (idx, time, kind, policy, run, store, batch, leaf) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                signed(index),
                micros(entry.time),
                body.kind(),
                policy,
                run,
                store,
                body.batch().map(|batch| batch.to_string()),
                leaf
            ])?;
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO head (only, frontier, time, note) VALUES (0, ?, ?, ?)")?
            .execute(params![
                frontier.to_bytes(),
                micros(entry.time),
                self.ring.sign(self.now, frontier.size(), frontier.root())
            ])?;
        Ok(index)
    }
}

fn frontier(connection: &Connection) -> Result<Frontier, Failure> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached("SELECT frontier FROM head WHERE only = 0")?
        .query_row((), |row| row.get(0))
        .optional()?;
    let frontier = bytes.map_or(Ok(Frontier::new()), |bytes| Frontier::from_bytes(&bytes));
    Ok(frontier.map_err(|error| damaged("the edge of the log", error))?)
}

/// How many entries, and when the newest was written.
pub(super) fn head(connection: &Connection) -> Result<(u64, Option<Instant>), Failure> {
    let time: Option<i64> = connection
        .prepare_cached("SELECT time FROM head WHERE only = 0")?
        .query_row((), |row| row.get(0))
        .optional()?;
    Ok((frontier(connection)?.size(), time.map(instant).transpose()?))
}

/// Refuses a file whose entries are not as many as its head says: part of it was restored or cut off. Wants a
/// transaction: another process may append between the two questions.
pub(super) fn check_length(connection: &Transaction<'_>) -> Result<(), Failure> {
    let size = frontier(connection)?.size();
    let there: i64 =
        connection.query_row("SELECT coalesce(max(idx) + 1, 0) FROM log", (), |row| row.get(0))?;
    if unsigned(there)? == size {
        return Ok(());
    }
    Err(damaged("the audit log", format!("its head is over {size} entries, and the last is number {there}"))
        .into())
}

/// The signed head.
pub(super) fn note(connection: &Connection) -> Result<Option<String>, Failure> {
    let mut query = connection.prepare_cached("SELECT note FROM head WHERE only = 0")?;
    Ok(query.query_row((), |row| row.get(0)).optional()?)
}

/// Leaves in order.
pub(super) fn tree(connection: &Connection, from: u64, limit: usize) -> Result<Vec<Leaf>, Failure> {
    let mut query =
        connection.prepare_cached("SELECT leaf, digest FROM log WHERE idx >= ? ORDER BY idx LIMIT ?")?;
    let rows = query.query_map(params![signed(from), signed(limit as u64)], |row| {
        let digest: Option<[u8; 32]> = row.get(1)?;
        digest.map_or_else(|| Ok(Leaf::Entry(row.get(0)?)), |digest| Ok(Leaf::Pruned(digest)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Leaf bytes in order; pruned ones are left out.
pub(super) fn leaves(connection: &Connection, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let mut query = connection
        .prepare_cached("SELECT leaf FROM log WHERE idx >= ? AND digest IS NULL ORDER BY idx LIMIT ?")?;
    let rows = query.query_map(params![signed(from), signed(limit as u64)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The lowest index of an entry that still has its text.
pub(super) fn minimum(connection: &Connection) -> Result<u64, Failure> {
    let pruned: Option<i64> =
        connection.query_row("SELECT max(idx) FROM log WHERE digest IS NOT NULL", (), |row| row.get(0))?;
    pruned.map_or(Ok(0), |last| Ok(unsigned(last)? + 1))
}

/// Erases the text of entries below `minimum`, and what would find them.
pub(super) fn prune(connection: &Connection, minimum: u64) -> Result<u64, Failure> {
    let from = self::minimum(connection)?;
    let mut erase = connection.prepare_cached(
        "UPDATE log SET leaf = x'', digest = ?, policy = NULL, run = NULL, store = NULL, batch = NULL, kind = 'pruned' \
         WHERE idx = ?",
    )?;
    let mut next = from;
    while next < minimum {
        let want = usize::try_from(minimum - next).unwrap_or(usize::MAX).min(1000);
        for leaf in tree(connection, next, want)? {
            erase.execute(params![leaf.digest(), signed(next)])?;
            next += 1;
        }
    }
    Ok(minimum.saturating_sub(from))
}

/// Entries that match.
pub(super) fn find(
    connection: &Connection,
    filter: &Filter,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<Placed>, Failure> {
    let mut conditions = vec!["digest IS NULL"];
    let mut values: Vec<Value> = Vec::new();
    let mut only = |condition: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            conditions.push(condition);
            values.push(value);
        }
    };
    only("kind = ?", filter.kind.clone().map(Value::from));
    only("policy = ?", filter.policy.as_ref().map(|policy| policy.to_string().into()));
    only("batch = ?", filter.batch.map(|batch| batch.to_string().into()));
    only("run = ?", filter.run.map(|run| run.to_string().into()));
    only("store = ?", filter.store.as_ref().map(|store| store.to_string().into()));
    only("time >= ?", filter.from.map(|from| micros_up(from).into()));
    only("time < ?", filter.to.map(|to| micros_up(to).into()));
    let (beyond, order) = if filter.newest_first { ("idx < ?", "DESC") } else { ("idx > ?", "ASC") };
    only(beyond, after.map(|after| signed(after).into()));
    values.push(signed(limit as u64).into());
    let sql =
        format!("SELECT idx, leaf FROM log WHERE {} ORDER BY idx {order} LIMIT ?", conditions.join(" AND "));
    let mut query = connection.prepare_cached(&sql)?;
    let mut rows = query.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(placed(row.get(0)?, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?);
    }
    Ok(found)
}

fn placed(index: i64, leaf: &[u8]) -> Result<Placed, StateError> {
    let index = unsigned(index)?;
    let entry =
        Entry::parse(leaf).map_err(|error| damaged(format!("entry {index} of the audit log"), error))?;
    Ok(Placed { index, entry })
}
