//! The due curve: how many records have their start in each of a row of growing sets.

use std::sync::Arc;

use super::starts;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::Start;
use crate::time::{StartSet, StartValue};

/// What is asked of a store: the records of the predicate that are in any of these sets, which are all in the last.
pub(crate) fn in_any(predicate: &Predicate, start: &Arc<Start>, sets: &[StartSet]) -> Option<Predicate> {
    let is = StartIs::In(sets.last()?.clone());
    Some(Predicate::Start { start: Arc::clone(start), is }.and(predicate.clone()))
}

/// Counts for sets of which each holds the one before it.
#[derive(Debug)]
pub(crate) struct Curve<'s> {
    sets: &'s [StartSet],
    /// Those that are in each set and in none before it.
    added: Vec<u64>,
}

impl<'s> Curve<'s> {
    pub(crate) fn new(sets: &'s [StartSet]) -> Self {
        Self { sets, added: vec![0; sets.len()] }
    }

    /// So many more records with that start.
    pub(crate) fn add(&mut self, start: StartValue, records: u64) {
        // The first set that has the start is found by halving.
        self.add_in(self.sets.partition_point(|set| !set.contains(start)), records);
    }

    /// So many more records between two of these ends: `bucket` of them lie at or before each.
    pub(crate) fn add_bucket(&mut self, ends: &[StartValue], bucket: usize, records: u64) {
        if let Some(value) = starts::in_bucket(ends, bucket) {
            self.add(value, records);
        }
    }

    /// So many more records that are in the set of that place, and in none before it.
    pub(crate) fn add_in(&mut self, place: usize, records: u64) {
        if let Some(added) = self.added.get_mut(place) {
            *added += records;
        }
    }

    /// How many are in each set.
    pub(crate) fn counts(self) -> Vec<u64> {
        let sum = |sum: &mut u64, added: u64| {
            *sum += added;
            Some(*sum)
        };
        self.added.into_iter().scan(0, sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_in_the_first_set_that_has_its_start_and_in_all_behind() {
        let at = |text: &str| text.parse::<crate::time::Instant>().unwrap();
        let set = |end: &str| StartSet { instants: vec![(None, at(end))], dates_through: None };
        let sets = ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"].map(set);
        let mut curve = Curve::new(&sets);
        for (start, records) in
            [("2026-01-01T00:00:00Z", 1), ("2026-01-01T00:00:01Z", 20), ("2026-03-01T00:00:01Z", 300)]
        {
            curve.add(StartValue::Instant(at(start)), records);
        }
        assert_eq!(curve.counts(), [1, 21, 21]);
        assert!(Curve::new(&[]).counts().is_empty());
    }
}
