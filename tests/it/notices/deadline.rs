//! No deadline is missed in silence: nothing runs, and the breach is told all the same, within five minutes.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use forfall::config::NotifySettings;
use forfall::config::notify::{CommandSettings, Role};
use forfall::engine::Engine;
use forfall::model::notice::{Kind, Language};
use forfall::model::review::{Decision, Verdict};
use forfall::model::value::Value;
use forfall::notice::desk::Desk;
use forfall::state::api::{Actor, PauseScope};
use forfall::state::memory::MemoryState;
use forfall::state::outbox::{Asked, Outbox};
use forfall::state::review::{Change, Quorum, ReviewBook as _};
use forfall::time::{Instant, Zone};

use crate::engine::world::{CALLS, World, now};

/// What keeps the policy from running.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    StoreIsGone,
    Paused,
    ClockIsDistrusted,
}

fn settings() -> NotifySettings {
    let role = Role {
        name: "it".to_owned(),
        mail: Vec::new(),
        webhooks: Vec::new(),
        commands: vec!["page".to_owned()],
        kinds: Some(vec![Kind::Overdue]),
        language: Language::English,
        every_policy: true,
    };
    let page = CommandSettings {
        name: "page".to_owned(),
        run: vec!["/bin/true".to_owned()],
        timeout: Duration::from_secs(30),
    };
    NotifySettings { roles: vec![role], commands: vec![page], ..NotifySettings::default() }
}

/// A world in which a run has just taken everything and one record falls due in four hours.
fn prepared() -> (World, Arc<MemoryState>, Instant) {
    let world = World::new(CALLS, 5, 3);
    let due = now() + TimeDelta::hours(4);
    // Thirty days on the wall clock of Oslo have an hour more: the clock went back meanwhile.
    let start = Value::Text((due - TimeDelta::days(30) - TimeDelta::hours(1)).to_rfc3339());
    world.store.put("call_log", vec![Value::Int(900), start, Value::Text("+4799000900".to_owned())]);
    let state = Arc::new(MemoryState::new(now()));
    let engine = Engine { state: Arc::<MemoryState>::clone(&state), ..world.engine.clone() };
    let world = World { engine, ..world };
    world.approve(5);
    let report = world.run();
    assert_eq!(report.state, forfall::model::run::RunState::Complete, "{:?}", report.reason);
    (world, state, due)
}

/// Ticks until a day after the deadline; when each subject was written, from the first.
fn told(kept: Kept) -> (Vec<(String, Instant)>, Instant) {
    let (world, state, due) = prepared();
    let mut engine = world.engine.clone();
    match kept {
        Kept::StoreIsGone => engine.stores = Arc::default(),
        Kept::Paused => engine.state.pause(now(), &Actor("kari".to_owned()), &PauseScope::All).unwrap(),
        Kept::ClockIsDistrusted => {}
    }
    let outbox: Arc<dyn Outbox> = Arc::<MemoryState>::clone(&state);
    let desk =
        Desk::new(engine, outbox, vec![world.policy.clone()], settings(), Zone::UTC, Box::new(Vec::new));
    for _ in 0..12 * 52 {
        desk.look().unwrap();
        desk.decide(kept == Kept::ClockIsDistrusted).unwrap();
        world.clock.advance(Duration::from_mins(5));
    }
    let mut letters = state.letters(Asked::All, now(), 100).unwrap();
    letters.reverse();
    let told = letters.into_iter().map(|posted| (posted.letter.subject, posted.letter.written));
    (told.collect(), due)
}

fn first(told: &[(String, Instant)], word: &str) -> Instant {
    let found = told.iter().find(|(subject, _)| subject.starts_with(&format!("[forfall] {word} calls")));
    found.unwrap_or_else(|| panic!("no {word}: {told:?}")).1
}

#[rstest::rstest]
#[case(Kept::Paused)]
#[case(Kept::ClockIsDistrusted)]
fn a_breach_is_told_within_five_minutes_although_nothing_runs(#[case] kept: Kept) {
    let (told, due) = told(kept);
    let deadline = due + TimeDelta::days(1);
    let breach = first(&told, "breach");
    assert!(deadline <= breach && breach <= deadline + TimeDelta::minutes(5), "{breach} for {deadline}");
    assert!(first(&told, "urgent") < breach, "{told:?}");
}

