//! Changes that are said in SQL: the same as our own methods, and values that nobody asks for never leave the server.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{MySqlStore, World, deletion, number, run_all, target, world};
use crate::adapter::api::Dispose as _;
use crate::adapter::contract::methods::{are_the_same_in_sql, change};
use crate::adapter::contract::proxy::Proxy;
use crate::adapter::contract::server;
use crate::adapter::place::Server;
use crate::adapter::secret::Secret;
use crate::model::ids::StoreName;
use crate::model::method::{Granularity, Method};
use crate::model::predicate::Predicate;
use crate::model::schema::ColumnKind;
use crate::model::value::Value;

const TABLE: &str = "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, gone TEXT, word TEXT, \
     name VARCHAR(9) NOT NULL, code CHAR(5), number INT, told TINYINT(1), flag INT, amount DECIMAL(9,2) NOT NULL, \
     size DOUBLE NOT NULL, kind TEXT NOT NULL, since DATE NOT NULL, day DATE, moment TIMESTAMP(6) NULL, first DATE, \
     begun TIMESTAMP(6) NULL, phone TEXT, raw BLOB NOT NULL) DEFAULT CHARSET utf8mb4";

/// What may stand in each column behind `at`.
const VALUES: [&[&str]; 17] = [
    &["NULL", "'a'", "'secret'"],
    &["NULL", "''", "'gone'", "'Gone'", "'gone '", "'x%'", "'åre'"],
    &["''", "'xxx'", "'XXX'", "'Kari'"],
    &["NULL", "'a'", "'xxx'", "'xxx  '"],
    &["NULL", "0", "7", "-3"],
    &["NULL", "1", "0", "2"],
    &["NULL", "0", "1", "2"],
    &["0", "1.50", "-7"],
    &["0", "-0e0", "1.5e300"],
    &["''", "'a'", "' '"],
    &["'0000-00-00'", "'1970-01-01'", "'2026-03-17'"],
    DAYS,
    MOMENTS,
    DAYS,
    MOMENTS,
    &["NULL", "'22001234'", "'2200xxxx'", "''"],
    &["''", "X'00ff'"],
];
const DAYS: &[&str] = &[
    "NULL",
    "'2026-03-17'",
    "'2026-03-01'",
    "'2026-01-01'",
    "'2024-12-31'",
    "'1000-02-28'",
    "'0044-03-15'",
    "'0001-01-31'",
    "'9999-12-31'",
];
const MOMENTS: &[&str] = &[
    "NULL",
    "'2026-03-31 23:30:00'",
    "'2026-03-01'",
    "'2026-03-01 00:00:00.000001'",
    "'2024-12-31 23:59:59.999999'",
    "'1971-01-01 00:00:00'",
    "'2038-01-19 03:14:07'",
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
        ("told", Method::Fixed(Value::Bool(true))),
        ("flag", Method::Flag),
        ("amount", Method::Neutral(ColumnKind::Real)),
        ("size", Method::Neutral(ColumnKind::Real)),
        ("kind", Method::Neutral(ColumnKind::Text)),
        ("since", Method::Neutral(ColumnKind::Date)),
        ("day", coarser(Granularity::Month)),
        ("moment", coarser(Granularity::Month)),
        ("first", coarser(Granularity::Year)),
        ("begun", coarser(Granularity::Year)),
        ("phone", Method::DropLastDigits { digits: 4 }),
        ("raw", Method::Neutral(ColumnKind::Bytes)),
    ]
}

/// As on servers where a zero date may be stored.
fn filled(rows: &[Vec<&str>]) -> World {
    let mut sql = format!("{TABLE}\nSET sql_mode = 'ALLOW_INVALID_DATES'\n");
    for (id, values) in rows.iter().enumerate() {
        writeln!(sql, "INSERT INTO records VALUES ({id}, '2026-01-01', {})", values.join(", ")).unwrap();
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

/// A zero date is no date, and a TIMESTAMP cannot hold the first instant of 1970: their records stay, and are told of.
#[test]
fn what_the_server_cannot_cut_keeps_its_record() {
    for (column, value, to, left) in [
        ("day", "'0000-00-00'", Granularity::Month, 1),
        ("day", "'2026-02-31'", Granularity::Month, 1),
        ("day", "'2026-03-00'", Granularity::Year, 1),
        ("moment", "'0000-00-00'", Granularity::Month, 1),
        ("day", "'1970-01-31'", Granularity::Month, 0),
    ] {
        let world = filled(&[VALUES.map(|values| values[1]).to_vec()]);
        world.other.run(&format!("UPDATE records SET {column} = {value}")).unwrap();
        let method = Method::GeneralizeDate { to, format: None };
        let changes = [("gone", Method::Null), (column, method)];
        let job = change(deletion(target(), Predicate::Always(true)), &changes);
        assert_eq!(are_the_same_in_sql(&world.store, &job), left, "{column} {value}");
        assert_eq!(
            number(&world, "SELECT COUNT(*) FROM records WHERE gone = 'a'"),
            i64::try_from(left).unwrap()
        );
    }
    let world = filled(&[VALUES.map(|values| values[1]).to_vec()]);
    run_all(&world.other, "UPDATE records SET moment = '1970-01-31 12:00:00'");
    let method = Method::GeneralizeDate { to: Granularity::Month, format: None };
    let mut walk =
        world.store.walk(change(deletion(target(), Predicate::Always(true)), &[("moment", method)])).unwrap();
    let batch = walk.prepare(&super::label(), 9, &std::collections::HashSet::new()).unwrap().unwrap();
    let applied = batch.commit().unwrap();
    assert_eq!((applied.done, applied.failed.len()), (0, 1));
}

/// The server is listened to: what a method does not have to look at is never said.
#[test]
fn values_travel_only_where_a_method_looks_at_them() {
    let world = world(&format!(
        "{TABLE}\nINSERT INTO records VALUES (1, '2026-01-01', 'never-one', 'never-two', 'never-3', 'nev-4', 1, NULL, \
           NULL, 1, 1, 'never-five', '2020-01-01', '2026-03-17', '2026-03-17', NULL, NULL, 'looked-at-22001234', 'never-six')"
    ));
    let proxy = Proxy::before(server::mariadb().port);
    let url = format!("mariadb://root@127.0.0.1:{}/{}", proxy.port, world.database);
    let store = MySqlStore::open(StoreName::new("box"), Server::at(Secret::Plain(url)));
    let mut walk = store.walk(change(deletion(target(), Predicate::Always(true)), &changes())).unwrap();
    let batch = walk.prepare(&super::label(), 9, &std::collections::HashSet::new()).unwrap().unwrap();
    assert_eq!(batch.commit().unwrap().done, 1);
    drop(walk);
    assert!(proxy.has_said("looked-at-22001234"), "the proxy hears what is said");
    for never in ["never", "nev-4"] {
        assert!(!proxy.has_said(never), "{never}");
    }
    let left = "SELECT COUNT(*) FROM records WHERE gone IS NULL AND word = 'gone' AND name = 'xxx' AND phone LIKE '%xxxx'";
    assert_eq!(number(&world, left), 1);
}
