//! Every call of a run to its store fails once, forever, before and after the store did its part, in every way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use forfall::adapter::api::Dispose;
use forfall::adapter::faulty::{Fault, Faulty, How, KINDS, Moment};
use forfall::model::run::RunState;

use super::world::{self, World};

const DUE: i64 = 25;
const KEPT: i64 = 10;

fn faulty(world: &World, fault: Option<Fault>) -> (Arc<Faulty>, World) {
    let store = Arc::clone(&world.store) as Arc<dyn Dispose>;
    let faulty = Arc::new(Faulty::new(store, fault));
    let with = world.with_store(Arc::clone(&faulty) as Arc<dyn Dispose>);
    (faulty, with)
}

/// What is not due is there; what is gone is in exactly one outcome; the next run finishes the work.
fn sound_afterwards(world: &World, fault: Fault) {
    let kept: Vec<_> = world.ids().into_iter().filter(|id| *id >= DUE).collect();
    assert_eq!(kept.len(), usize::try_from(KEPT).unwrap(), "{fault:?} took a record that was not due");
    let next = world.run();
    assert_eq!(next.state, RunState::Complete, "after {fault:?}: {:?}", next.reason);
    assert_eq!(world.ids(), kept, "after {fault:?}");
    world.assert_accounts(u64::try_from(DUE).unwrap());
}

fn calls_of_a_run() -> u64 {
    let world = World::new(world::CALLS, DUE, KEPT);
    world.approve(u64::try_from(DUE).unwrap());
    let (counting, with) = faulty(&world, None);
    assert_eq!(with.run().state, RunState::Complete);
    counting.calls()
}

#[test]
fn no_failing_call_makes_a_run_lie_or_lose() {
    let calls = calls_of_a_run();
    assert!(calls >= 8, "a run makes only {calls} calls");
    for at in 0..calls {
        for kind in KINDS {
            for (forever, moment) in [
                (false, Moment::Before),
                (false, Moment::After),
                (true, Moment::Before),
                (true, Moment::After),
            ] {
                let fault = Fault { at, forever, moment, how: How::Error(kind) };
                let world = World::new(world::CALLS, DUE, KEPT);
                world.approve(u64::try_from(DUE).unwrap());
                let (_, with) = faulty(&world, Some(fault));
                let report = with.run();
                if report.state == RunState::Complete {
                    // Only a call that was tried again, or whose failure costs nothing, may end well.
                    let left = world.ids().into_iter().filter(|id| *id < DUE).count();
                    assert_eq!(left, 0, "{fault:?} ended complete with {left} left");
                }
                sound_afterwards(&world, fault);
            }
        }
    }
}

#[test]
fn a_process_that_dies_in_any_call_leaves_nothing_unaccounted() {
    for at in 0..calls_of_a_run() {
        for moment in [Moment::Before, Moment::After] {
            let fault = Fault { at, forever: false, moment, how: How::Crash };
            let world = World::new(world::CALLS, DUE, KEPT);
            world.approve(u64::try_from(DUE).unwrap());
            let (_, with) = faulty(&world, Some(fault));
            let died = catch_unwind(AssertUnwindSafe(|| with.run()));
            assert!(died.is_err(), "{fault:?} did not strike");
            sound_afterwards(&world, fault);
        }
    }
}
