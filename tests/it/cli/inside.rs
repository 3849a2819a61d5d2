//! Numbers and truth values inside JSON, from the policy's text to what is gone.

use super::{forfall, write_policy};
use crate::fixture::Fixture;

const TICKETS: &str = r#"
title = "Tickets"
owner = "it-operations"

[[data]]
store        = "calls"
collection   = "ticket"
where        = "data.open != null && !data.open"
start.field  = "data.closedAt"
start.format = "unix-ms"

[[stage]]
after  = "30 days"
action = "delete"
"#;

#[test]
fn a_number_inside_json_starts_the_clock_and_what_is_of_another_type_is_kept_and_told_of() {
    let fixture = Fixture::new(1, 1);
    let store = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    store
        .execute_batch(
            r#"create table ticket (id integer primary key, data text);
               insert into ticket values
                 (1, '{"closedAt": 1577836800000, "open": false}'),
                 (2, '{"closedAt": "2020-01-01", "open": false}'),
                 (3, '{"closedAt": 1577836800000, "open": "no"}'),
                 (4, '{"closedAt": false, "open": false}'),
                 (5, '{"closedAt": 1577836800000, "open": true}'),
                 (6, '{"closedAt": 1577836800000, "open": 0}');"#,
        )
        .unwrap();
    for (wrong, told) in [
        (TICKETS.replace("start.format = \"unix-ms\"\n", ""), "`data.closedAt` is inside JSON"),
        (TICKETS.replace("!data.open", "data.open < true"), "`true` and `false` have no order"),
        (TICKETS.replace("!data.open", "data.at < timestamp('2026-01-01')"), "`data.at` is inside JSON"),
    ] {
        write_policy(&fixture, "tickets", &wrong);
        let said = forfall(&fixture, &["check"]).expect(10);
        assert!(format!("{}{}", said.out, said.err).contains(told), "{told}: {} {}", said.out, said.err);
    }
    write_policy(&fixture, "tickets", TICKETS);
    forfall(&fixture, &["check"]).expect(0);
    let plan = fixture.run(&["plan", "tickets"]).expect(0).json();
    assert_eq!(plan["policies"][0]["stages"][0]["due"], 1);
    assert_eq!(plan["policies"][0]["undetermined"], 4);
    for (id, reason) in [
        ("2", "the start is a text, and the declared format reads numbers"),
        ("3", "a field in it is empty, missing or of another type"),
        ("4", "the start is neither a text nor a number that could be a time"),
    ] {
        let said = forfall(&fixture, &["explain", "tickets", id]).expect(0).out;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(reason), "{id}: {said}");
    }
    fixture.approve("tickets", 1);
    forfall(&fixture, &["run", "tickets"]).expect(0);
    let mut left = store.prepare("select id from ticket order by id").unwrap();
    let left: Vec<i64> = left.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(left, [2, 3, 4, 5, 6]);
}
