//! The disposing half of an adapter: what a walk over a collection does, batch after batch.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::{Gap, Inspect, Scope, StoreError, cannot_aggregate};
use crate::model::action::Change;
use crate::model::aggregate::Aggregate;
use crate::model::batch::{Applied, BatchLabel, Fate};
use crate::model::key::{Key, KeyList};
use crate::model::predicate::Predicate;
use crate::model::schema::Identity;
use crate::model::start::Start;
use crate::model::target::Target;
use crate::time::StartSet;

/// What a run wants done to every record for which the whole predicate is true.
#[derive(Clone, Debug)]
pub struct Job {
    /// The collection.
    pub scope: Scope,
    /// The whole predicate: scope, class, due, not held, not needed.
    pub predicate: Predicate,
    /// How the start is read.
    pub start: Arc<Start>,
    /// The starts that are due: `predicate` says so too; this is for choosing the way to walk.
    pub due: StartSet,
    /// What is done.
    pub act: Act,
    /// Of a deletion: each record is counted so, in the transaction in which it goes.
    pub aggregate: Option<Arc<Aggregate>>,
    /// How many the planner counted.
    pub expected: u64,
}

/// What is counted when a walk is through, by one look at all of the collection: of the records for which the predicate is
/// true, those with their start in each of a row of growing sets. In the first is at least everything that the job
/// would still act on.
#[derive(Clone, Debug, PartialEq)]
pub struct LastLook {
    /// Which records count.
    pub predicate: Predicate,
    /// The sets.
    pub sets: Vec<StartSet>,
}

/// What is done to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// It goes, after everything that `Target::with` names in the same store.
    Delete,
    /// Its fields change.
    Change(Vec<Change>),
}

/// What a policy may want done to one collection, now or later.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The collection.
    pub target: Arc<Target>,
    /// What its stages do, and what a decision about its records may set off.
    pub acts: Vec<Act>,
    /// Into what records are counted before they go.
    pub aggregates: Vec<Arc<Aggregate>>,
}

/// The changing half. Only `engine/execute.rs` and `engine/recover.rs` call it.
pub trait Dispose: Inspect {
    /// The reading half.
    fn inspect(&self) -> &dyn Inspect;

    /// Whether who disposes could do all this, as far as that can be known without doing any of it: for each, what stands
    /// in the way. Changes nothing. An error when the store cannot be reached for disposing at all.
    fn rehearse(&self, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
        Ok(wanted.iter().map(|_| Vec::new()).collect())
    }

    /// Makes the store recognisable and ready: a marker file, a table of batch marks. Called by the first approval,
    /// and harmless when repeated. Refuses to adopt a store that carries a foreign mark.
    fn adopt(&self, target: &Target) -> Result<Identity, StoreError>;

    /// Makes ready what counting before a deletion needs of ours: the table in which small cells wait. Called by the
    /// first approval after [`Dispose::adopt`], and harmless when repeated.
    fn adopt_aggregate(&self, target: &Target, _aggregate: &Aggregate) -> Result<(), StoreError> {
        Err(cannot_aggregate(target))
    }

    /// Begins to walk the records of a job.
    fn walk<'a>(&'a self, job: Job) -> Result<Box<dyn Walk + 'a>, StoreError>;

    /// Says what became of a batch whose outcome was never written, and finishes or takes back what was half done.
    /// `spool` is what [`Prepared::spool`] gave. Never guesses: an error leaves the batch open.
    fn resolve(&self, label: &BatchLabel, target: &Target, spool: &[u8]) -> Result<Fate, StoreError>;

    /// Called once at the end of a run that changed something, and again by the next one if a run did not end well:
    /// truncates write-ahead logs, prunes directories. After an error the run is incomplete.
    fn settle(&self, target: &Target) -> Result<(), StoreError>;
}

/// How a run goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// The store is ours alone: batches of the usual time.
    Full,
    /// Others are at work on it: small batches, and a rest after each.
    Gentle,
    /// Others are at work on it, and the walk itself rests between the steps of a batch.
    InSteps,
}

