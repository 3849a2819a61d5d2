//! Batches: chosen and prepared on a copy, put in place in one step.

use std::collections::HashSet;

use super::table::MemoryRecord;
use super::{MemoryStore, Tables};
use crate::adapter::api::{Act, Basis, Gap, Job, Prepared, StoreError, StoreErrorKind, Walk};
use crate::model::action::Change;
use crate::model::batch::{Applied, BatchLabel, Leftover};
use crate::model::ids::BatchId;
use crate::model::key::Key;
use crate::model::value::{Field, Fields, Value};

pub(super) struct MemoryWalk<'a> {
    store: &'a MemoryStore,
    job: Job,
    /// The last key of the last committed batch: the walk never looks back.
    done_to: Option<Key>,
}

impl<'a> MemoryWalk<'a> {
    pub(super) fn begin(store: &'a MemoryStore, job: Job) -> Result<Self, StoreError> {
        let tables = store.lock();
        let target = &job.scope.target;
        let table = tables.table(&target.collection)?;
        if let Act::Change(changes) = &job.act {
            for change in changes {
                let column = &table.columns[table.has(&target.collection, &change.column)?];
                let refuse = |why: String| {
                    let what = format!("column `{}` of `{}`", change.column, target.collection);
                    StoreError::new(StoreErrorKind::Unsupported, what, why)
                        .with_help("Correct the policy and run `forfall check`")
                };
                if table.key_for(target).contains(&change.column) {
                    return Err(refuse("a key is never changed".to_owned()));
                }
                change.method.fits(column).map_err(refuse)?;
            }
        }
        drop(tables);
        Ok(Self { store, job, done_to: None })
    }

    /// The next records for which the whole predicate is true.
    fn next(
        &self,
        tables: &Tables,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Vec<MemoryRecord>, StoreError> {
        let scope = &self.job.scope;
        let is_next = |record: &MemoryRecord| {
            let key = record.key();
            self.done_to.as_ref().is_none_or(|done| key > *done)
                && !without.contains(&key)
                && tables.answer(record, scope, &self.job.predicate) == Some(true)
        };
        Ok(tables.records(&scope.target)?.into_iter().filter(is_next).take(want.max(1)).collect())
    }

    fn change(&self, record: &MemoryRecord, changes: &[Change]) -> Result<Step, StoreError> {
        let scope = &self.job.scope;
        let mut after = record.clone();
        for change in changes {
            let value = after.get(&Field::own(change.column.as_str())).unwrap_or(Value::Null);
            match change.method.apply(&value) {
                Ok(value) => after = after.with(&change.column, value),
                Err(error) => return Ok(Step::Fail(error.to_string())),
            }
        }
        let start = |record: &MemoryRecord| self.job.start.read(record, &scope.events, scope.now);
        if start(record) != start(&after) {
            return Err(StoreError::new(
                StoreErrorKind::Changed,
                format!("batch in `{}`", scope.target.collection),
                "changing the fields would change the start",
            )
            .with_help("Leave the start's fields out of the stage"));
        }
        Ok(Step::Put(after.values()))
    }

    /// The rows of other collections that go with a record.
    fn companions(&self, tables: &Tables, records: &[MemoryRecord]) -> Result<Vec<Companions>, StoreError> {
        let target = &self.job.scope.target;
        if self.job.act != Act::Delete {
            return Ok(Vec::new());
        }
        let own =
            target.with.iter().filter(|with| with.store.as_ref().is_none_or(|store| *store == target.store));
        own.map(|with| {
            let refuse = |why: &str| {
                StoreError::new(StoreErrorKind::Unsupported, format!("`{}`", with.collection), why)
                    .with_help("Name one column under `by` in `[[data.with]]`")
            };
            let by = with.by.as_deref().ok_or_else(|| refuse("a pattern of paths is for files"))?;
            let [key] = tables.table(&target.collection)?.key_for(target).as_slice() else {
                return Err(refuse("the record's key has several columns"));
            };
            let table = tables.table(&with.collection)?;
            let mut rows = Vec::new();
            for record in records {
                let value = record.get(&Field::own(key.as_str())).unwrap_or(Value::Null);
                for row in table.refer(by, &value) {
                    rows.push((table.key_of(&table.key, row)?, row.clone()));
                }
            }
            Ok(Companions { collection: with.collection.clone(), rows })
        })
        .collect()
    }
}

impl Walk for MemoryWalk<'_> {
    fn prepare<'a>(
        &'a mut self,
        batch: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Option<Box<dyn Prepared + 'a>>, StoreError> {
        let tables = self.store.lock();
        let records = self.next(&tables, want, without)?;
        if records.is_empty() {
            return Ok(None);
        }
        let step = |record: &MemoryRecord| match &self.job.act {
            Act::Delete => Ok(Step::Remove),
            Act::Change(changes) => self.change(record, changes),
        };
        let steps = records.iter().map(step).collect::<Result<Vec<_>, _>>()?;
        let companions = self.companions(&tables, &records)?;
        drop(tables);
        let keys = records.iter().map(Fields::key).collect();
        let batch = batch.batch;
        Ok(Some(Box::new(MemoryBatch { walk: self, batch, keys, records, steps, companions })))
    }

    fn gaps(&self) -> Vec<Gap> {
        Vec::new()
    }
}

