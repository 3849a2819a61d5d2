//! Windows of starts, and a walk by them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::dialect;
use super::super::schema;
use super::super::session::Session;
use super::super::windows::{MOST, RECORDS, Windows};
use super::{World, alone, deletion, label, number, place, target, world};
use crate::adapter::api::{Dispose as _, Inspect as _, Job, LastLook, Pacing, Walk};
use crate::adapter::place::{Pace, Server};
use crate::adapter::postgres::PostgresStore;
use crate::adapter::sql::Limits;
use crate::model::ids::StoreName;
use crate::model::key::Key;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::{Format, Start};
use crate::time::StartSet;

const DUE: i64 = 3_000;

/// Of 200,000 rows that lie in no order, so many are due, and another one has no start; two have one that cannot be.
fn little_due() -> World {
    world(&format!(
        "CREATE TABLE records (id bigint PRIMARY KEY, at timestamptz);
         INSERT INTO records SELECT n, CASE WHEN n * 7919 % 200000 < {DUE}
           THEN timestamptz '2026-09-30 23:59:59.5Z' - (n * 7919 % 200000) * interval '1 minute'
           ELSE timestamptz '2026-10-02Z' + n * interval '1 second' END FROM generate_series(1, 200000) n;
         INSERT INTO records VALUES (200001, NULL), (200002, '-infinity'), (200003, '1980-01-01Z');
         CREATE INDEX ON records (at); ANALYZE records"
    ))
}

fn job() -> Job {
    Job { expected: DUE.unsigned_abs(), ..deletion(target(), Predicate::Always(true)) }
}

fn store(world: &World, parallel: usize) -> PostgresStore {
    let place = Server { parallel, ..place("postgres", &world.database) };
    PostgresStore::open(StoreName::new("box"), place)
}

fn divided(world: &World, job: &Job) -> Option<Windows> {
    divided_by(&world.other, world, job)
}

/// As that connection finds them.
fn divided_by(session: &Session, world: &World, job: &Job) -> Option<Windows> {
    let bound = schema::bind(&world.other, &job.scope.target).unwrap();
    let question = dialect::question(&bound, &job.scope.events, &job.predicate).unwrap();
    let column = (bound.column("at"), "timestamptz");
    Windows::divide(session, &bound, &question, (&column.0, column.1), job.expected).unwrap()
}

fn is_due_left(world: &World) -> i64 {
    number(world, "SELECT count(*) FROM records WHERE at BETWEEN '1990-01-01Z' AND '2026-10-01Z'")
}

/// Deletes all that is left, and gives the sizes of the batches.
fn walked(walk: &mut dyn Walk, want: usize, without: &HashSet<Key>) -> Vec<usize> {
    let mut sizes = Vec::new();
    while let Some(batch) = walk.prepare(&label(), want, without).unwrap() {
        sizes.push(batch.records().len());
        batch.commit().unwrap();
    }
    sizes
}

#[test]
fn each_start_is_in_one_window_and_each_window_has_as_many_that_go() {
    let world = little_due();
    let windows = divided(&world, &job()).unwrap();
    assert_eq!(windows.count(), DUE.unsigned_abs() / RECORDS + 1);
    let mut found: BTreeMap<u64, i64> = BTreeMap::new();
    for place in 0..windows.count() {
        let (within, bound) = windows.within(&(place..place + 1), 0);
        let sql = format!("SELECT count(*) FROM records WHERE {within}");
        found.insert(place, world.other.one(&sql, &bound).unwrap().get(0));
    }
    let each = i64::try_from(RECORDS).unwrap();
    assert_eq!(found[&0], each + 2, "with the two that are too early");
    assert!((1..windows.count() - 1).all(|place| found[&place] == each), "{found:?}");
    assert_eq!(found.values().sum::<i64>(), 200_002, "all but the row without a start");
}

/// However much is due, its windows take little memory.
#[test]
fn more_records_make_larger_windows() {
    let world = little_due();
    let many = Job { expected: 20_000 * 2 * RECORDS, ..job() };
    assert_eq!(divided(&world, &many).unwrap().count(), DUE.unsigned_abs() / (2 * RECORDS) + 1);
}

