//! Partitions that go as a whole, and everything that keeps one from it.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::{World, connect, deletion, label, number, place, target, world};
use crate::adapter::api::{Dispose as _, Inspect as _, Job, Part, StoreErrorKind, Walk, Whole};
use crate::adapter::postgres::PostgresStore;
use crate::model::batch::Fate;
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyPart};
use crate::model::predicate::{Comparison, Operand, Predicate, Reach};
use crate::model::start::{Format, Start};
use crate::model::target::Target;
use crate::model::value::{Field, Value};

/// Due is what lies before October: all of August and of September.
const TABLE: &str = "CREATE TABLE records (id bigint, at timestamptz, kind text, PRIMARY KEY (id, at)) \
       PARTITION BY RANGE (at); \
     CREATE TABLE august PARTITION OF records FOR VALUES FROM (MINVALUE) TO ('2026-09-01'); \
     CREATE TABLE september PARTITION OF records FOR VALUES FROM ('2026-09-01') TO ('2026-10-01'); \
     CREATE TABLE october PARTITION OF records FOR VALUES FROM ('2026-10-01') TO ('2026-11-01'); \
     CREATE TABLE rest PARTITION OF records DEFAULT; \
     INSERT INTO records SELECT n, '2026-08-02 00:00Z'::timestamptz + n * interval '1 second', 'x' \
       FROM generate_series(1, 10000) n; \
     INSERT INTO records VALUES (20001, '2026-09-30 23:59:59.999999Z', 'x'), (20002, '2026-10-01 00:00Z', 'x'), \
       (20003, '2026-10-01 00:00:01Z', 'x')";

fn whole_target() -> Target {
    Target { drop_partitions: true, ..target() }
}

fn job(predicate: Predicate) -> Job {
    deletion(whole_target(), predicate)
}

fn everything() -> Job {
    job(Predicate::Always(true))
}

