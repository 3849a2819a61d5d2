//! Walking the records of a job, batch after batch.
//!
//! Where much is due, the walk follows the row numbers: each batch is one stretch of the table, read and written once.
//! Where little is due, it follows the index on the start. Which stretch comes next is found by reading, before the
//! database is locked; what is in it is decided inside the transaction, by a statement that carries the whole
//! predicate.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::Value as SqlValue;

use super::batch::{Frozen, Strike};
use super::change::{Verb, verb};
use super::dialect::{Sqlite, quoted};
use super::given::Arguments;
use super::open::Session;
use super::schema::{self, Bound};
use super::starts::{self, Reading};
use super::witness::Witness;
use super::{marks, total, value};
use crate::adapter::api::{Act, Gap, Job, Prepared, StoreError, StoreErrorKind, Walk};
use crate::adapter::sql::{Dialect, Need, lower};
use crate::model::batch::BatchLabel;
use crate::model::ids::BatchId;
use crate::model::key::Key;

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

/// A walk over one job.
#[derive(Debug)]
pub(super) struct SqliteWalk {
    pub(super) session: Session,
    pub(super) witness: Witness,
    pub(super) bound: Bound,
    pub(super) job: Job,
    pub(super) verb: Verb,
    /// The whole predicate, with what it binds.
    pub(super) predicate: String,
    pub(super) values: Vec<SqlValue>,
    /// What a start is read from, to be read again after a change.
    pub(super) start: Arguments,
    pub(super) companions: Vec<Follower>,
    /// The batch that was committed last: its outcome is written by the time the next one is asked for.
    pub(super) settled: Option<BatchId>,
    /// Where the last committed batch ended.
    pub(super) cursor: Option<Vec<SqlValue>>,
    order: Order,
    left_out: Arc<Mutex<HashSet<Key>>>,
    is_left_out: String,
    path: PathBuf,
    file: Option<(u64, u64)>,
    forgot: bool,
}

/// A table whose rows go before their record.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// The table as the policy names it.
    pub(super) collection: String,
    /// The table.
    pub(super) table: String,
    /// The column that names our key.
    pub(super) by: String,
    /// Its own key.
    pub(super) key: Vec<String>,
}

impl SqliteWalk {
    pub(super) fn begin(path: PathBuf, timeout: Duration, job: Job) -> Result<Self, StoreError> {
        let mut session = Session::write(&path, timeout)?;
        let witness = Witness::new(&mut session.connection).map_err(|error| session.error(&error))?;
        session.require_marks()?;
        let file = marks::file_at(&path);
        let bound = schema::bind(&session, &job.scope.target)?;
        let companions = if job.act == Act::Delete { followers(&session, &bound, &job)? } else { Vec::new() };

        let mut dialect = Sqlite::new(&session, &job.scope.events);
        let verb = verb(&mut dialect, &bound.frame, &job.act)?;
        let mut conditions = vec![lower(&mut dialect, &bound.frame, &job.predicate, Need::Truth)?];
        conditions.extend(bound.has_key());
        let start = Arguments::of_start(&dialect, &bound.frame, &job.start)?;
        let left_out = Arc::new(Mutex::new(HashSet::new()));
        let is_left_out = left_out_function(&dialect, &bound, &left_out)?;
        let order = order(&session, &bound, &job)?;
        let values = std::mem::take(&mut dialect.bound);
        Ok(Self {
            predicate: conditions.join(" AND "),
            values,
            start,
            companions,
            verb,
            order,
            left_out,
            is_left_out,
            settled: None,
            cursor: None,
            path,
            file,
            forgot: false,
            session,
            witness,
            bound,
            job,
        })
    }

    /// The handle's columns with the table's name.
    pub(super) fn handle(&self) -> Vec<String> {
        let table = quoted(&self.bound.entry.name);
        self.bound.handle().iter().map(|name| format!("{table}.{}", quoted(name))).collect()
    }