#[test]
fn equal_starts_stay_together_unless_they_are_too_many() {
    let rows = |same: u64| {
        format!(
            "TRUNCATE records; INSERT INTO records SELECT n, '2026-01-01Z' FROM generate_series(1, {same}) n;
             INSERT INTO records SELECT -n, timestamptz '2026-02-01Z' + n * interval '1 second' FROM generate_series(1, 250) n"
        )
    };
    let world =
        world("CREATE TABLE records (id bigint PRIMARY KEY, at timestamptz); CREATE INDEX ON records (at)");
    world.other.run(&rows(MOST - 1)).unwrap();
    let windows = divided(&world, &job()).unwrap();
    let (within, bound) = windows.within(&(0..1), 0);
    let sql = format!("SELECT count(*) FROM records WHERE {within}");
    assert_eq!(world.other.one(&sql, &bound).unwrap().get::<_, i64>(0).unsigned_abs(), MOST - 1);
    assert_eq!(windows.count(), 1 + 3 + 1);
    world.other.run(&rows(MOST)).unwrap();
    assert!(divided(&world, &job()).is_none());
}

#[test]
fn a_table_that_somebody_has_locked_is_not_divided() {
    let world = little_due();
    let limits = Limits { lock: Duration::from_millis(50), ..Limits::default() };
    let place = place("postgres", &world.database);
    let session = Session::write("test", &place, limits, &alone()).unwrap();
    world.other.run("BEGIN; LOCK TABLE records").unwrap();
    assert!(divided_by(&session, &world, &job()).is_none());
    world.other.run("COMMIT").unwrap();
    assert!(divided_by(&session, &world, &job()).is_some());
}

/// Dividing is worth no more time than a statement may take: what is due is found a few at a time then.
#[test]
fn a_table_that_takes_too_long_to_divide_is_not_divided() {
    let world = little_due();
    let limits = Limits { batch: Duration::from_millis(1), ..Limits::default() };
    let session = Session::write("test", &place("postgres", &world.database), limits, &alone()).unwrap();
    let mut slow = job();
    slow.due =
        StartSet { instants: vec![(None, "2027-01-01T00:00:00Z".parse().unwrap())], dates_through: None };
    slow.predicate = Predicate::Start { start: Arc::clone(&slow.start), is: StartIs::In(slow.due.clone()) };
    assert!(divided_by(&session, &world, &slow).is_none(), "200,000 of them");
    assert!(divided(&world, &slow).is_some());
    // The connection is as good as before.
    assert_eq!(session.one("SELECT 1", &[]).unwrap().get::<_, i32>(0), 1);
}

/// A day or a number of seconds is compared as what it is: no window takes what is another's, or nobody's.
#[test]
fn days_and_whole_seconds_are_walked_by_windows() {
    type Spelled = dyn Fn(&str) -> String;
    let day = |at: &str| format!("date '{at}'");
    let second = |at: &str| format!("extract(epoch FROM timestamptz '{at}Z')::bigint");
    let columns: [(&str, Option<Format>, &Spelled, &str); 2] =
        [("date", None, &day, "1"), ("bigint", Some(Format::Unix), &second, "86400")];
    for (kind, format, spelled, step) in columns {
        let world = world(&format!(
            "CREATE TABLE records (id bigint PRIMARY KEY, at {kind});
             INSERT INTO records SELECT n, CASE WHEN n * 7919 % 200000 < {DUE}
               THEN {last} - (n * 7919 % 200000)::int / 20 * {step} ELSE {first} + n / 1000 * {step} END
               FROM generate_series(1, 200000) n;
             INSERT INTO records VALUES (200001, NULL), (200002, {early});
             CREATE INDEX ON records (at); ANALYZE records",
            last = spelled("2026-09-30"),
            first = spelled("2026-10-02"),
            early = spelled("1980-01-01"),
        ));
        let mut job = job();
        let start = Start { format: format.clone(), ..(*job.start).clone() };
        job.start = Arc::new(start);
        job.due.dates_through = Some("2026-09-30".parse().unwrap());
        job.predicate = Predicate::Start { start: Arc::clone(&job.start), is: StartIs::In(job.due.clone()) };
        let store = store(&world, 2);
        let told = store.route(&job.scope, &job.predicate, Some(&job.start), job.expected).unwrap().unwrap();
        assert_eq!(
            told, "by the index on \"records\".\"at\", because little is due, over up to 2 connections",
            "{kind}"
        );
        let mut walk = store.walk(job).unwrap();
        let sizes = walked(&mut *walk, 1_000, &HashSet::new());
        assert_eq!(sizes.iter().sum::<usize>(), usize::try_from(DUE).unwrap(), "{kind}: {sizes:?}");
        let left = format!("SELECT count(*) FROM records WHERE at < {}", spelled("2026-10-01"));
        assert_eq!(
            (number(&world, &left), number(&world, "SELECT count(*) FROM records")),
            (1, 197_002),
            "{kind}"
        );
    }
}

