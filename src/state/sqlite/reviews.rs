//! Review cases in the state file.

use rusqlite::{Connection, params};

use super::failure::Failure;
use super::values::{json, parse};
use super::{PATIENCE, SqliteState, people};
use crate::audit::commitment::review_commitment;
use crate::audit::entry::Body;
use crate::model::ids::CaseId;
use crate::model::key::{Key, hex};
use crate::model::review::Case;
use crate::state::api::{Actor, StateError, StateStore as _};
use crate::state::review::{Change, Order, ReviewBook, changed};
use crate::time::Instant;

impl ReviewBook for SqliteState {
    fn cases(&self, ended: bool) -> Result<Vec<Case>, StateError> {
        self.read(|db| list(db, ended))
    }

    fn change_case(&self, now: Instant, by: Option<&Actor>, change: &Change) -> Result<Case, StateError> {
        let secret = self.epoch_key()?;
        let commit = |case: &CaseId, key: &Key| hex(&review_commitment(&secret.key, case, key));
        self.write(now, PATIENCE, |ledger| {
            // Ended cases too: an order about one is answered with what became of it.
            let cases = list(ledger.tx, true)?;
            let by = by.map(|by| people::pseudonym(ledger.tx, by)).transpose()?;
            let (case, note) = changed(&cases, &Order { now, by, commit: &commit }, change)?;
            let ended = case.has_ended();
            ledger
                .tx
                .prepare_cached(
                    "INSERT INTO review (id, ended, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE \
                     SET ended = excluded.ended, body = excluded.body",
                )?
                .execute(params![case.id.to_string(), ended, json(&case)])?;
            if let Some(note) = note {
                ledger.append(Body::Review(note))?;
            }
            Ok(case)
        })
    }
}

fn list(connection: &Connection, ended: bool) -> Result<Vec<Case>, Failure> {
    let mut query =
        connection.prepare_cached("SELECT body FROM review WHERE ended = 0 OR ?1 ORDER BY rowid")?;
    let bodies: Vec<String> = query.query_map([ended], |row| row.get(0))?.collect::<Result<_, _>>()?;
    bodies.iter().map(|body| Ok(parse("a review case", body)?)).collect()
}
