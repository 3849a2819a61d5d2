//! Walking the records of a job, batch after batch.
//!
//! Where much is due, the walk follows the table's pages, so that each is read and written once; where little is due,
//! it follows the index on the start, in windows if enough is due for more than one. Which of the two is the server's own
//! estimate. What lies in the next stretch is found by reading; what goes is decided by the statement that carries the
//! whole predicate.

mod stretch;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

pub(super) use stretch::Stretch;

use super::ahead::{Asked, Division, PlaceHand};
use super::batch::Frozen;
use super::counts::Counting;
use super::dialect::{self, Question};
use super::effects::{self, Companion};
use super::fate::Server;
use super::partitions::{self, Partition};
use super::replicas;
use super::rows::Reader;
use super::schema::{self, Bound};
use super::session::Session;
use super::standing::{CHECK, require_privileges, require_writable, tables_changed};
use super::value::Bind;
use super::way::{Order, order};
use super::windows::{self, Windows};
use crate::adapter::api::{
    Act, Gap, Job, LastLook, Pacing, Prepared, StoreError, StoreErrorKind, Walk, Whole,
};
use crate::adapter::place::Server as Place;
use crate::adapter::sql::ahead::{Ahead, Sharing, Size, View, WORTH_RANGES, pacing};
use crate::adapter::sql::{Work, links_of};
use crate::model::batch::BatchLabel;
use crate::model::key::{Key, KeyList};
use crate::model::predicate::Predicate;

/// A walk over one job.
#[derive(Debug)]
pub(super) struct PostgresWalk {
    pub(super) session: Session,
    pub(super) bound: Bound,
    pub(super) job: Job,
    pub(super) question: Question,
    /// What is read of each row to decide or to change; `None` where one statement does everything.
    pub(super) examined: Option<Examined>,
    pub(super) companions: Vec<Companion>,
    /// How records are counted before they go.
    pub(super) counting: Option<Counting>,
    pub(super) server: Server,
    order: Order,
    /// The tables as they were when the walk began, and which those are.
    signature: String,
    tables: Vec<Bind>,
    /// Workers, until all pages are done.
    ahead: Option<Ahead<Asked>>,
    /// What is counted when the workers are through, and what that came to.
    pub(super) last_look: Option<LastLook>,
    pub(super) looked: Option<Vec<u64>>,
    /// Who wants to be told of the batch after the next one.
    listener: Option<Sender<KeyList>>,
    /// Partitions that may go as a whole, until the first batch; `None` before they were looked for.
    whole: Option<VecDeque<Partition>>,
    /// A replica further behind pauses the walk.
    max_lag: Duration,
    /// Where the last committed batch ended.
    pub(super) cursor: Option<String>,
    /// Records that a method could not work on: they stand in the first batch that saw them, and in no other.
    pub(super) unfit: HashSet<Key>,
    /// How many times the walk has come to its end.
    passes: usize,
    /// Something was done since the walk last came to its end.
    pub(super) acted: bool,
}

/// How rows are looked at before anything is done to them.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) reader: Reader,
    pub(super) work: Option<Work>,
    /// The links whose rows decide: they are locked first.
    pub(super) links: Vec<String>,
}

