//! What others do at the same moment, and what the catalogue hides: reproduced on the real server.

use std::collections::HashSet;

use super::races::{REPETITIONS, carry_out, many};
use super::{deletion, label, now, number, place, run_all, target, world};
use crate::adapter::api::{Dispose as _, Group, Inspect as _, StoreErrorKind, Use};
use crate::adapter::contract::server::{self, up_to};
use crate::model::batch::Fate;
use crate::model::ids::StoreName;
use crate::model::key::Key;
use crate::model::predicate::{Comparison, Operand, Predicate, StartIs};
use crate::model::target::{Link, With};
use crate::model::value::{Field, Value};

/// The same table is asked again: not every form of DELETE allows that.
#[test]
fn a_record_goes_by_what_another_one_of_its_table_says() {
    if !server::mariadb().can_only_be_mariadb("it deletes from no table that the condition asks again") {
        return;
    }
    let world = world(
        "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, parent INT, state VARCHAR(9))
         INSERT INTO records VALUES (1, '2030-01-01', NULL, 'closed'), (2, '2026-01-01', 1, 'open'), (3, '2026-01-01', 2, 'open')",
    );
    let mut bound = target();
    let (name, by) = ("parent_row".to_owned(), "parent".to_owned());
    bound.links.push(Link { name, collection: "records".to_owned(), key: None, by });
    let closed = Predicate::Compare {
        field: Field::linked("parent_row", "state"),
        op: Comparison::Equal,
        with: Operand::Value(Value::Text("closed".to_owned())),
    };
    carry_out(&world, deletion(bound, closed), 25);
    assert_eq!(number(&world, "SELECT SUM(id) FROM records"), 1 + 3);
}

/// Dates that are none lie before all others, and one of them even is NULL in a column that may not be NULL.
#[test]
fn dates_that_are_none_are_never_due() {
    for kind in ["DATE", "DATETIME", "TIMESTAMP"] {
        let world = world("");
        world.other.run("SET sql_mode = 'ALLOW_INVALID_DATES'").unwrap();
        world.other.run(&format!("CREATE TABLE records (id INT PRIMARY KEY, at {kind} NOT NULL)")).unwrap();
        let mut impossible = vec!["0000-00-00"];
        if kind != "TIMESTAMP" {
            impossible.extend(["2019-02-31", "2020-02-00", "2020-00-15", "0000-01-01"]);
        }
        for (id, date) in impossible.iter().enumerate() {
            world.other.run(&format!("INSERT INTO records VALUES ({id}, '{date}')")).unwrap();
        }
        world.other.run("INSERT INTO records VALUES (50, '2026-01-01')").unwrap();
        let mut job = deletion(target(), Predicate::Always(true));
        if kind == "DATETIME" {
            let mut start = (*job.start).clone();
            start.format = Some(crate::model::start::Format::DateTime);
            job.start = start.into();
        }
        job.due.dates_through = Some("2026-10-01".parse().unwrap());
        let is_due = Predicate::Start { start: job.start.clone(), is: StartIs::In(job.due.clone()) };
        job.predicate = is_due;
        let state = |is| Predicate::Start { start: job.start.clone(), is };
        let groups = [
            Predicate::IsNull(Field::own("at")),
            state(StartIs::Undetermined { now: now() }),
            state(StartIs::Known { now: now() }),
        ];
        let groups = groups.map(|predicate| Group { predicate, start: None, samples: 0 });
        let counted = world.store.count(&job.scope, &groups).unwrap();
        let counts: Vec<u64> = counted.tallies.iter().map(|tally| tally.count).collect();
        assert_eq!(counts, [0, impossible.len() as u64, 1], "{kind}");
        assert_eq!(carry_out(&world, job, 10), 1, "{kind}");
        let left = number(&world, "SELECT COUNT(*) FROM records WHERE id < 50");
        assert_eq!(usize::try_from(left).unwrap(), impossible.len());
    }
}

/// What the server takes for equal is not: neither a text that looks like a number nor one of other letters.
#[test]
fn nothing_is_converted_in_a_comparison() {
    let world = world(
        "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, code VARCHAR(9)) COLLATE utf8mb4_general_ci
         INSERT INTO records VALUES (1,'2026-01-01','1'),(2,'2026-01-01','1e0'),(3,'2026-01-01','a'),(4,'2026-01-01','A'),(5,'2026-01-01','a ')",
    );
    let left_by = |with: Value| {
        let with = Operand::Value(with);
        let is = Predicate::Compare { field: Field::own("code"), op: Comparison::Equal, with };
        let scope = deletion(target(), Predicate::Always(true)).scope;
        let page = world.store.scan(&scope, &is, None, 10).unwrap();
        page.rows.into_iter().map(|row| row.key).collect::<Vec<_>>()
    };
    assert_eq!(left_by(Value::Int(1)), []);
    assert_eq!(left_by(Value::Text("1".to_owned())), [Key::from_int(1)]);
    assert_eq!(left_by(Value::Text("a".to_owned())), [Key::from_int(3)]);
}

