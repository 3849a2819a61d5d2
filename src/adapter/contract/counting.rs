//! Counting before deleting: every record that goes stands in the receiving table, once, and no other.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::suite::{Done, Make, Suite, due, edges, now, record, skip};
use super::{At, Can, Content, Record};
use crate::adapter::api::{Act, Job, StoreErrorKind};
use crate::model::aggregate::{Aggregate, Calendar, Grouping, OTHER, Summed, UNKNOWN};
use crate::model::predicate::Predicate;

const ALL: Predicate = Predicate::Always(true);

/// A group's row: its month and word, its records, their sum.
type Rows = BTreeMap<(String, String), (i64, i64)>;

/// By month and word, with the sum of the numbers.
fn aggregate(suite: &Suite, min_cell: u32) -> Arc<Aggregate> {
    let names = suite.fixture.names();
    let at = suite.start.single_field().expect("a fixture's start stands in one field").column.clone();
    let (format, local) = (suite.start.format.clone(), suite.start.zone);
    let word = Grouping { name: names.word.clone(), column: names.word, period: None, format: None, local };
    let month =
        Grouping { name: "month".to_owned(), column: at, period: Some(Calendar::Month), format, local };
    Arc::new(Aggregate {
        into: "stats".to_owned(),
        by: vec![month, word],
        count: "gone".to_owned(),
        sum: Some(Summed { name: names.number.clone(), column: names.number }),
        min_cell,
        zone: suite.start.zone,
    })
}

/// A suite whose store has a receiving table: the one that the refusal of none says would serve. `None` where nothing
/// can be counted, which is then refused.
fn counting(
    make: Make<'_>,
    min_cell: u32,
    content: impl FnOnce(Can) -> Content,
) -> Option<(Suite, Arc<Aggregate>)> {
    let suite = Suite::new(make, content);
    suite.store().adopt(&suite.scope.target).unwrap();
    let aggregate = aggregate(&suite, min_cell);
    let refused = suite.store().can_aggregate(&suite.scope.target, &aggregate).unwrap_err();
    if suite.fixture.ask("SELECT 1").is_none() {
        assert_eq!(refused.kind, StoreErrorKind::Unsupported, "{refused}");
        assert!(suite.carry_out(job(&suite, &aggregate), 100).is_err(), "it walks without counting");
        assert_eq!(suite.left(), suite.all());
        skip("nothing can be counted in the transaction of a deletion");
        return None;
    }
    assert_eq!(refused.kind, StoreErrorKind::NotFound, "{refused}");
    let help = refused.help.expect("the refusal says what would serve");
    suite.fixture.ask(help.split_once(": ").expect("a statement follows").1);
    suite.store().can_aggregate(&suite.scope.target, &aggregate).unwrap();
    suite.store().adopt_aggregate(&suite.scope.target, &aggregate).unwrap();
    suite.store().adopt_aggregate(&suite.scope.target, &aggregate).unwrap();
    Some((suite, aggregate))
}

fn job(suite: &Suite, aggregate: &Arc<Aggregate>) -> Job {
    Job { aggregate: Some(Arc::clone(aggregate)), ..suite.job(ALL, due(), Act::Delete) }
}

/// What the receiving table says.
fn received(suite: &Suite) -> Rows {
    let names = suite.fixture.names();
    let sql = format!("SELECT month, {}, gone, {} FROM stats", names.word, names.number);
    let rows = suite.fixture.ask(&sql).expect("the store was asked before");
    rows.into_iter()
        .map(|row| {
            let [month, word, count, sum] = row.try_into().expect("four columns were asked for");
            ((month, word), (count.parse().unwrap(), sum.parse().unwrap()))
        })
        .collect()
}

