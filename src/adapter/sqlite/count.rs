//! Counting groups of records.
//!
//! Where a group is a set of values of one indexed column, the index alone is read, and only as far as the group
//! reaches. Where little is left to be asked of the rows in such a set, only those rows are read. All other groups
//! share one pass over the table.

use rusqlite::types::Value as SqlValue;

use super::catalogue::Index;
use super::dialect::{Sqlite, quoted};
use super::driver::{Driver, driver, only_reads, together};
use super::open::Session;
use super::schema::{self, Bound};
use super::segments::Segments;
use super::starts::{self, Reading};
use super::tally::{self, Tallying};
use super::{total, value};
use crate::adapter::api::{Counted, Group, Scope, StoreError, Tally};
use crate::adapter::sql::{Need, lower};
use crate::model::key::Key;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::schema::ColumnKind;
use crate::model::value::Value;

/// Reading rows by way of an index pays below this share of the table.
const WORTH_AN_INDEX: u64 = 10;
/// So many rows are always worth an index.
const FEW_ROWS: u64 = 20_000;

/// Counts each group.
pub(super) fn count(session: &Session, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
    let bound = schema::bind(session, &scope.target)?;
    let counting = Counting { session, scope, bound: &bound };
    let mut tallies = vec![Tally::default(); groups.len()];
    let mut in_one_pass = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        match counting.by_index(group)? {
            Some(tally) => tallies[at] = tally,
            None => in_one_pass.push(at),
        }
    }
    let shared: Vec<&Group> = in_one_pass.iter().map(|at| &groups[*at]).collect();
    for (at, tally) in in_one_pass.into_iter().zip(counting.in_one_pass(&shared)?) {
        tallies[at] = tally;
    }
    Ok(Counted { tallies, ..Counted::default() })
}

struct Counting<'a> {
    session: &'a Session,
    scope: &'a Scope,
    bound: &'a Bound,
}

