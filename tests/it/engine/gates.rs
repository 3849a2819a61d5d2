//! What stops a run before its first deletion.

use std::sync::Arc;

use chrono::TimeDelta;
use forfall::engine::approve;
use forfall::model::review::{Decision, Verdict};
use forfall::model::run::RunState;
use forfall::state::review::{Change, Quorum};

use super::world::{self, World};

/// The run stops, says why, and nothing is gone.
#[track_caller]
fn stops(world: &World, because: &str) {
    let before = world.ids();
    let report = world.run();
    assert_eq!(report.state, RunState::Stopped, "{:?}", report.reason);
    let reason = report.reason.unwrap();
    assert!(reason.contains(because), "{reason}");
    assert_eq!(world.ids(), before);
}

#[test]
fn an_import_of_old_records_is_stopped_and_an_approval_lets_it_go() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    world.import(1_000, 500, 60);
    stops(&world, "where the forecast said 30");
    world.approve(530);
    assert_eq!(world.run().state, RunState::Complete);
    assert_eq!(world.ids().len(), 10);
}

#[test]
fn nothing_where_something_was_forecast_is_stopped() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    for id in 0..30 {
        world.store.remove("call_log", &forfall::model::key::Key::from_int(id));
    }
    stops(&world, "nothing is due where the forecast said 30");
}

/// What would have been anonymized meanwhile is deleted by the first run after it, as the policy says, and is no sign of
/// anything wrong.
#[test]
fn records_that_passed_through_a_stage_while_no_run_came_are_not_missing_there() {
    for (due, period) in [(30, "1 day"), (0, "10 days")] {
        let world = World::new(world::TWO_STAGES, 0, 30).edited("2 days", period);
        world.approve(due);
        world.clock.advance(TimeDelta::days(40).to_std().unwrap());
        let report = world.run();
        assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
        assert!(world.ids().is_empty());
    }
}

/// The same where people are asked about what went on.
fn asking() -> String {
    let asks = "action = \"escalate\"\nquestion = \"Keep?\"\ndecisions = [\"delete\", \"preserve\"]";
    let text = world::TWO_STAGES.replace("action = \"delete\"", asks);
    assert_ne!(text, world::TWO_STAGES);
    text
}

#[test]
fn records_that_went_on_to_an_escalation_are_not_missing_before_it() {
    // By the forecast of an approval, and by that of a run.
    for is_run in [false, true] {
        let world = World::new(&asking(), if is_run { 30 } else { 0 }, 0);
        world.import(1_000, 30, 1);
        world.approve(0);
        if is_run {
            assert_eq!(world.run().state, RunState::Complete);
        }
        world.clock.advance(TimeDelta::days(40).to_std().unwrap());
        let report = world.run();
        assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    }
}

/// Somebody decides over all that waits; an extension ends within the month.
fn decide(world: &World, verdict: Verdict) {
    let at = world.engine.clock.now();
    let case = world.engine.state.cases(false).unwrap().remove(0);
    let decision = Decision {
        verdict,
        reason: "case-17".to_owned(),
        reference: None,
        valid: (None, None),
        until: (verdict == Verdict::Extend).then(|| at + TimeDelta::days(30)),
        receipt: None,
        by: Vec::new(),
        at,
        effective: at,
    };
    let change = Change::Decide(case.id, decision, Quorum { people: 1, author: None });
    world.engine.state.change_case(at, Some(&world::actor()), &change).unwrap();
}

/// A decision over others takes nothing from what went on, and adds nothing to it.
#[test]
fn what_was_decided_at_an_escalation_does_not_count_against_what_went_on() {
    for verdict in [Verdict::Preserve, Verdict::Extend] {
        let extend = "decisions = [\"delete\", \"preserve\", \"extend\"]\nextend = { each = \"1 year\", at-most = \"2 years\" }";
        let text = asking().replace("decisions = [\"delete\", \"preserve\"]", extend);
        let world = World::new(&text, 0, 0);
        world.import(1_000, 50, 60);
        world.import(2_000, 30, 1);
        world.approve(0);
        assert_eq!(world.run().state, RunState::Complete);
        decide(&world, verdict);
        assert_eq!(world.run().state, RunState::Complete);
        world.clock.advance(TimeDelta::days(40).to_std().unwrap());
        let report = world.run();
        assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    }
}

