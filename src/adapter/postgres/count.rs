//! Counting groups of records, at one moment for all of them.
//!
//! A group that an index can answer by itself is asked for by itself; all others share one pass over the table. Which
//! is cheaper is the server's own estimate.

use super::advice;
use super::dialect::{self, Postgres, Question};
use super::rows::Reader;
use super::schema::{self, Bound};
use super::session::Session;
use super::value;
use crate::adapter::api::{Counted, Group, Scope, StoreError, StoreErrorKind, Tally};
use crate::adapter::sql::Need;
use crate::adapter::sql::seen::{Seen, moment};
use crate::adapter::sql::starts::{self, Axis};
use crate::model::predicate::StartIs;
use crate::model::start::StartState;
use crate::model::value::Fields as _;

/// Counts each group.
pub(super) fn count(session: &Session, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let counted = (|| {
        let bound = schema::bind(session, &scope.target)?;
        advice::avoid_dead_entries(session, &bound)?;
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
            (None, Some(Some((column, axis)))) => self.by_server(group, &question, Some((column, axis))),
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
            Postgres { bound: question.bound.clone(), ..Postgres::new(self.bound, &self.scope.events) };
        let mut selected = vec!["count(*)".to_owned()];
        let mut reads = None;
        if let (Some((column, axis)), Some(start)) = (start, &group.start) {
            let asked = starts::asked(start, axis, &StartIs::Known { now: self.scope.now });
            let column = self.bound.column(column);
            let known = dialect.in_asked(&column, asked, Need::Truth);
            let kind = axis.kind();
            for end in ["min", "max"] {
                let end = format!("{end}({column}) FILTER (WHERE {known})");
                selected.push(value::selected(&format!("({end})"), kind));
            }
            reads = Some((start, kind, column));
        }
        let sql = format!("SELECT {} FROM {} WHERE {}", selected.join(", "), self.bound.from(), question.sql);
        let row = self.session.one(&sql, &dialect.bound)?;
        let number: i64 = row.get(0);
        let mut tally = Tally { count: u64::try_from(number).unwrap_or(0), ..Tally::default() };
        let mut order = String::new();
        if let Some((start, kind, column)) = reads {
            let end = |at| {
                let value = value::read(&row, at, kind).map_err(|error| self.changed(&error))?;
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
                tally
                    .samples
                    .extend(value::key(&row, 0, &self.bound.key).map_err(|error| self.changed(&error))?);
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
            let record = reader.read(self.session, row, 0)?;
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

    fn changed(&self, error: &tokio_postgres::Error) -> StoreError {
        self.session.trouble(StoreErrorKind::Changed, error.to_string())
    }
}