/// Everything that would happen besides is named, all of it, and nothing is done.
#[test]
fn cascades_and_triggers_are_refused_with_the_full_list() {
    let world = world(
        "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL)
         INSERT INTO records VALUES (1, '2026-01-01')
         CREATE TABLE notes (id INT PRIMARY KEY, `of` INT, FOREIGN KEY (`of`) REFERENCES records (id) ON DELETE CASCADE)
         CREATE TABLE marks (id INT PRIMARY KEY, `of` INT, FOREIGN KEY (`of`) REFERENCES records (id) ON DELETE SET NULL)
         CREATE TABLE pages (id INT PRIMARY KEY, note INT, FOREIGN KEY (note) REFERENCES notes (id) ON DELETE CASCADE)
         CREATE TRIGGER teller AFTER DELETE ON records FOR EACH ROW SET @gone = 1",
    );
    let names = |target| -> Vec<String> {
        let effects = world.store.probe(&target).unwrap().side_effects;
        effects.into_iter().map(|effect| effect.name).collect()
    };
    assert_eq!(names(target()), ["teller", "marks", "notes"]);
    let mut with = target();
    with.with.push(With { store: None, collection: "notes".to_owned(), by: Some("of".to_owned()) });
    assert_eq!(names(with), ["teller", "marks", "pages"]);
    let refused = world.store.walk(deletion(target(), Predicate::Always(true))).err();
    let refused = refused.unwrap().to_string();
    assert!(refused.contains("teller") && refused.contains("`marks`"), "{refused}");
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), 1);
}

/// A trigger or a foreign key that comes in the middle of a walk is noticed in the transaction of the next batch.
#[test]
fn what_comes_to_the_tables_meanwhile_stops_the_walk() {
    for coming in [
        "CREATE TRIGGER teller AFTER DELETE ON records FOR EACH ROW SET @gone = 1",
        "CREATE TABLE notes (id INT PRIMARY KEY, `of` INT, FOREIGN KEY (`of`) REFERENCES records (id) ON DELETE CASCADE)",
    ] {
        let world = world("");
        many(&world, "NULL");
        let mut walk = world.store.walk(deletion(target(), Predicate::Always(true))).unwrap();
        walk.prepare(&label(), 3, &HashSet::new()).unwrap().unwrap().commit().unwrap();
        world.other.run(coming).unwrap();
        let error = walk.prepare(&label(), 3, &HashSet::new()).err().unwrap();
        assert_eq!(error.kind, StoreErrorKind::Changed);
        assert!(error.to_string().contains("changed while the run was under way"), "{error}");
        assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), REPETITIONS - 3);
    }
}

/// Somebody holds a lock for too long: the batch gives up, says so, and nothing is half done.
#[test]
fn a_lock_that_is_held_too_long_makes_the_batch_busy() {
    let mut world = world("");
    many(&world, "NULL");
    world.store.limits.lock = std::time::Duration::from_secs(1);
    run_all(&world.other, "START TRANSACTION\nUPDATE records SET parent = 1 WHERE id = 5");
    let mut walk = world.store.walk(deletion(target(), Predicate::Always(true))).unwrap();
    let error = walk.prepare(&label(), 100, &HashSet::new()).err().unwrap();
    assert!(error.kind == StoreErrorKind::Busy && error.may_retry(), "{error}");
    world.other.run("ROLLBACK").unwrap();
    walk.prepare(&label(), 100, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    drop(walk);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), REPETITIONS - 100);
}

/// A connection that we lost holds the batch open on the server: asking for its fate ends it first.
#[test]
fn the_fate_of_a_batch_that_is_still_open_is_settled_first() {
    let world = world("");
    many(&world, "NULL");
    let mut walk = world.store.walk(deletion(target(), Predicate::Always(true))).unwrap();
    let (label, none) = (label(), HashSet::new());
    let batch = walk.prepare(&label, 7, &none).unwrap().unwrap();
    assert_eq!(world.store.resolve(&label, &target(), &batch.spool()).unwrap(), Fate::NotDone);
    let late = batch.commit().expect_err("its connection was ended");
    assert_eq!(late.kind, StoreErrorKind::Unavailable, "{late}");
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), REPETITIONS);
}

