//! Rows that go with records and belong to none, where they cannot be counted.

use forfall::adapter::contract::server;
use serde_json::{Value, json};

use super::{DUE, Desk, POLICY, sql};

/// While another program keeps their table locked, the plan says that they could not be counted; it does not leave them
/// out, and everything else is there.
#[test]
fn orphans_that_cannot_be_counted_are_told_of_without_a_number() {
    let desk = Desk::new();
    sql(
        &desk.database,
        "CREATE TABLE notes (id bigint PRIMARY KEY, visit bigint); INSERT INTO notes VALUES (1, 1), (2, -7)",
    );
    let with = "[[data.with]]\ncollection = \"notes\"\nby = \"visit\"\n[[stage]]";
    desk.write("policies/visits.toml", &POLICY.replace("[[stage]]", with));
    let orphans = |count: Value| json!([{"store": "desk", "collection": "notes", "count": count}]);
    let planned = || desk.run(&["plan", "visits"]).expect(0).json()["policies"][0].clone();
    assert_eq!(planned()["orphans"], orphans(json!(1)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", server::postgres().port, desk.database);
    let _other = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        client.batch_execute("BEGIN; LOCK TABLE notes").await.unwrap();
        client
    });
    let plan = planned();
    assert_eq!(plan["orphans"], orphans(Value::Null), "{plan}");
    assert_eq!(plan["stages"][0]["due"], DUE);
    let mut table = desk.command(&["plan", "visits"]);
    let said = String::from_utf8(table.args(["--format", "table"]).output().unwrap().stdout).unwrap();
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("how many rows of notes belong to no record of visits could not be counted"),
        "{said}"
    );
}
