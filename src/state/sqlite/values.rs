//! How plain values stand in the state file: instants as microseconds, counts as signed numbers, the rest as JSON.

use chrono::DateTime;

use super::failure::damaged;
use crate::state::api::StateError;
use crate::time::Instant;

/// Reads back JSON that was written by [`json`]. The error names the place in the text, and no value.
pub(super) fn parse<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, StateError> {
    serde_json::from_str(text)
        .map_err(|error| damaged(what, format!("line {}, column {}", error.line(), error.column())))
}

/// JSON of our own plain data.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data has only members that JSON can hold")
}

/// A count or an index as SQLite keeps it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count or an index as SQLite gave it back.
pub(super) fn unsigned(number: i64) -> Result<u64, StateError> {
    u64::try_from(number).map_err(|_| damaged("a count", "it is negative"))
}

/// Whole microseconds since 1970; finer digits are cut off.
pub(super) fn micros(instant: Instant) -> i64 {
    instant.timestamp_micros()
}

/// The first whole microsecond that is not before this.
pub(super) fn micros_up(instant: Instant) -> i64 {
    micros(instant) + i64::from(!instant.timestamp_subsec_nanos().is_multiple_of(1_000))
}

/// What [`micros`] gave.
pub(super) fn instant(micros: i64) -> Result<Instant, StateError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| damaged("a time", "it is out of range"))
}
