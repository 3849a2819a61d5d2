//! Counting groups of records, at one moment for all of them.

use std::sync::Arc;

use chrono::Datelike as _;

use super::dialect::{self, MySql, Question};
use super::rows::{Reader, at_place, key_of};
use super::schema::{self, Bound};
use super::session::Session;
use super::value;
use crate::adapter::api::{Counted, Group, Scope, StoreError, Tally};
use crate::adapter::sql::Need;
use crate::adapter::sql::seen::{Seen, moment};
use crate::adapter::sql::starts::{self, Axis};
use crate::model::predicate::{Predicate, StartIs};
use crate::model::schema::ColumnKind;
use crate::model::start::{Start, StartState};
use crate::model::value::{Fields as _, Value};
use crate::time::{StartSet, StartValue};

/// Counts each group.
pub(super) fn count(session: &Session, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
    session.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
    session.run("START TRANSACTION WITH CONSISTENT SNAPSHOT")?;
    let counted = (|| {
        let bound = schema::bind(session, &scope.target)?;
        let counting = Counting { session, scope, bound: &bound };
        let tallies = groups.iter().map(|group| counting.group(group)).collect::<Result<_, _>>()?;
        Ok(Counted { tallies, ..Counted::default() })
    })();
    session.run("ROLLBACK")?;
    counted
}

struct Counting<'a> {
    session: &'a Session,
    scope: &'a Scope,
    bound: &'a Bound,
}

impl Counting<'_> {
    fn group(&self, group: &Group) -> Result<Tally, StoreError> {
        let question = dialect::question(self.bound, &self.scope.events, &group.predicate)?;
        let axis = group.start.as_ref().map(|start| starts::axis(start, &self.bound.frame));
        match (&question.left, axis) {
            (None, None) => self.by_server(group, &question, None),
            (None, Some(Some(start))) => self.by_server(group, &question, Some(start)),
            _ => self.by_rows(group, &question),
        }
    }

    /// The server answers everything that is asked.
    fn by_server(
        &self,
        group: &Group,
        question: &Question,
        start: Option<(&str, Axis)>,
    ) -> Result<Tally, StoreError> {
        let mut dialect =
            MySql { bound: question.bound.clone(), ..MySql::new(self.bound, &self.scope.events) };
        let mut selected = vec!["COUNT(*)".to_owned()];
        let mut reads = None;
        if let (Some((column, axis)), Some(start)) = (start, &group.start) {
            let asked = starts::asked(start, axis, &StartIs::Known { now: self.scope.now });
            let column = self.bound.column(column);
            let known = dialect.in_asked(&column, axis, asked, Need::Truth);
            for end in ["MIN", "MAX"] {
                selected.push(format!("{end}(CASE WHEN {known} THEN {column} END)"));
            }
            reads = Some((start, axis.kind(), column));
        }
        let sql = format!("SELECT {} FROM {} WHERE {}", selected.join(", "), self.bound.from(), question.sql);
        let row = self.session.one(&sql, &dialect.bound)?;
        let mut tally = Tally { count: number(at_place(self.session, &row, 0)?), ..Tally::default() };
        let mut order = String::new();
        if let Some((start, kind, column)) = reads {
            let end = |at| {
                let value = value::read(at_place(self.session, &row, at)?, kind);
                Ok::<_, StoreError>(start.parse_value(&value).ok())
            };
            (tally.oldest, tally.newest) = (end(1)?, end(2)?);
            order = format!(" ORDER BY {column}");
        }
        if group.samples > 0 && tally.count > 0 {
            let sql = format!(
                "SELECT {} FROM {} WHERE {}{order} LIMIT {}",
                self.bound.key_list(),
                self.bound.from(),
                question.sql,
                group.samples
            );
            for row in self.session.rows(&sql, &question.bound)? {
                tally.samples.push(key_of(self.session, &row, &self.bound.key)?);
            }
        }
        Ok(tally)
    }

    /// Our own code decides about each row, or reads its start.
    fn by_rows(&self, group: &Group, question: &Question) -> Result<Tally, StoreError> {
        let mut needs = question.needs();
        if let Some(start) = &group.start {
            needs.add_start(start);
        }
        let reader = Reader::new(self.bound, &needs)?;
        let sql = format!("SELECT {} FROM {} WHERE {}", reader.list, self.bound.from(), question.sql);
        let mut seen = Seen::default();
        self.session.each(&sql, &question.bound, |row| {
            let record = reader.read(self.session, row)?;
            if question.left.as_ref().is_some_and(|left| !record.holds(left, &self.scope.events)) {
                return Ok(());
            }
            let known = group.start.as_ref().and_then(|start| {
                match start.read(&record, &self.scope.events, self.scope.now) {
                    StartState::Known(value) => Some((moment(start, value), value)),
                    StartState::Waiting | StartState::Undetermined(_) => None,
                }
            });
            seen.add(known, group.samples, || record.key());
            Ok(())
        })?;
        Ok(seen.tally())
    }
}

