//! What is said of a record that a person has to decide over.

use crate::cli::output::Tone;
use crate::cli::phrase;
use crate::engine::review::InCase;
use crate::model::review::{CaseState, Verdict as Answer};
use crate::policy::decide::{Decision, Verdict};
use crate::policy::rule::Policy;

/// The answer in one sentence, where somebody has decided.
pub(super) fn verdict(policy: &Policy, review: &InCase, told: &Decision) -> Option<(Tone, String)> {
    let decided = review.decided().filter(|_| matches!(told.verdict, Verdict::Escalated(_)))?;
    let local = |at| phrase::local_named(at, policy.zone);
    Some(match decided.verdict {
        Answer::Delete => {
            (Tone::Strong, format!("Decided: deletion, with a run from {} on.", local(decided.effective)))
        }
        Answer::Transfer if decided.receipt.is_some() => {
            (Tone::Strong, format!("Handed over: deletion, with a run from {} on.", local(decided.effective)))
        }
        Answer::Transfer => (Tone::Warning, "Kept until the archive's receipt is entered.".to_owned()),
        Answer::Preserve => (Tone::Good, "Kept for ever: that was decided.".to_owned()),
        Answer::Extend => {
            let until = decided.until.map_or(String::new(), |until| format!(" until {}", local(until)));
            (Tone::Good, format!("Kept{until}: that was decided."))
        }
    })
}

/// The case, how far it has come, and by when something is to happen.
pub(super) fn line(policy: &Policy, review: &InCase) -> String {
    let (id, local) = (review.case.id, |at| phrase::local(at, policy.zone));
    let part = review.part.as_ref().map_or(String::new(), |part| format!(" (part {})", part.number));
    if let Some(decided) = review.decided() {
        let until = decided.until.map_or(String::new(), |until| format!(" until {}", local(until)));
        return format!(
            "{id}{part}: decided on {}: {}{until} ({})",
            local(decided.at),
            decided.verdict.word(),
            decided.reason
        );
    }
    let deadline = review
        .case
        .waiting
        .deadline
        .map_or(String::new(), |at| format!(", a decision is wanted by {}", local(at)));
    let proposed = review.part.is_some() || review.case.state == CaseState::Proposed;
    let state = if proposed { "proposed; another person has to decide the same" } else { "open" };
    let counted = if review.counted { "" } else { ". The next run counts this record among its own" };
    format!("{id}{part}: {state}{deadline}{counted}")
}
