//! The rows of the receiving table and the cells, read and written in the batch's transaction.

use std::collections::HashMap;

use rusqlite::OptionalExtension;
use rusqlite::types::Value as SqlValue;

use super::Counting;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::counts::{self, CELLS, Cell, CellId, Group, Kept, Ledger, Portion};
use crate::adapter::sql::receiver::Columns;
use crate::adapter::sqlite::dialect::quoted;
use crate::adapter::sqlite::open::Session;
use crate::model::amount::{Amount, TooLarge};

/// The statements. The database is locked against other writers: what is read stays until it is written.
pub(super) struct Book<'a> {
    pub(super) session: &'a Session,
    pub(super) counting: &'a Counting,
}

impl Book<'_> {
    fn try_run<T>(&self, run: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, StoreError> {
        run().map_err(|error| self.session.error(&error))
    }

    /// The numbers in a group's row, if it is there.
    fn found(&self, group: &Group) -> Result<Option<(i64, SqlValue)>, StoreError> {
        let Columns { count, sum, .. } = &self.counting.columns;
        let sum = sum.as_ref().map_or_else(|| "0".to_owned(), |sum| quoted(sum));
        let sql = format!(
            "SELECT coalesce({}, 0), coalesce({sum}, 0) FROM {} WHERE {}",
            quoted(count),
            self.counting.table,
            self.is_group()
        );
        self.try_run(|| {
            let mut statement = self.session.connection.prepare_cached(&sql)?;
            statement
                .query_row(rusqlite::params_from_iter(group), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
    }

    fn is_group(&self) -> String {
        let columns = self.counting.columns.by.iter().enumerate();
        columns
            .map(|(at, name)| format!("{} = ?{} COLLATE BINARY", quoted(name), at + 1))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    /// Writes the numbers into a group's row.
    fn put(&self, group: &Group, is_there: bool, records: i64, sum: SqlValue) -> Result<(), StoreError> {
        let Columns { by, count, sum: summed, .. } = &self.counting.columns;
        let table = &self.counting.table;
        let first = by.len() + 1;
        let numbers: Vec<&String> = std::iter::once(count).chain(summed).collect();
        let sql = if is_there {
            let set: Vec<String> = numbers
                .iter()
                .enumerate()
                .map(|(at, name)| format!("{} = ?{}", quoted(name), first + at))
                .collect();
            format!("UPDATE OR ABORT {table} SET {} WHERE {}", set.join(", "), self.is_group())
        } else {
            let names: Vec<String> =
                by.iter().chain(numbers.iter().copied()).map(|name| quoted(name)).collect();
            let places: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
            format!("INSERT OR ABORT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "))
        };
        let mut values: Vec<SqlValue> = group.iter().cloned().map(SqlValue::Text).collect();
        values.push(SqlValue::Integer(records));
        values.extend(summed.is_some().then_some(sum));
        let touched = self.try_run(|| {
            self.session.connection.prepare_cached(&sql)?.execute(rusqlite::params_from_iter(values))
        })?;
        if touched == 1 {
            return Ok(());
        }
        Err(self.trouble(StoreErrorKind::Changed, format!("a group has {touched} rows in table {table}")))
    }

    /// The sum as its column holds it.
    fn sum(&self, before: &SqlValue, portion: Portion) -> Result<SqlValue, StoreError> {
        let too_large = |error| counts::too_large(self, &self.counting.aggregate, error);
        if !self.counting.columns.whole_sum {
            let before = match before {
                SqlValue::Integer(number) => number.to_string(),
                SqlValue::Real(number) => number.to_string(),
                _ => "0".to_owned(),
            };
            let before = Amount::read_floating(&before).map_err(too_large)?.unwrap_or(Amount::ZERO);
            let sum = before.plus(portion.sum).map_err(too_large)?;
            return Ok(SqlValue::Real(sum.to_string().parse().unwrap_or(0.0)));
        }
        let SqlValue::Integer(before) = before else {
            let why = format!("a sum in table {} is no whole number", self.counting.table);
            return Err(self
                .trouble(StoreErrorKind::Changed, why)
                .with_help("Nothing was done. Correct that row"));
        };
        let sum = Amount::from(*before).plus(portion.sum).map_err(too_large)?;
        sum.whole().map(SqlValue::Integer).ok_or_else(|| too_large(TooLarge))
    }
}

impl Ledger for Book<'_> {
    fn cells(&self, ids: &[CellId]) -> Result<HashMap<CellId, Cell>, StoreError> {
        let sql = "SELECT records, total, shown FROM forfall_cell WHERE cell = ?1";
        let mut known = HashMap::new();
        for id in ids {
            let found: Option<(i64, String, bool)> = self.try_run(|| {
                let mut statement = self.session.connection.prepare_cached(sql)?;
                statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
            })?;
            if let Some((records, total, shown)) = found {
                let sum = Amount::read(&total).ok().flatten().ok_or_else(|| {
                    self.trouble(StoreErrorKind::Damaged, format!("a total in `{CELLS}` is no number"))
                })?;
                known.insert(*id, Cell { portion: Portion { records, sum }, shown });
            }
        }
        Ok(known)
    }

    fn keep(&self, cells: &[Kept<'_>]) -> Result<(), StoreError> {
        let sql = "INSERT INTO forfall_cell (cell, policy, receiver, cell_group, records, total, shown) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (cell) DO UPDATE SET \
             records = excluded.records, total = excluded.total, shown = excluded.shown";
        for Kept { id, policy, receiver, group, cell } in cells {
            let Cell { portion: Portion { records, sum }, shown } = cell;
            self.try_run(|| {
                let values = rusqlite::params![id, policy, receiver, group, records, sum.to_string(), shown];
                self.session.connection.prepare_cached(sql)?.execute(values)
            })?;
        }
        Ok(())
    }

    fn add(&self, rows: &[(Group, Portion)]) -> Result<(), StoreError> {
        for (group, portion) in rows {
            let found = self.found(group)?;
            let (before, sum) = found.clone().unwrap_or((0, SqlValue::Integer(0)));
            let records = before.checked_add(portion.records);
            let records =
                records.ok_or_else(|| counts::too_large(self, &self.counting.aggregate, TooLarge))?;
            self.put(group, found.is_some(), records, self.sum(&sum, *portion)?)?;
        }
        Ok(())
    }

    fn take(&self, group: &Group, portion: Portion) -> Result<bool, StoreError> {
        let Some((before, sum)) = self.found(group)? else { return Ok(false) };
        let records = before + portion.records;
        if records < 0 {
            return Ok(false);
        }
        self.put(group, true, records, self.sum(&sum, portion)?)?;
        Ok(true)
    }

    fn trouble(&self, kind: StoreErrorKind, why: String) -> StoreError {
        self.session.trouble(kind, why)
    }
}
