//! How a hold ends. The rules stand here once, pure, so that the stores cannot differ.

use crate::model::hold::{Hold, HoldKind};
use crate::model::ids::HoldId;
use crate::time::Instant;

/// What came of an order to release a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// It is released; what it covered is kept until then.
    Done(Instant),
    /// There is none with that id.
    Unknown,
    /// It has ended before, at that instant.
    Over(Instant),
    /// The one who put it in force cannot release it too.
    SamePerson,
    /// A restriction is lifted only when the person concerned has been told (GDPR article 18(3)).
    NotTold,
}

/// What the end of holds came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// They ended by themselves since the last look.
    pub by_themselves: Vec<HoldId>,
    /// They keep nothing any more and are forgotten.
    pub forgotten: Vec<HoldId>,
}

/// Why the hold cannot be released now, if it cannot. `same` says that its own author asks.
pub(super) fn refusal(hold: &Hold, now: Instant, same: bool, told: bool) -> Option<Release> {
    if hold.has_ended(now) {
        return hold.end().map(Release::Over);
    }
    if same {
        return Some(Release::SamePerson);
    }
    (hold.kind == HoldKind::Restriction && !told).then_some(Release::NotTold)
}

/// The hold as released at that instant, and until when what it covered is kept.
pub(super) fn released(hold: &Hold, now: Instant) -> (Hold, Release) {
    let hold = Hold { released: Some(now), ..hold.clone() };
    let back = hold.gives_back().unwrap_or(now);
    (hold, Release::Done(back))
}

/// The hold as ended by itself, where its end has passed and was not written down yet.
pub(super) fn ended(hold: &Hold, now: Instant) -> Option<Hold> {
    let end = hold.until.filter(|end| hold.released.is_none() && *end <= now)?;
    Some(Hold { released: Some(end), ..hold.clone() })
}
