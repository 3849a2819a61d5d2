//! The server's errors as ours: what failed, why, and what to do. Never with a value of a record.

use mysql_async::{Error, ServerError};

use crate::adapter::api::{StoreError, StoreErrorKind};

/// What an error of the driver or the server means.
pub(super) fn translated(place: &str, error: &Error) -> StoreError {
    match error {
        Error::Server(said) => of_server(place, said),
        Error::Io(mysql_async::IoError::Tls(_)) => tls(place, &error.to_string()),
        Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
            tls(place, "the server offers no TLS")
        }
        // MySQL does not say that there is no such user: it asks it for a login by some method, and this may be one of those
        // that went with its older versions.
        Error::Driver(mysql_async::DriverError::UnknownAuthPlugin { name }) => {
            let why = format!("the server asks for a login by `{name}`, which is not among those that forfall knows");
            StoreError::new(StoreErrorKind::Denied, place, why).with_help(
                "Correct user and password in the URL: MySQL also asks so where there is no such user. A user of an older kind \
                 is mended with `ALTER USER .. IDENTIFIED WITH caching_sha2_password BY '..'`",
            )
        }
        Error::Io(_) if error.to_string().contains("certificate") => {
            // The driver wraps the reason twice.
            let why = error.to_string();
            tls(place, why.trim_start_matches("Input/output error: "))
        }
        Error::Io(_) | Error::Driver(_) => StoreError::new(StoreErrorKind::Unavailable, place, error.to_string())
            .with_help("See that the server runs and can be reached from here, and that host and port in the URL are right"),
        // Both may repeat a part of the URL.
        Error::Url(_) => StoreError::new(StoreErrorKind::Unavailable, place, "the URL cannot be used")
            .with_help("Write it as `mysql://user:password@host:port/database`"),
        Error::Other(_) => StoreError::new(StoreErrorKind::Unavailable, place, "the driver gave up")
            .with_help("The next run goes on"),
    }
}

fn tls(place: &str, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, place, why).with_help(
        "Make the server offer TLS with a certificate for this name, name its issuer with `ca`, or write \
         `tls = \"off\"` for a network that you trust",
    )
}

/// Messages about users, names and limits may be told; those about data repeat what a record holds and may not.
fn of_server(place: &str, said: &ServerError) -> StoreError {
    use StoreErrorKind::{Busy, Changed, Damaged, Denied, NotFound, Unavailable, Unsupported};
    let told = |kind, help: &str| {
        let why = format!("{} (error {})", said.message, said.code);
        StoreError::new(kind, place, why).with_help(help)
    };
    let withheld = |why: &str, help: &str| {
        StoreError::new(Changed, place, format!("{why} (error {})", said.code)).with_help(help)
    };
    match said.code {
        // From the machine itself the server prefers its own nameless user to one who may come from anywhere.
        1045 | 1698 if said.message.contains("@'localhost'") => told(
            Denied,
            "Correct user and password in the URL, or create the user on the server. If both are right, the server may still \
             have its user ''@'localhost': drop that one, or make yours as '..'@'localhost'",
        ),
        1045 | 1698 => told(Denied, "Correct user and password in the URL, or create the user on the server"),
        1820 | 1862 => {
            told(Denied, "The password has expired: give the user a new one, and put it into the URL")
        }
        3118 | 4151 => told(Denied, "The user is locked: `ALTER USER .. ACCOUNT UNLOCK` lets it in again"),
        1044 => told(
            Denied,
            "Correct the database's name in the URL, or let the user see it: `GRANT SELECT, REFERENCES ON database.* TO ..`. \
             After that `forfall store grants` prints what else is needed",
        ),
        1142 | 1143 => told(Denied, "`forfall store grants` prints what each user needs"),
        1227 | 1370 => told(Denied, "Grant the permission to the user of the URL"),
        1049 => told(NotFound, "Correct the database's name in the URL"),
        1051 | 1054 | 1146 | 1412 => told(
            Changed,
            "A table or column is not as it was: look at `forfall store show` and correct the policy",
        ),
        1205 | 3572 => {
            told(Busy, "Somebody else holds a lock on the rows or the table: the next run goes on")
        }
        // MariaDB says the first of them since it lets nobody lock what changed after he looked.
        1020 | 1213 => told(Busy, "Others changed the same rows at that moment: the next run goes on"),
        1317 | 1969 | 3024 => {
            told(Busy, "The statement took too long or was cancelled: the next run goes on")
        }
        1290 | 1792 | 1836 => told(
            Unsupported,
            "This server or session only reads, as a replica does: name the primary in the URL",
        ),
        1021 | 1041 | 1114 => told(Damaged, "Make room on the server"),
        1093 => told(
            Unsupported,
            "MySQL deletes from no table that its own condition asks again, as where a record is kept for another one of the \
             same table: leave that condition out, or move the records to MariaDB",
        ),
        1665 => told(Unsupported, "Set binlog_format to MIXED or ROW on the server"),
        3159 => told(
            Unavailable,
            "The server wants its connections protected: write `tls = \"verify\"` for the store, and name the issuer of its \
             certificate with `ca`",
        ),
        1040 | 1203 | 1226 => told(Unavailable, "The server has no connection left: raise max_connections"),
        1053 | 1077 | 1079 | 1152 | 1927 | 3169 | 4031 => {
            told(Unavailable, "The server was stopped or ended the connection: the next run goes on")
        }
        1062 => withheld("two records would get the same unique value", NOTHING_DONE),
        1048 => withheld("a column that may not be NULL would become so", NOTHING_DONE),
        1451 | 1452 => withheld(
            "other rows refer to a record",
            "Name their table with `[[data.with]]`, or let a policy dispose of it first",
        ),
        3819 | 4025 => withheld("a check would be violated", NOTHING_DONE),
        3140 | 3141 => withheld("what is no JSON would stand in a column for JSON", NOTHING_DONE),
        _ => withheld(&format!("the server refused, SQLSTATE {}", said.state), "Look at the server's log"),
    }
}

const NOTHING_DONE: &str = "The change breaks a constraint: nothing of the batch was done";

#[cfg(test)]
mod tests {
    use super::*;

    /// What MySQL and newer servers of MariaDB say.
    #[test]
    fn what_other_servers_say_comes_with_what_to_do() {
        for (code, kind, part) in [
            (1020, StoreErrorKind::Busy, "the next run goes on"),
            (1093, StoreErrorKind::Unsupported, "leave that condition out"),
            (1820, StoreErrorKind::Denied, "The password has expired"),
            (3118, StoreErrorKind::Denied, "ACCOUNT UNLOCK"),
            (3140, StoreErrorKind::Changed, "nothing of the batch was done"),
            (3159, StoreErrorKind::Unavailable, "`tls = \"verify\"`"),
            (3169, StoreErrorKind::Unavailable, "the next run goes on"),
            (4031, StoreErrorKind::Unavailable, "the next run goes on"),
        ] {
            let said = ServerError { code, message: "what it says".to_owned(), state: "HY000".to_owned() };
            let error = translated("store box", &Error::Server(said));
            assert_eq!(error.kind, kind, "{error}");
            let told = error.to_string();
            assert!(told.contains(part), "{told}");
            assert_eq!(told.contains("what it says"), code != 3140, "values are not repeated: {told}");
        }
    }
}
