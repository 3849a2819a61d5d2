//! Events and pauses: what people tell the program about the world and about its work.

use rusqlite::{Connection, params};

use super::failure::{Failure, damaged};
use super::log::Ledger;
use super::people;
use super::values::{instant, micros_up};
use crate::model::ids::{PolicyId, StoreName};
use crate::state::api::{Actor, EventRecord, PauseScope};
use crate::state::notes;

/// Records an event or changes its time. A time with finer digits than microseconds is rounded up, which keeps
/// records longer.
pub(super) fn add(
    ledger: &Ledger<'_>,
    by: &Actor,
    event: &EventRecord,
    commitment: String,
) -> Result<(), Failure> {
    let at = micros_up(event.at);
    ledger
        .tx
        .prepare_cached(
            "INSERT INTO event (name, key, at) VALUES (?, ?, ?) ON CONFLICT (name, key) DO UPDATE SET at = excluded.at",
        )?
        .execute(params![event.name, event.key, at])?;
    let by = people::pseudonym(ledger.tx, by)?;
    let kept = EventRecord { at: instant(at)?, ..event.clone() };
    ledger.append(notes::event(&kept, by, commitment))?;
    Ok(())
}

/// Events by name and key.
pub(super) fn list(connection: &Connection, name: Option<&str>) -> Result<Vec<EventRecord>, Failure> {
    let mut query = connection
        .prepare_cached("SELECT name, key, at FROM event WHERE ?1 IS NULL OR name = ?1 ORDER BY name, key")?;
    let mut rows = query.query([name])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(EventRecord { name: row.get(0)?, key: row.get(1)?, at: instant(row.get(2)?)? });
    }
    Ok(events)
}

/// Pauses a scope. Pausing it twice is one pause, and both are told.
pub(super) fn pause(ledger: &Ledger<'_>, by: &Actor, scope: &PauseScope) -> Result<(), Failure> {
    ledger
        .tx
        .prepare_cached("INSERT INTO pause (kind, name) VALUES (?, ?) ON CONFLICT DO NOTHING")?
        .execute(columns(scope))?;
    let by = people::pseudonym(ledger.tx, by)?;
    ledger.append(notes::pause(scope, "pause", by))?;
    Ok(())
}

/// Resumes a scope; `false` if it was not paused.
pub(super) fn resume(ledger: &Ledger<'_>, by: &Actor, scope: &PauseScope) -> Result<bool, Failure> {
    let resumed =
        ledger.tx.prepare_cached("DELETE FROM pause WHERE kind = ? AND name = ?")?.execute(columns(scope))?;
    if resumed == 0 {
        return Ok(false);
    }
    let by = people::pseudonym(ledger.tx, by)?;
    ledger.append(notes::pause(scope, "resume", by))?;
    Ok(true)
}

/// What is paused: everything first, then policies, then stores.
pub(super) fn pauses(connection: &Connection) -> Result<Vec<PauseScope>, Failure> {
    let mut query = connection.prepare_cached("SELECT kind, name FROM pause ORDER BY kind, name")?;
    let mut rows = query.query(())?;
    let mut pauses = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
        pauses.push(match kind.as_str() {
            "all" => PauseScope::All,
            "policy" => PauseScope::Policy(PolicyId::new(name)),
            "store" => PauseScope::Store(StoreName::new(name)),
            _ => return Err(damaged("a pause", "it covers nothing that is known").into()),
        });
    }
    Ok(pauses)
}

fn columns(scope: &PauseScope) -> (&'static str, &str) {
    match scope {
        PauseScope::All => ("all", ""),
        PauseScope::Policy(policy) => ("policy", policy.as_str()),
        PauseScope::Store(store) => ("store", store.as_str()),
    }
}