impl PostgresWalk {
    /// Begins with one connection; `more` gives others, of which up to `parallel` are used where much is due.
    pub(super) fn begin(
        session: Session,
        job: Job,
        place: &Place,
        more: &dyn Fn() -> Result<Session, StoreError>,
    ) -> Result<Self, StoreError> {
        require_writable(&session)?;
        let target = &job.scope.target;
        let probed = schema::probe(&session, target)?;
        if !probed.side_effects.is_empty() {
            let effects: Vec<_> = probed.side_effects.into_iter().map(|effect| effect.text).collect();
            let why = format!("more than the records would be touched: {}", effects.join("; "));
            return Err(session
                .trouble(StoreErrorKind::Changed, why)
                .with_help("Nothing was done. Run `forfall check`"));
        }
        let bound = schema::bind(&session, target)?;
        let companions = match job.act {
            Act::Delete => effects::companions(&session, &bound, target)?,
            Act::Change(_) => Vec::new(),
        };
        require_privileges(&session, &bound, &job.act, &companions)?;
        let counting =
            job.aggregate.as_ref().map(|counts| Counting::begin(&session, &bound, counts)).transpose()?;
        let question = dialect::question(&bound, &job.scope.events, &job.predicate)?;
        let work = match &job.act {
            Act::Delete => None,
            Act::Change(changes) => Some(Work::of(&session.place, &bound.frame.own, changes)?),
        };
        let links = links_of(&job.predicate);
        let by_itself = question.left.is_none() && work.is_none() && links.is_empty();
        let examined = if !by_itself || !companions.is_empty() || counting.is_some() {
            let mut needs = question.needs();
            if let Some(counting) = &counting {
                counting.groupings().for_each(|column| needs.add_column(column));
            }
            if let Some(work) = &work {
                work.add_needs(&mut needs);
                needs.add_start(&job.start);
            }
            Some(Examined { reader: Reader::new(&bound, &needs)?, work, links })
        } else {
            None
        };
        let order = if examined.is_some() {
            Order::Pages
        } else {
            order(&session, &bound, Some(&job.start), &question)?
        };
        let mut tables = vec![i64::from(bound.entry.oid)];
        tables.extend(companions.iter().map(|companion| i64::from(companion.entry.oid)));
        tables.extend(counting.iter().flat_map(Counting::tables));
        let mut walk = Self {
            server: Server::ask(&session)?,
            signature: String::new(),
            tables: vec![Bind::Ints(tables)],
            ahead: None,
            last_look: None,
            looked: None,
            listener: None,
            whole: None,
            max_lag: place.max_replica_lag,
            cursor: None,
            unfit: HashSet::new(),
            passes: 0,
            acted: false,
            session,
            bound,
            job,
            question,
            examined,
            companions,
            counting,
            order,
        };
        walk.session.takes_number();
        walk.signature = walk.session.one(CHECK, &walk.tables)?.get(0);
        walk.ahead = ahead(&walk, place.connections(), more)?;
        Ok(walk)
    }

    /// No trigger, rule, reference or column came or went since the walk began. Asked inside the batch's transaction,
    /// after its statement: from then on nobody changes the tables. Gives the transaction's number.
    pub(super) fn check_tables(&self) -> Result<String, StoreError> {
        let row = self.session.one(CHECK, &self.tables)?;
        if row.get::<_, String>(0) == self.signature {
            Ok(row.get(1))
        } else {
            Err(tables_changed(&self.session))
        }
    }
}

/// The pages of the table; of a partitioned one those of its largest partition.
fn pages(session: &Session, bound: &Bound) -> Result<u64, StoreError> {
    let sql = if bound.entry.partitioned {
        "SELECT coalesce(max(pg_relation_size(relid) / current_setting('block_size')::int8), 0)::int8 \
         FROM pg_partition_tree($1::int8::oid) WHERE isleaf"
    } else {
        "SELECT pg_relation_size($1::int8::oid) / current_setting('block_size')::int8"
    };
    let pages: i64 = session.one(sql, &[Bind::Int(bound.entry.oid.into())])?.get(0);
    Ok(u64::try_from(pages).unwrap_or(0))
}