fn number(value: &mysql_async::Value) -> u64 {
    match value::read(value, ColumnKind::Int) {
        Value::Int(number) => u64::try_from(number).unwrap_or(0),
        _ => 0,
    }
}

/// The due curve: how many records for which the predicate is true have their start in each of a row of growing sets.
pub(super) fn survey(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
    start: &Arc<Start>,
    sets: &[StartSet],
) -> Result<Vec<u64>, StoreError> {
    let mut added = vec![0_u64; sets.len()];
    let Some(last) = sets.last() else { return Ok(added) };
    let bound = schema::bind(session, &scope.target)?;
    let in_last = Predicate::Start { start: Arc::clone(start), is: StartIs::In(last.clone()) };
    let question = dialect::question(&bound, &scope.events, &in_last.and(predicate.clone()))?;
    let mut add = |value: StartValue, count: u64| {
        // The sets grow: the first that has the start is found by halving.
        let first = sets.partition_point(|set| !set.contains(value));
        if let Some(sum) = added.get_mut(first) {
            *sum += count;
        }
    };
    let axis = starts::axis(start, &bound.frame).filter(|_| question.left.is_none());
    if let Some((column, axis @ (Axis::Instant | Axis::Date))) = axis {
        by_buckets(session, &bound, &question, (&bound.column(column), axis), sets, &mut add)?;
    } else {
        let mut needs = question.needs();
        needs.add_start(start);
        let reader = Reader::new(&bound, &needs)?;
        let sql = format!("SELECT {} FROM {} WHERE {}", reader.list, bound.from(), question.sql);
        session.each(&sql, &question.bound, |row| {
            let record = reader.read(session, row)?;
            if question.left.as_ref().is_none_or(|left| record.holds(left, &scope.events))
                && let Some(value) = start.read_known(&record, &scope.events)
            {
                add(value, 1);
            }
            Ok(())
        })?;
    }
    let mut sum = 0;
    for count in &mut added {
        sum += *count;
        *count = sum;
    }
    Ok(added)
}

/// Between two neighbouring ends of any set all starts belong to the same sets: the server counts those together.
fn by_buckets(
    session: &Session,
    bound: &Bound,
    question: &Question,
    (column, axis): (&str, Axis),
    sets: &[StartSet],
    add: &mut impl FnMut(StartValue, u64),
) -> Result<(), StoreError> {
    let ends = starts::ends(sets, axis);
    if ends.is_empty() {
        return Ok(());
    }
    // Whole numbers, which `INTERVAL` halves its way through.
    let numbers = ends.iter().map(|end| match end {
        StartValue::Date(date) => (i64::from(date.num_days_from_ce()) + DAYS_BEFORE_YEAR_1).to_string(),
        StartValue::Instant(instant) => instant.timestamp_micros().to_string(),
    });
    let numbers: Vec<String> = numbers.collect();
    let number_of = match axis {
        Axis::Date => format!("TO_DAYS({column})"),
        _ => format!("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {column})"),
    };
    let sql = format!(
        "SELECT INTERVAL({number_of}, {}), COUNT(*) FROM {} WHERE {} GROUP BY 1",
        numbers.join(", "),
        bound.from(),
        question.sql
    );
    for row in session.rows(&sql, &question.bound)? {
        let bucket = number(at_place(session, &row, 0)?);
        let Some(value) = starts::in_bucket(&ends, usize::try_from(bucket).unwrap_or(0)) else { continue };
        add(value, number(at_place(session, &row, 1)?));
    }
    Ok(())
}

/// The server counts days from the year 0.
const DAYS_BEFORE_YEAR_1: i64 = 365;