/// A walk over the records of a job, batch after batch.
pub trait Walk {
    /// The next part of the collection that may go as a whole, where `Target::drop_partitions` allows it and the store
    /// has such parts; `None` when there is none left. Asked for before the first batch: the records of a part that is
    /// left come in batches.
    fn whole(&mut self) -> Result<Option<Whole<'_>>, StoreError> {
        Ok(None)
    }

    /// Prepares the next batch of at most about `want` records, leaving out `without`; `None` at the end.
    /// A batch that is aborted is prepared again by the next call; a committed one never comes back.
    fn prepare<'a>(
        &'a mut self,
        batch: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Option<Box<dyn Prepared + 'a>>, StoreError>;

    /// Has the walk tell, while the batch that it is asked for next is prepared, which records the batch after that
    /// one will probably have if about `want` are wanted, in its order. All is told when the channel is closed, at the
    /// latest when the batch that it is about lies ready, whatever that then is; if the store is at that batch already,
    /// when it is through with it. A walk that cannot know closes it at once. What a batch has is for
    /// [`Prepared::records`] to say, so whoever listens compares.
    fn foretell(&mut self, _to: Sender<KeyList>, _want: usize) {}

    /// Where the walk looks at all of the collection once more when it is through, it may answer this by the same look. Said
    /// before the first batch.
    fn look_last(&mut self, _at: LastLook) {}

    /// What that came to, if the walk made it, could read everything, and found nothing in the first set and therefore nothing
    /// more to do.
    fn looked(&mut self) -> Option<Vec<u64>> {
        None
    }

    /// Why the store is to be left in peace at this moment, such as replicas that lag behind; asked before each batch.
    /// Whoever answers holds no lock until the next batch is prepared.
    fn strain(&mut self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// How to go about it at this moment, for the sake of others who are at work on the store; asked before each batch.
    fn pacing(&mut self) -> Result<Pacing, StoreError> {
        Ok(Pacing::Full)
    }

    /// Parts of the collection that could not be walked.
    fn gaps(&self) -> Vec<Gap>;

    /// Links that lie where the collection reaches: they are never followed and stay.
    fn links(&self) -> u64 {
        0
    }
}

/// What became of a part of the collection, such as a partition, that might go as a whole.
pub enum Whole<'a> {
    /// Nobody can change it any more, and the whole predicate is true for every record in it.
    Ready(Box<dyn Part + 'a>),
    /// Its records go in batches, if at all.
    Left {
        /// Which part.
        name: String,
        /// Why.
        why: String,
    },
}

/// A part of the collection that is locked and lies ready to go as a whole. It may have any number of records, so it
/// hands them over instead of holding them. Dropping it without a commit takes everything back.
pub trait Part {
    /// Its name, as the store spells it.
    fn name(&self) -> &str;

    /// Hands over the keys of all its records, list after list, each once; ends early when `take` says false.
    fn keys(&mut self, take: &mut dyn FnMut(KeyList) -> bool) -> Result<(), StoreError>;

    /// Makes it go, uncommitted. Gives what [`Dispose::resolve`] needs after a crash.
    fn strike(&mut self) -> Result<Vec<u8>, StoreError>;

    /// As [`Prepared::commit`].
    fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Takes everything back.
    fn abort(self: Box<Self>) -> Result<(), StoreError>;
}

/// A batch that was begun before it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadStart {
    /// How large it should become, when it was begun.
    pub want: usize,
    /// How long the store took for it.
    pub took: Duration,
    /// For so long its transaction is open by now.
    pub open: Duration,
}

/// A batch that is frozen but not yet done: nothing destructive is durable or visible.
/// Dropping it without a commit is an abort.
pub trait Prepared {
    /// The records, each exactly once. May be empty where a window held nothing due.
    fn records(&self) -> &[Key];

    /// What goes with them in the same store: collection and count, in the order of `Target::with`.
    fn companions(&self) -> Vec<(String, Vec<Key>)>;

    /// What [`Dispose::resolve`] needs after a crash; empty where the store itself remembers the batch.
    fn spool(&self) -> Vec<u8>;

    /// What is known of a batch that was begun before it was asked for.
    fn head_start(&self) -> Option<HeadStart> {
        None
    }

    /// Whether the store keeps a mark of the batch, or its fate has to be observed record by record.
    fn basis(&self) -> Basis;

    /// Does it, and returns when it is durable. After an error the fate is unknown and must be asked for.
    fn commit(self: Box<Self>) -> Result<Applied, StoreError>;

    /// Takes everything back.
    fn abort(self: Box<Self>) -> Result<(), StoreError>;
}

/// How the fate of a batch is known after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// By a mark written in the same transaction.
    Marked,
    /// By looking at each record.
    Observed,
}
