//! A notice as it is read: subject, text, and JSON for programs, with an identifier made from what it tells and whom.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{bokmaal, english};
use crate::model::ids::CaseId;
use crate::model::key::hex;
use crate::model::notice::{Language, Notice};
use crate::state::outbox::{Letter, Recipient};
use crate::time::{Instant, Zone};

/// What a webhook or a command is given, in the form that Standard Webhooks recommends.
#[derive(Serialize)]
struct Payload<'a> {
    /// `forfall.` and the kind.
    r#type: String,
    /// When it was written, RFC 3339 in UTC.
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    /// The letter's identifier: the same again is the same letter.
    id: &'a str,
    subject: &'a str,
    text: &'a str,
    #[serde(flatten)]
    notice: &'a Notice,
}

/// Writes a notice to one recipient. `zone` is that of the times in its text.
pub fn write(
    notice: &Notice,
    period: &str,
    to: &Recipient,
    language: Language,
    zone: Zone,
    now: Instant,
) -> Letter {
    let (line, body) = match language {
        Language::English => (english::line(notice, zone), english::body(notice, zone)),
        Language::Bokmaal => (bokmaal::line(notice, zone), bokmaal::body(notice, zone)),
    };
    let policy = notice.policy().map(|policy| format!(" {policy}")).unwrap_or_default();
    let subject = format!("[forfall] {}{policy}: {line}", notice.heading());
    let id = id(notice, period, to);
    let payload = Payload {
        r#type: format!("forfall.{}", if *notice == Notice::Trial { "trial" } else { notice.kind().word() }),
        timestamp: now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        data: Data { id: &id, subject: &subject, text: &body, notice },
    };
    let payload = serde_json::to_string(&payload).expect("plain data has only members that JSON can hold");
    let (kind, policy) = (notice.kind(), notice.policy().cloned());
    Letter { id, kind, policy, to: to.clone(), written: now, subject, body, payload }
}

/// The same for the same news to the same recipient, whoever writes it.
fn id(notice: &Notice, period: &str, to: &Recipient) -> String {
    let subject = match notice {
        Notice::HoldReview { hold, .. } => hold.to_string(),
        other => other.policy().map(ToString::to_string).unwrap_or_default(),
    };
    let parts = [notice.kind().word(), &subject, period, to.channel.word(), &to.address];
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex(&digest.finalize()[..16])
}

/// How somebody looks at a case, and decides it.
pub(super) fn look_at(case: CaseId, decision: &str, reason: &str) -> String {
    format!("    forfall review show {case}\n    forfall review decide {case} {decision} --reason {reason}")
}

/// Lines of at most 72 columns, as plain mail has them; a line that begins with a blank stands as it is.
pub(super) fn paragraphs(text: &str) -> String {
    const WIDTH: usize = 72;
    let mut lines = String::new();
    for paragraph in text.split('\n') {
        let mut used = 0;
        if paragraph.starts_with(' ') {
            lines.push_str(paragraph);
        } else {
            for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
                let wide = word.chars().count();
                if used > 0 && used + 1 + wide > WIDTH {
                    lines.push('\n');
                    used = 0;
                } else if used > 0 {
                    lines.push(' ');
                    used += 1;
                }
                lines.push_str(word);
                used += wide;
            }
        }
        lines.push('\n');
    }
    lines
}

/// A number with a sign between thousands.
pub fn grouped(value: u64, sign: char) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(sign);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
