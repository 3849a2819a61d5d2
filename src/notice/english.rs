//! Notices in English.

use std::fmt::Write as _;

use crate::model::notice::{Digest, DigestLine, Level, Notice, RunCounts};
use crate::notice::letter::{look_at, paragraphs};
use crate::time::{Instant, Zone};

/// The rest of the subject line.
pub(super) fn line(notice: &Notice, zone: Zone) -> String {
    match notice {
        Notice::Prior { from, records, .. } => match records {
            Some(records) => format!("about {} from {}", counted(*records), day(*from, zone)),
            None => format!("records from {}", day(*from, zone)),
        },
        Notice::Review { records, reminder: false, .. } => {
            format!("{} for a decision", plural(*records, "record waits", "records wait"))
        }
        Notice::Review { records, .. } => {
            format!("{} for a decision", plural(*records, "record still waits", "records still wait"))
        }
        Notice::RunIncomplete { .. } => "a run is incomplete".to_owned(),
        Notice::RunStopped { .. } => "a run was stopped before its first deletion".to_owned(),
        Notice::Overdue { level: Level::Cleared, .. } => "nothing is overdue any more".to_owned(),
        Notice::Overdue { level: Level::Breach, .. } => "records are past their deadline".to_owned(),
        Notice::Overdue { records, lateness, .. } => match lateness {
            Some(late) => format!("{} overdue, deadline {}", counted(*records), time(late.deadline, zone)),
            None => format!("{} overdue", counted(*records)),
        },
        Notice::Undetermined { records, .. } => format!("{} undetermined", counted(*records)),
        Notice::Stale { waiting, undetermined, .. } => {
            format!("{} without a start for too long", counted(waiting + undetermined))
        }
        Notice::HoldReview { review, .. } => format!("look at a hold again, due {}", date(*review)),
        Notice::Clock { .. } => "the clock is not trusted, nothing is deleted".to_owned(),
        Notice::Digest(digest) => {
            let overdue: u64 = digest.policies.iter().map(|line| line.overdue).sum();
            let late = match overdue {
                0 => "nothing overdue".to_owned(),
                some => format!("{} overdue", counted(some)),
            };
            format!("week to {}, {late}", day(digest.slot, zone))
        }
        Notice::TestAlarm { slot, code } => {
            format!("please acknowledge {code} ({})", day(*slot, zone))
        }
        Notice::Trial => "this is a trial".to_owned(),
    }
}

/// The text.
pub(super) fn body(notice: &Notice, zone: Zone) -> String {
    let text = text(notice, zone);
    paragraphs(&format!("{text}\n\nTimes are those of {zone}. This message was sent by forfall."))
}

