//! Alarms and letters in memory.

use std::collections::BTreeMap;

use super::{MemoryLease, MemoryState};
use crate::model::ids::PolicyId;
use crate::model::notice::Kind;
use crate::state::api::{Actor, Lease, StateError};
use crate::state::outbox::{Alarm, Asked, Attempt, Book, Mark, Outbox, PATIENCE, Post, Posted};
use crate::time::Instant;

/// What is told and what was told.
#[derive(Debug, Default)]
pub(super) struct Desk {
    alarms: BTreeMap<(Kind, String), Alarm>,
    marks: BTreeMap<Mark, Instant>,
    letters: Vec<Posted>,
}

impl Outbox for MemoryState {
    fn book(&self) -> Result<Book, StateError> {
        let desk = self.desk();
        Ok(Book {
            alarms: desk.alarms.values().cloned().collect(),
            marks: desk.marks.iter().map(|(mark, at)| (mark.clone(), *at)).collect(),
        })
    }

    fn post(&self, _now: Instant, post: &Post) -> Result<usize, StateError> {
        let mut desk = self.desk();
        for key in &post.over {
            desk.alarms.remove(key);
        }
        for alarm in &post.alarms {
            desk.alarms.insert((alarm.kind, alarm.subject.clone()), alarm.clone());
        }
        desk.marks.extend(post.marks.iter().cloned());
        let before = desk.letters.len();
        for letter in &post.letters {
            if !desk.letters.iter().any(|known| known.letter.id == letter.id) {
                desk.letters.push(Posted {
                    letter: letter.clone(),
                    attempts: 0,
                    sent: None,
                    next: Some(letter.written),
                    error: None,
                });
            }
        }
        Ok(desk.letters.len() - before)
    }

    fn letters(&self, asked: Asked, now: Instant, limit: usize) -> Result<Vec<Posted>, StateError> {
        let desk = self.desk();
        let is_due = |next: Instant| next <= now || next - now > PATIENCE;
        let mut found: Vec<Posted> = desk
            .letters
            .iter()
            .filter(|posted| match asked {
                Asked::Waiting => posted.next.is_some(),
                Asked::Due => posted.next.is_some_and(is_due),
                Asked::All => true,
            })
            .cloned()
            .collect();
        if asked == Asked::All {
            found.reverse();
        }
        found.truncate(limit);
        Ok(found)
    }

    fn undelivered(&self) -> Result<u64, StateError> {
        let desk = self.desk();
        Ok(desk.letters.iter().filter(|posted| posted.next.is_some() && posted.attempts > 0).count() as u64)
    }

    fn attempted(&self, now: Instant, id: &str, attempt: &Attempt) -> Result<(), StateError> {
        let mut desk = self.desk();
        let Some(posted) = desk.letters.iter_mut().find(|posted| posted.letter.id == id) else {
            return Ok(());
        };
        match attempt {
            Attempt::Delivered => {
                (posted.sent, posted.next, posted.error) = (Some(now), None, None);
            }
            Attempt::Failed { .. } if posted.sent.is_some() => return Ok(()),
            Attempt::Failed { why, again } => {
                (posted.next, posted.error) = (Some(*again), Some(why.clone()));
            }
        }
        posted.attempts += 1;
        Ok(())
    }

    fn hurry(&self, now: Instant, ids: Option<&[String]>) -> Result<usize, StateError> {
        let mut desk = self.desk();
        let wanted = |posted: &&mut Posted| {
            posted.next.is_some() && ids.is_none_or(|ids| ids.contains(&posted.letter.id))
        };
        Ok(desk.letters.iter_mut().filter(wanted).map(|posted| posted.next = Some(now)).count())
    }

    fn acknowledge(&self, now: Instant, by: &Actor, code: &str) -> Result<Option<Alarm>, StateError> {
        let mut desk = self.desk();
        let found = desk.alarms.values_mut().find(|alarm| alarm.code.as_deref() == Some(code));
        Ok(found.map(|alarm| {
            alarm.acknowledged.get_or_insert_with(|| (now, by.clone()));
            alarm.clone()
        }))
    }

    fn forget(&self, before: Instant) -> Result<usize, StateError> {
        let mut desk = self.desk();
        let all = desk.letters.len();
        desk.letters.retain(|posted| posted.sent.is_none_or(|sent| sent >= before));
        Ok(all - desk.letters.len())
    }

    fn delivering(&self) -> Result<Option<Box<dyn Lease>>, StateError> {
        // No policy's id is empty.
        Ok(MemoryLease::take(&PolicyId::new(""), &self.leases).map(|lease| Box::new(lease) as Box<dyn Lease>))
    }
}
