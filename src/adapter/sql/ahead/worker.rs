//! One worker: a thread that carries out what it is told on a connection of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Places, Telling};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::ids::BatchId;
use crate::model::key::Key;
use crate::time::{Clock as _, SystemClock};

/// The adapter's part of a worker: a connection that works on one range at a time.
pub(crate) trait Hand: Send + 'static {
    /// What goes: the whole predicate.
    type Question: Send + Sync + 'static;

    /// Opens a transaction and deletes in these places what the question names. An error leaves it open. A hand may
    /// tell the records as they come, in the order in which they are struck; nobody needs to be told. `gently` is with
    /// rests in between, for places that were measured for that.
    fn strike(
        &mut self,
        places: &Places,
        question: &Self::Question,
        gently: bool,
        telling: &Telling,
    ) -> Result<Struck, StoreError>;

    /// Commits it, as the batch that it turned out to be.
    fn commit(&mut self, batch: &BatchId) -> Result<(), StoreError>;

    /// Takes back what is open.
    fn roll_back(&mut self) -> Result<(), StoreError>;

    /// The outcomes of everything that was committed are written: what was kept for them is not needed any more.
    fn settle(&mut self) {}
}

/// What was deleted and is not committed.
pub(crate) struct Struck {
    /// The records.
    pub(crate) records: Vec<Key>,
    /// What is needed to ask for the transaction's fate.
    pub(crate) spool: Vec<u8>,
}

/// What a worker is told.
pub(super) enum Order<Q> {
    Strike { places: Places, question: Arc<Q>, gently: bool, telling: Saying },
    Commit(BatchId),
    Abort,
    Settle,
}

/// A worker's side of what is told: it ends when the worker is through, whatever happens to it.
pub(super) struct Saying(pub(super) Arc<Telling>);

impl Drop for Saying {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What a range came to and how long it took, with a clock that runs since it was begun, and for which worker.
pub(super) type Answer = (usize, Result<Came, StoreError>);
pub(super) type Came = (Struck, Duration, SystemClock);

pub(super) struct Worker<Q> {
    orders: Option<Sender<Order<Q>>>,
    /// How its transactions ended.
    endings: Receiver<Result<(), StoreError>>,
    thread: Option<JoinHandle<()>>,
    /// What it is at.
    pub(super) at: Option<Places>,
    /// How many records that should come to.
    pub(super) want: usize,
    /// What it tells of that.
    pub(super) telling: Arc<Telling>,
    /// Where the last range that it was given ended.
    pub(super) came_to: Option<u64>,
}

impl<Q: Send + Sync + 'static> Worker<Q> {
    /// Starts the worker of this number; what its ranges came to it tells to `answers`.
    pub(super) fn start(number: usize, mut hand: impl Hand<Question = Q>, answers: &Sender<Answer>) -> Self {
        let (orders, told) = channel();
        let (tell, endings) = channel();
        let answers = Answers { number, to: answers.clone(), owes: false };
        let thread = std::thread::spawn(move || work(&mut hand, &told, answers, &tell));
        Self {
            orders: Some(orders),
            endings,
            thread: Some(thread),
            at: None,
            want: 0,
            telling: Arc::default(),
            came_to: None,
        }
    }

    pub(super) fn order(&self, order: Order<Q>) -> Result<(), StoreError> {
        let sent = self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok());
        if sent { Ok(()) } else { Err(lost()) }
    }

    /// Has its transaction end, and waits for that.
    pub(super) fn end(&self, order: Order<Q>) -> Result<(), StoreError> {
        self.order(order)?;
        self.endings.recv().map_err(|_| lost())?
    }
}

/// One worker's way to those who wait for any of them: an answer comes also if its thread breaks off.
struct Answers {
    number: usize,
    to: Sender<Answer>,
    owes: bool,
}

impl Answers {
    fn send(&mut self, answer: Result<Came, StoreError>) -> bool {
        self.owes = false;
        self.to.send((self.number, answer)).is_ok()
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if self.owes {
            self.send(Err(lost()));
        }
    }
}

pub(super) fn lost() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a connection", "its thread ended")
        .with_help("See the log; the next run goes on")
}

impl<Q> Drop for Worker<Q> {
    fn drop(&mut self) {
        // Without orders a worker takes back what is open, and ends.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The worker's side.
fn work<H: Hand>(
    hand: &mut H,
    orders: &Receiver<Order<H::Question>>,
    mut answers: Answers,
    tell: &Sender<Result<(), StoreError>>,
) {
    let mut open = false;
    while let Ok(order) = orders.recv() {
        let ended = match order {
            Order::Strike { places, question, gently, telling } => {
                answers.owes = true;
                let clock = SystemClock::new();
                let struck = hand.strike(&places, &question, gently, &telling.0);
                let struck = struck.map(|struck| (struck, clock.monotonic(), clock));
                drop(telling);
                open = struck.is_ok();
                if !open {
                    drop(hand.roll_back());
                }
                if answers.send(struck) {
                    continue;
                }
                break;
            }
            Order::Commit(batch) => {
                open = false;
                hand.commit(&batch)
            }
            Order::Abort => {
                open = false;
                hand.roll_back()
            }
            Order::Settle => {
                hand.settle();
                Ok(())
            }
        };
        if tell.send(ended).is_err() {
            break;
        }
    }
    if open {
        drop(hand.roll_back());
    }
}
