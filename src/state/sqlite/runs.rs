//! Runs, what they forecast, and where policies stand in their schedules.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::failure::{Failure, damaged};
use super::log::Ledger;
use super::values::{instant, json, micros, parse, signed, unsigned};
use crate::audit::entry::{Body, RunNote};
use crate::model::ids::PolicyId;
use crate::state::api::{Curve, PastRun, SlotState};
use crate::time::Instant;

/// Records that a run began.
pub(super) fn begin(ledger: &Ledger<'_>, note: &RunNote) -> Result<(), Failure> {
    ledger
        .tx
        .prepare_cached("INSERT INTO run (id, policy, began, note) VALUES (?, ?, ?, ?)")?
        .execute(params![note.run.to_string(), note.policy.as_str(), micros(ledger.now), json(note)])?;
    ledger.append(Body::Run(note.clone()))?;
    Ok(())
}

/// Records how it ended.
pub(super) fn finish(ledger: &Ledger<'_>, note: &RunNote, curves: Option<&[Curve]>) -> Result<(), Failure> {
    let known = ledger
        .tx
        .prepare_cached("UPDATE run SET ended = ?, note = ? WHERE id = ?")?
        .execute(params![micros(ledger.now), json(note), note.run.to_string()])?;
    if known == 0 {
        return Err(damaged(format!("run {}", note.run), "it ends without having begun").into());
    }
    let index = ledger.append(Body::Run(note.clone()))?;
    curves.map_or(Ok(()), |curves| keep_curves(ledger.tx, &note.policy, curves, index + 1))
}

/// The newest runs, newest first.
pub(super) fn list(
    connection: &Connection,
    policy: &PolicyId,
    limit: usize,
) -> Result<Vec<PastRun>, Failure> {
    let mut query = connection
        .prepare_cached("SELECT note, began, ended FROM run WHERE policy = ? ORDER BY seq DESC LIMIT ?")?;
    let mut rows = query.query(params![policy.as_str(), signed(limit as u64)])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let (note, ended): (String, Option<i64>) = (row.get(0)?, row.get(2)?);
        runs.push(PastRun {
            note: parse("a run", &note)?,
            began: instant(row.get(1)?)?,
            ended: ended.map(instant).transpose()?,
        });
    }
    Ok(runs)
}

/// Replaces the forecast of a policy. `size` is the length of the log when it was made.
pub(super) fn keep_curves(
    tx: &Transaction<'_>,
    policy: &PolicyId,
    curves: &[Curve],
    size: u64,
) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM curve WHERE policy = ?")?.execute([policy.as_str()])?;
    let mut insert =
        tx.prepare_cached("INSERT INTO curve (policy, place, made, size, body) VALUES (?, ?, ?, ?, ?)")?;
    for (place, curve) in curves.iter().enumerate() {
        insert.execute(params![
            policy.as_str(),
            signed(place as u64),
            micros(curve.made),
            signed(size),
            json(curve)
        ])?;
    }
    Ok(())
}

/// The forecast in force.
pub(super) fn curves(connection: &Connection, policy: &PolicyId) -> Result<Vec<Curve>, Failure> {
    let mut query = connection.prepare_cached("SELECT body FROM curve WHERE policy = ? ORDER BY place")?;
    let bodies: Vec<String> =
        query.query_map([policy.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    bodies.iter().map(|body| Ok(parse("a forecast", body)?)).collect()
}

/// Adds to what a stage has done. `index` is that of the outcome.
pub(super) fn count_done(
    ledger: &Ledger<'_>,
    policy: &PolicyId,
    of: &str,
    index: u64,
    records: u64,
) -> Result<(), Failure> {
    if records > 0 {
        ledger
            .tx
            .prepare_cached("INSERT INTO done (idx, policy, stage, at, records) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![signed(index), policy.as_str(), of, micros(ledger.now), signed(records)])?;
    }
    Ok(())
}

/// Records done since an instant. What was done at that very instant counts unless a forecast made then had seen it.
pub(super) fn done_since(
    connection: &Connection,
    policy: &PolicyId,
    of: &str,
    since: Instant,
) -> Result<u64, Failure> {
    let mut query = connection.prepare_cached(
        "SELECT coalesce(sum(records), 0) FROM done WHERE policy = ?1 AND stage = ?2 AND (at > ?3 OR at = ?3 AND \
         idx >= coalesce((SELECT max(size) FROM curve WHERE curve.policy = ?1 AND made = ?3), 0))",
    )?;
    let sum: i64 = query.query_row(params![policy.as_str(), of, micros(since)], |row| row.get(0))?;
    Ok(unsigned(sum)?)
}

/// The newest slot that was dealt with.
pub(super) fn slot(connection: &Connection, policy: &PolicyId) -> Result<Option<SlotState>, Failure> {
    let mut query = connection.prepare_cached("SELECT last FROM slot WHERE policy = ?")?;
    let last: Option<i64> = query.query_row([policy.as_str()], |row| row.get(0)).optional()?;
    Ok(last.map(|last| instant(last).map(|last| SlotState { last })).transpose()?)
}

/// Marks slots as dealt with. An earlier one may follow a later one: a slot recorded while the clock was years ahead
/// must not stop the policy for years.
pub(super) fn record_slot(tx: &Transaction<'_>, policy: &PolicyId, last: Instant) -> Result<(), Failure> {
    tx.prepare_cached(
        "INSERT INTO slot (policy, last) VALUES (?, ?) ON CONFLICT (policy) DO UPDATE SET last = excluded.last",
    )?
    .execute(params![policy.as_str(), micros(last)])?;
    Ok(())
}
