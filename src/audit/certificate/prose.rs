//! A certificate in plain words. Made from what is proven, so that it can be made again by whoever checks.

use std::fmt::Write as _;

use super::super::cosignature;
use super::super::note::Checkpoint;
use super::{Certificate, Told};
use crate::time::Instant;

/// Everything up to the first section.
pub(super) fn head(certificate: &Certificate) -> String {
    let mut text = String::from("CERTIFICATE\n\n");
    match Told::of(certificate) {
        Ok(told) => tell(certificate, &told, &mut text).expect("writing to a String does not fail"),
        Err(why) => {
            let _ = writeln!(text, "This certificate says nothing: {why}.\n");
        }
    }
    text
}

fn tell(certificate: &Certificate, told: &Told, text: &mut String) -> std::fmt::Result {
    let (intent, outcome) = (&told.intent, &told.outcome);
    let label = &intent.label;
    let key = clean(&certificate.key.text(certificate.form));
    let (what, how) = action(&label.action);
    writeln!(
        text,
        "The record {key} of {} in the store {}",
        clean(&certificate.collection),
        clean(label.store.as_str())
    )?;
    writeln!(text, "{what}, says the operator of the audit log named below.\n")?;
    writeln!(text, "When       announced {}, recorded as done {}", utc(told.announced), utc(told.ended))?;
    let class = label.class.as_ref().map_or(String::new(), |class| format!(" of class {}", clean(class)));
    writeln!(text, "Rule       policy {}, stage {}{class}", clean(label.policy.as_str()), label.stage)?;
    writeln!(text, "           SHA-256 of its text {}", clean(&intent.hash))?;
    if certificate.policy.is_none() {
        writeln!(text, "           (the text itself is not enclosed)")?;
    }
    writeln!(text, "Technique  {how}")?;
    if label.collection != certificate.collection {
        writeln!(
            text,
            "           together with a record of {} that it belongs to",
            clean(&label.collection)
        )?;
    }
    writeln!(text, "Verified   {}", basis(&outcome.basis))?;
    writeln!(
        text,
        "Batch      {} of run {}, {} announced, {} done",
        label.batch, label.run, intent.count, outcome.done
    )?;
    let head = Checkpoint::unverified(&certificate.outcome.proof.checkpoint).ok();
    if let Some(head) = &head {
        writeln!(
            text,
            "Log        {}, entries {} and {} of {}",
            clean(&head.origin),
            certificate.intent.proof.index,
            certificate.outcome.proof.index,
            head.size
        )?;
        let claims = cosignature::claims(&certificate.outcome.proof.checkpoint, &head.origin);
        if claims.is_empty() {
            writeln!(text, "Cosigners  none: operator's word only")?;
        }
        for (number, claim) in claims.iter().enumerate() {
            let name = if number == 0 { "Cosigners " } else { "          " };
            let at = claim.at.map_or_else(|| "no time".to_owned(), utc);
            writeln!(text, "{name} {}, {at}", clean(&claim.name))?;
        }
    }
    text.write_str(LIMITS)
}

const LIMITS: &str = "
What this does not prove: that no other copy exists (backups, exports, caches, paper), that the store
did what it said, or that the key above belonged to a certain person. It proves that the operator's
program recorded this at that time and cannot have changed it since without being noticed by whoever
keeps an older head of the log.

Everything below is the proof. Check it, without any connection, with
    forfall audit check-certificate FILE --vkey KEY
where KEY is the log's public key, got from somewhere else than this file.

";

/// What was done, and with which technique.
fn action(word: &str) -> (String, &'static str) {
    match word {
        "delete" => ("was deleted".to_owned(), "the row, file or object was removed from the store"),
        "anonymize" => (
            "was anonymized".to_owned(),
            "the fields that the rule names were changed by the methods that it names; the record stays",
        ),
        "shield" => {
            ("was shielded".to_owned(), "readers no longer see what the rule names; the record stays")
        }
        other => (format!("was disposed of ({})", clean(other)), "as the rule says"),
    }
}

fn basis(word: &str) -> &'static str {
    match word {
        "marked" => {
            "the store committed the change together with a mark of the batch, or under the number of its transaction"
        }
        "observed" => "each record was looked at afterwards",
        _ => "in a way that this program does not know",
    }
}

fn utc(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Names and keys come from stores: nothing in them may steer a terminal or pretend to be another line.
fn clean(text: &str) -> String {
    super::super::canonical::cleaned(text)
}
