//! `forfall event waiting`: the records that wait for their start.

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Tone;
use crate::cli::session::Session;
use crate::cli::table::{Column, Field, Grid, count, maybe};
use crate::cli::{Context, phrase};
use crate::engine::waiting::{self, Waiting};
use crate::policy::rule::Policy;
use crate::time::Instant;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only under these policies
    policies: Vec<String>,
    /// So many keys as examples
    #[arg(long, value_name = "N", default_value_t = 3)]
    sample: usize,
}

#[derive(Serialize)]
struct Answer<'a> {
    waiting: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    policy: &'a str,
    store: &'a str,
    collection: &'a str,
    state: &'static str,
    waits_for: &'a [String],
    /// Absent where the store did not answer.
    records: Option<u64>,
    /// When the first of those that are followed was first seen so; absent where none is followed.
    first_seen: Option<Instant>,
    /// How many are so for longer than `stale-after`.
    stale: u64,
    /// How many are not followed, because there are too many.
    not_followed: u64,
    samples: &'a [String],
    error: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::look(context)?;
    let mut all = Vec::new();
    for policy in session.policies(&args.policies)? {
        if policy.unresolved.is_none() {
            let found = waiting::waiting(&session.engine, policy, args.sample)?;
            all.extend(found.into_iter().filter(says_something).map(|one| (policy, one)));
        }
    }
    if context.output.is_json() {
        context
            .output
            .json(&Answer { waiting: all.iter().map(|(policy, one)| entry(policy, one)).collect() })?;
    } else {
        table(&all, &session, context)?;
    }
    let unanswered = all.iter().any(|(_, one)| one.found.is_err());
    if args.policies.is_empty() {
        session.warn_of_invalid(context);
    }
    Ok(if unanswered { Exit::Incomplete } else { Exit::Done })
}

/// Nothing waits where nothing can, or where nothing does.
fn says_something(one: &Waiting) -> bool {
    one.found.as_ref().map_or(!one.until.is_empty(), |found| found.records > 0)
}

fn entry<'a>(policy: &'a Policy, one: &'a Waiting) -> Entry<'a> {
    let target = &policy.data[one.index].target;
    let found = one.found.as_ref().ok();
    Entry {
        policy: policy.id.as_str(),
        store: target.store.as_str(),
        collection: &target.collection,
        state: one.why.word(),
        waits_for: &one.until,
        records: found.map(|found| found.records),
        first_seen: one.since,
        stale: one.stale,
        not_followed: one.beyond,
        samples: found.map_or(&[], |found| found.samples.as_slice()),
        error: one.found.as_ref().err().map(ToString::to_string),
    }
}

fn table(all: &[(&Policy, Waiting)], session: &Session, context: &Context) -> Result<(), Failure> {
    if all.is_empty() {
        context.output.tell("No record waits for its start.");
        return Ok(());
    }
    let columns = [
        Column::Text("policy"),
        Column::Flexible("collection"),
        Column::Flexible("waits for"),
        Column::Number("records"),
        Column::Text("first seen"),
        Column::Number("stale"),
    ];
    let mut grid = Grid::new(context.output, &columns);
    for (policy, one) in all {
        let target = &policy.data[one.index].target;
        let until = if one.until.is_empty() { one.why.word().to_owned() } else { one.until.join(", ") };
        let records = match &one.found {
            Ok(found) => count(found.records),
            Err(_) => Field::from("?").toned(Tone::Bad),
        };
        grid.row([
            policy.id.as_str().into(),
            format!("{} in {}", target.collection, target.store).into(),
            until.into(),
            records,
            maybe(one.since.map(|since| phrase::day(since, session.zone()))),
            count(one.stale).loud(Tone::Warning),
        ]);
    }
    grid.print()?;
    for (policy, one) in all {
        let target = &policy.data[one.index].target;
        let place = phrase::safe(&format!("{} in {}", target.collection, target.store));
        match &one.found {
            Err(error) => context.output.warn(format!("{}: {place}: {error}", policy.id)),
            Ok(found) if found.samples.is_empty() => {}
            Ok(found) => {
                let keys: Vec<_> = found.samples.iter().map(|key| phrase::safe(key)).collect();
                let keys = keys.join(", ");
                context.output.prose(&format!("{}: {place}, for example: {keys}", policy.id), 2)?;
            }
        }
        if one.beyond > 0 {
            context.output.warn(format!(
                "{}: {place}: {} are so many that it is not followed since when they are {}",
                policy.id,
                phrase::records(one.beyond),
                one.why.word()
            ));
        }
    }
    Ok(())
}
