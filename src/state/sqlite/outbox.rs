//! Alarms and letters in the state file.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, Transaction, params, params_from_iter};

use super::failure::{Failure, damaged};
use super::values::{instant, micros, signed};
use super::{FileLease, PATIENCE, SqliteState};
use crate::model::ids::PolicyId;
use crate::model::notice::Kind;
use crate::state::api::{Actor, Lease, StateError};
use crate::state::outbox::{
    self, Alarm, Asked, Attempt, Book, Channel, Letter, Mark, Outbox, Post, Posted, Recipient,
};
use crate::time::Instant;

impl Outbox for SqliteState {
    fn book(&self) -> Result<Book, StateError> {
        self.read(|db| Ok(Book { alarms: alarms(db)?, marks: marks(db)? }))
    }

    fn post(&self, now: Instant, post: &Post) -> Result<usize, StateError> {
        self.write_beside(now, PATIENCE, |ledger| keep(ledger.tx, post))
    }

    fn letters(&self, asked: Asked, now: Instant, limit: usize) -> Result<Vec<Posted>, StateError> {
        self.read(|db| letters(db, asked, now, limit))
    }

    fn undelivered(&self) -> Result<u64, StateError> {
        self.read(|db| {
            let sql = "SELECT count(*) FROM letter WHERE next IS NOT NULL AND attempts > 0";
            let count: i64 = db.prepare_cached(sql)?.query_row((), |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }

    fn attempted(&self, now: Instant, id: &str, attempt: &Attempt) -> Result<(), StateError> {
        self.write_beside(now, PATIENCE, |ledger| {
            match attempt {
                Attempt::Delivered => ledger
                    .tx
                    .prepare_cached(
                        "UPDATE letter SET attempts = attempts + 1, next = NULL, error = NULL, sent = ? WHERE id = ?",
                    )?
                    .execute(params![micros(now), id])?,
                Attempt::Failed { why, again } => ledger
                    .tx
                    .prepare_cached(
                        "UPDATE letter SET attempts = attempts + 1, next = ?, error = ? WHERE id = ? AND sent IS NULL",
                    )?
                    .execute(params![micros(*again), why, id])?,
            };
            Ok(())
        })
    }

    fn hurry(&self, now: Instant, ids: Option<&[String]>) -> Result<usize, StateError> {
        self.write_beside(now, PATIENCE, |ledger| {
            let Some(ids) = ids else {
                let all = "UPDATE letter SET next = ? WHERE next IS NOT NULL";
                return Ok(ledger.tx.prepare_cached(all)?.execute([micros(now)])?);
            };
            let mut one =
                ledger.tx.prepare_cached("UPDATE letter SET next = ? WHERE id = ? AND next IS NOT NULL")?;
            ids.iter().try_fold(0, |sum, id| Ok(sum + one.execute(params![micros(now), id])?))
        })
    }

    fn acknowledge(&self, now: Instant, by: &Actor, code: &str) -> Result<Option<Alarm>, StateError> {
        self.write_beside(now, PATIENCE, |ledger| {
            let found = alarms(ledger.tx)?.into_iter().find(|alarm| alarm.code.as_deref() == Some(code));
            let Some(mut alarm) = found else { return Ok(None) };
            if alarm.acknowledged.is_none() {
                alarm.acknowledged = Some((now, by.clone()));
                put_alarm(ledger.tx, &alarm)?;
            }
            Ok(Some(alarm))
        })
    }

    fn forget(&self, before: Instant) -> Result<usize, StateError> {
        self.write_beside(before, PATIENCE, |ledger| {
            Ok(ledger.tx.prepare_cached("DELETE FROM letter WHERE sent < ?")?.execute([micros(before)])?)
        })
    }

    fn delivering(&self) -> Result<Option<Box<dyn Lease>>, StateError> {
        let file = self.layout.lock_delivery()?;
        Ok(file.map(|file| Box::new(FileLease(file)) as Box<dyn Lease>))
    }
}

fn keep(tx: &Transaction<'_>, post: &Post) -> Result<usize, Failure> {
    for (kind, subject) in &post.over {
        tx.prepare_cached("DELETE FROM alarm WHERE kind = ? AND subject = ?")?
            .execute(params![kind.word(), subject])?;
    }
    for alarm in &post.alarms {
        put_alarm(tx, alarm)?;
    }
    for (Mark(name), at) in &post.marks {
        tx.prepare_cached(
            "INSERT INTO notice_mark (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at",
        )?
        .execute(params![name, micros(*at)])?;
    }
    let mut insert = tx.prepare_cached(
        "INSERT INTO letter (id, kind, policy, channel, address, written, subject, body, payload, next) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )?;
    post.letters.iter().try_fold(0, |new, letter| {
        let written = micros(letter.written);
        Ok(new
            + insert.execute(params![
                letter.id,
                letter.kind.word(),
                letter.policy.as_ref().map(PolicyId::as_str),
                letter.to.channel.word(),
                letter.to.address,
                written,
                letter.subject,
                letter.body,
                letter.payload,
                written,
            ])?)
    })
}

fn put_alarm(tx: &Transaction<'_>, alarm: &Alarm) -> Result<(), Failure> {
    let acknowledged = alarm.acknowledged.as_ref();
    tx.prepare_cached(
        "INSERT OR REPLACE INTO alarm (kind, subject, level, since, told, code, acknowledged, acknowledged_by) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        alarm.kind.word(),
        alarm.subject,
        alarm.level,
        micros(alarm.since),
        micros(alarm.told),
        alarm.code,
        acknowledged.map(|(at, _)| micros(*at)),
        acknowledged.map(|(_, by)| &by.0),
    ])?;
    Ok(())
}

fn alarms(db: &Connection) -> Result<Vec<Alarm>, Failure> {
    let mut query = db.prepare_cached(
        "SELECT kind, subject, level, since, told, code, acknowledged, acknowledged_by FROM alarm \
         ORDER BY kind, subject",
    )?;
    let mut rows = query.query(())?;
    let mut alarms = Vec::new();
    while let Some(row) = rows.next()? {
        let acknowledged: (Option<i64>, Option<String>) = (row.get(6)?, row.get(7)?);
        alarms.push(Alarm {
            kind: kind(&row.get::<_, String>(0)?)?,
            subject: row.get(1)?,
            level: row.get(2)?,
            since: instant(row.get(3)?)?,
            told: instant(row.get(4)?)?,
            code: row.get(5)?,
            acknowledged: match acknowledged {
                (Some(at), by) => Some((instant(at)?, Actor(by.unwrap_or_default()))),
                (None, _) => None,
            },
        });
    }
    Ok(alarms)
}

fn marks(db: &Connection) -> Result<Vec<(Mark, Instant)>, Failure> {
    let mut query = db.prepare_cached("SELECT name, at FROM notice_mark ORDER BY name")?;
    let mut rows = query.query(())?;
    let mut marks = Vec::new();
    while let Some(row) = rows.next()? {
        marks.push((Mark(row.get(0)?), instant(row.get(1)?)?));
    }
    Ok(marks)
}

fn letters(db: &Connection, asked: Asked, now: Instant, limit: usize) -> Result<Vec<Posted>, Failure> {
    const COLUMNS: &str = "SELECT id, kind, policy, channel, address, written, subject, body, payload, attempts, \
                           next, sent, error FROM letter";
    let (rest, mut values) = match asked {
        Asked::Waiting => ("WHERE next IS NOT NULL ORDER BY seq", Vec::new()),
        Asked::Due => {
            let far = now.checked_add_signed(outbox::PATIENCE).unwrap_or(Instant::MAX_UTC);
            ("WHERE next <= ? OR next > ? ORDER BY seq", vec![micros(now), micros(far)])
        }
        Asked::All => ("ORDER BY seq DESC", Vec::new()),
    };
    values.push(signed(limit as u64));
    let mut query = db.prepare_cached(&format!("{COLUMNS} {rest} LIMIT ?"))?;
    let mut rows = query.query(params_from_iter(values.into_iter().map(Value::from)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(posted(row)?);
    }
    Ok(found)
}

fn posted(row: &Row<'_>) -> Result<Posted, Failure> {
    let optional = |at: Option<i64>| at.map(instant).transpose();
    let policy: Option<String> = row.get(2)?;
    let channel: String = row.get(3)?;
    let channel = Channel::WORDS.iter().find(|(word, _)| *word == channel).map(|(_, channel)| *channel);
    Ok(Posted {
        letter: Letter {
            id: row.get(0)?,
            kind: kind(&row.get::<_, String>(1)?)?,
            policy: policy.map(PolicyId::new),
            to: Recipient {
                channel: channel.ok_or_else(|| damaged("a letter", "nobody knows how it is delivered"))?,
                address: row.get(4)?,
            },
            written: instant(row.get(5)?)?,
            subject: row.get(6)?,
            body: row.get(7)?,
            payload: row.get(8)?,
        },
        attempts: row.get(9)?,
        next: optional(row.get(10)?)?,
        sent: optional(row.get(11)?)?,
        error: row.get(12)?,
    })
}

fn kind(word: &str) -> Result<Kind, StateError> {
    let found = Kind::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind);
    found.ok_or_else(|| damaged("a notice", "it is of no kind that is known"))
}