/// What becomes of one record.
enum Step {
    Remove,
    Put(Vec<Value>),
    /// A method cannot work on a value: the record stays as it is.
    Fail(String),
}

struct Companions {
    collection: String,
    rows: Vec<(Key, Vec<Value>)>,
}

struct MemoryBatch<'a, 'store> {
    walk: &'a mut MemoryWalk<'store>,
    batch: BatchId,
    keys: Vec<Key>,
    /// The records as they were read.
    records: Vec<MemoryRecord>,
    steps: Vec<Step>,
    companions: Vec<Companions>,
}

impl MemoryBatch<'_, '_> {
    fn changed(&self) -> StoreError {
        let collection = &self.walk.job.scope.target.collection;
        StoreError::new(
            StoreErrorKind::Changed,
            format!("batch in `{collection}`"),
            "records changed between the batch's preparation and its commit",
        )
        .with_help("Nothing was done; the next run looks at them again")
    }

    /// Takes a row as it was read out of its collection; `None` if it is no longer there like that.
    fn take(tables: &mut Tables, collection: &str, row: &[Value]) -> Option<usize> {
        let rows = &mut tables.by_name.get_mut(collection)?.rows;
        let place = rows.iter().position(|other| other == row)?;
        rows.remove(place);
        Some(place)
    }
}

impl Prepared for MemoryBatch<'_, '_> {
    fn records(&self) -> &[Key] {
        &self.keys
    }

    fn companions(&self) -> Vec<(String, Vec<Key>)> {
        let keys = |rows: &[(Key, Vec<Value>)]| rows.iter().map(|(key, _)| key.clone()).collect();
        self.companions.iter().map(|with| (with.collection.clone(), keys(&with.rows))).collect()
    }

    fn spool(&self) -> Vec<u8> {
        Vec::new()
    }

    fn basis(&self) -> Basis {
        Basis::Marked
    }

    fn commit(self: Box<Self>) -> Result<Applied, StoreError> {
        let mut tables = self.walk.store.lock();
        let mut after = tables.clone();
        let collection = &self.walk.job.scope.target.collection;
        for with in &self.companions {
            for (_, row) in &with.rows {
                Self::take(&mut after, &with.collection, row).ok_or_else(|| self.changed())?;
            }
        }
        let mut applied = Applied::default();
        for (place, (record, step)) in self.records.iter().zip(&self.steps).enumerate() {
            if let Step::Fail(reason) = step {
                applied.failed.push(Leftover { place, reason: reason.clone(), key: None });
                continue;
            }
            let at = Self::take(&mut after, collection, &record.values()).ok_or_else(|| self.changed())?;
            if let Step::Put(row) = step {
                let table = after.by_name.get_mut(collection).ok_or_else(|| self.changed())?;
                table.rows.insert(at, row.clone());
            }
            applied.done += 1;
        }
        after.batches.insert(self.batch);
        *tables = after;
        drop(tables);
        self.walk.done_to = self.keys.last().cloned();
        Ok(applied)
    }

    fn abort(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
