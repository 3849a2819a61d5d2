//! Counting before deleting, where the server has more to say than the suite asks.

use std::collections::HashSet;
use std::sync::Arc;

use super::{World, connect, deletion, label, number, place, target, world};
use crate::adapter::api::{Dispose as _, Inspect as _, Job, StoreError, StoreErrorKind, Use, Whole};
use crate::adapter::postgres::PostgresStore;
use crate::model::aggregate::{Aggregate, Calendar, Grouping, Summed};
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;
use crate::model::target::Target;

const TABLES: &str = "CREATE TABLE records (id int PRIMARY KEY, at timestamptz, cost numeric(12,2)); \
     INSERT INTO records SELECT n, '2026-08-02 00:00Z', 0.1 * n FROM generate_series(1, 9) n; \
     CREATE TABLE stats (month text PRIMARY KEY, gone int NOT NULL, cost numeric NOT NULL)";

fn aggregate(min_cell: u32) -> Arc<Aggregate> {
    let month = Grouping {
        name: "month".to_owned(),
        column: "at".to_owned(),
        period: Some(Calendar::Month),
        format: None,
        local: "Europe/Oslo".parse().unwrap(),
    };
    Arc::new(Aggregate {
        into: "stats".to_owned(),
        by: vec![month],
        count: "gone".to_owned(),
        sum: Some(Summed { name: "cost".to_owned(), column: "cost".to_owned() }),
        min_cell,
        zone: "Europe/Oslo".parse().unwrap(),
    })
}

fn job(target: Target, min_cell: u32) -> Job {
    Job { aggregate: Some(aggregate(min_cell)), ..deletion(target, Predicate::Always(true)) }
}

fn carry_out(store: &PostgresStore, job: Job) -> Result<(), StoreError> {
    let mut walk = store.walk(job)?;
    while let Some(batch) = walk.prepare(&label(), 4, &HashSet::new())? {
        batch.commit()?;
    }
    Ok(())
}

