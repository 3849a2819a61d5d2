//! The server's errors as ours: what failed, why, and what to do. Never with a value of a record.

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::adapter::api::{StoreError, StoreErrorKind};

/// Makes errors about a store.
pub(super) struct Trouble;

impl Trouble {
    /// An error about the store at `place`.
    pub(super) fn at(place: &str, kind: StoreErrorKind, why: impl Into<String>) -> StoreError {
        StoreError::new(kind, place, why)
    }
}

/// What an error of the driver or the server means.
pub(super) fn translated(place: &str, error: &Error) -> StoreError {
    if let Some(said) = error.as_db_error() {
        return of_server(place, said);
    }
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        if !why.contains(&text) {
            why = format!("{why}: {text}");
        }
        source = inner.source();
    }
    let help = if why.contains("TLS") || why.contains("certificate") {
        "Make the server offer TLS with a certificate for this name, name its issuer with `ca`, or write \
         `tls = \"off\"` for a network that you trust"
    } else if error.is_closed() {
        "The server ended the connection or was restarted: the next run goes on"
    } else {
        "See that the server runs and can be reached from here, and that host and port in the URL are right"
    };
    Trouble::at(place, StoreErrorKind::Unavailable, why).with_help(help)
}

fn of_server(place: &str, said: &DbError) -> StoreError {
    use StoreErrorKind::{Busy, Changed, Damaged, Denied, NotFound, Unavailable, Unsupported};
    let code = said.code().code();
    let (kind, help) = match code {
        "28P01" | "28000" => (Denied, "Correct user and password in the URL, or pg_hba.conf on the server"),
        "3D000" => (NotFound, "Correct the database's name in the URL"),
        "42501" => (Denied, "`forfall store grants` prints what each role needs"),
        "42P01" | "42703" | "0A000" => (
            Changed,
            "A table or column is not as it was: look at `forfall store show` and correct the policy",
        ),
        "55P03" => (Busy, "Somebody else holds a lock on the rows or the table: the next run goes on"),
        "57014" => (Busy, "The statement took too long or was cancelled: the next run goes on"),
        "40001" | "40P01" => (Busy, "Others changed the same rows at that moment: the next run goes on"),
        "25006" => (
            Unsupported,
            "This server only reads, as a replica does, or its default_transaction_read_only is on: name one that may write",
        ),
        "53100" | "53200" => (Damaged, "Make room on the server"),
        "53300" => {
            (Unavailable, "The server has no connection left: raise max_connections, or lower `parallel`")
        }
        _ => match code.get(..2) {
            Some("08" | "57") => {
                (Unavailable, "The server was stopped or ended the connection: the next run goes on")
            }
            Some("53") => (Unavailable, "The server lacks a resource: look at its log"),
            Some("58" | "XX") if said.message().starts_with("could not extend file") => {
                (Damaged, "Make room on the server, and look at its log")
            }
            Some("58" | "XX") => (Damaged, "Look at the server's log"),
            Some("23") => (Changed, "The change breaks a constraint: nothing of the batch was done"),
            _ => (Changed, "Nothing of the statement was done: look at the server's log"),
        },
    };
    // What the server says about data and constraints may repeat what a record holds; the names may be told.
    let why = match code.get(..2) {
        Some("22" | "23" | "21" | "P0") => {
            let mut why = format!("{} (SQLSTATE {code})", class(code));
            if let Some(constraint) = said.constraint() {
                why = format!("{why}, constraint `{constraint}`");
            }
            if let Some(table) = said.table() {
                why = format!("{why}, table `{table}`");
            }
            why
        }
        _ => format!("{} (SQLSTATE {code})", said.message()),
    };
    Trouble::at(place, kind, why).with_help(help)
}

fn class(code: &str) -> &'static str {
    match code {
        "23502" => "a column that may not be NULL would become so",
        "23503" => "other rows refer to a record",
        "23505" => "two records would get the same unique value",
        "23514" => "a check would be violated",
        _ if code.starts_with("23") => "a constraint would be violated",
        "22001" => "a value is too long for its column",
        _ if code.starts_with("22") => "a value does not fit its column",
        _ => "a function of the server refused",
    }
}
