//! Counting before deleting, where the server has more to say than the suite asks.

use std::collections::HashSet;
use std::sync::Arc;

use super::{World, deletion, label, number, place, target, world};
use crate::adapter::api::{Dispose as _, Inspect as _, Job, StoreError, StoreErrorKind, Use};
use crate::adapter::mysql::MySqlStore;
use crate::model::aggregate::{Aggregate, Calendar, Grouping, Summed};
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;

const TABLES: &str = "CREATE TABLE records (id INT PRIMARY KEY, at TIMESTAMP NULL, word VARCHAR(20), cost DECIMAL(12,2))
     INSERT INTO records VALUES (1, '2026-08-02', 'a', 0.1), (2, '2026-08-02', 'A', 0.2), (3, '2026-08-02', 'b ', 0.3), (4, '2026-08-02', 'b', NULL)";

const STATS: &str = "CREATE TABLE stats (month VARCHAR(7), word VARCHAR(20) COLLATE utf8mb4_bin, gone INT NOT NULL, \
     cost DECIMAL(30,2) NOT NULL, PRIMARY KEY (month, word))";

fn aggregate(min_cell: u32) -> Arc<Aggregate> {
    let grouping = |name: &str, column: &str, period| Grouping {
        name: name.to_owned(),
        column: column.to_owned(),
        period,
        format: None,
        local: "Europe/Oslo".parse().unwrap(),
    };
    Arc::new(Aggregate {
        into: "stats".to_owned(),
        by: vec![grouping("month", "at", Some(Calendar::Month)), grouping("word", "word", None)],
        count: "gone".to_owned(),
        sum: Some(Summed { name: "cost".to_owned(), column: "cost".to_owned() }),
        min_cell,
        zone: "Europe/Oslo".parse().unwrap(),
    })
}

fn job(min_cell: u32) -> Job {
    Job { aggregate: Some(aggregate(min_cell)), ..deletion(target(), Predicate::Always(true)) }
}

fn carry_out(store: &MySqlStore, job: Job) -> Result<(), StoreError> {
    let mut walk = store.walk(job)?;
    while let Some(batch) = walk.prepare(&label(), 3, &HashSet::new())? {
        batch.commit()?;
    }
    Ok(())
}

fn stats(world: &World) -> Vec<(String, i64, String)> {
    let sql = "SELECT word, gone, CAST(cost AS CHAR) FROM stats ORDER BY word, gone";
    world.other.asked(sql, &[]).unwrap()
}

fn row(word: &str, gone: i64, cost: &str) -> (String, i64, String) {
    (word.to_owned(), gone, cost.to_owned())
}

#[test]
fn decimals_are_added_up_exactly_and_letters_told_apart() {
    let world = world(&format!("{TABLES}\n{STATS}"));
    carry_out(&world.store, job(1)).unwrap();
    // Blanks at the end are filled up by this collation.
    assert_eq!(stats(&world), [row("A", 1, "0.20"), row("a", 1, "0.10"), row("b", 2, "0.30")]);
}

/// Numbers in floating point of every size are added up; the tiniest come to nothing.
#[test]
fn tiny_numbers_in_floating_point_stop_nothing() {
    let tables = TABLES.replace("DECIMAL(12,2)", "DOUBLE").replace("0.1)", "1e-25)").replace("0.2)", "3e18)");
    let world = world(&format!("{tables}\n{}", STATS.replace("DECIMAL(30,2)", "DOUBLE")));
    carry_out(&world.store, job(3)).unwrap_err();
    world.store.adopt_aggregate(&target(), &aggregate(3)).unwrap();
    carry_out(&world.store, job(3)).unwrap();
    assert_eq!(stats(&world), [row("other", 4, "3e18")]);
}

#[test]
fn a_table_that_would_take_counts_to_the_wrong_row_is_refused() {
    for (from, to, why) in [
        ("PRIMARY KEY (month, word)", "PRIMARY KEY (month, word), UNIQUE (gone)", "wrong row"),
        ("PRIMARY KEY (month, word)", "PRIMARY KEY (month, word(3))", "no unique index over exactly"),
        ("gone INT NOT NULL", "gone INT UNSIGNED NOT NULL", "unsigned"),
        ("month VARCHAR(7)", "month ENUM('2026-08', 'other')", "groups are texts"),
        ("cost DECIMAL(30,2)", "cost BIGINT", "numbers with a fraction"),
        (
            "cost DECIMAL(30,2)",
            "cost DECIMAL(30,1)",
            "is decimal(30,1) and would round sums of decimal(12,2)",
        ),
        ("cost DECIMAL(30,2)", "cost DOUBLE", "is double and would round sums of decimal(12,2)"),
        ("utf8mb4_bin", "utf8mb4_general_ci", "by its collation utf8mb4_general_ci"),
    ] {
        let world = world(&format!("{TABLES}\n{}", STATS.replace(from, to)));
        let refused = world.store.can_aggregate(&target(), &aggregate(1)).unwrap_err();
        assert!(refused.why.contains(why), "{why}: {refused}");
        carry_out(&world.store, job(1)).unwrap_err();
        assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), 4);
    }
    let numbered =
        STATS.replace("PRIMARY KEY (month, word)", "id INT AUTO_INCREMENT PRIMARY KEY, UNIQUE (month, word)");
    let numbered = numbered.replace("(7)", "(7) NOT NULL").replace("utf8mb4_bin", "utf8mb4_bin NOT NULL");
    let world = world(&format!("{TABLES}\n{numbered}"));
    carry_out(&world.store, job(1)).unwrap();
    assert_eq!(stats(&world).len(), 3);
}

