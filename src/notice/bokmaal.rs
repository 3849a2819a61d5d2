//! Notices in Norwegian bokmål.

use std::fmt::Write as _;

use chrono::Datelike as _;

use crate::model::notice::{Digest, DigestLine, Lateness, Level, Notice, RunCounts};
use crate::model::review::Verdict;
use crate::notice::letter::{look_at, paragraphs};
use crate::time::{Instant, Zone};

/// The rest of the subject line.
pub(super) fn line(notice: &Notice, zone: Zone) -> String {
    match notice {
        Notice::Prior { from, records, .. } => match records {
            Some(records) => format!("om lag {} fra {}", counted(*records), day(*from, zone)),
            None => format!("poster fra {}", day(*from, zone)),
        },
        Notice::Review { records, reminder: false, .. } => {
            format!("{} venter på en avgjørelse", counted(*records))
        }
        Notice::Review { records, .. } => format!("{} venter fortsatt på en avgjørelse", counted(*records)),
        Notice::RunIncomplete { .. } => "en kjøring er ufullstendig".to_owned(),
        Notice::RunStopped { .. } => "en kjøring ble stoppet før den første slettingen".to_owned(),
        Notice::Overdue { level: Level::Cleared, .. } => "ingenting er lenger på overtid".to_owned(),
        Notice::Overdue { level: Level::Breach, .. } => "fristen er brutt".to_owned(),
        Notice::Overdue { records, lateness, .. } => match lateness {
            Some(late) => format!("{} på overtid, frist {}", counted(*records), time(late.deadline, zone)),
            None => format!("{} på overtid", counted(*records)),
        },
        Notice::Undetermined { records, .. } => {
            format!("{} uten kjent regel eller startdato", counted(*records))
        }
        Notice::Stale { waiting, undetermined, .. } => {
            format!("{} uten startpunkt for lenge", counted(waiting + undetermined))
        }
        Notice::HoldReview { review, .. } => format!("en sperring skulle vurderes på nytt {}", date(*review)),
        Notice::Clock { .. } => "klokken er ikke til å stole på, ingenting slettes".to_owned(),
        Notice::Digest(digest) => {
            let overdue: u64 = digest.policies.iter().map(|line| line.overdue).sum();
            let late = match overdue {
                0 => "ingenting på overtid".to_owned(),
                some => format!("{} på overtid", counted(some)),
            };
            format!("ukesrapport {}, {late}", day(digest.slot, zone))
        }
        Notice::TestAlarm { slot, code } => format!("kvitter med {code} ({})", day(*slot, zone)),
        Notice::Trial => "dette er en prøve".to_owned(),
    }
}

/// The text.
pub(super) fn body(notice: &Notice, zone: Zone) -> String {
    let text = text(notice, zone);
    paragraphs(&format!("{text}\n\nTidspunktene gjelder {zone}. Meldingen er sendt av forfall."))
}

