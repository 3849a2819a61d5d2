//! Counting: one pass over the tree for all groups, by all threads.

use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::super::api::{Group, Scope, Tally};
use super::crawl::{Entry, Visitor};
use super::record::Seen;
use crate::model::evaluate::World;
use crate::model::key::Key;
use crate::model::predicate::Predicate;
use crate::model::start::{Start, StartState};
use crate::model::value::{Field, Fields, Value};
use crate::time::{Instant, StartSet, StartValue};

/// The world as a file sees it: nothing in a directory tree refers to a record.
pub(super) fn world(scope: &Scope) -> World<'_> {
    World { events: &scope.events, reached: &|_| false }
}

/// Counts groups.
pub(super) struct Counting<'a> {
    scope: &'a Scope,
    groups: &'a [Group],
    counts: Vec<Counter>,
    /// What the present file is to each group.
    member: Vec<Member>,
    /// Files of a group with a start that have another name elsewhere.
    pub(super) linked: u64,
}

/// Whether a file belongs to a group.
#[derive(Clone, Copy)]
enum Member {
    Not,
    /// Its start is not known, or not asked for.
    Undated,
    From(StartValue),
}

#[derive(Clone, Default)]
struct Counter {
    count: u64,
    oldest: Option<(Instant, StartValue)>,
    newest: Option<(Instant, StartValue)>,
    samples: BinaryHeap<Sample>,
}

/// Known starts first, the oldest first.
type Sample = (bool, Option<Instant>, Key);

impl<'a> Counting<'a> {
    pub(super) fn new(scope: &'a Scope, groups: &'a [Group]) -> Self {
        let counts = vec![Counter::default(); groups.len()];
        Self { scope, groups, counts, member: vec![Member::Not; groups.len()], linked: 0 }
    }

    /// What several threads have counted, as one.
    pub(super) fn sum(parts: Vec<Self>) -> (Vec<Tally>, u64) {
        let linked = parts.iter().map(|part| part.linked).sum();
        let groups = parts.first().map_or(&[][..], |part| part.groups);
        let mut counts = vec![Counter::default(); groups.len()];
        for part in parts {
            for ((sum, count), group) in counts.iter_mut().zip(part.counts).zip(groups) {
                sum.count += count.count;
                count.oldest.into_iter().chain(count.newest).for_each(|(at, value)| sum.reach(at, value));
                count.samples.into_iter().for_each(|sample| sum.sample(sample, group.samples));
            }
        }
        (counts.into_iter().map(Counter::tally).collect(), linked)
    }
}

