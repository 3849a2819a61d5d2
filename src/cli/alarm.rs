//! `forfall alarm`: what people were alarmed of and still holds, and the test alarms that they acknowledge.

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::table::{Column, Field, Grid, maybe};
use super::{Context, phrase};
use crate::model::notice::{Kind, Level};
use crate::state::outbox::Alarm;
use crate::time::Instant;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the alarms that are open
    List,
    /// Acknowledge a test alarm with the code that it brought
    Ack {
        /// The code
        code: String,
    },
}

#[derive(Serialize)]
struct Listing<'a> {
    alarms: Vec<Entry<'a>>,
}

/// An open alarm in JSON; the code of a test alarm is not in it: only the message has it.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    kind: &'a str,
    subject: &'a str,
    level: Option<&'static str>,
    since: Instant,
    told: Instant,
    acknowledged: Option<Instant>,
    acknowledged_by: Option<&'a str>,
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    match command {
        Command::List => list(&session, context),
        Command::Ack { code } => ack(code, &session, context),
    }
}

pub(super) fn entry(alarm: &Alarm) -> Entry<'_> {
    Entry {
        kind: alarm.kind.word(),
        subject: &alarm.subject,
        level: level(alarm),
        since: alarm.since,
        told: alarm.told,
        acknowledged: alarm.acknowledged.as_ref().map(|(at, _)| *at),
        acknowledged_by: alarm.acknowledged.as_ref().map(|(_, by)| by.0.as_str()),
    }
}

fn level(alarm: &Alarm) -> Option<&'static str> {
    let levels = [Level::Warning, Level::Urgent, Level::Breach];
    (alarm.kind == Kind::Overdue)
        .then(|| levels.into_iter().find(|level| *level as i64 == alarm.level).map(Level::word))
        .flatten()
}

fn list(session: &Session, context: &Context) -> Result<Exit, Failure> {
    let book = session.outbox.book()?;
    if context.output.is_json() {
        context.output.json(&Listing { alarms: book.alarms.iter().map(entry).collect() })?;
        return Ok(Exit::Done);
    }
    if book.alarms.is_empty() {
        context.output.say("No alarm is open.");
        return Ok(Exit::Done);
    }
    let columns =
        [Column::Text("alarm"), Column::Flexible("about"), Column::Text("since"), Column::Flexible("state")];
    let mut grid = Grid::new(context.output, &columns);
    for alarm in &book.alarms {
        let about = (!alarm.subject.is_empty()).then(|| alarm.subject.clone());
        let state = match (&alarm.acknowledged, alarm.kind, level(alarm)) {
            (Some((_, by)), ..) => Field::from(format!("acknowledged by {}", by.0)).toned(Tone::Good),
            (None, Kind::TestAlarm, _) => Field::from("not acknowledged").toned(Tone::Warning),
            (None, _, Some(level)) => Field::from(level).toned(Tone::Bad),
            (None, _, None) => Field::from("open").toned(Tone::Warning),
        };
        let since = phrase::slot(alarm.since, session.zone());
        grid.row([alarm.kind.word().into(), maybe(about), phrase::plain(&since).into(), state]);
    }
    grid.print()?;
    Ok(Exit::Done)
}

fn ack(code: &str, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let code = code.trim().to_lowercase();
    let found = session.outbox.acknowledge(context.clock.now(), &session.actor(), &code)?;
    let Some(alarm) = found else {
        return Err(Failure::usage(format!(
            "no open test alarm has the code {code}: a newer one may have taken its place; `forfall alarm list` lists \
             them"
        )));
    };
    context.output.tell(format!("Acknowledged: the test alarm to {} arrived.", alarm.subject));
    Ok(Exit::Done)
}
