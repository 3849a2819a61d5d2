//! MySQL and MariaDB databases. A collection is a table.
//!
//! A batch is one transaction that also writes the batch's mark into the database, so that after a crash the database
//! itself says whether the batch was committed. MariaDB tells with its DELETE which rows went; otherwise they are
//! locked and read first.

mod ahead;
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
mod listing;
mod marks;
mod orphans;
mod privileges;
mod receiving;
mod rehearsal;
mod replicas;
mod role;
mod rows;
mod scan;
mod schema;
mod session;
mod survey;
#[cfg(test)]
mod tests;
mod trouble;
mod value;
mod walk;
mod way;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::adapter::api::{
    Capabilities, Counted, Dispose, Grants, Group, Inspect, Job, Listed, Outline, Page, Row, Scope,
    StoreError, Surveyed, Total, Use, Walk, Wanted,
};
use crate::adapter::place::Server;
use crate::adapter::sql::Limits;
use crate::adapter::sql::ahead::WORTH_RANGES;
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

/// One MySQL or MariaDB database.
#[derive(Debug)]
pub struct MySqlStore {
    name: StoreName,
    server: Server,
    limits: Limits,
    company: Arc<Company>,
    /// Whether a DELETE of MariaDB is asked to tell what went; else rows are read before they go, as MySQL needs it.
    returning: bool,
    /// Connections for reading that nobody uses at the moment.
    idle: Mutex<Vec<Session>>,
}

impl MySqlStore {
    /// Names the database; nothing is connected to before the first question.
    pub fn open(name: StoreName, server: Server) -> Self {
        let company = Arc::new(Company::new(server.pace, Few::STATEMENTS, server.parallel));
        Self { name, server, limits: Limits::default(), company, returning: true, idle: Mutex::default() }
    }

    /// Waits so long for a lock that somebody else holds: whole seconds, at least one.
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
        let session = match idle.filter(Session::is_open) {
            Some(session) => session,
            None => Session::read(&self.place(), &self.server, self.limits, &self.company)?,
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

impl Inspect for MySqlStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { transactional: true, changes_fields: true, links: true, key_form: KeyForm::Columns }
    }

    fn identity(&self) -> Result<Identity, StoreError> {
        self.ask(Session::identity)
    }

    fn collections(&self) -> Result<Vec<Listed>, StoreError> {
        self.ask(|session| listing::collections(session, &self.name))
    }

    fn outline(&self) -> Result<Outline, StoreError> {
        Ok(Outline::of_tables(self.ask(Session::table_names)?))
    }

    fn probe(&self, target: &Target) -> Result<Schema, StoreError> {
        self.ask(|session| {
            let mut schema = schema::probe(session, target)?;
            schema.warnings.extend(replicas::unnamed(session, &self.server));
            Ok(schema)
        })
    }

    fn can_aggregate(&self, target: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
        self.ask(|session| receiving::check(session, target, aggregate))
    }

    fn total(&self, target: &Target) -> Result<Total, StoreError> {
        self.ask(|session| listing::total(session, &schema::bind(session, target)?.entry))
    }

    fn count(&self, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
        self.ask(|session| count::count(session, scope, groups))
    }

    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError> {
        let counts = self.ask(|session| survey::survey(session, scope, predicate, start, sets))?;
        Ok(Surveyed { counts, gaps: Vec::new() })
    }

    fn finds_by_start(&self, scope: &Scope, _: &Predicate, start: &Arc<Start>) -> Result<bool, StoreError> {
        self.ask(|session| Ok(way::indexed(&schema::bind(session, &scope.target)?, start).is_some()))
    }

    fn orphans(&self, target: &Target) -> Result<Vec<Option<u64>>, StoreError> {
        self.ask(|session| orphans::count(session, target))
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
        let parallel = if due < WORTH_RANGES as u64 { 1 } else { self.server.connections() };
        let how = (self.returning, parallel);
        self.ask(|session| way::route(session, scope, predicate, start, how)).map(Some)
    }

    fn grants(&self, uses: &[Use]) -> Result<Grants, StoreError> {
        self.ask(|session| grants::grants(session, uses))
    }
}

impl Dispose for MySqlStore {
    fn inspect(&self) -> &dyn Inspect {
        self
    }

    fn rehearse(&self, wanted: &[Wanted]) -> Result<Vec<Vec<StoreError>>, StoreError> {
        rehearsal::rehearse(&self.writing()?, wanted)
    }

    fn adopt(&self, target: &Target) -> Result<Identity, StoreError> {
        let session = self.writing()?;
        schema::bind(&session, target)?;
        session.adopt()?;
        session.identity()
    }

    fn adopt_aggregate(&self, _: &Target, aggregate: &Aggregate) -> Result<(), StoreError> {
        counts::adopt(&self.writing()?, aggregate)
    }

    fn walk<'a>(&'a self, job: Job) -> Result<Box<dyn Walk + 'a>, StoreError> {
        let replicas = replicas::Replicas::of(&self.server, self.limits);
        let more = || self.writing();
        let others = walk::Others { parallel: self.server.connections(), more: &more };
        Ok(Box::new(walk::MySqlWalk::begin(self.writing()?, job, self.returning, replicas, others)?))
    }

    fn resolve(&self, label: &BatchLabel, _: &Target, spool: &[u8]) -> Result<Fate, StoreError> {
        fate::resolve(&self.writing()?, &label.batch, spool)
    }

    fn settle(&self, _: &Target) -> Result<(), StoreError> {
        Ok(())
    }
}
