//! The text of a proof that an entry is in a log: C2SP `tlog-proof`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use super::tree::Hash;

const HEADLINE: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^64 leaves needs no more.
const LONGEST: usize = 64;

/// A proof of inclusion with the signed head that it leads to. Nothing in it is verified by reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque data of the application, which nothing vouches for.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The siblings from the leaf upwards.
    pub hashes: Vec<Hash>,
    /// The signed head, verbatim.
    pub checkpoint: String,
}

/// A text that is no such proof.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it is not a proof in the form of C2SP tlog-proof: {0}")]
pub struct ProofError(&'static str);

impl TlogProof {
    /// Reads the text. One spelling is accepted for each proof.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let wrong = ProofError;
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(wrong("it has no blank line before its head"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADLINE) {
            return Err(wrong("its first line is another"));
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(data) => {
                lines.next();
                Some(BASE64.decode(data).map_err(|_| wrong("its extra data is not base64"))?)
            }
            None => None,
        };
        let digits =
            lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(wrong("it names no index"))?;
        let index: u64 = digits.parse().map_err(|_| wrong("its index is no number"))?;
        let hash = |line: &str| BASE64.decode(line).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        let hashes: Option<Vec<Hash>> = lines.map(hash).collect();
        let hashes = hashes.ok_or(wrong("a line is not a SHA-256 digest in base64"))?;
        if hashes.len() > LONGEST {
            return Err(wrong("it has more digests than any tree needs"));
        }
        let parsed = Self { extra, index, hashes, checkpoint: checkpoint.to_owned() };
        if parsed.to_string() == text { Ok(parsed) } else { Err(wrong("it is spelled in another way")) }
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADLINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, with the parts that it abbreviates or garbles made whole.
    const EXAMPLE: &str = "c2sp.org/tlog-proof@v1\nextra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6\nindex 73894\n\
        gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\n\
        example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n\
        \u{2014} example.com/fancylog hI2DJw==\n";

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let proof = TlogProof::parse(EXAMPLE).unwrap();
        assert_eq!((proof.index, proof.hashes.len()), (73_894, 2));
        assert_eq!(proof.extra.as_deref(), Some(b"age-v1.2.1-darwin-arm64.tar.gz".as_slice()));
        assert!(proof.checkpoint.starts_with("example.com/fancylog\n109482\n"));
        assert_eq!(proof.to_string(), EXAMPLE);
    }

    #[test]
    fn other_spellings_are_refused() {
        for (from, to) in [
            ("@v1", "@v2"),
            ("index 73894", "index 073894"),
            ("index 73894", "index +73894"),
            ("index 73894\n", ""),
            ("extra YW", "extra  YW"),
            ("gSKy", "gSK"),
            ("XmA=\n\n", "XmA=\n"),
        ] {
            let bad = EXAMPLE.replacen(from, to, 1);
            assert!(TlogProof::parse(&bad).is_err(), "{from} -> {to}");
        }
        let bare = EXAMPLE.replacen("extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6\n", "", 1);
        assert_eq!(TlogProof::parse(&bare).unwrap().extra, None);
    }
}