/// What the records with these ids come to.
fn expected(suite: &Suite, ids: &BTreeSet<u32>) -> Rows {
    let mut rows = Rows::new();
    for id in ids {
        let Record { at, word, number, .. } = suite.stored(*id);
        let At::Instant(at) = at else { panic!("only what has a start goes") };
        let month = suite.start.zone.local(*at).format("%Y-%m").to_string();
        let word = word.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        let row = rows.entry((month, word)).or_default();
        *row = (row.0 + 1, row.1 + number.unwrap_or(0));
    }
    rows
}

fn totals(rows: &Rows) -> (i64, i64) {
    rows.values().fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
}

fn others() -> (String, String) {
    (OTHER.to_owned(), OTHER.to_owned())
}

/// Forty records in a few months, words and without one, some of them not due.
fn many(can: Can) -> Content {
    let words = ["alpha", "beta", "gamma"];
    let months =
        ["2026-01-31T23:30:00Z", "2026-02-10T10:00:00Z", "2026-08-01T10:00:00Z", "2026-10-20T10:00:00Z"];
    let one = |id: u32| {
        let place = |number: u32| usize::try_from(number).unwrap();
        let mut one = record(id, months[place(id * 7 % 5 % 4)], words[place(id % 11 % 3)]);
        if can.nulls && id.is_multiple_of(9) {
            (one.word, one.number) = (None, None);
        }
        one
    };
    Content { records: (1..=40).map(one).collect(), ..Content::default() }
}

/// However large the batches are, the counts are those of what went; months are those of the policy's zone.
pub fn what_goes_is_counted_once(make: Make<'_>) {
    for want in [1, 3, 7, 100] {
        let Some((suite, aggregate)) = counting(make, 1, many) else { return };
        let done = suite.carry_out(job(&suite, &aggregate), want).unwrap();
        assert!(done.ids().len() > 20 && done.ids().len() < 40);
        assert_eq!(received(&suite), expected(&suite, &done.ids()), "batches of {want}");
        assert!(received(&suite).keys().any(|(month, _)| month == "2026-02"), "a month of the zone");
        assert_eq!(suite.carry_out(job(&suite, &aggregate), want).unwrap().applied.done, 0);
        assert_eq!(received(&suite), expected(&suite, &done.ids()), "nothing goes, nothing is counted");
    }
}

/// Cells that are too small are seen together; one that has grown leaves them with all that it has brought.
pub fn small_cells_are_seen_together(make: Make<'_>) {
    for want in [1, 4, 100] {
        let Some((suite, aggregate)) = counting(make, 4, many) else { return };
        let mut walk = suite.store().walk(job(&suite, &aggregate)).unwrap();
        let mut gone = BTreeSet::new();
        let commit = |batch: Box<dyn crate::adapter::api::Prepared + '_>| {
            let ids = suite.ids(batch.records());
            batch.commit().unwrap();
            ids
        };
        while let Some(ids) =
            suite.next(walk.as_mut(), &suite.label(), want, &HashSet::new(), commit).unwrap()
        {
            gone.extend(ids);
            let (rows, exact) = (received(&suite), expected(&suite, &gone));
            assert_eq!(totals(&rows), totals(&exact), "batches of {want}");
            let shown = |row: &(i64, i64)| row.0 >= 4;
            let large: Rows = exact.into_iter().filter(|(_, row)| shown(row)).collect();
            let own: Rows = rows.into_iter().filter(|(group, _)| *group != others()).collect();
            assert_eq!(own, large, "batches of {want}");
        }
        assert!(received(&suite).len() > 2 && received(&suite)[&others()].0 > 0);
    }
}

