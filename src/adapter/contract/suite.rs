//! A filled fixture, the questions that cases put to it, and the answers that memory gives.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::{At, Can, Content, Fixture, Parent, Record};
use crate::adapter::api::{Act, Dispose, Group, Job, Prepared, Scope, StoreError, Tally, Walk};
use crate::model::batch::{Applied, BatchLabel, Fate};
use crate::model::evaluate::World;
use crate::model::ids::{BatchId, PolicyId, RunId};
use crate::model::key::{Key, KeyForm};
use crate::model::predicate::{Comparison, Operand, Predicate, Reach, StartIs};
use crate::model::start::{Start, StartState};
use crate::model::target::Target;
use crate::model::value::{Field, Fields, Value};
use crate::time::{Instant, StartSet, StartValue};

/// How a case gets a new fixture.
pub type Make<'a> = &'a dyn Fn() -> Box<dyn Fixture>;

/// The instant at which all cases happen.
pub fn now() -> Instant {
    instant("2026-11-01T12:00:00Z")
}

/// An instant from its RFC 3339 text.
pub fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

/// A record with a word and the number of its id.
pub fn record(id: u32, at: &str, word: &str) -> Record {
    let at = At::Instant(instant(at));
    Record { id, at, word: Some(word.to_owned()), number: Some(id.into()), parent: None }
}

/// Records on every edge; five of them, if the storage can hold all, are due by [`due`].
pub fn edges(can: Can) -> Content {
    let odd = |id, at| Record { at, ..record(id, "2026-01-01T00:00:00Z", "alpha") };
    let mut records = vec![
        record(1, "2026-01-01T10:00:00Z", "alpha"),
        record(2, "2026-02-01T10:00:00Z", "beta"),
        record(3, "2026-10-01T12:00:00Z", "alpha"),
        record(4, "2026-10-01T12:00:01Z", "alpha"),
        record(5, "2026-11-01T12:00:00Z", "beta"),
        record(6, "2026-11-02T12:00:00Z", "alpha"),
        record(7, "1989-06-01T00:00:00Z", "alpha"),
        record(8, "2026-11-02T12:00:01Z", "beta"),
    ];
    if can.empty_start {
        records.push(odd(9, At::Empty));
    }
    if can.garbage_start {
        records.push(odd(10, At::Garbage));
    }
    let mut unnamed = record(11, "2025-01-01T00:00:00Z", "alpha");
    let mut uncounted = record(12, "2024-01-01T00:00:00Z", "Alpha");
    if can.nulls {
        (unnamed.word, uncounted.number) = (None, None);
    }
    records.extend([unnamed, uncounted]);
    Content { records, ..Content::default() }
}

/// Every start up to 1 October noon.
pub fn due() -> StartSet {
    up_to("2026-10-01T12:00:00Z")
}

/// Every start up to an instant.
pub fn up_to(text: &str) -> StartSet {
    let last = instant(text);
    StartSet { instants: vec![(None, last)], dates_through: last.date_naive().pred_opt() }
}

/// A filled fixture with one binding.
pub struct Suite {
    /// The storage.
    pub fixture: Box<dyn Fixture>,
    /// What was put there.
    pub content: Content,
    /// The binding and the events.
    pub scope: Scope,
    /// How starts are read.
    pub start: Arc<Start>,
}

impl Suite {
    /// A new fixture with this content, not adopted yet.
    pub fn new(make: Make<'_>, content: impl FnOnce(Can) -> Content) -> Self {
        Self::bound(make, content, |_, _| {})
    }

    /// The same, with links or companions in the binding.
    pub fn bound(
        make: Make<'_>,
        content: impl FnOnce(Can) -> Content,
        bind: impl FnOnce(&dyn Fixture, &mut Target),
    ) -> Self {
        let mut fixture = make();
        let content = content(fixture.can());
        fixture.fill(&content);
        let mut target = fixture.target();
        bind(fixture.as_ref(), &mut target);
        let scope = Scope { target: Arc::new(target), events: Arc::default(), now: now() };
        let start = Arc::new(fixture.start());
        Self { fixture, content, scope, start }
    }

    /// A new fixture on every edge, adopted.
    pub fn adopted(make: Make<'_>) -> Self {
        let suite = Self::new(make, edges);
        suite.store().adopt(&suite.scope.target).unwrap();
        suite
    }

