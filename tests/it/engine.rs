//! The engine on stores in memory: what it must not do, it does not, whatever fails.

mod along;
mod beside;
mod faults;
mod gates;
mod holding;
mod lasting;
mod looking;
mod stale;
pub(crate) mod world;

use forfall::audit::entry::Body;
use forfall::engine::progress::{Stop, Unwatched};
use forfall::model::run::RunState;
use forfall::model::value::Value;
use world::{Interfere, World};

#[test]
fn a_policy_that_nobody_approved_only_counts() {
    let world = World::new(world::CALLS, 30, 10);
    let report = world.run();
    assert_eq!(report.state, RunState::Observed);
    assert_eq!(report.parts[0].due, 30);
    assert_eq!(world.ids().len(), 40);
}

#[test]
fn an_approved_policy_takes_what_is_due_and_nothing_else() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    let report = world.run();
    assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    assert_eq!(report.parts[0].stages[0].done, 30);
    assert_eq!(world.ids(), (30..40).collect::<Vec<_>>());
    world.assert_accounts(30);
    let again = world.run();
    assert_eq!(again.state, RunState::Complete);
    assert_eq!(again.parts[0].stages[0].done, 0);
}

#[test]
fn what_cannot_be_known_is_kept_and_counted() {
    let world = World::new(world::CALLS, 30, 10);
    let strange = [
        Value::Null,
        Value::Text("soon".into()),
        Value::Text("1970-01-01T00:00:00Z".into()),
        Value::Text("2099-01-01T00:00:00Z".into()),
        Value::Int(0),
    ];
    for (id, value) in (100..).zip(strange.clone()) {
        world.put(id, value);
    }
    world.approve(30);
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!(world.ids().len(), 10 + strange.len());
    let plan = world.plan();
    assert_eq!(plan.undetermined, strange.len() as u64);
}

#[test]
fn a_hold_that_comes_after_the_plan_still_keeps_its_record() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    let report = world.run_with(&Interfere::at_begin(|world| world.hold(7)), &world);
    assert_eq!(report.parts[0].stages[0].done, 29);
    assert_eq!(report.parts[0].stages[0].skipped, 1);
    assert_eq!(report.state, RunState::Complete, "a held record is not left over: {:?}", report.reason);
    assert!(world.ids().contains(&7));
    world.assert_accounts(29);
}

#[test]
fn a_hold_on_everything_leaves_nothing_to_do() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    world.hold_all();
    let report = world.run();
    assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    assert_eq!(world.ids().len(), 40);
    let plan = world.plan();
    assert_eq!((plan.stages[0].due, plan.stages[0].held), (0, 30));
}

#[test]
fn a_pause_stops_before_the_next_batch() {
    let world = World::new(world::CALLS, 9_000, 10);
    world.approve(9_000);
    let report = world.run_with(&Interfere::at_first_batch(World::pause), &world);
    assert_eq!(report.state, RunState::Paused);
    assert_eq!(report.parts[0].stages[0].done, 2_000, "the first batch was done before the pause");
    assert_eq!(world.run().state, RunState::Paused);
    world.resume();
    assert_eq!(world.run().state, RunState::Complete);
    world.assert_accounts(9_000);
}

#[test]
fn stages_follow_each_other_and_the_last_one_due_counts() {
    let world = World::new(world::TWO_STAGES, 5, 10);
    world.approve(15);
    let report = world.run();
    assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    let done: Vec<_> =
        report.parts[0].stages.iter().map(|stage| (stage.action.as_str(), stage.done)).collect();
    assert_eq!(done, [("anonymize", 10), ("delete", 5)]);
    let callers: Vec<_> = world.rows().into_iter().map(|row| row[2].clone()).collect();
    assert!(callers.iter().all(|caller| *caller == Value::Text("+479900xxxx".into())), "all were hidden");
    let again = world.run();
    assert_eq!(
        again.parts[0].stages.iter().map(|stage| stage.done).sum::<u64>(),
        0,
        "a second run changes nothing"
    );
}

#[test]
fn the_log_never_names_a_record() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    world.hold(3);
    world.run();
    for entry in world.entries() {
        let text = serde_json::to_string(&entry.entry).unwrap();
        assert!(!text.contains("+4799"), "{text}");
        if let Body::Intent(intent) = &entry.entry.body {
            assert_eq!(intent.root.len(), 64);
        }
    }
}

#[test]
fn two_runs_of_one_policy_exclude_each_other() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    let lease = world.lease().expect("nobody runs it");
    let report = world.run();
    assert_eq!(report.state, RunState::Incomplete);
    assert!(!report.begun);
    drop(lease);
    assert_eq!(world.run().state, RunState::Complete);
}

#[test]
fn a_run_that_was_stopped_before_its_recount_is_not_complete_and_keeps_its_forecast() {
    let world = World::new(world::CALLS, 0, 40);
    world.approve(0);
    let before = world.engine.state.curves(&world.policy.id).unwrap();
    let stop = Stop::default();
    stop.ask();
    let report = world.run_until(&Unwatched, &world, &stop);
    assert_eq!(report.state, RunState::Incomplete, "nobody counted again");
    assert_eq!(world.engine.state.curves(&world.policy.id).unwrap(), before);
}

#[test]
fn a_window_that_closes_stops_before_the_next_batch() {
    // 12:00 UTC is 13:00 in Oslo.
    let world = World::new(world::CALLS, 2_200, 10).edited("[[data]]", "window = \"12:30-13:30\"\n[[data]]");
    world.approve(2_200);
    let report = world.run_with(&Interfere::at_first_batch(|world| world.later(45)), &world);
    assert_eq!(report.parts[0].stages[0].done, 2_000, "the window closed during the first batch");
    assert_eq!(report.state, RunState::Paused, "{:?}", report.reason);
    world.assert_accounts(2_000);
}

#[test]
fn an_event_recorded_during_a_run_counts_from_the_next_batch_on() {
    let world = World::new(world::CALLS, 2_200, 10)
        .edited("[[stage]]", "[[class]]\nname = \"evidence\"\nwhen = \"event('to-police')\"\n[[class.stage]]\naction = \"preserve\"\n[[stage]]");
    world.approve(2_200);
    let report = world.run_with(&Interfere::at_first_batch(|world| world.event("to-police", "2100")), &world);
    assert!(world.ids().contains(&2_100), "it went to the police before its batch began: {report:?}");
}

#[test]
fn an_event_withdrawn_during_a_run_counts_no_longer_from_the_next_batch_on() {
    let world = World::new(world::CALLS, 2_200, 10).edited(
        "[[stage]]\nafter  = \"30 days\"\naction = \"delete\"",
        "[[class]]\nname = \"closed\"\nwhen = \"event('closed')\"\n[[class.stage]]\nafter = \"30 days\"\n\
         action = \"delete\"\n[[stage]]\naction = \"preserve\"",
    );
    world.events("closed", 0..2_200);
    world.approve(2_200);
    let withdrawn = Interfere::at_first_batch(|world| world.withdraw("closed", "2100"));
    let report = world.run_with(&withdrawn, &world);
    assert_eq!(report.state, RunState::Incomplete, "{report:?}");
    assert!(world.ids().contains(&2_100), "it was withdrawn before its batch began: {report:?}");
    world.run();
    assert!(world.ids().contains(&2_100));
    assert_eq!(world.ids().len(), 11);
}
