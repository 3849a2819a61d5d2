//! What an entry means, in plain words.

use super::upkeep;
use crate::audit::entry::{ApprovalGiven, Body, HoldNote, Intent, Outcome, Phase, ReviewNote, RunNote};
use crate::cli::phrase;
use crate::time::Zone;

/// One line for a table.
pub(super) fn short(body: &Body) -> String {
    match body {
        Body::Genesis(genesis) if genesis.continues.is_some() => {
            "the log goes on under another name".to_owned()
        }
        Body::Genesis(_) => "the log begins".to_owned(),
        Body::Policy(seen) => format!("{}: new text", seen.policy),
        Body::Approval(given) if given.cancelled.is_some() => format!("{}: approval cancelled", given.policy),
        Body::Approval(given) => format!("{}: {} due", given.policy, phrase::number(given.count)),
        Body::Run(note) => match note.state {
            None => format!("{}: began", note.policy),
            Some(state) => format!("{}: {state}, {} done", note.policy, phrase::number(done(note))),
        },
        Body::Intent(intent) => {
            let label = &intent.label;
            format!("{}: {} {}", label.policy, label.action, phrase::number(intent.count))
        }
        Body::Outcome(outcome) => format!("{}: {}", outcome.policy, outcome_counts(outcome)),
        Body::Recovery(recovery) => format!("after a crash: {}", fate(&recovery.fate)),
        Body::Hold(hold) => format!("{} {}", hold.change, hold.reason),
        Body::Review(review) => {
            format!("{}: {} review of {}", review.policy, review.change, phrase::number(review.records))
        }
        Body::Event(event) => format!("{} {}", event.change, event.name),
        Body::Pause(pause) => format!("{} {}", pause.change, pause.scope),
        Body::KeyRotation(rotation) => match rotation.epoch {
            Some(epoch) => format!("commitment key of epoch {epoch} begins"),
            None => "a new key signs the log".to_owned(),
        },
        Body::Prune(prune) => match (prune.epoch, prune.minimum) {
            (Some(epoch), _) => format!("keys of epoch {epoch}: destruction {}", prune.phase),
            (None, minimum) => format!("entries below {}: pruning {}", minimum.unwrap_or(0), prune.phase),
        },
        Body::Heartbeat {} => "the log is alive".to_owned(),
    }
}

/// Whole sentences.
pub(super) fn long(body: &Body, zone: Zone) -> Vec<String> {
    match body {
        Body::Genesis(genesis) if genesis.continues.is_some() => upkeep::beginning(genesis),
        Body::Genesis(genesis) => vec![
            format!("The log begins. Its origin is {}.", genesis.origin),
            format!("Its heads are signed with the key {}.", genesis.vkey),
        ],
        Body::Policy(seen) => vec![format!(
            "The text of policy {} was seen for the first time. Its SHA-256 is {}.",
            seen.policy, seen.hash
        )],
        Body::Approval(ApprovalGiven { cancelled: Some(reason), by, policy, hash, .. }) => vec![format!(
            "{by} cancelled the approval of policy {policy}, whose text has the SHA-256 {hash}, before it let anything \
             happen. The reason given: {reason}."
        )],
        Body::Approval(given) => vec![
            format!(
                "{} approved policy {} when {} due.",
                given.by,
                given.policy,
                phrase::counted(given.count, "record was", "records were")
            ),
            format!(
                "The approval binds to the text with SHA-256 {}, and to the stores and schemas {}.",
                given.hash, given.bound_to
            ),
        ],
        Body::Run(note) => run(note, zone),
        Body::Intent(intent) => intent_text(intent),
        Body::Outcome(outcome) => outcome_text(outcome),
        Body::Recovery(recovery) => vec![format!(
            "After a crash the store was asked about batch {}: {}. Its outcome follows.",
            recovery.batch,
            fate(&recovery.fate)
        )],
        Body::Hold(hold) => hold_text(hold, zone),
        Body::Review(review) => review_text(review, zone),
        Body::Event(event) => vec![format!(
            "{} {} the event {}, which happened {}{}. Its key stands in the log only as a commitment.",
            event.by,
            changed(&event.change),
            event.name,
            phrase::local(event.at, zone),
            event.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
        )],
        Body::Pause(pause) => {
            let change = if pause.change == "pause" { "paused" } else { "resumed" };
            vec![format!("{} {change} {}.", pause.by, pause.scope)]
        }
        Body::KeyRotation(rotation) => upkeep::rotation(rotation, zone),
        Body::Prune(prune) => upkeep::prune(prune),
        Body::Heartbeat {} => vec!["Nothing happened, and the log is alive.".to_owned()],
    }
}

fn review_text(review: &ReviewNote, zone: Zone) -> Vec<String> {
    let by = review.by.as_deref().unwrap_or("forfall");
    let what = match review.change.as_str() {
        "open" => "opened",
        "propose" => "proposed a decision in",
        "decide" => "decided",
        "cancel" => "cancelled the decision in",
        "receipt" => "entered the archive's receipt in",
        "execute" => "carried out the decision in",
        _ => "closed",
    };
    let mut sentences = vec![format!(
        "{by} {what} review case {} of policy {} (stage {}, {} in store {}).",
        review.case, review.policy, review.stage, review.collection, review.store
    )];
    let part = review.part.map_or(String::new(), |part| format!(" as part {part} of the case"));
    let named = match review.only.is_empty() {
        true => String::new(),
        false => {
            format!(", decided over by themselves{part}: their keys stand in the log only as commitments")
        }
    };
    sentences.push(format!(
        "It is about {} due by {}{named}.",
        phrase::records(review.records),
        phrase::local(review.up_to, zone)
    ));
    sentences.extend(review.decision.as_ref().map(|decision| format!("The decision: {decision}.")));
    sentences.extend(review.reason.as_ref().map(|reason| format!("The reason given: {reason}.")));
    sentences.extend(review.reference.as_ref().map(|reference| {
        let from = review.valid_from.map_or(String::new(), |day| format!(", valid from {day}"));
        let until = review.valid_until.map_or(String::new(), |day| format!(", valid until {day}"));
        format!("It refers to {reference}{from}{until}.")
    }));
    sentences
}

