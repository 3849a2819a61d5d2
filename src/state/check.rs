//! Verifies the log where it lives.

use super::api::{StateError, StateStore};
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
    verifier.read(|| {
        let page = state.tree(next, usize::try_from(end - next).map_or(PAGE, |left| left.min(PAGE)))?;
        next += page.len() as u64;
        Ok::<_, StateError>(page)
    })?;
    Ok(verifier.finish())
}