    /// Adds an event to what is known.
    pub fn record_event(&mut self, name: &str, key: &str) {
        Arc::make_mut(&mut self.scope.events).record(name, key, now());
    }

    /// The adapter.
    pub fn store(&self) -> &dyn Dispose {
        self.fixture.store()
    }

    /// The word's or another own column as a field.
    pub fn word(&self) -> Field {
        Field::own(self.fixture.names().word)
    }

    /// The number's field.
    pub fn number(&self) -> Field {
        Field::own(self.fixture.names().number)
    }

    /// The word is this one.
    pub fn word_is(&self, word: &str) -> Predicate {
        let with = Operand::Value(Value::Text(word.to_owned()));
        Predicate::Compare { field: self.word(), op: Comparison::Equal, with }
    }

    /// The start lies in the set.
    pub fn starts_in(&self, set: StartSet) -> Predicate {
        Predicate::Start { start: Arc::clone(&self.start), is: StartIs::In(set) }
    }

    /// One group without samples.
    pub fn group(&self, predicate: Predicate) -> Group {
        Group { predicate, start: Some(Arc::clone(&self.start)), samples: 0 }
    }

    /// Counts one predicate through the adapter.
    pub fn tally(&self, predicate: &Predicate) -> Tally {
        let counted = self.store().count(&self.scope, &[self.group(predicate.clone())]).unwrap();
        assert_eq!(counted.gaps, [], "a healthy store has no gaps");
        counted.tallies.into_iter().next().unwrap()
    }

    /// The ids for which memory says that the predicate is true, of those that were stored.
    pub fn expected(&self, predicate: &Predicate) -> BTreeSet<u32> {
        let holds = |record: &&Record| self.answer(predicate, record) == Some(true);
        self.content.records.iter().filter(holds).map(|record| record.id).collect()
    }

    /// What memory answers for one record.
    pub fn answer(&self, predicate: &Predicate, record: &Record) -> Option<bool> {
        let refers = |_: &Reach| self.content.children.iter().any(|child| child.of == record.id);
        predicate.answer(&self.seen(record), &World { events: &self.scope.events, reached: &refers })
    }

