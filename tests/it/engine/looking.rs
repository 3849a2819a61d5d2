//! A walk that looks at everything once more when it is through counts for the forecast by the same look.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use forfall::adapter::api::{
    Dispose, Gap, Inspect, Job, LastLook, Prepared, Scope, StoreError, Surveyed, Walk,
};
use forfall::adapter::memory::MemoryStore;
use forfall::engine::progress::Unwatched;
use forfall::forward;
use forfall::model::batch::BatchLabel;
use forfall::model::key::Key;
use forfall::model::predicate::Predicate;
use forfall::model::run::RunState;
use forfall::model::start::Start;
use forfall::model::value::Value;
use forfall::state::api::Curve;
use forfall::time::StartSet;

use super::world::{self, Interfere, Watching, World};

/// As many as make such a look worth while.
const DUE: i64 = 2_000;

/// Happens when a walk is through, before it looks.
type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A store in memory whose walks look last, and which counts what else it is asked.
#[derive(Clone)]
struct Looking {
    inner: Arc<MemoryStore>,
    surveys: Arc<AtomicUsize>,
    meanwhile: Meanwhile,
}

impl Inspect for Looking {
    forward!(capabilities identity collections probe total count scan read);

    fn finds_by_start(&self, scope: &Scope, of: &Predicate, start: &Arc<Start>) -> Result<bool, StoreError> {
        self.inner.finds_by_start(scope, of, start)
    }

    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError> {
        self.surveys.fetch_add(1, Ordering::SeqCst);
        self.inner.survey(scope, predicate, start, sets)
    }
}

impl Dispose for Looking {
    forward!(inspect adopt resolve settle);

    fn walk<'a>(&'a self, job: Job) -> Result<Box<dyn Walk + 'a>, StoreError> {
        let walk = self.inner.walk(job.clone())?;
        Ok(Box::new(LookingWalk { store: self, job, walk, at: None, looked: None }))
    }
}

struct LookingWalk<'a> {
    store: &'a Looking,
    job: Job,
    walk: Box<dyn Walk + 'a>,
    at: Option<LastLook>,
    looked: Option<Vec<u64>>,
}

impl Walk for LookingWalk<'_> {
    fn prepare<'a>(
        &'a mut self,
        batch: &BatchLabel,
        want: usize,
        without: &HashSet<Key>,
    ) -> Result<Option<Box<dyn Prepared + 'a>>, StoreError> {
        let prepared = self.walk.prepare(batch, want, without)?;
        if prepared.is_none()
            && let Some(LastLook { predicate, sets }) = self.at.take()
        {
            if let Some(happens) = self.store.meanwhile.lock().unwrap().take() {
                happens();
            }
            let counts = self.store.inner.survey(&self.job.scope, &predicate, &self.job.start, &sets)?.counts;
            self.looked = (counts[0] == 0).then_some(counts);
        }
        Ok(prepared)
    }

    fn look_last(&mut self, at: LastLook) {
        self.at = Some(at);
    }

    fn looked(&mut self) -> Option<Vec<u64>> {
        self.looked.take()
    }

    fn gaps(&self) -> Vec<Gap> {
        self.walk.gaps()
    }
}

/// So many are due, seven more tomorrow and forty in twenty days.
fn foreseen() -> World {
    foreseen_in(World::new(world::CALLS, DUE, 10))
}

/// The same with half of what is due in a class of its own.
fn in_classes() -> World {
    let half = "[[class]]\nname = \"half\"\nwhen = \"caller < '+4799001000'\"\n[[class.stage]]\nafter = \"30 days\"\n\
                action = \"delete\"\n[[stage]]";
    foreseen_in(World::new(world::CALLS, DUE, 10).edited("[[stage]]", half))
}

fn foreseen_in(world: World) -> World {
    world.import(50_000, 7, 29);
    world.import(60_000, 40, 10);
    world.approve(DUE.unsigned_abs());
    world
}

/// The same world where walks look.
fn looking(world: &World) -> (World, Looking) {
    let (inner, surveys, meanwhile) = (Arc::clone(&world.store), Arc::default(), Meanwhile::default());
    let store = Looking { inner, surveys, meanwhile };
    (world.with_store(Arc::new(store.clone())), store)
}

fn curves(world: &World) -> Vec<Curve> {
    world.engine.state.curves(&world.policy.id).unwrap()
}

/// A run in such a world, and how many times everything was counted beside the last look.
fn run(
    world: &World,
    progress: &dyn Watching,
    meanwhile: Option<Box<dyn FnOnce() + Send>>,
) -> (RunState, usize) {
    let (world, store) = looking(world);
    *store.meanwhile.lock().unwrap() = meanwhile;
    let report = world.run_with(progress, &world);
    (report.state, store.surveys.load(Ordering::SeqCst))
}

#[test]
fn the_forecast_of_the_last_look_is_that_of_a_count_behind_it() {
    let world = foreseen();
    assert_eq!(run(&world, &Unwatched, None), (RunState::Complete, 0));
    let by_look = curves(&world);
    assert_eq!(by_look[0].points.iter().map(|(_, count)| *count).max(), Some(57), "all that is left");
    let other = foreseen();
    assert_eq!(other.run().state, RunState::Complete);
    assert_eq!(by_look, curves(&other));
}

#[test]
fn what_is_left_at_the_last_look_is_counted_again() {
    let world = foreseen();
    let store = Arc::clone(&world.store);
    let late = move || {
        let text = |text: &str| Value::Text(text.into());
        store.put("call_log", vec![Value::Int(70_000), text("2026-01-01T00:00:00Z"), text("+4799")]);
    };
    assert_eq!(run(&world, &Unwatched, Some(Box::new(late))), (RunState::Incomplete, 1));
}

/// The look did not know of the hold.
#[test]
fn a_hold_that_comes_meanwhile_makes_another_count() {
    let world = foreseen();
    let held = Interfere::at_first_batch(|world| world.hold(50_003));
    assert_eq!(run(&world, &held, None), (RunState::Complete, 1));
    let other = foreseen();
    other.hold(50_003);
    assert_eq!(other.run().state, RunState::Complete);
    let counts = |world: &World| curves(world)[0].points.iter().map(|(_, count)| *count).collect::<Vec<_>>();
    assert_eq!(counts(&world)[..30], counts(&other)[..30], "the hours are those of what is not held");
}

/// What the walk of one class counted may not be true any more when that of another one has acted.
#[test]
fn only_the_last_look_counts() {
    let world = in_classes();
    assert_eq!(run(&world, &Unwatched, None), (RunState::Complete, 1));
    let other = in_classes();
    assert_eq!(other.run().state, RunState::Complete);
    assert_eq!(curves(&world), curves(&other));
}

#[test]
fn a_short_walk_is_not_asked_to() {
    let world = World::new(world::CALLS, 999, 10);
    world.approve(999);
    assert_eq!(run(&world, &Unwatched, None), (RunState::Complete, 1));
}
