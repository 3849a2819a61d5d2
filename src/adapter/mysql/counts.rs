//! Counting records before they go: what is read of them, and the rows that receive the counts.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::{Entry, quoted};
use super::privileges::{self, Needed};
use super::receiving;
use super::schema::Bound;
use super::session::Session;
use super::value::literal;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::Record;
use crate::adapter::sql::counts::{
    self, CELL_COLUMNS, CELLS, Cell, CellId, Counted, Group, Kept, Ledger, Portion,
};
use crate::adapter::sql::receiver::Columns;
use crate::model::aggregate::Aggregate;
use crate::model::amount::Amount;
use crate::model::ids::PolicyId;
use crate::model::value::Field;

/// How the table of cells is made: by the first approval, or by an administrator before it.
pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS forfall_cell (cell BINARY(32) NOT NULL PRIMARY KEY, \
     policy TEXT NOT NULL, receiver TEXT NOT NULL, cell_group LONGTEXT NOT NULL, records BIGINT NOT NULL, \
     total VARCHAR(100) NOT NULL, shown BOOLEAN NOT NULL) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4";

/// How the records of a walk are counted.
#[derive(Debug)]
pub(super) struct Counting {
    aggregate: Arc<Aggregate>,
    fields: Vec<Field>,
    /// The text of what is summed, of the record's own table.
    pub(super) summed: String,
    /// The receiving table and its columns.
    into: Entry,
    columns: Columns,
}

/// Makes the table of cells if it is needed and not there.
pub(super) fn adopt(session: &Session, aggregate: &Aggregate) -> Result<(), StoreError> {
    if !aggregate.hides() || has_cells(session)? {
        return Ok(());
    }
    session.run(CREATE).map_err(|error| match error.kind {
        StoreErrorKind::Denied => error.with_help(format!("Let the database's administrator run: {CREATE}")),
        _ => error,
    })
}

/// Whether the table of cells is there and is ours.
pub(super) fn has_cells(session: &Session) -> Result<bool, StoreError> {
    let columns: Vec<(String,)> = session.asked(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
         AND CAST(TABLE_NAME AS BINARY) = ? ORDER BY ORDINAL_POSITION",
        &[CELLS],
    )?;
    let names: Vec<String> = columns.into_iter().map(|(name,)| name).collect();
    if names == CELL_COLUMNS {
        // Another engine could not take back what a batch has written there.
        return session.table(CELLS).map(|_| true);
    }
    if names.is_empty() {
        return Ok(false);
    }
    Err(session
        .trouble(StoreErrorKind::Foreign, format!("it has a `{CELLS}` that is not ours"))
        .with_help("Find out what made it; forfall needs that name for the cells of counts"))
}

/// Whether the user may write the counts: to the receiving table, and to the cells, which it may have to make.
pub(super) fn may_write(
    session: &Session,
    bound: &Bound,
    aggregate: &Arc<Aggregate>,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let counting = Counting::of(session, bound, aggregate)?;
    let mut found = vec![privileges::require_one(session, &counting.needed(session))];
    if aggregate.hides() {
        found.push(match has_cells(session)? {
            true => privileges::require_one(session, &cells_needed()),
            false => privileges::require_making(session, CREATE, &cells_needed()),
        });
    }
    Ok(found)
}

fn cells_needed() -> Needed {
    let statements = [
        "SELECT cell, records, total, shown FROM forfall_cell WHERE FALSE FOR UPDATE".to_owned(),
        "INSERT INTO forfall_cell SELECT * FROM forfall_cell WHERE FALSE ON DUPLICATE KEY UPDATE \
         records = VALUES(records), total = VALUES(total), shown = VALUES(shown)"
            .to_owned(),
    ];
    Needed { table: CELLS.to_owned(), to: written(statements) }
}

/// The server names only one of the two where a statement lacks both.
fn written(statements: [String; 2]) -> Vec<(String, String)> {
    statements.map(|statement| ("INSERT, UPDATE".to_owned(), statement)).to_vec()
}