fn text(notice: &Notice, zone: Zone) -> String {
    match notice {
        Notice::Prior { policy, from, through, records } => {
            let records = records.map_or_else(
                || "How many records that concerns cannot be told now.".to_owned(),
                |records| format!("By the forecast that concerns {}.", counted(records)),
            );
            let when = if from == through {
                format!("on {}", time(*from, zone))
            } else {
                format!("from {} to {}", time(*from, zone), time(*through, zone))
            };
            format!(
                "Under the policy {policy} records will be disposed of {when}. {records}\n\nWhat must be kept can be \
                 held until then:\n\n    forfall plan {policy}\n    forfall hold add --policy {policy} --reason CODE"
            )
        }
        Notice::Review { .. } => review(notice, zone),
        Notice::RunIncomplete { policy, run, ended, counts } => format!(
            "A run of the policy {policy} ended on {} and is incomplete: {}. It is tried again by itself.\n\nWhy it \
             is incomplete:\n\n    forfall status {policy}\n    forfall audit list --run {run}",
            time(*ended, zone),
            came_to(*counts)
        ),
        Notice::RunStopped { policy, ended, .. } => format!(
            "A safety gate stopped the run of the policy {policy} that ended on {}, before its first deletion. \
             Nothing is deleted under this policy until somebody has looked at it and approved it again.\n\n    \
             forfall status {policy}\n    forfall plan {policy}\n    forfall approve {policy}",
            time(*ended, zone)
        ),
        Notice::Overdue { policy, level, records, lateness, forecast } => {
            overdue(policy.as_str(), *level, *records, *lateness, *forecast, zone)
        }
        Notice::Undetermined { policy, records, total, limit } => format!(
            "Of {} under the policy {policy} {} {} undetermined: when they begin, or which rule they follow, cannot be \
             known. They are kept. The limit is {}.\n\n    forfall status {policy}\n    forfall check",
            counted(*total),
            number(*records),
            if *records == 1 { "is" } else { "are" },
            number(*limit)
        ),
        Notice::Stale { policy, waiting, undetermined, since } => format!(
            "Under the policy {policy} {} had no start for longer than stale-after allows: {} waiting for it, {} \
             undetermined. The first was seen so on {}. They are kept, and stay so until an event is recorded, a value \
             is put right, or the policy is changed.\n\n    forfall event waiting {policy}\n    forfall status {policy}",
            plural(waiting + undetermined, "record has", "records have"),
            number(*waiting),
            number(*undetermined),
            time(*since, zone)
        ),
        Notice::HoldReview { hold, review, until, .. } => {
            let end = match until {
                Some(end) => format!("By itself it ends {}.", time(*end, zone)),
                None => "It stays in force until somebody releases it.".to_owned(),
            };
            format!(
                "The hold {hold} was to be looked at again on {}. {end}\n\n    forfall hold list\n    forfall hold reviewed \
                 {hold} --next DAY\n    forfall hold release {hold}",
                date(*review)
            )
        }
        Notice::Clock { shows } => format!(
            "The clock of this machine shows {}, and that cannot be right, or it has jumped. Nothing is deleted until \
             it is set right. Alarms still go out, but their times may be wrong.\n\n    forfall status\n    timedatectl",
            time(*shows, zone)
        ),
        Notice::Digest(digest) => digest_text(digest, zone),
        Notice::TestAlarm { slot, code } => format!(
            "This alarm of {} tests whether alarms arrive. Please enter\n\n    forfall alarm ack {code}\n\nAs long as \
             nobody does, status and digest show it.",
            time(*slot, zone)
        ),
        Notice::Trial => {
            "Somebody tries whether messages arrive here (forfall notify test). There is nothing to do."
                .to_owned()
        }
    }
}

fn review(notice: &Notice, zone: Zone) -> String {
    let Notice::Review { policy, case, records, opened, question, decisions, proposed, deadline, reminder } =
        notice
    else {
        return String::new();
    };
    let again = if *reminder { "This is a reminder. " } else { "" };
    let question = question.as_ref().map_or_else(String::new, |text| format!("\n\nThe question: {text}"));
    let words: Vec<&str> = decisions.iter().map(|verdict| verdict.word()).collect();
    let until = deadline
        .map_or_else(String::new, |deadline| format!(" A decision is expected by {}.", time(deadline, zone)));
    let proposed = match proposed {
        true => " Somebody has proposed a decision; another person has to decide the same.",
        false => "",
    };
    format!(
        "{again}In review case {case} of the policy {policy} {} for a decision since {}.{until} Until then everything is \
         kept.{proposed}{question}\n\nMay be decided: {}.\n\n{}",
        plural(*records, "record has waited", "records have waited"),
        time(*opened, zone),
        words.join(", "),
        look_at(*case, "DECISION", "CODE")
    )
}