/// Small groups wait in one row, where those that are counted without a limit have rows of their own: one table is not
/// filled in both ways, whichever comes first.
pub fn counts_with_a_limit_and_without_are_not_mixed(make: Make<'_>) {
    let Some((suite, all)) = counting(make, 1, many) else { return };
    let small = Arc::new(Aggregate { min_cell: 30, ..(*all).clone() });
    suite.store().adopt_aggregate(&suite.scope.target, &small).unwrap();
    let one = |aggregate: &Arc<Aggregate>| {
        let mut walk = suite.store().walk(job(&suite, aggregate)).unwrap();
        let next =
            suite.next(walk.as_mut(), &suite.label(), 3, &HashSet::new(), |batch| batch.commit().unwrap());
        assert!(next.unwrap().expect("something is due").done > 0);
    };
    let refused = |aggregate: &Arc<Aggregate>, why: &str| {
        let (before, left) = (received(&suite), suite.left());
        let refused = suite.store().can_aggregate(&suite.scope.target, aggregate).unwrap_err();
        assert!(refused.why.contains(why), "{refused}");
        assert!(refused.help.is_some_and(|help| help.contains("to begin new counts, empty `stats`")));
        let refused = suite.carry_out(job(&suite, aggregate), 100).unwrap_err();
        assert!(refused.why.contains(why), "{refused}");
        assert_eq!((received(&suite), suite.left()), (before, left));
    };
    one(&all);
    refused(&small, "does not know");
    suite.fixture.ask("DELETE FROM stats");
    one(&small);
    refused(&all, "wait in the row `other`");
    one(&small);
    suite.fixture.ask("DELETE FROM stats");
    suite.fixture.ask("DELETE FROM forfall_cell");
    one(&all);
}

/// What is taken back was never counted, in the receiving table or beside it.
pub fn an_aborted_batch_counts_nothing(make: Make<'_>) {
    for min_cell in [1, 3] {
        let Some((suite, aggregate)) = counting(make, min_cell, many) else { return };
        let mut walk = suite.store().walk(job(&suite, &aggregate)).unwrap();
        suite.first(walk.as_mut(), |batch| batch.abort().unwrap());
        suite.first(walk.as_mut(), |batch| drop(batch));
        assert_eq!(received(&suite), Rows::new());
        let done = suite.finish(walk.as_mut(), 5, &HashSet::new()).unwrap();
        assert_eq!(totals(&received(&suite)), totals(&expected(&suite, &done.ids())));
    }
}

/// A record that is held stays and is not counted.
pub fn what_is_held_is_not_counted(make: Make<'_>) {
    let Some((suite, aggregate)) = counting(make, 1, edges) else { return };
    let without: HashSet<_> = [1, 11].iter().map(|id| suite.fixture.key(suite.stored(*id))).collect();
    let mut walk = suite.store().walk(job(&suite, &aggregate)).unwrap();
    let done: Done = suite.finish(walk.as_mut(), 2, &without).unwrap();
    drop(walk);
    assert_eq!(done.ids(), BTreeSet::from([2, 3, 12]));
    assert_eq!(received(&suite), expected(&suite, &done.ids()));
}

/// Numbers are added to what others wrote in the same rows.
pub fn an_earlier_history_stays(make: Make<'_>) {
    let Some((suite, aggregate)) = counting(make, 1, edges) else { return };
    suite
        .fixture
        .ask("INSERT INTO stats VALUES ('2026-01', 'alpha', 100, 1000), ('2019-01', 'alpha', 7, 70)");
    let done = suite.carry_out(job(&suite, &aggregate), 2).unwrap();
    let mut rows = expected(&suite, &done.ids());
    let january =
        rows.get_mut(&("2026-01".to_owned(), "alpha".to_owned())).expect("one record is of January");
    *january = (january.0 + 100, january.1 + 1000);
    rows.insert(("2019-01".to_owned(), "alpha".to_owned()), (7, 70));
    assert_eq!(received(&suite), rows);
}

/// A sum that its column cannot hold takes the batch back.
pub fn a_sum_that_is_too_large_takes_the_batch_back(make: Make<'_>) {
    let Some((suite, aggregate)) = counting(make, 1, edges) else { return };
    suite.fixture.ask("INSERT INTO stats VALUES ('2026-01', 'alpha', 1, 9223372036854775807)");
    let before = received(&suite);
    suite.carry_out(job(&suite, &aggregate), 100).unwrap_err();
    assert_eq!(suite.left(), suite.all());
    assert_eq!(received(&suite), before);
}

