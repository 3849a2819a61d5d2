//! Counting what a batch deletes: grouped here, once, so that every store gives the same counts.
//!
//! In the batch's transaction the records are read under lock, grouped, and added to the receiving table. With a
//! `min-cell` the exact cells stand in a table of our own, `forfall_cell`: a cell that has reached it has a row of its
//! own in the receiving table; all others together are one row, `other`. So the receiving table always adds up to what
//! was deleted, and no small cell is seen there.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use super::Record;
use super::receiver::Columns;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::aggregate::Aggregate;
use crate::model::amount::{Amount, TooLarge};
use crate::model::ids::PolicyId;
use crate::model::value::{Field, Fields as _, Value};

/// The table of our own in which small cells wait.
pub(crate) const CELLS: &str = "forfall_cell";

/// Its columns, in their order.
pub(crate) const CELL_COLUMNS: [&str; 7] =
    ["cell", "policy", "receiver", "cell_group", "records", "total", "shown"];

/// A group of records: what each grouping says, in their order.
pub(crate) type Group = Vec<String>;

/// How many records, and what their summed column adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) records: i64,
    pub(crate) sum: Amount,
}

impl Portion {
    pub(crate) const NONE: Self = Self { records: 0, sum: Amount::ZERO };

    pub(crate) fn plus(self, other: Self) -> Result<Self, TooLarge> {
        Ok(Self {
            records: self.records.checked_add(other.records).ok_or(TooLarge)?,
            sum: self.sum.plus(other.sum)?,
        })
    }

    fn negated(self) -> Self {
        Self { records: -self.records, sum: self.sum.negated() }
    }
}

/// The records of a batch by their groups.
#[derive(Debug)]
pub(crate) struct Counted {
    groups: BTreeMap<Group, Portion>,
    records: usize,
    /// What is summed is in floating point.
    floating: bool,
}

impl Counted {
    /// None yet.
    pub(crate) fn none(columns: &Columns) -> Self {
        Self { groups: BTreeMap::new(), records: 0, floating: columns.floating_sum }
    }

    /// One more record: the values of the groupings' columns, and the text of what is summed. What is NULL or no
    /// number is left out of the sum.
    pub(crate) fn add(
        &mut self,
        aggregate: &Aggregate,
        values: &[Value],
        summed: Option<&str>,
    ) -> Result<(), TooLarge> {
        let read = if self.floating { Amount::read_floating } else { Amount::read };
        let sum = summed.map_or(Ok(None), read)?.unwrap_or(Amount::ZERO);
        let portion = self.groups.entry(aggregate.group(values)).or_insert(Portion::NONE);
        *portion = portion.plus(Portion { records: 1, sum })?;
        self.records += 1;
        Ok(())
    }

    /// A record that was read, by its own fields.
    pub(crate) fn add_record(
        &mut self,
        aggregate: &Aggregate,
        fields: &[Field],
        record: &Record,
        summed: Option<&str>,
    ) -> Result<(), TooLarge> {
        let values: Vec<Value> =
            fields.iter().map(|field| record.get(field).unwrap_or(Value::Null)).collect();
        self.add(aggregate, &values, summed)
    }

    /// How many records were added.
    pub(crate) fn records(&self) -> usize {
        self.records
    }
}

/// The fields of the groupings, in their order.
pub(crate) fn fields(aggregate: &Aggregate) -> Vec<Field> {
    aggregate.by.iter().map(|grouping| Field::own(grouping.column.as_str())).collect()
}

/// What a value adds to a sum, as text.
pub(crate) fn summed(value: &Value) -> Option<String> {
    match value {
        Value::Int(number) => Some(number.to_string()),
        Value::Real(number) if number.is_finite() => Some(number.to_string()),
        _ => None,
    }
}

/// A cell as `forfall_cell` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Everything that was ever counted in it.
    pub(crate) portion: Portion,
    /// It has a row of its own in the receiving table. Once it has, it keeps it.
    pub(crate) shown: bool,
}

/// By what a cell is found: a digest over policy, receiving table, groupings and group.
pub(crate) type CellId = [u8; 32];

/// A cell to be written.
#[derive(Debug)]
pub(crate) struct Kept<'a> {
    pub(crate) id: CellId,
    pub(crate) policy: &'a str,
    pub(crate) receiver: &'a str,
    /// The group as a JSON list, for people.
    pub(crate) group: String,
    pub(crate) cell: Cell,
}

/// One store's statements, all in the batch's transaction.
pub(crate) trait Ledger {
    /// The cells that are known of these, locked.
    fn cells(&self, ids: &[CellId]) -> Result<HashMap<CellId, Cell>, StoreError>;

