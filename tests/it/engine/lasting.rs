//! What of a forecast lasts for a day, in a store that finds starts without a look at the others.

use chrono::TimeDelta;
use forfall::model::key::Key;
use forfall::model::run::RunState;
use forfall::model::value::Value;
use forfall::state::api::{Actor, Release};

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

    let hold = world.engine.state.holds().unwrap()[0].id;
    let now = world.engine.clock.now();
    let released = world.engine.state.release_hold(now, &Actor("another".into()), &hold, true).unwrap();
    assert!(matches!(released, Release::Done(_)), "{released:?}");
    // What it covered is kept for another day.
    world.later(60 * 25);
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!((expected(&world, 21), counted(&world)), (47, Some(26)));
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

/// What others take out is expected until everything is counted again, but no reason to take the rest.
#[test]
fn what_was_taken_over_foresees_no_empty_collection() {
    let world = World::new(world::CALLS, 30, 30);
    world.import(1_000, 40, 10);
    world.approve(30);
    assert_eq!(world.run().state, RunState::Complete);
    for id in 1_000..1_040 {
        world.store.remove("call_log", &Key::from_int(id));
    }
    world.later(60);
    assert_eq!(world.run().state, RunState::Complete);
    for id in 30..60 {
        world.store.remove("call_log", &Key::from_int(id));
    }
    world.import(2_000, 30, 60);
    world.later(60 * 24 * 21);
    let report = world.run();
    assert_eq!(report.state, RunState::Stopped, "{:?}", report.reason);
    assert!(report.reason.unwrap().contains("nothing would be left"));
    assert_eq!(world.ids().len(), 30);
}

/// Month ends, a change of the clock and ends of months between a forecast and the one that takes its days over.
#[test]
fn each_point_says_what_a_plan_of_that_moment_says() {
    for (from, to) in [
        ("", ""),
        ("30 days", "1 month"),
        ("[[stage]]", "start.cutoff = \"end-of-month\"\n[[stage]]"),
        ("[[stage]]", "start.cutoff = \"end-of-day\"\n[[stage]]"),
    ] {
        let world = World::new(&world::CALLS.replace(from, to), 0, 0);
        for hours in 0..24 * 45 {
            let at = world::now() - TimeDelta::minutes(60 * hours + 7);
            world.put(hours, Value::Text(at.to_rfc3339()));
        }
        world.approve(world.plan().due());
        assert_eq!(world.run().state, RunState::Complete);
        world.later(7 * 60);
        assert_eq!(world.run().state, RunState::Complete);
        assert_eq!(counted(&world), Some(0), "taken over");
        let curves = world.engine.state.curves(&world.policy.id).unwrap();
        let last = curves[0].points.last().unwrap();
        assert!(last.0 > world::now() + TimeDelta::days(59) && last.1 > 100, "{last:?}");
        for (at, count) in &curves[0].points[1..] {
            assert_eq!(world.plan_at(*at).due(), *count, "{to} at {at}");
        }
    }
}
