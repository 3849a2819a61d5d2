//! Counting a group by way of the index on its start.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::types::Value as SqlValue;

use super::catalogue::Index;
use super::count::Counting;
use super::dialect::FEW_KEYS;
use super::segments::Segments;
use super::starts::{self, Reading};
use super::{tally, value};
use crate::adapter::api::{Group, StoreError, Tally};
use crate::adapter::sql::{Need, lower};
use crate::model::key::Key;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::schema::ColumnKind;
use crate::model::value::Value;

/// An index on a column of numbers, with the set of its values and what is asked of each row in it.
pub(super) struct Way<'a> {
    pub(super) cell: String,
    pub(super) column: &'a str,
    pub(super) index: &'a Index,
    pub(super) set: Segments,
    pub(super) rest: Predicate,
}

/// The set in parts, each of which is one range of an index: numbers, then texts and bytes, then NULL.
fn in_order(set: &Segments) -> Vec<Segments> {
    let range = |(above, through): &_| Segments::range(*above, *through);
    let mut parts: Vec<Segments> = set.numbers.iter().map(range).collect();
    parts.extend(set.others.then(|| Segments { others: true, ..Segments::none() }));
    parts.extend(set.nulls.then(Segments::null));
    parts
}

/// The keys that a predicate leaves out, if it does nothing else and they are few.
fn few_left_out(rest: &Predicate) -> Option<Arc<HashSet<Key>>> {
    let Predicate::All(parts) = rest else { return None };
    let mut keys = HashSet::new();
    for part in parts {
        let Predicate::Not(inner) = part else { return None };
        let Predicate::KeyIn(these) = inner.as_ref() else { return None };
        keys.extend(these.iter().cloned());
    }
    (!keys.is_empty() && keys.len() <= FEW_KEYS).then(|| Arc::new(keys))
}

impl Counting<'_> {
    /// Everything that is asked is in the index: the count is one walk over the part in question, the ends are
    /// two looks. `None` if oldest and newest are asked for by another start than the index holds.
    pub(super) fn by_index_alone(&self, group: &Group, way: &Way<'_>) -> Result<Option<Tally>, StoreError> {
        let known = match &group.start {
            None => None,
            Some(start) => match starts::reading(start, &self.bound.frame) {
                Reading::Numbers { column: other, count } if other == way.column => {
                    let known = starts::segments(start, count, &StartIs::Known { now: self.scope.now });
                    Some((start, way.set.and(&known)))
                }
                _ => return Ok(None),
            },
        };
        let mut tally = Tally::default();
        for part in in_order(&way.set) {
            tally.count += self.counted(way, &part)?;
        }
        if tally.count == 0 {
            return Ok(Some(tally));
        }
        if let Some((start, known)) = known {
            let numbers = in_order(&Segments { nulls: false, others: false, ..known });
            let end = |value: Option<Value>| value.and_then(|value| start.parse_value(&value).ok());
            tally.oldest = end(self.end(way, numbers.iter(), "ASC")?);
            tally.newest = end(self.end(way, numbers.iter().rev(), "DESC")?);
        }
        if group.samples > 0 {
            tally.samples = self.samples(group.samples, way)?;
        }
        Ok(Some(tally))
    }

    /// One part of the way's set. Where all that is asked besides is that a few keys are not meant, those are counted
    /// by themselves: asking each row would take longer than counting it.
    fn counted(&self, way: &Way<'_>, part: &Segments) -> Result<u64, StoreError> {
        let number = |from: String, rest: &Predicate| {
            let (condition, bound) = self.condition(way, part, rest)?;
            self.session.number(&format!("SELECT count(*) FROM {from} WHERE {condition}"), &bound)
        };
        let Some(left_out) = few_left_out(&way.rest) else {
            return number(self.by_way_of(way.index), &way.rest);
        };
        let all = number(self.by_way_of(way.index), &Predicate::Always(true))?;
        Ok(all - number(self.table(), &Predicate::KeyIn(left_out))?)
    }

    /// One part of the way's set, with what is left to be asked.
    fn condition(
        &self,
        way: &Way<'_>,
        part: &Segments,
        rest: &Predicate,
    ) -> Result<(String, Vec<SqlValue>), StoreError> {
        let mut dialect = self.dialect();
        let mut conditions = dialect.pieces(&way.cell, part);
        conditions.push(lower(&mut dialect, &self.bound.frame, rest, Need::Truth)?);
        Ok((conditions.join(" AND "), dialect.bound))
    }

    /// The first value of the first part that has one.
    fn end<'p>(
        &self,
        way: &Way<'_>,
        parts: impl Iterator<Item = &'p Segments>,
        order: &str,
    ) -> Result<Option<Value>, StoreError> {
        let (cell, from) = (&way.cell, self.by_way_of(way.index));
        for part in parts {
            let (condition, bound) = self.condition(way, part, &way.rest)?;
            let sql = format!(
                "SELECT {cell} FROM {from} WHERE {condition} ORDER BY {cell} COLLATE BINARY {order} LIMIT 1"
            );
            let found = self.each(&sql, &bound, |row| Ok(value::read(row.get_ref(0)?, ColumnKind::Any)))?;
            if let Some(value) = found.into_iter().next() {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn samples(&self, wanted: usize, way: &Way<'_>) -> Result<Vec<Key>, StoreError> {
        let key: Vec<String> = self.bound.frame.own.key.iter().map(|name| self.column(name)).collect();
        let mut samples = Vec::new();
        for part in in_order(&way.set) {
            let (condition, bound) = self.condition(way, &part, &way.rest)?;
            let sql = format!(
                "SELECT {} FROM {} WHERE {condition} ORDER BY {} COLLATE BINARY LIMIT {}",
                key.join(", "),
                self.by_way_of(way.index),
                way.cell,
                wanted - samples.len(),
            );
            let found = self.each(&sql, &bound, |row| {
                Ok(value::key(key.len(), |at| row.get_ref(at).expect("the query selects the key")))
            })?;
            samples.extend(found.into_iter().flatten());
            if samples.len() >= wanted {
                break;
            }
        }
        Ok(samples)
    }

    /// The rows in the set are read one by one, if they are few.
    pub(super) fn by_rows_in(&self, group: &Group, way: &Way<'_>) -> Result<Option<Tally>, StoreError> {
        let most = self.worth_an_index()?;
        let mut rows = 0;
        for part in in_order(&way.set) {
            let mut dialect = self.dialect();
            let condition = dialect.pieces(&way.cell, &part).join(" AND ");
            rows += self.at_most(most, way.index, &condition, &dialect.bound)?;
        }
        if rows > most {
            return Ok(None);
        }
        let mut sum = Tally::default();
        for part in in_order(&way.set) {
            let (condition, bound) = self.condition(way, &part, &way.rest)?;
            let tally = self.tallied(group, &self.by_way_of(way.index), &condition, &bound)?;
            tally::add(&mut sum, tally, group);
        }
        Ok(Some(sum))
    }

    /// How many rows an index has in a range, without counting beyond `most` and one more.
    pub(super) fn at_most(
        &self,
        most: u64,
        index: &Index,
        condition: &str,
        bound: &[SqlValue],
    ) -> Result<u64, StoreError> {
        let from = self.by_way_of(index);
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {condition} LIMIT {})", most + 1);
        self.session.number(&sql, bound)
    }
}