fn text(notice: &Notice, zone: Zone) -> String {
    match notice {
        Notice::Prior { policy, from, through, records } => {
            let records = records.map_or_else(
                || "Hvor mange poster det gjelder, kan ikke sies nå.".to_owned(),
                |records| format!("Etter prognosen gjelder det {}.", counted(records)),
            );
            let when = if from == through {
                time(*from, zone)
            } else {
                format!("fra {} til {}", time(*from, zone), time(*through, zone))
            };
            format!(
                "Etter regelen {policy} blir poster behandlet eller slettet {when}. {records}\n\nDet som må beholdes, \
                 kan sperres før den tid:\n\n    forfall plan {policy}\n    forfall hold add --policy {policy} \
                 --reason KODE"
            )
        }
        Notice::Review { .. } => review(notice, zone),
        Notice::RunIncomplete { policy, run, ended, counts } => format!(
            "En kjøring av regelen {policy} ble avsluttet {} og er ufullstendig: {}. Den prøves igjen av seg \
             selv.\n\nSlik finner du årsaken:\n\n    forfall status {policy}\n    forfall audit list --run {run}",
            time(*ended, zone),
            came_to(*counts)
        ),
        Notice::RunStopped { policy, ended, .. } => format!(
            "En sikkerhetssperre stoppet kjøringen av regelen {policy}, som ble avsluttet {}, før noe var slettet. \
             Ingenting slettes etter denne regelen før noen har sett på saken og godkjent den på nytt.\n\n    forfall \
             status {policy}\n    forfall plan {policy}\n    forfall approve {policy}",
            time(*ended, zone)
        ),
        Notice::Overdue { policy, level, records, lateness, forecast } => {
            overdue(policy.as_str(), *level, *records, *lateness, *forecast, zone)
        }
        Notice::Undetermined { policy, records, total, limit } => format!(
            "For {} av {} under regelen {policy} kan det ikke avgjøres når fristen begynner å løpe, eller hvilken regel \
             som gjelder. De beholdes. Grensen er {}.\n\n    forfall status {policy}\n    forfall check",
            number(*records),
            counted(*total),
            number(*limit)
        ),
        Notice::Stale { policy, waiting, undetermined, since } => format!(
            "Under regelen {policy} har {} vært uten startpunkt lenger enn stale-after tillater: {} venter på det, og \
             for {} kan det ikke avgjøres. Den første ble sett slik {}. De beholdes til en hendelse registreres, en \
             verdi rettes eller regelen endres.\n\n    forfall event waiting {policy}\n    forfall status {policy}",
            counted(waiting + undetermined),
            number(*waiting),
            number(*undetermined),
            time(*since, zone)
        ),
        Notice::HoldReview { hold, review, until, .. } => {
            let end = match until {
                Some(end) => format!("Av seg selv opphører den {}.", time(*end, zone)),
                None => "Den gjelder til noen opphever den.".to_owned(),
            };
            format!(
                "Sperringen {hold} skulle vurderes på nytt {}. {end}\n\n    forfall hold list\n    forfall hold reviewed \
                 {hold} --next DAG\n    forfall hold release {hold}",
                date(*review)
            )
        }
        Notice::Clock { shows } => format!(
            "Klokken på denne maskinen viser {}. Det kan ikke stemme, eller den har gjort et hopp. Ingenting slettes \
             før den er stilt riktig. Varsler sendes fortsatt, men tidspunktene i dem kan være feil.\n\n    forfall \
             status\n    timedatectl",
            time(*shows, zone)
        ),
        Notice::Digest(digest) => digest_text(digest, zone),
        Notice::TestAlarm { slot, code } => format!(
            "Denne alarmen fra {} prøver om alarmer kommer fram. Kvitter ved å skrive\n\n    forfall alarm ack {code}\n\nSå \
             lenge ingen gjør det, vises den i status og i ukesrapporten.",
            time(*slot, zone)
        ),
        Notice::Trial => {
            "Noen prøver om meldinger kommer fram hit (forfall notify test). Du trenger ikke å gjøre noe."
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
    let again = if *reminder { "Dette er en påminnelse. " } else { "" };
    let question = question.as_ref().map_or_else(String::new, |text| format!("\n\nSpørsmålet: {text}"));
    let words: Vec<String> = decisions.iter().map(|verdict| meaning(*verdict)).collect();
    let until = deadline
        .map_or_else(String::new, |deadline| format!(" Avgjørelsen ventes innen {}.", time(deadline, zone)));
    let proposed = match proposed {
        true => " Noen har foreslått en avgjørelse; én til må avgjøre det samme.",
        false => "",
    };
    format!(
        "{again}I vurderingssaken {case} etter regelen {policy} har {} ventet på en avgjørelse siden {}.{until} Alt \
         beholdes til saken er avgjort.{proposed}{question}\n\nMulige avgjørelser: {}.\n\n{}",
        counted(*records),
        time(*opened, zone),
        words.join(", "),
        look_at(*case, "AVGJØRELSE", "KODE")
    )
}

/// The word on the command line, and what it means.
fn meaning(verdict: Verdict) -> String {
    let means = match verdict {
        Verdict::Delete => "slettes",
        Verdict::Extend => "beholdes til videre",
        Verdict::Preserve => "bevares",
        Verdict::Transfer => "avleveres",
    };
    format!("{} ({means})", verdict.word())
}

fn overdue(
    policy: &str,
    level: Level,
    records: u64,
    lateness: Option<Lateness>,
    forecast: bool,
    zone: Zone,
) -> String {
    let Some(late) = lateness.filter(|_| level != Level::Cleared) else {
        return format!("Under regelen {policy} er ingenting lenger på overtid.");
    };
    let known = if forecast {
        " Datalageret svarer ikke: dette er det prognosen sier, minus det som er gjort siden."
    } else {
        ""
    };
    let deadline = time(late.deadline, zone);
    let first = if level == Level::Breach {
        format!("fristen for den eldste gikk ut {deadline}")
    } else {
        format!("fristen for den eldste går ut {deadline}")
    };
    let part = match level {
        Level::Urgent => " Fire femdeler av tiden fram til fristen er gått.",
        Level::Warning => " Halvparten av tiden fram til fristen er gått.",
        Level::Breach | Level::Cleared => "",
    };
    format!(
        "Under regelen {policy} er {} på overtid, den eldste siden {}; {first}.{part}{known}\n\nSlik finner du ut \
         hvorfor ingenting er gjort:\n\n    forfall status {policy}",
        counted(records),
        time(late.due, zone)
    )
}

fn digest_text(digest: &Digest, zone: Zone) -> String {
    let mut text = format!("Status per {}.\n", time(digest.slot, zone));
    let late = digest.policies.iter().filter(|line| line.overdue > 0);
    match late.clone().count() {
        0 => text.push_str("\nIngenting er på overtid.\n"),
        _ => text.push_str("\nPå overtid:\n\n"),
    }
    for line in late {
        let oldest =
            line.oldest_overdue_seconds.map_or_else(String::new, |s| format!(", den eldste i {}", span(s)));
        let _ = writeln!(text, "    {}: {}{oldest}", line.policy, counted(line.overdue));
    }
    if !digest.policies.is_empty() {
        text.push_str("\nRegler:\n\n");
    }
    for line in &digest.policies {
        let _ = writeln!(text, "    {}: {}", line.policy, standing(line, zone));
    }
    if !digest.gaps.is_empty() {
        text.push_str("\nData som ingen regel dekker (forfall coverage):\n\n");
    }
    for (store, gaps) in &digest.gaps {
        let _ = writeln!(text, "    {store}: {}", plural(*gaps, "hull", "hull"));
    }
    if !digest.unacknowledged.is_empty() {
        text.push_str("\nDen siste prøvealarmen er ikke kvittert av:\n\n");
    }
    for name in &digest.unacknowledged {
        let _ = writeln!(text, "    {name}");
    }
    if digest.undelivered > 0 {
        let letters = plural(digest.undelivered, "melding", "meldinger");
        let _ = writeln!(text, "\n{letters} er ikke levert ennå (forfall notify list).");
    }
    text.trim_end().to_owned()
}

fn standing(line: &DigestLine, zone: Zone) -> String {
    let state = match line.state.as_str() {
        "ok" => "i orden",
        "unresolved" => "uavklart",
        "unreachable" => "datalageret svarer ikke",
        "not approved" => "ikke godkjent",
        "observed" => "venter etter godkjenning",
        "paused" => "satt på pause",
        "overdue" => "på overtid",
        "breach" => "fristbrudd",
        "undetermined" => "ubestemt",
        "incomplete" => "ufullstendig",
        "stopped" => "stoppet",
        other => other,
    };
    let mut parts = vec![state.to_owned()];
    let counts = [
        (line.due, "forfalt"),
        (line.undetermined, "ubestemt"),
        (line.waiting, "venter"),
        (line.held, "sperret"),
        (line.escalated, "til avgjørelse"),
    ];
    parts.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(*n))));
    if line.state != "unresolved" {
        parts.push(match line.last_complete {
            Some(at) => format!("siste fullstendige kjøring {}", time(at, zone)),
            None => "ingen fullstendig kjøring ennå".to_owned(),
        });
    }
    parts.join(", ")
}