fn overdue(
    policy: &str,
    level: Level,
    records: u64,
    lateness: Option<crate::model::notice::Lateness>,
    forecast: bool,
    zone: Zone,
) -> String {
    let Some(late) = lateness.filter(|_| level != Level::Cleared) else {
        return format!("Under the policy {policy} nothing is overdue any more.");
    };
    let known = if forecast {
        " The store does not answer: this is what the forecast says, less what was done since."
    } else {
        ""
    };
    let deadline = time(late.deadline, zone);
    let first = if level == Level::Breach {
        format!("the deadline for the oldest of them was {deadline}")
    } else {
        format!("the deadline for the oldest of them is {deadline}")
    };
    let part = match level {
        Level::Urgent => " Four fifths of the time to the deadline have passed.",
        Level::Warning => " Half of the time to the deadline has passed.",
        Level::Breach | Level::Cleared => "",
    };
    format!(
        "Under the policy {policy} {} overdue, due since {}; {first}.{part}{known}\n\nWhy nothing was done:\n\n    \
         forfall status {policy}",
        is_or_are(records),
        time(late.due, zone)
    )
}

fn digest_text(digest: &Digest, zone: Zone) -> String {
    let mut text = format!("How things stand on {}.\n", time(digest.slot, zone));
    let late = digest.policies.iter().filter(|line| line.overdue > 0);
    match late.clone().count() {
        0 => text.push_str("\nNothing is overdue.\n"),
        _ => text.push_str("\nOverdue:\n\n"),
    }
    for line in late {
        let oldest =
            line.oldest_overdue_seconds.map_or_else(String::new, |s| format!(", the oldest for {}", span(s)));
        let _ = writeln!(text, "    {}: {}{oldest}", line.policy, counted(line.overdue));
    }
    if !digest.policies.is_empty() {
        text.push_str("\nPolicies:\n\n");
    }
    for line in &digest.policies {
        let _ = writeln!(text, "    {}: {}", line.policy, standing(line, zone));
    }
    if !digest.gaps.is_empty() {
        text.push_str("\nData that no policy covers (forfall coverage):\n\n");
    }
    for (store, gaps) in &digest.gaps {
        let _ = writeln!(text, "    {store}: {}", plural(*gaps, "gap", "gaps"));
    }
    if !digest.unacknowledged.is_empty() {
        text.push_str("\nThe last test alarm was not acknowledged by:\n\n");
    }
    for name in &digest.unacknowledged {
        let _ = writeln!(text, "    {name}");
    }
    if digest.undelivered > 0 {
        let letters = plural(digest.undelivered, "message could", "messages could");
        let _ = writeln!(text, "\n{letters} not be delivered so far (forfall notify list).");
    }
    text.trim_end().to_owned()
}

fn standing(line: &DigestLine, zone: Zone) -> String {
    let mut parts = vec![line.state.clone()];
    let counts = [
        (line.due, "due"),
        (line.undetermined, "undetermined"),
        (line.waiting, "waiting"),
        (line.held, "held"),
        (line.escalated, "for a decision"),
    ];
    parts.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(*n))));
    if line.state != "unresolved" {
        parts.push(match line.last_complete {
            Some(at) => format!("last complete run {}", time(at, zone)),
            None => "no complete run yet".to_owned(),
        });
    }
    parts.join(", ")
}

fn came_to(counts: RunCounts) -> String {
    let RunCounts { due, done, skipped, failed } = counts;
    let mut text = format!("{} of {} done", number(done), counted(due));
    for (count, what) in [(skipped, "left alone"), (failed, "failed")] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", number(count));
        }
    }
    text
}

fn is_or_are(records: u64) -> String {
    plural(records, "record is", "records are")
}

fn counted(records: u64) -> String {
    plural(records, "record", "records")
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

fn number(value: u64) -> String {
    super::letter::grouped(value, ',')
}

fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    for (unit, length) in [("day", 86_400), ("hour", 3_600), ("minute", 60)] {
        if seconds >= length {
            return plural(seconds / length, unit, &format!("{unit}s"));
        }
    }
    plural(seconds, "second", "seconds")
}

fn time(at: Instant, zone: Zone) -> String {
    zone.local(at).format("%-d %B %Y at %H:%M").to_string()
}

fn day(at: Instant, zone: Zone) -> String {
    date(zone.local(at).date())
}

fn date(day: chrono::NaiveDate) -> String {
    day.format("%-d %B %Y").to_string()
}
