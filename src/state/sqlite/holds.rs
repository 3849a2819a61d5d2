//! Holds that are remembered: in force, or ended less than a day ago.

use chrono::NaiveDate;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::failure::Failure;
use super::log::Ledger;
use super::people;
use super::values::{json, parse};
use crate::model::batch::BatchLabel;
use crate::model::hold::Hold;
use crate::model::ids::HoldId;
use crate::state::api::{Actor, Ended, Release};
use crate::state::hold;
use crate::state::notes::{self, Covered};
use crate::time::Instant;

/// Puts a hold in force. `covered` stands for its key and condition in the log.
pub(super) fn add(ledger: &Ledger<'_>, by: &Actor, hold: &Hold, covered: Covered) -> Result<(), Failure> {
    let by = people::pseudonym(ledger.tx, by)?;
    ledger
        .tx
        .prepare_cached(
            "INSERT INTO hold (id, policy, store, collection, commitment, condition, by, body) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            hold.id.to_string(),
            // Under another policy it may mean the same places: those are compared one by one.
            hold.scope.policy.as_ref().filter(|_| hold.scope.places.is_empty()).map(ToString::to_string),
            hold.scope.store.as_ref().map(ToString::to_string),
            hold.scope.collection,
            covered.key,
            covered.condition,
            by,
            json(hold)
        ])?;
    ledger.append(notes::hold(hold, "add", Some(by), covered))?;
    Ok(())
}

/// Releases a hold, if this person may.
pub(super) fn release(
    ledger: &Ledger<'_>,
    now: Instant,
    by: &Actor,
    id: &HoldId,
    told: bool,
) -> Result<Release, Failure> {
    let Some(kept) = Kept::find(ledger, id)? else { return Ok(Release::Unknown) };
    let hold = kept.hold()?;
    let by = people::pseudonym(ledger.tx, by)?;
    let same = kept.by.as_ref() == Some(&by);
    if let Some(refusal) = hold::refusal(&hold, now, same, told) {
        return Ok(refusal);
    }
    let (hold, done) = hold::released(&hold, now);
    keep(ledger, &hold)?;
    ledger.append(notes::hold(&hold, "release", Some(by), kept.covered))?;
    Ok(done)
}

/// Moves the day of its review; `false` if there is none in force.
pub(super) fn review(
    ledger: &Ledger<'_>,
    now: Instant,
    by: &Actor,
    id: &HoldId,
    next: NaiveDate,
) -> Result<bool, Failure> {
    let Some(kept) = Kept::find(ledger, id)? else { return Ok(false) };
    let hold = kept.hold()?;
    if hold.has_ended(now) {
        return Ok(false);
    }
    let by = people::pseudonym(ledger.tx, by)?;
    let hold = Hold { review: Some(next), ..hold };
    keep(ledger, &hold)?;
    ledger.append(notes::hold(&hold, "review", Some(by), kept.covered))?;
    Ok(true)
}

/// Writes down which have ended by themselves, and forgets those that keep nothing any more.
pub(super) fn end(ledger: &Ledger<'_>, now: Instant) -> Result<Ended, Failure> {
    let mut query =
        ledger.tx.prepare_cached("SELECT body, commitment, condition, by FROM hold ORDER BY rowid")?;
    let all: Vec<Kept> = query.query_map((), Kept::read)?.collect::<Result<_, _>>()?;
    let mut ended = Ended::default();
    for kept in all {
        let mut hold = kept.hold()?;
        if let Some(over) = hold::ended(&hold, now) {
            hold = over;
            keep(ledger, &hold)?;
            ledger.append(notes::hold(&hold, "end", None, kept.covered))?;
            ended.by_themselves.push(hold.id);
        }
        if !hold.keeps(now) {
            ledger.tx.prepare_cached("DELETE FROM hold WHERE id = ?")?.execute([hold.id.to_string()])?;
            ended.forgotten.push(hold.id);
        }
    }
    Ok(ended)
}

/// Whether the end of one of them has something to be written down.
pub(super) fn any_ends(holds: &[Hold], now: Instant) -> bool {
    holds.iter().any(|hold| !hold.keeps(now) || hold::ended(hold, now).is_some())
}

/// One row.
struct Kept {
    body: String,
    covered: Covered,
    by: Option<String>,
}

impl Kept {
    fn find(ledger: &Ledger<'_>, id: &HoldId) -> Result<Option<Self>, Failure> {
        let mut query =
            ledger.tx.prepare_cached("SELECT body, commitment, condition, by FROM hold WHERE id = ?")?;
        Ok(query.query_row([id.to_string()], Self::read).optional()?)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let covered = Covered { key: row.get(1)?, condition: row.get(2)? };
        Ok(Self { body: row.get(0)?, covered, by: row.get(3)? })
    }

    fn hold(&self) -> Result<Hold, Failure> {
        Ok(parse("a hold", &self.body)?)
    }
}

fn keep(ledger: &Ledger<'_>, hold: &Hold) -> Result<(), Failure> {
    let mut update = ledger.tx.prepare_cached("UPDATE hold SET body = ? WHERE id = ?")?;
    update.execute(params![json(hold), hold.id.to_string()])?;
    Ok(())
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
