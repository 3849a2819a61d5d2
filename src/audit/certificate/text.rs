//! The text of a certificate: one spelling for each.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::super::proof::TlogProof;
use super::super::tree::Hash;
use super::{Certificate, Logged, VERSION, prose};
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyForm, hex, unhex};

const HEADLINE: &str = "forfall-certificate/v";
/// Longer files are refused unread: no certificate comes near.
const LONGEST: usize = 4 << 20;

/// A file that is no certificate, or not as it was issued.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CertificateError {
    /// Written by a newer program.
    #[error(
        "the certificate has format version {found}, and this program knows versions up to {VERSION}: use a newer forfall"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// Not the form of a certificate.
    #[error("the file is not a certificate, or was changed: {0}")]
    Malformed(&'static str),
    /// The digest at its end does not fit.
    #[error("the certificate was changed or cut off: the digest at its end does not fit")]
    Changed,
    /// What people read is not what is proven.
    #[error("the part in plain words does not say what the proof says: it was changed")]
    Head,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{HEADLINE}{VERSION}\n\n{}", prose::head(self));
        self.write(&mut text)?;
        let digest = hex(&Sha256::digest(&text));
        writeln!(f, "{text}sha256 {digest}")
    }
}

impl Certificate {
    fn write(&self, text: &mut String) -> fmt::Result {
        let form = match self.form {
            KeyForm::Columns => "columns",
            KeyForm::Path => "path",
        };
        writeln!(text, "--- record")?;
        writeln!(text, "store {}", self.store)?;
        writeln!(text, "collection {}", self.collection)?;
        writeln!(text, "key {form} {}", hex(self.key.as_bytes()))?;
        writeln!(text, "r {}", hex(&self.opening))?;
        writeln!(text, "--- commitment")?;
        writeln!(text, "index {}", self.place)?;
        for hash in &self.path {
            writeln!(text, "{}", BASE64.encode(hash))?;
        }
        for (name, logged) in [("intent", &self.intent), ("outcome", &self.outcome)] {
            writeln!(text, "--- {name}")?;
            writeln!(text, "{}", BASE64.encode(&logged.leaf))?;
            write!(text, "--- tlog-proof of the {name}\n{}", logged.proof)?;
        }
        if let Some(policy) = &self.policy {
            writeln!(text, "--- policy")?;
            for line in policy.split('\n') {
                writeln!(text, "| {line}")?;
            }
        }
        writeln!(text, "--- end")
    }

    /// Reads the text. What is read is only what it says, not what is true: see [`super::check()`].
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let wrong = CertificateError::Malformed;
        if text.len() > LONGEST {
            return Err(wrong("it is longer than 4 MiB"));
        }
        let first = text.split('\n').next().and_then(|line| line.strip_prefix(HEADLINE));
        let version: u32 =
            first.and_then(|digits| digits.parse().ok()).ok_or(wrong("its first line is another"))?;
        if version > VERSION {
            return Err(CertificateError::Newer { found: version });
        }
        let body = text.strip_suffix('\n').and_then(|text| text.rsplit_once('\n'));
        let (_, digest) = body.ok_or(wrong("it is cut off"))?;
        let digest_line = digest.strip_prefix("sha256 ").ok_or(CertificateError::Changed)?;
        let signed = &text[..text.len() - digest.len() - 1];
        if digest_line != hex(&Sha256::digest(signed)) {
            return Err(CertificateError::Changed);
        }
        let parsed = Self::sections(signed).ok_or(wrong("a part of it is missing or cannot be read"))?;
        if parsed.to_string() == text { Ok(parsed) } else { Err(CertificateError::Head) }
    }

    fn sections(text: &str) -> Option<Self> {
        let at = text.find("\n--- record\n")?;
        let mut rest = &text[at + 1..];
        let mut section = |name: &str| -> Option<&str> {
            let after = rest.strip_prefix("--- ")?.strip_prefix(name)?.strip_prefix('\n')?;
            let end = if after.starts_with("--- ") { 0 } else { after.find("\n--- ")? + 1 };
            let (section, next) = after.split_at(end);
            rest = next;
            Some(section)
        };
        let record = section("record")?;
        let commitment = section("commitment")?;
        let intent = (section("intent")?, section("tlog-proof of the intent")?);
        let outcome = (section("outcome")?, section("tlog-proof of the outcome")?);
        let policy = section("policy");
        if rest != "--- end\n" {
            return None;
        }
        let mut lines = record.split('\n');
        let store = lines.next()?.strip_prefix("store ")?;
        let collection = lines.next()?.strip_prefix("collection ")?;
        let (form, key) = lines.next()?.strip_prefix("key ")?.split_once(' ')?;
        let form = match form {
            "columns" => KeyForm::Columns,
            "path" => KeyForm::Path,
            _ => return None,
        };
        let opening = Hash::try_from(unhex(lines.next()?.strip_prefix("r ")?).ok()?).ok()?;
        let (place, path) =
            commitment.strip_suffix('\n')?.strip_prefix("index ")?.split_once('\n').map_or_else(
                || (commitment.trim_end().strip_prefix("index "), ""),
                |(place, path)| (Some(place), path),
            );
        let path: Option<Vec<Hash>> = path
            .split('\n')
            .filter(|line| !line.is_empty())
            .map(|line| BASE64.decode(line).ok().and_then(|bytes| Hash::try_from(bytes).ok()))
            .collect();
        Some(Self {
            store: StoreName::new(store),
            collection: collection.to_owned(),
            form,
            key: Key::from_encoded(unhex(key).ok()?),
            opening,
            place: place?.parse().ok()?,
            path: path?,
            intent: logged(intent)?,
            outcome: logged(outcome)?,
            policy: policy.map(unquoted),
        })
    }
}

fn logged((leaf, proof): (&str, &str)) -> Option<Logged> {
    Some(Logged { leaf: BASE64.decode(leaf.strip_suffix('\n')?).ok()?, proof: TlogProof::parse(proof).ok()? })
}

fn unquoted(section: &str) -> String {
    let body = section.strip_suffix('\n').unwrap_or(section);
    let lines: Vec<&str> = body.split('\n').map(|line| line.strip_prefix("| ").unwrap_or(line)).collect();
    lines.join("\n")
}
