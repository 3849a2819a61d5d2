//! Counting records before they go: what is read of them, and the rows that receive the counts.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::{self, Entry, quoted};
use super::receiving::{receiver_of, require_unmixed};
use super::schema::Bound;
use super::session::Session;
use super::standing::lacking;
use super::value::Bind;
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
pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS forfall_cell (cell bytea PRIMARY KEY, policy text NOT NULL, \
     receiver text NOT NULL, cell_group text NOT NULL, records bigint NOT NULL, total text NOT NULL, \
     shown boolean NOT NULL)";

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
    /// Our table of cells, where small ones are hidden.
    cells: Option<u32>,
}

pub(super) fn may(session: &Session, oid: u32, privilege: &str) -> Result<bool, StoreError> {
    let bound = [Bind::Int(oid.into()), Bind::Text(privilege.to_owned())];
    Ok(session.one("SELECT has_table_privilege($1::int8::oid, $2::text)", &bound)?.get(0))
}

/// Makes the table of cells if it is needed and not there.
pub(super) fn adopt(session: &Session, aggregate: &Aggregate) -> Result<(), StoreError> {
    if !aggregate.hides() || cells(session)?.is_some() {
        return Ok(());
    }
    session.run(CREATE).map_err(|error| match error.kind {
        StoreErrorKind::Denied | StoreErrorKind::Changed => {
            error.with_help(format!("Let the database's administrator run: {CREATE}"))
        }
        _ => error,
    })
}

/// The table of cells, if it is there and ours.
pub(super) fn cells(session: &Session) -> Result<Option<u32>, StoreError> {
    let row = session.one(
        "SELECT (SELECT oid FROM pg_class WHERE oid = to_regclass($1::text) AND relpersistence = 'p'), ARRAY(SELECT attname::text FROM pg_attribute \
         WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped ORDER BY attnum)",
        &[Bind::Text(CELLS.to_owned())],
    )?;
    let columns: Vec<String> = row.get(1);
    if columns.is_empty() || columns == CELL_COLUMNS {
        return Ok(row.get(0));
    }
    Err(session
        .trouble(StoreErrorKind::Foreign, format!("it has a `{CELLS}` that is not ours"))
        .with_help("Find out what made it; forfall needs that name for the cells of counts"))
}

impl Counting {
    /// Begins; refuses what `check` should have refused, and a role that may not write the counts.
    pub(super) fn begin(
        session: &Session,
        bound: &Bound,
        aggregate: &Arc<Aggregate>,
    ) -> Result<Self, StoreError> {
        let (into, columns) = receiver_of(session, bound, aggregate, catalogue::table)?;
        let cells = if aggregate.hides() { cells(session)? } else { None };
        if aggregate.hides() && cells.is_none() {
            let why = format!("it has no table `{CELLS}`, which the first approval makes");
            return Err(session.trouble(StoreErrorKind::Changed, why).with_help(
                "Run `forfall approve`; if it was approved before, find out why the table is gone",
            ));
        }
        written(session, &into)?;
        if cells.is_some() {
            written(session, &catalogue::described(session, CELLS)?)?;
        }
        match self::cells(session)? {
            // Without small groups ours may be another's matter.
            Some(oid) if cells.is_none() && !may(session, oid, "SELECT")? => {}
            there => require_unmixed(session, aggregate, (&into, &columns), there)?,
        }
        let summed = aggregate
            .sum
            .as_ref()
            .map_or_else(|| "NULL::text".to_owned(), |sum| format!("{}::text", bound.column(&sum.column)));
        let fields = counts::fields(aggregate);
        Ok(Self { aggregate: Arc::clone(aggregate), fields, summed, into, columns, cells })
    }

    /// The record's own columns by which it is counted.
    pub(super) fn groupings(&self) -> impl Iterator<Item = &str> {
        self.aggregate.by.iter().map(|grouping| grouping.column.as_str())
    }

