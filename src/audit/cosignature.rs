//! Cosignatures of heads (C2SP `tlog-cosignature`, the Ed25519 kind `cosignature/v1`): somebody who keeps the heads
//! elsewhere says that at a certain time this one followed from the last one seen there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::note::{Checkpoint, NoteError, OTHER_HASH, check_name, key_id, line, read_key, split};
use crate::time::Instant;

/// The signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 4;
/// A time of 8 bytes and a signature of 64.
const LENGTH: usize = 72;
/// How a secret key's text begins.
const SECRET: &str = "PRIVATE+KEY+";

/// A cosigner's secret key under its name. `Debug` shows the name only.
pub struct CosignerKey {
    name: String,
    key: SigningKey,
}

/// A cosigner's public key under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerVerifier {
    name: String,
    key: VerifyingKey,
}

/// A line that looks like a cosignature; nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The cosigner's name.
    pub name: String,
    /// When it is said to have been made; `None` if that is no time of our calendar.
    pub at: Option<Instant>,
}

impl CosignerKey {
    /// The key with this Ed25519 seed. One seed must not serve two names.
    pub fn new(name: impl Into<String>, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self { name, key: SigningKey::from_bytes(seed) })
    }

    /// Reads `PRIVATE+KEY+NAME+HASH+KEY`, the form that other signed-note tools write.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::BadVerifierKey;
        let rest =
            text.trim_end().strip_prefix(SECRET).ok_or(wrong("it does not begin with PRIVATE+KEY+"))?;
        let mut parts = rest.splitn(3, '+');
        let mut part = |why| parts.next().ok_or(wrong(why));
        let (name, hash, key) = (part("no name")?, part("no hash")?, part("no key")?);
        let bytes = zeroize::Zeroizing::new(BASE64.decode(key).map_err(|_| wrong("the key is not base64"))?);
        let [COSIGNATURE, seed @ ..] = bytes.as_slice() else {
            return Err(wrong("the key is not of the type for cosignatures"));
        };
        let seed = <&[u8; 32]>::try_from(seed).map_err(|_| wrong("the key does not have 32 bytes"))?;
        let new = Self::new(name, seed)?;
        if new.verifier().hash_text() == hash { Ok(new) } else { Err(wrong("the hash is another key's")) }
    }

    /// The text that [`CosignerKey::parse`] reads: a secret.
    pub fn secret_text(&self) -> zeroize::Zeroizing<String> {
        let bytes = zeroize::Zeroizing::new([&[COSIGNATURE], self.key.as_bytes().as_slice()].concat());
        format!("{SECRET}{}+{}+{}\n", self.name, self.verifier().hash_text(), BASE64.encode(&*bytes)).into()
    }

    /// Its public half.
    pub fn verifier(&self) -> CosignerVerifier {
        CosignerVerifier { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The note with a cosignature made at `now`, in whole seconds. An earlier one of this key is replaced.
    pub fn cosign(&self, note: &str, now: Instant) -> Result<String, NoteError> {
        Checkpoint::unverified(note)?;
        let parts = split(note)?;
        let seconds = u64::try_from(now.timestamp())
            .map_err(|_| NoteError::Malformed("the clock shows a time before 1970"))?;
        let signature = self.key.sign(message(parts.text, seconds).as_bytes());
        let own = self.verifier();
        let mut new = format!("{}\n", parts.text);
        for other in parts.signatures.iter().filter(|line| !own.made(line.name, line.key)) {
            new.push_str(&line(other.name, other.key, &other.signature));
        }
        new.push_str(&line(
            &self.name,
            own.hash(),
            &[&seconds.to_be_bytes()[..], &signature.to_bytes()].concat(),
        ));
        Ok(new)
    }
}

impl std::fmt::Debug for CosignerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<secret key of cosigner {}>", self.name)
    }
}

impl CosignerVerifier {
    /// Reads `NAME+HASH+KEY` with a key of type 4. One spelling is accepted for each key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, key) = read_key(text, COSIGNATURE)?;
        let parsed = Self { name, key };
        if parsed.to_string() == text { Ok(parsed) } else { Err(NoteError::BadVerifierKey(OTHER_HASH)) }
    }

    /// The cosigner's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> [u8; 4] {
        key_id(&self.name, COSIGNATURE, &self.key)
    }

    fn hash_text(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.hash()))
    }

    fn made(&self, name: &str, key: [u8; 4]) -> bool {
        name == self.name && key == self.hash()
    }

    /// When this cosigner signed the note. An error if there is no line of it, or one that does not fit.
    pub fn verify(&self, note: &str) -> Result<Instant, NoteError> {
        let wrong = || NoteError::WrongSignature(self.name.clone());
        let parts = split(note)?;
        let mut found = None;
        for line in parts.signatures.iter().filter(|line| self.made(line.name, line.key)) {
            let (time, signature) = line.signature.split_first_chunk::<8>().ok_or_else(wrong)?;
            let signature = Signature::from_slice(signature).map_err(|_| wrong())?;
            let seconds = u64::from_be_bytes(*time);
            self.key
                .verify_strict(message(parts.text, seconds).as_bytes(), &signature)
                .map_err(|_| wrong())?;
            found = Some(instant(seconds).ok_or_else(wrong)?);
        }
        found.ok_or_else(|| NoteError::NotSigned(self.name.clone()))
    }
}

