//! What the log says about itself: new keys, a new beginning after a loss, and what of it was disposed of.

use serde::{Deserialize, Serialize};

use super::note::{LogKey, VerifierKey};
use crate::time::Instant;

/// A key takes over from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRotation {
    /// `log`: the key that signs heads. `epoch`: the key that commitments are made with.
    pub of: String,
    /// Who, as a pseudonym.
    pub by: String,
    /// The epoch that begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epoch: Option<u32>,
    /// Which key of the log follows which.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handover: Option<Handover>,
}

/// One key of the log follows another. Both have signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// The key that signed heads up to now.
    pub old: String,
    /// The key that signs them from now on.
    pub new: String,
    /// Until then heads carry both signatures.
    #[serde(with = "super::canonical::stamp")]
    pub until: Instant,
    /// The old key's signature over the handover: whoever trusts it may trust the new one.
    pub old_signature: String,
    /// The new key's signature over the same: it is at hand.
    pub new_signature: String,
}

/// The log goes on under another name, because a head was published that its entries do not lead to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continues {
    /// The name of the log up to now.
    pub origin: String,
    /// The size of the published head.
    pub size: u64,
    /// Its root, in hexadecimal.
    pub root: String,
    /// How many entries are still there: those from here to `size` are lost.
    pub kept: u64,
    /// Who, as a pseudonym.
    pub by: String,
    /// The signature of the old name's key over this.
    pub old_signature: String,
}

/// Something of the log itself was disposed of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prune {
    /// `epoch`: a commitment key and the lists made with it. `entries`: the oldest entries, of which digests stay.
    pub what: String,
    /// `begun` before anything is destroyed, `done` afterwards.
    pub phase: String,
    /// Who, as a pseudonym.
    pub by: String,
    /// The epoch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epoch: Option<u32>,
    /// How many lists of commitments went with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manifests: Option<u64>,
    /// The lowest index of an entry that is still there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub minimum: Option<u64>,
    /// Somebody ordered it before its retention had ended.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub early: bool,
}

impl Handover {
    /// Signs the handover with both keys.
    pub fn sign(old: &LogKey, new: &LogKey, until: Instant) -> Self {
        let (old_key, new_key) = (old.verifier().to_string(), new.verifier().to_string());
        let statement = handover(&old_key, &new_key);
        Self {
            old_signature: old.state(&statement),
            new_signature: new.state(&statement),
            old: old_key,
            new: new_key,
            until,
        }
    }

    /// Both keys, if both signed it and it is about one log.
    pub fn verified(&self) -> Option<(VerifierKey, VerifierKey)> {
        let old = VerifierKey::parse(&self.old).ok()?;
        let new = VerifierKey::parse(&self.new).ok()?;
        let statement = handover(&self.old, &self.new);
        let signed =
            old.stated(&statement, &self.old_signature) && new.stated(&statement, &self.new_signature);
        (signed && old.name() == new.name()).then_some((old, new))
    }
}

impl Continues {
    /// Signs the new beginning with the key of the old name.
    pub fn sign(
        old: &LogKey,
        vkey: &str,
        size: u64,
        root: &super::tree::Hash,
        kept: u64,
        by: String,
    ) -> Self {
        let root = crate::model::key::hex(root);
        let old_signature = old.state(&beginning(old.verifier().name(), vkey, size, &root, kept));
        Self { origin: old.verifier().name().to_owned(), size, root, kept, by, old_signature }
    }

    /// Whether that key, the last one under the old name, signed it for the new one.
    pub fn is_signed_by(&self, old: &VerifierKey, vkey: &str) -> bool {
        let statement = beginning(&self.origin, vkey, self.size, &self.root, self.kept);
        old.name() == self.origin && old.stated(&statement, &self.old_signature)
    }
}

/// Neither statement could be a head: a head's second line is a number.
fn handover(old: &str, new: &str) -> Vec<u8> {
    format!("forfall key handover 1\n{old}\n{new}\n").into_bytes()
}

fn beginning(origin: &str, vkey: &str, size: u64, root: &str, kept: u64) -> Vec<u8> {
    format!("forfall new beginning 1\n{origin}\n{vkey}\n{size}\n{root}\n{kept}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;

    fn keys() -> (LogKey, LogKey) {
        (LogKey::new("a/1", &[1; 32]).unwrap(), LogKey::new("a/1", &[2; 32]).unwrap())
    }

    #[test]
    fn a_handover_needs_both_signatures_and_one_name() {
        let (old, new) = keys();
        let until = chrono::Utc.with_ymd_and_hms(2027, 1, 1, 0, 0, 0).unwrap();
        let good = Handover::sign(&old, &new, until);
        assert_eq!(good.verified(), Some((old.verifier(), new.verifier())));
        let thief = LogKey::new("a/1", &[3; 32]).unwrap();
        let stolen = Handover::sign(&thief, &new, until);
        assert_eq!(Handover { old: good.old.clone(), ..stolen.clone() }.verified(), None);
        assert_eq!(Handover { old_signature: stolen.old_signature, ..good.clone() }.verified(), None);
        assert_eq!(Handover { new_signature: good.old_signature.clone(), ..good }.verified(), None);
        let elsewhere = LogKey::new("b/1", &[2; 32]).unwrap();
        assert_eq!(Handover::sign(&old, &elsewhere, until).verified(), None);
    }

    #[test]
    fn nothing_of_a_new_beginning_can_be_exchanged() {
        let (old, new) = keys();
        let vkey = new.verifier().to_string();
        let good = Continues::sign(&old, &vkey, 150, &[7; 32], 100, "op-0".into());
        assert!(good.is_signed_by(&old.verifier(), &vkey));
        assert!(!good.is_signed_by(&new.verifier(), &vkey));
        assert!(!good.is_signed_by(&old.verifier(), "another"));
        for changed in [
            Continues { size: 151, ..good.clone() },
            Continues { kept: 99, ..good.clone() },
            Continues { root: "00".into(), ..good.clone() },
            Continues { origin: "b".into(), ..good.clone() },
        ] {
            assert!(!changed.is_signed_by(&old.verifier(), &vkey));
        }
    }
}
