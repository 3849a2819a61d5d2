//! `forfall audit certificate` and `check-certificate`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::audit::certificate::{self, Certificate, Report};
use crate::audit::cosignature::CosignerVerifier;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Tone;
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::engine::certify::{self, Issued, Record};
use crate::engine::explain;
use crate::model::ids::{BatchId, StoreName};
use crate::model::key::{Key, KeyForm, unhex};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Issue {
    /// The record's store
    #[arg(long, value_name = "STORE")]
    store: String,
    /// Its collection
    #[arg(long, value_name = "COLLECTION")]
    collection: String,
    /// Its key, as `plan` and `explain` spell it
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: String,
    /// Only the certificate of this batch
    #[arg(long, value_name = "BATCH")]
    batch: Option<BatchId>,
    /// A signed head to prove it under, such as a cosigned one [default: the newest]
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Write each certificate into this directory, as BATCH.certificate
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Check {
    /// The certificate
    file: PathBuf,
    /// The log's public key, got from somewhere else than the certificate
    #[arg(long, value_name = "KEY")]
    vkey: String,
    /// The public key of somebody who must have cosigned
    #[arg(long, value_name = "KEY")]
    cosigner: Vec<String>,
}

#[derive(Serialize)]
struct Certificates {
    certificates: Vec<One>,
    refused: Vec<Refused>,
}

#[derive(Serialize)]
struct One {
    batch: String,
    certificate: String,
}

#[derive(Serialize)]
struct Refused {
    batch: String,
    reason: String,
}

pub(super) fn issue(issue: &Issue, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let record = record(issue, session)?;
    let head = issue.head.as_ref().map(fs_err::read_to_string).transpose();
    let head = head.map_err(|error| Failure::usage(error.to_string()))?;
    let Issued { mut certificates, refused } = certify::certify(&*session.state, &record, head.as_deref())?;
    if let Some(wanted) = issue.batch {
        certificates.retain(|(batch, _)| *batch == wanted);
    }
    for (batch, why) in &refused {
        context.output.warn(format!("batch {batch}: no certificate: {}", phrase::safe(why)));
    }
    if let Some(dir) = &issue.out {
        write(dir, &certificates).map_err(|error| {
            Failure::usage(format!("{error}: give a directory that can be written with --out"))
        })?;
    }
    if context.output.is_json() {
        let one = |(batch, text): &(BatchId, Certificate)| One {
            batch: batch.to_string(),
            certificate: text.to_string(),
        };
        context.output.json(&Certificates {
            certificates: certificates.iter().map(one).collect(),
            refused: refused
                .iter()
                .map(|(batch, reason)| Refused { batch: batch.to_string(), reason: reason.clone() })
                .collect(),
        })?;
    } else if issue.out.is_some() {
        for (batch, _) in &certificates {
            context.output.line(format!("{batch}.certificate"))?;
        }
    } else if let [(_, certificate)] = certificates.as_slice() {
        context.output.verbatim(&certificate.to_string())?;
    } else if !certificates.is_empty() {
        let batches: Vec<String> = certificates.iter().map(|(batch, _)| batch.to_string()).collect();
        return Err(Failure::usage(format!(
            "{} batches dealt with that record: write them all with --out DIR, or name one with --batch: {}",
            certificates.len(),
            batches.join(", ")
        )));
    }
    match (certificates.is_empty(), refused.is_empty()) {
        (true, true) => Err(Failure::usage(
            "no batch of the log names that record: it was never disposed of under this key, or its evidence is past \
             its own retention",
        )),
        (true, false) => Ok(Exit::Incomplete),
        (false, _) => Ok(Exit::Done),
    }
}

/// The record's key as its store spells it. A store that is gone cannot be asked: then the key is `hex:` and the bytes
/// of its encoding, or a plain number or text.
fn record(issue: &Issue, session: &Session) -> Result<Record, Failure> {
    let store = StoreName::new(&issue.store);
    let bound = session
        .all_data()
        .map(|(_, data)| data)
        .find(|data| data.target.store == store && data.target.collection == issue.collection);
    let form = |text: &StoreName| {
        session.engine.inspect(text).map_or(KeyForm::Columns, |store| store.capabilities().key_form)
    };
    let form = form(&store);
    let key = match bound.map(|data| explain::read_key(&session.engine, data, &issue.key)) {
        Some(Ok(key)) => key,
        _ => loose(&issue.key, form)?,
    };
    Ok(Record { store, collection: issue.collection.clone(), form, key })
}

fn loose(text: &str, form: KeyForm) -> Result<Key, Failure> {
    if let Some(digits) = text.strip_prefix("hex:")
        && form == KeyForm::Columns
    {
        let bytes = unhex(digits).map_err(|error| Failure::usage(error.to_string()))?;
        let key = Key::from_encoded(bytes);
        if key.parts().is_ok() {
            return Ok(key);
        }
    }
    Key::parse(text, form, &[false]).map_err(|error| Failure::usage(error.to_string()))
}

fn write(dir: &Path, certificates: &[(BatchId, Certificate)]) -> std::io::Result<()> {
    fs_err::create_dir_all(dir)?;
    for (batch, certificate) in certificates {
        fs_err::write(dir.join(format!("{batch}.certificate")), certificate.to_string())?;
    }
    Ok(())
}

/// Needs neither configuration nor state nor network.
pub(super) fn check(check: &Check, context: &Context) -> Result<Exit, Failure> {
    let bytes = fs_err::read(&check.file).map_err(|error| Failure::usage(error.to_string()))?;
    let cosigners: Result<Vec<CosignerVerifier>, _> =
        check.cosigner.iter().map(|key| CosignerVerifier::parse(key)).collect();
    let cosigners = cosigners.map_err(|error| Failure::usage(format!("--cosigner: {error}")))?;
    let text = String::from_utf8_lossy(&bytes);
    let report = certificate::check(&text, &check.vkey, &cosigners);
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        show(&report, &text, context)?;
    }
    Ok(if report.ok { Exit::Done } else { Exit::Unverified })
}

fn show(report: &Report, text: &str, context: &Context) -> Result<(), Failure> {
    let output = context.output;
    if report.ok {
        output.line(output.paint(Tone::Good, "The certificate holds."))?;
        // The plain words were compared with the proof: they may be shown.
        let head: Vec<&str> = text.lines().skip(4).take_while(|line| !line.is_empty()).collect();
        output.prose(&phrase::safe(&head.join(" ")), 2)?;
    } else {
        output.line(output.paint(Tone::Bad, "THE CERTIFICATE DOES NOT HOLD."))?;
    }
    for problem in &report.problems {
        output.prose(&phrase::safe(&format!("  wrong: {problem}")), 4)?;
    }
    for checked in &report.checked {
        output.prose(&phrase::safe(&format!("  checked: {checked}")), 4)?;
    }
    for unchecked in &report.not_checked {
        output.prose(&phrase::safe(&format!("  not checked: {unchecked}")), 4)?;
    }
    Ok(())
}
