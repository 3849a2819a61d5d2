//! Which keys may have signed a log's heads: the one that the verifier was given, and those that the log itself hands
//! over to or from, each step signed by the key before.

use super::super::entry::Genesis;
use super::super::note::{Checkpoint, NoteError, VerifierKey};
use super::super::upkeep::{Continues, KeyRotation};

/// The keys in the order of the log.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// What the verifier was given: trust begins here.
    given: Option<VerifierKey>,
    /// Each with the index of the entry that names it.
    keys: Vec<(u64, VerifierKey)>,
    /// What was declared lost under an earlier name.
    losses: Vec<Continues>,
}

impl Chain {
    pub(super) fn new(given: Option<VerifierKey>) -> Self {
        Self { given, keys: Vec::new(), losses: Vec::new() }
    }

    /// The genesis entry, or one that begins a further name. What is wrong with it.
    pub(super) fn genesis(&mut self, index: u64, genesis: &Genesis) -> Option<&'static str> {
        let Ok(key) = VerifierKey::parse(&genesis.vkey) else { return Some("it names no key") };
        if key.name() != genesis.origin {
            return Some("its key belongs to a log of another name");
        }
        let wrong = match (&genesis.continues, self.last()) {
            (None, _) if index == 0 => None,
            (None, _) => Some("only the first entry begins a log: this is a second genesis entry"),
            (Some(_), None) if index == 0 => Some("the first entry continues nothing"),
            (Some(continues), Some(old)) if !continues.is_signed_by(old, &genesis.vkey) => {
                Some("the key before did not sign this new beginning")
            }
            (Some(continues), _) if continues.kept != index => {
                Some("it stands at another place than it says")
            }
            (Some(_), _) => None,
        };
        self.losses.extend(genesis.continues.clone());
        self.keys.push((index, key));
        wrong
    }

    fn last(&self) -> Option<&VerifierKey> {
        self.keys.last().map(|(_, key)| key)
    }

    /// A key takes over. What is wrong with it.
    pub(super) fn rotation(&mut self, index: u64, rotation: &KeyRotation) -> Option<&'static str> {
        let handover = rotation.handover.as_ref()?;
        let Some((old, new)) = handover.verified() else {
            return Some("the handover of the log's key is not signed by both keys");
        };
        let wrong = match self.last() {
            Some(last) if *last != old => Some("a key hands over that was not in force"),
            Some(_) => None,
            // The entries before are pruned.
            None => {
                self.keys.push((index, old));
                None
            }
        };
        self.keys.push((index, new));
        wrong
    }

    /// Whether the given key is one of those that the log names, if it names any.
    pub(super) fn knows_given(&self) -> bool {
        self.keys.is_empty() || self.given.as_ref().is_none_or(|given| self.has(given))
    }

    fn has(&self, wanted: &VerifierKey) -> bool {
        self.keys.iter().any(|(_, key)| key == wanted)
    }

    /// Opens the newest head with the key that was in force at its size: an older one may have been stolen after it
    /// was given up. That key leads back to the given one, or the given one is later and vouches for all of it.
    pub(super) fn open_newest(&self, note: &str, size: u64) -> Result<Checkpoint, NoteError> {
        let given = self.given.as_ref().ok_or(NoteError::Malformed("no key was given"))?;
        let in_force = self.keys.iter().rev().find(|(index, _)| *index < size).map(|(_, key)| key);
        in_force.filter(|_| self.has(given)).unwrap_or(given).open(note)
    }

    /// Opens an older head with any key of the log: what it says is compared with the entries.
    pub(super) fn open_older(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let given = self.given.as_ref().ok_or(NoteError::Malformed("no key was given"))?;
        let first = given.open(note);
        if !matches!(first, Err(NoteError::NotSigned(_))) {
            return first;
        }
        self.keys.iter().rev().find_map(|(_, key)| key.open(note).ok()).map_or(first, Ok)
    }

    /// How many entries are left of what an older head was over, if the log itself says that the others were lost.
    pub(super) fn declared_loss(&self, head: &Checkpoint) -> Option<&Continues> {
        self.losses.iter().find(|loss| loss.origin == head.origin && head.size > loss.kept)
    }
}
