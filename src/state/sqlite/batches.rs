//! Intents and outcomes: each intent is durable before anything destructive is, and gets exactly one outcome.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::Failure;
use super::log::Ledger;
use super::values::{json, parse, signed, unsigned};
use super::{events, holds, log, runs};
use crate::audit::entry::{Body, Intent, Outcome, Recovery};
use crate::model::batch::BatchLabel;
use crate::model::hold::Hold;
use crate::model::key::Key;
use crate::state::api::{Filter, IntentAnswer, OpenIntent, PauseScope, Planned, StateError};
use crate::state::gate::{self, Asking};

/// No limit: whatever came since the plan counts.
const EVERY_ONE: usize = u32::MAX as usize;

/// Checks a batch against pauses, holds and news and writes its intent, or says what stands against it and writes
/// nothing.
pub(super) fn begin(
    ledger: &Ledger<'_>,
    asking: &Asking<'_>,
    keys: &[Key],
    spool: &[u8],
) -> Result<IntentAnswer, Failure> {
    let against = Against::read(ledger, asking)?;
    match gate::objection(asking, keys, &against.known()) {
        Some(objection) => Ok(objection),
        None => write(ledger, asking, spool),
    }
}

/// The same for a batch that is known by its list alone: `names` says whether it has the record with this key.
pub(super) fn begin_whole(
    ledger: &Ledger<'_>,
    asking: &Asking<'_>,
    spool: &[u8],
    names: impl FnMut(&Key) -> Result<bool, StateError>,
) -> Result<IntentAnswer, Failure> {
    let against = Against::read(ledger, asking)?;
    match gate::objection_to_whole(asking, &against.known(), names)? {
        Some(objection) => Ok(objection),
        None => write(ledger, asking, spool),
    }
}

fn write(ledger: &Ledger<'_>, asking: &Asking<'_>, spool: &[u8]) -> Result<IntentAnswer, Failure> {
    let intent = asking.intent;
    let index = ledger.append(Body::Intent(intent.clone()))?;
    ledger
        .tx
        .prepare_cached("INSERT INTO open_intent (idx, batch, stage, intent, spool) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![signed(index), intent.label.batch.to_string(), asking.of, json(intent), spool])?;
    Ok(IntentAnswer::Written(index))
}

/// What could stand against a batch.
struct Against {
    pauses: Vec<PauseScope>,
    holds: Vec<Hold>,
    since: Vec<Body>,
}

impl Against {
    fn read(ledger: &Ledger<'_>, asking: &Asking<'_>) -> Result<Self, Failure> {
        let intent = asking.intent;
        let mut holds = holds::touching(ledger.tx, &intent.label)?;
        for along in &intent.companions {
            let label = BatchLabel { collection: along.collection.clone(), ..intent.label.clone() };
            holds.extend(holds::touching(ledger.tx, &label)?);
        }
        Ok(Self { pauses: events::pauses(ledger.tx)?, holds, since: news(ledger, asking.planned)? })
    }

    fn known(&self) -> gate::Known<'_> {
        gate::Known { pauses: &self.pauses, holds: self.holds.iter().collect(), since: &self.since }
    }
}

/// What was appended after a batch was planned and could outdate the plan.
fn news(ledger: &Ledger<'_>, planned: &Planned) -> Result<Vec<Body>, Failure> {
    let mut found = Vec::new();
    for kind in gate::NEWS {
        if (kind == "event" && planned.events.is_empty()) || (kind == "review" && planned.decided.is_none()) {
            continue;
        }
        let filter = Filter { kind: Some(kind.to_owned()), ..Filter::default() };
        let placed = log::find(ledger.tx, &filter, planned.log.checked_sub(1), EVERY_ONE)?;
        found.extend(placed.into_iter().map(|placed| placed.entry.body));
    }
    Ok(found)
}

/// Writes what became of a batch, and erases its spool.
pub(super) fn end(
    ledger: &Ledger<'_>,
    recovery: Option<&Recovery>,
    outcome: &Outcome,
) -> Result<(), Failure> {
    let closed: Option<(String, String)> = ledger
        .tx
        .prepare_cached("DELETE FROM open_intent WHERE batch = ? RETURNING intent, stage")?
        .query_row([outcome.batch.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((intent, of)) = closed else {
        return Err(StateError::NoOpenIntent { batch: outcome.batch.to_string() }.into());
    };
    let intent: Intent = parse("an open intent", &intent)?;
    gate::check_outcome(&intent, recovery, outcome)?;
    if let Some(recovery) = recovery {
        ledger.append_for(Some(&intent.label), Body::Recovery(recovery.clone()))?;
    }
    let index = ledger.append_for(Some(&intent.label), Body::Outcome(outcome.clone()))?;
    runs::count_done(ledger, &intent.label.policy, &of, index, outcome.done)
}

/// Intents without an outcome, oldest first.
pub(super) fn open(connection: &Connection) -> Result<Vec<OpenIntent>, Failure> {
    let mut query = connection.prepare_cached("SELECT idx, intent, spool FROM open_intent ORDER BY idx")?;
    let mut rows = query.query(())?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let intent: String = row.get(1)?;
        open.push(OpenIntent {
            index: unsigned(row.get(0)?)?,
            intent: parse("an open intent", &intent)?,
            spool: row.get(2)?,
        });
    }
    Ok(open)
}
