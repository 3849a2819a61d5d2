//! The due curve, counted by the server where it can.

use std::sync::Arc;

use chrono::Datelike as _;

use super::count::number;
use super::dialect::{self, MySql, Question};
use super::rows::{Reader, at_place};
use super::schema::{self, Bound};
use super::session::Session;
use super::value;
use super::way;
use crate::adapter::api::{Scope, StoreError};
use crate::adapter::sql::curve::{Curve, in_any};
use crate::adapter::sql::starts::{self, Axis, Edge};
use crate::model::predicate::Predicate;
use crate::model::start::Start;
use crate::time::{StartSet, StartValue};

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
    let question = dialect::question(&bound, &scope.events, &asked)?;
    let axis = starts::axis(start, &bound.frame).filter(|_| question.left.is_none());
    if let Some((column, axis @ (Axis::Instant | Axis::Date))) = axis {
        let ends = starts::ends(sets, axis);
        let found = if ends.is_empty() {
            Vec::new()
        } else if is_short(&question, ends.len() + 1) && way::covers(session, &bound, column, &question)? {
            by_ranges(session, scope, &bound, &question, column, &ends)?
        } else {
            by_buckets(session, &bound, &question, (&bound.column(column), axis), &ends)?
        };
        for (bucket, count) in found {
            curve.add_bucket(&ends, bucket, count);
        }
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
                curve.add(value, 1);
            }
            Ok(())
        })?;
    }
    Ok(curve.counts())
}

/// A statement that names many holds or events is not said a hundred times over: the server takes 16 MiB of text and 65,535
/// bound values at once.
const LONGEST: usize = 1 << 20;
const MOST_BOUND: usize = 60_000;

fn is_short(question: &Question, ranges: usize) -> bool {
    question.sql.len().saturating_mul(ranges) <= LONGEST
        && question.bound.len().saturating_mul(ranges) <= MOST_BOUND
}

/// So many records in each bucket: between two neighbouring ends all starts belong to the same sets.
type Buckets = Vec<(usize, u64)>;

/// Where an index on the start has all that is asked for: one short range of it for each bucket, all of them in one
/// statement, and so at one moment. Counting entries costs a third of computing the bucket of each.
fn by_ranges(
    session: &Session,
    scope: &Scope,
    bound: &Bound,
    question: &Question,
    column: &str,
    ends: &[StartValue],
) -> Result<Buckets, StoreError> {
    let column = bound.column(column);
    let mut dialect = MySql { bound: question.bound.clone(), ..MySql::new(bound, &scope.events) };
    let places = ends.iter().map(|end| {
        dialect.bind(value::edge(match *end {
            StartValue::Date(date) => Edge::Date(date),
            StartValue::Instant(instant) => Edge::Instant(instant),
        }))
    });
    let places: Vec<String> = places.collect();
    let counts = (0..=places.len()).map(|bucket| {
        let from = bucket.checked_sub(1).map(|at| format!(" AND {column} >= {}", places[at]));
        let to = places.get(bucket).map(|end| format!(" AND {column} < {end}"));
        format!(
            "SELECT {bucket}, COUNT(*) FROM {} WHERE {}{}{}",
            bound.from(),
            question.sql,
            from.unwrap_or_default(),
            to.unwrap_or_default()
        )
    });
    let sql = counts.collect::<Vec<_>>().join(" UNION ALL ");
    buckets(session, &session.rows(&sql, &dialect.bound)?)
}

/// The server computes the bucket of each record.
fn by_buckets(
    session: &Session,
    bound: &Bound,
    question: &Question,
    (column, axis): (&str, Axis),
    ends: &[StartValue],
) -> Result<Buckets, StoreError> {
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
    buckets(session, &session.rows(&sql, &question.bound)?)
}

fn buckets(session: &Session, rows: &[mysql_async::Row]) -> Result<Buckets, StoreError> {
    let read = |row| {
        let bucket = usize::try_from(number(at_place(session, row, 0)?)).unwrap_or(usize::MAX);
        Ok((bucket, number(at_place(session, row, 1)?)))
    };
    rows.iter().map(read).collect()
}

/// The server counts days from the year 0.
const DAYS_BEFORE_YEAR_1: i64 = 365;

#[cfg(test)]
mod tests {
    use super::super::tests::{deletion, run_all, target, world};
    use super::*;
    use crate::model::value::{Field, Value};

