//! The due curve, counted by the server where it can.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::advice;
use super::dialect::{self, Postgres, Question};
use super::rows::Reader;
use super::schema::{self, Bound};
use super::session::Session;
use super::value::Bind;
use crate::adapter::api::{Scope, StoreError};
use crate::adapter::sql::curve::{Curve, in_any};
use crate::adapter::sql::starts::{self, Axis};
use crate::model::predicate::Predicate;
use crate::model::start::Start;
use crate::time::{Instant, StartSet, StartValue};

/// The due curve: how many records for which the predicate is true have their start in each of a row of growing sets.
pub(super) fn survey(
    session: &Session,
    scope: &Scope,
    predicate: &Predicate,
    start: &Arc<Start>,
    sets: &[StartSet],
) -> Result<Vec<u64>, StoreError> {
    let mut curve = Curve::new(sets);
    let Some(asked) = in_any(predicate, start, sets) else { return Ok(curve.counts()) };
    let bound = schema::bind(session, &scope.target)?;
    advice::avoid_dead_entries(session, &bound)?;
    let question = dialect::question(&bound, &scope.events, &asked)?;
    let axis = starts::axis(start, &bound.frame).filter(|_| question.left.is_none());
    if let Some((column, axis @ (Axis::Instant | Axis::Date))) = axis {
        let asking = Asking { session, scope, bound: &bound, question: &question };
        asking.by_server(&bound.column(column), &starts::ends(sets, axis), &mut curve)?;
    } else {
        let mut needs = question.needs();
        needs.add_start(start);
        let reader = Reader::new(&bound, &needs)?;
        let sql = format!("SELECT {} FROM {} WHERE {}", reader.list, bound.from(), question.sql);
        session.each(&sql, &question.bound, |row| {
            let record = reader.read(session, row, 0)?;
            if question.left.as_ref().is_none_or(|left| record.holds(left, &scope.events))
                && let Some(value) = start.read_known(&record, &scope.events)
            {
                curve.add(value, 1);
            }
            Ok(())
        })?;
    }
    Ok(curve.counts())
}

struct Asking<'a> {
    session: &'a Session,
    scope: &'a Scope,
    bound: &'a Bound,
    question: &'a Question,
}

impl Asking<'_> {
    /// Between two neighbouring ends of any set all starts belong to the same sets: the server counts those together.
    fn by_server(&self, column: &str, ends: &[StartValue], curve: &mut Curve<'_>) -> Result<(), StoreError> {
        let (mut instants, mut dates) = (Vec::new(), Vec::new());
        for end in ends {
            match end {
                StartValue::Instant(instant) => instants.push(*instant),
                StartValue::Date(date) => dates.push(*date),
            }
        }
        let mut add = |bucket, count| curve.add_bucket(ends, bucket, count);
        match (stride(&instants), ends.is_empty()) {
            (_, true) => Ok(()),
            (Some(stride), _) if self.knows_strides()? => {
                // Whatever bins the server makes, each lies in one bucket.
                self.by_stride(column, instants[0], stride, |bin, count| {
                    add(instants.partition_point(|end| *end <= bin), count);
                })
            }
            _ if dates.is_empty() => self.by_bucket(column, Bind::Instants(instants), add),
            _ => self.by_bucket(column, Bind::Dates(dates), add),
        }
    }

    /// The server looks in the list of ends for each record.
    fn by_bucket(
        &self,
        column: &str,
        ends: Bind,
        mut found: impl FnMut(usize, u64),
    ) -> Result<(), StoreError> {
        let mut dialect = self.dialect();
        let by = format!("width_bucket({column}, {})::int8", dialect.bind(ends));
        for row in self.grouped(&by, &dialect.bound)? {
            let (bucket, count): (i64, i64) = (row.get(0), row.get(1));
            found(usize::try_from(bucket).unwrap_or(0), u64::try_from(count).unwrap_or(0));
        }
        Ok(())
    }

    /// The server divides: where all ends lie on one ruler that takes half the time.
    fn by_stride(
        &self,
        column: &str,
        first: Instant,
        stride: i64,
        mut found: impl FnMut(Instant, u64),
    ) -> Result<(), StoreError> {
        let mut dialect = self.dialect();
        let origin = dialect.bind(Bind::Instant(first));
        // Whatever lies before the first end is one bin, however far it reaches back.
        let by = format!(
            "pg_catalog.date_bin(interval '{stride} microseconds', \
             GREATEST({column}, {origin} - interval '{stride} microseconds'), {origin})"
        );
        for row in self.grouped(&by, &dialect.bound)? {
            let (bin, count): (DateTime<Utc>, i64) = (row.get(0), row.get(1));
            found(bin, u64::try_from(count).unwrap_or(0));
        }
        Ok(())
    }

    /// `date_bin` came with PostgreSQL 14, which reads no interval of more than 2^31 microseconds.
    fn knows_strides(&self) -> Result<bool, StoreError> {
        let sql = "SELECT current_setting('server_version_num')::int >= 150000";
        Ok(self.session.one(sql, &[])?.get(0))
    }

    fn dialect(&self) -> Postgres<'_> {
        Postgres { bound: self.question.bound.clone(), ..Postgres::new(self.bound, &self.scope.events) }
    }

    fn grouped(&self, by: &str, bound: &[Bind]) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let (from, condition) = (self.bound.from(), &self.question.sql);
        self.session.rows(&format!("SELECT {by}, count(*) FROM {from} WHERE {condition} GROUP BY 1"), bound)
    }
}