impl std::fmt::Display for CosignerVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = [&[COSIGNATURE], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.hash_text(), BASE64.encode(key))
    }
}

/// Lines beside those of the log itself that have the shape of a cosignature.
pub fn claims(note: &str, log: &str) -> Vec<Claim> {
    let Ok(parts) = split(note) else { return Vec::new() };
    let others = parts.signatures.iter().filter(|line| line.name != log && line.signature.len() == LENGTH);
    others
        .map(|line| {
            let at = line.signature.first_chunk::<8>().and_then(|time| instant(u64::from_be_bytes(*time)));
            Claim { name: line.name.to_owned(), at }
        })
        .collect()
}

fn instant(seconds: u64) -> Option<Instant> {
    chrono::DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

fn message(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::note::LogKey;
    use crate::audit::tree::leaf_hash;
    use ed25519_dalek::Verifier as _;

    /// The example of the specification: its log's and its witness's lines.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    fn log() -> LogKey {
        LogKey::new("forfall/0f0f0f0f", &[7; 32]).unwrap()
    }

    fn officer() -> CosignerKey {
        CosignerKey::new("officer.example", &[9; 32]).unwrap()
    }

    fn at(seconds: i64) -> Instant {
        chrono::DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let head = Checkpoint::unverified(EXAMPLE).unwrap();
        assert_eq!((head.origin.as_str(), head.size), ("example.com/behind-the-sofa", 20_852_163));
        let claims = claims(EXAMPLE, &head.origin);
        assert_eq!(claims, [Claim { name: "witness.example.com/w1".into(), at: Some(at(1_679_315_147)) }]);
        let signed = split(EXAMPLE).unwrap().text;
        assert_eq!(
            message(signed, 1_679_315_147),
            "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
             CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        );
    }

    /// Everything made by hand here, apart from the curve: the identifier, the message and the line.
    #[test]
    fn a_cosignature_is_what_the_specification_says() {
        use sha2::{Digest as _, Sha256};
        let note = log().sign(17, leaf_hash(b"x"));
        let cosigned = officer().cosign(&note, at(1_700_000_000)).unwrap();
        let last = cosigned.lines().last().unwrap();
        let bytes = BASE64.decode(last.strip_prefix("\u{2014} officer.example ").unwrap()).unwrap();
        let public = officer().verifier().key;
        let id = Sha256::digest([b"officer.example\n\x04".as_slice(), public.as_bytes()].concat());
        assert_eq!(bytes[..4], id[..4]);
        assert_eq!(bytes[4..12], 1_700_000_000_u64.to_be_bytes());
        let root = BASE64.encode(leaf_hash(b"x"));
        let message = format!("cosignature/v1\ntime 1700000000\nforfall/0f0f0f0f\n17\n{root}\n");
        public.verify(message.as_bytes(), &Signature::from_slice(&bytes[12..]).unwrap()).unwrap();
        assert_eq!(officer().verifier().verify(&cosigned), Ok(at(1_700_000_000)));
        assert!(log().verifier().open(&cosigned).is_ok(), "the log's own signature stands beside it");
    }

    #[test]
    fn every_flipped_bit_of_a_cosigned_head_is_noticed() {
        let cosigned = officer().cosign(&log().sign(3, leaf_hash(b"x")), at(1_700_000_000)).unwrap();
        for bit in 0..cosigned.len() * 8 {
            let mut bytes = cosigned.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(text) = std::str::from_utf8(&bytes) else { continue };
            let both = officer().verifier().verify(text).is_ok() && log().verifier().open(text).is_ok();
            assert!(!both, "bit {bit}");
        }
    }

    #[test]
    fn a_second_cosignature_replaces_the_first_and_keeps_others() {
        let other = CosignerKey::new("press.example", &[8; 32]).unwrap();
        let note = log().sign(3, leaf_hash(b"x"));
        let note = officer().cosign(&other.cosign(&note, at(5)).unwrap(), at(6)).unwrap();
        let note = officer().cosign(&note, at(7)).unwrap();
        assert_eq!(note.lines().count(), 4 + 3);
        assert_eq!(officer().verifier().verify(&note), Ok(at(7)));
        assert_eq!(other.verifier().verify(&note), Ok(at(5)));
    }

    #[test]
    fn keys_are_read_back_and_others_refused() {
        let text = officer().secret_text();
        assert_eq!(CosignerKey::parse(&text).unwrap().verifier(), officer().verifier());
        assert_eq!(CosignerVerifier::parse(&officer().verifier().to_string()), Ok(officer().verifier()));
        for bad in [text.replace("officer", "offices"), text.replace("PRIVATE", "PUBLIC"), String::new()] {
            assert!(CosignerKey::parse(&bad).is_err());
        }
        let plain = log().verifier().to_string();
        assert!(CosignerVerifier::parse(&plain).is_err(), "a log's key is no cosigner's");
    }
}
