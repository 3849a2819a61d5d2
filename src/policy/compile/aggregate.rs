//! `aggregate`: what is counted before records go, and where.

use super::data::Place;
use super::notes::Notes;
use super::protect::protected;
use super::start::Nearest;
use crate::model::aggregate::{Aggregate, Calendar, Grouping, Summed};
use crate::model::start::Start;
use crate::model::value::Field;
use crate::policy::document::{AggregateTable, Document, StageTable};
use crate::policy::rule::Branch;
use crate::policy::strict::{Section, Spot, Text};

/// Compiles the table of a stage that deletes; `None` if it is too incomplete, which has been reported.
pub(super) fn aggregate(
    table: &Section<AggregateTable>,
    start: &Nearest,
    place: &Place<'_>,
    notes: &mut Notes<'_>,
) -> Option<Aggregate> {
    let span = table.span();
    if place.holds_files() {
        notes
            .error(
                span,
                "`aggregate` is for tables: files go without a transaction in which they could be counted",
            )
            .help("remove it");
        return None;
    }
    notes.need(table.into.as_ref(), "into", &span, "`aggregate`", "into = \"call_stats\"");
    notes.need(table.by.as_ref(), "by", &span, "`aggregate`", "by = [\"month(called_at)\"]");
    notes.need(table.count.as_ref(), "count", &span, "`aggregate`", "count = \"calls\"");
    let (into, by, count) = (table.into.as_ref()?, table.by.as_ref()?, table.count.as_ref()?);
    receiver(into, place, notes);
    if by.is_empty() {
        notes
            .error(by.span(), "this list is empty")
            .help("write what the counts are grouped by, such as `[\"month(called_at)\"]`");
        return None;
    }
    let before = notes.count();
    let groupings: Vec<Grouping> = by.iter().filter_map(|word| grouping(word, start, place, notes)).collect();
    let sum = match &table.sum {
        Some(word) => Some(Summed { name: word.to_string(), column: own(word, word, place, notes)? }),
        None => None,
    };
    if notes.count() > before || groupings.len() < by.len() {
        return None;
    }
    let names = by.iter().zip(&groupings).map(|(word, grouping)| (word.span(), grouping.name.as_str()));
    let others = [Some(count), table.sum.as_ref()].into_iter().flatten();
    twice_in_one_table(names.chain(others.map(|word| (word.span(), &***word))), notes);
    Some(Aggregate {
        into: into.to_string(),
        by: groupings,
        count: count.to_string(),
        sum,
        min_cell: table.min_cell.as_ref().map_or(1, |least| least.0),
        zone: place.zone(),
    })
}

/// The receiving table outlives the records: it is none that this data's records go from.
fn receiver(into: &Spot<Text>, place: &Place<'_>, notes: &mut Notes<'_>) {
    let same = |other: &str| other.eq_ignore_ascii_case(into);
    let own = place.collection().is_some_and(same);
    let with = place.with().iter().any(|with| with.store.is_none() && same(&with.collection));
    if own || with {
        notes
            .error(into.span(), format!("`{into}` is a table from which this policy deletes"))
            .help("let the counts be written to a table of their own, which stays");
    }
}

/// A field, or a function of one.
fn grouping(
    word: &Spot<Text>,
    start: &Nearest,
    place: &Place<'_>,
    notes: &mut Notes<'_>,
) -> Option<Grouping> {
    let (period, field) = match word.split_once('(') {
        None => (None, word.trim()),
        Some((function, rest)) => {
            let period = Calendar::ALL.into_iter().find(|period| period.word() == function.trim());
            let field = rest.trim_end().strip_suffix(')').map(str::trim).filter(|field| !field.contains('('));
            let (Some(period), Some(field)) = (period, field.filter(|field| !field.is_empty())) else {
                notes.error(word.span(), format!("`{word}` is nothing to group by")).help(
                    "name a field, or write `day(..)`, `month(..)`, `quarter(..)` or `year(..)` of one",
                );
                return None;
            };
            (Some(period), field)
        }
    };
    let column = own(&Spot::new(word.span(), Text::new(field)), word, place, notes)?;
    let spelled = [start.known(), place.start().known()].into_iter().flatten().find(|start| {
        let fields: Vec<&Field> = start.fields();
        fields.contains(&&Field::own(column.as_str()))
    });
    Some(Grouping {
        name: period.map_or_else(|| field.to_owned(), |period| period.word().to_owned()),
        period,
        format: spelled.as_deref().and_then(|start: &Start| start.format.clone()),
        local: spelled.as_deref().map_or(place.zone(), |start| start.zone),
        column,
    })
}

