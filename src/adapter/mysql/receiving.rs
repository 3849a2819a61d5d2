//! The table that receives counts.

use super::catalogue::{Entry, quoted};
use super::counts;
use super::schema::{self, Bound};
use super::session::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::counts::{CELLS, Mixed, mixed};
use crate::adapter::sql::receiver::{self, Columns, Decimals, Receiver, Spelling};
use crate::model::aggregate::{Aggregate, OTHER};
use crate::model::target::Target;

/// An index takes 768 characters of four bytes.
pub(super) const SPELLING: Spelling = Spelling {
    quoted,
    text: |groupings| {
        let length = (760 / groupings.max(1)).clamp(1, 190);
        format!("VARCHAR({length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    },
    whole: "BIGINT",
    fraction: |decimals| match decimals {
        Decimals::At(many) => format!("DECIMAL(65, {})", many.max(10)),
        Decimals::Floating | Decimals::Any => "DECIMAL(65, 10)".to_owned(),
    },
    decimals: Decimals::of,
};

/// Whether records of the target can be counted so.
pub(super) fn check(session: &Session, target: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
    let bound = schema::bind(session, target)?;
    let (into, columns) = receiver_of(session, &bound, aggregate)?;
    require_unmixed(session, aggregate, (&into, &columns))
}

/// Counts with small groups and without are not mixed in one table.
pub(super) fn require_unmixed(
    session: &Session,
    aggregate: &Aggregate,
    (into, columns): (&Entry, &Columns),
) -> Result<(), StoreError> {
    let has_cells = counts::has_cells(session)?;
    let count = |sql: &str, bound: &[&str]| -> Result<i64, StoreError> {
        let rows: Vec<(i64,)> = session.asked(sql, bound)?;
        Ok(rows.first().map_or(0, |(count,)| *count))
    };
    let of_table = |condition: &str| match has_cells {
        true => count(
            &format!("SELECT COUNT(*) FROM {CELLS} WHERE CAST(receiver AS BINARY) = ? AND {condition}"),
            &[&aggregate.into],
        ),
        false => Ok(0),
    };
    if !aggregate.hides() {
        let waiting = of_table("NOT shown")? > 0;
        return if waiting { Err(mixed(&session.place, aggregate, Mixed::Waiting)) } else { Ok(()) };
    }
    let is_other = columns.by.iter().map(|name| format!("{} = ?", quoted(name)));
    let is_other = is_other.collect::<Vec<_>>().join(" AND ");
    let sql = format!("SELECT COUNT(*) FROM {} WHERE NOT ({is_other})", quoted(&into.name));
    let others = vec![OTHER; columns.by.len()];
    if count(&sql, &others)? > of_table("shown")? {
        return Err(mixed(&session.place, aggregate, Mixed::Unknown));
    }
    Ok(())
}

/// The receiving table, with its columns.
pub(super) fn receiver_of(
    session: &Session,
    bound: &Bound,
    aggregate: &Aggregate,
) -> Result<(Entry, Columns), StoreError> {
    let own = &bound.frame.own;
    let refused = |kind, why: String| receiver::refused(&session.place, kind, why, aggregate, own, &SPELLING);
    let entry = session.table(&aggregate.into).map_err(|error| match error.kind {
        StoreErrorKind::NotFound => refused(error.kind, error.why),
        _ => error,
    })?;
    if entry.name == bound.entry.name {
        let why = format!("`{}` is the table that the records go from", entry.name);
        return Err(refused(StoreErrorKind::Unsupported, why));
    }
    let indexes = unique(session, &entry)?;
    let whole: Vec<Vec<String>> =
        indexes.iter().filter(|index| index.whole).map(|index| index.columns.clone()).collect();
    let triggers: Vec<String> = entry.triggers.iter().map(|(name, _)| name.clone()).collect();
    let receiver = Receiver {
        place: &session.place,
        columns: &entry.columns,
        unique: &whole,
        required: &required(session, &entry)?,
        triggers: &triggers,
        same: |one, other| one.eq_ignore_ascii_case(other),
    };
    let columns = receiver.columns(aggregate, own, &SPELLING)?;
    let plain = |declared: &str| declared.starts_with("varchar") || declared.starts_with("char");
    let odd = columns.by.iter().filter_map(|name| entry.column(name)).find(|column| !plain(&column.declared));
    if let Some(column) = odd {
        let why = format!(
            "column `{}` of table `{}` is {}, and groups are texts",
            column.name, entry.name, column.declared
        );
        return Err(refused(StoreErrorKind::Unsupported, why));
    }
    // A period of the calendar is spelled in one way only.
    let values = aggregate.by.iter().zip(&columns.by).filter(|(grouping, _)| grouping.period.is_none());
    let values: Vec<&String> = values.map(|(_, name)| name).collect();
    if let Some((column, collation)) = loose(session, &entry, &values)? {
        let why = format!(
            "column `{column}` of table `{}` takes different spellings of a group for one, by its collation {collation}",
            entry.name
        );
        return Err(refused(StoreErrorKind::Unsupported, why));
    }
    // The server adds to the row that any of its unique indexes finds.
    let safe = |index: &&Unique| {
        let exactly = index.columns.len() == columns.by.len()
            && index.columns.iter().all(|name| columns.by.contains(name));
        index.counts_itself || exactly
    };
    let other = indexes.iter().find(|index| !safe(index));
    if let Some(other) = other {
        let why = format!(
            "unique index `{}` of table `{}` is not over exactly its groupings, and counts could be added to the wrong row",
            other.name, entry.name
        );
        return Err(refused(StoreErrorKind::Unsupported, why));
    }
    Ok((entry, columns))
}

/// One of these columns whose collation is not exact, with that.
fn loose(
    session: &Session,
    entry: &Entry,
    names: &[&String],
) -> Result<Option<(String, String)>, StoreError> {
    let columns: Vec<(String, String)> = session.asked(
        "SELECT COLUMN_NAME, COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
         AND CAST(TABLE_NAME AS BINARY) = ? AND COLLATION_NAME IS NOT NULL",
        &[&entry.name],
    )?;
    Ok(columns.into_iter().find(|(name, collation)| names.contains(&name) && !collation.ends_with("_bin")))
}

/// The columns that have to be given a value in every new row.
fn required(session: &Session, entry: &Entry) -> Result<Vec<String>, StoreError> {
    let columns: Vec<(String,)> = session.asked(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
         AND CAST(TABLE_NAME AS BINARY) = ? AND IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL \
         AND EXTRA NOT LIKE '%auto_increment%' AND EXTRA NOT LIKE '%GENERATED%'",
        &[&entry.name],
    )?;
    Ok(columns.into_iter().map(|(name,)| name).collect())
}

/// A unique index.
struct Unique {
    name: String,
    columns: Vec<String>,
    /// It is over whole columns, not over their first characters or over expressions.
    whole: bool,
    /// It is over one column whose values the server counts up itself.
    counts_itself: bool,
}

#[expect(clippy::type_complexity, reason = "a row of the catalogue")]
fn unique(session: &Session, entry: &Entry) -> Result<Vec<Unique>, StoreError> {
    let parts: Vec<(String, Option<String>, Option<u64>, Option<String>)> = session.asked(
        "SELECT s.INDEX_NAME, s.COLUMN_NAME, s.SUB_PART, c.EXTRA FROM information_schema.STATISTICS s \
         LEFT JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA \
           AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME \
         WHERE s.TABLE_SCHEMA = DATABASE() AND CAST(s.TABLE_NAME AS BINARY) = ? AND s.NON_UNIQUE = 0 \
         ORDER BY s.INDEX_NAME, s.SEQ_IN_INDEX",
        &[&entry.name],
    )?;
    let mut found: Vec<Unique> = Vec::new();
    for (name, column, first, extra) in parts {
        if found.last().is_none_or(|last| last.name != name) {
            found.push(Unique { name, columns: Vec::new(), whole: true, counts_itself: false });
        }
        let Some(index) = found.last_mut() else { continue };
        let counts = extra.is_some_and(|extra| extra.to_ascii_lowercase().contains("auto_increment"));
        index.whole &= column.is_some() && first.is_none();
        index.counts_itself = counts && index.columns.is_empty();
        index.columns.extend(column);
    }
    Ok(found)
}
