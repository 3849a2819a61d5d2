//! SQL and memory give the same answer.

use std::sync::Arc;

use proptest::prelude::*;

use super::made_up::{NOW, bound, filled, predicates, rows};
use super::{World as Database, scope};
use crate::adapter::api::{Inspect, Row, Scope};
use crate::adapter::sql::{Need, lower};
use crate::adapter::sqlite::dialect::Sqlite;
use crate::adapter::sqlite::schema;
use crate::model::evaluate::World;
use crate::model::key::KeyPart;
use crate::model::predicate::{EventBook, Predicate, Reach};

pub(super) fn events() -> EventBook {
    let mut events = EventBook::default();
    for key in ["1", "3", "a", "5", "0.5"] {
        events.record("closed", key, super::at(NOW) - chrono::TimeDelta::days(2));
    }
    events
}

pub(super) fn asked() -> Scope {
    Scope { events: Arc::new(events()), ..scope(bound(), NOW) }
}

/// What memory answers for one row.
pub(super) fn in_memory(
    database: &Database,
    scope: &Scope,
    row: &Row,
    predicate: &Predicate,
) -> Option<bool> {
    let Ok([KeyPart::Int(id)]) = row.key.parts().map(|parts| <[KeyPart; 1]>::try_from(parts).unwrap()) else {
        panic!("the key is a number")
    };
    let reached = |reach: &Reach| {
        let sql = format!(
            "SELECT count(*) FROM child WHERE child.of = (SELECT record.{} FROM record WHERE id = {id})",
            reach.key
        );
        database.other.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap() > 0
    };
    predicate.answer(row.fields.as_ref(), &World { events: &scope.events, reached: &reached })
}

proptest! {
    #[test]
    fn sql_answers_as_memory_does(rows in rows(), predicates in prop::collection::vec(predicates(), 1..8)) {
        let database = filled(&rows);
        let scope = asked();
        let session = database.store.reading().unwrap();
        let bound = schema::bind(&session, &scope.target).unwrap();
        let all = database.store.scan(&scope, &Predicate::Always(true), None, 100).unwrap().rows;
        for predicate in &predicates {
            let mut exact = Sqlite::new(&session, &scope.events);
            let exact_sql = lower(&mut exact, &bound.frame, predicate, Need::Exact).unwrap();
            let sql = format!("SELECT {exact_sql} FROM record ORDER BY id");
            let answers: Vec<Option<bool>> =
                session.rows(&sql, rusqlite::params_from_iter(&exact.bound), |row| row.get(0)).unwrap();
            let mut truth = Sqlite::new(&session, &scope.events);
            let truth_sql = lower(&mut truth, &bound.frame, predicate, Need::Truth).unwrap();
            let sql = format!("SELECT id FROM record WHERE {truth_sql} ORDER BY id");
            let found: Vec<i64> =
                session.rows(&sql, rusqlite::params_from_iter(&truth.bound), |row| row.get(0)).unwrap();
            let mut expected = Vec::new();
            for (row, answer) in all.iter().zip(answers) {
                let wanted = in_memory(&database, &scope, row, predicate);
                prop_assert_eq!(answer, wanted, "row {:?} {:?}: {}", row.key.parts(), row.fields, exact_sql);
                if wanted == Some(true) {
                    expected.push(row.key.clone());
                }
            }
            let found: Vec<_> = found.into_iter().map(crate::model::key::Key::from_int).collect();
            prop_assert_eq!(found, expected, "{}", truth_sql);
        }
    }
}
