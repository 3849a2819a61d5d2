//! What the log says of a change of state: pseudonyms instead of names, commitments instead of keys.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::api::{Actor, Approval, EventRecord, PauseScope};
use crate::audit::commitment::{condition_commitment, hold_commitment};
use crate::audit::entry::{ApprovalGiven, Body, EventNote, HeldWindow, HoldNote, PauseNote};
use crate::model::hold::{Hold, HoldKind};
use crate::model::key::hex;

/// What stands for a person in the log. Without the secret, names cannot be tried out against it.
pub(super) fn pseudonym(secret: &[u8; 32], actor: &Actor) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(actor.0.as_bytes());
    format!("op-{}", hex(&mac.finalize().into_bytes()[..4]))
}

/// What an approval is bound to, as the log says it: a digest over the stores' identities and the collections' schemas.
pub fn bound_to(approval: &Approval) -> String {
    let bound = serde_json_canonicalizer::to_vec(&(&approval.identities, &approval.fingerprints))
        .expect("identities and fingerprints are texts");
    hex(&Sha256::digest(bound))
}

/// What an approval was given for.
pub(super) fn approval(approval: &Approval, by: String, author: Option<String>) -> Body {
    Body::Approval(ApprovalGiven {
        policy: approval.policy.clone(),
        hash: approval.hash.clone(),
        by,
        count: approval.count,
        bound_to: bound_to(approval),
        author,
        cancelled: None,
    })
}

/// That an approval was cancelled, by whom and why.
pub(super) fn approval_cancelled(approval: &Approval, by: String, reason: &str) -> Body {
    match self::approval(approval, by, None) {
        Body::Approval(given) => {
            Body::Approval(ApprovalGiven { cancelled: Some(reason.to_owned()), ..given })
        }
        other => other,
    }
}

/// What stands for the secret parts of a hold's scope in the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Covered {
    /// For its key.
    pub(super) key: Option<String>,
    /// For its condition.
    pub(super) condition: Option<String>,
}

impl Covered {
    /// Commits to them under the epoch key.
    pub(super) fn of(hold: &Hold, secret: &[u8; 32]) -> Self {
        let key = hold.scope.key.as_ref().map(|key| hex(&hold_commitment(secret, &hold.id, key)));
        let when = hold.scope.when.as_ref();
        let condition = when.map(|when| hex(&condition_commitment(secret, &hold.id, when)));
        Self { key, condition }
    }
}

/// A hold that begins (`add`), is released (`release`) or ends by itself (`end`).
pub(super) fn hold(hold: &Hold, change: &str, by: Option<String>, covered: Covered) -> Body {
    Body::Hold(HoldNote {
        hold: hold.id,
        change: change.to_owned(),
        by,
        policy: hold.scope.policy.clone(),
        store: hold.scope.store.clone(),
        collection: hold.scope.collection.clone(),
        key: covered.key,
        condition: covered.condition,
        between: hold.scope.between.map(|window| HeldWindow { from: window.from, to: window.to }),
        restriction: hold.kind == HoldKind::Restriction,
        reason: hold.reason.clone(),
        matter: hold.matter.clone(),
        authority: hold.authority.clone(),
        review: hold.review.map(|day| day.to_string()),
        until: hold.until.map(|end| end.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
    })
}

/// An event that was recorded, or withdrawn for a reason.
pub(super) fn event(event: &EventRecord, by: String, key: String, withdrawn: Option<&str>) -> Body {
    let change = if withdrawn.is_some() { "withdraw" } else { "add" };
    Body::Event(EventNote {
        change: change.to_owned(),
        name: event.name.clone(),
        key,
        at: event.at,
        by,
        reason: withdrawn.map(str::to_owned),
    })
}

/// Work that was paused (`pause`) or resumed (`resume`).
pub(super) fn pause(scope: &PauseScope, change: &str, by: String) -> Body {
    Body::Pause(PauseNote { change: change.to_owned(), scope: scope.to_string(), by })
}
