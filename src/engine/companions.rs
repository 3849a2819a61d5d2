//! What goes with a record in another store (`[[data.with]]`): it goes first, under its own intent, and a failure
//! there keeps the record.
//!
//! One page of records at a time: the record's batch is frozen and its intent written, so that a hold on the record
//! protects what belongs to it; then the companions go, batch by batch; then the record's batch is committed.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::adapter::api::{Act, Inspect, Job, Row, Scope, StoreError, StoreErrorKind};
use crate::model::batch::BatchLabel;
use crate::model::ids::StoreName;
use crate::model::key::Key;
use crate::model::pattern;
use crate::model::predicate::Predicate;
use crate::model::start::{Start, StartSource};
use crate::model::target::{Target, With};
use crate::model::value::{Field, Value};
use crate::policy::rule::{Data, Policy};
use crate::state::api::Planned;
use crate::state::gate;
use crate::time::StartSet;

use super::Engine;
use super::along;
use super::execute::{self, Assignment, AuditLost, Executed, Gone, Kept};
use super::pace;
use super::plan::Circumstances;
use super::progress::{Progress, Stop, Unwatched};

/// Records whose companions go in one step. The records' batch stays frozen until all of them are gone, so the number
/// follows the time that the last step took; one record's companions are never parted from it.
const PAGES: RangeInclusive<usize> = 1..=200;
/// The first step is small: nothing is known yet of how much belongs to a record.
const FIRST_PAGE: usize = 10;
/// Records read at once where none of them changes.
const READ: usize = 200;

/// Whether anything of this target's records lies in another store.
pub fn elsewhere(target: &Target) -> bool {
    target.with.iter().any(|with| with.store.is_some())
}

/// Carries out a deleting stage whose records have companions in other stores.
pub fn execute(
    engine: &Engine,
    policy: &Policy,
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
    let mut size = FIRST_PAGE;
    // Records whose companions were held after the plan.
    let mut held = HashSet::new();
    // Records whose companions cannot be found.
    let mut unnameable = HashSet::new();
    loop {
        let began = engine.clock.monotonic();
        let page =
            store.inspect().scan(&assignment.job.scope, &assignment.job.predicate, after.as_ref(), size);
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                total.incomplete.push(error.to_string());
                return Ok(total);
            }
        };
        let Some(last) = page.rows.last() else { return Ok(ended(total, unnameable.len())) };
        let (rows, kept): (Vec<&Row>, Vec<&Row>) =
            page.rows.iter().partition(|row| data.target.with.iter().all(|with| can_be_named(with, row)));
        unnameable.extend(kept.into_iter().map(|row| row.key.clone()));
        let rows: Vec<&Row> = rows.into_iter().filter(|row| !held.contains(&row.key)).collect();
        let keys: HashSet<_> = rows.iter().map(|row| row.key.clone()).collect();
        let mut job = assignment.job.clone();
        job.expected = keys.len() as u64;
        job.predicate = job.predicate.and(Predicate::KeyIn(Arc::new(keys)));
        let of_page =
            Assignment { label: assignment.label.clone(), job, look: None, most: size, ..*assignment };
        let mut gone = Executed::default();
        let mut before_commit = |label: &BatchLabel, records: &[Key]| {
            let rows: Vec<_> = rows.iter().copied().filter(|row| records.contains(&row.key)).collect();
            companions_of(engine, data, &rows, label, assignment, circumstances, stop, &mut gone)
        };
        let executed = execute::execute(engine, store, &of_page, &mut before_commit, progress, stop)?;
        total.links += gone.links;
        add(&mut total.along, gone.along);
        add(&mut total.along, executed.along);
        total.done += executed.done;
        total.skipped += executed.skipped;
        total.failed += executed.failed;
        total.incomplete.extend(executed.incomplete);
        total.paused = executed.paused;
        total.closed = executed.closed;
        total.outdated = executed.outdated.or(gone.outdated);
        if total.outdated.is_some() {
            return Ok(ended(total, unnameable.len()));
        }
        if let Some(reason) = executed.held_along {
            // The hold came after the plan: the same page again, without the records that it means.
            let fresh = match along::held(engine, policy, data) {
                Ok(fresh) => fresh,
                Err(error) => {
                    total.incomplete.push(error.to_string());
                    return Ok(total);
                }
            };
            let before = held.len();
            held.extend(page.rows.iter().map(|row| &row.key).filter(|key| fresh.covers(key)).cloned());
            if held.len() > before {
                total.skipped += (held.len() - before) as u64;
                continue;
            }
            total.incomplete.push(reason);
        }
        if total.paused.is_some() || total.closed.is_some() || !total.incomplete.is_empty() || !page.more {
            return Ok(ended(total, unnameable.len()));
        }
        after = Some(last.key.clone());
        size = pace::adapted(size, engine.clock.monotonic().saturating_sub(began), &PAGES);
    }
}

