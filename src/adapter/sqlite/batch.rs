//! One batch: a transaction that is open until the intent is durable, and never spans more than its own records.

use super::statements::{changed, check_starts, delete_companions, keys_of, sorted, starts, strike, table};
use super::strike::{Next, Strike};
use super::telling::Telling;
use super::walk::SqliteWalk;
use crate::adapter::api::{Act, Basis, Prepared, StoreError};
use crate::adapter::sql::unfit;
use crate::model::batch::{Applied, BatchLabel};
use crate::model::ids::{BatchId, PolicyId};
use crate::model::key::Key;

/// A batch whose changes are made and not committed.
#[derive(Debug)]
pub(super) struct Frozen<'a> {
    walk: &'a mut SqliteWalk,
    batch: BatchId,
    strike: Option<Strike>,
    records: Vec<Key>,
    /// So many of the records were struck; the others, behind them, hold what a method cannot work on.
    struck: usize,
    companions: Vec<(String, Vec<Key>)>,
    /// What comes after it, once it is committed.
    next: Next,
}

impl<'a> Frozen<'a> {
    /// Opens the transaction and does everything but commit.
    pub(super) fn freeze(
        walk: &'a mut SqliteWalk,
        batch: &BatchLabel,
        strike: Strike,
        forget: bool,
        telling: Option<Telling>,
    ) -> Result<Self, StoreError> {
        // IMMEDIATE: the lock is taken now, so that a busy database is noticed before anything was done.
        walk.session.run("BEGIN IMMEDIATE")?;
        let mut frozen = Self {
            walk,
            batch: batch.batch,
            strike: Some(strike),
            records: Vec::new(),
            struck: 0,
            companions: Vec::new(),
            next: Next::Unknown,
        };
        // From here on an error drops `frozen`, which takes everything back.
        frozen.walk.check_schema()?;
        frozen.act(&batch.policy)?;
        frozen.walk.session.mark(&frozen.batch, frozen.walk.settled.as_ref())?;
        if forget {
            frozen.walk.session.forget_old_marks(frozen.walk.job.scope.now)?;
        }
        if let Some(telling) = telling {
            frozen.look_ahead(telling)?;
        }
        Ok(frozen)
    }

    /// Finds the batch after this one already now: what can be known of it early is worked on while this one is
    /// written down and committed.
    fn look_ahead(&mut self, telling: Telling) -> Result<(), StoreError> {
        if let Some(strike) = &self.strike {
            self.next = self.walk.strike_after(Some(&strike.cursor()), telling.want, Some(telling))?;
        }
        Ok(())
    }

    fn act(&mut self, policy: &PolicyId) -> Result<(), StoreError> {
        let walk = &*self.walk;
        let mut values = walk.values.clone();
        let place = self
            .strike
            .as_ref()
            .map(|strike| strike.condition(&walk.handle(), &mut values))
            .expect("a batch that is not committed has its place");
        let whole = format!("{place} AND {}", walk.condition());

        let before = match walk.job.act {
            Act::Change(_) => Some(starts(walk, &whole, &values)?),
            Act::Delete => None,
        };
        let mut announced = None;
        if !walk.companions.is_empty() {
            announced = Some(keys_of(walk, &whole, &values)?);
            for follower in &walk.companions {
                let gone = delete_companions(walk, follower, &whole, &values)?;
                self.companions.push((follower.collection.clone(), gone));
            }
        }
        let unfit = match &walk.verb.works {
            Some(works) => keys_of(walk, &format!("{whole} AND NOT ({works})"), &values)?,
            None => Vec::new(),
        };
        let counted = match &walk.counting {
            Some(counting) => Some((counting, counting.read(walk, &table(walk), &whole, &values)?)),
            None => None,
        };
        self.records = strike(walk, &whole, &values)?;
        self.struck = self.records.len();
        if let Some((counting, counted)) = counted {
            if counted.records() != self.struck {
                return Err(changed(walk, "the statement touched other records than were counted"));
            }
            counting.write(&walk.session, policy, counted)?;
        }
        self.records.extend(unfit);
        if announced.is_some_and(|announced| sorted(announced) != sorted(self.records.clone())) {
            return Err(changed(walk, "rows that go with a record decide whether it goes")
                .with_help("Take their table out of the policy's conditions"));
        }
        if let Some(before) = before {
            let after = starts(walk, &place, &values)?;
            check_starts(walk, &before, &after)?;
        }
        Ok(())
    }
}

impl Prepared for Frozen<'_> {
    fn records(&self) -> &[Key] {
        &self.records
    }

    fn companions(&self) -> Vec<(String, Vec<Key>)> {
        self.companions.clone()
    }

    fn spool(&self) -> Vec<u8> {
        unfit::encode(self.struck, &self.records)
    }

    fn basis(&self) -> Basis {
        Basis::Marked
    }

    fn commit(mut self: Box<Self>) -> Result<Applied, StoreError> {
        // After an error, dropping takes back what was not committed, so that no lock stays; what really became of
        // the batch is for `resolve` to find out.
        self.walk.session.run("COMMIT")?;
        self.walk.settled = Some(self.batch);
        self.walk.cursor = self.strike.take().map(|strike| strike.cursor());
        self.walk.next = std::mem::take(&mut self.next);
        let mut applied = unfit::applied(self.struck, &self.records);
        applied.failed.iter_mut().for_each(|left| left.key = None);
        Ok(applied)
    }

    fn abort(self: Box<Self>) -> Result<(), StoreError> {
        self.walk.session.run("ROLLBACK")
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.walk.session.roll_back();
    }
}