    /// Around each end of three growing sets, to the microsecond, and what lies outside all of them.
    const STARTS: &str = "('2026-01-31 23:59:59.999999'), ('2026-02-01'), ('2026-02-01 00:00:00.000001'), \
        ('2026-02-28 23:59:59.999999'), ('2026-03-01'), ('2026-03-01 00:00:00.000001'), \
        ('2026-03-01 00:00:00.000002'), ('2026-04-01'), ('2026-04-01 00:00:00.000001'), (NULL), ('1980-01-01')";

    fn sets() -> Vec<StartSet> {
        let set = |end: &str| {
            let last: crate::time::Instant = format!("{end}T00:00:00Z").parse().unwrap();
            StartSet { instants: vec![(None, last)], dates_through: Some(last.date_naive()) }
        };
        ["2026-02-01", "2026-03-01", "2026-04-01"].map(set).to_vec()
    }

    #[test]
    fn ranges_of_an_index_count_what_the_buckets_of_all_rows_count() {
        for (kind, axis) in [("TIMESTAMP(6) NULL", Axis::Instant), ("DATE", Axis::Date)] {
            let world = world(&format!(
                "CREATE TABLE records (id INT AUTO_INCREMENT PRIMARY KEY, at {kind}, word VARCHAR(9), KEY (at))"
            ));
            run_all(&world.other, "SET sql_mode = ''");
            run_all(&world.other, &format!("INSERT INTO records (at) VALUES {STARTS}"));
            let job = deletion(target(), Predicate::Always(true));
            let (session, sets) = (&world.other, sets());
            let bound = schema::bind(session, &job.scope.target).unwrap();
            let all = Predicate::Always(true);
            let asked = in_any(&all, &job.start, &sets).unwrap();
            let question = dialect::question(&bound, &job.scope.events, &asked).unwrap();
            assert!(way::covers(session, &bound, "at", &question).unwrap(), "{kind}");

            let ends = starts::ends(&sets, axis);
            let mut ranges = by_ranges(session, &job.scope, &bound, &question, "at", &ends).unwrap();
            ranges.retain(|(_, count)| *count > 0);
            let mut buckets =
                by_buckets(session, &bound, &question, (&bound.column("at"), axis), &ends).unwrap();
            buckets.sort_unstable();
            assert_eq!(ranges, buckets, "{kind}");

            let counts = survey(session, &job.scope, &all, &job.start, &sets).unwrap();
            assert_eq!(counts, if axis == Axis::Date { [3, 7, 9] } else { [2, 5, 8] }, "{kind}");
        }
    }

    /// Held keys are spelled out: in each of a hundred ranges they would be more than the server takes at once.
    #[test]
    fn many_holds_do_not_make_the_question_too_long() {
        let world = world(
            "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, KEY (at))
             INSERT INTO records VALUES (1, '2026-01-01'), (2, '2026-01-01'), (700000000, '2026-01-01')",
        );
        let job = deletion(target(), Predicate::Always(true));
        let day = chrono::TimeDelta::days(1);
        let sets: Vec<StartSet> = (0..100)
            .map(|days| StartSet { instants: vec![(None, job.scope.now + day * days)], dates_through: None })
            .collect();
        let keys = (700_000_000..700_020_000).map(crate::model::key::Key::from_int).collect();
        let unheld = Predicate::KeyIn(Arc::new(keys)).negated();
        let counts = survey(&world.other, &job.scope, &unheld, &job.start, &sets).unwrap();
        assert_eq!(counts, [2; 100]);
    }

    #[test]
    fn an_index_covers_only_what_it_has_and_begins_with() {
        let world = world(
            "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, word VARCHAR(9), KEY (word, at))
             INSERT INTO records VALUES (1, '2026-01-01', 'a')",
        );
        let job = deletion(target(), Predicate::Always(true));
        let covers = |predicate: Predicate| {
            let bound = schema::bind(&world.other, &job.scope.target).unwrap();
            let question = dialect::question(&bound, &job.scope.events, &predicate).unwrap();
            way::covers(&world.other, &bound, "at", &question).unwrap()
        };
        assert!(!covers(job.predicate.clone()), "the index begins with another column");
        world.other.run("ALTER TABLE records DROP INDEX word, ADD INDEX (at)").unwrap();
        assert!(covers(job.predicate.clone()));
        let word = Predicate::OneOf { field: Field::own("word"), values: vec![Value::Text("a".to_owned())] };
        assert!(!covers(job.predicate.clone().and(word)), "a row is looked at for its word");
    }
}
