//! Batches: what goes with a record, what changes, and what makes a batch be taken back.

use std::collections::HashSet;
use std::sync::Arc;

use super::{World, carry_out, job, label, number, target, world};
use crate::adapter::api::{Act, Dispose, Inspect, StoreErrorKind};
use crate::model::action::Change;
use crate::model::batch::Fate;
use crate::model::key::{Key, KeyPart};
use crate::model::method::{Granularity, Method};
use crate::model::predicate::Predicate;
use crate::model::start::Format;
use crate::model::target::{Target, With};

/// Ten records, of which the first eight are due.
const TEN: &str = "
    CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER, word TEXT);
    CREATE INDEX by_at ON record (at);
    WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 10)
    INSERT INTO record SELECT id, CASE WHEN id <= 8 THEN 1700000000 + id ELSE 1793000000 END, 'word' || id FROM n;";

fn ids(batches: &[Vec<Key>]) -> Vec<i64> {
    let mut ids: Vec<i64> = batches
        .iter()
        .flatten()
        .map(|key| match key.parts().unwrap()[0] {
            KeyPart::Int(id) => id,
            _ => panic!("the key is a number"),
        })
        .collect();
    ids.sort_unstable();
    ids
}

fn left(world: &World) -> i64 {
    number(world, "SELECT count(*) FROM record")
}

fn with(collection: &str) -> Target {
    let with = With { store: None, collection: collection.to_owned(), by: Some("of".to_owned()) };
    Target { with: vec![with], ..target("record") }
}

fn change(method: Method) -> Act {
    Act::Change(vec![Change { column: "word".to_owned(), method: Arc::new(method) }])
}

#[test]
fn gaps_between_row_numbers_make_no_difference() {
    for expected in [0, 1_000_000] {
        let world = world(TEN);
        world.other.execute_batch("UPDATE record SET id = id * 100000000000000000 WHERE id > 4").unwrap();
        let batches = carry_out(&world.store, job(target("record"), Act::Delete, expected), 3).unwrap();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
        assert_eq!(left(&world), 2);
    }
}

#[test]
fn children_go_before_their_record_and_are_listed() {
    for expected in [0, 1_000_000] {
        let world = world(TEN);
        world
            .other
            .execute_batch(
                "CREATE TABLE child (of INTEGER NOT NULL REFERENCES record ON DELETE CASCADE, note TEXT PRIMARY KEY);
                 INSERT INTO child VALUES (1, 'a'), (1, 'b'), (8, 'c'), (9, 'd');",
            )
            .unwrap();
        let job = job(with("child"), Act::Delete, expected);
        world.store.adopt(&job.scope.target).unwrap();
        let mut walk = world.store.walk(job).unwrap();
        let batch = walk.prepare(&label(), 100, &HashSet::new()).unwrap().unwrap();
        let companions = batch.companions();
        assert_eq!((companions[0].0.as_str(), companions[0].1.len()), ("child", 3));
        assert!(companions[0].1.contains(&Key::from_parts(&[KeyPart::Text("b".to_owned())])));
        assert_eq!(batch.commit().unwrap().done, 8);
        assert!(walk.prepare(&label(), 100, &HashSet::new()).unwrap().is_none());
        assert_eq!(number(&world, "SELECT count(*) FROM child"), 1);
    }
}

#[test]
fn a_reference_without_an_action_stops_the_batch() {
    let world = world(TEN);
    world
        .other
        .execute_batch("CREATE TABLE child (of INTEGER REFERENCES record); INSERT INTO child VALUES (3)")
        .unwrap();
    let error = carry_out(&world.store, job(target("record"), Act::Delete, 8), 100).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Changed);
    assert!(error.to_string().contains("other rows refer"), "{error}");
    assert_eq!(left(&world), 10);
    // What the schema says of such rows keeps their record, and the others go.
    let reach = world.store.probe(&target("record")).unwrap().referenced_by.remove(0);
    let job = job(target("record"), Act::Delete, 8);
    let job = crate::adapter::api::Job {
        predicate: job.predicate.clone().and(Predicate::Reached(reach).negated()),
        ..job
    };
    assert_eq!(ids(&carry_out(&world.store, job, 100).unwrap()), [1, 2, 4, 5, 6, 7, 8]);
}