fn add(to: &mut Gone, more: impl IntoIterator<Item = ((StoreName, String), u64)>) {
    for (place, count) in more {
        *to.entry(place).or_default() += count;
    }
}

/// The end of a stage, with the records that were kept because what belongs to them cannot be found.
fn ended(mut executed: Executed, unnameable: usize) -> Executed {
    if unnameable > 0 {
        executed.failed += unnameable as u64;
        executed.incomplete.push(format!(
            "records kept because a value of theirs can be no name of a file or directory (it holds a slash, for \
             instance), so that what belongs to them cannot be found: {unnameable}"
        ));
    }
    executed
}

/// Disposes of what belongs to these records elsewhere, and to no other record.
#[expect(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
fn companions_of(
    engine: &Engine,
    data: &Data,
    rows: &[&Row],
    label: &BatchLabel,
    assignment: &Assignment<'_>,
    circumstances: &Circumstances,
    stop: &Stop,
    gone: &mut Executed,
) -> Result<Result<(), Kept>, AuditLost> {
    let failed = |why: String| Ok(Err(Kept::Failed(why)));
    for with in &data.target.with {
        let Some(elsewhere) = &with.store else { continue };
        let store = match engine.dispose(elsewhere) {
            Ok(store) => store,
            Err(error) => return failed(error.to_string()),
        };
        if with.by.is_some() && rows.iter().any(|row| !row.key.parts().is_ok_and(|parts| parts.len() == 1)) {
            return failed(format!(
                "rows of {} in store {elsewhere} cannot be found by a key of several columns",
                with.collection
            ));
        }
        let mut names = names_of(with, rows);
        if with.by.is_none() {
            let others = engine
                .inspect(&data.target.store)
                .and_then(|own| named_by_others(own, &assignment.job.scope, with, rows));
            match others {
                Ok(others) => names.retain(|name| !others.contains(name)),
                Err(error) => {
                    return failed(format!("whether other records share what goes along: {error}"));
                }
            }
        }
        let Some(job) = job(with, &names, circumstances) else { continue };
        let label =
            BatchLabel { store: elsewhere.clone(), collection: with.collection.clone(), ..label.clone() };
        let of = format!("{}{}", data.index, gate::ALONG);
        // The record's own batch was let through by what is recorded: what goes along belongs to it. Holds are asked
        // for again.
        let planned = Planned {
            log: assignment.planned.log,
            holds: assignment.planned.holds.clone(),
            ..Planned::default()
        };
        let assignment = Assignment {
            label,
            of: &of,
            job,
            look: None,
            most: usize::MAX,
            planned: &planned,
            halt: &|| Ok(None),
            ..*assignment
        };
        let executed =
            execute::execute(engine, store, &assignment, &mut |_, _| Ok(Ok(())), &Unwatched, stop)?;
        if let Some(reason) = executed.incomplete.first() {
            return failed(format!(
                "what belongs to the records in store {elsewhere} could not go: {reason}"
            ));
        }
        if let Some(news) = executed.outdated {
            let why = news.to_string();
            gone.outdated = Some(news);
            return Ok(Err(Kept::Held(why)));
        }
        gone.links += executed.links;
        add(&mut gone.along, [((elsewhere.clone(), with.collection.clone()), executed.done)]);
        if executed.paused.is_some() {
            return failed(format!("store {elsewhere}, where something belongs to the records, is paused"));
        }
        if executed.skipped > 0 {
            let why =
                format!("what belongs to the records in store {elsewhere} is held or changed meanwhile");
            return Ok(Err(Kept::Held(why)));
        }
    }
    Ok(Ok(()))
}

/// What a record's companions are called there: one text for each part of the pattern, or the record's key.
pub(super) type Name = Vec<String>;

