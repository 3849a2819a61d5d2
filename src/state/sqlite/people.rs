//! The names behind the log's pseudonyms, and the small facts that the state is made with.

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::failure::{Failure, damaged};
use crate::state::api::Actor;
use crate::state::notes;

/// A fact laid down when the state was created.
pub(super) fn meta<T: FromSql>(connection: &Connection, name: &str) -> Result<Option<T>, Failure> {
    let mut query = connection.prepare_cached("SELECT value FROM meta WHERE name = ?")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?)
}

/// What stands for this person in the log. The name is kept here when it is first used.
pub(super) fn pseudonym(tx: &Transaction<'_>, actor: &Actor) -> Result<String, Failure> {
    let secret: Option<[u8; 32]> = meta(tx, "secret")?;
    let secret = secret.ok_or_else(|| damaged("the secret of the pseudonyms", "it is missing"))?;
    let pseudonym = notes::pseudonym(&secret, actor);
    tx.prepare_cached("INSERT INTO actor (pseudonym, name) VALUES (?, ?) ON CONFLICT DO NOTHING")?
        .execute(params![pseudonym, actor.0])?;
    Ok(pseudonym)
}

/// The name behind a pseudonym.
pub(super) fn name(connection: &Connection, pseudonym: &str) -> Result<Option<Actor>, Failure> {
    let mut query = connection.prepare_cached("SELECT name FROM actor WHERE pseudonym = ?")?;
    Ok(query.query_row([pseudonym], |row| row.get(0).map(Actor)).optional()?)
}
