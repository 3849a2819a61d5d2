//! A head and what proves it, at whoever cosigns: nothing of the state is needed.

use std::path::Path;

use super::{CHECKPOINT, ExportError, fetch};
use crate::audit::cosignature::CosignerKey;
use crate::audit::note::{Checkpoint, VerifierKey};
use crate::audit::tiles::TileReader;
use crate::audit::tree::verify_consistency;
use crate::time::Instant;

/// What a cosigner found and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The head with the cosignature.
    pub note: String,
    /// The size of the head.
    pub size: u64,
    /// The size of the last head that was cosigned; `None` for the first.
    pub last: Option<u64>,
}

/// Cosigns a head, if it follows from the last one cosigned here. `head` is an export's directory or its
/// `checkpoint`; without tiles beside it only the same head can be cosigned again.
pub fn cosign(
    head: &Path,
    last: Option<&str>,
    log: Option<&VerifierKey>,
    key: &CosignerKey,
    now: Instant,
) -> Result<Cosigned, ExportError> {
    let file = if head.is_dir() { head.join(CHECKPOINT) } else { head.to_owned() };
    let dir = file.parent().unwrap_or(Path::new("."));
    let note = fs_err::read_to_string(&file)?;
    let wrong = |error| ExportError::Head(file.clone(), error);
    let new = match log {
        Some(log) => log.open(&note).map_err(wrong)?,
        None => Checkpoint::unverified(&note).map_err(wrong)?,
    };
    let mut size = None;
    if let Some(last) = last {
        let old = Checkpoint::unverified(last)
            .map_err(|error| ExportError::Head("the last head seen here".into(), error))?;
        follows(&old, &new, dir)?;
        size = Some(old.size);
    }
    let note = key.cosign(&note, now).map_err(wrong)?;
    Ok(Cosigned { note, size: new.size, last: size })
}

fn follows(old: &Checkpoint, new: &Checkpoint, dir: &Path) -> Result<(), ExportError> {
    let refused = |why: String| Err(ExportError::Other(format!("not cosigned: {why}")));
    if old.origin != new.origin {
        return refused(format!(
            "the last head seen here is of the log {}, and this one of {}. If the log goes on under another \
             name after a loss, its entries say so: verify them, then begin with another --last file",
            old.origin, new.origin
        ));
    }
    if new.size < old.size {
        return refused(format!(
            "the last head seen here is over {} entries, and this one over {}: the end of the log was cut off",
            old.size, new.size
        ));
    }
    let fetch = fetch(dir);
    let proof = TileReader::new(new.size, &fetch).prove_consistency(old.size)?;
    if verify_consistency(old.size, &old.root, new.size, &new.root, &proof) {
        Ok(())
    } else {
        refused(format!("the head over {} entries does not follow from the last one: a fork", new.size))
    }
}
