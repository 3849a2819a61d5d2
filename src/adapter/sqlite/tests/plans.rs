//! The way that SQLite takes: by the index alone where that can answer, and never over the whole table for little.

use std::cell::RefCell;
use std::sync::Arc;

use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::{World, at, due, job, scope, start, target, through, world};
use crate::adapter::api::{Act, Dispose, Group, Scope};
use crate::adapter::sqlite::open::Session;
use crate::adapter::sqlite::walk::SqliteWalk;
use crate::adapter::sqlite::{count, survey};
use crate::model::predicate::{Predicate, StartIs, TextTest};
use crate::model::start::{Format, Start};
use crate::model::value::Field;

const NOW: &str = "2026-11-01T12:00:00Z";

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn remember(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        SEEN.with_borrow_mut(|seen| seen.push(statement.sql().into_owned()));
    }
}

/// The plan of each statement about records that runs meanwhile.
fn plans(session: &mut Session, run: impl FnOnce(&Session)) -> Vec<String> {
    session.connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(remember)).unwrap();
    SEEN.take();
    run(session);
    explained(session)
}

/// The plans of what was seen.
fn explained(session: &Session) -> Vec<String> {
    let seen = SEEN.take().into_iter().filter(|sql| sql.contains("\"record\"") && !sql.starts_with("--"));
    // A plan does not depend on what is bound.
    let explain = |sql: String| -> Vec<String> {
        let mut statement = session.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().unwrap()
    };
    seen.flat_map(explain).collect()
}

fn filled(declared: &str, value: &str) -> World {
    world(&format!(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at {declared}, word TEXT); CREATE INDEX by_at ON record (at);
         WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2000)
         INSERT INTO record SELECT id, {value}, 'word' FROM n;"
    ))
}

fn asked(format: Format) -> (Scope, Arc<Start>) {
    (scope(target("record"), NOW), Arc::new(start(Field::own("at"), Some(format))))
}

fn group(start: &Arc<Start>, predicate: Predicate) -> Group {
    Group { predicate, start: Some(Arc::clone(start)), samples: 3 }
}

#[test]
fn a_typed_start_is_counted_in_its_index_alone() {
    let world = filled("INTEGER", "1790000000 - id * 86400");
    let (scope, start) = asked(Format::Unix);
    let mut session = world.store.reading().unwrap();
    let now = at(NOW);
    let due = due(&start, through("2026-10-01T12:00:00Z"));
    let held = Predicate::KeyIn(Arc::new([crate::model::key::Key::from_int(7)].into()));
    let later =
        Predicate::Start { start: Arc::clone(&start), is: StartIs::In(through("2026-09-01T12:00:00Z")) };
    let groups = [
        group(&start, due.clone()),
        group(&start, due.clone().and(later.negated())),
        group(&start, due.and(held.negated())),
        group(&start, Predicate::Start { start: Arc::clone(&start), is: StartIs::Undetermined { now } }),
        group(&start, Predicate::Start { start: Arc::clone(&start), is: StartIs::Waiting { now } }),
    ];
    let plans = plans(&mut session, |session| {
        count::count(session, &scope, &groups).unwrap();
        let sets = ["2026-08-01T00:00:00Z", "2026-10-01T00:00:00Z"].map(through);
        survey::survey(session, &scope, &Predicate::Always(true), &start, &sets).unwrap();
    });
    assert!(plans.len() >= 12, "{plans:?}");
    for plan in &plans {
        // A few keys that are held are looked up one by one.
        let few = plan == "SEARCH record USING INTEGER PRIMARY KEY (rowid=?)";
        assert!(few || plan.starts_with("SEARCH record USING COVERING INDEX by_at (at"), "{plan}");
    }
}

#[test]
fn a_text_start_is_narrowed_by_its_index() {
    let world = filled("TEXT", "strftime('%Y-%m-%dT%H:%M:%SZ', 1790000000 - id * 86400, 'unixepoch')");
    let (scope, start) = asked(Format::Rfc3339);
    let mut session = world.store.reading().unwrap();
    let little = due(&start, through("2024-01-01T00:00:00Z"));
    let test =
        Predicate::Text { field: Field::own("word"), test: TextTest::StartsWith, needle: "w".to_owned() };
    let narrowed = plans(&mut session, |session| {
        count::count(session, &scope, &[group(&start, little.clone())]).unwrap();
        count::count(session, &scope, &[group(&start, little.and(test))]).unwrap();
    });
    assert!(!narrowed.contains(&"SCAN record".to_owned()), "{narrowed:?}");
    assert_eq!(narrowed[0], "SEARCH record USING COVERING INDEX by_at (at>? AND at<?)");
    assert!(
        narrowed.iter().any(|plan| plan == "SEARCH record USING INDEX by_at (at>? AND at<?)"),
        "{narrowed:?}"
    );
    let undetermined =
        Predicate::Start { start: Arc::clone(&start), is: StartIs::Undetermined { now: at(NOW) } };
    let full = plans(&mut session, |session| {
        count::count(session, &scope, &[group(&start, undetermined)]).unwrap();
    });
    assert_eq!(full, ["SCAN record USING COVERING INDEX by_at"]);
}

#[test]
fn all_other_groups_share_one_pass() {
    let world = filled("INTEGER", "1790000000 - id * 86400");
    let (scope, start) = asked(Format::Unix);
    let mut session = world.store.reading().unwrap();
    let test =
        Predicate::Text { field: Field::own("word"), test: TextTest::StartsWith, needle: "w".to_owned() };
    let groups = [group(&start, test.clone()), group(&start, test.negated())];
    let plans = plans(&mut session, |session| {
        count::count(session, &scope, &groups).unwrap();
    });
    assert_eq!(plans, ["SCAN record"]);
}

/// The plans of one batch of a walk.
fn walked(world: &World, expected: u64) -> Vec<String> {
    world.store.adopt(&target("record")).unwrap();
    let job = job(target("record"), Act::Delete, expected);
    let timeout = std::time::Duration::from_millis(50);
    let mut walk = SqliteWalk::begin(world.path.clone(), timeout, job).unwrap();
    walk.session.connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(remember)).unwrap();
    SEEN.take();
    crate::adapter::api::Walk::prepare(&mut walk, &super::label(), 100, &std::collections::HashSet::new())
        .unwrap()
        .expect("records are due")
        .abort()
        .unwrap();
    explained(&walk.session)
}

#[test]
fn much_is_walked_by_row_number_and_little_by_start() {
    let world = filled("INTEGER", "1790000000 - id * 86400");
    assert_eq!(
        walked(&world, 1500),
        ["SCAN record", "SEARCH record USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]
    );
    let little = walked(&world, 10);
    assert_eq!(little[0], "SEARCH record USING COVERING INDEX by_at (at>? AND at<?)", "{little:?}");
    assert_eq!(little[1], "SEARCH record USING INTEGER PRIMARY KEY (rowid=?)", "{little:?}");
    assert!(
        !little.iter().any(|plan| plan.contains("SCAN record") || plan.contains("TEMP B-TREE")),
        "{little:?}"
    );
}
