//! A real replica: behind, stopped, gone, or not one at all.

use std::collections::HashSet;
use std::time::Duration;

use super::super::session::Session;
use super::{MySqlStore, alone, deletion, label, run_all, target};
use crate::adapter::api::{Dispose as _, Inspect as _, Walk};
use crate::adapter::contract::server;
use crate::adapter::place::Server;
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;

fn url(port: u16, database: &str) -> Secret {
    Secret::Plain(format!("mariadb://root@127.0.0.1:{port}/{database}"))
}

fn connect(port: u16) -> Session {
    Session::write("test", &Server::at(url(port, "mysql")), Limits::default(), &alone()).unwrap()
}

fn text(session: &Session, sql: &str) -> String {
    session.told(sql).unwrap()[0].get(0).unwrap()
}

/// Returns when the replica has carried out everything that the primary has written so far.
fn caught_up(primary: &Session, replica: &Session) {
    let (position, wait) = if primary.is_mariadb {
        ("gtid_binlog_pos", "MASTER_GTID_WAIT")
    } else {
        ("gtid_executed", "WAIT_FOR_EXECUTED_GTID_SET")
    };
    let position = text(primary, &format!("SELECT @@global.{position}"));
    assert_eq!(text(replica, &format!("SELECT {wait}('{position}', 60)")), "0");
}

/// Runs statements of MariaDB, one a line; MySQL has other words for the same.
fn run_on(replica: &Session, sql: &str) {
    let mut sql = sql.to_owned();
    if !replica.is_mariadb {
        for (of_mariadb, of_mysql) in [
            ("MASTER_USE_GTID = slave_pos", "SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1"),
            ("CHANGE MASTER", "CHANGE REPLICATION SOURCE"),
            ("MASTER_", "SOURCE_"),
            ("SLAVE", "REPLICA"),
        ] {
            sql = sql.replace(of_mariadb, of_mysql);
        }
    }
    run_all(replica, &sql);
}

/// It is there, and says so as soon as it has noted that itself.
fn until_it_says_so(walk: &mut dyn Walk) {
    while walk.strain().unwrap().is_some() {
        std::thread::yield_now();
    }
}

#[test]
fn a_replica_that_is_behind_or_does_not_say_so_pauses_the_walk() {
    let [first, second] = server::mariadb_pair();
    let (primary, replica) = (connect(first.port), connect(second.port));
    run_all(
        &primary,
        &format!(
            "CREATE DATABASE desk
             USE desk
             CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL)
             INSERT INTO records SELECT seq, '2026-01-01' FROM {}",
            server::up_to(1_000)
        ),
    );
    let store = |replicas: Vec<Secret>| {
        let place = Server {
            replicas,
            max_replica_lag: Duration::from_secs(30),
            ..Server::at(url(first.port, "desk"))
        };
        MySqlStore::open(StoreName::new("box"), place)
    };
    let watched = store(vec![url(second.port, "")]);
    watched.adopt(&target()).unwrap();
    let warned = |store: &MySqlStore| {
        let schema = store.probe(&target()).unwrap();
        schema.warnings.iter().any(|warning| warning.contains("name them with `replicas`"))
    };
    assert!(!warned(&store(Vec::new())), "nothing is replicated yet");

    let mut walk = watched.walk(deletion(target(), Predicate::Always(true))).unwrap();
    let none = HashSet::new();
    let named = format!("replica 127.0.0.1:{}", second.port);
    let mut says = |expected: &str| {
        let why = walk.strain().unwrap().expect("the walk has to wait");
        assert!(why.contains(&named) && why.contains(expected), "{why}");
    };
    says("no replica");
    run_on(
        &replica,
        &format!(
            "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'root', \
             MASTER_USE_GTID = slave_pos",
            first.port
        ),
    );
    says("SQL thread");
    run_on(&replica, "START SLAVE");
    caught_up(&primary, &replica);
    until_it_says_so(&mut *walk);
    assert!(warned(&store(Vec::new())), "nobody looks at it");
    assert!(!warned(&watched));

    // What is done while the replica carries out nothing is done by others: we wait.
    run_on(&replica, "STOP SLAVE SQL_THREAD");
    walk.prepare(&label(), 100, &none).unwrap().unwrap().commit().unwrap();
    let why = walk.strain().unwrap().unwrap();
    assert!(why.contains(&named) && why.contains("SQL thread"), "{why}");
    run_on(&replica, "START SLAVE SQL_THREAD");
    caught_up(&primary, &replica);
    until_it_says_so(&mut *walk);
    run_on(&replica, "STOP SLAVE IO_THREAD");
    let why = walk.strain().unwrap().unwrap();
    assert!(why.contains("its connection to the primary"), "{why}");

    // An hour behind, by its own configuration; what was written says of itself that it is a minute old.
    run_on(&replica, "STOP SLAVE\nCHANGE MASTER TO MASTER_DELAY = 3600\nSTART SLAVE");
    run_all(
        &primary,
        "SET timestamp = UNIX_TIMESTAMP() - 100\nUPDATE desk.records SET at = '2026-10-31' WHERE id = 1000",
    );
    let behind = loop {
        match walk.strain().unwrap() {
            Some(why) if why.contains("seconds behind") => break why,
            _ => std::thread::yield_now(),
        }
    };
    assert!(behind.contains(&named), "{behind}");
    run_on(&replica, "STOP SLAVE\nCHANGE MASTER TO MASTER_DELAY = 0\nSTART SLAVE");
    caught_up(&primary, &replica);
    until_it_says_so(&mut *walk);

    // The connection is lost, and made again.
    let sleeping =
        "SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE USER = 'root' AND COMMAND = 'Sleep'";
    // It has answered before it says that it sleeps.
    let asleep = || replica.asked::<(Option<u64>,)>(sleeping, &[]).unwrap()[0].0;
    let kept = (0..100_000).find_map(|_| asleep()).expect("its connection is kept");
    replica.run(&format!("KILL {kept}")).unwrap();
    assert!(walk.strain().unwrap().is_some(), "it did not answer");
    assert_eq!(walk.strain().unwrap(), None);
    drop(walk);
}

/// A replica that cannot be reached may be anywhere behind, and so may one that may not be asked.
#[test]
fn a_replica_that_does_not_answer_pauses_the_walk() {
    let world = super::world("CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL)");
    let port = server::mariadb().port;
    let user = format!("mute_{}", world.database);
    world.other.run(&format!("CREATE USER {user}@localhost")).unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (replica, expected) in [
        (url(closed, ""), "See that the server runs"),
        (Secret::Plain(format!("mariadb://{user}@127.0.0.1:{port}")), "Grant the permission"),
        (Secret::Env("FORFALL_TEST_THAT_NOBODY_SETS".to_owned()), "is not set"),
    ] {
        let place = Server { replicas: vec![replica], ..super::place("root", &world.database) };
        let store = MySqlStore::open(StoreName::new("box"), place);
        let mut walk = store.walk(deletion(target(), Predicate::Always(true))).unwrap();
        let why = walk.strain().unwrap().unwrap();
        assert!(why.contains("replica") && why.contains(expected), "{why}");
    }
    world.other.run(&format!("DROP USER {user}@localhost")).unwrap();
}
