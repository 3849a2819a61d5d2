//! Walking the records of a job, batch after batch.
//!
//! Where much is due, the walk follows the row numbers: each batch is one stretch of the table, read and written once.
//! Where little is due, it follows the index on the start. Which stretch comes next is found by reading, before the
//! database is locked; what is in it is decided inside the transaction, by a statement that carries the whole
//! predicate.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::Value as SqlValue;

use super::batch::Frozen;
use super::change::{Verb, verb};
use super::counts::Counting;
use super::dialect::{Sqlite, quoted};
use super::follow::Follower;
use super::given::Arguments;
use super::open::Session;
use super::order::{Order, order};
use super::schema::{self, Bound};
use super::strike::Next;
use super::telling::Telling;
use super::witness::Witness;
use super::{marks, value};
use crate::adapter::api::{Act, Gap, Job, Prepared, StoreError, StoreErrorKind, Walk};
use crate::adapter::sql::{Dialect, Need, lower};
use crate::model::batch::BatchLabel;
use crate::model::ids::BatchId;
use crate::model::key::{Key, KeyList};
use crate::model::target::Target;

/// A walk over one job.
#[derive(Debug)]
pub(super) struct SqliteWalk {
    pub(super) session: Session,
    pub(super) witness: Witness,
    pub(super) bound: Bound,
    pub(super) job: Job,
    pub(super) verb: Verb,
    /// The whole predicate, with what it binds.
    pub(super) predicate: String,
    pub(super) values: Vec<SqlValue>,
    /// What a start is read from, to be read again after a change.
    pub(super) start: Arguments,
    pub(super) companions: Vec<Follower>,
    /// How records are counted before they go.
    pub(super) counting: Option<Counting>,
    /// The batch that was committed last: its outcome is written by the time the next one is asked for.
    pub(super) settled: Option<BatchId>,
    /// Where the last committed batch ended.
    pub(super) cursor: Option<Vec<SqlValue>>,
    pub(super) order: Order,
    /// What was found while the last committed batch was prepared.
    pub(super) next: Next,
    /// Who wants to know early which records the batch after the next one will have.
    foretold: Option<(Sender<KeyList>, usize)>,
    left_out: Arc<Mutex<HashSet<Key>>>,
    is_left_out: String,
    path: PathBuf,
    file: Option<(u64, u64)>,
    schema: Seen,
    forgot: bool,
}

impl SqliteWalk {
    pub(super) fn begin(path: PathBuf, timeout: Duration, job: Job) -> Result<Self, StoreError> {
        let mut session = Session::write(&path, timeout)?;
        let witness = Witness::new(&mut session.connection).map_err(|error| session.error(&error))?;
        session.require_marks()?;
        let file = marks::file_at(&path);
        let schema = Seen::look(&session, &job.scope.target)?;
        let bound = schema::bind(&session, &job.scope.target)?;
        let companions = if job.act == Act::Delete {
            Follower::all(&session, &bound, &job.scope.target)?
        } else {
            Vec::new()
        };

        let counting =
            job.aggregate.as_ref().map(|counts| Counting::begin(&session, &bound, counts)).transpose()?;

        let mut dialect = Sqlite::new(&session, &job.scope.events);
        let verb = verb(&mut dialect, &bound.frame, &job.act)?;
        let mut conditions = vec![lower(&mut dialect, &bound.frame, &job.predicate, Need::Truth)?];
        conditions.extend(bound.has_key());
        let start = Arguments::of_start(&dialect, &bound.frame, &job.start)?;
        let left_out = Arc::new(Mutex::new(HashSet::new()));
        let is_left_out = left_out_function(&dialect, &bound, &left_out)?;
        let order = order(&session, &bound, &job)?;
        let values = std::mem::take(&mut dialect.bound);
        Ok(Self {
            predicate: conditions.join(" AND "),
            values,
            start,
            companions,
            counting,
            verb,
            order,
            left_out,
            is_left_out,
            settled: None,
            cursor: None,
            next: Next::Unknown,
            foretold: None,
            path,
            file,
            schema,
            forgot: false,
            session,
            witness,
            bound,
            job,
        })
    }

    /// The handle's columns with the table's name.
    pub(super) fn handle(&self) -> Vec<String> {
        let table = quoted(&self.bound.entry.name);
        self.bound.handle().iter().map(|name| format!("{table}.{}", quoted(name))).collect()
    }

    /// The key's columns with the table's name.
    pub(super) fn key(&self) -> Vec<String> {
        let table = quoted(&self.bound.entry.name);
        self.bound.frame.own.key.iter().map(|name| format!("{table}.{}", quoted(name))).collect()
    }

