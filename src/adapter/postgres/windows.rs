//! Windows of starts with about equally many records that go in each: the places of a walk by the index.
//!
//! Where little is due, its rows lie anywhere, and the index leads to them. To delete one window is one statement that
//! the server begins with a scan of the index, so that it comes to each page once, in the order in which they lie.

use super::advice;
use super::dialect::Question;
use super::schema::Bound;
use super::session::Session;
use super::value::Bind;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::ahead::Places;

/// So many records that go are in a window, unless several have the same start or there would be too many windows.
pub(super) const RECORDS: u64 = 100;

/// The most records in a window: of more with the same start, a batch would become too large.
pub(super) const MOST: u64 = 50 * RECORDS;

/// The most windows: each end is remembered.
const WINDOWS: u64 = 20_000;

/// Windows of the starts of a table. All together hold every start there is.
#[derive(Debug)]
pub(super) struct Windows {
    column: String,
    kind: String,
    /// The last start in each, as the server writes it; of the last window there is none.
    ends: Vec<String>,
}

impl Windows {
    /// Divides what goes now; `None` where too many records have the same start, or where the server takes too long to
    /// find all of them: then they are found a few at a time.
    pub(super) fn divide(
        session: &Session,
        bound: &Bound,
        question: &Question,
        (column, kind): (&str, &str),
        due: u64,
    ) -> Result<Option<Self>, StoreError> {
        let each = RECORDS.max(due / WINDOWS);
        let sql = format!(
            "SELECT start::text FROM (SELECT {column} AS start, row_number() OVER (ORDER BY {column}) AS place \
             FROM {} WHERE {}) AS numbered WHERE place % {each} = 0 ORDER BY place",
            bound.from(),
            question.sql
        );
        let mut ends: Vec<String> = Vec::new();
        let (mut same, mut most) = (0, 0);
        advice::spare_processors(session)?;
        let found = session.each(&sql, &question.bound, |row| {
            let end: String = row.get(0);
            if ends.last() != Some(&end) {
                ends.push(end);
                same = 0;
            }
            same += each;
            most = most.max(same);
            Ok(())
        });
        match found {
            Err(error) if error.kind == StoreErrorKind::Busy => return Ok(None),
            found => found?,
        }
        if most >= MOST {
            return Ok(None);
        }
        Ok(Some(Self { column: column.to_owned(), kind: kind.to_owned(), ends }))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.ends.len() as u64 + 1
    }

    /// The condition that the starts in these windows meet, with what it binds behind so many others.
    pub(super) fn within(&self, places: &Places, bound: usize) -> (String, Vec<Bind>) {
        let end = |place: u64| self.ends.get(usize::try_from(place).unwrap_or(usize::MAX)).cloned();
        let before = places.start.checked_sub(1).and_then(end).map(|end| (">", end));
        let last = places.end.checked_sub(1).and_then(end).map(|end| ("<=", end));
        let (mut sql, mut binds) = (vec!["true".to_owned()], Vec::new());
        for (compared, end) in before.into_iter().chain(last) {
            binds.push(Bind::Text(end));
            sql.push(format!("{} {compared} ${}::text::{}", self.column, bound + binds.len(), self.kind));
        }
        (sql.join(" AND "), binds)
    }
}
