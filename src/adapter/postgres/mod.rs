//! PostgreSQL databases. A collection is a table.
//!
//! A batch is one transaction: its rows are changed with RETURNING, the intent is written, then it commits. After a
//! crash the server says by the transaction's number what became of it: nothing of ours is kept in the database, but for
//! the small cells of counts.

mod advice;
mod ahead;
mod arrays;
mod batch;
mod catalogue;
mod coarse;
mod connect;
mod count;
mod counts;
mod dialect;
mod effects;
mod fate;
mod grants;
mod keys;
mod listing;
mod orphans;
mod partitions;
mod receiving;
mod rehearsal;
mod replicas;
mod rows;
mod scan;
mod schema;
mod session;
mod spelled;
mod standing;
mod survey;
#[cfg(test)]
mod tests;
mod trouble;
mod value;
mod walk;
mod way;
mod windows;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::adapter::api::{
    Capabilities, Counted, Dispose, Grants, Group, Inspect, Job, Listed, Outline, Page, Row, Scope,
    StoreError, Surveyed, Total, Use, Walk, Wanted,
};
use crate::adapter::place::Server;
use crate::adapter::recall::Recall;
use crate::adapter::sql::Limits;
use crate::adapter::sql::company::{Company, Few};
use crate::model::aggregate::Aggregate;
use crate::model::batch::{BatchLabel, Fate};
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyForm};
use crate::model::predicate::Predicate;
use crate::model::schema::{Identity, Schema};
use crate::model::start::Start;
use crate::model::target::Target;
use crate::time::StartSet;
use session::Session;

/// One PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    name: StoreName,
    server: Server,
    limits: Limits,
    company: Arc<Company>,
    /// Connections for reading that nobody uses at the moment.
    idle: Mutex<Vec<Session>>,
    /// By what its questions are taken back.
    recall: Option<Recall>,
}

impl PostgresStore {
    /// Names the database; nothing is connected to before the first question.
    pub fn open(name: StoreName, server: Server) -> Self {
        let company = Arc::new(Company::new(server.pace, Few::TRANSACTIONS, server.parallel));
        Self { name, server, limits: Limits::default(), company, idle: Mutex::default(), recall: None }
    }

    /// Waits so long for a lock that somebody else holds.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.limits.lock = timeout;
        self
    }

    fn place(&self) -> String {
        format!("store {}", self.name)
    }

    /// Puts a question to a connection that only reads.
    fn ask<T>(&self, question: impl FnOnce(&Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let session = if let Some(session) = idle.filter(Session::is_open) {
            session
        } else {
            let (company, recall) = (&self.company, self.recall.clone());
            Session::read(&self.place(), &self.server, self.limits, company, recall)?
        };
        let answer = question(&session);
        // After an error nobody knows what state the connection is in.
        if answer.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
        answer
    }

    fn writing(&self) -> Result<Session, StoreError> {
        Session::write(&self.place(), &self.server, self.limits, &self.company)
    }
}

fn identity(session: &Session) -> Result<Identity, StoreError> {
    let row = session.one(
        "SELECT (SELECT system_identifier::text FROM pg_control_system()), \
         (SELECT oid::text FROM pg_database WHERE datname = current_database())",
        &[],
    )?;
    Ok(Identity { parts: vec![("system".to_owned(), row.get(0)), ("database".to_owned(), row.get(1))] })
}

impl Inspect for PostgresStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { transactional: true, changes_fields: true, links: true, key_form: KeyForm::Columns }
    }

    fn beside(&self, recall: &Recall) -> Option<Box<dyn Inspect>> {
        // As for a batch, a lag that is not known counts as one.
        let peaceful = |session: &Session| {
            let behind = replicas::behind(session, self.server.max_replica_lag)?;
            Ok(behind.is_none() && !session.has_company()?)
        };
        self.writing().and_then(|session| peaceful(&session)).unwrap_or(false).then(|| {
            let (name, server) = (self.name.clone(), self.server.clone());
            let store = Self {
                name,
                server,
                limits: self.limits,
                company: Arc::clone(&self.company),
                idle: Mutex::default(),
                recall: Some(recall.clone()),
            };
            Box::new(store) as Box<dyn Inspect>
        })
    }

    fn identity(&self) -> Result<Identity, StoreError> {
        self.ask(identity)
    }

    fn collections(&self) -> Result<Vec<Listed>, StoreError> {
        self.ask(|session| listing::collections(session, &self.name))
    }

    fn outline(&self) -> Result<Outline, StoreError> {
        self.ask(catalogue::tables).map(Outline::Collections)
    }

    fn probe(&self, target: &Target) -> Result<Schema, StoreError> {
        self.ask(|session| schema::probe(session, target))
    }

    fn can_aggregate(&self, target: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
        self.ask(|session| receiving::check(session, target, aggregate))
    }

    fn total(&self, target: &Target) -> Result<Total, StoreError> {
        self.ask(|session| listing::total(session, &schema::bind(session, target)?.entry))
    }

    fn count(&self, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
        self.ask(|session| {
            advice::spare_processors(session)?;
            count::count(session, scope, groups)
        })
    }

    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError> {
        let counts = self.ask(|session| {
            advice::spare_processors(session)?;
            survey::survey(session, scope, predicate, start, sets)
        })?;
        Ok(Surveyed { counts, gaps: Vec::new() })
    }

    fn finds_by_start(&self, scope: &Scope, _: &Predicate, start: &Arc<Start>) -> Result<bool, StoreError> {
        self.ask(|session| Ok(way::indexed(&schema::bind(session, &scope.target)?, start).is_some()))
    }

    fn orphans(&self, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
        self.ask(|session| orphans::count(session, target))
    }

    fn any(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: Option<&Arc<Start>>,
    ) -> Result<bool, StoreError> {
        self.ask(|session| scan::any(session, scope, predicate, start))
    }

    fn scan(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.ask(|session| scan::scan(session, scope, predicate, after, limit))
    }

    fn read(&self, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError> {
        self.ask(|session| scan::read(session, scope, key))
    }

    fn route(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: Option<&Arc<Start>>,
        due: u64,
    ) -> Result<Option<String>, StoreError> {
        let how = (due, self.server.connections());
        self.ask(|session| way::route(session, scope, predicate, start, how)).map(Some)
    }

    fn grants(&self, uses: &[Use]) -> Result<Grants, StoreError> {
        self.ask(|session| grants::grants(session, uses))
    }
}

impl Dispose for PostgresStore {
    fn inspect(&self) -> &dyn Inspect {
        self
    }

    fn rehearse(&self, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
        rehearsal::rehearse(&self.writing()?, wanted)
    }

    fn adopt(&self, target: &Target) -> Result<Identity, StoreError> {
        // Nothing of ours has to be in the database; but that it can be disposed in is known now.
        let session = self.writing()?;
        schema::bind(&session, target)?;
        identity(&session)
    }

    fn adopt_aggregate(&self, _: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
        counts::adopt(&self.writing()?, aggregate)
    }

    fn walk<'a>(&'a self, job: Job) -> Result<Box<dyn Walk + 'a>, StoreError> {
        let more = || self.writing();
        let walk = walk::PostgresWalk::begin(self.writing()?, job, &self.server, &more)?;
        Ok(Box::new(walk))
    }

    fn resolve(&self, _: &BatchLabel, _: &Target, spool: &[u8]) -> Result<Fate, StoreError> {
        fate::resolve(&self.writing()?, spool)
    }

    fn settle(&self, _: &Target) -> Result<(), StoreError> {
        Ok(())
    }
}
