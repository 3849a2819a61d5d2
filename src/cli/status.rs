//! `forfall status`: how things stand, what is overdue first.

use std::borrow::Cow;
use std::cmp::Reverse;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::table::{Column, Field, Grid, count, maybe};
use super::{Context, orphans, pause, phrase};
use crate::engine::coverage;
use crate::engine::status::{self, Idle, Standing, UNREACHABLE};
use crate::model::ids::StoreName;
use crate::model::run::RunState;
use crate::notice::decide;
use crate::policy::rule::Policy;
use crate::state::outbox::Alarm;
use crate::time::Instant;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policies; all of them, if none is named
    policies: Vec<String>,
}

#[derive(Serialize)]
struct Status<'a> {
    policies: Vec<Entry<'a>>,
    coverage: Vec<GapEntry<'a>>,
    unacknowledged_test_alarms: Vec<&'a str>,
    undelivered_notices: u64,
}

#[derive(Serialize)]
struct Entry<'a> {
    policy: &'a str,
    state: &'a str,
    due: u64,
    overdue: u64,
    oldest_overdue_seconds: Option<i64>,
    undetermined: u64,
    waiting: u64,
    held: u64,
    last_run: Option<Instant>,
    next_slot: Option<Instant>,
    reason: Option<Cow<'a, str>>,
    breach: bool,
    deadline: Option<Instant>,
    needed: u64,
    escalated: u64,
    stale: u64,
    stale_since: Option<Instant>,
    last_complete: Option<Instant>,
    next_due: Option<Instant>,
}

/// What no single policy is to blame for.
struct Beside {
    gaps: Vec<(StoreName, u64)>,
    unseen: Vec<(StoreName, &'static str)>,
    unacknowledged: Vec<Alarm>,
    undelivered: u64,
}

#[derive(Serialize)]
struct GapEntry<'a> {
    store: &'a str,
    gaps: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::look(context)?;
    let now = context.clock.now();
    let mut standings = Vec::new();
    for policy in session.policies(&args.policies)? {
        standings.push((policy, status::standing(&session.engine, policy, now)?));
    }
    standings.sort_by_key(|(policy, standing)| {
        (
            Reverse(standing.breach),
            Reverse(standing.oldest_overdue_seconds),
            is_fine(&standing.state),
            policy.id.clone(),
        )
    });
    let beside = Beside::of(&session)?;
    if context.output.is_json() {
        let policies = standings.iter().map(|(policy, standing)| entry(policy, standing)).collect();
        let coverage =
            beside.gaps.iter().map(|(store, gaps)| GapEntry { store: store.as_str(), gaps: *gaps });
        context.output.json(&Status {
            policies,
            coverage: coverage.collect(),
            unacknowledged_test_alarms: beside.unacknowledged.iter().map(|a| a.subject.as_str()).collect(),
            undelivered_notices: beside.undelivered,
        })?;
    } else {
        print(&standings, context)?;
        beside.print(context)?;
        for scope in session.state.pauses()? {
            context.output.line(format!("Paused: {}.", pause::words(&scope)))?;
        }
    }
    session.warn_of_invalid(context);
    for warning in orphans::warnings(&session)? {
        context.output.warn(warning);
    }
    Ok(if session.is_valid() { Exit::Done } else { Exit::Invalid })
}

fn is_fine(state: &str) -> bool {
    matches!(state, "ok" | "unresolved")
}

fn entry<'a>(policy: &'a Policy, standing: &'a Standing) -> Entry<'a> {
    Entry {
        policy: policy.id.as_str(),
        state: &standing.state,
        due: standing.due,
        overdue: standing.overdue,
        oldest_overdue_seconds: standing.oldest_overdue_seconds,
        undetermined: standing.undetermined,
        waiting: standing.waiting,
        held: standing.held,
        last_run: standing.last_run.as_ref().map(|run| run.ended.unwrap_or(run.began)),
        next_slot: standing.next_slot,
        reason: standing
            .reason
            .as_deref()
            .map(Cow::from)
            .or_else(|| standing.idle().map(|idle| idle.to_string().into())),
        breach: standing.breach,
        deadline: standing.lateness.map(|late| late.deadline),
        needed: standing.needed,
        escalated: standing.escalated,
        stale: standing.stale.records(),
        stale_since: standing.stale.since,
        last_complete: standing.last_complete,
        next_due: standing.next_due,
    }
}

impl Beside {
    fn of(session: &Session) -> Result<Self, Failure> {
        let found = session.coverage();
        let unseen = found.iter().filter_map(|one| {
            let refused = one.parts.as_ref().err()?.is_an_answer();
            let why = if refused { "it refuses to list what it has" } else { "it does not answer" };
            Some((one.store.clone(), why))
        });
        let book = session.outbox.book()?;
        Ok(Self {
            gaps: coverage::gaps(&found),
            unseen: unseen.collect(),
            unacknowledged: decide::unacknowledged(&book).cloned().collect(),
            undelivered: session.outbox.undelivered()?,
        })
    }

    fn print(&self, context: &Context) -> Result<(), Failure> {
        let output = context.output;
        for (store, gaps) in &self.gaps {
            let gaps = phrase::counted(*gaps, "collection", "collections");
            output.prose(&format!("No policy covers {gaps} of store {store}: `forfall coverage`."), 2)?;
        }
        for (store, why) in &self.unseen {
            output.prose(&format!("Whether policies cover store {store} cannot be told: {why}."), 2)?;
        }
        for alarm in &self.unacknowledged {
            let weeks = if alarm.level > 1 { format!(", {} in a row", alarm.level) } else { String::new() };
            output
                .prose(&format!("Nobody has acknowledged the test alarm to {}{weeks}.", alarm.subject), 2)?;
        }
        if self.undelivered > 0 {
            let letters = phrase::counted(self.undelivered, "notice is", "notices are");
            output.prose(&format!("{letters} not delivered: `forfall notify list`."), 2)?;
        }
        Ok(())
    }
}

