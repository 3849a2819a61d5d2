//! What a new hold came too late for: records of its scope that are gone, or that a batch under way has already taken.

use std::collections::HashMap;

use serde::Serialize;

use super::record;
use crate::audit::entry::{Body, Intent};
use crate::cli::exit::Failure;
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::model::hold::{Hold, HoldScope};
use crate::model::ids::BatchId;
use crate::state::api::{Filter, Placed};
use crate::time::Instant;

/// Entries read at once.
const PAGE: usize = 1_000;
/// The newest entries that are looked at.
const LOOKED_AT: usize = 20_000;
/// Those that are named one by one.
const NAMED: usize = 20;

/// What the hold came too late for.
#[derive(Debug, Default, Serialize)]
pub(super) struct TooLate {
    /// Batches that had acted on the record, or within the scope; the newest first.
    already_gone: Vec<Gone>,
    /// Batches that had begun when the hold was acknowledged.
    in_running_batches: Vec<Gone>,
    /// How many batches acted within the scope.
    batches: u64,
    /// How many records they acted on; of one under way, how many it has announced.
    records: u64,
    /// Older batches were not looked at.
    older_not_looked_at: bool,
    /// The batches took records of the scope's place; which of them meet its condition or window is not known.
    perhaps: bool,
}

/// A batch.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Gone {
    pub(super) batch: String,
    pub(super) time: Instant,
    pub(super) action: String,
    pub(super) policy: String,
    pub(super) store: String,
    pub(super) collection: String,
    pub(super) records: u64,
}

impl Gone {
    /// One batch by its intent.
    pub(super) fn of(intent: &Intent, time: Instant) -> Self {
        let label = &intent.label;
        Self {
            batch: label.batch.to_string(),
            time,
            action: label.action.clone(),
            policy: label.policy.to_string(),
            store: label.store.to_string(),
            collection: label.collection.clone(),
            records: intent.count,
        }
    }
}

/// Looks for it, after the hold was acknowledged. `key` is the held key as typed, with the scope in which it was named.
pub(super) fn too_late(
    hold: &Hold,
    key: Option<(&str, &HoldScope)>,
    session: &Session,
) -> Result<TooLate, Failure> {
    let open = session.state.open_intents()?;
    let running: Vec<String> = open.iter().map(|open| open.intent.label.batch.to_string()).collect();
    let mut found = TooLate::default();
    let mut take = |gone: Gone| {
        found.batches += 1;
        found.records += gone.records;
        if running.contains(&gone.batch) {
            found.in_running_batches.push(gone);
        } else if found.already_gone.len() < NAMED {
            found.already_gone.push(gone);
        }
    };
    if let Some((text, named)) = key {
        // The store may not answer any more: the hold is in force all the same.
        let gone = record::meant(text, named, session).map(|meant| meant.gone).unwrap_or_default();
        gone.into_iter().rev().for_each(|gone| take(Gone { records: 1, ..gone }));
        return Ok(found);
    }
    let older = within(hold, session, &mut take)?;
    found.older_not_looked_at = older;
    found.perhaps = hold.scope.asks_the_store() && found.batches > 0;
    Ok(found)
}

/// Gives every batch that acted within the scope of the hold, newest first; whether older ones were left unread.
fn within(hold: &Hold, session: &Session, take: &mut impl FnMut(Gone)) -> Result<bool, Failure> {
    let scope = &hold.scope;
    let filter = Filter {
        policy: scope.policy.clone(),
        store: scope.store.clone(),
        // What began in the window cannot have gone before it.
        from: scope.between.map(|window| window.from),
        newest_first: true,
        ..Filter::default()
    };
    let (mut before, mut looked_at) = (None, 0);
    let mut done: HashMap<BatchId, u64> = HashMap::new();
    loop {
        let page: Vec<Placed> = session.state.find(&filter, before, PAGE)?;
        for placed in &page {
            let intent = match &placed.entry.body {
                // Newest first: the outcome is read before what it is of.
                Body::Outcome(outcome) => {
                    done.insert(outcome.batch, outcome.done);
                    continue;
                }
                Body::Intent(intent) => intent,
                _ => continue,
            };
            let records = done.remove(&intent.label.batch).unwrap_or(intent.count);
            if records == 0 {
                continue;
            }
            let label = &intent.label;
            let own = scope.touches(&label.policy, &label.store, &label.collection);
            let along = |one: &crate::audit::entry::Companion| {
                scope.touches(&label.policy, &label.store, &one.collection)
            };
            if own || intent.companions.iter().any(along) {
                take(Gone { records, ..Gone::of(intent, placed.entry.time) });
            }
        }
        looked_at += page.len();
        match page.last() {
            Some(last) if page.len() == PAGE && looked_at < LOOKED_AT => before = Some(last.index),
            Some(_) if page.len() == PAGE => return Ok(true),
            _ => return Ok(false),
        }
    }
}

impl TooLate {
    /// Tells it to a person.
    pub(super) fn tell(&self, session: &Session, context: &Context) -> Result<(), Failure> {
        let local = |at| phrase::local(at, session.zone());
        for batch in &self.in_running_batches {
            context.output.line(format!(
                "  It came too late for batch {}, which is under way: {} of {}, {} records.",
                batch.batch,
                batch.action,
                phrase::safe(&batch.collection),
                batch.records
            ))?;
        }
        for batch in &self.already_gone {
            context.output.line(format!(
                "  It came too late for batch {}: {} of {} on {}, {} records.",
                batch.batch,
                batch.action,
                phrase::safe(&batch.collection),
                local(batch.time),
                batch.records
            ))?;
        }
        let named = (self.already_gone.len() + self.in_running_batches.len()) as u64;
        if self.batches > named {
            context.output.line(format!(
                "  In all {} batches with {} records came before it{}: `forfall audit list --kind intent` shows them.",
                self.batches,
                self.records,
                if self.older_not_looked_at { ", and older ones that were not looked at" } else { "" }
            ))?;
        }
        if self.perhaps {
            context.output.line(
                "  Which of their records the hold means is not known any more: `forfall explain POLICY KEY` tells it of \
                 one record.",
            )?;
        }
        Ok(())
    }
}
