//! Records without a start, in the state file: marks of them, and since when.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::{Failure, damaged};
use super::log::Ledger;
use super::values::{instant, micros, signed, unsigned};
use super::{PATIENCE, SqliteState, people};
use crate::model::ids::{PolicyId, StoreName};
use crate::state::api::StateError;
use crate::state::unsettled::{Followed, Look, Place, Seen, Unsettled, UnsettledBook};
use crate::time::Instant;

impl UnsettledBook for SqliteState {
    fn look_at(&self, place: &Place) -> Result<Look, StateError> {
        self.read(|db| {
            let secret: Option<[u8; 32]> = people::meta(db, "secret")?;
            let secret = secret.ok_or_else(|| damaged("the secret of the pseudonyms", "it is missing"))?;
            let known = match number(db, place)? {
                None => HashSet::new(),
                Some(number) => {
                    let mut query = db.prepare_cached("SELECT mark FROM unsettled WHERE place = ?")?;
                    query.query_map([number], |row| row.get(0))?.collect::<Result<_, _>>()?
                }
            };
            Ok(Look::new(place.clone(), secret, known))
        })
    }

    fn keep_seen(&self, now: Instant, place: &Place, seen: &Seen) -> Result<(), StateError> {
        self.write_beside(now, PATIENCE, |ledger| keep(ledger, place, seen))
    }

    fn followed(&self, policy: &PolicyId) -> Result<Vec<Followed>, StateError> {
        self.read(|db| followed(db, policy))
    }

    fn follow_only(&self, policy: &PolicyId, places: &[Place]) -> Result<(), StateError> {
        let others = |known: &Followed| !places.contains(&known.place);
        let gone: Vec<Place> =
            self.followed(policy)?.into_iter().filter(others).map(|known| known.place).collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.write_beside(crate::time::Instant::UNIX_EPOCH, PATIENCE, |ledger| {
            for place in &gone {
                if let Some(number) = number(ledger.tx, place)? {
                    ledger.tx.execute("DELETE FROM unsettled WHERE place = ?", [number])?;
                    ledger.tx.execute("DELETE FROM unsettled_place WHERE number = ?", [number])?;
                }
            }
            Ok(())
        })
    }
}

fn number(connection: &Connection, place: &Place) -> Result<Option<i64>, Failure> {
    let mut query = connection.prepare_cached(
        "SELECT number FROM unsettled_place WHERE policy = ? AND store = ? AND collection = ? AND why = ?",
    )?;
    let names = params![place.policy.as_str(), place.store.as_str(), place.collection, place.why.word()];
    Ok(query.query_row(names, |row| row.get(0)).optional()?)
}

fn keep(ledger: &Ledger<'_>, place: &Place, seen: &Seen) -> Result<(), Failure> {
    let now = micros(ledger.now);
    ledger.tx.execute(
        "INSERT INTO unsettled_place (policy, store, collection, why, looked, beyond) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (policy, store, collection, why) DO UPDATE SET looked = excluded.looked, beyond = excluded.beyond",
        params![
            place.policy.as_str(),
            place.store.as_str(),
            place.collection,
            place.why.word(),
            now,
            signed(seen.beyond)
        ],
    )?;
    let number = number(ledger.tx, place)?;
    let mut forget = ledger.tx.prepare_cached("DELETE FROM unsettled WHERE place = ? AND mark = ?")?;
    for mark in &seen.gone {
        forget.execute(params![number, mark.as_slice()])?;
    }
    let mut follow = ledger.tx.prepare_cached(
        "INSERT INTO unsettled (place, mark, first) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    )?;
    for mark in &seen.new {
        follow.execute(params![number, mark.as_slice(), now])?;
    }
    Ok(())
}

fn followed(connection: &Connection, policy: &PolicyId) -> Result<Vec<Followed>, Failure> {
    let mut places = connection.prepare_cached(
        "SELECT number, store, collection, why, looked, beyond FROM unsettled_place WHERE policy = ? \
         ORDER BY store, collection, why DESC",
    )?;
    let mut count = connection.prepare_cached(
        "SELECT first, count(*) FROM unsettled WHERE place = ? GROUP BY first ORDER BY first",
    )?;
    let mut rows = places.query([policy.as_str()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, store, word): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let why = Unsettled::ALL.into_iter().find(|why| why.word() == word);
        let why = why.ok_or_else(|| damaged("a followed place", "its reason is not known"))?;
        let place =
            Place { policy: policy.clone(), store: StoreName::new(store), collection: row.get(2)?, why };
        let mut since = Vec::new();
        let mut firsts = count.query([number])?;
        while let Some(first) = firsts.next()? {
            since.push((instant(first.get(0)?)?, unsigned(first.get(1)?)?));
        }
        all.push(Followed { place, looked: instant(row.get(4)?)?, since, beyond: unsigned(row.get(5)?)? });
    }
    Ok(all)
}
