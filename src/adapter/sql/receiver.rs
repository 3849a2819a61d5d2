//! Whether a table can receive counts; if not, which table could.

use super::Table;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::aggregate::Aggregate;
use crate::model::amount::MOST_DECIMALS;
use crate::model::schema::{Column, ColumnKind};

/// A table as its store's catalogue has it.
#[derive(Debug)]
pub(crate) struct Receiver<'a> {
    /// The store as messages name it.
    pub(crate) place: &'a str,
    pub(crate) columns: &'a [Column],
    /// The columns of each unique index over whole columns, the primary key's too.
    pub(crate) unique: &'a [Vec<String>],
    /// The columns that have to be given a value in every new row.
    pub(crate) required: &'a [String],
    /// The names of its triggers and rules.
    pub(crate) triggers: &'a [String],
    /// Whether two spellings are one name.
    pub(crate) same: fn(&str, &str) -> bool,
}

/// How a store spells a table for counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    pub(crate) quoted: fn(&str) -> String,
    /// The type of a grouping, given how many there are.
    pub(crate) text: fn(usize) -> String,
    pub(crate) whole: &'static str,
    /// The type of a sum of numbers with a fraction.
    pub(crate) fraction: fn(Decimals) -> String,
    /// What the numbers of a column are.
    pub(crate) decimals: fn(&Column) -> Decimals,
}

/// How many digits after the point a column of numbers keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decimals {
    /// It is in floating point: none for sure.
    Floating,
    /// So many.
    At(u32),
    /// As many as a number has.
    Any,
}

impl Decimals {
    /// Of a column with a type of standard SQL.
    pub(crate) fn of(column: &Column) -> Self {
        if column.kind == ColumnKind::Int {
            return Self::At(0);
        }
        let Some(rest) = ["numeric", "decimal"].iter().find_map(|name| column.declared.strip_prefix(name))
        else {
            return Self::Floating;
        };
        let Some((inside, _)) = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'))
        else {
            return Self::Any;
        };
        // A negative one rounds whole numbers.
        let scale = inside.split_once(',').map_or(Ok(0), |(_, scale)| scale.trim().parse::<i32>());
        scale.map_or(Self::Floating, |scale| Self::At(scale.max(0).unsigned_abs()))
    }

    /// Whether a sum of such numbers would not stand in a column of `other` exactly.
    fn is_rounded_in(self, other: Self) -> bool {
        match (self, other) {
            (Self::Floating, _) | (Self::At(_) | Self::Any, Self::Any) => false,
            (Self::At(own), Self::At(theirs)) => own > theirs,
            (Self::At(_) | Self::Any, Self::Floating) | (Self::Any, Self::At(_)) => true,
        }
    }
}

/// The columns of a receiving table, in its own spelling.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) by: Vec<String>,
    pub(crate) count: String,
    pub(crate) sum: Option<String>,
    /// The sum's column holds whole numbers only.
    pub(crate) whole_sum: bool,
    /// What is summed is in floating point.
    pub(crate) floating_sum: bool,
}

/// A statement that makes a table which would serve.
pub(crate) fn create(aggregate: &Aggregate, own: &Table, spelling: &Spelling) -> String {
    let name = |name: &str| (spelling.quoted)(name);
    let text = (spelling.text)(aggregate.by.len());
    let mut columns: Vec<String> =
        aggregate.by.iter().map(|grouping| format!("{} {text} NOT NULL", name(&grouping.name))).collect();
    columns.push(format!("{} {} NOT NULL", name(&aggregate.count), spelling.whole));
    if let Some(sum) = &aggregate.sum {
        let fraction = || (spelling.fraction)(decimals(own, &sum.column, spelling));
        let kind = if is_whole(own, &sum.column) { spelling.whole.to_owned() } else { fraction() };
        columns.push(format!("{} {kind} NOT NULL", name(&sum.name)));
    }
    let key: Vec<String> = aggregate.by.iter().map(|grouping| name(&grouping.name)).collect();
    columns.push(format!("PRIMARY KEY ({})", key.join(", ")));
    let into: Vec<String> = aggregate.into.split('.').map(name).collect();
    format!("CREATE TABLE {} ({})", into.join("."), columns.join(", "))
}

/// The error about a table that cannot receive counts, with one that could.
pub(crate) fn refused(
    place: &str,
    kind: StoreErrorKind,
    why: impl Into<String>,
    aggregate: &Aggregate,
    own: &Table,
    spelling: &Spelling,
) -> StoreError {
    let create = create(aggregate, own, spelling);
    StoreError::new(kind, place, why).with_help(format!("This table would serve: {create}"))
}

fn is_whole(own: &Table, column: &str) -> bool {
    own.column(column).is_some_and(|column| column.kind == ColumnKind::Int)
}

fn decimals(own: &Table, column: &str, spelling: &Spelling) -> Decimals {
    own.column(column).map_or(Decimals::Floating, spelling.decimals)
}

