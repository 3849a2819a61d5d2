//! What others do at the same moment, and what the catalogue hides: reproduced on the real server.

use std::collections::HashSet;

use super::super::session::Session;
use super::PostgresStore;
use super::{World, alone, connect, deletion, label, number, target, world};
use crate::adapter::api::{Dispose as _, Inspect as _, Job, StoreErrorKind};
use crate::adapter::contract::server;
use crate::adapter::place::Server;
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;
use crate::model::batch::Fate;
use crate::model::ids::StoreName;
use crate::model::key::Key;
use crate::model::predicate::{Comparison, Operand, Predicate};
use crate::model::target::{Link, With};
use crate::model::value::{Field, Value};

/// The repetitions of a race.
const REPETITIONS: i64 = 10_000;

/// Carries a job out in small batches; another batch is tried after an error that may pass.
fn carry_out(world: &World, job: Job, want: usize) -> usize {
    let mut done = 0;
    let mut walk = world.store.walk(job).unwrap();
    loop {
        match walk.prepare(&label(), want, &HashSet::new()) {
            Ok(None) => return done,
            Ok(Some(batch)) => {
                let records = batch.records().len();
                batch.commit().unwrap();
                done += records;
            }
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Busy, "{error}"),
        }
    }
}

fn many(world: &World, columns: &str) {
    let sql = format!(
        "CREATE TABLE records (id int PRIMARY KEY, at timestamptz, parent int); \
         INSERT INTO records SELECT n, '2026-01-01', {columns} FROM generate_series(1, {REPETITIONS}) n; \
         CREATE INDEX ON records (at); ANALYZE records"
    );
    world.other.run(&sql).unwrap();
}

/// Somebody extends each record at the moment at which it would go: whoever was told that it is extended keeps it.
#[test]
fn a_record_that_is_extended_meanwhile_is_kept() {
    let world = world("");
    many(&world, "NULL");
    let database = world.database.clone();
    let extending = std::thread::spawn(move || {
        let other = connect("postgres", &database);
        other.run("CREATE TABLE extended (id int)").unwrap();
        // Each record in a transaction of its own, in the order in which they go.
        other
            .run(&format!(
                "DO $$ DECLARE touched int; BEGIN FOR n IN 1..{REPETITIONS} LOOP \
                   UPDATE records SET at = '2026-10-31' WHERE id = n; \
                   GET DIAGNOSTICS touched = ROW_COUNT; \
                   IF touched = 1 THEN INSERT INTO extended VALUES (n); END IF; COMMIT; END LOOP; END $$"
            ))
            .unwrap();
    });
    let done = carry_out(&world, deletion(target(), Predicate::Always(true)), 25);
    extending.join().unwrap();
    let lost = number(&world, "SELECT count(*) FROM extended WHERE id NOT IN (SELECT id FROM records)");
    assert_eq!(lost, 0, "extended records are gone");
    let extended = number(&world, "SELECT count(*) FROM extended");
    let left = number(&world, "SELECT count(*) FROM records");
    assert_eq!(left, extended, "nothing that is due was missed");
    assert_eq!(i64::try_from(done).unwrap() + extended, REPETITIONS);
}

/// A row that decides is changed at the moment at which its record would go. Who changes it looks, with the row
/// locked, whether the record is still there: a record that was seen then stays.
#[test]
fn a_record_whose_related_row_changes_meanwhile_is_kept() {
    let world = world("");
    many(&world, "n");
    world
        .other
        .run(&format!(
            "CREATE TABLE cases (id int PRIMARY KEY, state text); \
             INSERT INTO cases SELECT n, 'closed' FROM generate_series(1, {REPETITIONS}) n; ANALYZE cases"
        ))
        .unwrap();
    let database = world.database.clone();
    let opening = std::thread::spawn(move || {
        let other = connect("postgres", &database);
        other.run("CREATE TABLE seen (id int)").unwrap();
        other
            .run(&format!(
                "DO $$ BEGIN FOR n IN 1..{REPETITIONS} LOOP \
                   UPDATE cases SET state = 'open' WHERE id = n; \
                   INSERT INTO seen SELECT id FROM records WHERE id = n; COMMIT; END LOOP; END $$"
            ))
            .unwrap();
    });
    let mut bound = target();
    let by = "parent".to_owned();
    bound.links.push(Link { name: "case".to_owned(), collection: "cases".to_owned(), key: None, by });
    let closed = Predicate::Compare {
        field: Field::linked("case", "state"),
        op: Comparison::Equal,
        with: Operand::Value(Value::Text("closed".to_owned())),
    };
    carry_out(&world, deletion(bound, closed), 25);
    opening.join().unwrap();
    let lost = number(&world, "SELECT count(*) FROM seen WHERE id NOT IN (SELECT id FROM records)");
    assert_eq!(lost, 0, "records of reopened cases are gone");
}

