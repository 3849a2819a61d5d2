//! Signed heads of the log: C2SP `signed-note` around a C2SP `tlog-checkpoint`, signed with Ed25519.
//!
//! A head names the log (its origin line is also the key's name), its size and its root. Lines of other signers may
//! stand beside ours: they are cosignatures, and are neither needed nor trusted here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::tree::Hash;

/// The signature type of plain Ed25519 in a key's identifier and in a verifier key.
const ED25519: u8 = 1;
/// Longer notes are refused unread.
const LONGEST: usize = 1 << 20;

/// The size and root of a log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// The log's secret key under its name. `Debug` shows the name only.
pub struct LogKey {
    name: String,
    key: SigningKey,
}

/// The log's public key under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

/// A note or key that proves nothing.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NoteError {
    /// A name that could not stand in a signature line.
    #[error("the log's name {0:?} must not be empty nor contain blanks, `+` or control characters")]
    BadName(String),
    /// No verifier key.
    #[error("the verifier key does not have the form NAME+HASH+KEY, or its hash does not fit: {0}")]
    BadVerifierKey(&'static str),
    /// A key that makes other signatures.
    #[error(
        "the key makes signatures of type {found:#04x}, and here type {wanted:#04x} is needed (0x01: Ed25519, the key of \
         a log; 0x04: cosignature/v1, the key of a cosigner)"
    )]
    OtherType {
        /// The type that it says.
        found: u8,
        /// The type that is needed.
        wanted: u8,
    },
    /// No signed note.
    #[error("the checkpoint is not a signed note: {0}")]
    Malformed(&'static str),
    /// Signed by somebody else.
    #[error("the checkpoint has no signature of {0}")]
    NotSigned(String),
    /// Not signed by that key, or changed afterwards.
    #[error("the signature of {0} does not fit the checkpoint: it was changed, or made with another key")]
    WrongSignature(String),
    /// Signed, and yet no head of this log.
    #[error("the checkpoint is signed, but {0}")]
    NotACheckpoint(&'static str),
}

impl Checkpoint {
    /// The three lines that are signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    /// Reads a signed head without asking who signed it: nothing in it may be believed yet.
    pub fn unverified(note: &str) -> Result<Self, NoteError> {
        Self::parse(split(note)?.text)
    }

    fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::NotACheckpoint;
        let mut lines = text.strip_suffix('\n').ok_or(wrong("its last line has no end"))?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let origin = line().ok_or(wrong("it names no origin"))?;
        let digits = line().ok_or(wrong("it names no size"))?;
        let root = line().ok_or(wrong("it names no root"))?;
        let size: u64 = digits.parse().map_err(|_| wrong("its size is no number"))?;
        if size.to_string() != digits {
            return Err(wrong("its size is not written as a plain decimal number"));
        }
        let root = BASE64.decode(root).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        let root = root.ok_or(wrong("its root is not a SHA-256 digest in base64"))?;
        if lines.any(str::is_empty) {
            return Err(wrong("it has an empty line"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// Whether a text may be the name of a log: no blanks, no `+`, no control characters, and not empty.
pub fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) { Err(NoteError::BadName(name.to_owned())) } else { Ok(()) }
}

impl LogKey {
    /// The key with this Ed25519 seed, under the log's name.
    pub fn new(name: impl Into<String>, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self { name, key: SigningKey::from_bytes(seed) })
    }

    /// Its public half.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The signed head of this log at a size.
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let text = Checkpoint { origin: self.name.clone(), size, root }.text();
        format!("{text}\n{}", self.line(&text))
    }

    /// Adds this key's signature to a head that another key of the same log has signed.
    pub fn sign_too(&self, note: &str) -> Result<String, NoteError> {
        Ok(format!("{note}{}", self.line(split(note)?.text)))
    }

    fn line(&self, text: &str) -> String {
        line(&self.name, self.verifier().hash(), &self.key.sign(text.as_bytes()).to_bytes())
    }

    /// Signs a statement that is not a head, in base64. It must not be one that could be taken for a head.
    pub fn state(&self, statement: &[u8]) -> String {
        BASE64.encode(self.key.sign(statement).to_bytes())
    }
}

impl std::fmt::Debug for LogKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<secret key of {}>", self.name)
    }
}

/// Why a key is refused whose spelling is not the one that it would be given.
pub(super) const OTHER_HASH: &str = "the hash is another key's";