impl Counting<'_> {
    fn dialect(&self) -> Sqlite<'_> {
        Sqlite::new(self.session, &self.scope.events)
    }

    fn column(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.bound.entry.name), quoted(name))
    }

    fn table(&self) -> String {
        quoted(&self.bound.entry.name)
    }

    fn by_way_of(&self, index: &Index) -> String {
        format!("{} INDEXED BY {}", self.table(), quoted(&index.name))
    }

    /// `None` if the whole table has to be read.
    fn by_index(&self, group: &Group) -> Result<Option<Tally>, StoreError> {
        match driver(&group.predicate, self.bound) {
            Driver::Nothing => Ok(Some(Tally::default())),
            Driver::Numbers { column, index, set, rest } => {
                let in_index = rest.iter().all(|part| only_reads(part, column, self.bound));
                let way = Way { cell: self.column(column), column, index, set, rest: together(&rest) };
                let tally = if in_index { self.by_index_alone(group, &way)? } else { None };
                match tally {
                    Some(tally) => Ok(Some(tally)),
                    None => self.by_rows_in(group, &way),
                }
            }
            Driver::Texts { alone: true, .. } if group.samples == 0 || self.key_is_row_number() => {
                self.by_rows(group, &self.table()).map(Some)
            }
            Driver::Texts { column, index, narrowed: Some((start, StartIs::In(set))), .. } => {
                let mut dialect = self.dialect();
                let column = self.column(column);
                let (first, past) = starts::days(start, set);
                let mut ends = vec![format!("{column} >= '' COLLATE BINARY")];
                for (sign, day) in [(">=", first), ("<", past)] {
                    if let Some(day) = day {
                        let place = dialect.bind(SqlValue::Text(day.to_string()));
                        ends.push(format!("{column} {sign} {place} COLLATE BINARY"));
                    }
                }
                let most = self.worth_an_index()?;
                if self.at_most(most, index, &ends.join(" AND "), &dialect.bound)? > most {
                    return Ok(None);
                }
                self.by_rows(group, &self.by_way_of(index)).map(Some)
            }
            Driver::Keys => self.by_rows(group, &self.table()).map(Some),
            Driver::Texts { .. } | Driver::Rows => Ok(None),
        }
    }

    fn key_is_row_number(&self) -> bool {
        matches!(self.bound.frame.own.key.as_slice(), [key] if self.bound.entry.row_number() == Some(key))
    }

    /// Everything that is asked is in the index: the count is one walk over the part in question, the ends are
    /// two looks. `None` if oldest and newest are asked for by another start than the index holds.
    fn by_index_alone(&self, group: &Group, way: &Way<'_>) -> Result<Option<Tally>, StoreError> {
        let known = match &group.start {
            None => None,
            Some(start) => match starts::reading(start, &self.bound.frame) {
                Reading::Numbers { column: other, unit } if other == way.column => {
                    let known = starts::segments(start, unit, &StartIs::Known { now: self.scope.now });
                    Some((start, way.set.and(&known)))
                }
                _ => return Ok(None),
            },
        };
        let from = self.by_way_of(way.index);
        let mut tally = Tally::default();
        for part in in_order(&way.set) {
            let (condition, bound) = self.condition(way, &part)?;
            let sql = format!("SELECT count(*) FROM {from} WHERE {condition}");
            tally.count += self.session.number(&sql, &bound)?;
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

    /// One part of the way's set, with what is left to be asked.
    fn condition(&self, way: &Way<'_>, part: &Segments) -> Result<(String, Vec<SqlValue>), StoreError> {
        let mut dialect = self.dialect();
        let mut conditions = dialect.pieces(&way.cell, part);
        if way.rest != Predicate::All(Vec::new()) {
            conditions.push(lower(&mut dialect, &self.bound.frame, &way.rest, Need::Truth)?);
        }
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
            let (condition, bound) = self.condition(way, part)?;
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
            let (condition, bound) = self.condition(way, &part)?;
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
    fn by_rows_in(&self, group: &Group, way: &Way<'_>) -> Result<Option<Tally>, StoreError> {
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
            let (condition, bound) = self.condition(way, &part)?;
            let tally = self.tallied(group, &self.by_way_of(way.index), &condition, &bound)?;
            tally::add(&mut sum, tally, group);
        }
        Ok(Some(sum))
    }

    fn by_rows(&self, group: &Group, from: &str) -> Result<Tally, StoreError> {
        let mut dialect = self.dialect();
        let predicate = lower(&mut dialect, &self.bound.frame, &group.predicate, Need::Truth)?;
        self.tallied(group, from, &predicate, &dialect.bound)
    }

    fn tallied(
        &self,
        group: &Group,
        from: &str,
        condition: &str,
        bound: &[SqlValue],
    ) -> Result<Tally, StoreError> {
        let tallying = Tallying::of(&self.dialect(), &self.bound.frame, group, self.scope)?;
        let sql = format!("SELECT {} FROM {from} WHERE {condition}", tallying.call);
        self.each(&sql, bound, |_| Ok(()))?;
        Ok(tallying.answer())
    }

    /// One pass over the table for all groups that are left.
    fn in_one_pass(&self, groups: &[&Group]) -> Result<Vec<Tally>, StoreError> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let mut dialect = self.dialect();
        let mut calls = Vec::new();
        let mut tallyings = Vec::new();
        for group in groups {
            let predicate = lower(&mut dialect, &self.bound.frame, &group.predicate, Need::Truth)?;
            let tallying = Tallying::of(&dialect, &self.bound.frame, group, self.scope)?;
            calls.push(format!("{} FILTER (WHERE {predicate})", tallying.call));
            tallyings.push(tallying);
        }
        let sql = format!("SELECT {} FROM {}", calls.join(", "), self.table());
        self.each(&sql, &dialect.bound, |_| Ok(()))?;
        Ok(tallyings.into_iter().map(Tallying::answer).collect())
    }

    fn worth_an_index(&self) -> Result<u64, StoreError> {
        let total = total::total(self.session, self.bound)?;
        Ok(FEW_ROWS.max(total.count / WORTH_AN_INDEX))
    }

    /// How many rows an index has in a range, without counting beyond `most` and one more.
    fn at_most(
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

    fn each<T>(
        &self,
        sql: &str,
        bound: &[SqlValue],
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.session.rows(sql, rusqlite::params_from_iter(bound), read)
    }
}

/// An index on a column of numbers, with the set of its values and what is asked of each row in it.
struct Way<'a> {
    cell: String,
    column: &'a str,
    index: &'a Index,
    set: Segments,
    rest: Predicate,
}

/// The set in parts, each of which is one range of an index: numbers, then texts and bytes, then NULL.
fn in_order(set: &Segments) -> Vec<Segments> {
    let range = |(above, through): &_| Segments::range(*above, *through);
    let mut parts: Vec<Segments> = set.numbers.iter().map(range).collect();
    parts.extend(set.others.then(|| Segments { others: true, ..Segments::none() }));
    parts.extend(set.nulls.then(Segments::null));
    parts
}
