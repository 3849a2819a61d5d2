//! A store in memory: the plain-reading reference. Every answer comes from reading all rows with
//! [`Predicate::answer`], and a batch is an optimistic transaction: it fails whole if a row has changed meanwhile.

mod table;
mod walk;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::table::MemoryRecord;
use self::table::Table;
use super::api::{
    Capabilities, Counted, Dispose, Group, Inspect, Job, Listed, Page, Row, Scope, StoreError,
    StoreErrorKind, Surveyed, Tally, Total, Walk,
};
use crate::model::batch::{BatchLabel, Fate};
use crate::model::evaluate::World;
use crate::model::ids::BatchId;
use crate::model::key::{Key, KeyForm};
use crate::model::predicate::{Predicate, Reach};
use crate::model::schema::{Column, ColumnKind, Identity, Schema};
use crate::model::start::{Start, StartState};
use crate::model::target::{Target, With};
use crate::model::value::{Field, Fields, Value};
use crate::time::{StartSet, StartValue};

/// A store that lives as long as this value.
pub struct MemoryStore {
    name: String,
    tables: Mutex<Tables>,
}

#[derive(Clone, Default)]
struct Tables {
    by_name: BTreeMap<String, Table>,
    /// The batches that were committed: what a table of marks is for a database.
    batches: HashSet<BatchId>,
}

impl MemoryStore {
    /// An empty store. Two stores of the same name have the same identity.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), tables: Mutex::default() }
    }

    /// Adds an empty collection; key columns may not be NULL, all others may.
    pub fn create(&self, collection: &str, columns: &[(&str, ColumnKind)], key: &[&str]) {
        let columns = columns.iter().map(|(name, kind)| Column {
            name: (*name).to_owned(),
            kind: *kind,
            declared: kind.text().to_owned(),
            nullable: !key.contains(name),
            indexed: key.first() == Some(name),
            unique: key == [*name],
            json: false,
        });
        let table = Table {
            columns: columns.collect(),
            key: key.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        };
        self.lock().by_name.insert(collection.to_owned(), table);
    }

    /// Changes how a column is described, such as to make it required.
    pub fn describe(&self, collection: &str, column: &str, change: impl FnOnce(&mut Column)) {
        let mut tables = self.lock();
        let table = tables.by_name.get_mut(collection).expect("a test describes what it created");
        change(table.columns.iter_mut().find(|one| one.name == column).expect("the column was created"));
    }

    /// Adds a row with its values in the order of the columns; one with the same key is replaced.
    pub fn put(&self, collection: &str, row: Vec<Value>) {
        let mut tables = self.lock();
        let table = tables.by_name.get_mut(collection).expect("a test fills what it created");
        let key = table.key_of(&table.key, &row).expect("a test gives whole numbers, texts or bytes as key");
        table.remove(&key);
        table.rows.push(row);
    }

    /// Takes a row away as somebody else would.
    pub fn remove(&self, collection: &str, key: &Key) {
        let mut tables = self.lock();
        let table = tables.by_name.get_mut(collection).expect("a test empties what it created");
        table.remove(key);
    }

    /// All rows of a collection, in the order in which they were put.
    pub fn rows(&self, collection: &str) -> Vec<Vec<Value>> {
        self.lock().by_name.get(collection).map(|table| table.rows.clone()).unwrap_or_default()
    }

    /// A panic elsewhere leaves the tables whole, because a batch is put in place by one assignment.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `see` for every record for which the predicate is true, in key order.
    fn each(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        mut see: impl FnMut(&MemoryRecord),
    ) -> Result<(), StoreError> {
        let tables = self.lock();
        for record in tables.records(&scope.target)? {
            if tables.answer(&record, scope, predicate) == Some(true) {
                see(&record);
            }
        }
        Ok(())
    }
}

impl Tables {
    fn table(&self, name: &str) -> Result<&Table, StoreError> {
        self.by_name.get(name).ok_or_else(|| self.unknown_collection(name))
    }