impl Receiver<'_> {
    /// The columns in the table's own spelling, if counts can be written to it.
    pub(crate) fn columns(
        &self,
        aggregate: &Aggregate,
        own: &Table,
        spelling: &Spelling,
    ) -> Result<Columns, StoreError> {
        let into = &aggregate.into;
        let refused =
            |why: String| refused(self.place, StoreErrorKind::Unsupported, why, aggregate, own, spelling);
        if let Some(trigger) = self.triggers.first() {
            let why = format!(
                "`{trigger}` of table `{into}` runs by itself, and nobody could say what counts become"
            );
            return Err(StoreError::new(StoreErrorKind::Unsupported, self.place, why)
                .with_help("Drop it, or let the counts be written to a table without triggers and rules"));
        }
        for column in aggregate.columns() {
            if own.column(column).is_none() {
                let why = format!("table `{}` has no column `{column}`", own.name);
                return Err(StoreError::new(StoreErrorKind::NotFound, self.place, why)
                    .with_help("Correct `aggregate` in the policy"));
            }
        }
        let find = |name: &str| {
            let found = self.columns.iter().find(|column| (self.same)(&column.name, name));
            found.ok_or_else(|| refused(format!("table `{into}` has no column `{name}` to receive counts")))
        };
        let mut by = Vec::new();
        for grouping in &aggregate.by {
            let column = find(&grouping.name)?;
            let what = if column.kind != ColumnKind::Text {
                format!("is {}, and groups are texts", column.kind.text())
            } else if column.nullable {
                "may be NULL, so that one group could have several rows".to_owned()
            } else {
                by.push(column.name.clone());
                continue;
            };
            return Err(refused(format!("column `{}` of table `{into}` {what}", column.name)));
        }
        let count = find(&aggregate.count)?;
        let sum = aggregate.sum.as_ref().map(|sum| find(&sum.name)).transpose()?;
        let wanted = aggregate
            .sum
            .as_ref()
            .map(|sum| if is_whole(own, &sum.column) { Wanted::Number } else { Wanted::Fraction });
        for (column, wanted) in std::iter::once((count, Wanted::Whole)).chain(sum.zip(wanted)) {
            if let Some(what) = wanted.objection(column) {
                return Err(refused(format!("column `{}` of table `{into}` {what}", column.name)));
            }
        }
        let summed = aggregate.sum.as_ref().and_then(|sum| own.column(&sum.column));
        if let (Some(from), Some(to)) = (summed, sum) {
            would_round(from, to, spelling).map_or(Ok(()), |what| {
                Err(refused(format!("column `{}` of table `{into}` {what}", to.name)))
            })?;
        }
        let ours = |name: &&String| {
            by.contains(name) || **name == count.name || sum.is_some_and(|column| column.name == **name)
        };
        if let Some(other) = self.required.iter().find(|name| !ours(name)) {
            let why = format!(
                "column `{other}` of table `{into}` may not be NULL and has no default, and counts give it no value"
            );
            return Err(refused(why));
        }
        let exactly =
            |index: &Vec<String>| index.len() == by.len() && index.iter().all(|name| by.contains(name));
        if !self.unique.iter().any(exactly) {
            let why =
                format!("table `{into}` has no unique index over exactly its groupings ({})", by.join(", "));
            return Err(refused(why));
        }
        Ok(Columns {
            by,
            count: count.name.clone(),
            sum: sum.map(|column| column.name.clone()),
            whole_sum: sum.is_some_and(|column| column.kind == ColumnKind::Int),
            floating_sum: summed.is_some_and(|column| (spelling.decimals)(column) == Decimals::Floating),
        })
    }
}

/// Why a sum would not stand exactly in its column, if it would not.
fn would_round(from: &Column, to: &Column, spelling: &Spelling) -> Option<String> {
    // Whatever else a store's column may hold: what is declared to be whole is summed as that.
    let kept = |column: &Column| match column.kind {
        ColumnKind::Int => Decimals::At(0),
        _ => (spelling.decimals)(column),
    };
    let (of, into) = (kept(from), kept(to));
    if let Decimals::At(many) = of
        && usize::try_from(many).is_ok_and(|many| many > MOST_DECIMALS)
    {
        return Some(format!(
            "is to hold sums of {}: only {MOST_DECIMALS} decimals are added up",
            from.declared
        ));
    }
    of.is_rounded_in(into).then(|| format!("is {} and would round sums of {}", to.declared, from.declared))
}

/// What a column of numbers has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// Whole numbers, which a column of decimals holds as well.
    Number,
    Fraction,
}

impl Wanted {
    /// Why the column cannot hold it.
    fn objection(self, column: &Column) -> Option<String> {
        let holds = match column.kind {
            ColumnKind::Int => self != Self::Fraction,
            ColumnKind::Real => self != Self::Whole,
            _ => false,
        };
        if !holds {
            let what = if self == Self::Fraction { "numbers with a fraction" } else { "whole numbers" };
            return Some(format!("is {} and is to hold {what}", column.kind.text()));
        }
        // A cell that leaves `other` is taken away from it.
        let unsigned = column.declared.to_ascii_lowercase().contains("unsigned");
        unsigned.then(|| "is unsigned, and numbers are also taken away from it".to_owned())
    }
}
