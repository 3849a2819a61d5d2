//! Events and pauses: what people tell the program about the world and about its work.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::{Failure, damaged};
use super::log::Ledger;
use super::people;
use super::values::{instant, micros, micros_up};
use crate::model::ids::{PolicyId, StoreName};
use crate::state::api::{Actor, Earlier, EventRecord, PauseScope, Withdrawn};
use crate::state::notes;

/// Records events or changes their times. A time with finer digits than microseconds is rounded up, which keeps records
/// longer. `commit` makes what stands for a key in the log.
pub(super) fn add(
    ledger: &Ledger<'_>,
    by: &Actor,
    events: &[EventRecord],
    commit: &dyn Fn(&str, &str) -> String,
) -> Result<Vec<Option<Earlier>>, Failure> {
    let mut insert = ledger.tx.prepare_cached(
        "INSERT INTO event (name, key, at, recorded) VALUES (?, ?, ?, ?) \
         ON CONFLICT (name, key) DO UPDATE SET at = excluded.at",
    )?;
    let mut before = Vec::with_capacity(events.len());
    for event in events {
        let at = micros_up(event.at);
        let kept = EventRecord { at: instant(at)?, ..event.clone() };
        let earlier = find(ledger.tx, &event.name, &event.key)?;
        before.push(earlier);
        if earlier.is_some_and(|earlier| earlier.at == kept.at) {
            continue;
        }
        insert.execute(params![event.name, event.key, at, micros(ledger.now)])?;
        let by = people::pseudonym(ledger.tx, by)?;
        ledger.append(notes::event(&kept, by, commit(&event.name, &event.key), None))?;
    }
    Ok(before)
}

/// Takes an event out of those that count, and keeps that it was there.
pub(super) fn withdraw(
    ledger: &Ledger<'_>,
    by: &Actor,
    name: &str,
    key: &str,
    reason: &str,
    commitment: String,
) -> Result<Option<Earlier>, Failure> {
    let Some(earlier) = find(ledger.tx, name, key)? else { return Ok(None) };
    ledger.tx.execute("DELETE FROM event WHERE name = ? AND key = ?", [name, key])?;
    ledger.tx.execute(
        "INSERT OR REPLACE INTO event_withdrawn (name, key, withdrawn, at, reason) VALUES (?, ?, ?, ?, ?)",
        params![name, key, micros(ledger.now), micros(earlier.at), reason],
    )?;
    let by = people::pseudonym(ledger.tx, by)?;
    let event = EventRecord { name: name.to_owned(), key: key.to_owned(), at: earlier.at };
    ledger.append(notes::event(&event, by, commitment, Some(reason)))?;
    Ok(Some(earlier))
}

fn find(connection: &Connection, name: &str, key: &str) -> Result<Option<Earlier>, Failure> {
    let mut query = connection.prepare_cached("SELECT at, recorded FROM event WHERE name = ? AND key = ?")?;
    let row: Option<(i64, Option<i64>)> =
        query.query_row([name, key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((at, recorded)) = row else { return Ok(None) };
    Ok(Some(Earlier { at: instant(at)?, recorded: recorded.map(instant).transpose()? }))
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

/// Withdrawn events by name, key and time.
pub(super) fn withdrawn(connection: &Connection, name: Option<&str>) -> Result<Vec<Withdrawn>, Failure> {
    let mut query = connection.prepare_cached(
        "SELECT name, key, at, withdrawn, reason FROM event_withdrawn WHERE ?1 IS NULL OR name = ?1 \
         ORDER BY name, key, withdrawn",
    )?;
    let mut rows = query.query([name])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let event = EventRecord { name: row.get(0)?, key: row.get(1)?, at: instant(row.get(2)?)? };
        events.push(Withdrawn { event, at: instant(row.get(3)?)?, reason: row.get(4)? });
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
