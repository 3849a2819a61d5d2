//! Times of a hold as an operator types them: a day means all of it.

use crate::cli::exit::Failure;
use crate::cli::{calc, phrase};
use crate::model::hold::Window;
use crate::time::{Instant, StartValue, Zone};

/// The window between two times, both included.
pub(super) fn read(from: &str, to: &str, zone: Zone) -> Result<Window, Failure> {
    let value =
        |text: &str| calc::read_start(text, zone).map_err(|why| Failure::usage(format!("--between: {why}")));
    let from = match value(from)? {
        StartValue::Instant(at) => at,
        StartValue::Date(day) => first_instant(day, zone)?,
    };
    let to = match value(to)? {
        StartValue::Instant(at) => at,
        StartValue::Date(day) => day_after(day, zone)? - chrono::TimeDelta::microseconds(1),
    };
    if to < from {
        return Err(Failure::usage(format!(
            "--between ends before it begins: {} is after {}",
            phrase::local(from, zone),
            phrase::local(to, zone)
        )));
    }
    Ok(Window { from, to })
}

/// The end of a hold: the time that is given, or the end of the day.
pub(super) fn end(text: &str, now: Instant, zone: Zone) -> Result<Instant, Failure> {
    let end = match calc::read_start(text, zone).map_err(|why| Failure::usage(format!("--until: {why}")))? {
        StartValue::Instant(at) => at,
        StartValue::Date(day) => day_after(day, zone)?,
    };
    if end <= now {
        return Err(Failure::usage(format!(
            "--until {text} has passed already, so the hold would keep nothing: give a later day, or leave it out"
        )));
    }
    Ok(end)
}

fn first_instant(day: chrono::NaiveDate, zone: Zone) -> Result<Instant, Failure> {
    zone.first_instant_of(day)
        .ok_or_else(|| Failure::usage(format!("{day} is behind the end of the calendar")))
}

fn day_after(day: chrono::NaiveDate, zone: Zone) -> Result<Instant, Failure> {
    first_instant(day.succ_opt().unwrap_or(day), zone)
}