    /// The known start of a record.
    pub fn known(&self, record: &Record) -> Option<StartValue> {
        match self.start.read(&self.seen(record), &self.scope.events, self.scope.now) {
            StartState::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The record as a predicate sees it.
    pub fn seen(&self, record: &Record) -> Seen {
        let parent = self.content.parents.iter().find(|parent| Some(parent.id) == record.parent);
        let mut fields = self.columns(record.at, record.word.as_ref(), None);
        fields.insert(self.number(), record.number.map_or(Value::Null, Value::Int));
        if let (Some(link), Some(Parent { at, word, .. })) = (self.fixture.link(), parent) {
            fields.extend(self.columns(*at, word.as_ref(), Some(&link.name)));
        }
        Seen { fields, key: self.fixture.key(record), form: self.store().capabilities().key_form }
    }

    fn columns(&self, at: At, word: Option<&String>, link: Option<&str>) -> BTreeMap<Field, Value> {
        let field = |column: String| Field { link: link.map(str::to_owned), column };
        let start = self.fixture.start();
        let column = start.single_field().expect("a fixture's start stands in one field").column.clone();
        let word = word.map_or(Value::Null, |word| Value::Text(word.clone()));
        BTreeMap::from([(field(column), self.fixture.at(at)), (field(self.fixture.names().word), word)])
    }

    /// The stored record with this id.
    pub fn stored(&self, id: u32) -> &Record {
        self.content.records.iter().find(|record| record.id == id).expect("the case stored it")
    }

    /// The ids of all records that were stored.
    pub fn all(&self) -> BTreeSet<u32> {
        self.content.records.iter().map(|record| record.id).collect()
    }

    /// The ids that are there now.
    pub fn left(&self) -> BTreeSet<u32> {
        self.fixture.left().iter().map(|record| record.id).collect()
    }

    /// The ids of keys.
    pub fn ids<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Vec<u32> {
        let by_key: BTreeMap<Key, u32> =
            self.content.records.iter().map(|record| (self.fixture.key(record), record.id)).collect();
        keys.into_iter().map(|key| *by_key.get(key).expect("no key appears that was never stored")).collect()
    }

    /// A deletion of everything that is due and for which the predicate holds.
    pub fn deletion(&self, predicate: Predicate) -> Job {
        self.job(predicate, due(), Act::Delete)
    }

    /// A job for the starts in `due`.
    pub fn job(&self, predicate: Predicate, due: StartSet, act: Act) -> Job {
        let predicate = predicate.and(self.starts_in(due.clone()));
        let expected = self.expected(&predicate).len() as u64;
        Job {
            scope: self.scope.clone(),
            predicate,
            start: Arc::clone(&self.start),
            due,
            act,
            aggregate: None,
            expected,
        }
    }

    /// The label of a new batch.
    pub fn label(&self) -> BatchLabel {
        BatchLabel {
            batch: BatchId::at(now()),
            run: RunId::at(now()),
            policy: PolicyId::new("contract"),
            store: self.scope.target.store.clone(),
            collection: self.scope.target.collection.clone(),
            class: None,
            stage: 1,
            action: "delete".to_owned(),
        }
    }

    /// Prepares the next batch with records in it and hands it over; `None` at the end of the walk. An empty batch is
    /// taken back, as the engine does, and may not come again.
    pub fn next<R>(
        &self,
        walk: &mut dyn Walk,
        label: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
        act: impl FnOnce(Box<dyn Prepared + '_>) -> R,
    ) -> Result<Option<R>, StoreError> {
        for _ in 0..1000 {
            let Some(batch) = walk.prepare(label, want, without)? else { return Ok(None) };
            if !batch.records().is_empty() {
                return Ok(Some(act(batch)));
            }
            batch.abort()?;
        }
        panic!("the walk does not end");
    }

    /// Prepares a batch of everything that is due and hands it over.
    pub fn first<R>(&self, walk: &mut dyn Walk, act: impl FnOnce(Box<dyn Prepared + '_>) -> R) -> R {
        self.next(walk, &self.label(), 100, &HashSet::new(), act).unwrap().expect("records are due")
    }

    /// Commits batch after batch to the end of a walk.
    pub fn finish(
        &self,
        walk: &mut dyn Walk,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Done, StoreError> {
        let mut done = Done::default();
        while let Some((ids, applied)) = self
            .next(walk, &self.label(), want, without, |batch| (self.ids(batch.records()), batch.commit()))?
        {
            let applied = applied?;
            done.batches.push(ids);
            done.applied.done += applied.done;
            done.applied.skipped.extend(applied.skipped);
            done.applied.failed.extend(applied.failed);
            assert!(done.batches.len() < 1000, "the walk does not end");
        }
        assert_eq!(walk.gaps(), [], "a healthy store has no gaps");
        Ok(done)
    }

    /// Carries a job out to its end.
    pub fn carry_out(&self, job: Job, want: usize) -> Result<Done, StoreError> {
        let mut walk = self.store().walk(job)?;
        self.finish(walk.as_mut(), want, &HashSet::new())
    }
}

/// What a walk did.
#[derive(Debug, Default)]
pub struct Done {
    /// The ids of each batch.
    pub batches: Vec<Vec<u32>>,
    /// The sum of all batches.
    pub applied: Applied,
}

impl Done {
    /// The ids of all batches; panics where one comes twice.
    pub fn ids(&self) -> BTreeSet<u32> {
        let mut ids = BTreeSet::new();
        for id in self.batches.iter().flatten() {
            assert!(ids.insert(*id), "record {id} came twice");
        }
        ids
    }
}

/// How many records of a batch of `size` the fate says are done.
pub fn done_by(fate: &Fate, size: usize) -> u64 {
    match fate {
        Fate::Done => size as u64,
        Fate::NotDone => 0,
        Fate::Each(applied) => applied.done,
    }
}

/// Says loudly that a case proves nothing for this store.
#[expect(clippy::print_stderr, reason = "a skipped case has to be seen in the test's output")]
pub fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// A record as memory sees it.
#[derive(Debug)]
pub struct Seen {
    fields: BTreeMap<Field, Value>,
    key: Key,
    form: KeyForm,
}

impl Fields for Seen {
    fn get(&self, field: &Field) -> Option<Value> {
        self.fields.get(field).cloned()
    }

    fn key(&self) -> Key {
        self.key.clone()
    }

    fn event_key(&self) -> String {
        self.key.text(self.form)
    }
}
