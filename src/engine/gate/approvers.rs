//! `approvers = 2`: several people have to have approved the same thing, its author not among them.

use super::Answer;
use crate::engine::approvers::Approvers;
use crate::policy::rule::Policy;
use crate::state::api::Approval;

/// Whether as many different people as are asked gave the approval that is in force.
pub fn judge(given: &Approvers, policy: &Policy, approval: &Approval) -> Answer {
    let asked = policy.approvers.max(approval.asked);
    let count = given.count(asked);
    if count >= asked as usize {
        return Answer::Open;
    }
    let author = if given.author_is_left_out(asked) { " (its author is none of them)" } else { "" };
    Answer::Observe(format!(
        "approved by {count} of {asked} people{author}: somebody else has to look at `forfall plan {id}`, then `forfall \
         approve {id}`",
        id = policy.id
    ))
}
