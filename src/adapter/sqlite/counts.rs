//! Counting records before they go: what is read of them, and the rows that receive the counts.

mod book;

use std::sync::Arc;

use rusqlite::types::Value as SqlValue;

use self::book::Book;
use super::affinity;
use super::catalogue::{Entry, Index};
use super::dialect::quoted;
use super::open::Session;
use super::schema::{self, Bound};
use super::value;
use super::walk::SqliteWalk;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::Table;
use crate::adapter::sql::counts::{self, CELL_COLUMNS, CELLS, Counted, Mixed, summed};
use crate::adapter::sql::receiver::{self, Columns, Decimals, Receiver, Spelling};
use crate::model::aggregate::{Aggregate, OTHER};
use crate::model::amount::TooLarge;
use crate::model::ids::PolicyId;
use crate::model::target::Target;
use crate::model::value::Value;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS forfall_cell (cell BLOB PRIMARY KEY NOT NULL, \
     policy TEXT NOT NULL, receiver TEXT NOT NULL, cell_group TEXT NOT NULL, records INTEGER NOT NULL, \
     total TEXT NOT NULL, shown INTEGER NOT NULL) WITHOUT ROWID";

const SPELLING: Spelling = Spelling {
    quoted,
    text: |_| "TEXT".to_owned(),
    whole: "INTEGER",
    fraction: |_| "REAL".to_owned(),
    // Whatever a column is called, a number with a fraction is in floating point.
    decimals: |_| Decimals::Floating,
};

/// How the records of a walk are counted.
#[derive(Debug)]
pub(super) struct Counting {
    aggregate: Arc<Aggregate>,
    /// The receiving table and its columns.
    table: String,
    columns: Columns,
}

/// Whether records of the target can be counted so.
pub(super) fn check(session: &Session, target: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
    let bound = schema::bind(session, target)?;
    let (table, columns) = receiver_of(session, &bound, aggregate)?;
    require_unmixed(session, aggregate, (&table, &columns))
}

/// Counts with small groups and without are not mixed in one table.
fn require_unmixed(
    session: &Session,
    aggregate: &Aggregate,
    (table, columns): (&str, &Columns),
) -> Result<(), StoreError> {
    let of_table = |condition: &str| -> Result<i64, StoreError> {
        if !has_cells(session)? {
            return Ok(0);
        }
        let sql = format!("SELECT count(*) FROM {CELLS} WHERE receiver = ?1 AND {condition}");
        Ok(session.rows(&sql, [aggregate.into.as_str()], |row| row.get(0))?.pop().unwrap_or(0))
    };
    if !aggregate.hides() {
        let waiting = of_table("NOT shown")? > 0;
        return if waiting { Err(counts::mixed(session.place(), aggregate, Mixed::Waiting)) } else { Ok(()) };
    }
    let is_other = columns.by.iter().map(|name| format!("{} = ?1 COLLATE BINARY", quoted(name)));
    let is_other = is_other.collect::<Vec<_>>().join(" AND ");
    let sql = format!("SELECT count(*) FROM {table} WHERE NOT ({is_other})");
    let rows: i64 = session.rows(&sql, [OTHER], |row| row.get(0))?.pop().unwrap_or(0);
    if rows > of_table("shown")? {
        return Err(counts::mixed(session.place(), aggregate, Mixed::Unknown));
    }
    Ok(())
}

/// Makes the table of cells if it is needed and not there.
pub(super) fn adopt(session: &Session, aggregate: &Aggregate) -> Result<(), StoreError> {
    if !aggregate.hides() || has_cells(session)? {
        return Ok(());
    }
    session.run(CREATE)
}

/// Whether the table of cells is there and is ours.
fn has_cells(session: &Session) -> Result<bool, StoreError> {
    let columns: Vec<String> =
        session.rows("SELECT name FROM pragma_table_xinfo(?1) ORDER BY cid", [CELLS], |row| row.get(0))?;
    if columns.is_empty() || columns == CELL_COLUMNS {
        return Ok(!columns.is_empty());
    }
    Err(session
        .trouble(StoreErrorKind::Foreign, format!("it has a `{CELLS}` that is not ours"))
        .with_help("Find out what made it; forfall needs that name for the cells of counts"))
}

fn receiver_of(
    session: &Session,
    bound: &Bound,
    aggregate: &Aggregate,
) -> Result<(String, Columns), StoreError> {
    let own = &bound.frame.own;
    let entry = session.table(&aggregate.into).map_err(|error| match error.kind {
        StoreErrorKind::NotFound => {
            receiver::refused(&error.what, error.kind, error.why.clone(), aggregate, own, &SPELLING)
        }
        _ => error,
    })?;
    if entry.name.eq_ignore_ascii_case(&own.name) {
        let why = format!("`{}` is the table that the records go from", entry.name);
        return Err(receiver::refused(
            session.place(),
            StoreErrorKind::Unsupported,
            why,
            aggregate,
            own,
            &SPELLING,
        ));
    }
    let columns = columns_of(session, &entry, own, aggregate)?;
    Ok((quoted(&entry.name), columns))
}

