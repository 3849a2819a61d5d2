//! What the execution of a stage comes to, batch after batch.

use std::collections::BTreeMap;

use super::Halt;
use crate::adapter::api::LastLook;
use crate::model::batch::Applied;
use crate::model::ids::StoreName;
use crate::state::api::{News, PauseScope};

/// What a stage's execution came to.
#[derive(Debug, Default)]
pub struct Executed {
    /// Records on which the action was carried out.
    pub done: u64,
    /// Records left alone: changed or held meanwhile.
    pub skipped: u64,
    /// Records that could not be dealt with.
    pub failed: u64,
    /// Why it did not get to the end: the run is incomplete.
    pub incomplete: Vec<String>,
    /// It was paused.
    pub paused: Option<PauseScope>,
    /// The policy's window has closed.
    pub closed: Option<String>,
    /// This came that the job was made without: with a new job it can go on.
    pub outdated: Option<News>,
    /// A batch was taken back because something that belongs to its records is held: nothing failed, and nothing of
    /// it is in the counts.
    pub held_along: Option<String>,
    /// Links that lie where the collection reaches, and were left.
    pub links: u64,
    /// What went along, by store and collection.
    pub along: Gone,
    /// The last look and what it counted, if there was one: what is left is nothing, and that is known.
    pub looked: Option<Looked>,
    /// What an operator should know of how it went: each a sentence.
    pub remarks: Vec<String>,
}

/// A last look, and what it counted in each set.
pub type Looked = (LastLook, Vec<u64>);

/// How much went, by store and collection.
pub type Gone = BTreeMap<(StoreName, String), u64>;

/// Why no further batch follows.
pub(super) enum Ending {
    Paused(PauseScope),
    HeldAlong(String),
    Outdated(News),
    GivenUp(String),
}

impl Executed {
    /// No further batch may begin.
    pub(in crate::engine) fn halted(&mut self, halt: Halt) {
        match halt {
            Halt::Closed(why) => self.closed = Some(why),
            Halt::Outdated(why) => self.incomplete.push(why),
        }
    }

    /// Why it is not carried on.
    pub(super) fn ended(&mut self, ending: Ending) {
        match ending {
            Ending::Paused(scope) => self.paused = Some(scope),
            Ending::HeldAlong(reason) => self.held_along = Some(reason),
            Ending::Outdated(news) => self.outdated = Some(news),
            Ending::GivenUp(reason) => self.incomplete.push(reason),
        }
    }

    /// Adds what a further round of the same stage came to.
    pub fn go_on(&mut self, next: Self) {
        self.done += next.done;
        self.skipped += next.skipped;
        self.failed += next.failed;
        self.links += next.links;
        for (place, count) in next.along {
            *self.along.entry(place).or_default() += count;
        }
        self.incomplete.extend(next.incomplete);
        self.remarks.extend(next.remarks);
        self.looked = next.looked;
        self.paused = next.paused;
        self.closed = next.closed;
        self.held_along = next.held_along;
        self.outdated = next.outdated;
    }

    pub(super) fn add(&mut self, applied: &Applied, store: &StoreName, along: Vec<(String, u64)>) {
        for (collection, count) in along {
            *self.along.entry((store.clone(), collection)).or_default() += count;
        }
        self.done += applied.done;
        self.skipped += applied.skipped.len() as u64;
        self.failed += applied.failed.len() as u64;
        if let Some(first) = applied.failed.first() {
            self.incomplete.push(format!(
                "{} records of a batch failed: {}",
                applied.failed.len(),
                first.reason
            ));
        }
    }
}