    fn unknown_collection(&self, name: &str) -> StoreError {
        let error = StoreError::new(
            StoreErrorKind::NotFound,
            format!("collection `{name}`"),
            "the store has no such collection",
        );
        let distance = |other: &&String| strsim::damerau_levenshtein(other, name);
        match self.by_name.keys().min_by_key(distance) {
            Some(nearest) => error.with_help(format!("Did you mean `{nearest}`?")),
            None => error.with_help("The store has no collections at all"),
        }
    }

    /// The records of a target with their linked rows, in key order.
    fn records(&self, target: &Target) -> Result<Vec<MemoryRecord>, StoreError> {
        let table = self.table(&target.collection)?;
        let key = table.key_for(target);
        let mut records = Vec::with_capacity(table.rows.len());
        for row in &table.rows {
            let mut record = table.record(row, table.key_of(key, row)?);
            for link in &target.links {
                let other = self.table(&link.collection)?;
                let by = record.get(&Field::own(link.by.as_str())).unwrap_or(Value::Null);
                record.add_link(&link.name, other, other.find(link.key.as_deref(), &by)?);
            }
            records.push(record);
        }
        records.sort_by_key(Fields::key);
        Ok(records)
    }

    fn answer(&self, record: &MemoryRecord, scope: &Scope, predicate: &Predicate) -> Option<bool> {
        let reached = |reach: &Reach| self.is_reached(record, reach);
        predicate.answer(record, &World { events: &scope.events, reached: &reached })
    }

    fn is_reached(&self, record: &MemoryRecord, reach: &Reach) -> bool {
        let Some(value) = record.get(&Field::own(reach.key.as_str())) else { return false };
        self.by_name.get(&reach.collection).is_some_and(|table| !table.refer(&reach.by, &value).is_empty())
    }

    fn schema(&self, target: &Target) -> Result<Schema, StoreError> {
        let table = self.table(&target.collection)?;
        let mut linked = Vec::new();
        for link in &target.links {
            table.has(&target.collection, &link.by)?;
            linked.push((link.name.clone(), self.table(&link.collection)?.columns.clone()));
        }
        for with in target.with.iter().filter(|with| with.store.is_none()) {
            let by = with.by.as_deref().unwrap_or_default();
            self.table(&with.collection)?.has(&with.collection, by)?;
        }
        for column in target.key.iter().flatten() {
            table.has(&target.collection, column)?;
        }
        Ok(Schema {
            collection: target.collection.clone(),
            columns: table.columns.clone(),
            key: table.key_for(target).clone(),
            key_form: KeyForm::Columns,
            fingerprint: format!("{:?} {:?}", table.columns, linked),
            linked,
            side_effects: Vec::new(),
            referenced_by: Vec::new(),
            partitioned_by: None,
            warnings: Vec::new(),
            marker: Some("batches".to_owned()),
        })
    }
}

