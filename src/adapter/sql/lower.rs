//! A predicate becomes SQL.

use super::dialect::{Dialect, LINK_ALIAS, Need};
use super::frame::{Cell, Frame};
use crate::adapter::api::StoreError;
use crate::model::predicate::{Operand, Predicate};
use crate::model::value::Field;

/// The predicate as one SQL expression about a row of `frame.own`, whose columns are written with the table's name.
///
/// With [`Need::Truth`], ranges and equalities in `All` stay bare, so that the store can use its indexes.
pub(crate) fn lower<D: Dialect>(
    dialect: &mut D,
    frame: &Frame,
    predicate: &Predicate,
    need: Need,
) -> Result<String, StoreError> {
    Ok(match predicate {
        Predicate::Always(answer) => dialect.truth(*answer).to_owned(),
        Predicate::All(parts) => joined(dialect, frame, parts, need, " AND ", true)?,
        Predicate::Any(parts) => joined(dialect, frame, parts, need, " OR ", false)?,
        Predicate::Not(inner) => format!("(NOT {})", lower(dialect, frame, inner, Need::Exact)?),
        Predicate::Surely(inner) => {
            let inner = lower(dialect, frame, inner, Need::Truth)?;
            if need == Need::Truth { inner } else { format!("({inner} IS TRUE)") }
        }
        Predicate::Unknown(inner) => format!("({} IS NULL)", lower(dialect, frame, inner, Need::Exact)?),
        Predicate::IsNull(field) => {
            on_cell(dialect, frame, field, |dialect, cell| Ok(dialect.is_null(cell)))?
        }
        Predicate::Compare { field, op, with: Operand::Value(value) } => {
            on_cell(dialect, frame, field, |dialect, cell| Ok(dialect.compare(cell, *op, value, need)))?
        }
        Predicate::Compare { field, op, with: Operand::Field(other) } => {
            let (left, right) = (dialect.cell(frame, field)?, dialect.cell(frame, other)?);
            dialect.compare_cells(&left, *op, &right)
        }
        Predicate::OneOf { field, values } => {
            on_cell(dialect, frame, field, |dialect, cell| Ok(dialect.one_of(cell, values, need)))?
        }
        Predicate::Text { field, test, needle } => {
            on_cell(dialect, frame, field, |dialect, cell| Ok(dialect.text_test(cell, *test, needle)))?
        }
        Predicate::Event { name, of } => {
            let of = of.as_ref().map(|field| dialect.cell(frame, field)).transpose()?;
            dialect.event(frame, name, of.as_ref())?
        }
        Predicate::Start { start, is } => dialect.start(frame, start, is, need)?,
        Predicate::Done { column, method } => {
            let cell = dialect.cell(frame, &Field::own(column.as_str()))?;
            dialect.done(&cell, method)?
        }
        Predicate::KeyIn(keys) => dialect.key_in(frame, keys, need)?,
        Predicate::Reached(reach) => dialect.reached(frame, reach)?,
    })
}

fn joined<D: Dialect>(
    dialect: &mut D,
    frame: &Frame,
    parts: &[Predicate],
    need: Need,
    word: &str,
    of_none: bool,
) -> Result<String, StoreError> {
    let parts: Vec<String> =
        parts.iter().map(|part| lower(dialect, frame, part, need)).collect::<Result<_, _>>()?;
    Ok(match parts.as_slice() {
        [] => dialect.truth(of_none).to_owned(),
        [one] => one.clone(),
        many => format!("({})", many.join(word)),
    })
}

/// A question about one field. That of a linked row is asked inside the look-up, so that without a row there is no
/// answer, whatever the question is.
fn on_cell<D: Dialect>(
    dialect: &mut D,
    frame: &Frame,
    field: &Field,
    ask: impl FnOnce(&mut D, &Cell) -> Result<String, StoreError>,
) -> Result<String, StoreError> {
    let stands = frame.find(field)?;
    let table = if stands.link.is_some() { LINK_ALIAS } else { frame.own.name.as_str() };
    let cell = Cell {
        sql: dialect.column(table, &stands.column.name),
        kind: stands.column.kind,
        declared: stands.column.declared.clone(),
        bare: stands.link.is_none(),
        absent: None,
    };
    let cell = if stands.path.is_empty() { cell } else { dialect.inside(cell, stands.path)? };
    let mut asked = ask(dialect, &cell)?;
    if let Some(absent) = cell.absent.filter(|absent| !asked.contains(absent) && !asked.contains(&cell.sql)) {
        // The path is bound, so the text has to speak of it, even where the answer is the same for every record.
        asked = format!("(CASE WHEN {absent} THEN {asked} ELSE {asked} END)");
    }
    match stands.link {
        None => Ok(asked),
        Some(linked) => dialect.through(frame, &linked.link.name, &asked),
    }
}
