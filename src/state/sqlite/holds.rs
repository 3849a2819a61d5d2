//! Holds in force.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::Failure;
use super::log::Ledger;
use super::people;
use super::values::{json, parse};
use crate::model::batch::BatchLabel;
use crate::model::hold::Hold;
use crate::model::ids::HoldId;
use crate::state::api::Actor;
use crate::state::notes;

/// Puts a hold in force. `commitment` stands for its key in the log.
pub(super) fn add(
    ledger: &Ledger<'_>,
    by: &Actor,
    hold: &Hold,
    commitment: Option<String>,
) -> Result<(), Failure> {
    let by = people::pseudonym(ledger.tx, by)?;
    ledger
        .tx
        .prepare_cached(
            "INSERT INTO hold (id, policy, store, collection, commitment, body) VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            hold.id.to_string(),
            hold.scope.policy.as_ref().map(ToString::to_string),
            hold.scope.store.as_ref().map(ToString::to_string),
            hold.scope.collection,
            commitment,
            json(hold)
        ])?;
    ledger.append(notes::hold(hold, "add", by, commitment))?;
    Ok(())
}

/// Ends a hold; `false` if there is none.
pub(super) fn release(ledger: &Ledger<'_>, by: &Actor, hold: &HoldId) -> Result<bool, Failure> {
    let found: Option<(String, Option<String>)> = ledger
        .tx
        .prepare_cached("DELETE FROM hold WHERE id = ? RETURNING body, commitment")?
        .query_row([hold.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((body, commitment)) = found else { return Ok(false) };
    let by = people::pseudonym(ledger.tx, by)?;
    ledger.append(notes::hold(&parse("a hold", &body)?, "release", by, commitment))?;
    Ok(true)
}

/// All of them, in the order in which they came.
pub(super) fn list(connection: &Connection) -> Result<Vec<Hold>, Failure> {
    let mut query = connection.prepare_cached("SELECT body FROM hold ORDER BY rowid")?;
    let bodies: Vec<String> = query.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    bodies.iter().map(|body| Ok(parse("a hold", body)?)).collect()
}

/// Those that could concern a batch.
pub(super) fn touching(connection: &Connection, label: &BatchLabel) -> Result<Vec<Hold>, Failure> {
    let mut query = connection.prepare_cached(
        "SELECT body FROM hold WHERE (policy IS NULL OR policy = ?) AND (store IS NULL OR store = ?) \
         AND (collection IS NULL OR collection = ?)",
    )?;
    let wanted = params![label.policy.as_str(), label.store.as_str(), label.collection];
    let bodies: Vec<String> = query.query_map(wanted, |row| row.get(0))?.collect::<Result<_, _>>()?;
    bodies.iter().map(|body| Ok(parse("a hold", body)?)).collect()
}
