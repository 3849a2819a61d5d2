//! An explanation as somebody would give it in a letter.

mod case;

use crate::audit::entry::{Body, Intent};
use crate::cli::output::{Output, Tone};
use crate::cli::phrase;
use crate::engine::explain::{Explanation, Past};
use crate::model::hold::Hold;
use crate::policy::decide::{Decision, Step, Unknown, Verdict};
use crate::policy::rule::Policy;

/// The answer in one sentence.
pub(super) fn headline(policy: &Policy, told: &Explanation) -> (Tone, String) {
    match &told.decision {
        Some(decision) => {
            match told.review.as_ref().and_then(|review| case::verdict(policy, review, decision)) {
                Some(decided) => decided,
                None => verdict(policy, decision),
            }
        }
        None => gone(policy, told),
    }
}

/// The whole answer, line by line.
pub(super) fn lines(policy: &Policy, key: &str, told: &Explanation, output: &Output) -> Vec<String> {
    let mut page = Page { output: *output, lines: Vec::new() };
    let record = phrase::safe(&format!(
        "Record {key} of {} in store {}, under policy {} ({})",
        told.target.collection, told.target.store, policy.id, policy.title
    ));
    page.lines.push(phrase::wrap(&record, output.width, 2));
    let (tone, headline) = headline(policy, told);
    page.headline(tone, &headline);
    match &told.decision {
        Some(decision) => there(&mut page, policy, told, decision),
        None => no_more(&mut page, policy, told),
    }
    page.lines
}

struct Page {
    output: Output,
    lines: Vec<String>,
}

impl Page {
    fn headline(&mut self, tone: Tone, text: &str) {
        let text = phrase::wrap(text, self.output.width, 0);
        self.lines.push(self.output.paint(tone, &text));
    }

    fn item(&mut self, name: &str, text: &str) {
        const INDENT: usize = 11;
        let text = phrase::wrap(&phrase::safe(text), self.output.width - INDENT, 0);
        for (place, line) in text.lines().enumerate() {
            let name = if place == 0 { name } else { "" };
            self.lines.push(format!("  {name:8} {line}"));
        }
    }
}

fn there(page: &mut Page, policy: &Policy, told: &Explanation, decision: &Decision) {
    for (place, sentence) in decision.why.iter().enumerate() {
        page.item(if place == 0 { "why" } else { "" }, sentence);
    }
    if let Some(hindrance) = &told.hindrance {
        page.item("hindered", hindrance);
    }
    for (place, step) in decision.steps.iter().enumerate() {
        page.item(if place == 0 { "stages" } else { "" }, &step_text(policy, step));
    }
    for (place, hold) in told.holds.iter().enumerate() {
        page.item(if place == 0 { "held by" } else { "" }, &hold_text(policy, hold));
    }
    if let Some(review) = &told.review {
        page.item("case", &case::line(policy, review));
    }
    for (place, sentence) in decision.would_change.iter().enumerate() {
        page.item(if place == 0 { "changes" } else { "" }, sentence);
    }
    for (place, past) in told.history.iter().enumerate() {
        page.item(if place == 0 { "so far" } else { "" }, &past_text(policy, past));
    }
}

fn verdict(policy: &Policy, decision: &Decision) -> (Tone, String) {
    let local = |at| phrase::local_named(at, policy.zone);
    let action = decision.stage.and_then(|stage| decision.steps.get(stage)).map_or("", |step| step.action);
    match decision.verdict {
        Verdict::OutOfScope => {
            (Tone::Strong, "Not touched: it is not of this policy's data type.".to_owned())
        }
        Verdict::Undetermined(unknown) => {
            let what = match unknown {
                Unknown::Scope => "whether the policy is about it",
                Unknown::Class => "its class",
                Unknown::Start(_) => "its start",
            };
            (Tone::Warning, format!("Kept, undetermined: {what} cannot be known."))
        }
        Verdict::Waiting => (Tone::Strong, "Kept, waiting: its start has not happened yet.".to_owned()),
        Verdict::Held(due) => {
            (Tone::Warning, format!("Kept, held: but for the hold, {action} was due {}.", local(due.due)))
        }
        Verdict::Preserved => (Tone::Good, "Kept for ever: it is preserved.".to_owned()),
        Verdict::Needed(due) => {
            (Tone::Warning, format!("Kept, needed by another record: {action} was due {}.", local(due.due)))
        }
        Verdict::NotDue { next_due: Some(next) } => {
            (Tone::Strong, format!("Kept for now: {action} is due {}.", local(next)))
        }
        Verdict::NotDue { next_due: None } => (Tone::Strong, "Kept: no stage is to come.".to_owned()),
        Verdict::Due(due) if due.breach => {
            (Tone::Bad, format!("Past its deadline: {action} has been due since {}.", local(due.due)))
        }
        Verdict::Due(due) => {
            (Tone::Strong, format!("Due: {action} comes with the next run, since {}.", local(due.due)))
        }
        Verdict::Escalated(due) => (
            Tone::Warning,
            format!("Kept until somebody decides: that has been due since {}.", local(due.due)),
        ),
        Verdict::Done => (Tone::Good, "Done: every stage that acts on it has acted.".to_owned()),
    }
}