impl Counting {
    fn of(session: &Session, bound: &Bound, aggregate: &Arc<Aggregate>) -> Result<Self, StoreError> {
        let (into, columns) = receiving::receiver_of(session, bound, aggregate)?;
        let summed = aggregate
            .sum
            .as_ref()
            .map_or_else(|| "NULL".to_owned(), |sum| format!("CAST({} AS CHAR)", bound.column(&sum.column)));
        let fields = counts::fields(aggregate);
        Ok(Self { aggregate: Arc::clone(aggregate), fields, summed, into, columns })
    }

    /// Begins; refuses what `check` should have refused, and a user that may not write the counts.
    pub(super) fn begin(
        session: &Session,
        bound: &Bound,
        aggregate: &Arc<Aggregate>,
    ) -> Result<Self, StoreError> {
        let counting = Self::of(session, bound, aggregate)?;
        // An own table of cells is made at the approval; without small cells it is not asked for.
        if aggregate.hides() && !has_cells(session)? {
            let why = format!("it has no table `{CELLS}`, which the first approval makes");
            return Err(session.trouble(StoreErrorKind::Changed, why).with_help(
                "Run `forfall approve`; if it was approved before, find out why the table is gone",
            ));
        }
        privileges::require_one(session, &counting.needed(session))?;
        if aggregate.hides() {
            privileges::require_one(session, &cells_needed())?;
        }
        receiving::require_unmixed(session, aggregate, (&counting.into, &counting.columns))?;
        Ok(counting)
    }

    /// What writing the counts needs of the receiving table: the statement that adds does both.
    fn needed(&self, session: &Session) -> Needed {
        let book = Book { session, counting: self };
        let none = (self.aggregate.other(), Portion::NONE);
        let statements = [book.taking(&none.0, none.1), book.adding(std::slice::from_ref(&none))];
        Needed { table: self.into.name.clone(), to: written(statements) }
    }

    /// The record's own columns by which it is counted.
    pub(super) fn groupings(&self) -> impl Iterator<Item = &str> {
        self.aggregate.by.iter().map(|grouping| grouping.column.as_str())
    }

    /// The receiving table is as it was when the walk began. Asked inside the batch's transaction, after its statement.
    pub(super) fn is_as_it_was(&self, session: &Session, bound: &Bound) -> Result<bool, StoreError> {
        let (now, _) = receiving::receiver_of(session, bound, &self.aggregate)?;
        Ok(now.columns == self.into.columns && now.name == self.into.name)
    }

    /// Counts records that are locked, with the texts of what is summed, and writes the counts into the transaction.
    pub(super) fn count<'r>(
        &self,
        session: &Session,
        policy: &PolicyId,
        records: impl Iterator<Item = (&'r Record, Option<&'r str>)>,
    ) -> Result<(), StoreError> {
        let book = Book { session, counting: self };
        let mut counted = Counted::none(&self.columns);
        for (record, summed) in records {
            counted
                .add_record(&self.aggregate, &self.fields, record, summed)
                .map_err(|error| counts::too_large(&book, &self.aggregate, error))?;
        }
        counts::write(&book, &self.aggregate, policy, counted)
    }
}

/// The statements, in the batch's transaction.
struct Book<'a> {
    session: &'a Session,
    counting: &'a Counting,
}

/// A text as SQL writes it, whatever it holds.
fn text(text: &str) -> String {
    format!("_utf8mb4 {}", literal(text.as_bytes()))
}