fn ready<'a>(walk: &'a mut (dyn Walk + 'a)) -> Box<dyn Part + 'a> {
    match walk.whole().unwrap() {
        Some(Whole::Ready(part)) => part,
        Some(Whole::Left { name, why }) => panic!("{name}: {why}"),
        None => panic!("no partition is due"),
    }
}

fn why_left(walk: &mut dyn Walk) -> String {
    match walk.whole().unwrap() {
        Some(Whole::Left { name, why }) => format!("{name}: {why}"),
        Some(Whole::Ready(part)) => panic!("{} may go", part.name()),
        None => panic!("no partition is due"),
    }
}

/// The names of the partitions that may go, with how many keys each has.
fn may_go(store: &PostgresStore, job: Job) -> Vec<(String, usize)> {
    let mut walk = store.walk(job).unwrap();
    let mut found = Vec::new();
    while let Some(whole) = walk.whole().unwrap() {
        if let Whole::Ready(mut part) = whole {
            found.push((part.name().to_owned(), keys(&mut *part)));
            part.abort().unwrap();
        }
    }
    found
}

fn keys(part: &mut dyn Part) -> usize {
    let mut many = 0;
    part.keys(&mut |list| {
        many += list.len();
        true
    })
    .unwrap();
    many
}

fn tables(world: &World) -> i64 {
    number(world, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'records'::regclass")
}

/// Waits until a session of another program waits for a lock on a table.
fn until_somebody_waits(world: &World, table: &str) {
    let sql = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' \
         AND relation = (SELECT oid FROM pg_class WHERE relname = '{table}')"
    );
    while number(world, &sql) == 0 {
        std::thread::yield_now();
    }
}

/// Another program that runs a statement meanwhile; gives what became of it.
fn meanwhile(world: &World, sql: &'static str) -> JoinHandle<Result<(), String>> {
    let database = world.database.clone();
    std::thread::spawn(move || {
        let other = connect("postgres", &database);
        other.run("SET lock_timeout = '60s'").unwrap();
        other.run(sql).map_err(|error| error.to_string())
    })
}

#[test]
fn partitions_of_which_everything_is_due_go_whole_and_the_rest_in_batches() {
    let world = world(TABLE);
    let mut walk = world.store.walk(everything()).unwrap();
    for (name, records) in [("august", 10_000), ("september", 1)] {
        let mut part = ready(&mut *walk);
        assert_eq!(part.name(), name);
        assert_eq!(keys(&mut *part), records);
        let spool = part.strike().unwrap();
        part.commit().unwrap();
        assert_eq!(world.store.resolve(&label(), &target(), &spool).unwrap(), Fate::Done);
    }
    assert!(walk.whole().unwrap().is_none());
    assert_eq!(tables(&world), 2);
    // What is due in a partition that is not due as a whole goes as ever.
    let batch = walk.prepare(&label(), 10, &HashSet::new()).unwrap().unwrap();
    assert_eq!(batch.records().len(), 1);
    batch.commit().unwrap();
    drop(walk);
    assert_eq!(world.other.rows("SELECT id FROM records", &[]).unwrap().len(), 1);
}

#[test]
fn the_keys_are_those_of_the_records() {
    let world = world(TABLE);
    let mut walk = world.store.walk(everything()).unwrap();
    let mut part = ready(&mut *walk);
    let mut found = HashSet::new();
    part.keys(&mut |list| {
        found.extend(list.encoded().map(<[u8]>::to_vec));
        true
    })
    .unwrap();
    drop(part);
    let key = Key::from_parts(&[KeyPart::Int(60), KeyPart::Text("2026-08-02 00:01:00+00".to_owned())]);
    assert!(found.contains(key.as_bytes()) && found.len() == 10_000);
    let row = world.store.read(&everything().scope, &key).unwrap().unwrap();
    assert_eq!(row.key, key);
}

#[test]
fn one_record_that_does_not_go_keeps_its_partition() {
    let world = world(TABLE);
    let kind = |is: &str| Predicate::Compare {
        field: Field::own("kind"),
        op: Comparison::Equal,
        with: Operand::Value(Value::Text(is.to_owned())),
    };
    let all = [("august".to_owned(), 10_000), ("september".to_owned(), 1)];
    assert_eq!(may_go(&world.store, job(kind("x"))), all);
    // Of another class; unknown which class; held; a start that cannot be known.
    world.other.run("UPDATE records SET kind = 'y' WHERE id = 17").unwrap();
    assert_eq!(may_go(&world.store, job(kind("x"))), all[1..]);
    world.other.run("UPDATE records SET kind = NULL WHERE id = 17").unwrap();
    assert_eq!(may_go(&world.store, job(kind("x"))), all[1..]);
    let held = Key::from_parts(&[KeyPart::Int(60), KeyPart::Text("2026-08-02 00:01:00+00".to_owned())]);
    let not_held = Predicate::KeyIn(Arc::new([held].into())).negated();
    let mut walk = world.store.walk(job(not_held)).unwrap();
    assert_eq!(why_left(&mut *walk), "partition `august`: records of it that do not go: 1 (1 held)");
    drop(walk);
    world.other.run("INSERT INTO records VALUES (30001, '-infinity', 'x')").unwrap();
    let mut walk = world.store.walk(everything()).unwrap();
    let why = why_left(&mut *walk);
    assert!(why.ends_with("go: 1 (1 with a start that is not due or cannot be known)"), "{why}");
    drop(walk);
    assert_eq!(tables(&world), 4);
}

#[test]
fn every_type_of_range_ends_where_its_last_value_does() {
    let world = world("");
    // Due is what lies before 1 October; each has one partition that ends there and one that ends a unit later.
    let shapes = [
        ("timestamptz", None, "'2026-10-01 00:00Z'", "'2026-10-01 00:00:00.000002Z'"),
        ("timestamp", Some(Format::DateTime), "'2026-10-01'", "'2026-10-01 00:00:00.000002'"),
        ("date", None, "'2026-10-01'", "'2026-10-02'"),
        ("bigint", Some(Format::Unix), "1790812801", "1790812802"),
    ];
    for (kind, format, end, later) in shapes {
        world
            .other
            .run(&format!(
                "DROP TABLE IF EXISTS records; CREATE TABLE records (id int, at {kind}, PRIMARY KEY (id, at)) \
                   PARTITION BY RANGE (at); \
                 CREATE TABLE one PARTITION OF records FOR VALUES FROM (MINVALUE) TO ({end}); \
                 CREATE TABLE two PARTITION OF records FOR VALUES FROM ({end}) TO ({later})"
            ))
            .unwrap();
        let mut job = everything();
        let due = &mut job.due;
        due.dates_through = "2026-09-30".parse().ok();
        job.start = Arc::new(Start { format, ..(*job.start).clone() });
        let is = crate::model::predicate::StartIs::In(job.due.clone());
        job.predicate = Predicate::Start { start: Arc::clone(&job.start), is };
        let names: Vec<String> = may_go(&world.store, job).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["one"], "{kind}");
    }
}