#[test]
fn an_effect_made_since_the_check_takes_the_batch_back() {
    let child = |columns: &str| format!("CREATE TABLE child (of REFERENCES record ON DELETE {columns}");
    for effect in [
        child("CASCADE); INSERT INTO child VALUES (3)"),
        child("CASCADE, id PRIMARY KEY) WITHOUT ROWID; INSERT INTO child VALUES (3, 1)"),
        child("SET NULL); INSERT INTO child VALUES (3)"),
        "CREATE TABLE log (id); CREATE TRIGGER t AFTER DELETE ON record BEGIN INSERT INTO log VALUES (1); END"
            .to_owned(),
        "CREATE TRIGGER t AFTER DELETE ON record BEGIN DELETE FROM record WHERE id = 10; END".to_owned(),
    ] {
        for shape in ["INTEGER PRIMARY KEY, at INTEGER)", "PRIMARY KEY, at INTEGER) WITHOUT ROWID"] {
            let world = world(&format!(
                "CREATE TABLE record (id {shape};
                 INSERT INTO record VALUES (1, 1700000000), (3, 1700000000), (10, 1793000000); {effect}"
            ));
            let error = carry_out(&world.store, job(target("record"), Act::Delete, 2), 100).unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Changed, "{effect}");
            assert!(error.to_string().contains("touched"), "{error}");
            assert_eq!(left(&world), 3, "{effect}");
        }
    }
}

#[test]
fn an_effect_made_between_two_batches_takes_the_second_back() {
    let world = world(TEN);
    world.other.execute_batch("CREATE TABLE log (id); INSERT INTO log VALUES (7)").unwrap();
    world.store.adopt(&target("record")).unwrap();
    let mut walk = world.store.walk(job(target("record"), Act::Delete, 8)).unwrap();
    walk.prepare(&label(), 2, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    // A new schema alone is nothing to stop for.
    world.other.execute_batch("CREATE TABLE unrelated (id); VACUUM").unwrap();
    walk.prepare(&label(), 2, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    world.other.execute_batch("CREATE TRIGGER t AFTER DELETE ON record BEGIN DELETE FROM log; END").unwrap();
    let error = walk.prepare(&label(), 2, &HashSet::new()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Changed);
    assert_eq!((left(&world), number(&world, "SELECT count(*) FROM log")), (6, 1));
}

#[test]
fn a_trigger_that_moves_the_start_takes_the_change_back() {
    for trigger in [
        "CREATE TRIGGER t AFTER UPDATE OF word ON record BEGIN UPDATE record SET at = 1793000000 WHERE id = new.id; END",
        "CREATE TRIGGER t BEFORE UPDATE OF word ON record BEGIN UPDATE record SET at = at + 1 WHERE id = new.id; END",
    ] {
        let world = world(TEN);
        world.other.execute_batch(trigger).unwrap();
        let error = carry_out(&world.store, job(target("record"), change(Method::Hide), 8), 100).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Changed);
        assert_eq!(number(&world, "SELECT count(*) FROM record WHERE word = 'xxx'"), 0);
    }
}

#[test]
fn a_start_made_of_the_changed_column_takes_the_change_back() {
    let world = world(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, word TEXT, at INTEGER AS (1700000000 + length(word)));
         INSERT INTO record (word) VALUES ('a'), ('abc');",
    );
    let error = carry_out(&world.store, job(target("record"), change(Method::Hide), 8), 100).unwrap_err();
    assert!(error.to_string().contains("changed when records are due"), "{error}");
    assert_eq!(number(&world, "SELECT count(*) FROM record WHERE word = 'xxx'"), 0);
}

