//! What of a forecast lasts for a day, in a store that finds starts without a look at the others.

use chrono::TimeDelta;
use forfall::model::run::RunState;

use super::world::{self, World};

/// Records that are due in twenty days; one run with 30 that are due.
fn after_a_run() -> World {
    let world = World::new(world::CALLS, 30, 10);
    world.import(1_000, 40, 10);
    world.approve(30);
    assert_eq!(world.run().state, RunState::Complete);
    world
}

/// How many the forecast expects within so many days.
fn expected(world: &World, days: i64) -> u64 {
    let curves = world.engine.state.curves(&world.policy.id).unwrap();
    let [curve] = curves.as_slice() else { panic!("one stage, one curve") };
    forfall::engine::forecast::expected_by(curve, world::now() + TimeDelta::days(days))
}

/// When everything was counted, in hours from the beginning.
fn counted(world: &World) -> Option<i64> {
    let curves = world.engine.state.curves(&world.policy.id).unwrap();
    curves[0].whole.as_ref().map(|whole| (whole.at - world::now()).num_hours())
}

#[test]
fn the_days_are_as_they_were_counted_and_the_hours_are_counted_anew() {
    let world = after_a_run();
    assert_eq!((expected(&world, 21), expected(&world, 28)), (40, 50));
    world.import(2_000, 7, 11);
    world.import(3_000, 5, 29);
    world.later(60);
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!(expected(&world, 2), 5, "what comes soon is known");
    assert_eq!((expected(&world, 21), expected(&world, 28)), (45, 55), "the others are not looked for");
    assert_eq!(counted(&world), Some(0));

    world.later(19 * 60);
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!((expected(&world, 21), expected(&world, 28)), (52, 62), "once a day they are");
    assert_eq!(counted(&world), Some(20));
}

#[test]
fn a_later_run_finds_what_was_foreseen() {
    let world = after_a_run();
    world.later(60);
    assert_eq!(world.run().state, RunState::Complete);
    world.later(60 * 24 * 21);
    assert_eq!(world.run().state, RunState::Complete, "forty, as the first forecast said");
    assert_eq!(world.ids().len(), 10);
}

#[test]
fn an_import_that_no_count_has_seen_stops_a_run() {
    let world = after_a_run();
    world.import(2_000, 500, 10);
    world.later(60);
    assert_eq!(world.run().state, RunState::Complete);
    world.later(60 * 24 * 21);
    let report = world.run();
    assert_eq!(report.state, RunState::Stopped, "{:?}", report.reason);
    assert!(report.reason.unwrap().starts_with("540 records are due where the forecast said 40"));
}

#[test]
fn a_hold_and_its_release_have_everything_counted() {
    let world = after_a_run();
    world.import(2_000, 7, 11);
    world.hold(1_000);
    world.later(60);
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!((expected(&world, 21), counted(&world)), (46, None), "without what is held");
}

#[test]
fn another_rule_has_everything_counted() {
    let world = after_a_run();
    world.import(2_000, 7, 11);
    let edited = world.edited("30 days", "31 days");
    edited.later(60);
    assert_eq!(edited.run().state, RunState::Complete, "a longer period needs no approval");
    assert_eq!(expected(&edited, 22), 47);
    assert_eq!(counted(&edited), Some(1));
}

#[test]
fn what_later_stages_take_over_is_counted_each_time() {
    let world = World::new(world::TWO_STAGES, 30, 10);
    world.approve(40);
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!(counted(&world), None);
}