#[test]
fn whoever_writes_into_the_partition_waits_and_is_told() {
    let world = world(TABLE);
    let mut walk = world.store.walk(everything()).unwrap();
    let mut part = ready(&mut *walk);
    let direct = meanwhile(&world, "INSERT INTO august VALUES (40001, '2026-08-05', 'x')");
    until_somebody_waits(&world, "august");
    assert_eq!(keys(&mut *part), 10_000, "who waits is not seen");
    part.strike().unwrap();
    // From now on the table itself is locked, until the commit.
    let through = meanwhile(&world, "INSERT INTO records VALUES (40002, '2026-08-05', 'x')");
    until_somebody_waits(&world, "records");
    part.commit().unwrap();
    let refused = direct.join().unwrap().unwrap_err();
    assert!(refused.contains("august") || refused.contains("relation"), "{refused}");
    through.join().unwrap().unwrap();
    assert_eq!(number(&world, "SELECT id FROM rest"), 40_002, "it went to the default partition");
    drop(walk);
}

#[test]
fn a_partition_in_use_is_left_to_the_batches() {
    let mut world = world(TABLE);
    world.store.limits.lock = std::time::Duration::from_millis(100);
    world.other.run("BEGIN; UPDATE records SET kind = 'z' WHERE id = 3").unwrap();
    let mut walk = world.store.walk(everything()).unwrap();
    let why = why_left(&mut *walk);
    assert!(why.contains("lock timeout"), "{why}");
    drop(walk);
    world.other.run("ROLLBACK").unwrap();
    // A reader that stays does not hinder the looking, only the drop.
    world.other.run("BEGIN; SELECT count(*) FROM records").unwrap();
    let mut walk = world.store.walk(everything()).unwrap();
    let mut part = ready(&mut *walk);
    let error = part.strike().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Busy, "{error}");
    part.abort().unwrap();
    world.other.run("COMMIT").unwrap();
    assert_eq!((tables(&world), number(&world, "SELECT count(*) FROM records")), (4, 10_003));
    // The walk goes on.
    let mut part = ready(&mut *walk);
    assert_eq!(part.name(), "september");
    part.strike().unwrap();
    drop(part);
    drop(walk);
    assert_eq!((tables(&world), number(&world, "SELECT count(*) FROM records")), (4, 10_003), "taken back");
}