#[test]
fn a_change_ends_even_where_its_predicate_does_not_know_what_is_done() {
    for expected in [0, 1_000_000] {
        let world = world(TEN);
        let act = change(Method::DropLastDigits { digits: 1 });
        let batches = carry_out(&world.store, job(target("record"), act, expected), 3).unwrap();
        assert_eq!(ids(&batches), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(number(&world, "SELECT count(*) FROM record WHERE word = 'wordx'"), 8);
    }
}

#[test]
fn a_record_without_a_key_is_left_alone() {
    let world = world(
        "CREATE TABLE record (name TEXT PRIMARY KEY, at INTEGER);
         INSERT INTO record VALUES (NULL, 1700000000), (NULL, 1700000000), ('a', 1700000000);",
    );
    let job = job(target("record"), Act::Delete, 3);
    let page = world.store.scan(&job.scope, &job.predicate, None, 1).unwrap();
    assert_eq!((page.rows.len(), page.more), (1, false));
    assert!(page.gaps[0].reason.starts_with("2 of them have no key"), "{:?}", page.gaps);
    assert_eq!(carry_out(&world.store, job, 100).unwrap().concat().len(), 1);
    assert_eq!(left(&world), 2);
}

#[test]
fn composite_keys_are_walked_in_their_order() {
    for tail in ["", "WITHOUT ROWID"] {
        let world = world(&format!(
            "CREATE TABLE record (a TEXT NOT NULL, b INTEGER NOT NULL, at INTEGER, PRIMARY KEY (a, b)) {tail};
             WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20)
             INSERT INTO record SELECT 'k' || (id % 3), id, CASE WHEN id < 15 THEN 1700000000 ELSE 1793000000 END FROM n;"
        ));
        let left_out = HashSet::from([Key::from_parts(&[KeyPart::Text("k1".to_owned()), KeyPart::Int(1)])]);
        let job = job(target("record"), Act::Delete, 14);
        world.store.adopt(&job.scope.target).unwrap();
        let mut walk = world.store.walk(job).unwrap();
        let mut done = Vec::new();
        while let Some(batch) = walk.prepare(&label(), 4, &left_out).unwrap() {
            done.push(batch.records().len());
            batch.commit().unwrap();
        }
        assert_eq!(done, [4, 4, 4, 1]);
        assert_eq!(left(&world), 7);
        assert_eq!(
            number(&world, "SELECT count(*) FROM record WHERE at = 1700000000 AND a = 'k1' AND b = 1"),
            1
        );
    }
}

#[test]
fn a_self_reference_keeps_its_parent_until_the_child_is_gone() {
    let world = world(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER, of INTEGER REFERENCES record);
         INSERT INTO record VALUES (1, 1700000000, NULL), (2, 1700000000, 1), (3, 1793000000, 2);",
    );
    let run = || {
        let reach = world.store.probe(&target("record")).unwrap().referenced_by.remove(0);
        let job = job(target("record"), Act::Delete, 2);
        let predicate = job.predicate.clone().and(Predicate::Reached(reach).negated());
        ids(&carry_out(&world.store, crate::adapter::api::Job { predicate, ..job }, 10).unwrap())
    };
    assert_eq!(run(), [0_i64; 0]);
    world.other.execute_batch("DELETE FROM record WHERE id = 3").unwrap();
    assert_eq!(run(), [2]);
    assert_eq!(run(), [1]);
}

#[test]
fn after_a_crash_what_a_method_could_not_work_on_is_not_said_to_be_done() {
    let world = world(TEN);
    world
        .other
        .execute_batch("UPDATE record SET word = '2023-05-17'; UPDATE record SET word = 'soon' WHERE id = 3")
        .unwrap();
    world.store.adopt(&target("record")).unwrap();
    let method = Method::GeneralizeDate { to: Granularity::Month, format: Some(Format::Date) };
    let mut walk = world.store.walk(job(target("record"), change(method), 8)).unwrap();
    let label = label();
    let batch = walk.prepare(&label, 100, &HashSet::new()).unwrap().unwrap();
    let (records, spool) = (batch.records().to_vec(), batch.spool());
    batch.commit().unwrap();
    let Fate::Each(applied) = world.store.resolve(&label, &target("record"), &spool).unwrap() else {
        panic!("one of the records is as it was")
    };
    assert_eq!((applied.done, applied.skipped.len(), applied.failed.len()), (7, 0, 1));
    let left = &applied.failed[0];
    assert_eq!((left.key.clone(), records[left.place].clone()), (Some(Key::from_int(3)), Key::from_int(3)));
}
