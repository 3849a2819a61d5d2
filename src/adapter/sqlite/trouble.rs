//! What SQLite's errors mean to an operator.

use rusqlite::ffi;

use crate::adapter::api::{StoreError, StoreErrorKind};

/// The error in our words. Nothing of a record gets into it: the texts of constraints and triggers, which may hold
/// values, are left out.
pub(super) fn translated(place: &str, error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as Code;
    let Some(failure) = error.sqlite_error() else {
        let why = match error {
            rusqlite::Error::UserFunctionError(inner) => inner.to_string(),
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..) => {
                "a value has another type than expected".to_owned()
            }
            other => other.to_string(),
        };
        return StoreError::new(StoreErrorKind::Unsupported, place, why);
    };
    let plain = ffi::code_to_str(failure.extended_code).to_owned();
    let (kind, why, help) = match failure.code {
        Code::DatabaseBusy | Code::DatabaseLocked => (
            StoreErrorKind::Busy,
            "another process keeps it locked".to_owned(),
            "Wait for the other process, or run again later",
        ),
        Code::DiskFull => (
            StoreErrorKind::Damaged,
            "the disk is full, and deleting needs some room too".to_owned(),
            "Make room on its disk; nothing of the batch was done",
        ),
        Code::DatabaseCorrupt => (
            StoreErrorKind::Damaged,
            "the database is damaged".to_owned(),
            "Check it with `PRAGMA integrity_check` and restore it from a backup",
        ),
        Code::NotADatabase => (
            StoreErrorKind::Damaged,
            "the file is no SQLite database, or an encrypted one".to_owned(),
            "Correct `path`",
        ),
        Code::SystemIoFailure => {
            (StoreErrorKind::Damaged, format!("the disk does not answer: {plain}"), "Look at the disk")
        }
        Code::CannotOpen => (
            StoreErrorKind::Unavailable,
            "the file cannot be opened".to_owned(),
            "Check the permissions of the file and of its directory",
        ),
        Code::ReadOnly | Code::PermissionDenied | Code::AuthorizationForStatementDenied => (
            StoreErrorKind::Denied,
            "it may not be written".to_owned(),
            "Give the service write permission on the file and on its directory",
        ),
        Code::ConstraintViolation if failure.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY => (
            StoreErrorKind::Changed,
            "other rows refer to a record that was to go".to_owned(),
            "Name their table with `[[data.with]]`, or let a policy dispose of it first",
        ),
        Code::ConstraintViolation => (
            StoreErrorKind::Unsupported,
            format!("a constraint of the table refuses the change: {plain}"),
            "Choose another method for the column",
        ),
        Code::SchemaChanged => {
            (StoreErrorKind::Changed, "its tables changed meanwhile".to_owned(), "Run `forfall check`")
        }
        Code::Unknown => match error {
            // Names only: every value is bound.
            rusqlite::Error::SqlInputError { msg, .. } | rusqlite::Error::SqliteFailure(_, Some(msg)) => {
                (StoreErrorKind::Changed, msg.clone(), "Run `forfall check`")
            }
            _ => (StoreErrorKind::Damaged, plain, "Run `forfall check`"),
        },
        _ => (StoreErrorKind::Damaged, plain, "Run `forfall check`"),
    };
    StoreError::new(kind, place, why).with_help(help)
}
