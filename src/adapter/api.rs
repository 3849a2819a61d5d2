//! The two halves of an adapter. The planner is given only the reading half, which stands here, so that a dry run is dry by
//! type.

mod disposing;

use std::sync::Arc;

pub use disposing::{
    Act, Basis, Dispose, HeadStart, Job, LastLook, Pacing, Part, Prepared, Walk, Wanted, Whole,
};
use thiserror::Error;

use super::recall::Recall;
use crate::model::action::Change;
use crate::model::aggregate::Aggregate;
use crate::model::key::{Key, KeyForm};
use crate::model::predicate::{EventBook, Predicate};
use crate::model::schema::{Identity, Schema};
use crate::model::start::Start;
use crate::model::target::Target;
use crate::model::value::{Fields, Value};
use crate::time::{Instant, StartSet, StartValue};

/// What an adapter can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A batch happens wholly or not at all.
    pub transactional: bool,
    /// Fields can be changed, not only records deleted.
    pub changes_fields: bool,
    /// Records can link to rows of other collections.
    pub links: bool,
    /// How keys are spelled.
    pub key_form: KeyForm,
}

/// A collection with what every question about it needs.
#[derive(Clone, Debug)]
pub struct Scope {
    /// What is bound.
    pub target: Arc<Target>,
    /// The events known now.
    pub events: Arc<EventBook>,
    /// The instant of asking: the same through a whole plan or run.
    pub now: Instant,
}

/// A group of records to be counted.
#[derive(Clone, Debug)]
pub struct Group {
    /// Which records.
    pub predicate: Predicate,
    /// Whose oldest and newest value is asked for; `None` counts only.
    pub start: Option<Arc<Start>>,
    /// How many keys to give as examples, oldest first where that costs nothing.
    pub samples: usize,
}

/// How many, from when to when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Records for which the predicate is true.
    pub count: u64,
    /// The earliest known start among them.
    pub oldest: Option<StartValue>,
    /// The latest known start among them.
    pub newest: Option<StartValue>,
    /// Some of their keys.
    pub samples: Vec<Key>,
}

/// A part of the collection that could not be read. One gap makes a run incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where, without any value of a record.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// The answer to a count: one tally for each group, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// One for each group.
    pub tallies: Vec<Tally>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// Things seen that are no gap but worth telling, such as links that were not followed.
    pub remarks: Vec<String>,
}

/// The answer to a survey: for each set, the records that match and whose start lies in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// Cumulative counts, one for each set.
    pub counts: Vec<u64>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// All records of the collection, as exactly as the store can tell without reading them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub count: u64,
    /// Counted rather than estimated.
    pub exact: bool,
}

/// One page of a scan.
#[derive(Debug, Default)]
pub struct Page {
    /// Records in key order.
    pub rows: Vec<Row>,
    /// Whether more may follow after the last of them.
    pub more: bool,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// One record as read.
#[derive(Debug)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Its fields, with those of linked rows.
    pub fields: Box<dyn Fields + Send>,
}

/// A collection that `store show` lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its schema; without a key, and with the reason among the warnings, where no record of it can be disposed of.
    pub schema: Schema,
    /// How many records; `None` where nobody can tell.
    pub total: Option<Total>,
    /// For each column the smallest and the largest value, where that is cheap to know.
    pub extremes: Vec<Option<(Value, Value)>>,
    /// Why it cannot be read.
    pub unread: Option<String>,
}

/// A table by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// As a policy names it.
    pub name: String,
    /// Why it cannot be read; a store that hides such tables gives none.
    pub unread: Option<String>,
}

impl Outline {
    /// Tables that can all be read.
    pub fn of_tables(names: Vec<String>) -> Self {
        Self::Collections(names.into_iter().map(|name| Named { name, unread: None }).collect())
    }
}

/// What a store has at its top: what each policy, or nobody, is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// Tables, by their names in order; those too of which no record can be disposed of.
    Collections(Vec<Named>),
    /// A directory tree.
    Tree {
        /// The directories at its top, in order.
        directories: Vec<Vec<u8>>,
        /// Whether there are files beside them.
        files: bool,
    },
}

/// The reading half: changes nothing in the store, ever.
pub trait Inspect: Send + Sync {
    /// What the adapter can do.
    fn capabilities(&self) -> Capabilities;

    /// The same store for a thread that reads much while batches are open, where neither waits for the other; whatever
    /// is asked of it ends soon after `recall` is asked. `None` where a database file is locked, where the old version
    /// of every changed row would have to be put together first, or while the store is to be left in peace.
    fn beside(&self, _recall: &Recall) -> Option<Box<dyn Inspect>> {
        None
    }

    /// What makes this store that store. An error when it cannot be known, such as for an unmounted disk;
    /// never an identity made up from nothing.
    fn identity(&self) -> Result<Identity, StoreError>;

    /// Every collection that the store shows of itself.
    fn collections(&self) -> Result<Vec<Listed>, StoreError>;

    /// What the store has, by name only; cheap where `collections` is not.
    fn outline(&self) -> Result<Outline, StoreError> {
        let named = |one: Listed| Named { name: one.schema.collection, unread: one.unread };
        Ok(Outline::Collections(self.collections()?.into_iter().map(named).collect()))
    }

    /// Describes the target as it is now. `StoreErrorKind::NotFound` names the nearest collection.
    fn probe(&self, target: &Target) -> Result<Schema, StoreError>;

