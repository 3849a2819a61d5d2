//! Verifies the log where it lives.

use super::api::{Leaf, StateError, StateStore};
use crate::audit::verify::{Report, Verifier};

/// How many leaves are read at once.
const PAGE: usize = 1000;

/// Reads every entry under the newest checkpoint and verifies it. Writes nothing: a head signed now would vouch for
/// whatever is there. `since` is an older checkpoint that was kept elsewhere.
pub fn verify(state: &dyn StateStore, since: Option<&str>) -> Result<Report, StateError> {
    let checkpoint = state.last_checkpoint()?.unwrap_or_default();
    let mut verifier = Verifier::new(&checkpoint, state.verifier_key()?.trim_end(), since);
    let mut next = 0;
    // Entries that are appended meanwhile belong to a later checkpoint, and are not this one's problem.
    let end = verifier.signed_size().unwrap_or(u64::MAX);
    while next < end {
        let want = usize::try_from(end - next).map_or(PAGE, |left| left.min(PAGE));
        let leaves = state.tree(next, want)?;
        if leaves.is_empty() {
            break;
        }
        next += leaves.len() as u64;
        for leaf in &leaves {
            match leaf {
                Leaf::Entry(bytes) => verifier.leaf(bytes),
                Leaf::Pruned(digest) => verifier.pruned(*digest),
            }
        }
    }
    Ok(verifier.finish())
}