/// A trigger that comes to the receiving table meanwhile stops the walk.
/// What is written there would stay, though the batch is taken back.
#[test]
fn cells_that_cannot_be_taken_back_are_refused() {
    let world = world(&format!("{TABLES}\n{STATS}\n{}", super::super::counts::CREATE));
    world.store.can_aggregate(&target(), &aggregate(2)).unwrap();
    world.other.run("ALTER TABLE forfall_cell ENGINE = MyISAM").unwrap();
    for refused in [world.store.can_aggregate(&target(), &aggregate(2)), carry_out(&world.store, job(2))] {
        let refused = refused.unwrap_err();
        assert!(refused.why.contains("MyISAM, which cannot take a batch back"), "{refused}");
    }
    assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), 4);
}

#[test]
fn a_receiving_table_that_changes_under_a_walk_stops_it() {
    let world = world(&format!("{TABLES}\n{STATS}"));
    let mut walk = world.store.walk(job(1)).unwrap();
    walk.prepare(&label(), 2, &HashSet::new()).unwrap().unwrap().commit().unwrap();
    let before = stats(&world);
    world.other.run("CREATE TRIGGER more BEFORE UPDATE ON stats FOR EACH ROW SET NEW.gone = 0").unwrap();
    let error = walk.prepare(&label(), 2, &HashSet::new()).err().unwrap();
    assert!(error.why.contains("runs by itself"), "{error}");
    assert_eq!(stats(&world), before);
}

/// What the grants say is enough to count; with less, nothing is tried.
#[test]
fn the_grants_that_are_printed_are_enough_to_count() {
    let world = world(&format!("{TABLES}\n{STATS}"));
    let uses = [Use {
        target: target().into(),
        deletes: true,
        changes: Some(Vec::new()),
        aggregates: vec![aggregate(3)],
    }];
    let roles = ["planner", "executor"].map(|role| format!("{role}_{}", world.database));
    let lines: Vec<String> = world
        .store
        .grants(&uses)
        .unwrap()
        .statements
        .iter()
        .map(|line| line.split(";  --").next().unwrap().trim_end_matches(';'))
        .map(|line| line.replace(" IDENTIFIED BY '...'", "").replace('%', "localhost"))
        .map(|line| line.replace("forfall_planner", &roles[0]).replace("forfall_executor", &roles[1]))
        .collect();
    let (counting, others): (Vec<&String>, Vec<&String>) =
        lines.iter().partition(|line| line.contains("stats") || line.contains("forfall_cell"));
    assert_eq!(counting.len(), 3, "{lines:#?}");
    for line in others {
        world.other.run(line).unwrap();
    }
    let [planner, executor] =
        roles.each_ref().map(|role| MySqlStore::open(StoreName::new("box"), place(role, &world.database)));
    let denied = executor.adopt_aggregate(&target(), &aggregate(3)).unwrap_err();
    assert!(denied.to_string().contains("CREATE TABLE IF NOT EXISTS forfall_cell"), "{denied}");
    for line in counting {
        let refused = carry_out(&executor, job(3)).unwrap_err();
        assert!(matches!(refused.kind, StoreErrorKind::Denied | StoreErrorKind::Changed), "{refused}");
        assert_eq!(number(&world, "SELECT COUNT(*) FROM records"), 4);
        world.other.run(line).unwrap();
    }
    planner.can_aggregate(&target(), &aggregate(3)).unwrap();
    executor.adopt_aggregate(&target(), &aggregate(3)).unwrap();
    carry_out(&executor, job(3)).unwrap();
    assert_eq!(stats(&world), [row("other", 4, "0.60")]);
    drop((planner, executor));
    for role in roles {
        world.other.run(&format!("DROP USER {role}@localhost")).unwrap();
    }
}
