//! Which records of one `[[data]]` are held: those whose keys a hold names, and those that only the store can tell, by a
//! condition or by the window of time in which their starting point lies.
//!
//! A condition that cannot be asked of the collection as it is holds everything there.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::hold::{Held, Hold, HoldScope, Window};
use crate::model::ids::HoldId;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::schema::Schema;
use crate::model::start::{Start, StartSource};
use crate::policy::condition::{self, Names};
use crate::policy::diagnostic::Severity;
use crate::policy::rule::{Data, Policy};
use crate::time::{Instant, StartSet, Zone};

/// What `holds` keep of a policy's data, as the collection is now.
pub fn held<'a>(
    policy: &Policy,
    data: &Data,
    schema: &Schema,
    holds: impl IntoIterator<Item = &'a Hold> + Clone,
) -> Held {
    let mut held = Held::of_data(&holds.clone(), &policy.id, &data.target);
    for hold in holds {
        let scope = &hold.scope;
        held.everything |= means_along(scope, policy, data);
        if !scope.asks_the_store() || !scope.means_records_of(&policy.id, &data.target) {
            continue;
        }
        let meant = match &scope.when {
            Some(when) => compiled(when, data, schema),
            None => Ok(Predicate::Always(true)),
        };
        match (meant, &scope.between) {
            (Ok(meant), None) => held.conditions.push(meant),
            (Ok(meant), Some(window)) => held.conditions.push(meant.and(began_in(policy, data, window))),
            (Err(why), _) => {
                tracing::warn!(hold = %hold.id, why, "the hold's condition cannot be asked here: everything is held");
                held.everything = true;
            }
        }
    }
    held
}

/// Whether a condition over a whole store could mean what goes along with these records in there. It cannot be asked of
/// that, so all of it is kept, and the records with it.
pub fn means_along(scope: &HoldScope, policy: &Policy, data: &Data) -> bool {
    let mut elsewhere =
        data.target.with.iter().filter_map(|with| Some((with.store.as_ref()?, &with.collection)));
    scope.when.is_some()
        && scope.store.is_some()
        && elsewhere.any(|(store, collection)| scope.touches(&policy.id, store, collection))
}

/// The holds that the predicate of a batch leaves out by asking the store.
pub(super) fn asked<'a>(holds: impl IntoIterator<Item = &'a Hold>) -> HashSet<HoldId> {
    holds.into_iter().filter(|hold| hold.scope.asks_the_store()).map(|hold| hold.id).collect()
}

/// A hold's condition, for the collection of one `[[data]]`; or why it cannot be asked there.
pub fn compiled(when: &str, data: &Data, schema: &Schema) -> Result<Predicate, String> {
    let links = data.target.links.iter().map(|link| link.name.clone()).collect();
    let predicate = condition::compile(when, &Names { links, ..Names::default() }).map_err(|error| {
        let help = error.help.map_or(String::new(), |help| format!(" ({help})"));
        format!("{}{help}", error.message)
    })?;
    let mut asks_events = false;
    predicate.visit(&mut |part| asks_events |= matches!(part, Predicate::Event { .. }));
    if asks_events {
        // A plan knows the events that its policy asks for, and no others.
        return Err("a hold asks the records themselves: `event` is no part of its condition".to_owned());
    }
    let wrong = condition::check(&predicate, schema).into_iter().find(|one| one.severity == Severity::Error);
    match wrong {
        Some(finding) => Err(format!(
            "{}{}",
            finding.message,
            finding.help.map_or(String::new(), |help| format!(" ({help})"))
        )),
        None => Ok(predicate),
    }
}

/// Whether a starting point of the record lies in the window. Of several fields of which the latest counts, each is
/// asked. A record of which none is known is kept anyway.
fn began_in(policy: &Policy, data: &Data, window: &Window) -> Predicate {
    let mut starts: Vec<Arc<Start>> = Vec::new();
    for (_, stage) in data.stages() {
        for start in stage.start.iter().flat_map(points) {
            if !starts.contains(&start) {
                starts.push(start);
            }
        }
    }
    let (through, before) = bounds(window, policy.zone);
    let is = |start: &Arc<Start>, set: &StartSet| Predicate::Start {
        start: Arc::clone(start),
        is: StartIs::In(set.clone()),
    };
    let one = |start: &Arc<Start>| is(start, &through).and(is(start, &before).negated());
    Predicate::Any(starts.iter().map(one).collect())
}

/// A start, and where it is the latest of several fields, each of them.
fn points(start: &Arc<Start>) -> Vec<Arc<Start>> {
    let StartSource::Latest(fields) = &start.source else { return vec![Arc::clone(start)] };
    let one = |field: &crate::model::start::LatestField| {
        let source = StartSource::Field(field.field.clone());
        // One that may never come says nothing by its absence.
        Arc::new(Start { source, waiting_if_empty: true, ..(**start).clone() })
    };
    fields.iter().map(one).chain([Arc::clone(start)]).collect()
}

/// The starts up to the end of the window, and those before it. A day belongs to the window if any of it does.
fn bounds(window: &Window, zone: Zone) -> (StartSet, StartSet) {
    let day = |at: Instant| zone.local(at).date();
    let through = StartSet { instants: vec![(None, window.to)], dates_through: Some(day(window.to)) };
    let last_before = window.from - chrono::TimeDelta::microseconds(1);
    let before = StartSet { instants: vec![(None, last_before)], dates_through: day(window.from).pred_opt() };
    (through, before)
}
