//! What stands in the way of a change is found before a run.

use std::sync::Arc;

use super::{target, world};
use crate::adapter::api::Inspect;
use crate::model::action::Change;
use crate::model::method::Method;

#[test]
fn a_column_that_cannot_be_changed_is_found_before_the_run() {
    let world = world(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER, a TEXT, b TEXT, c TEXT, d TEXT,
                              e TEXT AS (a || b), f TEXT AS (a) STORED);
         CREATE UNIQUE INDEX lower_b ON record (lower(b));
         CREATE UNIQUE INDEX some_c ON record (c) WHERE at > 0;",
    );
    let asked = |column: &str, method| {
        let change = Change { column: column.to_owned(), method: Arc::new(method) };
        world.store.can_change(&target("record"), &[change]).map_err(|error| error.to_string())
    };
    for (column, method, says) in [
        ("e", Method::Null, "computes it"),
        ("f", Method::Null, "computes it"),
        ("b", Method::Hide, "unique index `lower_b`"),
        ("c", Method::Hide, "unique index `some_c`"),
    ] {
        let said = asked(column, method).unwrap_err();
        assert!(said.contains(says), "{column}: {said}");
    }
    for (column, method) in [("a", Method::Null), ("c", Method::Null), ("d", Method::Hide)] {
        assert_eq!(asked(column, method), Ok(()), "{column}");
    }
}
