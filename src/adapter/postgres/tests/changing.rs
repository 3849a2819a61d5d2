//! Changes that are said in SQL: the same as our own methods, and values that nobody asks for never leave the server.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::PostgresStore;
use super::{World, deletion, target, world};
use crate::adapter::api::Dispose as _;
use crate::adapter::contract::methods::{are_the_same_in_sql, change};
use crate::adapter::contract::proxy::Proxy;
use crate::adapter::contract::server;
use crate::adapter::place::{Pace, Server};
use crate::adapter::secret::Secret;
use crate::model::ids::StoreName;
use crate::model::method::{Granularity, Method};
use crate::model::predicate::Predicate;
use crate::model::schema::ColumnKind;
use crate::model::start::Format;
use crate::model::value::Value;

const TABLE: &str = "CREATE TABLE records (id int PRIMARY KEY, at timestamptz, gone text, word text, name varchar(9) \
     NOT NULL, code char(5), number int, told bool, flag int, amount numeric NOT NULL, kind text NOT NULL, day date, \
     moment timestamptz, first date, begun timestamptz, local timestamp, phone text, raw bytea NOT NULL);";

/// What may stand in each column behind `at`.
const VALUES: [&[&str]; 16] = [
    &["NULL", "'a'", "'secret'"],
    &["NULL", "''", "'gone'", "'Gone'", "'gone '", "'x%'", "'åre'"],
    &["''", "'xxx'", "'XXX'", "'Kari'"],
    &["NULL", "'a'", "'xxx'", "'xxx  '"],
    &["NULL", "0", "7", "-3"],
    &["NULL", "true", "false"],
    &["NULL", "0", "1", "2"],
    &["0", "0.0", "1.50", "-7"],
    &["''", "'a'", "' '"],
    DAYS,
    MOMENTS,
    DAYS,
    MOMENTS,
    &["NULL", "'2026-03-17 10:11:12'", "'2026-03-01'", "'infinity'"],
    &["NULL", "'22001234'", "'2200xxxx'", "''"],
    &["''", "'\\x00ff'"],
];
const DAYS: &[&str] = &[
    "NULL",
    "'2026-03-17'",
    "'2026-03-01'",
    "'2026-01-01'",
    "'1969-12-31'",
    "'0044-03-15 BC'",
    "'4713-06-01 BC'",
    "'infinity'",
    "'-infinity'",
    "'5874897-12-31'",
    "'262141-12-31'",
];
const MOMENTS: &[&str] = &[
    "NULL",
    "'2026-03-31 23:30:00-05'",
    "'2026-03-01 00:00:00+00'",
    "'2026-03-01 00:00:00.000001+00'",
    "'2025-12-31 23:30:00-01'",
    "'1900-02-28 12:00:00+00'",
    "'0044-03-15 00:00:00+00 BC'",
    "'4713-06-01 00:00:00+00 BC'",
    "'infinity'",
    "'-infinity'",
    "'294276-12-31 00:00:00+00'",
];

fn changes() -> Vec<(&'static str, Method)> {
    let coarser = |to| Method::GeneralizeDate { to, format: None };
    let text = |text: &str| Value::Text(text.to_owned());
    vec![
        ("gone", Method::Null),
        ("word", Method::Fixed(text("gone"))),
        ("name", Method::Hide),
        ("code", Method::Hide),
        ("number", Method::Fixed(Value::Int(7))),
        ("told", Method::Flag),
        ("flag", Method::Flag),
        ("amount", Method::Neutral(ColumnKind::Real)),
        ("kind", Method::Neutral(ColumnKind::Text)),
        ("day", coarser(Granularity::Month)),
        ("moment", coarser(Granularity::Month)),
        ("first", coarser(Granularity::Year)),
        ("begun", coarser(Granularity::Year)),
        ("phone", Method::DropLastDigits { digits: 4 }),
        ("raw", Method::Neutral(ColumnKind::Bytes)),
    ]
}

fn filled(rows: &[Vec<&str>]) -> World {
    let mut sql = TABLE.to_owned();
    for (id, values) in rows.iter().enumerate() {
        write!(sql, "INSERT INTO records VALUES ({id}, '2026-01-01', {});", values.join(", ")).unwrap();
    }
    world(&sql)
}

fn row() -> impl Strategy<Value = Vec<&'static str>> {
    VALUES.map(prop::sample::select).to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// One by one, a few, and all at once, so that what is computed and what is said stand in one statement.
    #[test]
    fn the_server_makes_of_a_value_what_the_method_does(
        rows in prop::collection::vec(row(), 1..9),
        at_once in prop::sample::select(vec![1, 4, 99]),
    ) {
        let world = filled(&rows);
        for changes in changes().chunks(at_once) {
            let job = change(deletion(target(), Predicate::Always(true)), changes);
            prop_assert_eq!(are_the_same_in_sql(&world.store, &job), 0);
        }
    }
}

/// A value that a method of ours cannot read keeps its whole record, whatever SQL could have done to the rest.
#[test]
fn what_cannot_be_computed_keeps_the_rest_too() {
    let world = filled(&[VALUES.map(|values| values[values.len() - 1]).to_vec()]);
    let local = Method::GeneralizeDate { to: Granularity::Month, format: Some(Format::DateTime) };
    let changes = [("gone", Method::Null), ("local", local), ("moment", Method::Null)];
    world.other.run("UPDATE records SET local = 'infinity'").unwrap();
    let job = change(deletion(target(), Predicate::Always(true)), &changes);
    assert_eq!(are_the_same_in_sql(&world.store, &job), 1);
    assert_eq!(super::number(&world, "SELECT count(*) FROM records WHERE gone = 'secret'"), 1);
}

/// The server is listened to: what a method does not have to look at is never said.
#[test]
fn values_travel_only_where_a_method_looks_at_them() {
    let world = world(&format!(
        "{TABLE} INSERT INTO records VALUES (1, '2026-01-01', 'never-one', 'never-two', 'never-3', 'nev-4', 1, NULL, \
           NULL, 1, 'never-five', '2026-03-17', '2026-03-17', NULL, NULL, NULL, 'looked-at-22001234', 'never-six')"
    ));
    let proxy = Proxy::before(server::postgres().port);
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", proxy.port, world.database);
    let store = PostgresStore::open(
        StoreName::new("box"),
        Server { pace: Pace::Full, ..Server::at(Secret::Plain(url)) },
    );
    let job = change(deletion(target(), Predicate::Always(true)), &changes());
    let mut walk = store.walk(job).unwrap();
    let batch = walk.prepare(&super::label(), 9, &std::collections::HashSet::new()).unwrap().unwrap();
    assert_eq!(batch.commit().unwrap().done, 1);
    drop(walk);
    assert!(proxy.has_said("looked-at-22001234"), "the proxy hears what is said");
    for never in ["never", "nev-4"] {
        assert!(!proxy.has_said(never), "{never}");
    }
    let left = "SELECT count(*) FROM records WHERE gone IS NULL AND word = 'gone' AND name = 'xxx' AND phone LIKE '%xxxx'";
    assert_eq!(super::number(&world, left), 1);
}