/// A column of the record itself.
fn own(field: &Spot<Text>, written: &Spot<Text>, place: &Place<'_>, notes: &mut Notes<'_>) -> Option<String> {
    let found = place.field(field, notes)?;
    if found.link.is_some() || found.in_json().is_some() {
        notes
            .error(written.span(), format!("`{field}` is no column of the record itself"))
            .help("records are counted by what stands in their own columns: name one of them");
        return None;
    }
    Some(found.column)
}

/// Each column of the receiving table has one meaning.
fn twice_in_one_table<'t>(
    names: impl Iterator<Item = (std::ops::Range<usize>, &'t str)>,
    notes: &mut Notes<'_>,
) {
    let mut seen: Vec<String> = Vec::new();
    for (span, name) in names {
        let lower = name.to_lowercase();
        if seen.contains(&lower) {
            notes
                .error(span, format!("two things would stand in the receiving table's column `{name}`"))
                .help("a function gives its name to the column, such as `month`; `count` and fields give their own");
        }
        seen.push(lower);
    }
}

/// What is counted by has to be there when the record goes; and one table is filled in one way.
pub(super) fn check(document: &Document, place: &Place<'_>, branches: &[Branch], notes: &mut Notes<'_>) {
    let tables: Vec<&Section<StageTable>> =
        document.stage.iter().chain(document.class.iter().flat_map(|class| &class.stage)).collect();
    let kept = protected(place, branches);
    for counts in tables.iter().filter_map(|table| table.aggregate.as_ref()) {
        let groupings = counts.by.iter().flat_map(|by| by.iter());
        for word in groupings.chain(counts.sum.as_ref()) {
            let field =
                word.split_once('(').map_or(&***word, |(_, field)| field.trim_end().trim_end_matches(')'));
            let Some(column) = place.column_of(field.trim()) else { continue };
            let changes = |table: &&Section<StageTable>| changes(table, &column, &kept, place);
            if tables.iter().copied().any(|table| changes(&table)) {
                notes
                    .error(word.span(), format!("another stage changes `{column}` before it is counted"))
                    .help("group by another field, or leave this one out of that stage");
            }
        }
    }
    let all: Vec<&Aggregate> = branches
        .iter()
        .flat_map(|branch| &branch.stages)
        .filter_map(|stage| stage.aggregate.as_deref())
        .collect();
    let differ = |one: &&&Aggregate| {
        all.iter().any(|other| other.into.eq_ignore_ascii_case(&one.into) && !same_table(one, other))
    };
    if let Some(one) = all.iter().find(differ) {
        let span = tables.iter().filter_map(|table| table.aggregate.as_ref()).map(Section::span).next_back();
        notes
            .error(span.unwrap_or_default(), format!("two stages fill `{}` in different ways", one.into))
            .help("write the same `by`, `count`, `sum` and `min-cell` for both, or let them fill two tables");
    }
}

/// Whether two stages mean the same by the receiving table's columns.
fn same_table(one: &Aggregate, other: &Aggregate) -> bool {
    let names = |of: &Aggregate| -> Vec<(String, Option<Calendar>)> {
        of.by.iter().map(|grouping| (grouping.name.clone(), grouping.period)).collect()
    };
    names(one) == names(other)
        && (&one.count, &one.sum, one.min_cell) == (&other.count, &other.sum, other.min_cell)
}

fn changes(
    table: &Section<StageTable>,
    column: &str,
    kept: &[(String, &'static str)],
    place: &Place<'_>,
) -> bool {
    let is =
        |word: &Spot<Text>| place.column_of(word).is_some_and(|other| other.eq_ignore_ascii_case(column));
    let listed = table.fields.iter().flat_map(|fields| fields.0.iter()).any(|(word, _)| is(word));
    let flagged = table.flag.as_ref().is_some_and(is);
    let emptied = table.keep_only.as_ref().is_some_and(|words| {
        !words.iter().any(is) && !kept.iter().any(|(other, _)| other.eq_ignore_ascii_case(column))
    });
    listed || flagged || emptied
}