/// What goes with a record is not counted, only the record itself.
pub fn companions_are_not_counted(make: Make<'_>) {
    let content = |_| Content {
        records: vec![record(1, "2026-01-01T10:00:00Z", "alpha")],
        children: (201..=203).map(|id| super::Child { id, of: 1 }).collect(),
        ..Content::default()
    };
    let Some((mut suite, aggregate)) = counting(make, 1, content) else { return };
    let Some(with) = suite.fixture.with() else { return skip("nothing goes along") };
    Arc::make_mut(&mut suite.scope.target).with.push(with);
    let done = suite.carry_out(job(&suite, &aggregate), 100).unwrap();
    assert_eq!(suite.fixture.children_left(), Vec::<u32>::new());
    assert_eq!(received(&suite), expected(&suite, &done.ids()));
}

/// Without a table that can receive them nothing goes, and the refusal says which could.
pub fn a_table_that_cannot_receive_is_refused(make: Make<'_>) {
    let Some((suite, aggregate)) = counting(make, 1, edges) else { return };
    let number = suite.fixture.names().number;
    let word = suite.fixture.names().word;
    for (columns, why) in [
        (
            format!("month VARCHAR(20) NOT NULL, {word} VARCHAR(20) NOT NULL, gone INT, {number} INT"),
            "unique index",
        ),
        (
            format!(
                "month VARCHAR(20), {word} VARCHAR(20) NOT NULL, gone INT, {number} INT, UNIQUE (month, {word})"
            ),
            "may be NULL",
        ),
        (
            format!(
                "month INT NOT NULL, {word} VARCHAR(20) NOT NULL, gone INT, {number} INT, UNIQUE (month, {word})"
            ),
            "groups are texts",
        ),
        (
            format!(
                "month VARCHAR(20) NOT NULL, {word} VARCHAR(20) NOT NULL, {number} INT, UNIQUE (month, {word})"
            ),
            "no column `gone`",
        ),
        (
            format!(
                "month VARCHAR(20) NOT NULL, {word} VARCHAR(20) NOT NULL, gone VARCHAR(9), {number} INT, UNIQUE (month, {word})"
            ),
            "to hold whole numbers",
        ),
        (
            format!(
                "month VARCHAR(20) NOT NULL, {word} VARCHAR(20) NOT NULL, gone INT, {number} INT, UNIQUE (month)"
            ),
            "exactly its groupings",
        ),
        (
            format!(
                "month VARCHAR(20) NOT NULL, {word} VARCHAR(20) NOT NULL, gone INT, {number} INT, more INT NOT NULL, UNIQUE (month, {word})"
            ),
            "has no default",
        ),
    ] {
        suite.fixture.ask("DROP TABLE stats");
        suite.fixture.ask(&format!("CREATE TABLE stats ({columns})"));
        let refused = suite.store().can_aggregate(&suite.scope.target, &aggregate).unwrap_err();
        assert!(refused.why.contains(why), "{why}: {refused}");
        assert!(refused.help.as_ref().is_some_and(|help| help.contains("CREATE TABLE")), "{refused}");
        suite.carry_out(job(&suite, &aggregate), 100).unwrap_err();
        assert_eq!(suite.left(), suite.all());
    }
    let own = Arc::new(Aggregate { into: suite.scope.target.collection.clone(), ..(*aggregate).clone() });
    suite.carry_out(job(&suite, &own), 100).unwrap_err();
    let small = Arc::new(Aggregate { min_cell: 2, ..(*aggregate).clone() });
    suite.carry_out(job(&suite, &small), 100).unwrap_err();
    assert_eq!((suite.left(), suite.scope.now), (suite.all(), now()));
}
