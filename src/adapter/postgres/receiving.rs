//! The table that receives counts.

use super::catalogue::{self, Entry, Find, quoted};
use super::counts::{cells, may};
use super::schema::{self, Bound};
use super::session::Session;
use super::value::Bind;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::counts::{Mixed, mixed};
use crate::adapter::sql::receiver::{self, Columns, Decimals, Receiver, Spelling};
use crate::model::aggregate::{Aggregate, OTHER};
use crate::model::target::Target;

const SPELLING: Spelling = Spelling {
    quoted,
    text: |_| "text".to_owned(),
    whole: "bigint",
    fraction: |_| "numeric".to_owned(),
    decimals: Decimals::of,
};

/// Whether records of the target can be counted so.
pub(super) fn check(session: &Session, target: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
    let bound = schema::bind(session, target)?;
    let cells = cells(session)?;
    let (into, columns) = receiver_of(session, &bound, aggregate, catalogue::table)?;
    match cells {
        // Who only reads need not see the cells: whoever counts will.
        Some(oid) if !may(session, oid, "SELECT")? => Ok(()),
        _ => require_unmixed(session, aggregate, (&into, &columns), cells),
    }
}

/// Counts with small groups and without are not mixed in one table.
pub(super) fn require_unmixed(
    session: &Session,
    aggregate: &Aggregate,
    (into, columns): (&Entry, &Columns),
    cells: Option<u32>,
) -> Result<(), StoreError> {
    let of_table = |shown: bool| {
        let not = if shown { "" } else { "NOT " };
        match cells {
            Some(_) => format!("(SELECT count(*) FROM forfall_cell WHERE receiver = $1 AND {not}shown)"),
            None => "0".to_owned(),
        }
    };
    let (sql, what) = if aggregate.hides() {
        let is_other = columns.by.iter().map(|name| format!("{} = $2", quoted(name)));
        let is_other = is_other.collect::<Vec<_>>().join(" AND ");
        let rows = format!("(SELECT count(*) FROM {} WHERE NOT ({is_other}))", into.sql());
        (format!("SELECT {rows} > {} AND $1 <> ''", of_table(true)), Mixed::Unknown)
    } else {
        (format!("SELECT {} > 0 AND $1 <> $2", of_table(false)), Mixed::Waiting)
    };
    let bound = [Bind::Text(aggregate.into.clone()), Bind::Text(OTHER.to_owned())];
    let sql = sql.replace("$1", "$1::text").replace("$2", "$2::text");
    if session.one(&sql, &bound)?.get(0) { Err(mixed(&session.place, aggregate, what)) } else { Ok(()) }
}

/// The receiving table as `find` gives it, with its columns.
pub(super) fn receiver_of(
    session: &Session,
    bound: &Bound,
    aggregate: &Aggregate,
    find: Find,
) -> Result<(Entry, Columns), StoreError> {
    let own = &bound.frame.own;
    let refused = |kind, why: String| receiver::refused(&session.place, kind, why, aggregate, own, &SPELLING);
    let entry = find(session, &aggregate.into).map_err(|error| match error.kind {
        StoreErrorKind::NotFound => refused(error.kind, error.why),
        _ => error,
    })?;
    if entry.oid == bound.entry.oid {
        let why = format!("`{}` is the table that the records go from", entry.spelled);
        return Err(refused(StoreErrorKind::Unsupported, why));
    }
    let receiver = Receiver {
        place: &session.place,
        columns: &entry.columns,
        unique: &entry.unique,
        required: &required(session, &entry)?,
        triggers: &by_itself(session, &entry)?,
        same: |one, other| one == other,
    };
    let columns = receiver.columns(aggregate, own, &SPELLING)?;
    let plain = |declared: &str| declared == "text" || declared.starts_with("character varying");
    let odd = columns.by.iter().filter_map(|name| entry.column(name)).find(|column| !plain(&column.declared));
    if let Some(column) = odd {
        let why = format!(
            "column `{}` of table `{}` is {}, and groups are texts",
            column.name, entry.spelled, column.declared
        );
        return Err(refused(StoreErrorKind::Unsupported, why));
    }
    if let Some(why) =
        session.rows(UNFIT, &[Bind::Int(entry.oid.into()), Bind::Texts(columns.by.clone())])?.first()
    {
        return Err(refused(
            StoreErrorKind::Unsupported,
            format!("table `{}` {}", entry.spelled, why.get::<_, String>(0)),
        ));
    }
    Ok((entry, columns))
}

/// What else makes a table unfit to receive counts: one sentence's end for each row.
const UNFIT: &str = "SELECT 'is UNLOGGED, and empty after a crash' FROM pg_class \
     WHERE oid = $1::int8::oid AND relpersistence <> 'p' \
   UNION ALL SELECT 'takes different spellings for one in column `' || attname || '`, by a collation that is not deterministic' \
     FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation \
     WHERE attrelid = $1::int8::oid AND attname = ANY($2::text[]) AND NOT collisdeterministic";

/// The columns that have to be given a value in every new row.
fn required(session: &Session, entry: &Entry) -> Result<Vec<String>, StoreError> {
    let rows = session.rows(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::int8::oid AND attnum > 0 \
         AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''",
        &[Bind::Int(entry.oid.into())],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Whatever runs when rows are added to the table or changed.
fn by_itself(session: &Session, entry: &Entry) -> Result<Vec<String>, StoreError> {
    let rows = session.rows(
        "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' \
         AND tgrelid IN (SELECT $1::int8::oid UNION SELECT relid FROM pg_partition_tree($1::int8::oid)) \
         UNION ALL SELECT rulename::text FROM pg_rewrite WHERE ev_class = $1::int8::oid AND ev_enabled <> 'D'",
        &[Bind::Int(entry.oid.into())],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