fn stats(world: &World) -> Vec<(String, i32, String)> {
    let rows = world.other.rows("SELECT month, gone, cost::text FROM stats ORDER BY month", &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[test]
fn decimals_are_added_up_exactly() {
    let world = world(TABLES);
    carry_out(&world.store, job(target(), 1)).unwrap();
    assert_eq!(stats(&world), [("2026-08".to_owned(), 9, "4.5".to_owned())]);
}

#[test]
fn a_partition_goes_record_by_record_where_each_is_counted() {
    let world = world(
        "CREATE TABLE records (id int, at timestamptz, cost numeric, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); \
         CREATE TABLE august PARTITION OF records FOR VALUES FROM (MINVALUE) TO ('2026-09-01'); \
         INSERT INTO records SELECT n, '2026-08-02 00:00Z', NULL FROM generate_series(1, 9) n; \
         CREATE TABLE stats (month varchar(7) PRIMARY KEY, gone int NOT NULL, cost numeric NOT NULL)",
    );
    let target = Target { drop_partitions: true, ..target() };
    let mut walk = world.store.walk(job(target.clone(), 1)).unwrap();
    match walk.whole().unwrap() {
        Some(Whole::Left { why, .. }) => assert!(why.contains("counted before it goes"), "{why}"),
        _ => panic!("the partition may not go as a whole"),
    }
    assert!(walk.whole().unwrap().is_none());
    drop(walk);
    carry_out(&world.store, job(target, 1)).unwrap();
    assert_eq!(stats(&world), [("2026-08".to_owned(), 9, "0".to_owned())]);
}

#[test]
fn what_would_run_by_itself_in_the_receiving_table_is_refused() {
    for extra in [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER t BEFORE INSERT ON stats FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE RULE r AS ON INSERT TO stats DO INSTEAD NOTHING",
    ] {
        let world = world(&format!("{TABLES}; {extra}"));
        let refused = world.store.can_aggregate(&target(), &aggregate(1)).unwrap_err();
        assert!(refused.why.contains("runs by itself"), "{refused}");
        carry_out(&world.store, job(target(), 1)).unwrap_err();
        assert_eq!(number(&world, "SELECT count(*) FROM records"), 9);
    }
    let odd = world(&TABLES.replace("month text", "month char(7)"));
    let refused = odd.store.can_aggregate(&target(), &aggregate(1)).unwrap_err();
    assert!(refused.why.contains("character(7), and groups are texts"), "{refused}");
}

/// What a crash of the server would empty, and what takes two of our groups for one row.
#[test]
fn a_receiving_table_that_could_lose_or_mix_counts_is_refused() {
    const TWO_FOR_ONE: &str =
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
    let unlogged = TABLES.replace("CREATE TABLE stats", "CREATE UNLOGGED TABLE stats");
    let loose = TABLES.replace(
        "CREATE TABLE stats (month text",
        &format!("{TWO_FOR_ONE}; CREATE TABLE stats (month text COLLATE loose"),
    );
    for (tables, expected) in
        [(unlogged, "empty after a crash"), (loose, "takes different spellings for one")]
    {
        let world = world(&tables);
        let refused = world.store.can_aggregate(&target(), &aggregate(1)).unwrap_err();
        assert!(refused.why.contains(expected), "{refused}");
        carry_out(&world.store, job(target(), 1)).unwrap_err();
        assert_eq!(number(&world, "SELECT count(*) FROM records"), 9);
    }
}

/// A sum that a server would round without a word is refused, and so are more decimals than are added up.
#[test]
fn a_column_that_would_round_a_sum_is_refused() {
    for (own, receiving, expected) in [
        ("numeric(12,2)", "numeric(20,1)", "would round sums of numeric(12,2)"),
        ("numeric(12,2)", "double precision", "would round sums of numeric(12,2)"),
        ("numeric", "numeric(20,9)", "would round sums of numeric"),
        ("numeric(12,-2)", "numeric(20,-1)", ""),
        ("bigint", "real", "would round sums of bigint"),
        ("numeric(50,31)", "numeric", "only 30 decimals are added up"),
        ("numeric(50,30)", "numeric(60,30)", ""),
        ("bigint", "numeric(20)", ""),
        ("double precision", "numeric(20,1)", ""),
        ("real", "double precision", ""),
    ] {
        let tables = TABLES
            .replace("cost numeric(12,2)", &format!("cost {own}"))
            .replace("cost numeric NOT NULL", &format!("cost {receiving} NOT NULL"));
        let world = world(&tables);
        let told = world.store.can_aggregate(&target(), &aggregate(1)).err().map(|refused| {
            assert!(refused.help.as_ref().unwrap().contains("CREATE TABLE"), "{refused}");
            refused.why
        });
        match told {
            None => assert_eq!(expected, "", "{own} in {receiving}"),
            Some(why) => {
                assert!(!expected.is_empty() && why.contains(expected), "{own} in {receiving}: {why}");
            }
        }
    }
}

/// Numbers in floating point of every size are added up; the tiniest come to nothing.
#[test]
fn tiny_numbers_in_floating_point_stop_nothing() {
    let tables = TABLES
        .replace("numeric(12,2)", "double precision")
        .replace("numeric NOT NULL", "double precision NOT NULL")
        .replace("0.1 * n FROM", "CASE WHEN n > 1 THEN 0.3e-24 * n ELSE 3e18 END FROM");
    let world = world(&tables);
    carry_out(&world.store, job(target(), 1)).unwrap();
    assert_eq!(stats(&world), [("2026-08".to_owned(), 9, "3e+18".to_owned())]);
}

/// A trigger that comes to the receiving table meanwhile stops the walk as one of the records' table does.
#[test]
fn a_receiving_table_that_changes_under_a_walk_stops_it() {
    let world = world(TABLES);
    let mut walk = world.store.walk(job(target(), 1)).unwrap();
    walk.prepare(&label(), 4, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    let before = stats(&world);
    world.other.run("ALTER TABLE stats ADD COLUMN more int").unwrap();
    let error = walk.prepare(&label(), 4, &HashSet::new()).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Changed, "{error}");
    assert_eq!(stats(&world), before);
}

/// What the grants say is enough to count; with less, nothing is tried. Small cells are for the executor alone.
#[test]
fn the_grants_that_are_printed_are_enough_to_count() {
    let world = world(TABLES);
    let uses = [Use {
        target: target().into(),
        deletes: true,
        changes: Some(Vec::new()),
        aggregates: vec![aggregate(5)],
    }];
    let roles = ["planner", "executor"].map(|role| format!("{role}_{}", world.database));
    let lines: Vec<String> = world
        .store
        .grants(&uses)
        .unwrap()
        .statements
        .iter()
        .map(|line| line.split(";  --").next().unwrap().trim_end_matches(';'))
        .map(|line| line.replace("forfall_planner", &roles[0]).replace("forfall_executor", &roles[1]))
        .collect();
    let (counting, others): (Vec<&String>, Vec<&String>) =
        lines.iter().partition(|line| line.contains("stats") || line.contains("forfall_cell"));
    assert_eq!(counting.len(), 4, "{lines:#?}");
    for line in others {
        world.other.run(line).unwrap();
    }
    let [planner, executor] =
        roles.each_ref().map(|role| PostgresStore::open(StoreName::new("box"), place(role, &world.database)));
    for line in counting {
        let refused = carry_out(&executor, job(target(), 5)).unwrap_err();
        assert!(
            refused.to_string().contains("store grants") || refused.to_string().contains("forfall_cell"),
            "{refused}"
        );
        world.other.run(line).unwrap();
    }
    planner.can_aggregate(&target(), &aggregate(5)).unwrap();
    executor.adopt_aggregate(&target(), &aggregate(5)).unwrap();
    carry_out(&executor, job(target(), 5)).unwrap();
    let all = [("2026-08".to_owned(), 9, "4.5".to_owned()), ("other".to_owned(), 0, "0".to_owned())];
    assert_eq!(stats(&world), all);
    let seen = connect(&roles[0], &world.database).rows("SELECT * FROM forfall_cell", &[]);
    assert_eq!(seen.unwrap_err().kind, StoreErrorKind::Denied);
    drop((planner, executor));
    for role in roles {
        world.other.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
    }
}

/// A role that may not make tables is told which one an administrator makes.
#[test]
fn a_table_of_cells_that_may_not_be_made_is_asked_for() {
    let world = world(TABLES);
    let role = format!("poor_{}", world.database);
    world
        .other
        .run(&format!(
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE {role} LOGIN; \
             GRANT USAGE ON SCHEMA public TO {role}"
        ))
        .unwrap();
    let poor = PostgresStore::open(StoreName::new("box"), place(&role, &world.database));
    let refused = poor.adopt_aggregate(&target(), &aggregate(5)).unwrap_err();
    assert!(refused.to_string().contains("CREATE TABLE IF NOT EXISTS forfall_cell"), "{refused}");
    drop(poor);
    world.other.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
}
