//! A proxy that cuts the connection after so many bytes of a batch: whatever became of it, the answer is right.

use std::collections::HashSet;

use super::{PostgresStore, World, deletion, label, number, target, world};
use crate::adapter::api::Dispose as _;
use crate::adapter::contract::proxy::Proxy;
use crate::adapter::contract::server;
use crate::adapter::place::{Pace, Server};
use crate::adapter::secret::Secret;
use crate::model::batch::Fate;
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;

/// One batch with a cut; gives whether the cut came before its end.
fn one(world: &World, proxy: &Proxy, armed_at_commit: bool, bytes: i64) -> bool {
    world
        .other
        .run("INSERT INTO records VALUES (1, '2026-01-01'), (2, '2026-01-01') ON CONFLICT DO NOTHING")
        .unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", proxy.port, world.database);
    proxy.cut_after(i64::MAX);
    let store = PostgresStore::open(
        StoreName::new("box"),
        Server { pace: Pace::Full, ..Server::at(Secret::Plain(url)) },
    );
    let mut walk = store.walk(deletion(target(), Predicate::Always(true))).unwrap();
    if !armed_at_commit {
        proxy.cut_after(bytes);
    }
    let left = || number(world, "SELECT count(*) FROM records WHERE id < 10");
    let (label, none) = (label(), HashSet::new());
    let Ok(batch) = walk.prepare(&label, 10, &none) else {
        assert_eq!(left(), 2, "after {bytes} bytes: no intent, and yet records are gone");
        return true;
    };
    let batch = batch.expect("two records are due");
    assert_eq!(batch.records().len(), 2);
    let spool = batch.spool();
    if armed_at_commit {
        proxy.cut_after(bytes);
    }
    if let Ok(applied) = batch.commit() {
        assert_eq!((applied.done, left()), (2, 0), "after {bytes} bytes");
        // The last bytes may have been cut after everything was known.
        return proxy.has_cut();
    }
    let fate = world.store.resolve(&label, &target(), &spool).unwrap();
    let expected = match fate {
        Fate::Done => 0,
        Fate::NotDone => 2,
        Fate::Each(_) => panic!("a batch happens wholly or not at all"),
    };
    assert_eq!(left(), expected, "after {bytes} bytes: {fate:?}");
    assert_eq!(world.store.resolve(&label, &target(), &spool).unwrap(), fate, "asked twice");
    true
}

fn records() -> World {
    world(
        "CREATE TABLE records (id int PRIMARY KEY, at timestamptz); INSERT INTO records VALUES (50, '2026-10-31')",
    )
}

/// The dangerous stretch, byte by byte.
#[test]
fn a_connection_cut_at_any_byte_of_the_commit_gives_no_wrong_answer() {
    let (world, proxy) = (records(), Proxy::before(server::postgres().port));
    let mut bytes = 0;
    while one(&world, &proxy, true, bytes) {
        bytes += 1;
        assert!(bytes < 1_000, "the commit has an end");
    }
    assert!(bytes > 20, "only {bytes} bytes were cut");
}

/// The whole batch. `FORFALL_CUT_EVERY=1` cuts at each byte of it; here at some.
#[test]
fn a_connection_cut_anywhere_in_a_batch_gives_no_wrong_answer() {
    let every = std::env::var("FORFALL_CUT_EVERY").ok().and_then(|text| text.parse().ok()).unwrap_or(151);
    let (world, proxy) = (records(), Proxy::before(server::postgres().port));
    let mut bytes = 0;
    while one(&world, &proxy, false, bytes) {
        bytes += every;
        assert!(bytes < 200_000, "a batch has an end");
    }
    assert!(bytes > 1_000, "only {bytes} bytes were cut");
}