#[test]
fn windows_go_through_all_partitions_at_once() {
    let world = world(&format!(
        "CREATE TABLE records (id bigint PRIMARY KEY, at timestamptz) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF records FOR VALUES FROM (MINVALUE) TO (50000);
         CREATE TABLE high PARTITION OF records FOR VALUES FROM (50000) TO (MAXVALUE);
         INSERT INTO records SELECT n, CASE WHEN n * 7919 % 200000 < {DUE}
           THEN timestamptz '2026-09-30 23:59:59.5Z' - (n * 7919 % 200000) * interval '1 hour'
           ELSE timestamptz '2026-10-02Z' + n * interval '1 second' END FROM generate_series(1, 200000) n;
         CREATE INDEX ON records (at); ANALYZE records"
    ));
    let store = store(&world, 2);
    let mut walk = store.walk(job()).unwrap();
    let sizes = walked(&mut *walk, 1_000, &HashSet::new());
    assert_eq!(sizes, [1_000, 1_000, 1_000], "not by the pages of one partition");
    assert_eq!((is_due_left(&world), number(&world, "SELECT count(*) FROM records")), (0, 197_000));
}

/// Beside others one window follows another: every one has its turn, and none comes twice.
#[test]
fn beside_others_windows_go_gently() {
    let world = little_due();
    let gentle = Server { parallel: 2, pace: Pace::Gentle, ..place("postgres", &world.database) };
    let store = PostgresStore::open(StoreName::new("box"), gentle);
    let mut walk = store.walk(job()).unwrap();
    assert_eq!(walk.pacing().unwrap(), Pacing::InSteps);
    let sizes = walked(&mut *walk, 2_000, &HashSet::new());
    assert_eq!(sizes, [2_000, 1_000]);
    assert_eq!((is_due_left(&world), number(&world, "SELECT count(*) FROM records")), (0, 197_003));
}

#[test]
fn a_few_records_are_not_shared_out_and_plan_does_not_say_so() {
    let world = little_due();
    let told = |parallel: usize, due: u64| {
        let job = job();
        store(&world, parallel).route(&job.scope, &job.predicate, Some(&job.start), due).unwrap().unwrap()
    };
    let alone = "by the index on \"records\".\"at\", because little is due";
    assert_eq!(told(2, DUE.unsigned_abs()), format!("{alone}, over up to 2 connections"));
    assert_eq!([told(1, DUE.unsigned_abs()), told(2, 999)], [alone, alone]);
}

#[test]
fn a_walk_by_windows_takes_all_that_is_due_and_nothing_else() {
    for parallel in [1, 2] {
        let world = little_due();
        let store = store(&world, parallel);
        let mut walk = store.walk(job()).unwrap();
        let sizes = walked(&mut *walk, 1_000, &HashSet::new());
        assert_eq!(sizes.iter().sum::<usize>(), usize::try_from(DUE).unwrap());
        // A batch that follows the places of its rows is as large as it was wanted.
        assert_eq!(sizes, [1_000, 1_000, 1_000]);
        assert_eq!((is_due_left(&world), number(&world, "SELECT count(*) FROM records")), (0, 197_003));
    }
}

