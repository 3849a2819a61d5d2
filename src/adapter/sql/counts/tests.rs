use std::cell::RefCell;

use proptest::prelude::*;

use super::*;
use crate::model::aggregate::{Grouping, Summed};
use crate::time::Zone;

fn aggregate(min_cell: u32) -> Aggregate {
    let grouping = |name: &str| Grouping {
        name: name.to_owned(),
        column: name.to_owned(),
        period: None,
        format: None,
        local: Zone::UTC,
    };
    Aggregate {
        into: "stats".to_owned(),
        by: vec![grouping("word"), grouping("kind")],
        count: "calls".to_owned(),
        sum: Some(Summed { name: "seconds".to_owned(), column: "seconds".to_owned() }),
        min_cell,
        zone: Zone::UTC,
    }
}

/// A store in memory.
#[derive(Default)]
struct Book {
    cells: RefCell<HashMap<CellId, Cell>>,
    rows: RefCell<BTreeMap<Group, Portion>>,
}

impl Ledger for Book {
    fn cells(&self, ids: &[CellId]) -> Result<HashMap<CellId, Cell>, StoreError> {
        let known = self.cells.borrow();
        Ok(ids.iter().filter_map(|id| Some((*id, *known.get(id)?))).collect())
    }

    fn keep(&self, cells: &[Kept<'_>]) -> Result<(), StoreError> {
        self.cells.borrow_mut().extend(cells.iter().map(|kept| (kept.id, kept.cell)));
        Ok(())
    }

    fn add(&self, rows: &[(Group, Portion)]) -> Result<(), StoreError> {
        let mut known = self.rows.borrow_mut();
        for (group, portion) in rows {
            let row = known.entry(group.clone()).or_insert(Portion::NONE);
            *row = row.plus(*portion).unwrap();
        }
        Ok(())
    }

    fn take(&self, group: &Group, portion: Portion) -> Result<bool, StoreError> {
        let mut known = self.rows.borrow_mut();
        let Some(row) = known.get_mut(group) else { return Ok(false) };
        *row = row.plus(portion).unwrap();
        Ok(row.records >= 0)
    }

    fn trouble(&self, kind: StoreErrorKind, why: String) -> StoreError {
        StoreError::new(kind, "book", why)
    }
}

fn none() -> Counted {
    Counted::none(&Columns {
        by: vec!["word".to_owned(), "kind".to_owned()],
        count: "calls".to_owned(),
        sum: Some("seconds".to_owned()),
        whole_sum: true,
        floating_sum: false,
    })
}

fn batch(book: &Book, aggregate: &Aggregate, records: &[(&str, i64)]) {
    let mut counted = none();
    for (word, seconds) in records {
        let values = [Value::Text((*word).to_owned()), Value::Null];
        counted.add(aggregate, &values, Some(&seconds.to_string())).unwrap();
    }
    write(book, aggregate, &PolicyId::new("calls"), counted).unwrap();
}

fn shown(book: &Book) -> Vec<(String, i64, String)> {
    let rows = book.rows.borrow();
    rows.iter().map(|(group, row)| (group.join("/"), row.records, row.sum.to_string())).collect()
}

fn row(group: &str, records: i64, sum: &str) -> (String, i64, String) {
    (group.to_owned(), records, sum.to_owned())
}

#[test]
fn a_cell_leaves_the_others_with_all_that_it_has_brought() {
    let (book, aggregate) = (Book::default(), aggregate(3));
    batch(&book, &aggregate, &[("a", 1), ("a", 2), ("b", 10)]);
    assert_eq!(shown(&book), [row("other/other", 3, "13")]);
    batch(&book, &aggregate, &[("a", 4)]);
    assert_eq!(shown(&book), [row("a/unknown", 3, "7"), row("other/other", 1, "10")]);
    batch(&book, &aggregate, &[("a", 1), ("c", 1), ("b", 10)]);
    assert_eq!(shown(&book), [row("a/unknown", 4, "8"), row("other/other", 3, "21")]);
    batch(&book, &aggregate, &[("b", 1), ("c", 1), ("c", 1)]);
    let all = [
        row("a/unknown", 4, "8"),
        row("b/unknown", 3, "21"),
        row("c/unknown", 3, "3"),
        row("other/other", 0, "0"),
    ];
    assert_eq!(shown(&book), all);
}

#[test]
fn another_sum_begins_its_own_cells() {
    let (book, seconds) = (Book::default(), aggregate(3));
    batch(&book, &seconds, &[("a", 10), ("a", 10)]);
    let mut cost = seconds.clone();
    cost.sum.as_mut().unwrap().column = "cost".to_owned();
    batch(&book, &cost, &[("a", 1), ("a", 1), ("a", 1)]);
    assert_eq!(shown(&book), [row("a/unknown", 3, "3"), row("other/other", 2, "20")]);
}

#[test]
fn a_group_that_is_called_other_stands_by_itself() {
    let (book, aggregate) = (Book::default(), aggregate(2));
    let literally = |count: usize| {
        let mut counted = none();
        for _ in 0..count {
            let other = || Value::Text("other".to_owned());
            counted.add(&aggregate, &[other(), other()], None).unwrap();
        }
        write(&book, &aggregate, &PolicyId::new("calls"), counted).unwrap();
    };
    literally(1);
    batch(&book, &aggregate, &[("a", 0)]);
    literally(3);
    let named = "\"other\"/\"other\"";
    assert_eq!(shown(&book), [row(named, 4, "0"), row("other/other", 1, "0")]);
    batch(&book, &aggregate, &[("a", 0)]);
    assert_eq!(shown(&book), [row(named, 4, "0"), row("a/unknown", 2, "0"), row("other/other", 0, "0")]);
}

#[test]
fn a_limit_that_is_raised_or_lowered_changes_no_total() {
    let book = Book::default();
    batch(&book, &aggregate(2), &[("a", 1), ("a", 1), ("b", 1)]);
    batch(&book, &aggregate(10), &[("a", 1), ("b", 1)]);
    assert_eq!(shown(&book), [row("a/unknown", 3, "3"), row("other/other", 2, "2")]);
    batch(&book, &aggregate(2), &[("b", 1)]);
    assert_eq!(
        shown(&book),
        [row("a/unknown", 3, "3"), row("b/unknown", 3, "3"), row("other/other", 0, "0")]
    );
}

#[test]
fn others_that_are_gone_stop_the_batch() {
    let (book, aggregate) = (Book::default(), aggregate(2));
    batch(&book, &aggregate, &[("a", 1)]);
    book.rows.borrow_mut().clear();
    let mut counted = none();
    counted.add(&aggregate, &[Value::Text("a".to_owned()), Value::Null], None).unwrap();
    let error = write(&book, &aggregate, &PolicyId::new("calls"), counted).unwrap_err().to_string();
    assert!(
        error.contains("the row `other` of table `stats` is gone") && error.contains("forfall_cell"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn what_is_shown_always_adds_up(
        batches in prop::collection::vec(prop::collection::vec((0_usize..5, -9_i64..9), 0..9), 1..12),
        least in 1_u32..6,
    ) {
        let (book, aggregate) = (Book::default(), aggregate(least));
        let (mut records, mut seconds) = (0, 0);
        let mut exact: HashMap<&str, i64> = HashMap::new();
        for one in &batches {
            let one: Vec<(&str, i64)> = one.iter().map(|(word, number)| (["a", "b", "c", "d", "e"][*word], *number)).collect();
            batch(&book, &aggregate, &one);
            for (word, number) in one {
                records += 1;
                seconds += number;
                *exact.entry(word).or_default() += 1;
            }
            let rows = book.rows.borrow();
            prop_assert_eq!(rows.values().map(|row| row.records).sum::<i64>(), records);
            let sum = rows.values().fold(Amount::ZERO, |sum, row| sum.plus(row.sum).unwrap());
            prop_assert_eq!(sum, Amount::from(seconds));
            for (group, row) in rows.iter().filter(|(group, _)| group[0] != "other") {
                prop_assert!(row.records >= i64::from(least));
                prop_assert_eq!(row.records, exact[group[0].as_str()]);
            }
        }
    }
}
