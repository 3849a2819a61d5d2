//! Counting groups of records.
//!
//! Where a group is a set of values of one indexed column, the index alone is read, and only as far as the group
//! reaches. Where little is left to be asked of the rows in such a set, only those rows are read. All other groups
//! share one pass over the table.

use rusqlite::types::Value as SqlValue;

use super::by_index::Way;
use super::catalogue::Index;
use super::dialect::{Sqlite, quoted};
use super::driver::{Driver, driver, only_reads, together};
use super::open::Session;
use super::schema::{self, Bound};
use super::tally::Tallying;
use super::{starts, total};
use crate::adapter::api::{Counted, Group, Scope, StoreError, Tally};
use crate::adapter::sql::{Need, lower};
use crate::model::predicate::StartIs;

/// Reading rows by way of an index pays below this share of the table.
const WORTH_AN_INDEX: u64 = 10;
/// So many rows are always worth an index.
const FEW_ROWS: u64 = 20_000;

/// Counts each group.
pub(super) fn count(session: &Session, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
    session.hold_still()?;
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

/// A table with groups to be counted.
pub(super) struct Counting<'a> {
    pub(super) session: &'a Session,
    pub(super) scope: &'a Scope,
    pub(super) bound: &'a Bound,
}

impl Counting<'_> {
    pub(super) fn dialect(&self) -> Sqlite<'_> {
        Sqlite::new(self.session, &self.scope.events)
    }

    pub(super) fn column(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.bound.entry.name), quoted(name))
    }

    pub(super) fn table(&self) -> String {
        quoted(&self.bound.entry.name)
    }

    pub(super) fn by_way_of(&self, index: &Index) -> String {
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

    fn by_rows(&self, group: &Group, from: &str) -> Result<Tally, StoreError> {
        let mut dialect = self.dialect();
        let predicate = lower(&mut dialect, &self.bound.frame, &group.predicate, Need::Truth)?;
        self.tallied(group, from, &predicate, &dialect.bound)
    }

    pub(super) fn tallied(
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

    pub(super) fn worth_an_index(&self) -> Result<u64, StoreError> {
        let total = total::total(self.session, self.bound)?;
        Ok(FEW_ROWS.max(total.count / WORTH_AN_INDEX))
    }

    pub(super) fn each<T>(
        &self,
        sql: &str,
        bound: &[SqlValue],
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.session.rows(sql, rusqlite::params_from_iter(bound), read)
    }
}