impl Walk for PostgresWalk {
    fn whole(&mut self) -> Result<Option<Whole<'_>>, StoreError> {
        if !self.job.scope.target.drop_partitions || self.job.act != Act::Delete {
            return Ok(None);
        }
        if self.whole.is_none() {
            let mut found = partitions::due(&self.session, self)?;
            let none = found.is_empty();
            if let (false, Some(why)) = (none, partitions::objection(self)) {
                found.clear();
                self.whole = Some(found);
                let name = format!("a partition of `{}`", self.bound.entry.spelled);
                return Ok(Some(Whole::Left { name, why: why.to_owned() }));
            }
            self.whole = Some(found);
        }
        if let Some(partition) = self.whole.as_mut().and_then(VecDeque::pop_front) {
            return partitions::try_whole(self, partition).map(Some);
        }
        if self.acted && self.examined.is_none() {
            // Much less is due now than when the way was chosen.
            self.order = order(&self.session, &self.bound, Some(&self.job.start), &self.question)?;
        }
        Ok(None)
    }

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
        if want >= WORTH_RANGES || self.ahead.as_ref().is_some_and(Ahead::is_under_way) {
            let question = &self.question;
            let asked = (question.sql.clone(), question.bound.clone());
            let ahead = self.ahead.as_mut();
            let is_there = ahead.map(|ahead| {
                ahead.foretell(listener);
                ahead.look(want, asked, without)
            });
            let is_there = is_there.transpose()?;
            if is_there == Some(true) {
                return Ok(self.ahead.as_mut().map(|ahead| ahead.hand_over(batch.batch)));
            }
            if let Some(ahead) = self.ahead.take() {
                // One look leaves what is gone as it is; where more questions follow, the server had better tidy up.
                let view = ahead.end(self.last_look.is_some())?;
                // What was moved behind the workers is found by one more pass.
                (self.cursor, self.passes) = (None, 1);
                let is_left = self.look_at_all();
                drop(view);
                if !is_left? {
                    return Ok(None);
                }
            }
        } else if let Some(ahead) = &mut self.ahead {
            ahead.rest()?;
        }
        let (condition, bound) = (self.question.sql.clone(), self.question.bound.clone());
        let Some(stretch) = self.next_stretch(want.max(1), &condition, &bound)? else { return Ok(None) };
        Ok(Some(Box::new(Frozen::freeze(self, &stretch, &batch.policy)?)))
    }

    fn foretell(&mut self, to: Sender<KeyList>, _: usize) {
        // Only workers are at the next batch before it is asked for.
        self.listener = self.ahead.is_some().then_some(to);
    }

    fn look_last(&mut self, at: LastLook) {
        self.last_look = Some(at);
    }

    fn looked(&mut self) -> Option<Vec<u64>> {
        self.looked.take()
    }

    fn strain(&mut self) -> Result<Option<String>, StoreError> {
        let strain = replicas::behind(&self.session, self.max_lag)?;
        if let (Some(_), Some(ahead)) = (&strain, &mut self.ahead) {
            ahead.rest()?;
        }
        Ok(strain)
    }

    fn pacing(&mut self) -> Result<Pacing, StoreError> {
        let is_gentle = self.session.has_company()?;
        Ok(pacing(self.ahead.as_mut(), is_gentle))
    }

    fn gaps(&self) -> Vec<Gap> {
        // An error ends the walk; nothing is passed over in silence.
        Vec::new()
    }
}

/// Opens a transaction that sees what is there now. The server itself ends it where a batch takes too long.
const VIEW: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL idle_in_transaction_session_timeout = '1min'; SELECT 1";

/// The most rows that one page can hold.
const FULLEST_PAGE: f64 = 300.0;

/// Reading ahead with workers, where much goes by one statement in one table.
fn ahead(
    walk: &PostgresWalk,
    parallel: usize,
    more: &dyn Fn() -> Result<Session, StoreError>,
) -> Result<Option<Ahead<Asked>>, StoreError> {
    let due = walk.job.expected;
    if walk.examined.is_some() || due < WORTH_RANGES as u64 {
        return Ok(None);
    }
    let Some((division, size)) = divided(walk, due)? else { return Ok(None) };
    let hand = |session| PlaceHand {
        session,
        bound: walk.bound.clone(),
        division: division.clone(),
        server: walk.server.clone(),
        check: CHECK,
        checked: walk.tables.clone(),
        signature: walk.signature.clone(),
        disturbed: 0,
    };
    let hands = (0..parallel.max(1)).map(|_| more().map(hand)).collect::<Result<Vec<_>, _>>()?;
    let ahead = Ahead::new(hands, Sharing::InTurn, &size);
    if matches!(division, Division::Pages) {
        return Ok(Some(ahead));
    }
    // Several windows come back to the same page. Where the server gives no more connections, it goes without.
    let view = more().ok().map(|session| View::new(VIEW, move |sql| session.run(sql)));
    Ok(Some(ahead.with_view(view)))
}

/// What the places of a walk are, if it can be divided into any.
fn divided(walk: &PostgresWalk, due: u64) -> Result<Option<(Division, Size)>, StoreError> {
    let entry = &walk.bound.entry;
    match &walk.order {
        // A place on a page is one of many tables there.
        Order::Pages if entry.partitioned => Ok(None),
        Order::Pages => {
            let places = pages(&walk.session, &walk.bound)?;
            let records = entry.estimate.unwrap_or(due as f64);
            Ok(Some((Division::Pages, Size { places, fullest: FULLEST_PAGE, records, due })))
        }
        Order::Start(column, kind) => {
            let windows = Windows::divide(&walk.session, &walk.bound, &walk.question, (column, kind), due)?;
            Ok(windows.map(|windows| {
                let size =
                    Size { places: windows.count(), fullest: windows::MOST as f64, records: due as f64, due };
                (Division::Windows(Arc::new(windows)), size)
            }))
        }
    }
}