    /// Writes cells over what is known of them.
    fn keep(&self, cells: &[Kept<'_>]) -> Result<(), StoreError>;

    /// Adds to the rows of these groups, each once; makes those that are not there.
    fn add(&self, rows: &[(Group, Portion)]) -> Result<(), StoreError>;

    /// Adds what is not positive to the row of a group; says whether it is there and has at least so many records.
    fn take(&self, group: &Group, portion: Portion) -> Result<bool, StoreError>;

    /// An error of this store.
    fn trouble(&self, kind: StoreErrorKind, why: String) -> StoreError;
}

/// Writes the counts of a batch.
pub(crate) fn write(
    ledger: &dyn Ledger,
    aggregate: &Aggregate,
    policy: &PolicyId,
    counted: Counted,
) -> Result<(), StoreError> {
    if counted.groups.is_empty() {
        return Ok(());
    }
    if !aggregate.hides() {
        return ledger.add(&counted.groups.into_iter().collect::<Vec<_>>());
    }
    let ids: Vec<CellId> = counted.groups.keys().map(|group| cell_id(aggregate, policy, group)).collect();
    let known = ledger.cells(&ids)?;
    let settled = settle(aggregate, &ids, &known, counted.groups)
        .map_err(|error| too_large(ledger, aggregate, error))?;
    let kept: Vec<Kept<'_>> = ids
        .iter()
        .zip(&settled.cells)
        .map(|(id, (group, cell))| Kept {
            id: *id,
            policy: policy.as_str(),
            receiver: &aggregate.into,
            group: serde_json::to_string(group).expect("texts have a form in JSON"),
            cell: *cell,
        })
        .collect();
    ledger.keep(&kept)?;
    ledger.add(&settled.rows.into_iter().collect::<Vec<_>>())?;
    if settled.other == Portion::NONE || ledger.take(&aggregate.other(), settled.other)? {
        return Ok(());
    }
    let why = format!(
        "the row `other` of table `{}` is gone, or has fewer records than wait in `{CELLS}`",
        aggregate.into
    );
    Err(ledger.trouble(StoreErrorKind::Changed, why).with_help(format!(
        "Nothing of the batch was done. Put the row back; or, to begin new counts, empty `{}` and take its cells out of \
         `{CELLS}` (receiver = '{}')",
        aggregate.into, aggregate.into
    )))
}

/// What was counted with a limit and without one, and would be mixed in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mixed {
    /// There are rows of groups that are no cells: a small one would be seen, and its further records stand elsewhere.
    Unknown,
    /// Small groups wait in `other`, and nothing would ever take them out.
    Waiting,
}

/// The error about it.
pub(crate) fn mixed(place: &str, aggregate: &Aggregate, what: Mixed) -> StoreError {
    let into = &aggregate.into;
    let why = match what {
        Mixed::Unknown => format!(
            "table `{into}` has rows of groups that `{CELLS}` does not know, as counts without a `min-cell` leave them"
        ),
        Mixed::Waiting => {
            format!(
                "groups that were too small for an earlier `min-cell` wait in the row `other` of table `{into}`"
            )
        }
    };
    let keep = if what == Mixed::Waiting { "Keep a `min-cell`, or let" } else { "Let" };
    StoreError::new(StoreErrorKind::Unsupported, place, why).with_help(format!(
        "{keep} the counts be written to another table; or, to begin new counts, empty `{into}` and take its cells out \
         of `{CELLS}` (receiver = '{into}')"
    ))
}

/// A number that cannot be kept exactly.
pub(crate) fn too_large(ledger: &dyn Ledger, aggregate: &Aggregate, error: TooLarge) -> StoreError {
    let of = aggregate.sum.as_ref().map_or(aggregate.count.as_str(), |sum| sum.name.as_str());
    ledger
        .trouble(StoreErrorKind::Unsupported, format!("`{of}` in `{}`: {error}", aggregate.into))
        .with_help("Nothing of the batch was done. Leave `sum` out, or correct the values that are too large")
}

/// What a batch does to cells and rows.
struct Settled {
    /// Each group's cell as it is afterwards, in their order.
    cells: Vec<(Group, Cell)>,
    /// What is added to rows.
    rows: BTreeMap<Group, Portion>,
    /// What is taken from the row `other`, where more leaves it than comes.
    other: Portion,
}

fn settle(
    aggregate: &Aggregate,
    ids: &[CellId],
    known: &HashMap<CellId, Cell>,
    groups: BTreeMap<Group, Portion>,
) -> Result<Settled, TooLarge> {
    let mut settled = Settled { cells: Vec::new(), rows: BTreeMap::new(), other: Portion::NONE };
    let mut other = Portion::NONE;
    for (id, (group, portion)) in ids.iter().zip(groups) {
        let before = known.get(id).copied().unwrap_or(Cell { portion: Portion::NONE, shown: false });
        let after = before.portion.plus(portion)?;
        let shown = before.shown || after.records >= i64::from(aggregate.min_cell);
        let seen = match (before.shown, shown) {
            (true, _) => portion,
            // It leaves the others with everything that it has brought.
            (false, true) => {
                other = other.plus(before.portion.negated())?;
                after
            }
            (false, false) => {
                other = other.plus(portion)?;
                Portion::NONE
            }
        };
        if seen != Portion::NONE {
            settled.rows.insert(group.clone(), seen);
        }
        settled.cells.push((group, Cell { portion: after, shown }));
    }
    if other.records > 0 {
        let row = settled.rows.entry(aggregate.other()).or_insert(Portion::NONE);
        *row = row.plus(other)?;
    } else {
        settled.other = other;
    }
    Ok(settled)
}

fn cell_id(aggregate: &Aggregate, policy: &PolicyId, group: &Group) -> CellId {
    let mut digest = Sha256::new();
    let mut add = |part: &str| {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_bytes());
    };
    add(policy.as_str());
    add(&aggregate.into);
    // Another sum is another quantity: its cells begin anew.
    add(aggregate.sum.as_ref().map_or("", |sum| &sum.column));
    let names = aggregate.by.iter().map(|grouping| grouping.name.as_str());
    names.chain(group.iter().map(String::as_str)).for_each(&mut add);
    digest.finalize().into()
}

#[cfg(test)]
mod tests;
