//! Counting groups of records, at one moment for all of them.

use std::sync::Arc;

use super::dialect::{self, MySql, Question};
use super::rows::{Reader, at_place, key_of};
use super::schema::{self, Bound};
use super::session::Session;
use super::value;
use crate::adapter::api::{Counted, Group, Scope, StoreError, Tally};
use crate::adapter::sql::Need;
use crate::adapter::sql::seen::{Seen, moment};
use crate::adapter::sql::starts::{self, Axis};
use crate::model::predicate::StartIs;
use crate::model::schema::ColumnKind;
use crate::model::start::{Start, StartState};
use crate::model::value::{Fields as _, Value};
use crate::time::StartValue;

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
        let asked = start.map(|(column, axis)| (self.bound.column(column), axis));
        let ends = asked.iter().map(|(column, _)| format!(", MIN({column}), MAX({column})"));
        let sql = format!(
            "SELECT COUNT(*){} FROM {} WHERE {}",
            ends.collect::<String>(),
            self.bound.from(),
            question.sql
        );
        let row = self.session.one(&sql, &question.bound)?;
        let mut tally = Tally { count: number(at_place(self.session, &row, 0)?), ..Tally::default() };
        let mut order = String::new();
        if let (Some((column, axis)), Some(start)) = (asked, &group.start) {
            let known = |at| {
                let value = value::read(at_place(self.session, &row, at)?, axis.kind());
                Ok::<_, StoreError>(match start.read_value(&value, self.scope.now) {
                    StartState::Known(value) => Some(value),
                    StartState::Waiting | StartState::Undetermined(_) => None,
                })
            };
            (tally.oldest, tally.newest) = match (known(1)?, known(2)?) {
                (Some(oldest), Some(newest)) => (Some(oldest), Some(newest)),
                _ if tally.count == 0 => (None, None),
                // At least one of them is none that counts.
                _ => self.ends(start, (&column, axis), question)?,
            };
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

    /// The earliest and the latest known start. Telling the known ones apart costs more than counting: it is asked for
    /// only where the outermost are others.
    fn ends(
        &self,
        start: &Arc<Start>,
        (column, axis): (&str, Axis),
        question: &Question,
    ) -> Result<(Option<StartValue>, Option<StartValue>), StoreError> {
        let mut dialect =
            MySql { bound: question.bound.clone(), ..MySql::new(self.bound, &self.scope.events) };
        let asked = starts::asked(start, axis, &StartIs::Known { now: self.scope.now });
        let known = dialect.in_asked(column, axis, asked, Need::Truth);
        let sql = format!(
            "SELECT MIN({column}), MAX({column}) FROM {} WHERE {known} AND {}",
            self.bound.from(),
            question.sql
        );
        let row = self.session.one(&sql, &dialect.bound)?;
        let end = |at| {
            let value = value::read(at_place(self.session, &row, at)?, axis.kind());
            Ok::<_, StoreError>(start.parse_value(&value).ok())
        };
        Ok((end(0)?, end(1)?))
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

pub(super) fn number(value: &mysql_async::Value) -> u64 {
    match value::read(value, ColumnKind::Int) {
        Value::Int(number) => u64::try_from(number).unwrap_or(0),
        _ => 0,
    }
}
