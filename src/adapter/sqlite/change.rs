//! What a batch's statement does to a row: nothing but its end, or new values made by our own methods.

use std::sync::Arc;

use super::dialect::Sqlite;
use super::value;
use crate::adapter::api::{Act, StoreError, StoreErrorKind};
use crate::adapter::sql::{Cell, Dialect, Frame};
use crate::model::action::Change;
use crate::model::method::Method;
use crate::model::schema::ColumnKind;
use crate::model::value::Field;

/// The act as SQL.
#[derive(Clone, Debug)]
pub(super) struct Verb {
    /// `DELETE FROM t` or `UPDATE t`, up to the hint.
    pub(super) head: String,
    /// `SET ..` for a change, else empty.
    pub(super) set: String,
    /// A condition that only rows meet whose values the methods can work on; `None` where they work on any. The
    /// other rows stay as they are, and the outcome says so.
    pub(super) works: Option<String>,
}

/// Words the act for a table.
pub(super) fn verb(dialect: &mut Sqlite<'_>, frame: &Frame, act: &Act) -> Result<Verb, StoreError> {
    let table = dialect.quoted(&frame.own.name);
    let Act::Change(changes) = act else {
        return Ok(Verb { head: format!("DELETE FROM {table}"), set: String::new(), works: None });
    };
    let mut set = Vec::new();
    let mut works = Vec::new();
    for Change { column, method } in changes {
        let cell = dialect.cell(frame, &Field::own(column.as_str()))?;
        refuse_unfit(dialect, frame, column, method)?;
        let name = dialect.quoted(column);
        set.push(format!("{name} = {}", changed(dialect, &cell, method)?));
        works.extend(can_work(dialect, &cell, method)?);
    }
    Ok(Verb {
        // A table may say what happens on a conflict, `REPLACE` or `IGNORE` too; the statement overrules it: another
        // row never goes because this one changes.
        head: format!("UPDATE OR ABORT {table}"),
        set: format!("SET {}", set.join(", ")),
        works: (!works.is_empty()).then(|| works.join(" AND ")),
    })
}

fn changed(dialect: &Sqlite<'_>, cell: &Cell, method: &Arc<Method>) -> Result<String, StoreError> {
    if **method == Method::Null {
        return Ok("NULL".to_owned());
    }
    let (method, kind) = (Arc::clone(method), cell.kind);
    let function = dialect.session.function(1, move |call| {
        method
            .apply(&value::read(call.get_raw(0), kind))
            .map(|changed| value::stored(&changed))
            .map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))
    })?;
    Ok(format!("{function}({})", cell.sql))
}

/// What `check` should have refused is refused again here: nothing else stands between it and the data.
fn refuse_unfit(
    dialect: &Sqlite<'_>,
    frame: &Frame,
    column: &str,
    method: &Method,
) -> Result<(), StoreError> {
    let refused = |why: String| Err(dialect.session.trouble(StoreErrorKind::Unsupported, why));
    if frame.own.key.iter().any(|key| key.eq_ignore_ascii_case(column)) {
        return refused(format!("`{column}` is part of the key, which stays"));
    }
    match frame.own.column(column).map(|column| method.fits(column)) {
        Some(Err(why)) => refused(why),
        _ => Ok(()),
    }
}

fn can_work(dialect: &Sqlite<'_>, cell: &Cell, method: &Arc<Method>) -> Result<Option<String>, StoreError> {
    match **method {
        Method::Null | Method::Fixed(_) | Method::Neutral(_) | Method::Hide | Method::Flag => {
            return Ok(None);
        }
        _ => {}
    }
    let (method, kind): (_, ColumnKind) = (Arc::clone(method), cell.kind);
    let function = dialect.session.function(1, move |call| {
        let works = method.apply(&value::read(call.get_raw(0), kind)).is_ok();
        Ok(rusqlite::types::Value::Integer(i64::from(works)))
    })?;
    Ok(Some(format!("{function}({})", cell.sql)))
}
