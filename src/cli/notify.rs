//! `forfall notify`: what people are told, and whether it arrives.

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::table::{Column, Field, Grid};
use super::{Context, phrase};
use crate::config::notify::Role;
use crate::model::ids::PolicyId;
use crate::model::notice::Notice;
use crate::notice::post::Carrier;
use crate::notice::{address, letter};
use crate::state::outbox::{Asked, Posted};
use crate::time::Instant;

/// How many letters are listed.
const LISTED: usize = 1_000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what waits to be delivered, or everything of the last 90 days
    List {
        /// Also what was delivered, newest first
        #[arg(long)]
        all: bool,
    },
    /// Show a message as it is delivered
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Send a trial message to each recipient now, and tell what the other side says
    Test {
        /// The roles; all of them, if none is named
        roles: Vec<String>,
    },
    /// Try to deliver now what waits, however long it was to wait still
    Retry {
        /// The ids; all of them, if none is named
        ids: Vec<String>,
    },
    /// Look for what has to be told, and deliver it: for machines without the daemon, which does this by itself
    Send,
}

#[derive(Serialize)]
struct Listing<'a> {
    notices: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    kind: &'a str,
    policy: Option<&'a str>,
    channel: &'a str,
    to: &'a str,
    subject: &'a str,
    written: Instant,
    attempts: u32,
    sent: Option<Instant>,
    next: Option<Instant>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Trials {
    trials: Vec<Trial>,
}

#[derive(Serialize)]
struct Trial {
    role: String,
    channel: &'static str,
    to: String,
    delivered: bool,
    answer: String,
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    match command {
        Command::List { all } => list(*all, &session, context),
        Command::Show { id } => show(id, &session, context),
        Command::Test { roles } => test(roles, &session, context),
        Command::Retry { ids } => retry(ids, &session, context),
        Command::Send => send(&session, context),
    }
}

fn list(all: bool, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let asked = if all { Asked::All } else { Asked::Waiting };
    let letters = session.outbox.letters(asked, context.clock.now(), LISTED)?;
    if context.output.is_json() {
        context.output.json(&Listing { notices: letters.iter().map(entry).collect() })?;
        return Ok(Exit::Done);
    }
    if letters.is_empty() {
        context.output.say(if all {
            "Nobody was told anything yet."
        } else {
            "Nothing waits to be delivered."
        });
        return Ok(Exit::Done);
    }
    let columns = [
        Column::Text("id"),
        Column::Text("written"),
        Column::Text("to"),
        Column::Flexible("subject"),
        Column::Text("state"),
    ];
    let mut grid = Grid::new(context.output, &columns);
    let zone = session.zone();
    for posted in &letters {
        let letter = &posted.letter;
        let state = match (posted.sent, posted.attempts) {
            (Some(_), _) => Field::from("delivered").toned(Tone::Good),
            (None, 0) => Field::from("waits"),
            (None, tries) => Field::from(format!("failed {tries}x")).toned(Tone::Bad),
        };
        let (id, subject) = (letter.id.get(..8).unwrap_or(&letter.id), letter.subject.as_str());
        let subject = subject.strip_prefix("[forfall] ").unwrap_or(subject);
        let written = phrase::day(letter.written, zone);
        grid.row([id.into(), written.into(), letter.to.to_string().into(), subject.into(), state]);
    }
    grid.print()?;
    for posted in letters.iter().filter(|posted| posted.error.is_some()) {
        let (id, why) =
            (posted.letter.id.get(..8).unwrap_or_default(), posted.error.as_deref().unwrap_or_default());
        let next =
            posted.next.map_or_else(String::new, |at| format!("; next try {}", phrase::slot(at, zone)));
        context.output.prose(&format!("{id}: {}{next}", phrase::safe(why)), 2)?;
    }
    Ok(Exit::Done)
}

fn entry(posted: &Posted) -> Entry<'_> {
    let letter = &posted.letter;
    Entry {
        id: &letter.id,
        kind: letter.kind.word(),
        policy: letter.policy.as_ref().map(PolicyId::as_str),
        channel: letter.to.channel.word(),
        to: &letter.to.address,
        subject: &letter.subject,
        written: letter.written,
        attempts: posted.attempts,
        sent: posted.sent,
        next: posted.next,
        error: posted.error.as_deref(),
    }
}