/// The forecast knows the hour in which a record falls due: never later than it does, and at most an hour earlier.
#[test]
fn a_breach_is_told_by_the_forecast_while_the_store_is_gone() {
    let (told, due) = told(Kept::StoreIsGone);
    let deadline = due + TimeDelta::days(1);
    let breach = first(&told, "breach");
    assert!(breach <= deadline + TimeDelta::minutes(5), "{breach} for {deadline}");
    assert!(breach >= deadline - TimeDelta::hours(1), "{breach} for {deadline}");
}

const ESCALATES: &str = r#"
title = "Calls"
owner = "it"
[[data]]
store        = "calls"
collection   = "call_log"
start.field  = "called_at"
start.format = "rfc3339"
[[stage]]
after  = "30 days"
action = "escalate"
to     = "archive"
remind = "14 days"
"#;

#[test]
fn what_waits_for_a_decision_is_told_to_those_who_decide_and_they_are_reminded() {
    let world = World::new(ESCALATES, 5, 3);
    let state = Arc::new(MemoryState::new(now()));
    let engine = Engine { state: Arc::<MemoryState>::clone(&state), ..world.engine.clone() };
    let world = World { engine: engine.clone(), ..world };
    let outbox: Arc<dyn Outbox> = Arc::<MemoryState>::clone(&state);
    let mut settings = settings();
    settings.roles[0].name = "archive".to_owned();
    settings.roles[0].kinds = Some(vec![Kind::Review]);
    settings.roles[0].every_policy = false;
    let desk = |engine: &Engine| {
        let policies = vec![world.policy.clone()];
        Desk::new(
            engine.clone(),
            Arc::clone(&outbox),
            policies,
            settings.clone(),
            Zone::UTC,
            Box::new(Vec::new),
        )
    };
    let subjects = || -> Vec<String> {
        let mut letters = state.letters(Asked::All, now(), 100).unwrap();
        letters.reverse();
        letters.into_iter().map(|posted| posted.letter.subject).collect()
    };
    let first = desk(&engine);
    first.look().unwrap();
    first.decide(false).unwrap();
    assert!(subjects().is_empty(), "no run has opened a case yet");
    world.run();
    first.decide(false).unwrap();
    assert_eq!(subjects(), ["[forfall] review calls: 5 records wait for a decision"]);

    // Another run, a restart, and a store that does not answer, end nothing and tell nothing anew.
    world.run();
    let gone = Engine { stores: Arc::default(), ..engine.clone() };
    for engine in [&engine, &gone] {
        let again = desk(engine);
        again.decide(false).unwrap();
        again.look().unwrap();
        again.decide(false).unwrap();
    }
    assert_eq!(subjects().len(), 1);

    world.clock.advance(Duration::from_hours(24 * 14));
    let later = desk(&engine);
    later.look().unwrap();
    later.decide(false).unwrap();
    assert_eq!(subjects()[1], "[forfall] review calls: 5 records still wait for a decision");
    let case = state.cases(false).unwrap().remove(0).id;
    let letters = state.letters(Asked::All, now(), 100).unwrap();
    assert!(letters.iter().all(|posted| posted.letter.body.contains(&format!("review decide {case}"))));

    // A decision stops the reminders.
    let decision = Decision {
        verdict: Verdict::Preserve,
        reason: "history".to_owned(),
        reference: None,
        valid: (None, None),
        until: None,
        receipt: None,
        by: Vec::new(),
        at: now(),
        effective: now(),
    };
    let change = Change::Decide(case, decision, Quorum { people: 1, author: None });
    state.change_case(now(), Some(&Actor("kari".to_owned())), &change).unwrap();
    for _ in 0..3 {
        world.clock.advance(Duration::from_hours(24 * 14));
        later.decide(false).unwrap();
    }
    assert_eq!(subjects().len(), 2);
}

#[test]
fn what_is_done_in_time_is_not_told() {
    let (world, state, due) = prepared();
    let outbox: Arc<dyn Outbox> = Arc::<MemoryState>::clone(&state);
    let policies = vec![world.policy.clone()];
    let desk = Desk::new(world.engine.clone(), outbox, policies, settings(), Zone::UTC, Box::new(Vec::new));
    let mut ran = false;
    for _ in 0..12 * 52 {
        use forfall::time::Clock as _;
        // The slot after the record fell due.
        if !ran && world.clock.now() >= due + TimeDelta::hours(10) {
            world.run();
            ran = true;
        }
        desk.look().unwrap();
        desk.decide(false).unwrap();
        world.clock.advance(Duration::from_mins(5));
    }
    assert!(state.letters(Asked::All, now(), 100).unwrap().is_empty());
}