/// The server hides what foreign keys do from who may only read: who cannot see it deletes nothing.
#[test]
fn a_user_from_whom_something_may_be_hidden_disposes_of_nothing() {
    let world = world(
        "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL)
         INSERT INTO records VALUES (1, '2026-01-01')
         CREATE TABLE notes (id INT PRIMARY KEY, `of` INT, FOREIGN KEY (`of`) REFERENCES records (id) ON DELETE CASCADE)",
    );
    let (user, database) = (format!("guest_{}", world.database), &world.database);
    run_all(
        &world.other,
        &format!(
            "CREATE USER {user}@localhost
             GRANT SELECT, DELETE ON {database}.records TO {user}@localhost
             GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.forfall_batch TO {user}@localhost"
        ),
    );
    let guest = super::MySqlStore::open(StoreName::new("box"), place(&user, database));
    let probed = guest.probe(&target()).unwrap();
    assert_eq!(probed.side_effects, [], "the foreign key is hidden");
    assert!(probed.warnings.iter().any(|warning| warning.contains("nothing is disposed of")));
    let walk =
        || guest.walk(deletion(target(), Predicate::Always(true))).err().map(|error| error.to_string());
    if !world.other.is_mariadb {
        // MariaDB shows triggers to who may delete.
        assert!(walk().unwrap().contains("the triggers of this database"), "{:?}", walk());
        world.other.run(&format!("GRANT TRIGGER ON {database}.* TO {user}@localhost")).unwrap();
    }
    assert!(walk().unwrap().contains("what the foreign keys of this database do"), "{:?}", walk());
    world.other.run(&format!("GRANT REFERENCES ON {database}.* TO {user}@localhost")).unwrap();
    assert!(walk().unwrap().contains("also delete rows of `notes`"), "{:?}", walk());
    world.other.run("DROP TABLE notes").unwrap();
    assert_eq!(walk(), None, "now it may");
    world.other.run(&format!("REVOKE DELETE ON {database}.records FROM {user}@localhost")).unwrap();
    assert!(walk().unwrap().contains("`forfall store grants`"), "{:?}", walk());
    drop(guest);
    world.other.run(&format!("DROP USER {user}@localhost")).unwrap();
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), 1);
}

/// What the grants say is enough, for looking and for disposing, and lets the planner change nothing.
#[test]
fn the_grants_that_are_printed_are_enough() {
    let world = world(
        "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, name VARCHAR(9))
         INSERT INTO records VALUES (1, '2026-01-01', 'a'), (2, '2026-10-31', 'b')
         CREATE TABLE notes (id INT PRIMARY KEY, `of` INT, FOREIGN KEY (`of`) REFERENCES records (id))
         INSERT INTO notes VALUES (1, 1)",
    );
    world.other.run("DROP TABLE forfall_batch").unwrap();
    let mut with = target();
    with.with.push(With { store: None, collection: "notes".to_owned(), by: Some("of".to_owned()) });
    let uses = [Use {
        target: with.clone().into(),
        deletes: true,
        changes: Some(vec!["name".to_owned()]),
        aggregates: Vec::new(),
    }];
    let roles = ["planner", "executor"].map(|role| format!("{role}_{}", world.database));
    for line in world.store.grants(&uses).unwrap().statements {
        let line = line.split(";  --").next().unwrap().trim_end_matches(';');
        let line = line.replace(" IDENTIFIED BY '...'", "").replace('%', "localhost");
        let line = line.replace("forfall_planner", &roles[0]).replace("forfall_executor", &roles[1]);
        world.other.run(&line).unwrap();
    }
    let [planner, executor] = roles
        .each_ref()
        .map(|role| super::MySqlStore::open(StoreName::new("box"), place(role, &world.database)));
    executor.adopt(&with).unwrap();
    assert_eq!(planner.identity().unwrap(), executor.identity().unwrap());
    let job = deletion(with, Predicate::Always(true));
    assert_eq!(planner.scan(&job.scope, &job.predicate, None, 9).unwrap().rows.len(), 1);
    assert_eq!(planner.walk(job.clone()).err().unwrap().kind, StoreErrorKind::Denied);
    let mut walk = executor.walk(job).unwrap();
    walk.prepare(&label(), 9, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    assert!(walk.prepare(&label(), 9, &HashSet::new()).unwrap().is_none());
    drop((walk, planner));
    drop(executor);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), 1);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM notes"), 0);
    for role in roles {
        world.other.run(&format!("DROP USER {role}@localhost")).unwrap();
    }
}

/// A database without our marks was never approved, or is another one.
#[test]
fn a_database_without_marks_is_left_alone() {
    let world = world("");
    many(&world, "NULL");
    world.other.run("DROP TABLE forfall_batch").unwrap();
    let error = world.store.walk(deletion(target(), Predicate::Always(true))).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Foreign, "{error}");
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), REPETITIONS);
}

/// Where little is due the walk follows the start's index, and the oldest go first; where much is due, it follows the
/// key, in whose order the rows lie.
#[test]
fn the_walk_follows_what_is_cheaper() {
    for (due, expected) in [(100, [96, 97, 98, 99, 100]), (9_000, [1, 2, 3, 4, 5])] {
        let world = world("");
        // Written at once: what was overwritten still stands in the index, and the server counts it.
        run_all(
            &world.other,
            &format!(
                "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, KEY (at))
                 INSERT INTO records SELECT seq, IF(seq <= {due}, '2026-01-01' - INTERVAL seq MINUTE, '2026-10-31') \
                   FROM {}
                 ANALYZE TABLE records",
                up_to(REPETITIONS)
            ),
        );
        let mut walk = world.store.walk(deletion(target(), Predicate::Always(true))).unwrap();
        let batch = walk.prepare(&label(), 5, &HashSet::new()).unwrap().unwrap();
        let mut keys = batch.records().to_vec();
        keys.sort_unstable();
        assert_eq!(keys, expected.map(Key::from_int), "{due} due");
        batch.abort().unwrap();
        drop(walk);
        assert_eq!(carry_out(&world, deletion(target(), Predicate::Always(true)), 700), due);
    }
}