/// The one letter whose id begins so.
fn found(id: &str, session: &Session, context: &Context) -> Result<Posted, Failure> {
    let all = session.outbox.letters(Asked::All, context.clock.now(), usize::MAX)?;
    let mut matching = all.into_iter().filter(|posted| !id.is_empty() && posted.letter.id.starts_with(id));
    match (matching.next(), matching.next()) {
        (Some(posted), None) => Ok(posted),
        (None, _) => {
            Err(Failure::usage(format!("there is no message {id}: `forfall notify list --all` lists them")))
        }
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several messages begin with {id}: write more of it")))
        }
    }
}

fn show(id: &str, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let posted = found(id, session, context)?;
    if context.output.is_json() {
        return context.output.raw(&posted.letter.payload).map(|()| Exit::Done);
    }
    context.output.line(format!("To: {}", posted.letter.to))?;
    context.output.line(format!("Subject: {}", posted.letter.subject))?;
    context.output.line("")?;
    context.output.verbatim(&posted.letter.body)?;
    Ok(Exit::Done)
}

fn test(names: &[String], session: &Session, context: &Context) -> Result<Exit, Failure> {
    let settings = &session.config.notify;
    if settings.roles.is_empty() {
        return Err(nobody());
    }
    let roles: Vec<&Role> =
        settings.roles.iter().filter(|role| names.is_empty() || names.contains(&role.name)).collect();
    if let Some(unknown) = names.iter().find(|name| !roles.iter().any(|role| role.name == **name)) {
        let known: Vec<_> = settings.roles.iter().map(|role| role.name.as_str()).collect();
        return Err(Failure::usage(format!("there is no role {unknown}: there are {}", known.join(", "))));
    }
    let carrier = Carrier::new(settings.clone(), context.clock.clone());
    let mut trials = Vec::new();
    for role in roles {
        for to in address::recipients_of(role) {
            let now = context.clock.now();
            let period = now.timestamp_micros().to_string();
            let letter = letter::write(&Notice::Trial, &period, &to, role.language, session.zone(), now);
            let result = carrier.deliver(&letter);
            trials.push(Trial {
                role: role.name.clone(),
                channel: to.channel.word(),
                to: to.address,
                delivered: result.is_ok(),
                answer: result.unwrap_or_else(|trouble| trouble.why),
            });
        }
    }
    let failed = trials.iter().any(|trial| !trial.delivered);
    if context.output.is_json() {
        context.output.json(&Trials { trials })?;
    } else {
        for trial in &trials {
            let (tone, how) = if trial.delivered { (Tone::Good, "taken") } else { (Tone::Bad, "failed") };
            let answer = phrase::safe(&trial.answer);
            let how = context.output.paint(tone, how);
            context
                .output
                .prose(&format!("{}, {} {}: {how}: {answer}", trial.role, trial.channel, trial.to), 2)?;
        }
    }
    Ok(if failed { Exit::Incomplete } else { Exit::Done })
}

fn nobody() -> Failure {
    Failure::usage(
        "nobody is to be told: the configuration has no `[notify.role.NAME]`. docs/operations.md shows how to write one",
    )
}

fn retry(ids: &[String], session: &Session, context: &Context) -> Result<Exit, Failure> {
    let full = ids.iter().map(|id| Ok(found(id, session, context)?.letter.id));
    let full: Vec<String> = full.collect::<Result<_, Failure>>()?;
    session.outbox.hurry(context.clock.now(), (!full.is_empty()).then_some(&full))?;
    let carrier = Carrier::new(session.config.notify.clone(), context.clock.clone());
    deliver(&|| carrier.round(&*session.outbox), context)
}

fn send(session: &Session, context: &Context) -> Result<Exit, Failure> {
    let desk = session.desk();
    if !desk.is_staffed() {
        return Err(nobody());
    }
    desk.look()?;
    desk.decide(false)?;
    deliver(&|| desk.deliver(), context)
}

/// Delivers until nothing is due any more.
fn deliver(
    round: &dyn Fn() -> Result<crate::notice::post::Round, crate::state::api::StateError>,
    context: &Context,
) -> Result<Exit, Failure> {
    let (mut delivered, mut failed) = (0, Vec::new());
    loop {
        let one = round()?;
        if one.busy {
            context.output.tell("Another process is delivering: it takes what waits with it.");
            return Ok(Exit::Done);
        }
        let nothing = one.delivered == 0 && one.failed.is_empty();
        delivered += one.delivered;
        failed.extend(one.failed);
        if nothing {
            break;
        }
    }
    for (to, why) in &failed {
        context.output.warn(format!("{to}: {}", phrase::safe(why)));
    }
    context.output.tell(format!("{} delivered.", phrase::counted(delivered as u64, "message", "messages")));
    Ok(if failed.is_empty() { Exit::Done } else { Exit::Incomplete })
}