/// The name and the key in `NAME+HASH+KEY`, if the key is of that kind. The hash is for the caller to compare.
pub(super) fn read_key(text: &str, kind: u8) -> Result<(String, VerifyingKey), NoteError> {
    let wrong = NoteError::BadVerifierKey;
    // Base64 may contain `+`, so the parts are taken from the left.
    let mut parts = text.splitn(3, '+');
    let mut part = |why| parts.next().ok_or(wrong(why));
    let (name, _, key) = (part("no name")?, part("no hash")?, part("no key")?);
    check_name(name)?;
    let bytes = BASE64.decode(key).map_err(|_| wrong("the key is not base64"))?;
    let (&found, key) = bytes.split_first().ok_or(wrong("the key is empty"))?;
    if found != kind {
        return Err(NoteError::OtherType { found, wanted: kind });
    }
    let key = <&[u8; 32]>::try_from(key).map_err(|_| wrong("the key does not have 32 bytes"))?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| wrong("the key is no point of the curve"))?;
    Ok((name.to_owned(), key))
}

impl VerifierKey {
    /// Reads `NAME+HASH+KEY`. One spelling is accepted for each key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, key) = read_key(text, ED25519)?;
        let parsed = Self { name, key };
        if parsed.to_string() == text { Ok(parsed) } else { Err(NoteError::BadVerifierKey(OTHER_HASH)) }
    }

    /// The log's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> [u8; 4] {
        key_id(&self.name, ED25519, &self.key)
    }

    /// The head that `note` holds, if this key signed it for the log of its name.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let text = self.verify(note)?;
        let checkpoint = Checkpoint::parse(text)?;
        if checkpoint.origin != self.name {
            return Err(NoteError::NotACheckpoint("it belongs to a log of another name"));
        }
        Ok(checkpoint)
    }

    /// The signed text of a note.
    fn verify<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let split = split(note)?;
        let mut signed = false;
        for line in split.signatures {
            if line.name != self.name || line.key != self.hash() {
                continue;
            }
            let wrong = || NoteError::WrongSignature(self.name.clone());
            let signature = Signature::from_slice(&line.signature).map_err(|_| wrong())?;
            self.key.verify_strict(split.text.as_bytes(), &signature).map_err(|_| wrong())?;
            signed = true;
        }
        if signed { Ok(split.text) } else { Err(NoteError::NotSigned(self.name.clone())) }
    }

    /// Whether this key signed that statement, which is not a head.
    pub fn stated(&self, statement: &[u8], signature: &str) -> bool {
        let signature = BASE64.decode(signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature.is_some_and(|signature| self.key.verify_strict(statement, &signature).is_ok())
    }
}

/// A note taken apart, nothing of it verified.
pub(super) struct Split<'a> {
    /// What is signed.
    pub(super) text: &'a str,
    /// The signature lines.
    pub(super) signatures: Vec<Line<'a>>,
}

/// One signature line.
pub(super) struct Line<'a> {
    /// The signer's name.
    pub(super) name: &'a str,
    /// The identifier of the signer's key.
    pub(super) key: [u8; 4],
    /// What follows it.
    pub(super) signature: Vec<u8>,
}

/// Takes a note apart.
pub(super) fn split(note: &str) -> Result<Split<'_>, NoteError> {
    let malformed = NoteError::Malformed;
    if note.len() > LONGEST {
        return Err(malformed("it is longer than 1 MiB"));
    }
    if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(malformed("it contains control characters"));
    }
    let blank = note.rfind("\n\n").ok_or(malformed("it has no blank line before its signatures"))?;
    let (text, lines) = (&note[..=blank], &note[blank + 2..]);
    let lines = lines.strip_suffix('\n').ok_or(malformed("its last line has no end"))?;
    let mut signatures = Vec::new();
    for line in lines.split('\n') {
        let line = line.strip_prefix("\u{2014} ").ok_or(malformed("a signature line begins otherwise"))?;
        let (name, signature) = line.split_once(' ').ok_or(malformed("a signature line has no signature"))?;
        check_name(name).map_err(|_| malformed("a signer has an impossible name"))?;
        let bytes = BASE64.decode(signature).map_err(|_| malformed("a signature is not base64"))?;
        let (key, signature) = bytes.split_first_chunk::<4>().ok_or(malformed("a signature is too short"))?;
        signatures.push(Line { name, key: *key, signature: signature.to_vec() });
    }
    Ok(Split { text, signatures })
}

