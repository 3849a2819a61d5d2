//! `approvers = 2`: several people have to have approved the same thing.

use super::Answer;
use crate::policy::rule::Policy;

/// Whether as many different people as the policy wants gave the approval that is in force.
pub fn judge(given: usize, policy: &Policy) -> Answer {
    if given >= policy.approvers as usize {
        return Answer::Open;
    }
    Answer::Observe(format!(
        "approved by {given} of {} people: somebody else has to look at `forfall plan {id}`, then `forfall approve {id}`",
        policy.approvers,
        id = policy.id
    ))
}
