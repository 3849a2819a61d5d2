//! Deleting much: page by page, each worker with a connection and a transaction of its own.
//!
//! While one batch waits for its intent, the server already works on the next: the table's pages are given out in small
//! ranges, and batches are handed over in the order of their ranges. A batch that is taken back gives its range back.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::catalogue::quoted;
use super::dialect::Question;
use super::fate::{self, Server, Spool};
use super::schema::Bound;
use super::session::Session;
use super::value::{self, Bind};
use crate::adapter::api::{Basis, Prepared, StoreError, StoreErrorKind};
use crate::model::batch::Applied;
use crate::model::key::Key;

/// A batch of fewer records than this is found row by row: pages are too coarse for it.
pub(super) const WORTH_PAGES: usize = 1_000;

/// Pages, the first in it, the last not.
type Pages = std::ops::Range<u64>;

/// What a worker is told.
enum Order {
    /// Open a transaction and delete what the condition names in these pages.
    Strike { pages: Pages, question: Arc<(String, Vec<Bind>)> },
    /// Commit it.
    Commit,
    /// Take it back.
    Abort,
}

/// What a worker says.
enum Answer {
    /// What was deleted, and the transaction's number.
    Struck(Result<(Vec<Key>, String), StoreError>),
    /// How the transaction ended.
    Ended(Result<(), StoreError>),
}

#[derive(Debug)]
struct Worker {
    orders: Option<Sender<Order>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    /// What it is at.
    at: Option<Pages>,
}

impl Worker {
    fn order(&self, order: Order) -> Result<(), StoreError> {
        let sent = self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok());
        if sent { Ok(()) } else { Err(lost()) }
    }

    fn answer(&self) -> Result<Answer, StoreError> {
        self.answers.recv().map_err(|_| lost())
    }
}

fn lost() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a connection", "its thread ended")
        .with_help("See the log; the next run goes on")
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Without orders a worker takes back what is open, and ends.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The workers of one walk.
#[derive(Debug)]
pub(super) struct Ahead {
    workers: Vec<Worker>,
    /// The workers in the order in which they were given their pages.
    turn: VecDeque<usize>,
    /// Pages that nobody is at.
    left: VecDeque<Pages>,
    /// Records that go, for each page, as far as is known.
    density: f64,
    /// All records for each page.
    most: f64,
    server: Server,
    /// The batch that is handed over next.
    found: Option<Found>,
}

/// The table's size, as far as it decides about the ranges.
pub(super) struct Size {
    pub(super) pages: u64,
    /// Records in all, and those that go.
    pub(super) rows: f64,
    pub(super) due: u64,
}

impl Ahead {
    /// Starts a worker for each session. `check` is asked in each transaction: the tables as they were.
    pub(super) fn new(
        sessions: Vec<Session>,
        bound: &Bound,
        signature: (&str, &[Bind], &str),
        server: Server,
        size: &Size,
    ) -> Self {
        let pages = size.pages.max(1) as f64;
        let workers = sessions
            .into_iter()
            .map(|session| {
                let (orders, told) = channel();
                let (tell, answers) = channel();
                let mut hand = Hand {
                    session,
                    bound: bound.clone(),
                    check: signature.0.to_owned(),
                    checked: signature.1.to_vec(),
                    signature: signature.2.to_owned(),
                    open: false,
                };
                let thread = std::thread::spawn(move || hand.work(&told, &tell));
                Worker { orders: Some(orders), answers, thread: Some(thread), at: None }
            })
            .collect();
        Self {
            workers,
            turn: VecDeque::new(),
            left: std::iter::once(0..size.pages).collect(),
            density: (size.due as f64 / pages).max(0.1),
            most: (size.rows / pages).clamp(1.0, 300.0),
            server,
            found: None,
        }
    }

    /// Gives every worker that has nothing to do the next pages.
    fn feed(&mut self, want: usize, question: &Arc<(String, Vec<Bind>)>) -> Result<(), StoreError> {
        for place in 0..self.workers.len() {
            if self.workers[place].at.is_some() {
                continue;
            }
            let Some(pages) = self.next_pages(want) else { return Ok(()) };
            self.workers[place]
                .order(Order::Strike { pages: pages.clone(), question: Arc::clone(question) })?;
            self.workers[place].at = Some(pages);
            self.turn.push_back(place);
        }
        Ok(())
    }

