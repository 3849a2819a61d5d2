//! Since when records wait for their start or are undetermined. They have no date of their own, so what counts is when
//! they were first seen so: each by a mark, a keyed digest that says nothing of the record, and only for as long as it
//! is so.

use std::collections::HashSet;

use super::api::StateError;
use crate::audit::commitment;
use crate::model::ids::{PolicyId, StoreName};
use crate::model::key::Key;
use crate::time::Instant;

/// How many records of one place are followed.
pub const FOLLOWED: usize = 100_000;

/// What stands for a record.
pub type Mark = [u8; 16];

/// Why a record has no start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsettled {
    /// Its start has not happened.
    Waiting,
    /// Its start or class cannot be known.
    Undetermined,
}

impl Unsettled {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Waiting, Self::Undetermined];

    /// The word in JSON and in the state.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Undetermined => "undetermined",
        }
    }
}

/// Where records are followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Under this policy.
    pub policy: PolicyId,
    /// In this store.
    pub store: StoreName,
    /// In this collection.
    pub collection: String,
    /// For this reason.
    pub why: Unsettled,
}

/// What is known of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Which.
    pub place: Place,
    /// When it was last looked at.
    pub looked: Instant,
    /// How many records were first seen when, the oldest first.
    pub since: Vec<(Instant, u64)>,
    /// Records that are not followed: there are too many.
    pub beyond: u64,
}

/// A look at one place. Records are shown to it one by one.
#[derive(Debug)]
pub struct Look {
    place: Place,
    secret: [u8; 32],
    /// Known before, and not seen yet.
    unseen: HashSet<Mark>,
    /// Seen: known before, or new.
    seen: HashSet<Mark>,
    new: Vec<Mark>,
    beyond: u64,
}

/// What a look changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// They are so no longer.
    pub gone: Vec<Mark>,
    /// They are so since now.
    pub new: Vec<Mark>,
    /// They are so, and are not followed.
    pub beyond: u64,
}

impl Look {
    /// Begins one, with what is known of the place.
    pub fn new(place: Place, secret: [u8; 32], known: HashSet<Mark>) -> Self {
        Self { place, secret, unseen: known, seen: HashSet::new(), new: Vec::new(), beyond: 0 }
    }

    /// The place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// This record is there.
    pub fn see(&mut self, key: &Key) {
        let mark = commitment::mark(&self.secret, &self.place.store, &self.place.collection, key);
        if self.unseen.remove(&mark) {
            self.seen.insert(mark);
        } else if self.seen.contains(&mark) {
            // Two bindings of one collection may show it twice.
        } else if self.seen.len() + self.unseen.len() < FOLLOWED {
            self.seen.insert(mark);
            self.new.push(mark);
        } else {
            self.beyond += 1;
        }
    }

    /// So many more are there that nobody looked at.
    pub fn pass(&mut self, more: u64) {
        self.beyond += more;
    }

    /// What has changed. Unless all of the place could be read, nothing counts as gone: absence is not evidence.
    pub fn end(self, whole: bool) -> Seen {
        let gone = if whole { self.unseen.into_iter().collect() } else { Vec::new() };
        Seen { gone, new: self.new, beyond: self.beyond }
    }
}

/// Where it is remembered.
pub trait UnsettledBook {
    /// Begins a look at a place.
    fn look_at(&self, place: &Place) -> Result<Look, StateError>;

    /// Keeps what it found: new marks count from `now`.
    fn keep_seen(&self, now: Instant, place: &Place, seen: &Seen) -> Result<(), StateError>;

    /// What is known under a policy, in the order of places.
    fn followed(&self, policy: &PolicyId) -> Result<Vec<Followed>, StateError>;

    /// Forgets all under a policy but these places.
    fn follow_only(&self, policy: &PolicyId, places: &[Place]) -> Result<(), StateError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        let (policy, store) = (PolicyId::new("applicants"), StoreName::new("hr"));
        Place { policy, store, collection: "applicant".to_owned(), why: Unsettled::Waiting }
    }

    fn look(known: &[Mark]) -> Look {
        Look::new(place(), [7; 32], known.iter().copied().collect())
    }

    fn mark(key: i64) -> Mark {
        commitment::mark(&[7; 32], &StoreName::new("hr"), "applicant", &Key::from_int(key))
    }

    #[test]
    fn what_is_new_and_what_is_gone() {
        let mut one = look(&[mark(1), mark(2)]);
        for key in [2, 3, 3] {
            one.see(&Key::from_int(key));
        }
        assert_eq!(one.end(true), Seen { gone: vec![mark(1)], new: vec![mark(3)], beyond: 0 });
    }

    #[test]
    fn a_place_that_was_read_in_part_has_lost_nothing() {
        let mut part = look(&[mark(1), mark(2)]);
        part.see(&Key::from_int(3));
        assert_eq!(part.end(false), Seen { gone: Vec::new(), new: vec![mark(3)], beyond: 0 });
    }

    #[test]
    fn those_that_are_followed_stay_followed_when_there_are_too_many() {
        let known: Vec<Mark> = (0..i64::try_from(FOLLOWED).unwrap() - 1).map(mark).collect();
        let mut many = look(&known);
        // A new one takes the last free place even though it is shown first.
        for key in [-1, -2, 0] {
            many.see(&Key::from_int(key));
        }
        many.pass(5);
        let seen = many.end(false);
        assert_eq!((seen.new, seen.beyond), (vec![mark(-1)], 6));
    }
}