    /// The whole predicate, without the records that are to be left out.
    pub(super) fn condition(&self) -> String {
        if self.left_out.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.predicate.clone()
        } else {
            format!("{} AND NOT {}", self.predicate, self.is_left_out)
        }
    }

    /// Finds where the next batch lies, by reading alone: at most `want` records.
    fn next_strike(&self, want: usize) -> Result<Option<Strike>, StoreError> {
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
                if let Some(cursor) = &self.cursor {
                    let places: Vec<String> = cursor.iter().map(|value| bind(value.clone())).collect();
                    conditions.push(format!("({}) > ({})", handle.join(", "), places.join(", ")));
                }
                (hint, handle.join(", "))
            }
            Order::Start { cell, hint } => {
                if let Some([start, number]) = self.cursor.as_deref() {
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
        conditions.push(self.condition());
        let limit = bind(SqlValue::Integer(i64::try_from(want.max(1)).unwrap_or(i64::MAX)));
        let sql = format!(
            "SELECT {} FROM {} {hint} WHERE {} ORDER BY {sorted} LIMIT {limit}",
            selected.join(", "),
            quoted(&self.bound.entry.name),
            conditions.join(" AND "),
        );
        let read = || -> rusqlite::Result<Option<Strike>> {
            let mut statement = self.session.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(&values))?;
            let mut strike: Option<Strike> = None;
            let picks = matches!(self.order, Order::Start { .. }) || !self.companions.is_empty();
            while let Some(row) = rows.next()? {
                match &mut strike {
                    Some(strike) => strike.extend(row, handle.len())?,
                    None => {
                        let picks = picks && self.bound.has_row_number();
                        let follows_start = matches!(self.order, Order::Start { .. });
                        strike = Some(Strike::begin(row, handle.len(), picks, follows_start)?);
                    }
                }
            }
            Ok(strike)
        };
        read().map_err(|error| self.session.error(&error))
    }

    /// The file under the path is still the one that we opened.
    fn check_file(&self) -> Result<(), StoreError> {
        if marks::file_at(&self.path) == self.file {
            return Ok(());
        }
        Err(self
            .session
            .trouble(StoreErrorKind::Foreign, "the file was replaced while the run was under way")
            .with_help("Run again; if it is another database, it needs a new approval"))
    }

    /// At the end the last mark has done its work.
    fn finish(&mut self) {
        if let Some(settled) = self.settled.take() {
            // It is pruned after a year in any case; an error here is no reason to call the run incomplete.
            let _ = self.session.unmark(&settled);
        }
    }
}

impl Walk for SqliteWalk {
    fn prepare<'a>(
        &'a mut self,
        batch: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Option<Box<dyn Prepared + 'a>>, StoreError> {
        self.check_file()?;
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).clone_from(without);
        let Some(strike) = self.next_strike(want)? else {
            self.finish();
            return Ok(None);
        };
        let forget = !std::mem::replace(&mut self.forgot, true);
        Ok(Some(Box::new(Frozen::freeze(self, batch.batch, strike, forget)?)))
    }

    fn gaps(&self) -> Vec<Gap> {
        // An error ends the walk; nothing is passed over in silence.
        Vec::new()
    }
}

fn followers(session: &Session, bound: &Bound, job: &Job) -> Result<Vec<Follower>, StoreError> {
    let mut followers = Vec::new();
    for with in job.scope.target.with.iter().filter(|with| with.store.is_none()) {
        let entry = session.table(&with.collection)?;
        let by = with.by.as_ref().and_then(|by| {
            entry
                .columns
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(by))
                .map(|column| column.name.clone())
        });
        let (Some(by), [_]) = (by, bound.frame.own.key.as_slice()) else {
            let why = format!("rows of `{}` cannot be found by their record's key", entry.name);
            return Err(session.trouble(StoreErrorKind::Unsupported, why).with_help("Run `forfall check`"));
        };
        followers.push(Follower {
            collection: with.collection.clone(),
            by,
            key: schema::key_of(session, &entry, None)?,
            table: entry.name,
        });
    }
    Ok(followers)
}

fn left_out_function(
    dialect: &Sqlite<'_>,
    bound: &Bound,
    keys: &Arc<Mutex<HashSet<Key>>>,
) -> Result<String, StoreError> {
    let columns: Vec<String> =
        bound.frame.own.key.iter().map(|name| dialect.column(&bound.entry.name, name)).collect();
    let (keys, count) = (Arc::clone(keys), columns.len());
    let function = dialect.session.function(count, move |call| {
        let key = value::key(count, |at| call.get_raw(at));
        let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(SqlValue::Integer(i64::from(key.is_some_and(|key| keys.contains(&key)))))
    })?;
    Ok(format!("{function}({})", columns.join(", ")))
}

fn order(session: &Session, bound: &Bound, job: &Job) -> Result<Order, StoreError> {
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
