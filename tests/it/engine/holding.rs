//! Holds by condition and by window that come while a run is under way, and holds that end by themselves.

use chrono::TimeDelta;
use forfall::audit::entry::Body;
use forfall::model::hold::{HoldScope, Window};
use forfall::model::ids::StoreName;
use forfall::model::run::RunState;

use super::world::{self, Interfere, World, now};

fn scope() -> HoldScope {
    HoldScope { store: Some(StoreName::new("calls")), ..HoldScope::default() }
}

#[test]
fn a_condition_that_comes_after_the_plan_keeps_its_records_and_the_run_goes_on() {
    let world = World::new(world::CALLS, 300, 10);
    world.approve(300);
    let hold = |world: &World| {
        world.add_hold(HoldScope { when: Some("id >= 100 && id < 103".to_owned()), ..scope() });
    };
    let report = world.run_with(&Interfere::at_begin(hold), &world);
    assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    assert_eq!(report.parts[0].stages[0].done, 297);
    assert_eq!(world.ids(), [100, 101, 102].into_iter().chain(300..310).collect::<Vec<_>>());
}

#[test]
fn a_window_that_comes_after_the_plan_keeps_its_records() {
    let world = World::new(world::CALLS, 30, 10);
    world.import(1_000, 5, 50);
    world.approve(35);
    let hold = |world: &World| {
        let (from, to) = (now() - TimeDelta::days(51), now() - TimeDelta::days(49));
        world.add_hold(HoldScope { between: Some(Window { from, to }), ..HoldScope::default() });
    };
    let report = world.run_with(&Interfere::at_begin(hold), &world);
    assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    assert_eq!(world.ids(), (30..40).chain(1_000..1_005).collect::<Vec<_>>());
}

/// It was checked when the hold was put in force; the column may go, or be renamed, after that.
#[test]
fn a_condition_that_cannot_be_asked_any_more_holds_everything() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    world.add_hold(HoldScope { when: Some("colour == 'red'".to_owned()), ..scope() });
    assert_eq!((world.plan().due(), world.plan().held()), (0, 30));
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!(world.ids().len(), 40);
}

#[test]
fn a_hold_that_ends_by_itself_keeps_what_it_covered_for_another_day() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    world.add_hold_until(scope(), now() + TimeDelta::hours(1));
    let kept = |hours: i64| {
        world.clock.set(now() + TimeDelta::hours(hours));
        assert_eq!(world.run().state, RunState::Complete);
        world.ids().len()
    };
    assert_eq!((kept(0), kept(2), kept(24)), (40, 40, 40));
    let changes = |world: &World| -> Vec<String> {
        let note = |body| if let Body::Hold(note) = body { Some(note.change) } else { None };
        world.entries().into_iter().filter_map(|placed| note(placed.entry.body)).collect()
    };
    assert_eq!(changes(&world), ["add", "end"]);
    assert_eq!(kept(25), 10);
    assert_eq!((changes(&world).len(), world.engine.state.holds().unwrap().len()), (2, 0));
}