/// The longest ruler of microseconds on which all of these lie, if that has no more than a few thousand marks between
/// them: hours and days lie on one.
fn stride(ends: &[Instant]) -> Option<i64> {
    const MOST: i64 = 5_000;
    let (first, last) = (ends.first()?, ends.last()?);
    let since = |end: &Instant| (*end - *first).num_microseconds();
    let stride = ends.iter().try_fold(0, |divisor, end| Some(common(divisor, since(end)?)))?;
    (stride > 0 && since(last)? / stride <= MOST).then_some(stride)
}

/// The greatest common divisor.
fn common(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{deletion, target, world};
    use super::*;
    use crate::adapter::sql::starts::ends;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn hours_and_days_lie_on_one_ruler_and_odd_moments_on_none() {
        let hours =
            ["2026-01-01T00:30:00.000007Z", "2026-01-01T01:30:00.000007Z", "2026-03-01T01:30:00.000007Z"];
        assert_eq!(stride(&hours.map(at)), Some(3_600_000_000));
        assert_eq!(
            stride(&["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-02-01T00:00:00Z"].map(at)),
            None
        );
        assert_eq!(stride(&[at("2026-01-01T00:00:00Z")]), None, "one end needs no ruler");
        assert_eq!(stride(&[]), None);
    }

    /// Around each end to the microsecond, and what has no place in the calendar.
    #[test]
    fn both_ways_to_count_say_the_same() {
        let world = world(
            "CREATE TABLE records (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz);
             INSERT INTO records (at) VALUES ('-infinity'), ('infinity'), (NULL), ('1980-01-01'),
               ('2026-01-31 23:59:59.999999Z'), ('2026-02-01Z'), ('2026-02-01 00:00:00.000001Z'),
               ('2026-02-28 23:59:59.999999Z'), ('2026-03-01Z'), ('2026-03-01 00:00:00.000001Z'),
               ('2026-03-01 00:00:00.000002Z'), ('2026-04-01Z'), ('2026-04-01 00:00:00.000001Z')",
        );
        let set = |end: &str| StartSet { instants: vec![(None, at(end))], dates_through: None };
        let sets = ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"].map(set);
        let job = deletion(target(), Predicate::Always(true));
        let (session, scope) = (&world.other, &job.scope);
        let bound = schema::bind(session, &scope.target).unwrap();
        let all = Predicate::Always(true);
        let asked = in_any(&all, &job.start, &sets).unwrap();
        let question = dialect::question(&bound, &scope.events, &asked).unwrap();
        let asking = Asking { session, scope, bound: &bound, question: &question };
        let column = bound.column("at");
        let ends = ends(&sets, Axis::Instant);
        let instants = sets.each_ref().map(|set| set.instants[0].1 + chrono::TimeDelta::microseconds(1));

        let mut strides = vec![0; 4];
        asking
            .by_stride(&column, instants[0], stride(&instants).unwrap(), |bin, count| {
                strides[instants.partition_point(|end| *end <= bin)] += count;
            })
            .unwrap();
        let mut buckets = vec![0; 4];
        asking
            .by_bucket(&column, Bind::Instants(instants.to_vec()), |bucket, count| buckets[bucket] += count)
            .unwrap();
        assert_eq!(strides, buckets);
        assert_eq!(ends.len(), 3);

        let counts = survey(session, scope, &all, &job.start, &sets).unwrap();
        assert_eq!(counts, [2, 5, 8]);
    }
}