/// Everything that would happen besides is named, all of it, and nothing is done.
#[test]
fn cascades_triggers_and_rules_are_refused_with_the_full_list() {
    let world = world(
        "CREATE TABLE records (id int PRIMARY KEY, at timestamptz); \
         INSERT INTO records VALUES (1, '2026-01-01'); \
         CREATE TABLE notes (id int PRIMARY KEY, of int REFERENCES records ON DELETE CASCADE); \
         CREATE TABLE marks (id int PRIMARY KEY, of int REFERENCES records ON DELETE SET NULL); \
         CREATE TABLE pages (id int PRIMARY KEY, note int REFERENCES notes ON DELETE CASCADE); \
         CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; \
         CREATE TRIGGER teller BEFORE DELETE ON records FOR EACH ROW EXECUTE FUNCTION tell(); \
         CREATE RULE keeper AS ON DELETE TO records DO ALSO NOTHING",
    );
    let names = |target| -> Vec<String> {
        let effects = world.store.probe(&target).unwrap().side_effects;
        effects.into_iter().map(|effect| effect.name).collect()
    };
    assert_eq!(names(target()), ["keeper", "teller", "notes", "marks"]);
    let mut with = target();
    let by = Some("of".to_owned());
    with.with.push(With { store: None, collection: "notes".to_owned(), by });
    assert_eq!(names(with), ["keeper", "teller", "marks", "pages"]);
    let refused = world.store.walk(deletion(target(), Predicate::Always(true))).err().unwrap();
    assert!(refused.to_string().contains("teller") && refused.to_string().contains("`marks`"), "{refused}");
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 1);
}

/// A trigger that comes in the middle of a walk is noticed in the transaction of the next batch.
#[test]
fn a_trigger_that_comes_meanwhile_stops_the_walk() {
    let world = world(
        "CREATE TABLE records (id int PRIMARY KEY, at timestamptz); \
         INSERT INTO records SELECT n, '2026-01-01' FROM generate_series(1, 10) n; \
         CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    );
    let mut walk = world.store.walk(deletion(target(), Predicate::Always(true))).unwrap();
    walk.prepare(&label(), 3, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    world
        .other
        .run("CREATE TRIGGER teller BEFORE DELETE ON records FOR EACH ROW EXECUTE FUNCTION tell()")
        .unwrap();
    let error = walk.prepare(&label(), 3, &HashSet::new()).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Changed);
    assert!(error.to_string().contains("changed while the run was under way"), "{error}");
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 7);
}