impl Book<'_> {
    /// The columns of numbers, each with its number of a portion.
    fn numbers(&self, portion: Portion) -> Vec<(String, String)> {
        let Columns { count, sum, .. } = &self.counting.columns;
        let mut numbers = vec![(quoted(count), portion.records.to_string())];
        numbers.extend(sum.iter().map(|sum| (quoted(sum), portion.sum.to_string())));
        numbers
    }

    fn adding(&self, rows: &[(Group, Portion)]) -> String {
        let groups = self.counting.columns.by.iter().map(|name| quoted(name));
        let numbers: Vec<String> = self.numbers(Portion::NONE).into_iter().map(|(name, _)| name).collect();
        let columns: Vec<String> = groups.chain(numbers.iter().cloned()).collect();
        let values = rows.iter().map(|(group, portion)| {
            let numbers = self.numbers(*portion).into_iter().map(|(_, number)| number);
            let values: Vec<String> = group.iter().map(|value| text(value)).chain(numbers).collect();
            format!("({})", values.join(", "))
        });
        let set = numbers.iter().map(|name| format!("{name} = COALESCE({name}, 0) + VALUES({name})"));
        format!(
            "INSERT INTO {} ({}) VALUES {} ON DUPLICATE KEY UPDATE {}",
            quoted(&self.counting.into.name),
            columns.join(", "),
            values.collect::<Vec<_>>().join(", "),
            set.collect::<Vec<_>>().join(", "),
        )
    }

    fn taking(&self, group: &Group, portion: Portion) -> String {
        let is_group = self.counting.columns.by.iter().zip(group);
        let is_group = is_group.map(|(name, value)| format!("{} = {}", quoted(name), text(value)));
        let set = self.numbers(portion);
        let set = set.iter().map(|(name, number)| format!("{name} = COALESCE({name}, 0) + ({number})"));
        let count = quoted(&self.counting.columns.count);
        format!(
            "UPDATE {} SET {} WHERE {} AND COALESCE({count}, 0) + ({}) >= 0",
            quoted(&self.counting.into.name),
            set.collect::<Vec<_>>().join(", "),
            is_group.collect::<Vec<_>>().join(" AND "),
            portion.records,
        )
    }
}

impl Ledger for Book<'_> {
    fn cells(&self, ids: &[CellId]) -> Result<HashMap<CellId, Cell>, StoreError> {
        let list: Vec<String> = ids.iter().map(|id| literal(id)).collect();
        let sql = format!(
            "SELECT cell, records, total, shown FROM forfall_cell WHERE cell IN ({}) ORDER BY cell FOR UPDATE",
            list.join(", ")
        );
        let rows: Vec<(Vec<u8>, i64, String, bool)> = self.session.asked(&sql, &[])?;
        let mut known = HashMap::new();
        for (id, records, total, shown) in rows {
            let sum = Amount::read(&total).ok().flatten();
            let (Ok(id), Some(sum)) = (CellId::try_from(id), sum) else {
                return Err(
                    self.trouble(StoreErrorKind::Damaged, format!("a row of `{CELLS}` cannot be read"))
                );
            };
            known.insert(id, Cell { portion: Portion { records, sum }, shown });
        }
        Ok(known)
    }

    fn keep(&self, cells: &[Kept<'_>]) -> Result<(), StoreError> {
        let one = |Kept { id, policy, receiver, group, cell }: &Kept<'_>| {
            let Cell { portion: Portion { records, sum }, shown } = cell;
            let texts = [policy, receiver, group.as_str()].map(text).join(", ");
            format!("({}, {texts}, {records}, '{sum}', {shown})", literal(id))
        };
        let sql = format!(
            "INSERT INTO forfall_cell (cell, policy, receiver, cell_group, records, total, shown) VALUES {} \
             ON DUPLICATE KEY UPDATE records = VALUES(records), total = VALUES(total), shown = VALUES(shown)",
            cells.iter().map(one).collect::<Vec<_>>().join(", ")
        );
        self.session.run(&sql)
    }

    fn add(&self, rows: &[(Group, Portion)]) -> Result<(), StoreError> {
        if rows.is_empty() { Ok(()) } else { self.session.run(&self.adding(rows)) }
    }

    fn take(&self, group: &Group, portion: Portion) -> Result<bool, StoreError> {
        Ok(self.session.change(&self.taking(group, portion), &[])? == 1)
    }

    fn trouble(&self, kind: StoreErrorKind, why: String) -> StoreError {
        self.session.trouble(kind, why)
    }
}