    /// The tables that are written.
    pub(super) fn tables(&self) -> impl Iterator<Item = i64> {
        std::iter::once(self.into.oid).chain(self.cells).map(i64::from)
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

/// Whether the role may write the counts: to the receiving table, and to the cells, which it may have to make.
pub(super) fn may_write(
    session: &Session,
    bound: &Bound,
    aggregate: &Aggregate,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let (into, _) = receiver_of(session, bound, aggregate, catalogue::table)?;
    let mut found = vec![written(session, &into)];
    if aggregate.hides() {
        found.push(match cells(session)? {
            Some(_) => catalogue::described(session, CELLS).and_then(|cells| written(session, &cells)),
            None => may_make_cells(session),
        });
    }
    Ok(found)
}

/// The first approval makes the table of cells.
fn may_make_cells(session: &Session) -> Result<(), StoreError> {
    let asked = session.one(
        "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), \
         quote_ident(coalesce(current_schema()::text, 'public')), quote_ident(current_user::text)",
        &[],
    )?;
    if asked.get(0) {
        return Ok(());
    }
    let (schema, role): (String, String) = (asked.get(1), asked.get(2));
    let why =
        format!("the role may not make table `{CELLS}` in schema {schema}, which the first approval does");
    let cells = format!("{schema}.{CELLS}");
    Err(session.trouble(StoreErrorKind::Denied, why).with_help(format!(
        "Nothing was done. Let the database's administrator run: {}; GRANT {WRITES} ON {cells} TO {role}. `forfall store \
         grants` prints all that each role needs",
        CREATE.replace(CELLS, &cells)
    )))
}

/// What tables of counts are written with.
const WRITES: &str = "SELECT, INSERT, UPDATE";

fn written(session: &Session, table: &Entry) -> Result<(), StoreError> {
    let mut missing = Vec::new();
    for privilege in WRITES.split(", ") {
        if !may(session, table.oid, privilege)? {
            missing.push(privilege);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(lacking(session, table, &missing.join(", "))) }
}

/// The statements, in the batch's transaction.
struct Book<'a> {
    session: &'a Session,
    counting: &'a Counting,
}

impl Book<'_> {
    fn into(&self) -> String {
        let Entry { schema, name, .. } = &self.counting.into;
        format!("{}.{}", quoted(schema), quoted(name))
    }

    /// The columns of numbers, each with the type as which it is bound.
    fn numbers(&self) -> impl Iterator<Item = (String, &'static str)> {
        let Columns { count, sum, .. } = &self.counting.columns;
        std::iter::once((quoted(count), "int8")).chain(sum.iter().map(|sum| (quoted(sum), "numeric")))
    }
}

impl Ledger for Book<'_> {
    fn cells(&self, ids: &[CellId]) -> Result<HashMap<CellId, Cell>, StoreError> {
        let rows = self.session.rows(
            "SELECT cell, records, total, shown FROM forfall_cell WHERE cell = ANY($1::bytea[]) \
             ORDER BY cell FOR UPDATE",
            &[Bind::Byteses(ids.iter().map(|id| id.to_vec()).collect())],
        )?;
        let mut known = HashMap::new();
        for row in rows {
            let id: Vec<u8> = row.get(0);
            let sum = Amount::read(row.get(2)).ok().flatten();
            let (Ok(id), Some(sum)) = (CellId::try_from(id), sum) else {
                return Err(
                    self.trouble(StoreErrorKind::Damaged, format!("a row of `{CELLS}` cannot be read"))
                );
            };
            known.insert(id, Cell { portion: Portion { records: row.get(1), sum }, shown: row.get(3) });
        }
        Ok(known)
    }

