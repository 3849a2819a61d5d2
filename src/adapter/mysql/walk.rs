//! Walking the records of a job, batch after batch.
//!
//! The server keeps rows in the order of their primary key. Where much is due the walk follows it, so that each page is
//! read and written once; where little is due, it follows the index on the start. Which of the two is the server's own
//! estimate. What lies in the next stretch is found by reading; what goes is decided by the statement that carries the
//! whole predicate.

mod stretch;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;

pub(super) use stretch::{Cursor, Stretch};

use super::ahead::{self, Asked};
use super::batch::Frozen;
use super::counts::Counting;
use super::dialect::{self, Question};
use super::effects::{self, Companion};
use super::fate::Spool;
use super::privileges::{self, Needed};
use super::replicas::Replicas;
use super::rows::Reader;
use super::schema::{self, Bound};
use super::session::Session;
use super::way::{self, Order};
use crate::adapter::api::{Act, Gap, Job, Pacing, Prepared, StoreError, StoreErrorKind, Walk};
use crate::adapter::sql::ahead::{Ahead, WORTH_RANGES, pacing};
use crate::adapter::sql::{Work, links_of};
use crate::model::batch::BatchLabel;
use crate::model::ids::BatchId;
use crate::model::key::{Key, KeyList, KeyPart};
use crate::model::predicate::Predicate;
use crate::model::schema::Schema;
use crate::model::target::Target;

/// A walk over one job.
#[derive(Debug)]
pub(super) struct MySqlWalk {
    pub(super) session: Session,
    pub(super) bound: Bound,
    pub(super) job: Job,
    pub(super) question: Question,
    /// What is read of each row to decide or to change; `None` where one statement does everything.
    pub(super) examined: Option<Examined>,
    pub(super) companions: Vec<Companion>,
    /// How records are counted before they go.
    pub(super) counting: Option<Counting>,
    pub(super) spool: Spool,
    order: Order,
    /// The tables as they were when the walk began.
    fingerprint: String,
    /// Workers, until all keys are done.
    workers: Option<Ahead<Asked>>,
    /// Who wants to be told of the batch after the next.
    listener: Option<Sender<KeyList>>,
    /// The batch that was committed last: its outcome is written by the time the next one is asked for.
    pub(super) settled: Option<BatchId>,
    /// Where the last committed batch ended.
    pub(super) cursor: Option<Cursor>,
    /// Records that a method could not work on: they stand in the first batch that saw them, and in no other.
    pub(super) unfit: HashSet<Key>,
    /// How many times the walk has come to its end.
    passes: usize,
    /// Something was done since the walk last came to its end.
    pub(super) acted: bool,
    forgot: bool,
    replicas: Replicas,
}

/// Connections for workers.
#[derive(Clone, Copy)]
pub(super) struct Others<'a> {
    /// So many may work at the same time.
    pub(super) parallel: usize,
    /// Opens one.
    pub(super) more: &'a dyn Fn() -> Result<Session, StoreError>,
}

/// How rows are looked at before anything is done to them.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) reader: Reader,
    pub(super) work: Option<Work>,
    /// The links whose rows decide: they are locked before the records are judged.
    pub(super) links: Vec<String>,
}

impl MySqlWalk {
    /// Begins with one connection. Without `returning` rows are read before they go; `others` gives more connections,
    /// which are used where much is due.
    pub(super) fn begin(
        session: Session,
        job: Job,
        returning: bool,
        replicas: Replicas,
        others: Others<'_>,
    ) -> Result<Self, StoreError> {
        session.require_primary()?;
        session.require_marks()?;
        session.role()?.require_sight(&session)?;
        let target = &job.scope.target;
        let probed = schema::probe(&session, target)?;
        refuse_effects(&session, &probed)?;
        let bound = schema::bind(&session, target)?;
        let companions = match job.act {
            Act::Delete => effects::companions(&session, &bound, target)?,
            Act::Change(_) => Vec::new(),
        };
        let question = dialect::question(&bound, &job.scope.events, &job.predicate)?;
        let work = match &job.act {
            Act::Delete => None,
            Act::Change(changes) => Some(Work::of(&session.place, &bound.frame.own, changes)?),
        };
        privileges::require(&session, &Needed::all(&bound.entry, work.as_ref(), &companions))?;
        let counting =
            job.aggregate.as_ref().map(|counts| Counting::begin(&session, &bound, counts)).transpose()?;
        let links = links_of(&job.predicate);
        let at_once = question.left.is_none()
            && work.is_none()
            && links.is_empty()
            && companions.is_empty()
            && counting.is_none();
        let examined = if at_once && returning && session.is_mariadb {
            None
        } else {
            let mut needs = question.needs();
            if let Some(counting) = &counting {
                counting.groupings().for_each(|column| needs.add_column(column));
            }
            if let Some(work) = &work {
                work.add_needs(&mut needs);
                needs.add_start(&job.start);
            }
            Some(Examined { reader: Reader::new(&bound, &needs)?, work, links })
        };
        let order =
            if at_once { way::order(&session, &bound, Some(&job.start), &question)? } else { Order::Key };
        let is_worth = examined.is_none() && job.expected >= WORTH_RANGES as u64;
        let workers = if is_worth && order == Order::Key {
            let known = (&job.scope.target, probed.fingerprint.as_str());
            ahead::workers(&session, &bound, known, job.expected, others)?
        } else {
            None
        };
        Ok(Self {
            workers,
            listener: None,
            spool: Spool::open(&session)?,
            fingerprint: probed.fingerprint,
            settled: None,
            cursor: None,
            unfit: HashSet::new(),
            passes: 0,
            acted: false,
            forgot: false,
            replicas,
            session,
            bound,
            job,
            question,
            examined,
            companions,
            counting,
            order,
        })
    }