    /// So many pages that about `want` records go, and not many more if they are fuller than those before.
    fn next_pages(&mut self, want: usize) -> Option<Pages> {
        let pages = self.left.pop_front()?;
        let wanted = (want as f64 / self.density).min(want as f64 * 2.0 / self.most).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive count of pages"
        )]
        let end = (pages.start + wanted as u64).min(pages.end);
        if end < pages.end {
            self.left.push_front(end..pages.end);
        }
        Some(pages.start..end)
    }

    /// Whether anybody is at work or something is left to do with pages.
    pub(super) fn is_under_way(&self) -> bool {
        !self.turn.is_empty()
    }

    /// Waits for the next batch with records in it; false when all pages are done.
    pub(super) fn look(
        &mut self,
        want: usize,
        question: &Question,
        without: &HashSet<Key>,
    ) -> Result<bool, StoreError> {
        let question = Arc::new((question.sql.clone(), question.bound.clone()));
        loop {
            self.feed(want, &question)?;
            let Some(place) = self.turn.pop_front() else { return Ok(false) };
            let answer = self.workers[place].answer()?;
            let pages = self.workers[place].at.take().unwrap_or(0..0);
            let (records, transaction) = match answer {
                Answer::Struck(Ok(struck)) => struck,
                Answer::Struck(Err(error)) => {
                    self.left.push_front(pages);
                    return Err(error);
                }
                Answer::Ended(_) => return Err(lost()),
            };
            let found = records.len() as f64 / (pages.end - pages.start).max(1) as f64;
            self.density = (0.5 * self.density + 0.5 * found).max(0.05);
            let is_held = !without.is_empty() && records.iter().any(|key| without.contains(key));
            if records.is_empty() || is_held {
                self.end(place, Order::Abort)?;
                if is_held {
                    // It was begun before this was known.
                    self.left.push_front(pages);
                }
                continue;
            }
            self.found = Some(Found { place, pages, records, transaction, want, question });
            return Ok(true);
        }
    }

    /// The batch that was waited for.
    pub(super) fn hand_over(&mut self) -> Box<dyn Prepared + '_> {
        let found = self.found.take().expect("a batch was waited for");
        Box::new(Struck { open: true, ahead: self, found })
    }

    /// Takes back what was begun and not handed over: nothing stays locked while nobody works.
    pub(super) fn rest(&mut self) -> Result<(), StoreError> {
        while let Some(place) = self.turn.pop_front() {
            let answer = self.workers[place].answer()?;
            self.left.extend(self.workers[place].at.take());
            if let Answer::Struck(Ok(_)) = answer {
                self.end(place, Order::Abort)?;
            }
        }
        self.left.make_contiguous().sort_unstable_by_key(|pages| pages.start);
        Ok(())
    }

    fn end(&self, place: usize, order: Order) -> Result<(), StoreError> {
        self.workers[place].order(order)?;
        match self.workers[place].answer()? {
            Answer::Ended(ended) => ended,
            Answer::Struck(_) => Err(lost()),
        }
    }
}

/// What a worker has deleted.
#[derive(Debug)]
struct Found {
    place: usize,
    pages: Pages,
    records: Vec<Key>,
    transaction: String,
    want: usize,
    question: Arc<(String, Vec<Bind>)>,
}

/// A batch of one worker, deleted and not committed.
struct Struck<'a> {
    ahead: &'a mut Ahead,
    found: Found,
    open: bool,
}

impl Struck<'_> {
    fn take_back(&mut self) -> Result<(), StoreError> {
        self.open = false;
        self.ahead.left.push_front(self.found.pages.clone());
        self.ahead.end(self.found.place, Order::Abort)
    }
}

impl Prepared for Struck<'_> {
    fn records(&self) -> &[Key] {
        &self.found.records
    }

    fn companions(&self) -> Vec<(String, Vec<Key>)> {
        Vec::new()
    }

    fn spool(&self) -> Vec<u8> {
        fate::encode(
            &Spool { server: self.ahead.server.clone(), transaction: self.found.transaction.clone() },
            &[],
        )
    }

    fn basis(&self) -> Basis {
        Basis::Marked
    }

    fn commit(mut self: Box<Self>) -> Result<Applied, StoreError> {
        self.open = false;
        self.ahead.end(self.found.place, Order::Commit)?;
        // The worker goes on while the outcome is written.
        let (want, question) = (self.found.want, Arc::clone(&self.found.question));
        let done = self.found.records.len() as u64;
        if let Err(error) = self.ahead.feed(want, &question) {
            // This batch is done all the same; the next one will say what is wrong.
            tracing::debug!(%error, "the next batch was not begun");
        }
        Ok(Applied { done, ..Applied::default() })
    }

    fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        self.take_back()
    }
}

impl Drop for Struck<'_> {
    fn drop(&mut self) {
        if self.open {
            drop(self.take_back());
        }
    }
}

/// The worker's side.
struct Hand {
    session: Session,
    bound: Bound,
    check: String,
    checked: Vec<Bind>,
    signature: String,
    open: bool,
}

impl Hand {
    fn work(&mut self, orders: &Receiver<Order>, tell: &Sender<Answer>) {
        while let Ok(order) = orders.recv() {
            let answer = match order {
                Order::Strike { pages, question } => {
                    let struck = self.strike(&pages, &question);
                    if struck.is_err() {
                        drop(self.close("ROLLBACK"));
                    }
                    Answer::Struck(struck)
                }
                Order::Commit => Answer::Ended(self.close("COMMIT")),
                Order::Abort => Answer::Ended(self.close("ROLLBACK")),
            };
            if tell.send(answer).is_err() {
                break;
            }
        }
        if self.open {
            drop(self.close("ROLLBACK"));
        }
    }

    fn close(&mut self, sql: &str) -> Result<(), StoreError> {
        self.open = false;
        self.session.run(sql)
    }

    fn strike(
        &mut self,
        pages: &Pages,
        question: &(String, Vec<Bind>),
    ) -> Result<(Vec<Key>, String), StoreError> {
        self.open = true;
        self.session.run(super::batch::BEGIN)?;
        let (condition, bound) = question;
        let alias = quoted(&self.bound.frame.own.name);
        let mut bound = bound.clone();
        let mut place = |page: u64| {
            bound.push(Bind::Text(format!("({page},0)")));
            format!("${}::text::tid", bound.len())
        };
        let (first, past) = (place(pages.start), place(pages.end));
        let sql = format!(
            "DELETE FROM {} WHERE {alias}.ctid >= {first} AND {alias}.ctid < {past} AND {condition} RETURNING {}",
            self.bound.from(),
            self.bound.key_list()
        );
        let mut keys = Vec::new();
        self.session.each(&sql, &bound, |row| {
            let key = value::key(row, 0, &self.bound.key)
                .map_err(|error| self.session.trouble(StoreErrorKind::Changed, error.to_string()))?;
            keys.extend(key);
            Ok(())
        })?;
        let row = self.session.one(&self.check, &self.checked)?;
        if row.get::<_, String>(0) != self.signature {
            return Err(super::walk::tables_changed(&self.session));
        }
        Ok((keys, row.get(1)))
    }
}