fn columns_of(
    session: &Session,
    entry: &Entry,
    own: &Table,
    aggregate: &Aggregate,
) -> Result<Columns, StoreError> {
    let key: Vec<String> = entry.primary_key().iter().map(|column| column.name.clone()).collect();
    let mut unique: Vec<Vec<String>> = Vec::new();
    for index in entry.indexes.iter().filter(|index| index.unique && !index.partial) {
        unique.extend(index.columns.iter().cloned().collect::<Option<Vec<String>>>());
    }
    unique.extend(Some(key).filter(|key| !key.is_empty()));
    let triggers: Vec<String> = entry.triggers.iter().map(|(name, _)| name.clone()).collect();
    let row_number = entry.row_number_column().map(|column| column.name.as_str());
    let mut required: Vec<String> = session.rows(
        "SELECT name FROM pragma_table_xinfo(?1) WHERE \"notnull\" AND dflt_value IS NULL AND hidden = 0",
        [entry.name.as_str()],
        |row| row.get(0),
    )?;
    required.retain(|name| row_number != Some(name.as_str()));
    let receiver = Receiver {
        place: session.place(),
        columns: &schema::columns_of(entry),
        unique: &unique,
        required: &required,
        triggers: &triggers,
        same: |one, other| one.eq_ignore_ascii_case(other),
    };
    let columns = receiver.columns(aggregate, own, &SPELLING)?;
    let within = |index: &&Index| {
        index.columns.iter().all(|name| name.as_ref().is_some_and(|name| columns.by.contains(name)))
    };
    if let Some(index) = entry.indexes.iter().filter(|index| index.unique && !index.exact).find(within) {
        let why = format!(
            "unique index `{}` of table `{}` takes different spellings of a group for one, by its collation",
            index.name, entry.name
        );
        return Err(receiver::refused(
            session.place(),
            StoreErrorKind::Unsupported,
            why,
            aggregate,
            own,
            &SPELLING,
        ));
    }
    Ok(columns)
}

impl Counting {
    /// Begins; refuses what `check` should have refused.
    pub(super) fn begin(
        session: &Session,
        bound: &Bound,
        aggregate: &Arc<Aggregate>,
    ) -> Result<Self, StoreError> {
        let (table, columns) = receiver_of(session, bound, aggregate)?;
        if aggregate.hides() && !has_cells(session)? {
            return Err(session
                .trouble(
                    StoreErrorKind::Changed,
                    format!("it has no table `{CELLS}`, which the first approval makes"),
                )
                .with_help(
                    "Run `forfall approve`; if it was approved before, find out why the table is gone",
                ));
        }
        require_unmixed(session, aggregate, (&table, &columns))?;
        Ok(Self { aggregate: Arc::clone(aggregate), table, columns })
    }

    /// The receiving table is still one, after the database's tables have changed.
    pub(super) fn check_again(&self, session: &Session, bound: &Bound) -> Result<(), StoreError> {
        Self::begin(session, bound, &self.aggregate).map(|_| ())
    }

    /// Counts the records that meet the condition, in the batch's transaction.
    pub(super) fn read(
        &self,
        walk: &SqliteWalk,
        from: &str,
        whole: &str,
        values: &[SqlValue],
    ) -> Result<Counted, StoreError> {
        let own = &walk.bound.frame.own;
        let name = quoted(&own.name);
        let columns: Vec<&str> = self.aggregate.columns().collect();
        let kinds: Vec<_> = columns
            .iter()
            .filter_map(|column| own.column(column))
            .map(|column| affinity::kind(&column.declared))
            .collect();
        let list: Vec<String> = columns.iter().map(|column| format!("{name}.{}", quoted(column))).collect();
        let sql = format!("SELECT {} FROM {from} WHERE {whole}", list.join(", "));
        let groupings = self.aggregate.by.len();
        let read = || -> rusqlite::Result<Result<Counted, TooLarge>> {
            let mut counted = Counted::none(&self.columns);
            let mut statement = walk.session.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                let values =
                    kinds.iter().enumerate().map(|(at, kind)| Ok(value::read(row.get_ref(at)?, *kind)));
                let values = values.collect::<rusqlite::Result<Vec<Value>>>()?;
                let sum = values.get(groupings).and_then(summed);
                if let Err(error) = counted.add(&self.aggregate, &values[..groupings], sum.as_deref()) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(counted))
        };
        let counted = read().map_err(|error| walk.session.error(&error))?;
        counted.map_err(|error| counts::too_large(&self.book(&walk.session), &self.aggregate, error))
    }

    /// Writes the counts into the batch's transaction.
    pub(super) fn write(
        &self,
        session: &Session,
        policy: &PolicyId,
        counted: Counted,
    ) -> Result<(), StoreError> {
        counts::write(&self.book(session), &self.aggregate, policy, counted)
    }

    fn book<'a>(&'a self, session: &'a Session) -> Book<'a> {
        Book { session, counting: self }
    }
}