    /// No trigger, reference or column came or went since the walk began. Asked inside the batch's transaction, after
    /// its statement: from then on nobody changes the tables.
    pub(super) fn check_tables(&self) -> Result<(), StoreError> {
        if let Some(counting) = &self.counting
            && !counting.is_as_it_was(&self.session, &self.bound)?
        {
            return Err(tables_changed(&self.session));
        }
        require_same_tables(&self.session, &self.job.scope.target, &self.fingerprint)
    }

    /// Waits for the next batch of the workers; false when they are through.
    fn look_ahead(
        &mut self,
        want: usize,
        without: &HashSet<Key>,
        listener: Option<Sender<KeyList>>,
    ) -> Result<bool, StoreError> {
        let asked = ahead::asked(&self.question);
        let Some(workers) = &mut self.workers else { return Ok(false) };
        workers.foretell(listener);
        workers.look(want, asked, without)
    }

    /// At the end the last mark has done its work.
    fn finish(&mut self) {
        if let Some(settled) = self.settled.take() {
            // It is pruned after a year in any case; an error here is no reason to call the run incomplete.
            let _ = self.session.unmark(&settled);
        }
    }
}

/// No trigger, reference or column came or went since `fingerprint` was taken.
pub(super) fn require_same_tables(
    session: &Session,
    target: &Target,
    fingerprint: &str,
) -> Result<(), StoreError> {
    if schema::fingerprint_of(session, target)? == fingerprint {
        return Ok(());
    }
    Err(tables_changed(session))
}

fn tables_changed(session: &Session) -> StoreError {
    session
        .trouble(StoreErrorKind::Changed, "its tables changed while the run was under way")
        .with_help("Nothing of the batch was done. Look at `forfall store show`, then approve again")
}

/// The columns of a key that was just read.
pub(super) fn parts_of(session: &Session, key: &Key) -> Result<Vec<KeyPart>, StoreError> {
    key.parts().map_err(|_| session.trouble(StoreErrorKind::Changed, "a key cannot be read again"))
}

impl Walk for MySqlWalk {
    fn prepare<'a>(
        &'a mut self,
        batch: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Option<Box<dyn Prepared + 'a>>, StoreError> {
        // Whoever listens hears of it if nothing comes.
        let listener = self.listener.take();
        let predicate = if without.is_empty() {
            self.job.predicate.clone()
        } else {
            self.job.predicate.clone().and(Predicate::KeyIn(Arc::new(without.clone())).negated())
        };
        self.question = dialect::question(&self.bound, &self.job.scope.events, &predicate)?;
        if self.workers.as_ref().is_some_and(|workers| want >= WORTH_RANGES || workers.is_under_way()) {
            if self.look_ahead(want, without, listener)? {
                return Ok(self.workers.as_mut().map(|workers| workers.hand_over(batch.batch)));
            }
            if let Some(workers) = self.workers.take() {
                workers.finish()?;
            }
            // What was moved behind the workers is found by one more pass.
            (self.cursor, self.passes) = (None, 1);
        } else if let Some(workers) = &mut self.workers {
            workers.rest()?;
        }
        let Some(stretch) = self.next_stretch(want.max(1))? else {
            self.finish();
            return Ok(None);
        };
        let forget = !std::mem::replace(&mut self.forgot, true);
        Ok(Some(Box::new(Frozen::freeze(self, batch, stretch, forget)?)))
    }

    fn foretell(&mut self, to: Sender<KeyList>, _: usize) {
        // Only workers are at the next batch before it is asked for.
        self.listener = self.workers.is_some().then_some(to);
    }

    fn strain(&mut self) -> Result<Option<String>, StoreError> {
        let behind = self.replicas.behind();
        if let (Some(_), Some(workers)) = (&behind, &mut self.workers) {
            workers.rest()?;
        }
        Ok(behind)
    }

    fn pacing(&mut self) -> Result<Pacing, StoreError> {
        let is_gentle = self.session.has_company()?;
        Ok(pacing(self.workers.as_mut(), is_gentle))
    }

    fn gaps(&self) -> Vec<Gap> {
        // An error ends the walk; nothing is passed over in silence.
        Vec::new()
    }
}

pub(super) fn refuse_effects(session: &Session, probed: &Schema) -> Result<(), StoreError> {
    if probed.side_effects.is_empty() {
        return Ok(());
    }
    let effects: Vec<&str> = probed.side_effects.iter().map(|effect| effect.text.as_str()).collect();
    let why = format!("more than the records would be touched: {}", effects.join("; "));
    Err(session
        .trouble(StoreErrorKind::Changed, why)
        .with_help("Nothing was done. Take away what does that, or leave the table to whoever made it"))
}
