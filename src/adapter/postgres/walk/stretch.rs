//! Where the next batch of a walk lies: found by reading alone, before anything is locked.

use super::super::advice;
use super::super::catalogue::quoted;
use super::super::survey::survey;
use super::super::value::Bind;
use super::super::way::Order;
use super::{PostgresWalk, pages};
use crate::adapter::api::{LastLook, StoreError, StoreErrorKind};

/// Where the next batch lies.
#[derive(Debug)]
pub(in super::super) struct Stretch {
    /// The condition that only its rows meet, with what it binds last.
    pub(in super::super) sql: String,
    pub(in super::super) bound: Vec<Bind>,
    /// Where it ends.
    pub(in super::super) end: String,
}

impl PostgresWalk {
    /// Finds where the next batch lies, by reading alone: at most `want` records.
    pub(super) fn next_stretch(
        &mut self,
        want: usize,
        condition: &str,
        bound: &[Bind],
    ) -> Result<Option<Stretch>, StoreError> {
        loop {
            if let Some(stretch) = self.stretch(want, condition, bound)? {
                return Ok(Some(stretch));
            }
            self.passes += 1;
            // A row that somebody changed meanwhile may lie behind the cursor now: one more pass finds it.
            if self.passes > 1 || !std::mem::take(&mut self.acted) {
                return Ok(None);
            }
            self.cursor = None;
        }
    }

    /// Looks at everything once more, and says whether any record may be there that goes. Where that is asked for, it counts
    /// for a forecast on the way.
    pub(super) fn look_at_all(&mut self) -> Result<bool, StoreError> {
        advice::spare_processors(&self.session)?;
        let look = self.last_look.take();
        let found = self.session.patiently(|| {
            let counts = look.map(|look| self.count_last(&look)).transpose()?;
            let counts = counts.filter(|counts| counts.first() == Some(&0));
            let left = counts.is_none() && self.is_anything_left()?;
            Ok((left, counts))
        });
        match found {
            Ok((left, counts)) => {
                self.looked = counts;
                Ok(left)
            }
            // A pass over everything finds it a few pages at a time.
            Err(error) if error.kind == StoreErrorKind::Busy => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn count_last(&self, LastLook { predicate, sets }: &LastLook) -> Result<Vec<u64>, StoreError> {
        survey(&self.session, &self.job.scope, predicate, &self.job.start, sets)
    }

    fn is_anything_left(&self) -> Result<bool, StoreError> {
        advice::avoid_dead_entries(&self.session, &self.bound)?;
        let sql = format!("SELECT count(*) FROM {} WHERE {}", self.bound.from(), self.question.sql);
        Ok(self.session.one(&sql, &self.question.bound)?.get::<_, i64>(0) > 0)
    }

    fn stretch(
        &mut self,
        want: usize,
        condition: &str,
        bound: &[Bind],
    ) -> Result<Option<Stretch>, StoreError> {
        match self.order.clone() {
            Order::Pages => self.on_pages(want, condition, bound),
            Order::Start(column, kind) => self.by_start(want, condition, bound, &column, &kind),
        }
    }

    /// A few pages at a time: so the server reads just those, and no batch can become large by a wrong estimate.
    fn on_pages(
        &mut self,
        want: usize,
        condition: &str,
        bound: &[Bind],
    ) -> Result<Option<Stretch>, StoreError> {
        let (alias, from) = (quoted(&self.bound.frame.own.name), self.bound.from());
        let pages = pages(&self.session, &self.bound)?;
        let mut reach = (want as u64 / 50).clamp(1, MOST_PAGES);
        loop {
            let first = self.cursor.clone().unwrap_or_else(|| "(0,0)".to_owned());
            let page = page_of(&first);
            if page >= pages {
                return Ok(None);
            }
            let past = format!("({},0)", page + reach);
            let number = bound.len();
            let mut bound = bound.to_vec();
            bound.extend([first.clone(), past.clone()].map(Bind::Text));
            let sql = format!(
                "SELECT max(place)::text FROM (SELECT {alias}.ctid AS place FROM {from} \
                 WHERE {alias}.ctid >= ${}::text::tid AND {alias}.ctid < ${}::text::tid AND {condition} \
                 LIMIT {want}) AS few",
                number + 1,
                number + 2,
            );
            let end: Option<String> = self.session.one(&sql, &bound)?.get(0);
            let Some(end) = end else {
                self.cursor = Some(past);
                reach = (reach * 2).min(MOST_PAGES);
                continue;
            };
            let sql = format!(
                "{alias}.ctid >= ${}::text::tid AND {alias}.ctid <= ${}::text::tid",
                number + 1,
                number + 2
            );
            return Ok(Some(Stretch { sql, bound: [first, end.clone()].map(Bind::Text).to_vec(), end }));
        }
    }

    fn by_start(
        &self,
        want: usize,
        condition: &str,
        bound: &[Bind],
        column: &str,
        kind: &str,
    ) -> Result<Option<Stretch>, StoreError> {
        let (alias, from) = (quoted(&self.bound.frame.own.name), self.bound.from());
        let number = bound.len() + 1;
        let mut bound = bound.to_vec();
        let after = match &self.cursor {
            Some(cursor) => {
                bound.push(Bind::Text(cursor.clone()));
                format!(" AND {column} >= ${number}::text::{kind}")
            }
            None => String::new(),
        };
        let sql = format!(
            "SELECT {alias}.ctid::text, {column}::text FROM {from} WHERE {condition}{after} \
             ORDER BY {column} LIMIT {want}"
        );
        let rows = self.session.rows(&sql, &bound)?;
        let Some(last) = rows.last() else { return Ok(None) };
        let end = last.get(1);
        let places: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let sql = format!("{alias}.ctid = ANY(${number}::text[]::tid[])");
        Ok(Some(Stretch { sql, bound: vec![Bind::Texts(places)], end }))
    }
}

/// So many pages are looked at in one question.
const MOST_PAGES: u64 = 8_192;

/// The page of a place such as `(17,4)`.
fn page_of(place: &str) -> u64 {
    place.trim_start_matches('(').split(',').next().and_then(|page| page.parse().ok()).unwrap_or(0)
}
