//! Approve first, then act (DESIGN 5.4): an approval binds to the policy's text, the stores' identities and the
//! collections' schemas. A harmless edit keeps it; anything that could make more records due does not.

use crate::model::ids::StoreName;
use crate::model::schema::Identity;
use crate::policy::change::{self, Edit};
use crate::policy::rule::{Data, Policy};
use crate::state::api::Approval;

use super::Answer;

/// Whether the approval covers this `[[data]]` of the policy as it is now. `before` is the policy that was approved,
/// read again; `None` if its text cannot be read any more.
pub fn judge(
    approval: Option<&Approval>,
    before: Option<&Policy>,
    policy: &Policy,
    data: &Data,
    identity: &Identity,
    fingerprint: &str,
) -> Answer {
    let Some(approval) = approval else {
        return Answer::Observe(format!(
            "not approved yet: look at `forfall plan {0}`, then `forfall approve {0}`",
            policy.id
        ));
    };
    if let Some(cancelled) = &approval.cancelled {
        return Answer::Observe(format!(
            "its approval was cancelled ({}), and none that was given before comes back: look at `forfall plan {1}`, then \
             `forfall approve {1}`",
            cancelled.reason, policy.id
        ));
    }
    if let Some(before) = before
        && before.footing() != approval.footing
    {
        return Answer::Stop(format!(
            "the configuration changed after the approval (it was given for {}; now {}): approve again",
            approval.footing,
            before.footing()
        ));
    }
    if approval.hash != policy.hash {
        match before.map(|before| change::compare(before, policy)) {
            Some(Edit::Same | Edit::Harmless(_)) => {}
            Some(Edit::Dangerous(reasons)) => {
                return Answer::Stop(format!(
                    "the policy was changed after its approval ({}): approve it again",
                    reasons.join("; ")
                ));
            }
            None => {
                return Answer::Stop(
                    "the policy was changed after its approval, and the approved text cannot be read any more: \
                     approve it again"
                        .to_owned(),
                );
            }
        }
    }
    let same = same_store(approval, &data.target.store, identity);
    if same != Answer::Open {
        return same;
    }
    if approval.fingerprints.get(data.index).map(String::as_str) != Some(fingerprint) {
        return Answer::Stop(format!(
            "the columns, keys or triggers of {} in store {} changed after the approval: look at `forfall store \
             show {1}`, then approve again",
            data.target.collection, data.target.store
        ));
    }
    Answer::Open
}

/// Whether a store is the one that the approval saw under this name: a record's own, or one where something belongs
/// to it.
pub fn same_store(approval: &Approval, store: &StoreName, identity: &Identity) -> Answer {
    let approved = approval.identities.iter().find(|(name, _)| name == store);
    match approved.map(|(_, approved)| approved.difference(identity)) {
        Some(None) => Answer::Open,
        Some(Some(difference)) => Answer::Stop(format!(
            "store {store} is not the one that was approved ({difference}). If that is right, approve again"
        )),
        None => Answer::Stop(format!("store {store} was not part of the approval: approve again")),
    }
}