impl Visitor for Counting<'_> {
    fn file(&mut self, _: &Entry<'_>, seen: &Seen<'_>) -> ControlFlow<()> {
        let world = world(self.scope);
        let mut several_names = false;
        for (group, member) in self.groups.iter().zip(&mut self.member) {
            *member = Member::Not;
            if !group.predicate.holds(seen, &world) {
                continue;
            }
            let start =
                group.start.as_ref().map(|start| start.read(seen, &self.scope.events, self.scope.now));
            *member = match start {
                Some(StartState::Known(value)) => {
                    several_names |= seen.meta().is_ok_and(|meta| meta.links > 1);
                    Member::From(value)
                }
                _ => Member::Undated,
            };
        }
        if seen.failure().is_some() {
            return ControlFlow::Continue(());
        }
        self.linked += u64::from(several_names);
        for ((group, member), counter) in self.groups.iter().zip(&self.member).zip(&mut self.counts) {
            let start = match member {
                Member::Not => continue,
                Member::Undated => None,
                Member::From(start) => Some(*start),
            };
            counter.count += 1;
            let at = start.zip(group.start.as_ref()).map(|(value, start)| (start.instant_of(value), value));
            if let Some((at, value)) = at {
                counter.reach(at, value);
            }
            if group.samples > 0 && counter.wants(at.map(|(at, _)| at), seen.path(), group.samples) {
                counter.sample((at.is_none(), at.map(|(at, _)| at), seen.key()), group.samples);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Counter {
    fn reach(&mut self, at: Instant, value: StartValue) {
        if self.oldest.is_none_or(|(oldest, _)| at < oldest) {
            self.oldest = Some((at, value));
        }
        if self.newest.is_none_or(|(newest, _)| at > newest) {
            self.newest = Some((at, value));
        }
    }

    /// Whether a file with that start may be among the examples; asked before its key is made.
    fn wants(&self, at: Option<Instant>, path: &[u8], most: usize) -> bool {
        self.samples.len() < most
            || self
                .samples
                .peek()
                .is_some_and(|(none, last, key)| (at.is_none(), at, path) < (*none, *last, key.as_bytes()))
    }

    fn sample(&mut self, sample: Sample, most: usize) {
        self.samples.push(sample);
        if self.samples.len() > most {
            self.samples.pop();
        }
    }

    fn tally(self) -> Tally {
        Tally {
            count: self.count,
            oldest: self.oldest.map(|(_, value)| value),
            newest: self.newest.map(|(_, value)| value),
            samples: self.samples.into_sorted_vec().into_iter().map(|(_, _, key)| key).collect(),
        }
    }
}

/// Counts starts by the first set that holds them.
pub(super) struct Surveying<'a> {
    pub(super) scope: &'a Scope,
    pub(super) predicate: &'a Predicate,
    pub(super) start: &'a Arc<Start>,
    pub(super) sets: &'a [StartSet],
    /// For each set, those that no earlier set holds.
    pub(super) counts: Vec<u64>,
}

impl Visitor for Surveying<'_> {
    fn file(&mut self, _: &Entry<'_>, seen: &Seen<'_>) -> ControlFlow<()> {
        if !self.predicate.holds(seen, &world(self.scope)) {
            return ControlFlow::Continue(());
        }
        let Some(value) = self.start.read_known(seen, &self.scope.events) else {
            return ControlFlow::Continue(());
        };
        if seen.failure().is_none() {
            // The sets grow, so those that hold the value are the last ones.
            let first = self.sets.partition_point(|set| !set.contains(value));
            if let Some(count) = self.counts.get_mut(first) {
                *count += 1;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Counts files as such.
#[derive(Default)]
pub(super) struct Totalling(pub(super) u64);

impl Visitor for Totalling {
    fn file(&mut self, _: &Entry<'_>, _: &Seen<'_>) -> ControlFlow<()> {
        self.0 += 1;
        ControlFlow::Continue(())
    }
}

/// Looks for any file for which a predicate is true.
pub(super) struct Looking<'a> {
    pub(super) scope: &'a Scope,
    pub(super) predicate: &'a Predicate,
    pub(super) any: bool,
}

impl Visitor for Looking<'_> {
    fn file(&mut self, _: &Entry<'_>, seen: &Seen<'_>) -> ControlFlow<()> {
        if self.predicate.holds(seen, &world(self.scope)) && seen.failure().is_none() {
            self.any = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// Finds the smallest and largest values of the attributes that have an order.
#[derive(Default)]
pub(super) struct Spanning {
    pub(super) count: u64,
    /// Of size, modified, created.
    pub(super) extremes: [Option<(Value, Value)>; 3],
}

/// The attributes that [`Spanning`] looks at.
pub(super) const SPANNED: [&str; 3] = ["size", "modified", "created"];

impl Spanning {
    pub(super) fn add(&mut self, values: [Option<(Value, Value)>; 3]) {
        for (known, more) in self.extremes.iter_mut().zip(values) {
            let Some((low, high)) = more else { continue };
            *known = Some(match known.take() {
                None => (low, high),
                Some((least, most)) => (
                    if before(&low, &least) { low } else { least },
                    if before(&most, &high) { high } else { most },
                ),
            });
        }
    }
}

impl Visitor for Spanning {
    fn file(&mut self, _: &Entry<'_>, seen: &Seen<'_>) -> ControlFlow<()> {
        self.count += 1;
        let value = |name| {
            let value = seen.get(&Field::own(name)).filter(|value| !value.is_null())?;
            Some((value.clone(), value))
        };
        self.add(SPANNED.map(value));
        ControlFlow::Continue(())
    }
}

fn before(one: &Value, other: &Value) -> bool {
    crate::model::predicate::Comparison::Less.answer(one, other) == Some(true)
}
