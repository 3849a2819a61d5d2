//! Events as they are recorded, changed and withdrawn.

use crate::time::Instant;

/// A recorded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// When it happened.
    pub at: Instant,
}

/// What was known of an event before it was changed or withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// When it was said to have happened.
    pub at: Instant,
    /// When it was first recorded; `None` where a version did that which did not keep this.
    pub recorded: Option<Instant>,
}

impl Earlier {
    /// Nothing was done because of it before this: an event is not recorded much before it happens.
    pub fn since(&self) -> Instant {
        self.recorded.unwrap_or(self.at - crate::model::start::AHEAD)
    }
}

/// An event that no longer counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// What was recorded.
    pub event: EventRecord,
    /// When it was withdrawn.
    pub at: Instant,
    /// Why: a code.
    pub reason: String,
}