fn step_text(policy: &Policy, step: &Step) -> String {
    let head = format!("{} {}", step.stage, step.action);
    match (step.due, step.deadline) {
        (Some(due), Some(deadline)) => format!(
            "{head}: due {}, at latest {}",
            phrase::local(due, policy.zone),
            phrase::local(deadline, policy.zone)
        ),
        (Some(due), None) => format!("{head}: due {}", phrase::local(due, policy.zone)),
        (None, _) => head,
    }
}

fn hold_text(policy: &Policy, hold: &Hold) -> String {
    let authority =
        hold.authority.as_ref().map_or(String::new(), |authority| format!(", ordered by {authority}"));
    let released = hold.released.map_or(String::new(), |at| {
        format!(
            ", released {}, and keeps what it covered for a day after that",
            phrase::local(at, policy.zone)
        )
    });
    let review = hold.review.map_or(String::new(), |day| format!(", to be reviewed {day}"));
    format!(
        "{}: {} since {}{authority}{released}{review}",
        hold.id,
        hold.reason,
        phrase::local(hold.since, policy.zone)
    )
}

/// The last batch that took the record, unless it says that it was left alone.
fn last(told: &Explanation) -> Option<(&Past, &Intent)> {
    told.history.iter().rev().filter(|past| past.done != Some(false)).find_map(|past| {
        match &past.intent.entry.body {
            Body::Intent(intent) if intent.label.action == "delete" => Some((past, intent)),
            _ => None,
        }
    })
}

fn gone(policy: &Policy, told: &Explanation) -> (Tone, String) {
    let Some((past, intent)) = last(told) else {
        if told.elsewhere {
            let text = "Not touched: no pattern of this policy matches the path, so nothing there is a record of it.";
            return (Tone::Strong, text.to_owned());
        }
        let text = "There is no record with this key, and no batch in the audit log deleted it.";
        return (Tone::Strong, text.to_owned());
    };
    let when = phrase::local_named(past.intent.entry.time, policy.zone);
    let done = if past.done.is_some() { "It is gone" } else { "It is not there; its batch is still open" };
    (Tone::Strong, format!("{done}: {} on {when}.", deed(&intent.label.action)))
}

fn no_more(page: &mut Page, policy: &Policy, told: &Explanation) {
    for (place, past) in told.history.iter().enumerate() {
        page.item(if place == 0 { "history" } else { "" }, &past_text(policy, past));
    }
    match last(told) {
        Some((_, intent)) => {
            page.item("policy", &format!("the text that it went under has SHA-256 {}", intent.hash));
        }
        None if told.elsewhere => {}
        None => page.item(
            "perhaps",
            "the key is spelled otherwise, the record never was, or something else than forfall removed it",
        ),
    }
}

fn past_text(policy: &Policy, past: &Past) -> String {
    let Body::Intent(intent) = &past.intent.entry.body else { return String::new() };
    let label = &intent.label;
    let class = label.class.as_ref().map_or(String::new(), |class| format!(" of class {class}"));
    let done = match past.done {
        Some(true) => deed(&label.action),
        Some(false) => "left alone",
        None => "outcome still open",
    };
    format!(
        "{} {done} under stage {}{class}, in batch {} (entry {} of the audit log)",
        phrase::local(past.intent.entry.time, policy.zone),
        label.stage,
        label.batch,
        past.intent.index
    )
}

fn deed(action: &str) -> &str {
    match action {
        "delete" => "deleted",
        "anonymize" => "anonymized",
        "shield" => "shielded",
        other => other,
    }
}
