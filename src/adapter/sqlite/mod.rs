//! SQLite databases, each one file. A collection is a table.
//!
//! Reading uses a connection that cannot write. A batch is one transaction that also writes the batch's mark into the
//! database, so that after a crash the database itself says whether the batch was committed.

mod affinity;
mod batch;
mod by_index;
mod catalogue;
mod change;
mod changeable;
mod count;
mod counts;
mod dialect;
mod driver;
mod effects;
mod follow;
mod given;
mod listing;
mod lookups;
mod marks;
mod open;
mod order;
mod ranges;
mod row;
mod schema;
mod segments;
mod starts;
mod statements;
mod strike;
mod survey;
mod tally;
mod telling;
#[cfg(test)]
mod tests;
mod total;
mod trigger;
mod trouble;
mod value;
mod walk;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::adapter::api::{
    Capabilities, Counted, Dispose, Group, Inspect, Job, Listed, Outline, Page, Row, Scope, StoreError,
    StoreErrorKind, Surveyed, Total, Walk, Wanted,
};
use crate::model::action::Change;
use crate::model::aggregate::Aggregate;
use crate::model::batch::{BatchLabel, Fate};
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyForm};
use crate::model::predicate::Predicate;
use crate::model::schema::{Identity, Schema};
use crate::model::start::Start;
use crate::model::target::Target;
use crate::time::StartSet;
use open::Session;

/// How long a locked database is waited for, unless the configuration says otherwise.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// One SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    name: StoreName,
    path: PathBuf,
    timeout: Duration,
}

impl SqliteStore {
    /// Names the database; the file is not touched before the first question, and never created.
    pub fn open(name: StoreName, path: PathBuf) -> Self {
        Self { name, path, timeout: LOCK_TIMEOUT }
    }

    /// Waits so long for a locked database before it is busy.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn reading(&self) -> Result<Session, StoreError> {
        Session::read(&self.path, self.timeout)
    }

    fn writing(&self) -> Result<Session, StoreError> {
        Session::write(&self.path, self.timeout)
    }
}

impl Inspect for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { transactional: true, changes_fields: true, links: true, key_form: KeyForm::Columns }
    }

    fn identity(&self) -> Result<Identity, StoreError> {
        marks::identity(&self.path, &self.reading()?)
    }

    fn collections(&self) -> Result<Vec<Listed>, StoreError> {
        listing::collections(&self.reading()?, &self.name)
    }

    fn outline(&self) -> Result<Outline, StoreError> {
        Ok(Outline::of_tables(self.reading()?.names_of_all()?))
    }

    fn probe(&self, target: &Target) -> Result<Schema, StoreError> {
        schema::probe(&self.reading()?, target)
    }

    fn total(&self, target: &Target) -> Result<Total, StoreError> {
        let session = self.reading()?;
        let bound = schema::bind(&session, target)?;
        total::total(&session, &bound)
    }

    fn count(&self, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
        count::count(&self.reading()?, scope, groups)
    }

    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError> {
        survey::survey(&self.reading()?, scope, predicate, start, sets)
    }

    fn finds_by_start(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
    ) -> Result<bool, StoreError> {
        let session = self.reading()?;
        let bound = schema::bind(&session, &scope.target)?;
        Ok(driver::whole_set(predicate, &bound, start).is_some())
    }

    fn can_change(&self, target: &Target, changes: &[Change]) -> Result<(), StoreError> {
        changeable::check(&self.reading()?, target, changes)
    }

    fn can_aggregate(&self, target: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
        counts::check(&self.reading()?, target, aggregate)
    }

    fn going_along(&self, scope: &Scope, predicate: &Predicate) -> Result<Vec<Option<u64>>, StoreError> {
        follow::count(&self.reading()?, scope, predicate)
    }

    fn orphans(&self, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
        follow::orphans(&self.reading()?, target)
    }

    fn scan(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        row::scan(&self.reading()?, scope, predicate, after, limit)
    }

    fn read(&self, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError> {
        row::read(&self.reading()?, scope, key)
    }
}

impl Dispose for SqliteStore {
    fn inspect(&self) -> &dyn Inspect {
        self
    }

    fn rehearse(&self, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
        open::require_writable(&self.path)?;
        Ok(wanted.iter().map(|_| Vec::new()).collect())
    }

    fn adopt(&self, _: &Target) -> Result<Identity, StoreError> {
        let session = self.writing()?;
        session.adopt()?;
        marks::identity(&self.path, &session)
    }

    fn adopt_aggregate(&self, _: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
        counts::adopt(&self.writing()?, aggregate)
    }

    fn walk<'a>(&'a self, job: Job) -> Result<Box<dyn Walk + 'a>, StoreError> {
        Ok(Box::new(walk::SqliteWalk::begin(self.path.clone(), self.timeout, job)?))
    }

    fn resolve(&self, label: &BatchLabel, _: &Target, spool: &[u8]) -> Result<Fate, StoreError> {
        let session = self.reading()?;
        if !session.is_marked(&label.batch)? {
            return Ok(Fate::NotDone);
        }
        if spool.is_empty() {
            return Ok(Fate::Done);
        }
        crate::adapter::sql::unfit::decode(spool).map(Fate::Each).ok_or_else(|| {
            let why = format!("what batch {} had planned cannot be read", label.batch);
            session.trouble(StoreErrorKind::Damaged, why).with_help("Restore the state file from a backup")
        })
    }

    fn settle(&self, _: &Target) -> Result<(), StoreError> {
        self.writing()?.settle()
    }
}