/// The identifier of a key: the first four bytes of SHA-256 over name, line feed, signature type and key.
pub(super) fn key_id(name: &str, kind: u8, key: &VerifyingKey) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name.as_bytes())
        .chain_update([b'\n', kind])
        .chain_update(key.as_bytes())
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// A signature line.
pub(super) fn line(name: &str, key: [u8; 4], signature: &[u8]) -> String {
    let bytes = [&key[..], signature].concat();
    format!("\u{2014} {name} {}\n", BASE64.encode(bytes))
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        let hash = u32::from_be_bytes(self.hash());
        write!(f, "{}+{hash:08x}+{}", self.name, BASE64.encode(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tree::leaf_hash;
    use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};

    fn key() -> LogKey {
        LogKey::new("forfall/0f0f0f0f", &[7; 32]).unwrap()
    }

    /// The signer's key in the form that the independent implementation reads.
    fn their_signer() -> StandardSigner {
        let key = key();
        let secret: Vec<u8> = [ED25519].into_iter().chain([7; 32]).collect();
        let hash = u32::from_be_bytes(key.verifier().hash());
        StandardSigner::new(&format!("PRIVATE+KEY+{}+{hash:08x}+{}", key.name, BASE64.encode(secret)))
            .unwrap()
    }

    #[test]
    fn an_independent_implementation_verifies_our_heads() {
        let note = key().sign(17, leaf_hash(b"x"));
        let verifier = StandardVerifier::new(&key().verifier().to_string()).unwrap();
        let (ours, others) = Note::from_bytes(note.as_bytes())
            .unwrap()
            .verify(&VerifierList::new(vec![Box::new(verifier)]))
            .unwrap();
        assert_eq!((ours.len(), others.len()), (1, 0));
    }

    #[test]
    fn we_verify_what_an_independent_implementation_signs() {
        let checkpoint = Checkpoint { origin: "forfall/0f0f0f0f".into(), size: 3, root: leaf_hash(b"y") };
        let mut note = Note::new(checkpoint.text().as_bytes(), &[]).unwrap();
        note.add_sigs(&[&their_signer()]).unwrap();
        let note = String::from_utf8(note.to_bytes()).unwrap();
        assert_eq!(note, key().sign(3, leaf_hash(b"y")), "Ed25519 is deterministic");
        assert_eq!(key().verifier().open(&note), Ok(checkpoint));
    }

    /// The example of the specification, byte for byte.
    #[test]
    fn the_known_verifier_key_is_read_and_written() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(VerifierKey::parse(text).unwrap().to_string(), text);
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(VerifierKey::parse(text).unwrap().verify(note).is_ok());
    }

    #[test]
    fn every_flipped_bit_of_a_head_or_its_key_is_noticed() {
        let (note, vkey) = (key().sign(17, leaf_hash(b"x")), key().verifier().to_string());
        let opens = |note: &[u8], vkey: &[u8]| -> bool {
            let (Ok(note), Ok(vkey)) = (std::str::from_utf8(note), std::str::from_utf8(vkey)) else {
                return false;
            };
            VerifierKey::parse(vkey).is_ok_and(|key| key.open(note).is_ok())
        };
        assert!(opens(note.as_bytes(), vkey.as_bytes()));
        for bit in 0..note.len() * 8 {
            let mut bytes = note.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&bytes, vkey.as_bytes()), "bit {bit} of the head");
        }
        for bit in 0..vkey.len() * 8 {
            let mut bytes = vkey.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(note.as_bytes(), &bytes), "bit {bit} of the key");
        }
    }

    #[test]
    fn lines_of_other_signers_do_no_harm_and_no_good() {
        let note = key().sign(17, leaf_hash(b"x"));
        let other = LogKey::new("witness.example/w", &[8; 32]).unwrap();
        let theirs = other.sign(17, leaf_hash(b"x"));
        let line = theirs.lines().last().unwrap();
        assert!(key().verifier().open(&format!("{note}{line}\n")).is_ok());
        assert_eq!(key().verifier().open(&theirs), Err(NoteError::NotSigned("forfall/0f0f0f0f".into())));
        let twin = LogKey::new("forfall/0f0f0f0f", &[8; 32]).unwrap();
        assert!(matches!(
            key().verifier().open(&twin.sign(17, leaf_hash(b"x"))),
            Err(NoteError::NotSigned(_))
        ));
    }

    #[test]
    fn names_that_break_the_format_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b"] {
            assert_eq!(LogKey::new(name, &[0; 32]).unwrap_err(), NoteError::BadName(name.into()));
        }
    }
}
