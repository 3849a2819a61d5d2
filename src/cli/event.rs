//! `forfall event`: what starts a clock, or decides a class, and stands in no store.

mod add;
mod effect;
mod file;
mod names;
mod time;
mod waiting;
mod withdraw;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::session::Session;
use super::table::{Column, Grid};
use super::{Context, phrase};
use crate::state::api::{EventRecord, Withdrawn};
use crate::time::{Instant, Zone};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Record that something happened; the same event and key again corrects its time
    Add(add::Args),
    /// Take back what did not happen after all; it counts no longer
    Withdraw(withdraw::Args),
    /// List the records that wait for their start: where, for what, how many, since when
    Waiting(waiting::Args),
    /// List the recorded events
    List {
        /// Only events of this name
        name: Option<String>,
        /// Those too that were withdrawn
        #[arg(long)]
        all: bool,
    },
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
    withdrawn: Option<String>,
    reason: Option<String>,
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Add(args) => add::run(args, context),
        Command::Withdraw(args) => withdraw::run(args, context),
        Command::Waiting(args) => waiting::run(args, context),
        Command::List { name, all } => list(name.as_deref(), *all, context),
    }
}

fn list(name: Option<&str>, all: bool, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    let recorded = session.state.list_events(name)?.into_iter().map(|event| (event, None));
    let withdrawn = if all { session.state.withdrawn_events(name)? } else { Vec::new() };
    let withdrawn = withdrawn.into_iter().map(|Withdrawn { event, at, reason }| (event, Some((at, reason))));
    let mut events: Vec<(EventRecord, Option<(Instant, String)>)> = recorded.chain(withdrawn).collect();
    // What was withdrawn stands before what was recorded after it.
    events.sort_by(|(one, taken), (two, also)| {
        let since =
            |taken: &Option<(Instant, String)>| taken.as_ref().map_or(Instant::MAX_UTC, |(at, _)| *at);
        (&one.name, &one.key, since(taken)).cmp(&(&two.name, &two.key, since(also)))
    });
    if context.output.is_json() {
        let json = |(event, taken): (EventRecord, Option<(Instant, String)>)| {
            let (withdrawn, reason) = taken.map(|(at, reason)| (phrase::utc(at), reason)).unzip();
            Event { name: event.name, key: event.key, at: phrase::utc(event.at), withdrawn, reason }
        };
        context.output.json(&Events { events: events.into_iter().map(json).collect() })?;
        return Ok(Exit::Done);
    }
    if events.is_empty() {
        context.output.tell("No events are recorded.");
        return Ok(Exit::Done);
    }
    let mut columns = vec![Column::Text("event"), Column::Flexible("key"), Column::Text("when")];
    if all {
        columns.push(Column::Flexible("withdrawn"));
    }
    let mut grid = Grid::new(context.output, &columns);
    for (event, taken) in events {
        let when = phrase::local(event.at, session.zone());
        let shown = [event.name.into(), event.key.into(), when.into()];
        if all {
            let taken = taken.map(|(at, reason)| format!("{} ({reason})", phrase::local(at, session.zone())));
            let [name, key, when] = shown;
            grid.row([name, key, when, super::table::maybe(taken)]);
        } else {
            grid.row(shown);
        }
    }
    grid.print()?;
    Ok(Exit::Done)
}

/// A time as an operator types it: a day means its first instant in the zone.
pub(super) fn read_time(text: &str, zone: Zone) -> Result<Instant, Failure> {
    time::read(text, zone).map_err(Failure::usage)
}
