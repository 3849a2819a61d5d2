//! The versions of the state file: numbered SQL files, applied forward and never back.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::failure::Failure;
use crate::state::api::StateError;

/// What each version adds to the one before; the first makes version 1.
const MIGRATIONS: [&str; 7] = [
    include_str!("../migrations/0001_begin.sql"),
    include_str!("../migrations/0002_keys.sql"),
    include_str!("../migrations/0003_outbox.sql"),
    include_str!("../migrations/0004_reviews.sql"),
    include_str!("../migrations/0005_events.sql"),
    include_str!("../migrations/0006_holds.sql"),
    include_str!("../migrations/0007_unsettled.sql"),
];

/// The version that this program reads and writes.
const NEWEST: i64 = 7;

/// `forf` in ASCII: how a state file is recognised, so that no store is opened as one, nor one as a store.
pub const APPLICATION_ID: i32 = 0x666f_7266;

/// Refuses a database that is not ours or that a newer program has written. Changes nothing.
pub(super) fn inspect(connection: &Connection, path: &Path) -> Result<(), Failure> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(Failure::State(StateError::Broken {
            what: format!("{} is a database, but not a state file of forfall", path.display()),
            why: "it does not carry our mark".to_owned(),
        }));
    }
    if found > NEWEST {
        return Err(StateError::Newer { path: path.display().to_string(), found, known: NEWEST }.into());
    }
    Ok(())
}

/// Brings the file to the newest version, one transaction for each step.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Failure> {
    migrate_to(connection, NEWEST)
}

fn migrate_to(connection: &mut Connection, newest: i64) -> Result<(), Failure> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let missing = (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > found && *version <= newest);
    for (version, sql) in missing {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_older_version_becomes_the_newest() {
        let schema = |connection: &Connection| -> Vec<String> {
            let mut query =
                connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1").unwrap();
            query.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let mut fresh = Connection::open_in_memory().unwrap();
        migrate(&mut fresh).unwrap();
        for older in 0..=NEWEST {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate_to(&mut connection, older).unwrap();
            inspect(&connection, Path::new("x")).unwrap();
            migrate(&mut connection).unwrap();
            assert_eq!(schema(&connection), schema(&fresh), "from version {older}");
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            assert_eq!(version, NEWEST);
        }
    }

    #[test]
    fn each_version_has_its_step() {
        assert_eq!(i64::try_from(MIGRATIONS.len()), Ok(NEWEST));
    }

    #[test]
    fn a_newer_file_and_a_foreign_database_are_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", 1_000).unwrap();
        let error = inspect(&connection, Path::new("x")).unwrap_err();
        assert!(matches!(error, Failure::State(StateError::Newer { found: 1_000, .. })));

        let foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE call_log (id INTEGER PRIMARY KEY)").unwrap();
        assert!(matches!(inspect(&foreign, Path::new("x")), Err(Failure::State(StateError::Broken { .. }))));
    }
}