/// Starts that nobody foresaw are no explanation where what stands there would go.
#[test]
fn what_is_missing_because_its_starts_were_moved_back_has_not_moved_on() {
    let world = World::new(world::TWO_STAGES, 0, 0);
    world.import(1_000, 30, 3);
    world.approve(30);
    world.clock.advance(TimeDelta::days(20).to_std().unwrap());
    world.import(1_000, 30, 15);
    stops(&world, "nothing is due where the forecast said 30");
}

/// Whatever the next stage has or gets: those are other records.
#[test]
fn what_a_stage_lost_is_missed_though_others_came_to_the_next_one() {
    for text in [world::TWO_STAGES.to_owned(), asking()] {
        let world = World::new(&text, 0, 0);
        world.import(1_000, 30, 29);
        // Something stays, so that the collection is not emptied.
        world.import(3_000, 1, -1);
        world.approve(30);
        assert_eq!(
            world.run().state,
            RunState::Complete,
            "they are anonymized, and due for the next stage tomorrow"
        );
        world.import(2_000, 30, 3);
        world.approve(30);
        for id in 2_000..2_030 {
            world.store.remove("call_log", &forfall::model::key::Key::from_int(id));
        }
        world.clock.advance(TimeDelta::days(2).to_std().unwrap());
        stops(&world, "nothing is due where the forecast said 30");
    }
}

#[test]
fn records_that_were_left_over_pass_on_from_one_day_to_the_next() {
    let text = world::TWO_STAGES.replace("[[data]]", "[limit]\nmay-empty = true\n[[data]]");
    let world = World::new(&text, 0, 3);
    world.import(1_000, 30, 29);
    world.approve(33);
    world.clock.advance(TimeDelta::days(2).to_std().unwrap());
    for id in 0..3 {
        world.store.remove("call_log", &forfall::model::key::Key::from_int(id));
    }
    let report = world.run();
    assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    assert!(world.ids().is_empty());
}

/// Nor is it one where every run comes later than the distance between the two.
#[test]
fn what_a_stage_lost_is_missed_by_a_run_that_comes_late() {
    let world = World::new(world::TWO_STAGES, 0, 30);
    world.import(1_000, 50, 60);
    world.approve(80);
    world.clock.advance(TimeDelta::days(30).to_std().unwrap());
    for id in 0..30 {
        world.store.remove("call_log", &forfall::model::key::Key::from_int(id));
    }
    stops(&world, "nothing is due where the forecast said 30");
}

/// That a later stage has its work is no reason to take what the earlier one lost for moved on.
#[test]
fn what_a_stage_lost_is_missed_however_much_the_next_one_has() {
    let world = World::new(world::TWO_STAGES, 50, 30);
    world.approve(80);
    for id in 50..80 {
        world.store.remove("call_log", &forfall::model::key::Key::from_int(id));
    }
    stops(&world, "nothing is due where the forecast said 30");
}

#[test]
fn a_collection_is_not_emptied_unforeseen() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    for id in 30..40 {
        world.store.remove("call_log", &forfall::model::key::Key::from_int(id));
    }
    stops(&world, "nothing would be left");
    let allowed = world.edited("[[data]]", "[limit]\nmay-empty = true\n[[data]]");
    allowed.approve(30);
    assert_eq!(allowed.run().state, RunState::Complete);
    assert!(world.ids().is_empty());
}

#[test]
fn another_store_under_the_same_name_is_refused() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    let other = world.with_store(World::another_store(30, 10));
    let report = other.run();
    assert_eq!(report.state, RunState::Stopped);
    assert!(report.reason.unwrap().contains("is not the one that was approved"));
}

