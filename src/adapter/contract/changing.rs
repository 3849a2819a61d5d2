//! Changes of fields: once, only those fields, never the start.

use std::sync::Arc;

use super::suite::{Make, Suite, due, edges, instant, record, skip};
use super::{At, Content, Record};
use crate::adapter::api::{Act, Job, StoreError};
use crate::model::action::Change;
use crate::model::method::{Granularity, Method};
use crate::model::predicate::Predicate;
use crate::model::start::Format;

/// A suite on a store that can change fields, else `None`.
fn changeable(make: Make<'_>, content: impl FnOnce(super::Can) -> Content) -> Option<Suite> {
    let suite = Suite::new(make, content);
    if !suite.store().capabilities().changes_fields {
        skip("the store cannot change fields");
        return None;
    }
    suite.store().adopt(&suite.scope.target).unwrap();
    Some(suite)
}

/// A job that changes one column of whatever is due and not done.
fn change(suite: &Suite, column: &str, method: Method) -> Job {
    let method = Arc::new(method);
    let done = Predicate::Done { column: column.to_owned(), method: Arc::clone(&method) };
    suite.job(done.negated(), due(), Act::Change(vec![Change { column: column.to_owned(), method }]))
}

/// Due records get the new value, everything else stays, and a second run finds nothing to do.
pub fn fields_change_once_and_nothing_else_does(make: Make<'_>) {
    let methods = [
        Method::Null,
        Method::Hide,
        Method::Mask { keep_first: 1, keep_last: 0 },
        Method::DropLastDigits { digits: 2 },
        Method::Fixed(crate::model::value::Value::Text("gone".to_owned())),
    ];
    for method in methods {
        let Some(suite) = changeable(make, edges) else { return };
        let column = suite.fixture.names().word;
        let job = change(&suite, &column, method.clone());
        let expected = suite.expected(&job.predicate);
        assert!(!expected.is_empty());
        assert_eq!(suite.tally(&job.predicate).count, expected.len() as u64, "{method:?}");
        let done = suite.carry_out(job, 2).unwrap();
        assert_eq!((done.ids(), done.applied.done), (expected.clone(), expected.len() as u64));
        for left in suite.fixture.left() {
            let before = suite.stored(left.id);
            let word =
                if expected.contains(&left.id) { changed(before, &method) } else { before.word.clone() };
            assert_eq!(left, Record { word, ..before.clone() }, "{method:?}");
        }
        assert_eq!(suite.left(), suite.all());
        let again = change(&suite, &column, method.clone());
        assert_eq!(suite.tally(&again.predicate).count, 0, "{method:?} is not recognised");
        assert_eq!(suite.carry_out(again, 2).unwrap().applied.done, 0);
    }
}

fn changed(record: &Record, method: &Method) -> Option<String> {
    use crate::model::value::Value;
    let value = record.word.as_ref().map_or(Value::Null, |word| Value::Text(word.clone()));
    match method.apply(&value).unwrap() {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Walks until something is refused.
fn refused(suite: &Suite, job: Job) -> StoreError {
    let error = suite.carry_out(job, 100).expect_err("it was not refused");
    let stored: Vec<_> = suite.content.records.clone();
    let mut left = suite.fixture.left();
    left.sort_by_key(|record| stored.iter().position(|other| other.id == record.id));
    assert_eq!(left, stored, "what was refused has changed something");
    error
}

/// The start is read back before the commit; a change of it takes the batch back.
pub fn a_change_that_moves_the_start_is_taken_back(make: Make<'_>) {
    let Some(suite) = changeable(make, edges) else { return };
    let column = suite.start.single_field().unwrap().column.clone();
    let later = suite.fixture.at(At::Instant(instant("2026-10-31T00:00:00Z")));
    refused(&suite, change(&suite, &column, Method::Fixed(later)));
}

/// Unknown columns, keys and columns of another type are refused, and the message names the column.
pub fn a_change_that_the_column_cannot_hold_is_refused(make: Make<'_>) {
    let Some(suite) = changeable(make, edges) else { return };
    let number = suite.fixture.names().number;
    let key = suite.store().probe(&suite.scope.target).unwrap().key[0].clone();
    for (column, method) in
        [(&number, Method::Hide), (&key, Method::Null), (&"no_such_column".to_owned(), Method::Null)]
    {
        let act = Act::Change(vec![Change { column: column.clone(), method: Arc::new(method) }]);
        let error = refused(&suite, suite.job(Predicate::Always(true), due(), act));
        assert!(error.to_string().contains(column.as_str()), "{error}");
    }
}

/// One value that a method cannot work on is kept as it is and never called done.
pub fn a_value_that_the_method_cannot_read_stays(make: Make<'_>) {
    let content = |_| {
        let at = "2026-01-01T10:00:00Z";
        Content { records: vec![record(1, at, "2026-11-21"), record(2, at, "alpha")], ..Content::default() }
    };
    let Some(suite) = changeable(make, content) else { return };
    let method = Method::GeneralizeDate { to: Granularity::Month, format: Some(Format::Date) };
    let outcome = suite.carry_out(change(&suite, &suite.fixture.names().word, method), 100);
    let left = suite.fixture.left();
    assert_eq!(left.iter().find(|record| record.id == 2), Some(suite.stored(2)));
    if let Ok(done) = outcome {
        assert_eq!((done.applied.done, done.applied.failed.len()), (1, 1));
        assert_eq!(left.iter().find(|record| record.id == 1).unwrap().word.as_deref(), Some("2026-11-01"));
    }
}

/// After an abort no field has changed.
pub fn an_aborted_change_changes_nothing(make: Make<'_>) {
    let Some(suite) = changeable(make, edges) else { return };
    let before = suite.fixture.left();
    let mut walk = suite.store().walk(change(&suite, &suite.fixture.names().word, Method::Hide)).unwrap();
    suite.first(walk.as_mut(), |batch| {
        assert!(batch.companions().iter().all(|(_, keys)| keys.is_empty()));
        batch.abort().unwrap();
    });
    drop(walk);
    assert_eq!(suite.fixture.left(), before);
}
