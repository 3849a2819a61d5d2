//! Deleting much: a range of whole-number keys in one transaction, and in one statement unless others are at work.

use std::ops::Range;
use std::sync::Arc;

use super::dialect::Question;
use super::fate::Spool;
use super::rows::key_of;
use super::schema::Bound;
use super::session::Session;
use super::value::{self, Bind};
use super::walk::{Others, require_same_tables};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::ahead::{
    Ahead, Coming, GENTLE_REST, Hand, Places, Sharing, Size, Struck, Telling, View,
};
use crate::model::ids::BatchId;
use crate::model::schema::ColumnKind;
use crate::model::target::Target;

/// What goes, and what that binds.
pub(super) type Asked = (String, Vec<Bind>);

/// Beside others, so many records go at once: whoever commits meanwhile waits until their log is on the disk as well.
const GENTLE_STEP: usize = 100;

/// A view of the tables as they are now: the server's purge leaves alone what was deleted since.
/// The server itself ends it where a batch takes too long.
const OF_VIEW: [&str; 2] =
    ["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET SESSION idle_transaction_timeout = 60"];
const VIEW: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// Workers for a table whose key is one whole number by which its rows lie; `None` for any other, or an empty one.
pub(super) fn workers(
    session: &Session,
    bound: &Bound,
    (target, fingerprint): (&Arc<Target>, &str),
    due: u64,
    Others { parallel, more, .. }: Others<'_>,
) -> Result<Option<Ahead<Asked>>, StoreError> {
    if bound.key != [ColumnKind::Int] || bound.frame.own.key != bound.entry.key {
        return Ok(None);
    }
    let key = bound.key_list();
    let ends: Vec<(Option<i64>, Option<i64>)> =
        session.asked(&format!("SELECT MIN({key}), MAX({key}) FROM {}", bound.from()), &[])?;
    let Some((Some(first), Some(last))) = ends.into_iter().next() else { return Ok(None) };
    let size = Size {
        places: last.abs_diff(first).saturating_add(1),
        fullest: 1.0,
        records: bound.entry.estimate.unwrap_or(0).max(due) as f64,
        due,
    };
    let hand = |session: Session| {
        Ok::<_, StoreError>(KeyHand {
            spool: Spool::open(&session)?,
            session,
            bound: bound.clone(),
            target: Arc::clone(target),
            fingerprint: fingerprint.to_owned(),
            first: first.into(),
            settled: None,
        })
    };
    let hands = (0..parallel.max(1)).map(|_| hand(more()?)).collect::<Result<Vec<_>, _>>()?;
    // Where the server gives no more connections, it goes without.
    let view = more().ok().filter(|session| OF_VIEW.iter().all(|sql| session.run(sql).is_ok()));
    let view = view.map(|session| View::new(VIEW, move |sql| session.run(sql)));
    Ok(Some(Ahead::new(hands, Sharing::Apart, &size).with_view(view)))
}

/// One connection that deletes stretch by stretch of the key.
struct KeyHand {
    session: Session,
    bound: Bound,
    target: Arc<Target>,
    /// The tables as they were.
    fingerprint: String,
    /// The key at place 0.
    first: i128,
    spool: Spool,
    /// The batch that this connection committed last: when it commits the next, the outcome of this one is written.
    settled: Option<BatchId>,
}

impl KeyHand {
    /// Deletes between these keys what the condition names, `most` records at most; gives the last key if there may be more.
    fn step(
        &self,
        keys: Range<i128>,
        condition: &str,
        bound: &[Bind],
        most: Option<usize>,
        coming: &mut Coming<'_>,
    ) -> Result<Option<i128>, StoreError> {
        let list = self.bound.key_list();
        let most_of_them = most.map(|most| format!(" ORDER BY {list} LIMIT {most}")).unwrap_or_default();
        let sql = format!(
            "DELETE FROM {} WHERE {list} >= {} AND {list} < {} AND {condition}{most_of_them} RETURNING {list}",
            self.bound.from(),
            value::place(bound.len() + 1),
            value::place(bound.len() + 2),
        );
        let ends = [keys.start, keys.end].map(value::end);
        let bound: Vec<_> = bound.iter().cloned().chain(ends).collect();
        let (mut gone, mut last) = (0, None);
        self.session.each(&sql, &bound, |row| {
            gone += 1;
            last = last.max(row.as_ref(0).and_then(value::whole));
            coming.push(key_of(&self.session, row, &self.bound.key)?);
            Ok(())
        })?;
        if Some(gone) != most {
            return Ok(None);
        }
        // Without an end there would be records behind it that nobody looks at.
        let no_number = "a key is no whole number";
        last.map(Some).ok_or_else(|| self.session.trouble(StoreErrorKind::Changed, no_number))
    }
}

impl Hand for KeyHand {
    type Question = Asked;

    fn strike(
        &mut self,
        places: &Places,
        (condition, bound): &Asked,
        gently: bool,
        telling: &Telling,
    ) -> Result<Struck, StoreError> {
        self.session.run("START TRANSACTION READ WRITE")?;
        let mut coming = Coming::new(telling);
        let [mut first, past] = [places.start, places.end].map(|place| self.first + i128::from(place));
        if gently {
            while let Some(last) = self.step(first..past, condition, bound, Some(GENTLE_STEP), &mut coming)? {
                first = last + 1;
                std::thread::sleep(GENTLE_REST);
            }
        } else {
            self.step(first..past, condition, bound, None, &mut coming)?;
        }
        let records = coming.all();
        require_same_tables(&self.session, &self.target, &self.fingerprint)?;
        Ok(Struck { records, spool: self.spool.encode(&[]) })
    }

    fn commit(&mut self, batch: &BatchId) -> Result<(), StoreError> {
        if let Err(error) = self.session.mark(batch, self.settled.as_ref()) {
            // Without its mark nobody could tell later that it was done.
            drop(self.session.run("ROLLBACK"));
            return Err(error);
        }
        self.session.run("COMMIT")?;
        self.settled = Some(*batch);
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), StoreError> {
        self.session.run("ROLLBACK")
    }

    fn settle(&mut self) {
        if let Some(settled) = self.settled.take() {
            // It is pruned after a year in any case; an error here is no reason to call the run incomplete.
            let _ = self.session.unmark(&settled);
        }
    }
}

/// What a question asks, for the workers.
pub(super) fn asked(question: &Question) -> Asked {
    (question.sql.clone(), question.bound.clone())
}
