//! Records without a start are followed since they were first seen so, and told when that is too long ago.

use forfall::engine::status::{self, Standing};
use forfall::engine::unsettled::Stale;
use forfall::engine::waiting;
use forfall::model::value::Value;
use forfall::state::unsettled::Unsettled;

use super::world::{CALLS, World, now};

const DAY: i64 = 24 * 60;

/// Five records that wait for an event.
fn waiting() -> World {
    World::new(CALLS, 0, 5)
        .edited("[[data]]", "stale-after = \"2 years\"\n[limit]\nrecords = 100\n[[data]]")
        .edited("start.field  = \"called_at\"\nstart.format = \"rfc3339\"", "start.event = \"closed\"")
}

fn standing(world: &World) -> Standing {
    status::standing(&world.engine, &world.policy, world.engine.clock.now()).unwrap()
}

#[test]
fn a_record_that_waits_too_long_is_told_since_it_was_first_seen() {
    let world = waiting();
    world.approve(0);
    world.run();
    assert_eq!(standing(&world).stale, Stale::default());
    // 21 November 2028 is two years later, and 731 days.
    world.later(730 * DAY);
    world.put(9, Value::Null);
    world.run();
    assert_eq!(standing(&world).stale.records(), 0);
    world.later(DAY);
    let seen = standing(&world);
    assert_eq!(seen.stale, Stale { waiting: 5, undetermined: 0, since: Some(now()) });
    assert_eq!(seen.state, "stale");
    assert!(seen.reason.unwrap().contains("5 waiting, 0 undetermined"));
    let found = waiting::waiting(&world.engine, &world.policy, 2).unwrap();
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.why, one.since, one.stale), (Unsettled::Waiting, Some(now()), 5));
    assert_eq!(one.until, ["event closed"]);
    let asked = one.found.as_ref().unwrap();
    assert_eq!((asked.records, asked.samples.len()), (6, 2));
    // Two of them got their event: they wait no longer, and the rest still do.
    world.event("closed", "0");
    world.event("closed", "1");
    world.run();
    assert_eq!(standing(&world).stale.waiting, 3);
    assert_eq!(world.ids(), [2, 3, 4, 9], "what waits is kept, however long");
}

#[test]
fn an_undetermined_record_is_followed_too_and_a_gap_begins_anew() {
    let world = World::new(CALLS, 0, 3).edited("[[data]]", "stale-after = \"1 year\"\n[[data]]");
    world.approve(0);
    world.put(7, Value::Text("unknown".to_owned()));
    world.run();
    world.later(366 * DAY);
    assert_eq!(standing(&world).stale.undetermined, 1);
    let found = waiting::waiting(&world.engine, &world.policy, 3).unwrap();
    assert_eq!(
        found.iter().map(|one| (one.why, one.stale)).collect::<Vec<_>>(),
        [(Unsettled::Waiting, 0), (Unsettled::Undetermined, 1)]
    );
    assert_eq!(found[1].found.as_ref().unwrap().samples, ["7"]);
    // Put right, seen so by a run, and broken again: that counts from the next look.
    world.put(7, Value::Text((world.engine.clock.now()).to_rfc3339()));
    world.run();
    assert_eq!(standing(&world).stale, Stale::default());
    world.put(7, Value::Null);
    world.run();
    assert_eq!(standing(&world).stale, Stale::default());
    world.later(366 * DAY);
    assert_eq!(standing(&world).stale.records(), 1);
}

#[test]
fn nothing_is_followed_without_stale_after() {
    let world = waiting();
    world.run();
    assert_eq!(world.engine.state.followed(&world.policy.id).unwrap().len(), 2);
    let plain = world.edited("stale-after = \"2 years\"\n", "");
    plain.run();
    assert!(world.engine.state.followed(&world.policy.id).unwrap().is_empty());
}
