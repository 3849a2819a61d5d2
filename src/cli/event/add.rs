//! `forfall event add`: one event, or a file of them.

use std::path::PathBuf;

use serde::Serialize;

use super::effect::Effect;
use super::names::{self, Asked};
use super::{effect, file, time};
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::engine::nowhere;
use crate::engine::redate::Change;
use crate::state::api::{Earlier, EventRecord};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The event as policies name it, such as recruitment-closed
    #[arg(required_unless_present = "file")]
    name: Option<String>,
    /// The key that it happened to: the value of the policy's `start.by`, or the record's key
    #[arg(
        long,
        value_name = "KEY",
        allow_hyphen_values = true,
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    key: Option<String>,
    /// Many events, all or none: a CSV file with the columns `key`, `at` and, without a name here, `event`
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// When it happened; now, if not given. For a file that has no column `at`
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Record it although no policy asks for such an event yet
    #[arg(long)]
    unused: bool,
    /// Do not count what becomes of the records: quicker where stores are large
    #[arg(long)]
    no_count: bool,
}

#[derive(Serialize)]
struct Answer {
    /// Recorded for the first time.
    recorded: usize,
    /// Recorded before with another time.
    changed: usize,
    /// Recorded before just so.
    unchanged: usize,
    /// What becomes of the records.
    effects: Vec<Effect>,
    /// The keys that no record has now, as far as that was looked up.
    nowhere: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if let Some(name) = &args.name {
        names::check(name)?;
    }
    if args.key.as_ref().is_some_and(String::is_empty) {
        return Err(Failure::usage("an event needs the key that it happened to"));
    }
    let session = Session::open(context)?;
    let events = events(args, &session, context)?;
    let before = session.state.add_events(context.clock.now(), &session.actor(), &events)?;
    let mut answer = Answer::of(&events, &before);
    match (args.key.is_some(), events.as_slice()) {
        (true, [event]) => context.output.tell(one(event, before.first().copied().flatten(), &session)),
        _ => context.output.tell(answer.sentence()),
    }
    let changes: Vec<Change> =
        events.iter().zip(before).filter_map(|(event, before)| Change::recorded(event, before)).collect();
    answer.effects = effect::tell(&session, &changes, !args.no_count, context)?;
    if !args.no_count {
        let keys = nowhere::nowhere(&session.engine, &session.in_force()?, &changes)?;
        answer.nowhere = keys.into_iter().map(str::to_owned).collect();
    }
    for key in &answer.nowhere {
        context.output.warn(format!(
            "no record has {} now. The event is recorded, and counts for a record that comes later; if the key was a \
             mistake, `forfall event withdraw` takes it back",
            phrase::safe(key)
        ));
    }
    if context.output.is_json() {
        context.output.json(&answer)?;
    }
    Ok(Exit::Done)
}

/// What is to be recorded.
fn events(args: &Args, session: &Session, context: &Context) -> Result<Vec<EventRecord>, Failure> {
    let (now, zone) = (context.clock.now(), session.zone());
    let asked = if args.unused { None } else { Some(Asked::of(session)?) };
    if let (Some(asked), Some(name)) = (&asked, &args.name) {
        asked.includes(name)?;
    }
    let read = |text: &String| time::read(text, zone).and_then(|at| time::past(at, now, zone));
    let at = args.at.as_ref().map(read).transpose().map_err(Failure::usage)?;
    let name = args.name.as_deref();
    if let Some(path) = &args.file {
        return file::read(path, &file::Rules { name, at, asked: asked.as_ref(), zone, now });
    }
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Ok(vec![EventRecord { name: text(name), key: text(args.key.as_deref()), at: at.unwrap_or(now) }])
}

fn one(event: &EventRecord, before: Option<Earlier>, session: &Session) -> String {
    let at = |at| phrase::local(at, session.zone());
    let what = format!("{} for {}", event.name, phrase::safe(&event.key));
    match before {
        None => format!("Recorded: {what} at {}.", at(event.at)),
        Some(before) if before.at == event.at => {
            format!("Recorded already: {what} at {}. Nothing has changed.", at(event.at))
        }
        Some(before) => format!("Changed: {what} from {} to {}.", at(before.at), at(event.at)),
    }
}

impl Answer {
    fn of(events: &[EventRecord], before: &[Option<Earlier>]) -> Self {
        let mut answer =
            Self { recorded: 0, changed: 0, unchanged: 0, effects: Vec::new(), nowhere: Vec::new() };
        for (event, before) in events.iter().zip(before) {
            match before {
                None => answer.recorded += 1,
                Some(before) if before.at == event.at => answer.unchanged += 1,
                Some(_) => answer.changed += 1,
            }
        }
        answer
    }

    fn sentence(&self) -> String {
        let events = |count: usize| phrase::counted(count as u64, "event", "events");
        let mut parts = vec![format!("Recorded: {}", events(self.recorded))];
        if self.changed > 0 {
            parts.push(format!("given another time: {}", events(self.changed)));
        }
        if self.unchanged > 0 {
            parts.push(format!("recorded before just so: {}", events(self.unchanged)));
        }
        format!("{}.", parts.join("; "))
    }
}