#[test]
fn whatever_a_drop_would_pass_over_keeps_the_partition() {
    let world = world(TABLE);
    world
        .other
        .run(
            "CREATE TABLE notes (id int PRIMARY KEY, of bigint, at timestamptz); \
             CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; \
             CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        )
        .unwrap();
    let cases = [
        ("CREATE VIEW seen AS SELECT * FROM august", "view seen depends on it", "DROP VIEW seen"),
        (
            "CREATE TRIGGER teller AFTER TRUNCATE ON august EXECUTE FUNCTION tell()",
            "trigger `teller` would not run",
            "DROP TRIGGER teller ON august",
        ),
        (
            "ALTER TABLE notes ADD CONSTRAINT of_august FOREIGN KEY (of, at) REFERENCES august (id, at)",
            "foreign key `of_august` refers to its records",
            "ALTER TABLE notes DROP CONSTRAINT of_august",
        ),
        (
            "CREATE EVENT TRIGGER seer ON sql_drop EXECUTE FUNCTION see()",
            "event trigger `seer` would be set off",
            "DROP EVENT TRIGGER seer",
        ),
        (
            "CREATE PUBLICATION news FOR TABLE records",
            "publication `news` tells its subscribers",
            "DROP PUBLICATION news",
        ),
    ];
    for (make, said, undo) in cases {
        world.other.run(make).unwrap();
        let mut walk = world.store.walk(everything()).unwrap();
        let why = why_left(&mut *walk);
        assert!(why.contains(said), "{why}");
        drop(walk);
        world.other.run(undo).unwrap();
    }
    let mut reached = everything();
    let reach = Reach { collection: "notes".to_owned(), by: "of".to_owned(), key: "id".to_owned() };
    Arc::make_mut(&mut reached.scope.target).reached_by.push(reach);
    let mut walk = world.store.walk(reached).unwrap();
    assert!(why_left(&mut *walk).contains("other rows may refer"));
    assert!(walk.whole().unwrap().is_none(), "said once for all");
    drop(walk);
    assert_eq!(tables(&world), 4);
}

/// A trigger of a partition's own runs when a record goes through the table, so it is refused like the table's.
#[test]
fn a_trigger_of_a_partition_is_refused_like_one_of_the_table() {
    let world = world(TABLE);
    world
        .other
        .run(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; \
             CREATE TRIGGER teller BEFORE DELETE ON august FOR EACH ROW EXECUTE FUNCTION tell()",
        )
        .unwrap();
    let refused = world.store.walk(everything()).err().unwrap();
    assert!(refused.to_string().contains("teller"), "{refused}");
}

#[test]
fn only_the_owner_may_drop_a_partition() {
    let world = world(TABLE);
    world
        .other
        .run(
            "CREATE ROLE box_keeper LOGIN; GRANT USAGE ON SCHEMA public TO box_keeper; \
             GRANT SELECT, DELETE ON records, august, september TO box_keeper; \
             GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() TO box_keeper",
        )
        .unwrap();
    let keeper = PostgresStore::open(StoreName::new("box"), place("box_keeper", &world.database));
    let mut walk = keeper.walk(everything()).unwrap();
    let why = why_left(&mut *walk);
    assert!(why.contains("only its owner may drop it"), "{why}");
    drop(walk);
    drop(keeper);
    world.other.run("DROP OWNED BY box_keeper; DROP ROLE box_keeper").unwrap();
}

#[test]
fn without_the_key_of_the_policy_nothing_is_looked_for() {
    let world = world(TABLE);
    let mut walk = world.store.walk(deletion(target(), Predicate::Always(true))).unwrap();
    assert!(walk.whole().unwrap().is_none());
    assert_eq!(world.store.probe(&target()).unwrap().partitioned_by.as_deref(), Some("at"));
}

/// Records that are due lie at the beginning of a table, mostly; what is asked for here lies behind all of the newest.
#[test]
fn whatever_is_there_is_found_behind_the_newest_too() {
    let world = world(
        "CREATE TABLE records (id int PRIMARY KEY, at timestamptz); CREATE INDEX ON records (at); \
         INSERT INTO records SELECT n, '2026-08-02 00:00Z'::timestamptz + n * interval '1 second' \
         FROM generate_series(1, 3000) n; INSERT INTO records VALUES (0, NULL)",
    );
    let job = deletion(target(), Predicate::Always(true));
    let is = |id: i64| Predicate::Compare {
        field: Field::own("id"),
        op: Comparison::Equal,
        with: Operand::Value(Value::Int(id)),
    };
    for (id, there) in [(0, true), (1, true), (3_000, true), (3_001, false)] {
        for start in [None, Some(&job.start)] {
            assert_eq!(world.store.any(&job.scope, &is(id), start).unwrap(), there, "{id}");
        }
    }
}