/// The parts of a companion's name: those of its pattern, or the column that names the record's key.
pub(super) fn parts_of(with: &With) -> Vec<String> {
    with.by.as_ref().map_or_else(|| pattern::parts(&with.collection), |by| vec![by.clone()])
}

/// Whether the record's values can stand in the names of what belongs to it. One that holds a slash would name another
/// place than the one in which an application that pastes it into a path has put the files.
fn can_be_named(with: &With, row: &Row) -> bool {
    if with.store.is_none() || with.by.is_some() {
        return true;
    }
    pattern::parts(&with.collection).iter().all(|part| match row.fields.get(&Field::own(part.as_str())) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_event_key().is_some_and(|text| pattern::can_be_a_name(&text)),
    })
}

fn name_of(with: &With, row: &Row) -> Option<Name> {
    let text = |part: &String| match &with.by {
        Some(_) => Some(row.fields.event_key()),
        None => row.fields.get(&Field::own(part.as_str()))?.as_event_key(),
    };
    let name: Name = parts_of(with).iter().map(text).collect::<Option<_>>()?;
    (!name.is_empty() && name.iter().all(|text| !text.is_empty())).then_some(name)
}

fn names_of(with: &With, rows: &[&Row]) -> BTreeSet<Name> {
    rows.iter().filter_map(|row| name_of(with, row)).collect()
}

/// The names that records outside this batch bear too: what lies under them goes with the last of those.
fn named_by_others(
    own: &dyn Inspect,
    scope: &Scope,
    with: &With,
    rows: &[&Row],
) -> Result<BTreeSet<Name>, StoreError> {
    let Some(first) = parts_of(with).into_iter().next().map(Field::own) else { return Ok(BTreeSet::new()) };
    let known = |value: &Value| !matches!(value, Value::Null);
    let values = rows.iter().filter_map(|row| row.fields.get(&first).filter(known)).collect();
    let keys = rows.iter().map(|row| row.key.clone()).collect();
    let predicate = Predicate::OneOf { field: first, values }.and(Predicate::KeyIn(Arc::new(keys)).negated());
    let mut names = BTreeSet::new();
    let mut after: Option<Key> = None;
    loop {
        let page = own.scan(scope, &predicate, after.as_ref(), READ)?;
        if let Some(gap) = page.gaps.first() {
            let place = gap.place.clone();
            return Err(StoreError::new(StoreErrorKind::Unavailable, place, gap.reason.clone()));
        }
        names.extend(page.rows.iter().filter_map(|row| name_of(with, row)));
        after = page.rows.last().map(|row| row.key.clone());
        if !page.more || after.is_none() {
            return Ok(names);
        }
    }
}

/// The job that takes the companions of all these names.
fn job(with: &With, names: &BTreeSet<Name>, circumstances: &Circumstances) -> Option<Job> {
    let store = with.store.clone()?;
    let parts = parts_of(with);
    let is = |place: usize, values: Vec<Value>| Predicate::OneOf {
        field: Field::own(parts[place].as_str()),
        values: values.into_iter().collect(),
    };
    let text = |name: &Name, place: usize| Value::Text(name[place].clone());
    // The first part leads to where they lie; only all parts together say whose they are.
    let mut predicate = is(0, names.iter().map(|name| text(name, 0)).collect());
    if with.by.is_some() {
        // A column of numbers holds no texts: a key that is spelled like a number is looked for as one too.
        let numbers = names.iter().filter_map(|name| {
            name[0].parse().ok().filter(|number: &i64| number.to_string() == name[0]).map(Value::Int)
        });
        predicate = Predicate::Any(vec![predicate, is(0, numbers.collect())]);
    }
    if parts.len() > 1 {
        let whole =
            |name: &Name| Predicate::All((0..parts.len()).map(|at| is(at, vec![text(name, at)])).collect());
        predicate = predicate.and(Predicate::Any(names.iter().map(whole).collect()));
    }
    if names.is_empty() {
        return None;
    }
    let target = Arc::new(Target::new(store, with.collection.clone()));
    let scope = Scope { target, events: Arc::clone(&circumstances.events), now: circumstances.now };
    let expected = names.len() as u64;
    let due = StartSet::empty();
    Some(Job {
        scope,
        predicate,
        start: Arc::new(no_start()),
        due,
        act: Act::Delete,
        aggregate: None,
        expected,
    })
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
