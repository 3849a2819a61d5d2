//! `forfall event`: what starts a clock, or decides a class, and stands in no store.

mod names;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::session::Session;
use super::table::{Column, Grid};
use super::{Context, actor, calc, phrase};
use crate::state::api::EventRecord;
use crate::time::{StartValue, Zone};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Record that something happened; the same event and key again corrects its time
    Add(Add),
    /// List the recorded events
    List {
        /// Only events of this name
        name: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The event as policies name it, such as recruitment-closed
    name: String,
    /// The key that it happened to: the value of the policy's `start.by`, or the record's key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: String,
    /// When it happened; now, if not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Record it although no policy asks for such an event yet
    #[arg(long)]
    unused: bool,
}

#[derive(Serialize)]
struct Events {
    events: Vec<Event>,
}

#[derive(Serialize)]
struct Event {
    name: String,
    key: String,
    at: String,
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Add(add) => record(add, context),
        Command::List { name } => list(name.as_deref(), context),
    }
}

fn record(add: &Add, context: &Context) -> Result<Exit, Failure> {
    names::check(&add.name)?;
    if add.key.is_empty() {
        return Err(Failure::usage("an event needs the key that it happened to"));
    }
    let session = Session::open(context)?;
    if !add.unused {
        names::Asked::of(&session)?.includes(&add.name)?;
    }
    let now = context.clock.now();
    let at = match &add.at {
        None => now,
        Some(text) => read_time(text, session.zone())?,
    };
    if at > now + crate::model::start::AHEAD {
        return Err(Failure::usage(format!(
            "{} is still to come: record an event when it has happened",
            phrase::local(at, session.zone())
        )));
    }
    let event = EventRecord { name: add.name.clone(), key: add.key.clone(), at };
    session.state.add_event(now, &actor::present(), &event)?;
    context.output.tell(format!(
        "Recorded: {} for {} at {}.",
        event.name,
        phrase::safe(&event.key),
        phrase::local(at, session.zone())
    ));
    Ok(Exit::Done)
}

fn list(name: Option<&str>, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    let events = session.state.list_events(name)?;
    if context.output.is_json() {
        let events = events
            .into_iter()
            .map(|event| Event { name: event.name, key: event.key, at: phrase::utc(event.at) })
            .collect();
        context.output.json(&Events { events })?;
        return Ok(Exit::Done);
    }
    if events.is_empty() {
        context.output.tell("No events are recorded.");
        return Ok(Exit::Done);
    }
    let mut grid =
        Grid::new(context.output, &[Column::Text("event"), Column::Flexible("key"), Column::Text("when")]);
    for event in events {
        grid.row([event.name.into(), event.key.into(), phrase::local(event.at, session.zone()).into()]);
    }
    grid.print()?;
    Ok(Exit::Done)
}

/// A time as an operator types it: a day means its first instant in the zone.
pub(super) fn read_time(text: &str, zone: Zone) -> Result<crate::time::Instant, Failure> {
    match calc::read_start(text, zone).map_err(Failure::usage)? {
        StartValue::Instant(at) => Ok(at),
        StartValue::Date(day) => zone
            .first_instant_of(day)
            .ok_or_else(|| Failure::usage(format!("{day} is behind the end of the calendar"))),
    }
}
