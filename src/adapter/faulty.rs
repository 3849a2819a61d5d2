//! A store that fails at one call, for loops that let every call of a run fail in every way.
//!
//! Run once without a fault and read [`Faulty::calls`]; then run again for each call, kind, moment and repetition.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::api::{
    Basis, Capabilities, Counted, Dispose, Gap, Group, Inspect, Job, Listed, Outline, Pacing, Page, Prepared,
    Row, Scope, StoreError, StoreErrorKind, Surveyed, Total, Walk, Wanted,
};
use crate::model::action::Change;
use crate::model::aggregate::Aggregate;
use crate::model::batch::{Applied, BatchLabel, Fate};
use crate::model::key::Key;
use crate::model::predicate::Predicate;
use crate::model::schema::{Identity, Schema};
use crate::model::start::Start;
use crate::model::target::Target;
use crate::time::StartSet;

/// Every kind of trouble that a store can report.
pub const KINDS: [StoreErrorKind; 8] = [
    StoreErrorKind::Unavailable,
    StoreErrorKind::Busy,
    StoreErrorKind::Foreign,
    StoreErrorKind::NotFound,
    StoreErrorKind::Unsupported,
    StoreErrorKind::Denied,
    StoreErrorKind::Damaged,
    StoreErrorKind::Changed,
];

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The call that fails, from 0.
    pub at: u64,
    /// Whether all later calls fail too.
    pub forever: bool,
    /// Where in the call.
    pub moment: Moment,
    /// How.
    pub how: How,
}

/// Where in a call the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the store did anything.
    Before,
    /// When the store has done it: a commit whose answer is lost.
    After,
}

/// What the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// An error of this kind.
    Error(StoreErrorKind),
    /// A panic, standing for the end of the process. What the store did stays.
    Crash,
}

/// The store inside, with at most one fault.
pub struct Faulty {
    inner: Arc<dyn Dispose>,
    plan: Plan,
}

struct Plan {
    fault: Option<Fault>,
    calls: AtomicU64,
}

impl Faulty {
    /// Wraps a store; without a fault it only counts.
    pub fn new(inner: Arc<dyn Dispose>, fault: Option<Fault>) -> Self {
        Self { inner, plan: Plan { fault, calls: AtomicU64::new(0) } }
    }

    /// How many calls that can fail were made so far, those on walks and batches among them.
    pub fn calls(&self) -> u64 {
        self.plan.calls.load(Ordering::SeqCst)
    }
}

impl Plan {
    fn call<T>(&self, name: &str, act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let strikes = |fault: &Fault| number == fault.at || (fault.forever && number > fault.at);
        let Some(fault) = self.fault.filter(strikes) else { return act() };
        if fault.moment == Moment::After {
            drop(act()?);
        }
        match fault.how {
            How::Error(kind) => Err(StoreError::new(kind, format!("`{name}`"), "a fault was injected")),
            How::Crash => panic!("a crash was injected into `{name}`"),
        }
    }
}

impl Inspect for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn identity(&self) -> Result<Identity, StoreError> {
        self.plan.call("identity", || self.inner.identity())
    }

    fn collections(&self) -> Result<Vec<Listed>, StoreError> {
        self.plan.call("collections", || self.inner.collections())
    }

    fn outline(&self) -> Result<Outline, StoreError> {
        self.plan.call("outline", || self.inner.outline())
    }

    fn probe(&self, target: &Target) -> Result<Schema, StoreError> {
        self.plan.call("probe", || self.inner.probe(target))
    }

    fn total(&self, target: &Target) -> Result<Total, StoreError> {
        self.plan.call("total", || self.inner.total(target))
    }

    fn count(&self, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
        self.plan.call("count", || self.inner.count(scope, groups))
    }

    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError> {
        self.plan.call("survey", || self.inner.survey(scope, predicate, start, sets))
    }

    fn can_change(&self, target: &Target, changes: &[Change]) -> Result<(), StoreError> {
        self.plan.call("can_change", || self.inner.can_change(target, changes))
    }

    fn can_aggregate(&self, target: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
        self.plan.call("can_aggregate", || self.inner.can_aggregate(target, aggregate))
    }

    fn going_along(&self, scope: &Scope, predicate: &Predicate) -> Result<Vec<Option<u64>>, StoreError> {
        self.plan.call("going_along", || self.inner.going_along(scope, predicate))
    }

    fn orphans(&self, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
        self.plan.call("orphans", || self.inner.orphans(target))
    }

    fn scan(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.plan.call("scan", || self.inner.scan(scope, predicate, after, limit))
    }

    fn read(&self, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError> {
        self.plan.call("read", || self.inner.read(scope, key))
    }
}

impl Dispose for Faulty {
    fn rehearse(&self, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
        self.plan.call("rehearse", || self.inner.rehearse(wanted))
    }

    fn inspect(&self) -> &dyn Inspect {
        self
    }

    fn adopt(&self, target: &Target) -> Result<Identity, StoreError> {
        self.plan.call("adopt", || self.inner.adopt(target))
    }

    fn adopt_aggregate(&self, target: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
        self.plan.call("adopt_aggregate", || self.inner.adopt_aggregate(target, aggregate))
    }

    fn walk<'a>(&'a self, job: Job) -> Result<Box<dyn Walk + 'a>, StoreError> {
        let walk = self.plan.call("walk", || self.inner.walk(job))?;
        Ok(Box::new(FaultyWalk { inner: walk, plan: &self.plan }))
    }

    fn resolve(&self, label: &BatchLabel, target: &Target, spool: &[u8]) -> Result<Fate, StoreError> {
        self.plan.call("resolve", || self.inner.resolve(label, target, spool))
    }

    fn settle(&self, target: &Target) -> Result<(), StoreError> {
        self.plan.call("settle", || self.inner.settle(target))
    }
}

struct FaultyWalk<'a> {
    inner: Box<dyn Walk + 'a>,
    plan: &'a Plan,
}

impl Walk for FaultyWalk<'_> {
    fn prepare<'a>(
        &'a mut self,
        batch: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Option<Box<dyn Prepared + 'a>>, StoreError> {
        let prepared = self.plan.call("prepare", || self.inner.prepare(batch, want, without))?;
        Ok(prepared.map(|inner| Box::new(FaultyBatch { inner, plan: self.plan }) as Box<dyn Prepared + 'a>))
    }

    fn strain(&mut self) -> Result<Option<String>, StoreError> {
        self.plan.call("strain", || self.inner.strain())
    }

    fn pacing(&mut self) -> Result<Pacing, StoreError> {
        self.plan.call("pacing", || self.inner.pacing())
    }

    fn gaps(&self) -> Vec<Gap> {
        self.inner.gaps()
    }
}

struct FaultyBatch<'a> {
    inner: Box<dyn Prepared + 'a>,
    plan: &'a Plan,
}

impl Prepared for FaultyBatch<'_> {
    fn records(&self) -> &[Key] {
        self.inner.records()
    }

    fn companions(&self) -> Vec<(String, Vec<Key>)> {
        self.inner.companions()
    }

    fn spool(&self) -> Vec<u8> {
        self.inner.spool()
    }

    fn basis(&self) -> Basis {
        self.inner.basis()
    }

    fn commit(self: Box<Self>) -> Result<Applied, StoreError> {
        let Self { inner, plan } = *self;
        plan.call("commit", || inner.commit())
    }

    fn abort(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, plan } = *self;
        plan.call("abort", || inner.abort())
    }
}

#[cfg(test)]
mod tests;
