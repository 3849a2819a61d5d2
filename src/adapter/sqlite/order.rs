//! The order in which a walk goes, and where its next batch lies.

use rusqlite::types::Value as SqlValue;

use super::dialect::quoted;
use super::open::Session;
use super::schema::Bound;
use super::starts::{self, Reading};
use super::strike::{Next, Strike};
use super::telling::Telling;
use super::total;
use super::walk::SqliteWalk;
use crate::adapter::api::{Job, StoreError};

/// Following the index on the start pays up to one record in so many.
const LITTLE: u64 = 10;

/// The order in which a walk goes, and the hint that keeps SQLite to it.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// By the handle: row numbers, or the primary key of a table without them.
    Handle {
        /// The hint.
        hint: String,
    },
    /// By the start, for a table with row numbers.
    Start {
        /// The column.
        cell: String,
        /// The hint.
        hint: String,
    },
}

impl SqliteWalk {
    fn follows_start(&self) -> bool {
        matches!(self.order, Order::Start { .. })
    }

    /// Whether the rows of a batch are named one by one, by their row numbers.
    pub(super) fn picks(&self) -> bool {
        self.bound.has_row_number() && (self.follows_start() || !self.companions.is_empty())
    }

    /// Finds where the batch after `cursor` lies, by reading alone: at most `want` records, which are told on the way.
    pub(super) fn strike_after(
        &self,
        cursor: Option<&[SqlValue]>,
        want: usize,
        mut telling: Option<Telling>,
    ) -> Result<Next, StoreError> {
        let handle = self.handle();
        let mut values = self.values.clone();
        let mut bind = |value: SqlValue| {
            values.push(value);
            format!("?{}", values.len())
        };
        let mut selected = handle.clone();
        let mut conditions = Vec::new();
        let (hint, sorted) = match &self.order {
            Order::Handle { hint } => {
                if let Some(cursor) = cursor {
                    let places: Vec<String> = cursor.iter().map(|value| bind(value.clone())).collect();
                    conditions.push(format!("({}) > ({})", handle.join(", "), places.join(", ")));
                }
                (hint, handle.join(", "))
            }
            Order::Start { cell, hint } => {
                if let Some([start, number]) = cursor {
                    let (start, number) = (bind(start.clone()), bind(number.clone()));
                    conditions.push(format!(
                        "{cell} >= {start} COLLATE BINARY AND ({cell} > {start} COLLATE BINARY OR {} > {number})",
                        handle[0]
                    ));
                }
                selected.push(cell.clone());
                (hint, format!("{cell} COLLATE BINARY, {}", handle[0]))
            }
        };
        let besides = selected.len();
        selected.extend(telling.iter().flat_map(|telling| telling.besides(self)));
        conditions.push(self.condition());
        let limit = bind(SqlValue::Integer(i64::try_from(want.max(1)).unwrap_or(i64::MAX)));
        let sql = format!(
            "SELECT {} FROM {} {hint} WHERE {} ORDER BY {sorted} LIMIT {limit}",
            selected.join(", "),
            quoted(&self.bound.entry.name),
            conditions.join(" AND "),
        );
        let mut read = || -> rusqlite::Result<Next> {
            let mut statement = self.session.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(&values))?;
            let mut strike: Option<Strike> = None;
            let follows_start = self.follows_start();
            let picks = self.picks();
            while let Some(row) = rows.next()? {
                let strike = match &mut strike {
                    Some(strike) => {
                        strike.extend(row, handle.len())?;
                        strike
                    }
                    none => none.insert(Strike::begin(row, handle.len(), picks, follows_start)?),
                };
                if let Some(telling) = &mut telling {
                    telling.add(row, strike, besides)?;
                }
            }
            if let Some(telling) = telling.take() {
                telling.end();
            }
            Ok(strike.map_or(Next::End, Next::At))
        };
        read().map_err(|error| self.session.error(&error))
    }
}

/// Chooses the order for a job.
pub(super) fn order(session: &Session, bound: &Bound, job: &Job) -> Result<Order, StoreError> {
    let column = match starts::reading(&job.start, &bound.frame) {
        Reading::Numbers { column, .. } | Reading::Texts { column } => Some(column),
        Reading::Opaque => None,
    };
    let index = column.and_then(|column| Some((column, bound.entry.index_on(column)?)));
    if let Some((column, index)) = index.filter(|_| bound.has_row_number()) {
        let total = total::total(session, bound)?.count;
        if job.expected.saturating_mul(LITTLE) < total {
            let cell = format!("{}.{}", quoted(&bound.entry.name), quoted(column));
            return Ok(Order::Start { cell, hint: format!("INDEXED BY {}", quoted(&index.name)) });
        }
    }
    let key_index = bound.entry.indexes.iter().find(|index| index.of_key);
    let hint = match key_index.filter(|_| !bound.has_row_number()) {
        Some(index) => format!("INDEXED BY {}", quoted(&index.name)),
        None => "NOT INDEXED".to_owned(),
    };
    Ok(Order::Handle { hint })
}