    fn keep(&self, cells: &[Kept<'_>]) -> Result<(), StoreError> {
        let texts = |text: &dyn Fn(&Kept<'_>) -> String| Bind::Texts(cells.iter().map(text).collect());
        let bound = [
            Bind::Byteses(cells.iter().map(|kept| kept.id.to_vec()).collect()),
            texts(&|kept| kept.policy.to_owned()),
            texts(&|kept| kept.receiver.to_owned()),
            texts(&|kept| kept.group.clone()),
            Bind::Ints(cells.iter().map(|kept| kept.cell.portion.records).collect()),
            texts(&|kept| kept.cell.portion.sum.to_string()),
            texts(&|kept| kept.cell.shown.to_string()),
        ];
        let sql = "INSERT INTO forfall_cell (cell, policy, receiver, cell_group, records, total, shown) \
             SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::text[], \
             $7::text[]::bool[]) ON CONFLICT (cell) DO UPDATE SET records = EXCLUDED.records, \
             total = EXCLUDED.total, shown = EXCLUDED.shown";
        self.session.rows(sql, &bound).map(|_| ())
    }

    fn add(&self, rows: &[(Group, Portion)]) -> Result<(), StoreError> {
        let by = &self.counting.columns.by;
        let mut bound: Vec<Bind> = (0..by.len())
            .map(|at| Bind::Texts(rows.iter().map(|(group, _)| group[at].clone()).collect()))
            .collect();
        bound.push(Bind::Ints(rows.iter().map(|(_, portion)| portion.records).collect()));
        if self.counting.columns.sum.is_some() {
            bound.push(Bind::Texts(rows.iter().map(|(_, portion)| portion.sum.to_string()).collect()));
        }
        let lists: Vec<String> =
            bound.iter().enumerate().map(|(at, bind)| format!("${}::{}", at + 1, bind.cast())).collect();
        let names: Vec<String> = (0..bound.len()).map(|at| format!("c{at}")).collect();
        let groups: Vec<String> = by.iter().map(|name| quoted(name)).collect();
        let numbers: Vec<(String, &str)> = self.numbers().collect();
        let selected = names[..by.len()]
            .iter()
            .cloned()
            .chain(names[by.len()..].iter().zip(&numbers).map(|(name, (_, kind))| format!("{name}::{kind}")));
        let columns = groups.iter().chain(numbers.iter().map(|(name, _)| name));
        let set =
            numbers.iter().map(|(name, _)| format!("{name} = coalesce(held.{name}, 0) + EXCLUDED.{name}"));
        let sql = format!(
            "INSERT INTO {} AS held ({}) SELECT {} FROM unnest({}) WITH ORDINALITY AS new({}, place) \
             ORDER BY new.place ON CONFLICT ({}) DO UPDATE SET {}",
            self.into(),
            columns.cloned().collect::<Vec<_>>().join(", "),
            selected.collect::<Vec<_>>().join(", "),
            lists.join(", "),
            names.join(", "),
            groups.join(", "),
            set.collect::<Vec<_>>().join(", "),
        );
        self.session.rows(&sql, &bound).map(|_| ())
    }

    fn take(&self, group: &Group, portion: Portion) -> Result<bool, StoreError> {
        let by = &self.counting.columns.by;
        let mut bound: Vec<Bind> = group.iter().cloned().map(Bind::Text).collect();
        bound.push(Bind::Int(portion.records));
        if self.counting.columns.sum.is_some() {
            bound.push(Bind::Text(portion.sum.to_string()));
        }
        let place = |at: usize, bind: &Bind| format!("${}::{}", at + 1, bind.cast());
        let places: Vec<String> = bound.iter().enumerate().map(|(at, bind)| place(at, bind)).collect();
        let is_group = by.iter().zip(&places).map(|(name, place)| format!("{} = {place}", quoted(name)));
        let numbers: Vec<(String, &str)> = self.numbers().collect();
        let set = numbers
            .iter()
            .zip(&places[by.len()..])
            .map(|((name, kind), place)| format!("{name} = coalesce({name}, 0) + {place}::{kind}"));
        let (count, taken) = (quoted(&self.counting.columns.count), &places[by.len()]);
        let sql = format!(
            "UPDATE {} SET {} WHERE {} AND coalesce({count}, 0) + {taken} >= 0 RETURNING 1",
            self.into(),
            set.collect::<Vec<_>>().join(", "),
            is_group.collect::<Vec<_>>().join(" AND "),
        );
        Ok(self.session.rows(&sql, &bound)?.len() == 1)
    }

    fn trouble(&self, kind: StoreErrorKind, why: String) -> StoreError {
        self.session.trouble(kind, why)
    }
}