#[test]
fn a_shorter_period_needs_a_new_approval_and_a_longer_one_does_not() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    stops(&world.edited("30 days", "2 days"), "approve it again");
    let longer = world.edited("30 days", "31 days");
    assert_eq!(longer.run().state, RunState::Complete);
}

#[test]
fn limits_are_compared_before_the_first_deletion() {
    let world = World::new(world::CALLS, 30, 10).edited("[[data]]", "[limit]\nrecords = 29\n[[data]]");
    world.approve(30);
    stops(&world, "`limit.records` is 29");
    let world = World::new(world::CALLS, 30, 10).edited("[[data]]", "[limit]\nshare = 0.5\n[[data]]");
    world.approve(30);
    stops(&world, "`limit.share` is 0.5");
}

#[test]
fn an_approval_for_another_count_is_not_given() {
    let world = World::new(world::CALLS, 30, 10);
    assert!(approve::give(&world.engine, &world.policy, &world::actor(), None, 19).is_err());
    assert_eq!(world.run().state, RunState::Observed);
    assert!(approve::give(&world.engine, &world.policy, &world::actor(), None, 20).is_ok());
}

#[test]
fn a_waiting_period_lets_somebody_object() {
    let world = World::new(world::CALLS, 30, 10).edited("title", "wait = \"2 days\"\ntitle");
    world.approve(30);
    let report = world.run();
    assert_eq!(report.state, RunState::Observed);
    let reason = report.reason.unwrap();
    assert!(reason.contains("until 2026-11-23 13:00:00 (Europe/Oslo)"), "{reason}");
    world.clock.advance(TimeDelta::days(2).to_std().unwrap());
    assert_eq!(world.run().state, RunState::Complete);
}

#[test]
fn a_closed_window_is_no_time_to_act() {
    let world = World::new(world::CALLS, 30, 10).edited("title", "window = \"01:00-05:00\"\ntitle");
    world.approve(30);
    assert_eq!(world.run().state, RunState::Paused);
    world.clock.advance(TimeDelta::hours(14).to_std().unwrap());
    assert_eq!(world.run().state, RunState::Complete);
}

#[test]
fn a_clock_behind_the_log_deletes_nothing() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    world.clock.set(world::now() - TimeDelta::days(1));
    stops(&world, "the newest audit entry");
    world.clock.set(world::now());
    assert_eq!(world.run().state, RunState::Complete);
}

#[test]
fn an_unresolved_policy_never_runs() {
    let world = World::new(world::CALLS, 30, 10).edited("title", "unresolved = \"how long, DPO?\"\ntitle");
    assert!(approve::offer(&world.engine, &world.policy, 0).is_err());
    assert_eq!(world.run().state, RunState::Observed);
    assert_eq!(world.ids().len(), 40);
}

#[test]
fn a_schema_that_changed_needs_a_new_approval() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    Arc::clone(&world.store).describe("call_log", "caller", |column| column.nullable = !column.nullable);
    stops(&world, "changed after the approval");
}

#[test]
fn a_configuration_under_which_more_may_be_due_needs_a_new_approval() {
    let world = World::new(world::CALLS, 30, 10);
    world.approve(30);
    let moved = world.under_zone("America/New_York");
    stops(&moved, "it was given for timezone Europe/Oslo");
}

#[test]
fn a_collection_is_not_emptied_by_several_stages_together_either() {
    // Two classes of fifteen: neither reaches the twenty below which a collection is too small to guard.
    let classes = "[[class]]\nname = \"odd\"\nwhen = \"caller < '+4799000015'\"\n[[class.stage]]\nafter = \"30 days\"\n\
                   action = \"delete\"\n[[stage]]";
    let world = World::new(world::CALLS, 30, 10).edited("[[stage]]", classes);
    world.approve(30);
    for id in 30..40 {
        world.store.remove("call_log", &forfall::model::key::Key::from_int(id));
    }
    stops(&world, "nothing would be left");
}