#[test]
fn what_is_moved_behind_the_workers_goes_as_well() {
    let world = little_due();
    let store = store(&world, 2);
    let mut walk = store.walk(job()).unwrap();
    let first = walk.prepare(&label(), 1_000, &HashSet::new()).unwrap().unwrap();
    first.commit().unwrap();
    world.other.run("INSERT INTO records VALUES (300001, '2020-01-01Z'), (300002, '2020-01-02Z')").unwrap();
    let sizes = walked(&mut *walk, 1_000, &HashSet::new());
    assert_eq!(sizes, [1_000, 1_000, 2]);
    assert_eq!(is_due_left(&world), 0);
}

/// What is due, and what will be in a day.
fn last_look() -> LastLook {
    let is_due = |end: &str| StartSet { instants: vec![(None, end.parse().unwrap())], dates_through: None };
    let sets = ["2026-10-01T00:00:00Z", "2026-10-03T00:00:00Z"].map(is_due).to_vec();
    LastLook { predicate: Predicate::Always(true), sets }
}

#[test]
fn the_last_look_counts_for_a_forecast() {
    let world = little_due();
    let mut walk = world.store.walk(job()).unwrap();
    walk.look_last(last_look());
    assert_eq!(walked(&mut *walk, 1_000, &HashSet::new()), [1_000, 1_000, 1_000]);
    let coming =
        number(&world, "SELECT count(*) FROM records WHERE at BETWEEN '2026-10-01Z' AND '2026-10-03Z'");
    assert!(coming > 80_000);
    assert_eq!(walk.looked(), Some(vec![0, coming.unsigned_abs()]));
}

#[test]
fn a_last_look_that_finds_more_to_do_counts_for_nothing() {
    let world = little_due();
    let mut walk = world.store.walk(job()).unwrap();
    walk.look_last(last_look());
    let first = walk.prepare(&label(), 1_000, &HashSet::new()).unwrap().unwrap();
    first.commit().unwrap();
    world.other.run("INSERT INTO records VALUES (300001, '2020-01-01Z'), (300002, '2020-01-02Z')").unwrap();
    assert_eq!(walked(&mut *walk, 1_000, &HashSet::new()), [1_000, 1_000, 2]);
    assert_eq!(walk.looked(), None);
}

#[test]
fn a_flood_into_one_window_is_no_batch() {
    let world = little_due();
    let store = store(&world, 1);
    let mut walk = store.walk(job()).unwrap();
    let flood = "INSERT INTO records SELECT n, '2020-01-01Z' FROM generate_series(300001, 400001) n";
    world.other.run(flood).unwrap();
    let error = walk.prepare(&label(), 1_000, &HashSet::new()).err().expect("nobody counted on so many");
    assert!(error.to_string().contains("far more records than planned"), "{error}");
    drop(walk);
    assert_eq!(is_due_left(&world), DUE + 100_001);
}

#[test]
fn what_is_held_meanwhile_stays() {
    let world = little_due();
    let store = store(&world, 2);
    let mut walk = store.walk(job()).unwrap();
    let ids = "SELECT array_agg(id) FROM (SELECT id FROM records WHERE at BETWEEN '1990-01-01Z' AND '2026-10-01Z' \
               ORDER BY at LIMIT 2500) AS first WHERE id % 5 = 0";
    let held: Vec<i64> = world.other.one(ids, &[]).unwrap().get(0);
    assert!(
        walk.prepare(&label(), 1_000, &HashSet::new()).unwrap().is_some_and(|batch| batch.abort().is_ok())
    );
    let without: HashSet<Key> = held.iter().map(|id| Key::from_int(*id)).collect();
    let sizes = walked(&mut *walk, 1_000, &without);
    assert_eq!(sizes.iter().sum::<usize>(), usize::try_from(DUE).unwrap() - held.len());
    assert_eq!(is_due_left(&world), i64::try_from(held.len()).unwrap());
}

#[test]
fn starts_are_found_by_an_index_that_is_there() {
    let world = world("CREATE TABLE records (id bigint PRIMARY KEY, at timestamptz)");
    let job = job();
    let finds = || world.store.finds_by_start(&job.scope, &job.predicate, &job.start).unwrap();
    assert!(!finds());
    world.other.run("CREATE INDEX ON records (at)").unwrap();
    assert!(finds());
}
