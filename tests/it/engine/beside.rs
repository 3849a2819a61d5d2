//! What is asked of a store beside a walk ends with the run, and is not asked where nothing may be done.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use forfall::adapter::api::{Dispose, Inspect, Scope, StoreError, StoreErrorKind, Surveyed};
use forfall::adapter::memory::MemoryStore;
use forfall::adapter::recall::Recall;
use forfall::engine::progress::{Stop, Unwatched};
use forfall::forward;
use forfall::model::predicate::Predicate;
use forfall::model::run::RunState;
use forfall::model::start::Start;
use forfall::time::StartSet;

use super::world::{self, Interfere, World};

/// As many as make it worth while to read beside the walk.
const DUE: i64 = 10_000;

type Meanwhile = Arc<Mutex<Option<Box<dyn Fn() + Send>>>>;

/// A store in memory that may be read beside a walk: there every survey lasts until it is taken back.
#[derive(Clone)]
struct Slow {
    inner: Arc<MemoryStore>,
    recall: Option<Recall>,
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    /// What happens between the plan and the first batch, when the gates ask.
    meanwhile: Meanwhile,
}

impl Inspect for Slow {
    forward!(capabilities identity collections probe total count scan read);

    fn beside(&self, recall: &Recall) -> Option<Box<dyn Inspect>> {
        Some(Box::new(Self { recall: Some(recall.clone()), ..self.clone() }))
    }

    fn any(&self, scope: &Scope, of: &Predicate, start: Option<&Arc<Start>>) -> Result<bool, StoreError> {
        if let Some(happens) = &*self.meanwhile.lock().unwrap() {
            happens();
        }
        self.inner.any(scope, of, start)
    }

    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError> {
        let Some(recall) = &self.recall else { return self.inner.survey(scope, predicate, start, sets) };
        self.begun.fetch_add(1, Ordering::SeqCst);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(recall.asked());
        self.ended.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::new(StoreErrorKind::Unavailable, "store calls", "the question was taken back"))
    }
}

impl Dispose for Slow {
    forward!(inspect adopt walk resolve settle);
}

fn slow() -> (World, Slow) {
    let world = World::new(world::CALLS, DUE, 10);
    world.approve(DUE.unsigned_abs());
    let inner = Arc::clone(&world.store);
    let (begun, ended, meanwhile) = (Arc::default(), Arc::default(), Meanwhile::default());
    let slow = Slow { inner, recall: None, begun, ended, meanwhile };
    (world.with_store(Arc::new(slow.clone())), slow)
}

impl Slow {
    /// How many surveys began beside a walk; none of them is still asked.
    fn begun(&self) -> usize {
        let begun = self.begun.load(Ordering::SeqCst);
        assert_eq!(self.ended.load(Ordering::SeqCst), begun, "somebody is still reading");
        begun
    }
}

#[test]
fn a_pause_ends_what_is_asked_beside_the_walk() {
    let (world, slow) = slow();
    let report = world.run_with(&Interfere::at_first_batch(World::pause), &world);
    assert_eq!(report.state, RunState::Paused);
    // Whether the thread had time to ask its question is no matter: nobody asks it any more.
    assert!(slow.begun() <= 1);
    assert!(world.ids().len() < usize::try_from(DUE).unwrap(), "a batch went before the pause");
}

#[test]
fn nothing_is_asked_beside_a_walk_that_may_not_begin() {
    let (world, slow) = slow();
    let state = Arc::clone(&world.engine.state);
    let pause = move || {
        let pause = forfall::state::api::PauseScope::All;
        state.pause(world::now(), &world::actor(), &pause).unwrap();
    };
    *slow.meanwhile.lock().unwrap() = Some(Box::new(pause));
    assert_eq!(world.run().state, RunState::Paused);
    assert_eq!(slow.begun(), 0, "everything was paused before the first batch");
    let asked = Stop::default();
    asked.ask();
    *slow.meanwhile.lock().unwrap() = None;
    world.resume();
    assert_eq!(world.run_until(&Unwatched, &world, &asked).state, RunState::Incomplete);
    assert_eq!(slow.begun(), 0, "it was to stop before the first batch");
}

/// Whoever reads the collection keeps its parts from going as a whole.
#[test]
fn nothing_is_asked_beside_a_walk_in_which_parts_may_go_as_a_whole() {
    let (mut world, slow) = slow();
    Arc::make_mut(&mut world.policy.data[0].target).drop_partitions = true;
    // A survey would last for as long as anybody waits for it.
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!(slow.begun(), 0);
}
