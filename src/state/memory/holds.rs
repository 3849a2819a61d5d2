//! Holds in memory.

use chrono::NaiveDate;

use super::remembered::{Remembered, SECRET};
use crate::model::hold::Hold;
use crate::model::ids::HoldId;
use crate::state::api::{Actor, Ended, Release, StateError};
use crate::state::hold;
use crate::state::notes::{self, Covered};
use crate::time::Instant;

impl Remembered {
    pub(super) fn add_hold(&mut self, by: &Actor, hold: &Hold) -> Result<(), StateError> {
        if self.holds.iter().any(|(known, ..)| known.id == hold.id) {
            return Err(StateError::Broken {
                what: format!("hold {} cannot be added", hold.id),
                why: "there is one with that id".to_owned(),
            });
        }
        let by = self.pseudonym(by);
        let covered = Covered::of(hold, &SECRET);
        self.append(hold.since, notes::hold(hold, "add", Some(by.clone()), covered.clone()));
        self.holds.push((hold.clone(), covered, by));
        Ok(())
    }

    pub(super) fn release_hold(&mut self, now: Instant, by: &Actor, id: &HoldId, told: bool) -> Release {
        let by = self.pseudonym(by);
        let Some((hold, covered, author)) = self.holds.iter_mut().find(|(known, ..)| known.id == *id) else {
            return Release::Unknown;
        };
        if let Some(refusal) = hold::refusal(hold, now, *author == by, told) {
            return refusal;
        }
        let (released, done) = hold::released(hold, now);
        *hold = released.clone();
        let covered = covered.clone();
        self.append(now, notes::hold(&released, "release", Some(by), covered));
        done
    }

    pub(super) fn review_hold(&mut self, now: Instant, by: &Actor, id: &HoldId, next: NaiveDate) -> bool {
        let by = self.pseudonym(by);
        let found = self.holds.iter_mut().find(|(known, ..)| known.id == *id && !known.has_ended(now));
        let Some((hold, covered, _)) = found else { return false };
        hold.review = Some(next);
        let note = notes::hold(hold, "review", Some(by), covered.clone());
        self.append(now, note);
        true
    }

    pub(super) fn end_holds(&mut self, now: Instant) -> Ended {
        let mut ended = Ended::default();
        let mut left = Vec::new();
        for (mut hold, covered, by) in std::mem::take(&mut self.holds) {
            if let Some(over) = hold::ended(&hold, now) {
                hold = over;
                self.append(now, notes::hold(&hold, "end", None, covered.clone()));
                ended.by_themselves.push(hold.id);
            }
            if hold.keeps(now) {
                left.push((hold, covered, by));
            } else {
                ended.forgotten.push(hold.id);
            }
        }
        self.holds = left;
        ended
    }
}