fn came_to(counts: RunCounts) -> String {
    let RunCounts { due, done, skipped, failed } = counts;
    let mut text = format!("{} av {} er behandlet", number(done), counted(due));
    for (count, what) in [(skipped, "er hoppet over"), (failed, "mislyktes")] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", number(count));
        }
    }
    text
}

fn counted(records: u64) -> String {
    plural(records, "post", "poster")
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

fn number(value: u64) -> String {
    super::letter::grouped(value, '\u{a0}')
}

fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let units = [(86_400, "dag", "dager"), (3_600, "time", "timer"), (60, "minutt", "minutter")];
    for (length, one, many) in units {
        if seconds >= length {
            return plural(seconds / length, one, many);
        }
    }
    plural(seconds, "sekund", "sekunder")
}

fn time(at: Instant, zone: Zone) -> String {
    let local = zone.local(at);
    format!("{} kl. {}", date(local.date()), local.format("%H.%M"))
}

fn day(at: Instant, zone: Zone) -> String {
    date(zone.local(at).date())
}

fn date(day: chrono::NaiveDate) -> String {
    const MONTHS: [&str; 12] = [
        "januar",
        "februar",
        "mars",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "desember",
    ];
    format!("{}. {} {}", day.day(), MONTHS[day.month0() as usize], day.year())
}