    /// Whether the store lets these fields be changed so: an error says what stands in the way, such as a column that
    /// the store computes itself. Changes nothing.
    fn can_change(&self, _target: &Target, _changes: &[Change]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether each record that goes can be counted so in the same transaction: an error says what stands in the way,
    /// such as a table that is not there, and what would serve. Changes nothing.
    fn can_aggregate(&self, target: &Target, _aggregate: &Aggregate) -> Result<(), StoreError> {
        Err(cannot_aggregate(target))
    }

    /// All records.
    fn total(&self, target: &Target) -> Result<Total, StoreError>;

    /// Counts groups, in one pass where the store has no index for them.
    fn count(&self, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError>;

    /// Counts in one pass how many records for which `predicate` is true have their start in each of `sets`,
    /// which grow: each contains the one before it.
    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError>;

    /// Whether the records whose start lies in a few of all ranges are found without a look at the others, so that a
    /// survey of fewer sets takes less of the store's time.
    fn finds_by_start(
        &self,
        _scope: &Scope,
        _predicate: &Predicate,
        _start: &Arc<Start>,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Whether there is any record for which `predicate` is true. Looks from the newest start, where one is given and
    /// an index helps: what is asked for is mostly young.
    fn any(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        _start: Option<&Arc<Start>>,
    ) -> Result<bool, StoreError> {
        Ok(!self.scan(scope, predicate, None, 1)?.rows.is_empty())
    }

    /// How much goes along, if the records for which `predicate` is true go: one count for each of `Target::with`,
    /// `None` where it lies in another store, or where only disposing of it tells.
    fn going_along(&self, scope: &Scope, _predicate: &Predicate) -> Result<Vec<Option<u64>>, StoreError> {
        Ok(vec![None; scope.target.with.len()])
    }

    /// How many rows of what goes with records belong to none: one count for each of `Target::with`, `None` where it
    /// lies in another store or cannot be counted. A row that names no record at all is not meant. Where the store
    /// itself sees to it that there are none, nothing is counted.
    fn orphans(&self, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
        Ok(vec![None; target.with.len()])
    }

    /// Reads records for which `predicate` is true, in key order, after the key given.
    fn scan(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError>;

    /// Reads one record; `None` if there is none with that key in the collection.
    fn read(&self, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError>;

    /// How the records of a deletion would be walked, in words; `None` where the store has only one way. `due` is how many
    /// there are: a few are not shared out.
    fn route(
        &self,
        _scope: &Scope,
        _predicate: &Predicate,
        _start: Option<&Arc<Start>>,
        _due: u64,
    ) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// The statements by which the store's administrator gives a reading and a disposing role what they need. They can
    /// be run again after each change of a policy. What cannot be looked up is left out, and told.
    fn grants(&self, uses: &[Use]) -> Result<Grants, StoreError> {
        let store = uses.first().map_or("this store".to_owned(), |one| format!("store {}", one.target.store));
        Err(StoreError::new(StoreErrorKind::Unsupported, store, "it has no roles of its own")
            .with_help("Who may do what is decided by the file system: run forfall as a user that may"))
    }
}

/// What a store's administrator has to run.
#[derive(Debug, Default)]
pub struct Grants {
    /// The statements, in their order.
    pub statements: Vec<String>,
    /// Collections of whose needs nothing can be said, each with why and what to do.
    pub unknown: Vec<StoreError>,
}

/// What policies do with one collection.
#[derive(Clone, Debug)]
pub struct Use {
    /// The collection.
    pub target: Arc<Target>,
    /// Records go, by themselves or when somebody decides so.
    pub deletes: bool,
    /// The columns that change; `None` for all of them.
    pub changes: Option<Vec<String>>,
    /// Into what records are counted before they go.
    pub aggregates: Vec<Arc<Aggregate>>,
}

/// The answer of a store in which nothing can be counted in the transaction of a deletion.
pub fn cannot_aggregate(target: &Target) -> StoreError {
    let what = format!("{} in store {}", target.collection, target.store);
    StoreError::new(StoreErrorKind::Unsupported, what, "records cannot be counted here before they go")
        .with_help("`aggregate` is for tables of SQLite, PostgreSQL, MariaDB and MySQL")
}

/// What an operator can do about a [`StoreError`], and whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Not there, or not reachable: a missed run, never an empty success.
    Unavailable,
    /// Busy or locked for longer than the time-out: try again later.
    Busy,
    /// Another store than the one that was approved.
    Foreign,
    /// The collection, column or record part does not exist.
    NotFound,
    /// The adapter or store cannot do what is asked.
    Unsupported,
    /// It is not permitted.
    Denied,
    /// The store is full or damaged.
    Damaged,
    /// The records or the schema changed under the run.
    Changed,
}

/// Something that a store could not do: what failed, why, and what to do now. Never holds a record's value.
#[derive(Debug, Error)]
#[error("{what}: {why}{}", help.as_ref().map(|help| format!(". {help}")).unwrap_or_default())]
pub struct StoreError {
    /// What kind of trouble.
    pub kind: StoreErrorKind,
    /// What failed and where: store, collection, path.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do now.
    pub help: Option<String>,
}

impl StoreError {
    /// An error without advice.
    pub fn new(kind: StoreErrorKind, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind, what: what.into(), why: why.into(), help: None }
    }

    /// Adds what to do now.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn may_retry(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Busy)
    }

    /// Whether the store is there and has answered: what it is asked, or who asks, does not fit it.
    pub fn is_an_answer(&self) -> bool {
        use StoreErrorKind::{Changed, Denied, NotFound, Unsupported};
        matches!(self.kind, NotFound | Unsupported | Denied | Changed)
    }
}
