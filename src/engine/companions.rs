//! What goes with a record in another store (`[[data.with]]`): it goes first, under its own intent, and a failure
//! there keeps the record.
//!
//! One page of records at a time: the record's batch is frozen and its intent written, so that a hold on the record
//! protects what belongs to it; then the companions go, batch by batch; then the record's batch is committed.

use std::sync::Arc;

use crate::adapter::api::{Act, Job, Row, Scope};
use crate::model::batch::BatchLabel;
use crate::model::key::Key;
use crate::model::pattern;
use crate::model::predicate::Predicate;
use crate::model::start::{Start, StartSource};
use crate::model::target::{Target, With};
use crate::model::value::{Field, Value};
use crate::policy::rule::Data;
use crate::time::StartSet;

use super::Engine;
use super::execute::{self, Assignment, AuditLost, Executed};
use super::plan::Circumstances;
use super::progress::{Progress, Stop, Unwatched};

/// Records whose companions go in one step: small, because the record's batch stays frozen meanwhile.
const PAGE: usize = 200;

/// Whether anything of this target's records lies in another store.
pub fn elsewhere(target: &Target) -> bool {
    target.with.iter().any(|with| with.store.is_some())
}

/// Carries out a deleting stage whose records have companions in other stores.
pub fn execute(
    engine: &Engine,
    data: &Data,
    assignment: &Assignment<'_>,
    circumstances: &Circumstances,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Executed, AuditLost> {
    let mut total = Executed::default();
    let store = match engine.dispose(&data.target.store) {
        Ok(store) => store,
        Err(error) => {
            total.incomplete.push(error.to_string());
            return Ok(total);
        }
    };
    let mut after: Option<Key> = None;
    loop {
        let page =
            store.inspect().scan(&assignment.job.scope, &assignment.job.predicate, after.as_ref(), PAGE);
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                total.incomplete.push(error.to_string());
                return Ok(total);
            }
        };
        let Some(last) = page.rows.last() else { return Ok(total) };
        after = Some(last.key.clone());
        let keys = page.rows.iter().map(|row| row.key.clone()).collect();
        let mut job = assignment.job.clone();
        job.predicate = job.predicate.and(Predicate::KeyIn(Arc::new(keys)));
        job.expected = page.rows.len() as u64;
        let of_page = Assignment { label: assignment.label.clone(), job, most: PAGE, ..*assignment };
        let mut before_commit = |label: &BatchLabel, records: &[Key]| {
            let rows: Vec<_> = page.rows.iter().filter(|row| records.contains(&row.key)).collect();
            companions_of(engine, data, &rows, label, assignment.hash, circumstances, stop)
        };
        let executed = execute::execute(engine, store, &of_page, &mut before_commit, progress, stop)?;
        total.done += executed.done;
        total.skipped += executed.skipped;
        total.failed += executed.failed;
        total.incomplete.extend(executed.incomplete);
        total.paused = executed.paused;
        total.closed = executed.closed;
        if total.paused.is_some() || total.closed.is_some() || !total.incomplete.is_empty() || !page.more {
            return Ok(total);
        }
    }
}

/// Disposes of what belongs to these records elsewhere.
fn companions_of(
    engine: &Engine,
    data: &Data,
    rows: &[&Row],
    label: &BatchLabel,
    hash: &str,
    circumstances: &Circumstances,
    stop: &Stop,
) -> Result<Result<(), String>, AuditLost> {
    for with in &data.target.with {
        let Some(elsewhere) = &with.store else { continue };
        let store = match engine.dispose(elsewhere) {
            Ok(store) => store,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let Some(job) = job(with, rows, circumstances) else { continue };
        let label =
            BatchLabel { store: elsewhere.clone(), collection: with.collection.clone(), ..label.clone() };
        let of = format!("{}/with", data.index);
        // The record's own batch was let through: what goes along belongs to it.
        let assignment = Assignment { label, hash, of: &of, job, most: usize::MAX, halt: &|| Ok(None) };
        let executed =
            execute::execute(engine, store, &assignment, &mut |_, _| Ok(Ok(())), &Unwatched, stop)?;
        if let Some(reason) = executed.incomplete.first() {
            return Ok(Err(format!(
                "what belongs to the records in store {elsewhere} could not go: {reason}"
            )));
        }
        if executed.paused.is_some() || executed.skipped > 0 {
            return Ok(Err(format!("what belongs to the records in store {elsewhere} is held or paused")));
        }
    }
    Ok(Ok(()))
}

/// The job that takes the companions of all these records: their named part is one of the records' values.
fn job(with: &With, rows: &[&Row], circumstances: &Circumstances) -> Option<Job> {
    let part = match &with.by {
        Some(by) => by.clone(),
        None => pattern::parts(&with.collection).into_iter().next()?,
    };
    let mut values: Vec<String> = rows
        .iter()
        .filter_map(|row| match &with.by {
            Some(_) => Some(row.fields.event_key()),
            None => row.fields.get(&Field::own(part.clone()))?.as_event_key(),
        })
        .filter(|value| !value.is_empty())
        .collect();
    values.sort_unstable();
    values.dedup();
    let store = with.store.clone()?;
    let predicate = Predicate::OneOf {
        field: Field::own(part),
        values: values.iter().cloned().map(Value::Text).collect(),
    };
    let target = Arc::new(Target::new(store, with.collection.clone()));
    let scope = Scope { target, events: Arc::clone(&circumstances.events), now: circumstances.now };
    let expected = values.len() as u64;
    let due = StartSet::empty();
    Some(Job { scope, predicate, start: Arc::new(no_start()), due, act: Act::Delete, expected })
}

/// Companions have no clock of their own: they go with their record.
fn no_start() -> Start {
    Start {
        source: StartSource::Latest(Vec::new()),
        waiting_if_empty: false,
        waiting_if_future: false,
        cutoff: None,
        format: None,
        zone: crate::time::Zone::UTC,
        earliest: chrono::NaiveDate::MIN,
    }
}
