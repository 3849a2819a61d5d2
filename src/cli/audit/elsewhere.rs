//! `forfall audit export`, `verify DIR` and `cosign`: the log outside the state.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::audit::cosignature::CosignerKey;
use crate::audit::note::VerifierKey;
use crate::audit::verify::Report;
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::state::export::{self, ExportError, officer};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Cosign {
    /// An export's directory, or the `checkpoint` in it
    head: PathBuf,
    /// The cosigner's secret key; keep it away from the machine that runs forfall
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The last head that was cosigned here; written anew. Missing at the first time only
    #[arg(long, value_name = "FILE")]
    last: PathBuf,
    /// The log's public key, to check who signed the head
    #[arg(long, value_name = "KEY")]
    vkey: Option<String>,
    /// Make the key under this name, such as dpo.example.org, if the file does not exist
    #[arg(long, value_name = "NAME")]
    new_key: Option<String>,
}

#[derive(Serialize)]
struct Exported {
    from: u64,
    size: u64,
    files: u64,
}

#[derive(Serialize)]
struct Cosigned<'a> {
    size: u64,
    last: Option<u64>,
    cosigner: String,
    head: &'a str,
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::State(error) => error.into(),
            error => Self::internal(error.to_string()),
        }
    }
}

pub(super) fn export(dir: &Path, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let done = export::export(&*session.state, dir)?;
    if context.output.is_json() {
        context.output.json(&Exported { from: done.from, size: done.size, files: done.files })?;
    } else {
        context.output.line(format!(
            "{} exported to {}, {} of them new.",
            phrase::counted(done.size, "entry", "entries"),
            phrase::safe(&dir.display().to_string()),
            phrase::number(done.size - done.from)
        ))?;
    }
    Ok(Exit::Done)
}

/// Reads an export with the log's public key alone.
pub(super) fn verify(dir: &Path, vkey: &str, since: Option<&str>) -> Result<Report, Failure> {
    export::verify(dir, vkey, since).map_err(|error| Failure::usage(error.to_string()))
}

/// Needs neither configuration nor state nor network.
pub(super) fn cosign(cosign: &Cosign, context: &Context) -> Result<Exit, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
    let key = key(cosign)?;
    let log = cosign.vkey.as_deref().map(VerifierKey::parse).transpose().map_err(|error| usage(&error))?;
    let last = match fs_err::read_to_string(&cosign.last) {
        Ok(last) => Some(last),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(usage(&error)),
    };
    let signed = officer::cosign(&cosign.head, last.as_deref(), log.as_ref(), &key, context.clock.now());
    let signed = signed.map_err(|error| Failure { exit: Exit::Unverified, ..usage(&error) })?;
    // What was signed once must be remembered before anybody gets it.
    let mut name = cosign.last.clone().into_os_string();
    name.push(".new");
    let new = PathBuf::from(name);
    let kept = write_synced(&new, signed.note.as_bytes()).and_then(|()| fs_err::rename(&new, &cosign.last));
    kept.map_err(|error| Failure::internal(error.to_string()))?;
    if signed.last.is_none() {
        context
            .output
            .warn("this is the first head seen here: that it follows from nothing earlier cannot be checked");
    }
    if log.is_none() {
        context.output.warn("who signed the head was not checked: give the log's public key with --vkey");
    }
    if context.output.is_json() {
        let cosigner = key.verifier().to_string();
        context.output.json(&Cosigned {
            size: signed.size,
            last: signed.last,
            cosigner,
            head: &signed.note,
        })?;
    } else {
        context.output.verbatim(&signed.note)?;
    }
    Ok(Exit::Done)
}

fn key(cosign: &Cosign) -> Result<CosignerKey, Failure> {
    match fs_err::read_to_string(&cosign.key) {
        Ok(text) => CosignerKey::parse(&zeroize::Zeroizing::new(text))
            .map_err(|error| Failure::usage(format!("{}: {error}", cosign.key.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let Some(name) = &cosign.new_key else {
                return Err(Failure::usage(format!("{error}. With --new-key NAME a key is made there")));
            };
            let mut seed = zeroize::Zeroizing::new([0; 32]);
            getrandom::fill(&mut *seed).map_err(|error| Failure::internal(error.to_string()))?;
            let key =
                CosignerKey::new(name.clone(), &seed).map_err(|error| Failure::usage(error.to_string()))?;
            write_synced(&cosign.key, key.secret_text().as_bytes())
                .map_err(|error| Failure::internal(error.to_string()))?;
            Ok(key)
        }
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    use std::io::Write as _;
    let mut options = fs_err::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
