//! Whether any value of a start can be read in the format that the policy declares. A wrong format does no harm, and
//! nothing else either: every record is undetermined and kept, so that it is told before anybody waits for a deletion.

use std::sync::Arc;

use crate::adapter::api::{Inspect, Scope};
use crate::model::evaluate::World;
use crate::model::predicate::{EventBook, Predicate};
use crate::model::start::{Start, StartSource, WhyUndetermined};
use crate::model::value::{Field, Fields};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::rule::{Data, Policy};
use crate::time::Instant;

/// So many records are looked at: a format that reads none of them is seldom the right one.
const FIRST: usize = 100;

/// One warning for each field of a start of which no value can be read. What cannot be looked at is no matter here.
pub(super) fn unreadable(store: &dyn Inspect, policy: &Policy, data: &Data, now: Instant) -> Vec<Diagnostic> {
    let starts = declared(data);
    if starts.is_empty() {
        return Vec::new();
    }
    let scope = Scope { target: Arc::clone(&data.target), events: Arc::default(), now };
    let Ok(page) = store.scan(&scope, &Predicate::Always(true), None, FIRST) else { return Vec::new() };
    // Another data type in the same collection may spell its times otherwise.
    let world = World { events: &EventBook::default(), reached: &|_| false };
    let own = page.rows.iter().filter(|row| data.scope.answer(&*row.fields, &world) != Some(false));
    let records: Vec<&(dyn Fields + Send)> = own.map(|row| &*row.fields).collect();
    let place = policy.places.data.get(data.index);
    let place = place.and_then(|places| places.start.clone().or(Some(places.collection.clone())));
    let fields = starts.iter().flat_map(|start| start.fields().into_iter().map(move |field| (start, field)));
    fields
        .filter_map(|(start, field)| {
            let unread = unread(start, field, &records)?;
            let text = format!("none of the first {unread} values of `{field}` can be read as `start.format` says");
            let help = format!(
                "`forfall store show {}` shows what they look like; as it is, every such record is undetermined and kept",
                data.target.store
            );
            Some(Diagnostic::warning(&policy.file, place.clone().unwrap_or_default(), text).with_help(help))
        })
        .collect()
}

/// The starts that stand in fields and have a format, each once.
fn declared(data: &Data) -> Vec<&Arc<Start>> {
    let mut found: Vec<&Arc<Start>> = Vec::new();
    for start in data.stages().filter_map(|(_, stage)| stage.start.as_ref()) {
        let in_fields = !matches!(start.source, StartSource::Event { .. });
        if in_fields && start.format.is_some() && !found.contains(&start) {
            found.push(start);
        }
    }
    found
}

/// How many values there are, if none of them can be read.
fn unread(start: &Start, field: &Field, records: &[&(dyn Fields + Send)]) -> Option<usize> {
    let values = records.iter().filter_map(|record| record.get(field));
    let read =
        values.map(|value| start.parse_value(&value)).filter(|read| *read != Err(WhyUndetermined::Empty));
    let mut count = 0;
    for one in read {
        if one.is_ok() {
            return None;
        }
        count += 1;
    }
    (count > 0).then_some(count)
}
