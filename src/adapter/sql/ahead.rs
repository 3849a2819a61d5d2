//! Deleting much: range by range, each worker with a connection and a transaction of its own.
//!
//! While one batch waits for its intent, the server already works on the next: the table is given out in small ranges
//! of places, such as pages or whole-number keys, and batches are handed over in the order of their ranges. A batch
//! that is taken back gives its range back.

mod handed;
mod telling;
mod view;
mod worker;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use handed::{Found, Handed};
pub(crate) use telling::{Coming, Telling};
pub(crate) use view::View;
use worker::{Answer, Order, Saying, Worker, lost};
pub(crate) use worker::{Hand, Struck};

use crate::adapter::api::{Pacing, Prepared, StoreError};
use crate::model::ids::BatchId;
use crate::model::key::{Key, KeyList};

/// A batch of fewer records than this is found row by row: ranges are too coarse for it.
pub(crate) const WORTH_RANGES: usize = 1_000;

/// Where so many places hold nothing that goes for every one that does, the ranges grow no further.
const SPARSE: f64 = 5_000.0;

/// Places, the first in it, the last not.
pub(crate) type Places = std::ops::Range<u64>;

/// So many places are given out at once beside others where each holds many records, however few of them go: a transaction
/// does not last for long.
const GENTLE_PLACES: u64 = 256;

/// After each step of a batch the server is left to others for so long: several times as long as it takes.
pub(crate) const GENTLE_REST: Duration = Duration::from_millis(5);

/// How workers share the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Each takes the next range, so that all are read in their order.
    InTurn,
    /// Each keeps to a region of its own, because a statement also locks the first record behind its range.
    Apart,
}

/// A region that has no more ranges than this is not divided any further.
const REGION: u64 = 4;

/// How a walk goes about it, if gently or not: workers rest between the steps of a batch, without them it is for the engine.
pub(crate) fn pacing<Q: Send + Sync + 'static>(ahead: Option<&mut Ahead<Q>>, is_gentle: bool) -> Pacing {
    match ahead {
        Some(ahead) => {
            ahead.go_gently(is_gentle);
            if is_gentle { Pacing::InSteps } else { Pacing::Full }
        }
        None if is_gentle => Pacing::Gentle,
        None => Pacing::Full,
    }
}

/// The workers of one walk.
pub(crate) struct Ahead<Q> {
    workers: Vec<Worker<Q>>,
    /// So many of them are given work.
    at_once: usize,
    /// And so many places at most, each time.
    most_places: u64,
    sharing: Sharing,
    /// What the workers' ranges came to, as it comes.
    answers: Receiver<Answer>,
    /// The workers in the order in which they were given their places.
    turn: VecDeque<usize>,
    /// Answers that came before their turn.
    early: Vec<Answer>,
    /// Places that nobody is at.
    left: VecDeque<Places>,
    /// Records that go, for each place, as far as is known.
    density: f64,
    /// All records for each place.
    most: f64,
    /// The batch that is handed over next.
    found: Option<Found<Q>>,
    /// Who wants to be told of the batch after the one that is waited for, until a worker has begun it.
    listener: Option<Sender<KeyList>>,
    /// What is told of the batch that is waited for, and of the one after it.
    heard: [Option<Arc<Telling>>; 2],
    /// Held while workers are at work and nobody else is.
    view: Option<View>,
}

impl<Q> std::fmt::Debug for Ahead<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ahead({} workers, {:?} left)", self.workers.len(), self.left)
    }
}

/// The table's size, as far as it decides about the ranges.
pub(crate) struct Size {
    /// How many places it has.
    pub(crate) places: u64,
    /// The most records that one place can hold.
    pub(crate) fullest: f64,
    /// All records.
    pub(crate) records: f64,
    /// Those that go.
    pub(crate) due: u64,
}

