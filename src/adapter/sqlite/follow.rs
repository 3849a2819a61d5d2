//! Rows of the same database that go with a record, found by the record's key and never by a value that SQLite would
//! merely convert to it: to SQLite `'01'`, `'1 '` and `'1.0'` equal the number 1 as soon as one side is a number.

use super::affinity::{Affinity, affinity};
use super::dialect::{Sqlite, quoted};
use super::open::Session;
use super::schema::{self, Bound};
use crate::adapter::api::{Scope, StoreError, StoreErrorKind};
use crate::adapter::sql::{Need, lower};
use crate::model::predicate::Predicate;
use crate::model::target::Target;

/// A table whose rows go before their record.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// The table as the policy names it.
    pub(super) collection: String,
    /// The table.
    pub(super) table: String,
    /// The column that names our key.
    by: String,
    /// Its own key.
    pub(super) key: Vec<String>,
    /// What the record's key and that column do to values.
    holds: (Holds, Holds),
}

/// What a column does to the values that are put into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Texts,
    Numbers,
    /// Whatever it is given, or nobody knows (`ANY` keeps everything in a STRICT table and converts elsewhere).
    Anything,
}

impl Holds {
    fn of(declared: &str) -> Self {
        match affinity(declared) {
            _ if declared.eq_ignore_ascii_case("ANY") => Self::Anything,
            Affinity::Text => Self::Texts,
            Affinity::Number => Self::Numbers,
            Affinity::None => Self::Anything,
        }
    }
}

impl Follower {
    /// The followers of a target, in the order of its policy.
    pub(super) fn all(session: &Session, bound: &Bound, target: &Target) -> Result<Vec<Self>, StoreError> {
        let here = target.with.iter().filter(|with| with.store.is_none());
        here.map(|with| Self::one(session, bound, &with.collection, with.by.as_deref())).collect()
    }

    fn one(session: &Session, bound: &Bound, table: &str, by: Option<&str>) -> Result<Self, StoreError> {
        let entry = session.table(table)?;
        let by = by.and_then(|by| entry.columns.iter().find(|column| column.name.eq_ignore_ascii_case(by)));
        let (Some(by), [key]) = (by, bound.frame.own.key.as_slice()) else {
            let why = format!("rows of `{}` cannot be found by their record's key", entry.name);
            return Err(session.trouble(StoreErrorKind::Unsupported, why).with_help("Run `forfall check`"));
        };
        // A row number is a whole number, whether or not a column bears its name.
        let ours = bound.frame.own.column(key).map_or(Holds::Numbers, |column| Holds::of(&column.declared));
        Ok(Self {
            collection: table.to_owned(),
            by: by.name.clone(),
            key: schema::key_of(session, &entry, None)?,
            holds: (ours, Holds::of(&by.declared)),
            table: entry.name,
        })
    }

    /// The condition that the rows meet which go with the records of `FROM`, which may be named once only.
    pub(super) fn condition(&self, record: &str, key: &str, from: &str) -> String {
        let by = format!("{}.{}", quoted(&self.table), quoted(&self.by));
        let key = format!("{record}.{}", quoted(key));
        match self.holds {
            (Holds::Texts, Holds::Texts | Holds::Anything)
            | (Holds::Numbers, Holds::Numbers)
            | (Holds::Anything, Holds::Anything) => format!("{by} IN (SELECT {key} FROM {from})"),
            (_, Holds::Texts) => format!(
                "{by} IN (SELECT CASE typeof({key}) WHEN 'blob' THEN {key} ELSE CAST({key} AS TEXT) END FROM {from})"
            ),
            // A text that spells a number in another way than SQLite does is no number; and one that spells none is
            // kept by a column of numbers as the text that it is.
            (_, Holds::Numbers) => format!(
                "{by} IN (SELECT CASE WHEN typeof({key}) <> 'text' OR NOT (CAST({key} AS NUMERIC) = {key}) THEN {key} \
                 WHEN CAST(CAST({key} AS INTEGER) AS TEXT) = {key} THEN CAST({key} AS INTEGER) END FROM {from})"
            ),
            // The column may hold the number, or the text that spells it.
            (Holds::Numbers, Holds::Anything) => format!(
                "{by} IN (WITH \"forfall key\" (\"value\") AS MATERIALIZED (SELECT +{key} FROM {from}) \
                 SELECT +\"value\" FROM \"forfall key\" UNION ALL SELECT +CAST(\"value\" AS TEXT) FROM \"forfall key\")"
            ),
        }
    }
}

/// How many rows name a record that is not there. SQLite keeps foreign keys only for connections that ask it to, so that
/// none is proof that there is no such row.
pub(super) fn orphans(session: &Session, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
    let bound = schema::bind(session, target)?;
    let mut followers = Follower::all(session, &bound, target)?.into_iter();
    let record = quoted(&bound.entry.name);
    let count = |follower: Follower| {
        let by = format!("{}.{}", quoted(&follower.table), quoted(&follower.by));
        let theirs = follower.condition(&record, &bound.frame.own.key[0], &record);
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {by} IS NOT NULL AND ({theirs}) IS NOT TRUE",
            quoted(&follower.table)
        );
        session.number(&sql, &[])
    };
    let here = target.with.iter().map(|with| if with.store.is_none() { followers.next() } else { None });
    here.map(|follower| follower.map(count).transpose()).collect()
}

/// How many rows go with the records for which the predicate is true: for each of the target's `with` in its order,
/// `None` for those in other stores.
pub(super) fn count(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
) -> Result<Vec<Option<u64>>, StoreError> {
    session.hold_still()?;
    let bound = schema::bind(session, &scope.target)?;
    let mut followers = Follower::all(session, &bound, &scope.target)?.into_iter();
    let record = quoted(&bound.entry.name);
    let mut counts = Vec::new();
    for with in &scope.target.with {
        let follower = if with.store.is_none() { followers.next() } else { None };
        let Some(follower) = follower else {
            counts.push(None);
            continue;
        };
        let mut dialect = Sqlite::new(session, &scope.events);
        let whole = lower(&mut dialect, &bound.frame, predicate, Need::Truth)?;
        let theirs = follower.condition(&record, &bound.frame.own.key[0], &format!("{record} WHERE {whole}"));
        let sql = format!("SELECT count(*) FROM {} WHERE {theirs}", quoted(&follower.table));
        counts.push(Some(session.number(&sql, &dialect.bound)?));
    }
    Ok(counts)
}