fn run(note: &RunNote, zone: Zone) -> Vec<String> {
    let mut sentences = Vec::new();
    let up_to = phrase::local(note.cutoff, zone);
    match (note.phase, note.state) {
        (Phase::Started, _) => {
            sentences.push(format!(
                "Run {} of policy {} began, for what was due by {up_to}.",
                note.run, note.policy
            ));
        }
        (Phase::Finished, state) => {
            let state = state.map_or_else(|| "ended".to_owned(), |state| format!("ended {state}"));
            sentences.push(format!(
                "Run {} of policy {} {state}, for what was due by {up_to}.",
                note.run, note.policy
            ));
        }
    }
    if let Some(slots) = &note.slots {
        sentences.push(format!(
            "It stands for {}, the newest at {}.",
            phrase::counted(slots.count, "slot", "slots"),
            phrase::local(slots.last, zone)
        ));
    }
    for stage in &note.stages {
        let class = stage.class.as_ref().map_or(String::new(), |class| format!(" of class {class}"));
        sentences.push(format!(
            "Stage {}{class} ({}) on {} in store {}: {} done, {} skipped, {} failed.",
            stage.stage,
            stage.action,
            stage.collection,
            stage.store,
            phrase::number(stage.done),
            phrase::number(stage.skipped),
            phrase::number(stage.failed)
        ));
    }
    sentences.extend(note.reason.as_ref().map(|reason| format!("Reason: {reason}")));
    sentences
}

fn hold_text(hold: &HoldNote, zone: Zone) -> Vec<String> {
    let by = hold.by.as_deref().unwrap_or("forfall");
    let change = match hold.change.as_str() {
        "add" => "put in force",
        "end" => "wrote down the end of",
        "review" => "has looked again at",
        _ => "released",
    };
    let restriction = if hold.restriction { ", a restriction of processing" } else { "" };
    let matter = hold.matter.as_ref().map_or(String::new(), |matter| format!(", matter {matter}"));
    let authority = hold.authority.as_ref().map_or(String::new(), |who| format!(", ordered by {who}"));
    let mut covered = vec![if hold.key.is_some() { "one record" } else { "every record" }.to_owned()];
    covered.extend(hold.policy.as_ref().map(|policy| format!("under policy {policy}")));
    covered.extend(hold.collection.as_ref().map(|collection| format!("in {collection}")));
    covered.extend(hold.store.as_ref().map(|store| format!("in store {store}")));
    covered.extend(hold.between.as_ref().map(|window| {
        let (from, to) = (phrase::local(window.from, zone), phrase::local(window.to, zone));
        format!("whose starting point lies between {from} and {to}")
    }));
    covered.extend(
        hold.condition
            .as_ref()
            .map(|_| "that meets a condition, which stands in the log only as a commitment".to_owned()),
    );
    vec![
        format!("{by} {change} hold {} ({}{restriction}{matter}{authority}).", hold.hold, hold.reason),
        format!("It covers {}.", covered.join(" ")),
    ]
}

fn intent_text(intent: &Intent) -> Vec<String> {
    let label = &intent.label;
    let class = label.class.as_ref().map_or(String::new(), |class| format!(" of class {class}"));
    let mut sentences = vec![
        format!(
            "Batch {} was about to {} {} of {} in store {}.",
            label.batch,
            label.action,
            phrase::records(intent.count),
            label.collection,
            label.store
        ),
        format!(
            "It carries out stage {}{class} of policy {} (text with SHA-256 {}) in run {}.",
            label.stage, label.policy, intent.hash, label.run
        ),
        format!(
            "The records are bound by commitments with the root {}, key epoch {}.",
            intent.root, intent.epoch
        ),
    ];
    for companion in &intent.companions {
        sentences.push(format!(
            "With them go {} of {}.",
            phrase::records(companion.count),
            companion.collection
        ));
    }
    sentences
}

fn outcome_text(outcome: &Outcome) -> Vec<String> {
    let basis = match outcome.basis.as_str() {
        "marked" => "The store keeps a mark of the batch.",
        _ => "Each record was looked at.",
    };
    vec![
        format!(
            "Batch {} of policy {}, run {}: {}.",
            outcome.batch,
            outcome.policy,
            outcome.run,
            outcome_counts(outcome)
        ),
        basis.to_owned(),
    ]
}

fn outcome_counts(outcome: &Outcome) -> String {
    let counts = [(outcome.skipped, "skipped"), (outcome.failed, "failed")];
    let mut parts = vec![format!("{} done", phrase::number(outcome.done))];
    for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
        parts.push(format!("{} {word}", phrase::number(count)));
    }
    parts.join(", ")
}

fn done(note: &RunNote) -> u64 {
    note.stages.iter().map(|stage| stage.done).sum()
}

fn fate(word: &str) -> &str {
    match word {
        "done" => "all of it had happened",
        "not-done" => "none of it had happened",
        _ => "it was settled record by record",
    }
}

fn changed(word: &str) -> &str {
    match word {
        "add" => "recorded",
        "withdraw" => "withdrew",
        "release" => "released",
        other => other,
    }
}
