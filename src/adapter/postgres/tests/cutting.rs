//! A proxy that cuts the connection after so many bytes of a batch: whatever became of it, the answer is right.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{PostgresStore, World, deletion, label, number, target, world};
use crate::adapter::api::Dispose as _;
use crate::adapter::contract::server;
use crate::adapter::place::Server;
use crate::adapter::secret::Secret;
use crate::model::batch::Fate;
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;

/// Lets bytes through, in both directions together, until so many have passed.
struct Proxy {
    port: u16,
    budget: Arc<AtomicI64>,
}

impl Proxy {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let budget = Arc::new(AtomicI64::new(i64::MAX));
        let shared = Arc::clone(&budget);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", server::postgres().port)).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let budget = Arc::clone(&shared);
                    std::thread::spawn(move || pass_on(from, to, &budget));
                }
            }
        });
        Self { port, budget }
    }

    fn cut_after(&self, bytes: i64) {
        self.budget.store(bytes, Ordering::SeqCst);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, budget: &AtomicI64) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let left = budget.fetch_sub(i64::try_from(read).unwrap(), Ordering::SeqCst);
        let allowed = usize::try_from(left).unwrap_or(0).min(read);
        if to.write_all(&buffer[..allowed]).is_err() || allowed < read {
            break;
        }
    }
    // Nobody is left to be told about an end that is already there.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

/// One batch with a cut; gives whether the cut came before its end.
fn one(world: &World, proxy: &Proxy, armed_at_commit: bool, bytes: i64) -> bool {
    world
        .other
        .run("INSERT INTO records VALUES (1, '2026-01-01'), (2, '2026-01-01') ON CONFLICT DO NOTHING")
        .unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", proxy.port, world.database);
    proxy.cut_after(i64::MAX);
    let store = PostgresStore::open(StoreName::new("box"), Server::at(Secret::Plain(url)));
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
        return proxy.budget.load(Ordering::SeqCst) < 0;
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
    let (world, proxy) = (records(), Proxy::new());
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
    let (world, proxy) = (records(), Proxy::new());
    let mut bytes = 0;
    while one(&world, &proxy, false, bytes) {
        bytes += every;
        assert!(bytes < 200_000, "a batch has an end");
    }
    assert!(bytes > 1_000, "only {bytes} bytes were cut");
}