/// A headline, then two lines for each policy: the counts, and what they mean.
fn print(standings: &[(&Policy, Standing)], context: &Context) -> Result<(), Failure> {
    let output = context.output;
    if standings.is_empty() {
        output.say("There are no policies.");
        return Ok(());
    }
    let (tone, headline) = headline(standings);
    output.line(output.paint(tone, &phrase::wrap(&headline, output.width, 2)))?;
    let columns = [
        Column::Flexible("policy"),
        Column::Text("state"),
        Column::Number("due"),
        Column::Number("overdue"),
        Column::Number("undetermined"),
        Column::Number("waiting"),
        Column::Number("held"),
    ];
    let mut grid = Grid::new(output, &columns);
    for (policy, standing) in standings {
        // A zero would claim that somebody looked.
        let unseen = standing.unseen && standing.records == 0;
        let seen = |number| if unseen { maybe(None) } else { count(number) };
        grid.row([
            policy.id.as_str().into(),
            Field::from(standing.state.as_str()).toned(state_tone(&standing.state)),
            seen(standing.due),
            seen(standing.overdue).loud(Tone::Bad),
            seen(standing.undetermined).loud(Tone::Warning),
            seen(standing.waiting),
            seen(standing.held),
        ]);
    }
    grid.print()?;
    output.line("")?;
    for (policy, standing) in standings {
        output.prose(&format!("{}: {}", policy.id, phrase::safe(&details(policy, standing))), 2)?;
    }
    Ok(())
}

fn state_tone(state: &str) -> Tone {
    match state {
        "ok" => Tone::Good,
        "unresolved" | "not approved" | "observed" | "paused" | "stale" | "undetermined" => Tone::Warning,
        _ => Tone::Bad,
    }
}

pub(super) fn headline(standings: &[(&Policy, Standing)]) -> (Tone, String) {
    let breaches = standings.iter().filter(|(_, standing)| standing.breach).count();
    let overdue: Vec<_> = standings.iter().filter(|(_, standing)| standing.overdue > 0).collect();
    if let Some(oldest) = overdue.iter().filter_map(|(_, standing)| standing.oldest_overdue_seconds).max() {
        let number: u64 = overdue.iter().map(|(_, standing)| standing.overdue).sum();
        let past = if breaches > 0 { " Some are past the deadline that their policy promises." } else { "" };
        let text = format!(
            "Overdue: {} under {}, the oldest for {}.{past}",
            phrase::records(number),
            phrase::counted(overdue.len() as u64, "policy", "policies"),
            phrase::span(oldest)
        );
        return (Tone::Bad, text);
    }
    let unseen: Vec<_> = standings.iter().filter(|(_, standing)| standing.unseen).collect();
    if !unseen.is_empty() {
        let silent = unseen.iter().filter(|(_, standing)| standing.state == UNREACHABLE).count();
        let why = match silent {
            0 => "a store answers, but cannot be used",
            silent if silent == unseen.len() => "a store does not answer",
            _ => "stores do not answer or cannot be used",
        };
        let policies = phrase::counted(unseen.len() as u64, "policy", "policies");
        return (Tone::Bad, format!("What is overdue cannot be told for {policies}: {why}."));
    }
    // A waiting period needs nobody: it is there for those who want to object.
    let needs = |standing: &Standing| !is_fine(&standing.state) && standing.state != "observed";
    let unsettled = standings.iter().filter(|(_, standing)| needs(standing)).count();
    if unsettled > 0 {
        let text = format!(
            "Nothing is overdue; {} somebody.",
            phrase::counted(unsettled as u64, "policy needs", "policies need")
        );
        return (Tone::Warning, text);
    }
    (Tone::Good, "Nothing is overdue.".to_owned())
}

fn details(policy: &Policy, standing: &Standing) -> String {
    let mut parts = Vec::new();
    let idle = standing.idle();
    parts.extend(standing.reason.clone().or_else(|| idle.map(|idle| idle.to_string())));
    if standing.due == 0
        && let Some(next) = standing.next_due
    {
        parts.push(format!("the next falls due after {}", phrase::slot(next, policy.zone)));
    }
    if standing.escalated > 0 && !matches!(idle, Some(Idle::Escalated(_))) {
        parts.push(format!(
            "{} for a person's decision",
            phrase::counted(standing.escalated, "record waits", "records wait")
        ));
    }
    if standing.needed > 0 && !matches!(idle, Some(Idle::Needed(_))) {
        parts.push(format!("{} needed by kept records", phrase::number(standing.needed)));
    }
    match &standing.last_run {
        Some(run) => {
            let state = run.note.state.map_or_else(|| "not ended".to_owned(), |state| state.to_string());
            parts.push(format!(
                "last run {} {state}",
                phrase::local(run.ended.unwrap_or(run.began), policy.zone)
            ));
        }
        None => parts.push("never run".to_owned()),
    }
    let complete = standing.last_run.as_ref().is_some_and(|run| run.note.state == Some(RunState::Complete));
    if let Some(at) = standing.last_complete.filter(|_| !complete) {
        parts.push(format!("last complete {}", phrase::local(at, policy.zone)));
    }
    if let Some(late) = standing.lateness.filter(|_| !standing.breach) {
        parts.push(format!("deadline {}", phrase::local(late.deadline, policy.zone)));
    }
    if let Some(slot) = standing.next_slot
        && policy.unresolved.is_none()
    {
        parts.push(format!("next slot {}", phrase::slot(slot, policy.zone)));
    }
    parts.join("; ")
}
