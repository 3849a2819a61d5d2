//! Which part of a predicate an index can answer, and what is left to be asked of each row.

use super::catalogue::Index;
use super::dialect::FEW_KEYS;
use super::schema::Bound;
use super::segments::Segments;
use super::starts::{self, Reading};
use crate::adapter::sql::Frame;
use crate::model::predicate::{Predicate, StartIs};
use crate::model::start::Start;

/// The way to the records for which a predicate is true.
#[derive(Debug)]
pub(super) enum Driver<'a> {
    /// There are none.
    Nothing,
    /// The index on a column of numbers: the set is exact, and `rest` is asked of each row in it.
    Numbers {
        /// The column.
        column: &'a str,
        /// Its index.
        index: &'a Index,
        /// The values in question.
        set: Segments,
        /// What is left.
        rest: Vec<&'a Predicate>,
    },
    /// The index on a column of texts, which narrows.
    Texts {
        /// The column.
        column: &'a str,
        /// Its index.
        index: &'a Index,
        /// The start and the set of starts that narrow it.
        narrowed: Option<(&'a Start, &'a StartIs)>,
        /// Nothing else is asked, so that the index alone is read.
        alone: bool,
    },
    /// A few keys are named.
    Keys,
    /// All rows have to be looked at.
    Rows,
}

/// Chooses the way.
pub(super) fn driver<'a>(predicate: &'a Predicate, bound: &'a Bound) -> Driver<'a> {
    let mut parts = Vec::new();
    flatten(predicate, &mut parts);
    if parts.iter().any(|part| matches!(part, Predicate::Always(false))) {
        return Driver::Nothing;
    }
    if bound.frame.own.key.len() == 1 {
        let few = |part: &&Predicate| matches!(part, Predicate::KeyIn(keys) if keys.len() <= FEW_KEYS);
        if parts.iter().any(few) {
            return Driver::Keys;
        }
    }
    let starts = parts.iter().filter_map(|part| start_in(part));
    for (start, _) in starts {
        let Reading::Numbers { column, .. } = starts::reading(start, &bound.frame) else { continue };
        let Some(index) = bound.entry.index_on(column) else { continue };
        let mut set = Segments::all();
        let mut rest = Vec::new();
        for part in &parts {
            match segments_of(part, column, &bound.frame) {
                Some(segments) => set = set.and(&segments),
                None => rest.push(*part),
            }
        }
        return if set.is_none() { Driver::Nothing } else { Driver::Numbers { column, index, set, rest } };
    }
    for part in &parts {
        let Some((start, is)) = start_in(part) else { continue };
        let Reading::Texts { column } = starts::reading(start, &bound.frame) else { continue };
        let Some(index) = bound.entry.index_on(column) else { continue };
        let is_set = matches!(part, Predicate::Start { is: StartIs::In(_), .. });
        let alone = parts.iter().all(|part| only_reads(part, column, bound));
        return Driver::Texts { column, index, narrowed: is_set.then_some((start, is)), alone };
    }
    Driver::Rows
}

/// The parts that must all be true.
fn flatten<'a>(predicate: &'a Predicate, into: &mut Vec<&'a Predicate>) {
    match predicate {
        Predicate::All(parts) => parts.iter().for_each(|part| flatten(part, into)),
        Predicate::Surely(inner) => flatten(inner, into),
        Predicate::Always(true) => {}
        other => into.push(other),
    }
}

/// The start that a part asks for, perhaps in a negation or among alternatives.
fn start_in(part: &Predicate) -> Option<(&Start, &StartIs)> {
    match part {
        Predicate::Start { start, is } => Some((start, is)),
        Predicate::Not(inner) => start_in(inner),
        Predicate::Any(parts) => parts.iter().find_map(start_in),
        _ => None,
    }
}

/// The predicate as a set of the column's values, if it is about nothing else. None of these is ever unknown.
fn segments_of(predicate: &Predicate, column: &str, frame: &Frame) -> Option<Segments> {
    Some(match predicate {
        Predicate::Always(true) => Segments::all(),
        Predicate::Always(false) => Segments::none(),
        Predicate::All(parts) => combined(parts, column, frame, Segments::all(), Segments::and)?,
        Predicate::Any(parts) => combined(parts, column, frame, Segments::none(), Segments::or)?,
        Predicate::Not(inner) => segments_of(inner, column, frame)?.complement(),
        Predicate::Surely(inner) => segments_of(inner, column, frame)?,
        Predicate::Unknown(inner) => segments_of(inner, column, frame).map(|_| Segments::none())?,
        Predicate::IsNull(field) if field.link.is_none() && field.column.eq_ignore_ascii_case(column) => {
            Segments::null()
        }
        Predicate::Start { start, is } => match starts::reading(start, frame) {
            Reading::Numbers { column: other, count } if other == column => {
                starts::segments(start, count, is)
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn combined(
    parts: &[Predicate],
    column: &str,
    frame: &Frame,
    begin: Segments,
    join: impl Fn(&Segments, &Segments) -> Segments,
) -> Option<Segments> {
    parts.iter().try_fold(begin, |all, part| Some(join(&all, &segments_of(part, column, frame)?)))
}

/// Whether the index on this column has all that the predicate asks for: the column itself and the row number.
pub(super) fn only_reads(predicate: &Predicate, column: &str, bound: &Bound) -> bool {
    match predicate {
        Predicate::Always(_) => true,
        Predicate::All(parts) | Predicate::Any(parts) => {
            parts.iter().all(|part| only_reads(part, column, bound))
        }
        Predicate::Not(inner) | Predicate::Surely(inner) | Predicate::Unknown(inner) => {
            only_reads(inner, column, bound)
        }
        Predicate::Start { start, .. } => {
            let fields = start.fields();
            start.single_field().is_some()
                && fields
                    .iter()
                    .all(|field| field.link.is_none() && field.column.eq_ignore_ascii_case(column))
        }
        Predicate::KeyIn(_) => {
            let row_number = bound.entry.row_number();
            matches!(bound.frame.own.key.as_slice(), [key] if row_number == Some(key))
        }
        _ => false,
    }
}

/// The rest of a predicate as one.
pub(super) fn together(rest: &[&Predicate]) -> Predicate {
    Predicate::All(rest.iter().map(|part| (*part).clone()).collect())
}

/// The predicate as a set of one indexed column's values, if the index alone can answer it.
pub(super) fn whole_set<'a>(
    predicate: &'a Predicate,
    bound: &'a Bound,
    start: &Start,
) -> Option<(&'a str, &'a Index, Segments)> {
    let Reading::Numbers { column, .. } = starts::reading(start, &bound.frame) else { return None };
    let index = bound.entry.index_on(column)?;
    Some((column, index, segments_of(predicate, column, &bound.frame)?))
}
