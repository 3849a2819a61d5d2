//! Checks a certificate offline: with its text, the log's public key, and nothing else.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::super::commitment;
use super::super::cosignature::{self, CosignerVerifier};
use super::super::note::{Checkpoint, VerifierKey};
use super::super::tree::{leaf_hash, verify_inclusion};
use super::{Certificate, Logged, Told, carried_out};
use crate::model::key::hex;
use crate::time::Instant;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing is wrong with what could be checked.
    pub ok: bool,
    /// What was done, in the action's word; absent if the file cannot be read.
    pub action: Option<String>,
    /// When it was recorded as done.
    pub time: Option<Instant>,
    /// The rule.
    pub policy: Option<String>,
    /// SHA-256 of its text.
    pub hash: Option<String>,
    /// The log's name.
    pub origin: Option<String>,
    /// Who cosigned the head.
    pub cosigners: Vec<Cosigned>,
    /// What was checked, each a sentence.
    pub checked: Vec<String>,
    /// What was not, each a sentence.
    pub not_checked: Vec<String>,
    /// What is wrong, each a sentence.
    pub problems: Vec<String>,
}

/// A cosigner of the head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cosigned {
    /// Its name.
    pub name: String,
    /// When it says that it signed.
    pub time: Option<Instant>,
    /// Whether its signature was verified: its key was given.
    pub verified: bool,
}

/// Checks a certificate with the log's verifier key and those of cosigners that the reader trusts.
pub fn check(text: &str, vkey: &str, cosigners: &[CosignerVerifier]) -> Report {
    let mut report = Report::default();
    let key = match VerifierKey::parse(vkey.trim()) {
        Ok(key) => Some(key),
        Err(error) => {
            report.problems.push(error.to_string());
            None
        }
    };
    match Certificate::parse(text) {
        Err(error) => report.problems.push(error.to_string()),
        Ok(certificate) => {
            report
                .checked
                .push("the file is whole, and its plain words say what its proofs are about".to_owned());
            if let Some(key) = &key {
                prove(&certificate, key, &mut report);
            }
            tell_cosigners(&certificate, cosigners, &mut report);
        }
    }
    report.not_checked.extend([
        "whether the store did what the log says, and whether other copies exist".to_owned(),
        "whether the log is the same for everybody: compare its newest head with one kept elsewhere"
            .to_owned(),
        "the other entries of the log, such as one that this batch was recorded twice: verify an export of it"
            .to_owned(),
    ]);
    report.ok = report.problems.is_empty();
    report
}

fn prove(certificate: &Certificate, key: &VerifierKey, report: &mut Report) {
    report.origin = Some(key.name().to_owned());
    let head = match key.open(&certificate.outcome.proof.checkpoint) {
        Ok(head) => head,
        Err(error) => return report.problems.push(error.to_string()),
    };
    report.checked.push(format!("{} signed the head over {} entries", key.name(), head.size));
    let told = match Told::of(certificate) {
        Ok(told) => told,
        Err(why) => return report.problems.push(why.to_owned()),
    };
    report.action = Some(told.intent.label.action.clone());
    report.time = Some(told.ended);
    report.policy = Some(told.intent.label.policy.to_string());
    report.hash = Some(told.intent.hash.clone());
    let problems = &mut report.problems;
    if certificate.intent.proof.checkpoint != certificate.outcome.proof.checkpoint {
        problems.push("its two proofs lead to different heads".to_owned());
    }
    for (name, logged) in [("intent", &certificate.intent), ("outcome", &certificate.outcome)] {
        if !is_included(logged, &head) {
            problems.push(format!("the {name} is not in the log at the place that the certificate names"));
        }
    }
    if told.intent.label.batch != told.outcome.batch {
        problems.push("the outcome is that of another batch".to_owned());
    }
    if certificate.intent.proof.index >= certificate.outcome.proof.index {
        problems.push("the outcome stands before the intent".to_owned());
    }
    let own = commitment::commitment(
        &certificate.opening,
        &certificate.store,
        &certificate.collection,
        &certificate.key,
    );
    match told.tree(certificate) {
        Err(why) => problems.push(why.to_owned()),
        Ok((count, root)) => {
            let root = crate::model::key::unhex(root).ok().and_then(|root| root.try_into().ok());
            let leads =
                |root| verify_inclusion(&leaf_hash(&own), certificate.place, count, &certificate.path, &root);
            if !root.is_some_and(leads) {
                problems.push("the record is not among those of the batch".to_owned());
            }
        }
    }
    match carried_out(&told.intent, &told.outcome, &certificate.collection, &hex(&own)) {
        Some(true) => {}
        Some(false) => problems.push("the outcome says that this record was left alone".to_owned()),
        None => problems.push("the outcome does not say what became of this record".to_owned()),
    }
    match &certificate.policy {
        Some(text) if hex(&Sha256::digest(text)) != told.intent.hash => {
            problems.push("the enclosed text of the rule is not the one that was carried out".to_owned());
        }
        Some(_) => {
            report.checked.push("the enclosed text of the rule is the one that was carried out".to_owned());
        }
        None => report.not_checked.push("the text of the rule: it is not enclosed".to_owned()),
    }
    if report.problems.is_empty() {
        report.checked.extend([
            "the record is one of those that the intent announced".to_owned(),
            "the outcome of that batch says that the action was carried out on it".to_owned(),
            "both entries are in the log under the signed head".to_owned(),
        ]);
    }
}

fn is_included(logged: &Logged, head: &Checkpoint) -> bool {
    let proof = &logged.proof;
    verify_inclusion(&leaf_hash(&logged.leaf), proof.index, head.size, &proof.hashes, &head.root)
}

fn tell_cosigners(certificate: &Certificate, trusted: &[CosignerVerifier], report: &mut Report) {
    let note = &certificate.outcome.proof.checkpoint;
    let origin = Checkpoint::unverified(note).map(|head| head.origin).unwrap_or_default();
    for claim in cosignature::claims(note, &origin) {
        let known = trusted.iter().find(|key| key.name() == claim.name);
        let verified = known.map(|key| key.verify(note));
        match &verified {
            Some(Ok(at)) => report.checked.push(format!("{} cosigned the head at {at}", claim.name)),
            Some(Err(error)) => report.problems.push(error.to_string()),
            None => {
                report.not_checked.push(format!("the cosignature of {}: its key was not given", claim.name));
            }
        }
        let verified = matches!(verified, Some(Ok(_)));
        report.cosigners.push(Cosigned { name: claim.name, time: claim.at, verified });
    }
    for key in trusted {
        if !report.cosigners.iter().any(|cosigned| cosigned.name == key.name()) {
            report.problems.push(format!("{} has not cosigned the head", key.name()));
        }
    }
    if !report.cosigners.iter().any(|cosigned| cosigned.verified) {
        report.not_checked.push("operator's word only: nobody else's signature was verified".to_owned());
    }
}