/// Whatever takes the table's name or shape between two batches: its rows stay, and the walk says what to do.
#[test]
fn a_table_that_is_exchanged_or_altered_under_a_walk_is_left_alone() {
    let alterations = [
        ("ALTER TABLE records RENAME TO former", "former"),
        ("ALTER TABLE records RENAME TO former; CREATE TABLE records AS SELECT * FROM former", "records"),
        ("ALTER TABLE records ALTER COLUMN kind TYPE varchar(5)", "records"),
        ("ALTER TABLE records ALTER COLUMN at TYPE text", "records"),
        ("ALTER TABLE records DROP COLUMN kind", "records"),
        ("ALTER TABLE records RENAME TO former; CREATE VIEW records AS SELECT * FROM former", "former"),
    ];
    for (alteration, table) in alterations {
        let world = world(
            "CREATE TABLE records (id int PRIMARY KEY, at timestamptz, kind text); \
             INSERT INTO records SELECT n, '2026-01-01', 'x' FROM generate_series(1, 10) n",
        );
        let kind = Predicate::IsNull(Field::own("kind")).negated();
        let mut walk = world.store.walk(deletion(target(), kind)).unwrap();
        walk.prepare(&label(), 3, &HashSet::new()).unwrap().unwrap().commit().unwrap();
        world.other.run(alteration).unwrap();
        let error = walk.prepare(&label(), 3, &HashSet::new()).err().unwrap();
        assert!(!error.may_retry() && error.help.is_some(), "{alteration}: {error}");
        let left = number(&world, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(left, 7, "{alteration}: {error}");
    }
}

/// A row-level policy would hide rows, and a hidden row looks like one that is gone.
#[test]
fn rows_that_a_policy_hides_are_an_error() {
    let world = world(
        "CREATE TABLE records (id int PRIMARY KEY, at timestamptz); INSERT INTO records VALUES (1, '2026-01-01'); \
         ALTER TABLE records ENABLE ROW LEVEL SECURITY; \
         CREATE ROLE box_guest LOGIN; GRANT USAGE ON SCHEMA public TO box_guest; \
         GRANT SELECT, DELETE ON records TO box_guest",
    );
    let guest = PostgresStore::open(StoreName::new("box"), super::place("box_guest", &world.database));
    let scope = deletion(target(), Predicate::Always(true)).scope;
    let error = guest.scan(&scope, &Predicate::Always(true), None, 10).unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
    drop(guest);
    world.other.run("DROP OWNED BY box_guest; DROP ROLE box_guest").unwrap();
}

/// Somebody holds a lock for too long: the batch gives up, says so, and nothing is half done.
#[test]
fn a_lock_that_is_held_too_long_makes_the_batch_busy() {
    let mut world = world(
        "CREATE TABLE records (id int PRIMARY KEY, at timestamptz); \
         INSERT INTO records SELECT n, '2026-01-01' FROM generate_series(1, 10) n",
    );
    world.store.limits.lock = std::time::Duration::from_millis(50);
    world.other.run("BEGIN; UPDATE records SET at = at WHERE id = 5").unwrap();
    let mut walk = world.store.walk(deletion(target(), Predicate::Always(true))).unwrap();
    let error = walk.prepare(&label(), 100, &HashSet::new()).err().unwrap();
    assert!(error.kind == StoreErrorKind::Busy && error.may_retry(), "{error}");
    world.other.run("ROLLBACK").unwrap();
    walk.prepare(&label(), 100, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    drop(walk);
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 0);
}

/// Several connections work on much at once: what is held when its turn comes stays, what is taken back comes again,
/// what somebody extends meanwhile is kept, and nothing is missed.
#[test]
fn several_connections_delete_exactly_what_is_due() {
    let mut world = world("");
    many(&world, "NULL");
    world.store.server.parallel = 2;
    let mut job = deletion(target(), Predicate::Always(true));
    job.expected = REPETITIONS.unsigned_abs();
    let held: HashSet<Key> = [7, 5_000, 9_999].map(Key::from_int).into();
    let mut walk = world.store.walk(job).unwrap();
    let first = walk.prepare(&label(), 1_000, &HashSet::new()).unwrap().unwrap();
    let records = first.records().to_vec();
    assert!(records.contains(&Key::from_int(7)), "pages are given out in order");
    first.abort().unwrap();
    world.other.run("UPDATE records SET at = '2026-10-31' WHERE id = 9000").unwrap();
    let mut done = HashSet::new();
    while let Some(batch) = walk.prepare(&label(), 1_000, &held).unwrap() {
        assert!(batch.records().len() < 4_000, "{} records in one batch", batch.records().len());
        for key in batch.records() {
            assert!(done.insert(key.clone()), "a record came twice");
        }
        let spool = batch.spool();
        batch.commit().unwrap();
        assert_eq!(world.store.resolve(&label(), &target(), &spool).unwrap(), Fate::Done);
    }
    drop(walk);
    assert_eq!(i64::try_from(done.len()).unwrap(), REPETITIONS - 4);
    assert!(done.is_disjoint(&held));
    let rows = world.other.rows("SELECT id::int8 FROM records ORDER BY id", &[]).unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [7, 5_000, 9_000, 9_999]);
}

/// A replica that is behind gives the walk a reason to wait, and what was begun ahead is taken back meanwhile.
#[test]
fn a_replica_that_is_behind_pauses_the_walk() {
    let primary = server::durable_postgres();
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", primary.port);
    let place = Server::at(Secret::Plain(url));
    let other = Session::write("test", &place, Limits::default(), &alone()).unwrap();
    other
        .run(
            "CREATE TABLE records (id int PRIMARY KEY, at timestamptz); \
             INSERT INTO records SELECT n, '2026-01-01' FROM generate_series(1, 5000) n; ANALYZE records",
        )
        .unwrap();
    let store = PostgresStore::open(StoreName::new("box"), place);
    let mut job = deletion(target(), Predicate::Always(true));
    job.expected = 5_000;
    let mut walk = store.walk(job).unwrap();
    assert_eq!(walk.strain().unwrap(), None);
    walk.prepare(&label(), 1_000, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    let replica = server::delayed_replica(primary);
    while other
        .one("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", &[])
        .unwrap()
        .get::<_, i64>(0)
        == 0
    {
        std::thread::yield_now();
    }
    other.run("CREATE TABLE first AS SELECT 1").unwrap();
    other.run("CREATE TABLE bulk AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)").unwrap();
    let why = walk.strain().unwrap().expect("the replica is behind");
    assert!(why.contains("replica `walreceiver`"), "{why}");
    // Nobody is locked out while we wait.
    other.run("SET lock_timeout = '1s'; UPDATE records SET at = '2026-10-31'").unwrap();
    drop((walk, replica));
}