impl Inspect for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { transactional: true, changes_fields: true, links: true, key_form: KeyForm::Columns }
    }

    fn identity(&self) -> Result<Identity, StoreError> {
        Ok(Identity { parts: vec![("name".to_owned(), self.name.clone())] })
    }

    fn collections(&self) -> Result<Vec<Listed>, StoreError> {
        let tables = self.lock();
        let store = crate::model::ids::StoreName::new(self.name.as_str());
        let list = |(name, table): (&String, &Table)| {
            Ok(Listed {
                schema: tables.schema(&Target::new(store.clone(), name.as_str()))?,
                total: Some(Total { count: table.rows.len() as u64, exact: true }),
                extremes: table.extremes(),
                unread: None,
            })
        };
        tables.by_name.iter().map(list).collect()
    }

    fn probe(&self, target: &Target) -> Result<Schema, StoreError> {
        self.lock().schema(target)
    }

    fn total(&self, target: &Target) -> Result<Total, StoreError> {
        let count = self.lock().table(&target.collection)?.rows.len() as u64;
        Ok(Total { count, exact: true })
    }

    fn count(&self, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
        let tallies: Result<Vec<Tally>, StoreError> =
            groups.iter().map(|group| self.tally(scope, group)).collect();
        Ok(Counted { tallies: tallies?, ..Counted::default() })
    }

    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError> {
        let mut counts = vec![0; sets.len()];
        self.each(scope, predicate, |record| {
            let Some(value) = start.read_known(record, &scope.events) else { return };
            for (count, set) in counts.iter_mut().zip(sets) {
                *count += u64::from(set.contains(value));
            }
        })?;
        Ok(Surveyed { counts, gaps: Vec::new() })
    }

    fn finds_by_start(&self, _: &Scope, _: &Predicate, _: &Arc<Start>) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn orphans(&self, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
        let tables = self.lock();
        let records = tables.table(&target.collection)?;
        let count = |with: &With| {
            let (Some(by), [key]) = (&with.by, records.key_for(target).as_slice()) else { return Ok(None) };
            let table = tables.table(&with.collection)?;
            let place = table.has(&with.collection, by)?;
            let belongs = |value: &Value| value.is_null() || !records.refer(key, value).is_empty();
            Ok(Some(table.rows.iter().filter(|row| !belongs(&row[place])).count() as u64))
        };
        target.with.iter().map(|with| if with.store.is_none() { count(with) } else { Ok(None) }).collect()
    }

    fn scan(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let mut page = Page::default();
        self.each(scope, predicate, |record| {
            let key = record.key();
            if after.is_some_and(|after| key <= *after) {
                return;
            }
            if page.rows.len() < limit {
                page.rows.push(Row { key, fields: Box::new(record.clone()) });
            } else {
                page.more = true;
            }
        })?;
        Ok(page)
    }

    fn read(&self, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError> {
        let found = self.lock().records(&scope.target)?.into_iter().find(|record| record.key() == *key);
        Ok(found.map(|record| Row { key: key.clone(), fields: Box::new(record) }))
    }
}

impl MemoryStore {
    fn tally(&self, scope: &Scope, group: &Group) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        let mut found: Vec<(Option<StartValue>, Key)> = Vec::new();
        self.each(scope, &group.predicate, |record| {
            tally.count += 1;
            let state = group.start.as_ref().map(|start| start.read(record, &scope.events, scope.now));
            let known = match state {
                Some(StartState::Known(value)) => Some(value),
                _ => None,
            };
            found.push((known, record.key()));
        })?;
        let place = |value: StartValue| group.start.as_ref().map(|start| start.instant_of(value));
        found.sort_by_key(|(known, key)| (known.is_none(), known.map(place), key.clone()));
        let mut known = found.iter().filter_map(|(known, _)| *known);
        tally.oldest = known.next();
        tally.newest = known.next_back().or(tally.oldest);
        tally.samples = found.into_iter().take(group.samples).map(|(_, key)| key).collect();
        Ok(tally)
    }
}

impl Dispose for MemoryStore {
    fn inspect(&self) -> &dyn Inspect {
        self
    }

    fn adopt(&self, target: &Target) -> Result<Identity, StoreError> {
        self.lock().table(&target.collection)?;
        self.identity()
    }

    fn walk<'a>(&'a self, job: Job) -> Result<Box<dyn Walk + 'a>, StoreError> {
        if job.aggregate.is_some() {
            return Err(crate::adapter::api::cannot_aggregate(&job.scope.target));
        }
        Ok(Box::new(walk::MemoryWalk::begin(self, job)?))
    }

    fn resolve(&self, label: &BatchLabel, _: &Target, _: &[u8]) -> Result<Fate, StoreError> {
        Ok(if self.lock().batches.contains(&label.batch) { Fate::Done } else { Fate::NotDone })
    }

    fn settle(&self, _: &Target) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