    /// The whole predicate, without the records that are to be left out.
    pub(super) fn condition(&self) -> String {
        if self.left_out.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.predicate.clone()
        } else {
            format!("{} AND NOT {}", self.predicate, self.is_left_out)
        }
    }

    /// The file under the path is still the one that we opened.
    fn check_file(&self) -> Result<(), StoreError> {
        if marks::file_at(&self.path) == self.file {
            return Ok(());
        }
        Err(self
            .session
            .trouble(StoreErrorKind::Foreign, "the file was replaced while the run was under way")
            .with_help("Run again; if it is another database, it needs a new approval"))
    }

    /// No trigger and no reference came to the tables since the walk began. The witness sees most of what such a thing
    /// does, but SQLite does not tell of rows without row numbers, nor of tables that are emptied at one stroke.
    /// Asked inside the batch's transaction: from then on nobody changes the tables.
    pub(super) fn check_schema(&mut self) -> Result<(), StoreError> {
        if self.session.one::<i64>(SCHEMA_VERSION)? == self.schema.version {
            return Ok(());
        }
        let now = Seen::look(&self.session, &self.job.scope.target)?;
        if now.fingerprint != self.schema.fingerprint {
            return Err(self
                .session
                .trouble(StoreErrorKind::Changed, "its tables changed while the run was under way")
                .with_help(
                    "Nothing of the batch was done. Look at `forfall store show`, then approve again",
                ));
        }
        self.schema = now;
        self.counting.as_ref().map_or(Ok(()), |counting| counting.check_again(&self.session, &self.bound))
    }

    /// At the end the last mark has done its work.
    fn finish(&mut self) {
        if let Some(settled) = self.settled.take() {
            // It is pruned after a year in any case; an error here is no reason to call the run incomplete.
            let _ = self.session.unmark(&settled);
        }
    }
}

const SCHEMA_VERSION: &str = "PRAGMA schema_version";

/// The tables as they were looked at.
#[derive(Debug)]
struct Seen {
    version: i64,
    fingerprint: String,
}

impl Seen {
    /// Refuses tables in which more would happen than the policy says.
    fn look(session: &Session, target: &Target) -> Result<Self, StoreError> {
        let version = session.one(SCHEMA_VERSION)?;
        let schema = schema::probe(session, target)?;
        if schema.side_effects.is_empty() {
            return Ok(Self { version, fingerprint: schema.fingerprint });
        }
        let effects: Vec<_> = schema.side_effects.into_iter().map(|effect| effect.text).collect();
        let why = format!("more than the records would be touched: {}", effects.join("; "));
        Err(session.trouble(StoreErrorKind::Changed, why).with_help("Nothing was done. Run `forfall check`"))
    }
}

impl Walk for SqliteWalk {
    fn prepare<'a>(
        &'a mut self,
        batch: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Option<Box<dyn Prepared + 'a>>, StoreError> {
        self.check_file()?;
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).clone_from(without);
        // Whatever becomes of this batch, the channel is closed when it is done with.
        let foretold = self.foretold.take();
        let next = match std::mem::take(&mut self.next) {
            // What was found before is about as much as is wanted, and not more.
            Next::At(strike) if strike.count <= want && want <= strike.count.saturating_mul(2) => {
                Next::At(strike)
            }
            Next::End => Next::End,
            _ => self.strike_after(self.cursor.as_deref(), want, None)?,
        };
        let Next::At(strike) = next else {
            self.finish();
            return Ok(None);
        };
        let telling = foretold.and_then(|(to, want)| Telling::begin(self, to, want));
        let forget = !std::mem::replace(&mut self.forgot, true);
        Ok(Some(Box::new(Frozen::freeze(self, batch, strike, forget, telling)?)))
    }

    fn foretell(&mut self, to: Sender<KeyList>, want: usize) {
        self.foretold = Some((to, want));
    }

    fn gaps(&self) -> Vec<Gap> {
        // An error ends the walk; nothing is passed over in silence.
        Vec::new()
    }
}

fn left_out_function(
    dialect: &Sqlite<'_>,
    bound: &Bound,
    keys: &Arc<Mutex<HashSet<Key>>>,
) -> Result<String, StoreError> {
    let columns: Vec<String> =
        bound.frame.own.key.iter().map(|name| dialect.column(&bound.entry.name, name)).collect();
    let (keys, count) = (Arc::clone(keys), columns.len());
    let function = dialect.session.function(count, move |call| {
        let key = value::key(count, |at| call.get_raw(at));
        let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(SqlValue::Integer(i64::from(key.is_some_and(|key| keys.contains(&key)))))
    })?;
    Ok(format!("{function}({})", columns.join(", ")))
}