impl<Q: Send + Sync + 'static> Ahead<Q> {
    /// Starts a worker for each hand.
    pub(crate) fn new<H: Hand<Question = Q>>(hands: Vec<H>, sharing: Sharing, size: &Size) -> Self {
        let places = size.places.max(1) as f64;
        let most = (size.records / places).clamp(1.0 / places, size.fullest);
        let (tell, answers) = channel();
        let start = |(number, hand)| Worker::start(number, hand, &tell);
        Self {
            workers: hands.into_iter().enumerate().map(start).collect(),
            at_once: usize::MAX,
            most_places: u64::MAX,
            answers,
            early: Vec::new(),
            sharing,
            turn: VecDeque::new(),
            left: std::iter::once(0..size.places).collect(),
            density: (size.due as f64 / places).max(most / SPARSE),
            most,
            found: None,
            listener: None,
            heard: [None, None],
            view: None,
        }
    }

    /// Has the server tidy up later, where it would go over the same pages as the workers.
    pub(crate) fn with_view(self, view: Option<View>) -> Self {
        Self { view, ..self }
    }

    /// From now on one worker is given a few places at a time, or all of them as much as they can. What was begun is ended.
    fn go_gently(&mut self, gently: bool) {
        // A place of one record is no measure: most of them may be empty.
        let most_places = if self.sharing == Sharing::InTurn { GENTLE_PLACES } else { u64::MAX };
        (self.at_once, self.most_places) = if gently { (1, most_places) } else { (usize::MAX, u64::MAX) };
    }

    /// Whether one worker is given a few places at a time.
    pub(crate) fn goes_gently(&self) -> bool {
        self.at_once == 1
    }

    /// Gives every worker that has nothing to do the next places.
    fn feed(&mut self, want: usize, question: &Arc<Q>) -> Result<(), StoreError> {
        for place in 0..self.workers.len().min(self.at_once) {
            if self.workers[place].at.is_some() {
                continue;
            }
            let Some(places) = self.next_places(place, self.wanted(want)) else { continue };
            let (telling, question) = (Arc::new(Telling::default()), Arc::clone(question));
            self.workers[place].telling = Arc::clone(&telling);
            let telling = Saying(telling);
            self.workers[place].order(Order::Strike {
                places: places.clone(),
                question,
                gently: self.goes_gently(),
                telling,
            })?;
            self.workers[place].came_to = Some(places.end);
            self.workers[place].at = Some(places);
            self.workers[place].want = want;
            self.turn.push_back(place);
        }
        Ok(())
    }

    /// So many places that about `want` records go, and not many more if they are fuller than those before.
    fn wanted(&self, want: usize) -> u64 {
        let wanted = (want as f64 / self.density).min(want as f64 * 2.0 / self.most).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive count; what is too large becomes the largest"
        )]
        let wanted = wanted as u64;
        wanted.min(self.most_places)
    }

    /// The range that a worker is given next; `None` if nothing is left, or nothing at this moment.
    fn next_places(&mut self, worker: usize, wanted: u64) -> Option<Places> {
        let (at, start) = match self.sharing {
            Sharing::InTurn => (0, self.left.front()?.start),
            Sharing::Apart => self.own_region(worker, wanted)?,
        };
        let region = self.left[at].clone();
        let end = start.saturating_add(wanted).min(region.end);
        if self.sharing == Sharing::Apart && self.touches_another(&(start..end)) {
            return None;
        }
        let rest = [region.start..start, end..region.end];
        self.left.remove(at);
        for places in rest.into_iter().rev().filter(|places| !places.is_empty()) {
            self.left.insert(at, places);
        }
        Some(start..end)
    }

    /// Where a worker goes on in its own region, or begins one in the middle of the largest that is left.
    fn own_region(&self, worker: usize, wanted: u64) -> Option<(usize, u64)> {
        let came_to = self.workers[worker].came_to;
        if let Some(at) = self.left.iter().position(|places| Some(places.start) == came_to) {
            return Some((at, self.left[at].start));
        }
        let width = |places: &Places| places.end - places.start;
        let (at, largest) = self.left.iter().enumerate().max_by_key(|(_, places)| width(places))?;
        let is_wide = self.workers.len() > 1 && width(largest) / REGION > wanted;
        Some((at, if is_wide { largest.start + width(largest) / 2 } else { largest.start }))
    }

    /// Whether somebody is at work right before or behind these places.
    fn touches_another(&self, places: &Places) -> bool {
        let at_work = || self.workers.iter().filter_map(|worker| worker.at.as_ref());
        at_work().any(|other| other.end == places.start || other.start == places.end)
    }

    /// Whether anybody is at work.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.turn.is_empty()
    }

    /// Has the batch after the one that is looked for next be told while it is made, by the worker whose turn it will
    /// probably be. All is told when that worker is through; where it is not its turn after all, or nobody begins that
    /// batch, no later than that is known.
    ///
    /// Said before each batch is looked for, also when nobody listens: what is told of the one before moves up.
    pub(crate) fn foretell(&mut self, listener: Option<Sender<KeyList>>) {
        let [_, after] = std::mem::take(&mut self.heard);
        self.heard = [after, None];
        self.listener = listener;
    }

    /// Lets whoever listens hear what the worker tells that has this place among those at work.
    fn tell(&mut self, turn: usize) {
        let Some(place) = self.turn.get(turn) else { return };
        let Some(listener) = self.listener.take() else { return };
        let telling = Arc::clone(&self.workers[*place].telling);
        telling.listen(listener);
        self.heard[1] = Some(telling);
    }

    /// Nobody is told any more.
    fn hush(&mut self) {
        self.listener = None;
        std::mem::take(&mut self.heard).into_iter().flatten().for_each(|telling| telling.cut());
    }

    /// Waits for the next batch with records in it; false when all places are done.
    pub(crate) fn look(
        &mut self,
        want: usize,
        question: Q,
        without: &HashSet<Key>,
    ) -> Result<bool, StoreError> {
        let gently = self.goes_gently();
        // Beside others the server tidies up as it goes, not all of it afterwards.
        self.view.iter_mut().for_each(|view| if gently { view.let_go() } else { view.hold() });
        let found = self.look_on(want, Arc::new(question), without);
        match &found {
            // Whether it was this one that was told, whoever listens sees; another would keep them waiting.
            Ok(true) => self.heard[0].take().into_iter().for_each(|telling| telling.cut()),
            Ok(false) | Err(_) => self.hush(),
        }
        found
    }

    fn look_on(&mut self, want: usize, question: Arc<Q>, without: &HashSet<Key>) -> Result<bool, StoreError> {
        loop {
            self.feed(want, &question)?;
            self.tell(1);
            if self.turn.is_empty() {
                return Ok(false);
            }
            let (place, answer) = self.next_answer()?;
            let places = self.workers[place].at.take().unwrap_or(0..0);
            let (struck, took, since) = match answer {
                Ok(struck) => struck,
                Err(error) => {
                    self.left.push_front(places);
                    return Err(error);
                }
            };
            let found = struck.records.len() as f64 / (places.end - places.start).max(1) as f64;
            self.density = (0.5 * self.density + 0.5 * found).max(self.most / SPARSE);
            let is_held = !without.is_empty() && struck.records.iter().any(|key| without.contains(key));
            if struck.records.is_empty() || is_held {
                self.workers[place].end(Order::Abort)?;
                if is_held {
                    // It was begun before this was known.
                    self.left.push_front(places);
                }
                continue;
            }
            self.found = Some(Found {
                place,
                places,
                struck,
                took,
                since,
                begun: self.workers[place].want,
                want,
                question,
            });
            return Ok(true);
        }
    }

    /// The next answer: in the order of the ranges, or where one may wait for what another has locked, as it comes.
    fn next_answer(&mut self) -> Result<Answer, StoreError> {
        loop {
            let turn = self.turn.front().copied();
            let is_next = |(place, _): &Answer| self.sharing == Sharing::Apart || Some(*place) == turn;
            if let Some(at) = self.early.iter().position(is_next) {
                let answer = self.early.remove(at);
                self.turn.retain(|place| *place != answer.0);
                return Ok(answer);
            }
            self.early.push(self.answers.recv().map_err(|_| lost())?);
        }
    }

    /// The batch that was waited for.
    pub(crate) fn hand_over(&mut self, batch: BatchId) -> Box<dyn Prepared + '_> {
        let found = self.found.take().expect("a batch was waited for");
        Box::new(Handed { open: true, batch, ahead: self, found })
    }

    /// Takes back what was begun and not handed over: nothing stays locked while nobody works, and nothing holds the server
    /// up.
    pub(crate) fn rest(&mut self) -> Result<(), StoreError> {
        self.hush();
        while !self.turn.is_empty() {
            // As they come: one may wait for what another has locked.
            let answer = if self.early.is_empty() {
                self.answers.recv().map_err(|_| lost())?
            } else {
                self.early.remove(0)
            };
            let (place, struck) = answer;
            self.turn.retain(|other| *other != place);
            self.left.extend(self.workers[place].at.take());
            if struck.is_ok() {
                self.workers[place].end(Order::Abort)?;
            }
        }
        self.left.make_contiguous().sort_unstable_by_key(|places| places.start);
        self.view.iter_mut().for_each(View::let_go);
        Ok(())
    }

    /// Ends the workers: where a connection ends, the server counts what it did. A view that is kept is dropped by whoever
    /// looks at what is left.
    pub(crate) fn end(mut self, keep_view: bool) -> Result<Option<View>, StoreError> {
        let mut view = self.view.take();
        self.rest()?;
        view.iter_mut().filter(|_| !keep_view).for_each(View::let_go);
        Ok(view)
    }

    /// Ends the workers, once the outcomes of all their batches are written.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        self.rest()?;
        self.workers.iter().try_for_each(|worker| worker.end(Order::Settle))
    }
}

#[cfg(test)]
mod tests;
