//! One worker: a thread that carries out what it is told on a connection of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::Places;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::ids::BatchId;
use crate::model::key::Key;

/// The adapter's part of a worker: a connection that works on one range at a time.
pub(crate) trait Hand: Send + 'static {
    /// What goes: the whole predicate.
    type Question: Send + Sync + 'static;

    /// Opens a transaction and deletes in these places what the question names. An error leaves it open.
    fn strike(&mut self, places: &Places, question: &Self::Question) -> Result<Struck, StoreError>;

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
    Strike { places: Places, question: Arc<Q> },
    Commit(BatchId),
    Abort,
    Settle,
}

/// What a worker says.
pub(super) enum Answer {
    Struck(Result<Struck, StoreError>),
    /// How the transaction ended.
    Ended(Result<(), StoreError>),
}

pub(super) struct Worker<Q> {
    orders: Option<Sender<Order<Q>>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    /// What it is at.
    pub(super) at: Option<Places>,
    /// Where the last range that it was given ended.
    pub(super) came_to: Option<u64>,
}

impl<Q: Send + Sync + 'static> Worker<Q> {
    pub(super) fn start(mut hand: impl Hand<Question = Q>) -> Self {
        let (orders, told) = channel();
        let (tell, answers) = channel();
        let thread = std::thread::spawn(move || work(&mut hand, &told, &tell));
        Self { orders: Some(orders), answers, thread: Some(thread), at: None, came_to: None }
    }

    pub(super) fn order(&self, order: Order<Q>) -> Result<(), StoreError> {
        let sent = self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok());
        if sent { Ok(()) } else { Err(lost()) }
    }

    pub(super) fn answer(&self) -> Result<Answer, StoreError> {
        self.answers.recv().map_err(|_| lost())
    }

    pub(super) fn end(&self, order: Order<Q>) -> Result<(), StoreError> {
        self.order(order)?;
        match self.answer()? {
            Answer::Ended(ended) => ended,
            Answer::Struck(_) => Err(lost()),
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
fn work<H: Hand>(hand: &mut H, orders: &Receiver<Order<H::Question>>, tell: &Sender<Answer>) {
    let mut open = false;
    while let Ok(order) = orders.recv() {
        let answer = match order {
            Order::Strike { places, question } => {
                let struck = hand.strike(&places, &question);
                open = struck.is_ok();
                if !open {
                    drop(hand.roll_back());
                }
                Answer::Struck(struck)
            }
            Order::Commit(batch) => {
                open = false;
                Answer::Ended(hand.commit(&batch))
            }
            Order::Abort => {
                open = false;
                Answer::Ended(hand.roll_back())
            }
            Order::Settle => {
                hand.settle();
                Answer::Ended(Ok(()))
            }
        };
        if tell.send(answer).is_err() {
            break;
        }
    }
    if open {
        drop(hand.roll_back());
    }
}
